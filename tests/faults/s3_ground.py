"""Ground for the S3 faults: a dressed store on the strict server, in real or virtual time."""

import contextlib
import random

from ferryline.clock import SystemClock
from ferryline.model.entry import Token
from ferryline.model.place import S3Access, S3Location
from ferryline.storage import capabilities, s3
from ferryline.storage.store import Pin
from ferryline.storage.wrap.limit import Windows
from ferryline.storage.wrap.retry import Patience
from ferryline.storage.wrap.stack import Harness, dress

MIB = 1024 * 1024
HASTY = Patience(4, 0.001, 0.01, 900.0)


class FastClock(SystemClock):
    """The machine's wall, and sleeps that take no time but count."""

    def __init__(self):
        self.slept = 0.0

    def monotonic(self):
        return self.slept

    async def sleep(self, seconds):
        self.slept += seconds


@contextlib.asynccontextmanager
async def dressed(
    server, bucket="source", *, clock=None, known=capabilities.AWS, seen=None, access=None, **settings
):
    """A dressed store; `access` replaces fields of its access, `settings` those of S3Settings."""
    fields = {
        "region": "us-east-1",
        "endpoint_url": server.endpoint_url,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
    } | (access or {})
    clock = clock or FastClock()
    emit = (lambda _: None) if seen is None else seen.append
    bare = await s3.open_store(
        S3Location(bucket, b"", S3Access(**fields)),
        resolve=lambda text: text() if callable(text) else text,
        trace=emit,
        clock=clock,
        settings=s3.S3Settings(**{"read_timeout_seconds": 3.0, **settings}),
    )
    bare.learn(known)
    store = dress(
        bare, fields["endpoint_url"], Harness(clock, random.Random(7), emit, Windows(16, emit), HASTY)
    )
    try:
        yield store
    finally:
        await store.close()


def pinned(version) -> Pin:
    """The pin of a strict server's version, as a listing would make it."""
    return Pin(Token(version.etag.encode(), int(version.modified) * 10**9))


async def keys_of(store, wanted):
    """Every key of a listing."""
    found = []
    async for page in store.pages(wanted):
        found += page.rows["key"].to_pylist()
    return found
