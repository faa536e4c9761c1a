"""The webhook of `on_failure`: one POST of a run's document, and at worst a warning.

Whoever runs datasets calls `tell` when a run ended in ERROR. The call is bounded in time, follows no
redirect, goes to no link-local address whatever name led there, and changes nothing about the run: a
webhook that does not answer must not make a failed run look worse, or a good one fail.
"""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ferryline import errors
from ferryline.model import event
from ferryline.policy import webhook
from ferryline.policy.values import OnFailure

_ADVICE = "the run itself is not affected; see to the address in on_failure, and who answers there"


class _Unreachable(Exception):
    """Why the webhook got nothing: one line that holds no URL."""


def tell(
    on_failure: OnFailure, document: Mapping[str, Any], resolve: Callable[[str], str]
) -> event.Warned | None:
    """POST `document` as JSON. None when it was taken (2xx); else a warning, which names the host alone.

    `resolve` turns the reference in the policy into the URL. Never raises for what the network does.
    """
    try:
        url = webhook.check(resolve(on_failure.url))
    except errors.BadLocation as problem:
        return event.Warned(f"the webhook of on_failure was not called: {problem.message}", problem.advice)
    except ValueError as problem:
        message, _, remedy = str(problem).partition("|")
        return event.Warned(f"the webhook of on_failure was not called: {message}", remedy)
    split = urlsplit(url)
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    ends: list[str] = []

    def work() -> None:
        try:
            ends.append(_posted(split, body, on_failure.timeout_seconds))
        except _Unreachable as problem:
            ends.append(str(problem))
        except (OSError, http.client.HTTPException, ValueError) as problem:
            # Only the kind of what went wrong: texts of errors may quote what was sent or answered.
            ends.append(f"it could not be reached ({type(problem).__name__})")

    # A server can spin an answer out for ever, a byte at a time; the thread ends with the process.
    thread = threading.Thread(target=work, daemon=True, name="on-failure")
    thread.start()
    thread.join(on_failure.timeout_seconds)
    said = ends[0] if ends else f"it did not answer within {on_failure.timeout_seconds:g} s"
    return event.Warned(f"the webhook at {split.hostname} was not told: {said}", _ADVICE) if said else None


def _posted(split: SplitResult, body: bytes, timeout_seconds: float) -> str:
    """Send it; an empty text when it was taken, else why not. Raises OSError, HTTPException, _Unreachable."""
    host = split.hostname or ""
    port = split.port or (443 if split.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    plain = _connected(host, port, split.scheme, timeout_seconds)
    try:
        if split.scheme == "https":
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        connection.sock = plain
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
        headers = {"Content-Type": "application/json", "User-Agent": "ferryline", "Connection": "close"}
        connection.request("POST", target, body, {"Host": split.netloc, **headers})
        status = connection.getresponse().status
    finally:
        plain.close()
        connection.close()
    return "" if 200 <= status < 300 else f"it answered {status}"


def _connected(host: str, port: int, scheme: str, timeout_seconds: float) -> socket.socket:
    """A connection to an address that may be called. The address is checked and then used, not looked up
    twice: a name that leads elsewhere the second time leads nowhere."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not all(webhook.may_be_called(one, scheme) for one in addresses):
        raise _Unreachable("its name leads to an address that a webhook may not have")
    failure: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout_seconds)
        except OSError as problem:
            failure = problem
    raise failure or OSError("no address")
