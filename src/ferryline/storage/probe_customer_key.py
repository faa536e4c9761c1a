"""Whether a bucket takes writes under a location's customer key, tried before the first real one.

`pipeline` asks for destinations that have such a key. Buckets made since April 2026 refuse them unless
somebody has allowed it, and a run would fail at every object with the same words.
"""

import contextlib
import secrets
from collections.abc import Awaitable, Callable

from ferryline import errors
from ferryline.storage import probe
from ferryline.storage.store import ALWAYS, Store, Writing

_BODY = b"ferryline looks whether this bucket takes a customer key\n"
_ALLOW = (
    "if the bucket blocks SSE-C, as those made since April 2026 do, allow it: PutBucketEncryption with "
    "BlockedEncryptionTypes EncryptionType NONE (it needs s3:PutEncryptionConfiguration)"
)


async def admitted(store: Store) -> None:
    """Write a few bytes under `.ferryline/probe/` and remove them, and what a dead run left there.

    Raises what stops a run where they are refused: CredentialsRefused for 403, EndpointFailed for everything
    else that is the endpoint's word.
    """
    with contextlib.suppress(errors.ObjectFailed, errors.RetryLater):
        await probe.remove_leftovers(store)
    key = probe.FOLDER + secrets.token_hex(8).encode() + b"-customer-key"
    try:
        written = await store.write(key, _BODY, Writing())
    except errors.AccessRefused as refusal:
        raise errors.CredentialsRefused(
            f"{store.place} refused a write under its customer key (SSE-C): {refusal.message}",
            advice=f"{_ALLOW}; where it is allowed: {refusal.advice}; or remove sse_customer_key",
            place=store.place,
            kind="sse-c-refused",
        ) from refusal
    except errors.ObjectFailed as refusal:
        raise errors.EndpointFailed(
            f"{store.place} takes no writes under a customer key (SSE-C): {refusal.message}",
            advice="remove sse_customer_key, or choose an endpoint that offers SSE-C",
            place=store.place,
            kind="sse-c-refused",
        ) from refusal
    with contextlib.suppress(errors.ObjectFailed):
        await _removed(store, key, written.version_id)


async def _removed(store: Store, key: bytes, version_id: str | None) -> None:
    erase: Callable[[bytes, str], Awaitable[None]] | None = getattr(store, "delete_version", None)
    if version_id is not None and erase is not None:
        await erase(key, version_id)
    else:
        await store.delete(key, ALWAYS)
