"""What the S3 contract tests stand on: a bare store on a bucket of any server, and what its probe saw."""

import asyncio
import base64
import contextlib
import secrets

import pytest

from ferryline.clock import SystemClock
from ferryline.model.key import EVERYTHING
from ferryline.model.place import S3Access, S3Location
from ferryline.storage import probe, s3
from ferryline.storage.capabilities import Capabilities, Support

__all__ = ["EVERYTHING", "bucket_name", "made", "opened", "probed", "stores"]

FOLDER = b"some folder/"
HONOURED, IGNORED, UNSUPPORTED, UNKNOWN = (
    Support.HONOURED,
    Support.IGNORED,
    Support.UNSUPPORTED,
    Support.UNKNOWN,
)


CUSTOMER_KEY = base64.b64encode(b"an obviously fake customer key..").decode()


async def opened(server, bucket: str, prefix: bytes = FOLDER, customer_key: str | None = None, **settings):
    """A bare store on a folder of `bucket`, perhaps under a customer key; the caller closes it."""
    access = S3Access(
        region="us-east-1",
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        sse_customer_key=customer_key,
    )
    return await s3.open_store(
        S3Location(bucket, prefix, access),
        resolve=lambda text: text,
        trace=None,
        clock=SystemClock(),
        settings=s3.S3Settings(**settings),
    )


@contextlib.asynccontextmanager
async def stores(server, bucket: str, known: Capabilities, customer_key: str | None = None):
    """A function that opens stores on the bucket's folder, each closed on the way out."""
    async with contextlib.AsyncExitStack() as closing:

        async def another():
            store = await opened(server, bucket, customer_key=customer_key)
            closing.push_async_callback(store.close)
            store.learn(known)
            return store

        yield another


def probed(server, bucket: str, customer_key: str | None = None) -> Capabilities:
    """What the probe of a destination says of this endpoint."""

    async def ask() -> Capabilities:
        store = await opened(server, bucket, customer_key=customer_key)
        try:
            return await probe.probe_destination(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def bucket_name() -> str:
    return f"contract-{secrets.token_hex(5)}"


def made(peer) -> str:
    """A new bucket on a peer's server."""
    name = bucket_name()
    peer.client().create_bucket(Bucket=name)
    return name


def skip_what_it_cannot(request, cannot: dict[str, str]) -> None:
    """Skip a contract test, by name and reason, that the server under it was seen not to keep."""
    why = cannot.get(request.node.name) or cannot.get(request.node.originalname)
    if why is not None:
        pytest.skip(why)
