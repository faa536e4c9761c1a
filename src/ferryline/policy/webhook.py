"""Webhook URLs: which ones a policy may name, and which addresses one may lead to.

The field tables check what is written, `pipeline` what a reference turned out to be and where the name
led. Whoever may write a policy must not be able to make its runner talk to a cloud's metadata service,
or to send a run's document in clear over a network. It resolves no name.
"""

import ipaddress
from urllib.parse import urlsplit

from ferryline.policy import endpoint

REMEDY = "write https://host/path, or http://127.0.0.1:PORT/path for something on this machine"


def check(url: str) -> str:
    """The URL. Raises ValueError("message|remedy"), which never shows the URL: its path may be a secret."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(f"a webhook's URL is printable ASCII without spaces or backslashes|{REMEDY}")
    try:
        split = urlsplit(url)
        endpoint.check(f"{split.scheme}://{split.netloc}")
    except ValueError as problem:
        message, _, remedy = str(problem).partition("|")
        raise ValueError(
            f"{message.replace('endpoint', 'webhook')}|{remedy.replace('endpoint', 'webhook')}"
        ) from None
    if split.fragment:
        raise ValueError(f"a webhook's URL has no fragment|{REMEDY}")
    if split.scheme == "http" and not is_here(split.hostname or ""):
        raise ValueError(f"http to another machine would show the run's document to the network|{REMEDY}")
    return url


def written(url: str) -> str:
    """The same for a URL that stands in the policy file itself: without a query, which may hold a token."""
    if "?" in url:
        raise ValueError(
            "a webhook's URL with a query, which may hold a token|keep it outside the file and write "
            "${env:NAME} or ${file:PATH}"
        )
    return check(url)


def is_here(host: str) -> bool:
    """Whether a host name or address is this machine's loopback."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_called(address: str, scheme: str) -> bool:
    """Whether the address that a webhook's name led to may be talked to by that scheme."""
    try:
        plain = address.partition("%")[0]
        endpoint.check(f"https://[{plain}]" if ":" in plain else f"https://{plain}")
    except ValueError:
        return False
    return scheme == "https" or is_here(plain)
