"""Kept-alive connections to one origin: at most so many at once, newest first, dead ones dropped.

Called only by the client. Opens TCP and TLS, refuses link-local addresses whatever name led there,
and watches deadlines once a second while anything is under way. Repeats a request at most once, and
only when it changes nothing and a kept-alive connection turned out to be dead before it answered.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ferryline.storage.s3.http_connection import Connection
from ferryline.storage.s3.http_message import Answer, Cause, ExchangeFailed, Outgoing
from ferryline.storage.s3.settings import S3Settings

_CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections lead: `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def is_forbidden_address(text: str) -> bool:
    """Whether an address is link-local, unspecified or a cloud's metadata service.

    No S3 endpoint lives there, and a name or a redirect that leads there is after credentials.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return (
        address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or (address == ipaddress.ip_address("fd00:ec2::254"))
    )


class Pool:
    """Connections to one origin. Belongs to one event loop; `close` ends them all."""

    def __init__(self, origin: Origin, settings: S3Settings, connections_max: int) -> None:
        self._origin = origin
        self._settings = settings
        self._connections_max = max(1, connections_max)
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._taken = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def exchange(self, request: Outgoing) -> Answer:
        """One request, one answer with its body collected. Raises ExchangeFailed."""
        await self._enter()
        try:
            connection, answer = await self._exchange(request)
            self._give_back(connection)
            return answer
        finally:
            self._leave()

    @asynccontextmanager
    async def stream(self, request: Outgoing) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """One request; the body of a success comes in pieces. Leaving early closes the connection."""
        await self._enter()
        try:
            connection, answer = await self._exchange(request)
            try:
                yield answer, _pieces(connection)
            finally:
                self._give_back(connection)
        finally:
            self._leave()

    def close(self) -> None:
        """Close every connection; exchanges under way fail. Safe to call twice."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in (*self._idle, *self._busy):
            connection.abort()
        self._idle.clear()

    # -- slots ----------------------------------------------------------------------------------

    async def _enter(self) -> None:
        if self._closed:
            raise ExchangeFailed(Cause.RESET, "the store was closed")
        if self._taken < self._connections_max and not self._waiters:
            self._taken += 1
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._leave()  # the slot had already been handed to this waiter
            else:
                self._waiters.remove(waiter)
            raise

    def _leave(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot passes on: `_taken` stays
                return
        self._taken -= 1

    # -- connections ----------------------------------------------------------------------------

    async def _exchange(self, request: Outgoing) -> tuple[Connection, Answer]:
        connection = self._kept() or await self._connect()
        reused = connection.used > 0
        try:
            return connection, await self._run(connection, request)
        except ExchangeFailed as failure:
            dead = failure.cause is Cause.RESET and not failure.answered
            if not (reused and request.repeatable and dead) or self._closed:
                raise
        connection = await self._connect()
        return connection, await self._run(connection, request)

    async def _run(self, connection: Connection, request: Outgoing) -> Answer:
        self._busy.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(_CHECK_SECONDS, self._check)
        try:
            return await connection.exchange(request)
        except BaseException:
            self._busy.discard(connection)
            connection.abort()
            raise

    def _give_back(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if connection.reusable and not self._closed:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            connection.abort()

    def _kept(self) -> Connection | None:
        oldest = self._loop.time() - self._settings.keep_alive_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        origin, limit = self._origin, self._settings.connect_timeout_seconds
        where = f"{origin.host}:{origin.port}"
        try:
            async with asyncio.timeout(limit):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._settings.speed_window_seconds),
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=origin.host if origin.tls is not None else None,
                )
        except TimeoutError as problem:
            message = f"no connection to {where} within {limit:g} s"
            raise ExchangeFailed(Cause.CONNECT_TIMEOUT, message) from problem
        except socket.gaierror as problem:
            raise ExchangeFailed(Cause.NAME, f"the name {origin.host} was not found: {problem}") from problem
        except (ssl.SSLCertVerificationError, ssl.CertificateError) as problem:
            reason = getattr(problem, "verify_message", "") or str(problem)
            raise ExchangeFailed(Cause.CERTIFICATE, f"TLS to {where} is not trusted: {reason}") from problem
        except ssl.SSLEOFError as problem:
            raise ExchangeFailed(Cause.RESET, f"TLS to {where} was cut: {problem}") from problem
        except ssl.SSLError as problem:
            raise ExchangeFailed(Cause.CERTIFICATE, f"TLS to {where} failed: {problem}") from problem
        except OSError as problem:
            raise ExchangeFailed(Cause.REFUSED, f"cannot connect to {where}: {problem}") from problem
        peer = connection.peer_address
        if is_forbidden_address(peer):
            connection.abort()
            message = f"{origin.host} leads to {peer}, which is no place for an S3 endpoint"
            raise ExchangeFailed(Cause.FORBIDDEN_ADDRESS, message)
        return connection

    def _check(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection in tuple(self._busy):
            connection.check(now)
        if self._busy and not self._closed:
            self._timer = self._loop.call_later(_CHECK_SECONDS, self._check)


async def _pieces(connection: Connection) -> AsyncIterator[bytes]:
    while (piece := await connection.next_chunk()) is not None:
        yield piece
