"""Customer keys (SSE-C): the headers that carry one, and what refusals have to do with it.

`opening` makes the headers, the client sends them with every verb that S3 asks them for, `translate` asks
here what a refusal means. The key lives in those headers only; no message, event or repr holds it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

from ferryline import errors
from ferryline.model.place import S3Location, keeps_secrets
from ferryline.storage.s3 import sign
from ferryline.storage.s3.refusal import Asked, Refusal

OPERATIONS = frozenset(
    {
        "GetObject",
        "HeadObject",
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "ListParts",
        "CompleteMultipartUpload",
    }
)
"""Those that S3 asks a customer key for; the last two where the upload has a checksum algorithm."""

READS = frozenset({"GetObject", "HeadObject"})

KEY_BYTES = 32
KIND = "customer-key"

_START = b"x-amz-server-side-encryption-customer-"
_ABOUT_KEYS = re.compile(
    r"server.?side.?encryption|customer.?(provided|key)|encryption parameters", re.IGNORECASE
)


def headers_of(location: S3Location, resolve: Callable[[str], str]) -> sign.Headers:
    """The headers of a location's key; none where it has none. Raises BadLocation, which never shows it."""
    text = location.access.sse_customer_key
    if text is None:
        return []
    if not keeps_secrets(location.access.endpoint_url):
        raise errors.BadLocation(
            f"{location.url} has an sse_customer_key, and its endpoint is reached by http",
            advice="give an https endpoint_url: the key goes with every request",
            place=location.url,
        )
    secret = resolve(text).strip()
    try:
        key = base64.b64decode(secret, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise errors.BadLocation(
            f"the sse_customer_key of {location.name or location.url} is not the base64 of {KEY_BYTES} bytes",
            advice="keep it as base64 where the reference leads: openssl rand -base64 32 makes a new one",
            place=location.url,
        )
    return [
        (_START + b"algorithm", b"AES256"),
        (_START + b"key", base64.b64encode(key)),
        (_START + b"key-md5", base64.b64encode(hashlib.md5(key).digest())),
    ]


def may_be_needless(operation: str, refusal: Refusal) -> bool:
    """Whether a 400 to a read with the key may mean that the object was written without one."""
    if operation not in READS:
        return False
    said_nothing = not refusal.message and (not refusal.code or refusal.code == "InvalidRequest")
    return _is_about_keys(refusal) or (said_nothing and (operation == "HeadObject" or bool(refusal.code)))


def refused(asked: Asked, refusal: Refusal) -> errors.FerrylineError | None:
    """What a refusal means where it is about a customer key, else None."""
    if asked.operation not in READS or asked.key is None:
        return None
    said = ": ".join(part for part in (refusal.code, refusal.message) if part)
    about_keys = _is_about_keys(refusal)
    silent = refusal.status == 400 and not refusal.code and asked.operation == "HeadObject"
    if about_keys:
        what = "the object is encrypted under a customer key (SSE-C)"
    elif silent:
        # HEAD has no body to say why in.
        what = "this is how S3 answers for an object under a customer key (SSE-C)"
    elif refusal.status == 403 and asked.customer_key:
        what = "the object may be encrypted under another customer key (SSE-C), or"
        return errors.AccessRefused(
            f"{asked.what} was answered 403{f' ({said})' if said else ''}: {what} may not be read",
            advice="check sse_customer_key of the location, and allow s3:GetObject for this key",
            key=asked.key,
            place=asked.place,
        )
    else:
        return None
    given = "not with the location's" if asked.customer_key else "and the location gives none"
    return errors.ObjectFailed(
        f"{asked.what} was answered 400{f' ({said})' if said else ''}: {what}, {given}",
        advice='give its key as a reference: sse_customer_key: "${env:NAME}" of the location; or exclude it',
        key=asked.key,
        place=asked.place,
        kind=KIND,
    )


def _is_about_keys(refusal: Refusal) -> bool:
    return refusal.status == 400 and _ABOUT_KEYS.search(refusal.message) is not None
