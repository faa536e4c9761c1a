"""The server itself: an event loop in a thread of its own, listening on loopback; doors for tests.

Tests write `with StrictServer("bucket") as server:`; `__main__` runs it as a process. Starting and stopping
are synchronous; everything that touches the world runs on the server's thread.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from ferryline.testing.strict.access import BucketAccess
from ferryline.testing.strict.exchange import World
from ferryline.testing.strict.fault import Fault
from ferryline.testing.strict.faulting import Hook
from ferryline.testing.strict.fill import Fill, fill
from ferryline.testing.strict.seen import Seen
from ferryline.testing.strict.service import Service
from ferryline.testing.strict.settings import (
    ACCESS_KEY,
    SECRET_KEY,
    BucketSettings,
    Credential,
    Lie,
    Settings,
)
from ferryline.testing.strict.shelf import Bucket
from ferryline.testing.strict.wire import Connection

T = TypeVar("T")
DEFAULT = Settings()


class StrictServer:
    """A strict S3 server on 127.0.0.1, in a thread; several may run side by side.

    `port` 0 takes a free one. `tls` serves HTTPS by that context.
    """

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(
        self,
        *buckets: str | BucketSettings,
        settings: Settings = DEFAULT,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._world = World(settings)
        self.service = Service(self._world)
        self._port = port
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        for one in buckets:
            self.bucket(one)

    # life

    def start(self) -> Self:
        """Listen. Returns when requests are taken."""
        started: threading.Event = threading.Event()
        failures: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._run, args=(started, failures), daemon=True, name="strict-s3"
        )
        self._thread.start()
        started.wait()
        if failures:
            raise failures[0]
        return self

    def _run(self, started: threading.Event, failures: list[BaseException]) -> None:
        try:
            import uvloop

            loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        except ImportError:
            loop = asyncio.new_event_loop()
        try:
            self._listener = loop.run_until_complete(self.listen(loop))
            self._loop = loop
        except OSError as cause:
            failures.append(cause)
            loop.close()
            return
        finally:
            started.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._wind_down())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        """Listen on a loop of the caller's."""
        listener = await loop.create_server(
            lambda: Connection(self.service, self._connections),
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            backlog=1024,
        )
        self._port = listener.sockets[0].getsockname()[1]
        return listener

    async def _wind_down(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for one in list(self._connections):
            one.close()
        for _ in range(50):
            if not self._connections:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Close every connection and stop. What was stored can still be looked at."""
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._world.broken and value is None:
            raise self._world.broken[0]

    def _on_loop(self, work: Callable[[], T]) -> T:
        """Run on the server's thread; directly when it does not run, or when called from a hook."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return work()

        async def call() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), loop).result()

    # doors

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def endpoint_url(self) -> str:
        """What a client takes as `endpoint_url`."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def settings(self) -> Settings:
        """How it behaves; may be set between two requests."""
        return self._world.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._world.settings = settings

    def lie(self, *lies: Lie) -> None:
        """Tell exactly these lies from now on."""
        self._world.tell(frozenset(lies))

    def credential(self, access_key: str, credential: Credential) -> None:
        """Add or change who may call."""
        known = {**self.settings.credentials, access_key: credential}
        self.settings = replace(self.settings, credentials=known)

    def bucket(self, name: str | BucketSettings) -> BucketAccess:
        """Direct access to a bucket, made where it is not there yet."""
        settings = BucketSettings(name) if isinstance(name, str) else name

        def find() -> Bucket:
            known = self._world.buckets.get(settings.name)
            if known is None:
                known = self._world.buckets[settings.name] = Bucket(settings, self._world.now())
            return known

        return BucketAccess(self._world, self._on_loop(find), self._on_loop)

    def arm(self, fault: Fault) -> Fault:
        """Let a fault strike from now on; the same fault comes back, to be asked `fired` later."""
        self._on_loop(lambda: self._world.faults.append(fault))
        return fault

    def disarm(self, *faults: Fault) -> None:
        """Take these faults away, or all of them."""

        def remove() -> None:
            kept = (
                []
                if not faults
                else [one for one in self._world.faults if not any(one is it for it in faults)]
            )
            self._world.faults[:] = kept

        self._on_loop(remove)

    def before(self, operation: str, hook: Hook) -> None:
        """Call `hook(exchange)` on the server's thread before each such operation acts (`*`: any)."""
        self.service.before[operation].append(hook)

    def after(self, operation: str, hook: Hook) -> None:
        """Call `hook(exchange)` on the server's thread after each such operation, before it is answered."""
        self.service.after[operation].append(hook)

    def open_admin(self, *, admin: bool = True, keeps_log: bool = True) -> None:
        """Serve the admin path; or keep no request log, for benchmarks that run long."""
        self._world.admin, self._world.log.keeps = admin, keeps_log

    def fill(self, wanted: Fill) -> None:
        """Fill a bucket with made objects."""
        self.bucket(wanted.bucket)
        self._on_loop(lambda: fill(self._world, self._world.buckets[wanted.bucket], wanted))

    # the log

    @property
    def seen(self) -> list[Seen]:
        """Every request so far, oldest first. A list of its own; the entries are live."""
        return list(self._world.log.entries)

    def requests(self, operation: str, key: str | bytes | None = None) -> list[Seen]:
        """Requests of one operation, and one key."""
        raw = key.encode() if isinstance(key, str) else key
        return [one for one in self.seen if one.operation == operation and raw in (None, one.key)]

    def count(self, *operations: str) -> int:
        """How many requests of these operations came (none named: all)."""
        return sum(1 for one in self.seen if not operations or one.operation in operations)

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """Requests, bytes in and bytes out per operation."""
        return self._world.log.counters()

    def forget(self) -> None:
        """Empty the log."""
        self._on_loop(self._world.log.clear)

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `boto3.client("s3", …)`."""
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": self.settings.region,
        }
