"""One signed request, one answer: builds the head, signs, sends, traces, and turns failures into errors.

Called by the verbs (listing, objects, uploads, copies). One attempt per call; the only repetitions
are those without which no attempt was made: expired credentials are renewed once, and on AWS hosts a
bucket found in another region is asked there once. Redirects are never followed.
"""

import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from ferryline import errors
from ferryline.clock import Clock
from ferryline.model import event
from ferryline.model.key import KEY_BYTES_MAX, printable
from ferryline.model.place import S3Location
from ferryline.storage.s3 import address, customer_key, refusal, sign, translate
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.credentials import Source
from ferryline.storage.s3.http_message import Answer, Delivery, ExchangeFailed, Outgoing, Streamed
from ferryline.storage.s3.http_pool import Pool
from ferryline.storage.s3.refusal import Asked, Effect
from ferryline.storage.s3.settings import S3Settings

_STALE_CODES = frozenset({"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"})
_REGION_CODES = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)


DEFAULT_REGION = "us-east-1"
"""What endpoints without a declared region are signed for, and where AWS is asked for a bucket's region."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client is given by whoever opens it."""

    location: S3Location
    settings: S3Settings
    clock: Clock
    credentials: Source
    tls: ssl.SSLContext | None
    trace: Callable[[event.RequestMade], None] | None
    customer_key: sign.Headers = field(default_factory=list, repr=False)


class Client:
    """Requests to one bucket."""

    def __init__(self, around: Surroundings) -> None:
        self.location = around.location
        self.settings = around.settings
        self._clock = around.clock
        self._credentials = around.credentials
        self._tls = around.tls
        self._trace = around.trace
        self.place = around.location.url
        declared = around.location.access.region
        self.region_source = "declared"
        self._region_wanted = declared is None and address.is_aws(around.location)
        self._pools: dict[tuple[str, int], Pool] = {}
        self._common = _common_headers(around.location)
        self._customer_key = around.customer_key
        self.server = b""
        """The Server header of the newest answer."""
        self._stamp = b""
        self._moment = -1
        self._move_to(declared or DEFAULT_REGION)

    @property
    def region(self) -> str:
        """The region requests are signed for."""
        return self._signer.region

    @property
    def is_aws(self) -> bool:
        """Whether the location is on AWS's own hosts."""
        return self._address.is_aws

    async def send(self, call: Call) -> Answer:
        """The answer, when its status is 2xx; its body is complete. Raises only ferryline.errors."""
        answer = await self._attempt(call)
        for repair in (self._repaired, self._without_key):
            if 200 <= answer.status < 300:
                return answer
            if await repair(call, answer):
                answer = _telling(call, answer, await self._attempt(call))
        if 200 <= answer.status < 300:
            return answer
        return self.refuse(call, answer)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """The same with a body in pieces; pieces raise RetryLater when the body breaks off."""
        repairs = iter((self._repaired, self._without_key))
        before: Answer | None = None
        while True:
            async with self._attempt_stream(call) as (answer, pieces):
                if 200 <= answer.status < 300:
                    yield answer, pieces
                    return
            before = answer = _telling(call, before or answer, answer)
            for repair in repairs:
                if await repair(call, answer):
                    break
            else:
                self.refuse(call, answer)

    def refuse(self, call: Call, answer: Answer) -> NoReturn:
        """Raise the error for an answer that is no success."""
        raise translate.failure(self.asked(call), answer, self._clock.now())

    def refuse_body(self, call: Call, answer: Answer) -> None:
        """Raise the error that a 200 carries in its body, if it carries one."""
        said = refusal.read_refusal(answer)
        if said.code or said.message:
            raise translate.of_refusal(self.asked(call), said, answer, self._clock.now())

    def asked(self, call: Call) -> Asked:
        """The call in words, for errors."""
        return Asked(
            operation=call.operation,
            place=self.place,
            bucket=self.location.bucket,
            key=call.key,
            effect=call.effect,
            kms_key_id=self.location.writing.kms_key_id,
            permission=call.permission,
            credentials_from=self._credentials.name,
            customer_key=bool(self._customer_key),
        )

    def absolute(self, key: bytes) -> bytes:
        """The key in the bucket. Raises KeyRefused for what S3 cannot hold."""
        whole = self.location.prefix + key
        reason = ""
        if not whole:
            reason = "is empty"
        elif len(whole) > KEY_BYTES_MAX:
            reason = f"has {len(whole)} bytes with its prefix; S3 takes {KEY_BYTES_MAX}"
        elif not whole.isascii():
            try:
                whole.decode()
            except UnicodeDecodeError:
                reason = "is not valid UTF-8"
        if not reason and b"\x00" in whole:
            reason = "holds a NUL byte"
        if reason:
            raise errors.KeyRefused(
                f"the key {printable(key)} {reason}",
                advice="rename the object or exclude it",
                key=key,
                place=self.place,
            )
        return whole

    def now(self) -> datetime:
        """This host's time."""
        return self._clock.now()

    def close(self) -> None:
        """Close every connection. Safe to call twice."""
        for pool in self._pools.values():
            pool.close()

    # -- one attempt ----------------------------------------------------------------------------

    async def _attempt(self, call: Call) -> Answer:
        keys = await self._ready()
        outgoing = self._outgoing(call, call.delivery, keys)
        pool, started, status, received = self._pool(), self._clock.monotonic(), 0, 0
        try:
            answer = await pool.exchange(outgoing)
            status, received = answer.status, len(answer.body)
            self.server = answer.headers.get(b"server", b"")
            return answer
        except ExchangeFailed as problem:
            raise translate.broken(self.asked(call), problem) from problem
        finally:
            self._report(call, status, started, received)

    @asynccontextmanager
    async def _attempt_stream(self, call: Call) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        keys = await self._ready()
        outgoing = self._outgoing(call, Delivery.STREAM, keys)
        pool, started, status, received = self._pool(), self._clock.monotonic(), 0, [0]
        try:
            async with pool.stream(outgoing) as (answer, pieces):
                status = answer.status
                received[0] = len(answer.body)
                yield answer, self._translated(call, pieces, received)
        except ExchangeFailed as problem:
            raise translate.broken(self.asked(call), problem) from problem
        finally:
            self._report(call, status, started, received[0])

    async def _translated(
        self, call: Call, pieces: AsyncIterator[bytes], received: list[int]
    ) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                received[0] += len(piece)
                yield piece
        except ExchangeFailed as problem:
            raise translate.broken(self.asked(call), problem) from problem

    def _report(self, call: Call, status: int, started: float, received: int = 0) -> None:
        if self._trace is not None:
            seconds = self._clock.monotonic() - started
            made = event.RequestMade(self.place, call.operation, status, seconds, received, len(call.body))
            self._trace(made)

    async def _ready(self) -> sign.Keys | None:
        if self._region_wanted:
            await self.resolve_region()
        keys = self._credentials.current
        if keys is None or self._credentials.stale(self._clock):
            keys = await self._credentials.fetch(self._clock)
        return keys

    def _outgoing(self, call: Call, delivery: Delivery, keys: sign.Keys | None) -> Outgoing:
        at = self._address
        if call.key is None:
            path = at.bucket_path
        else:
            path = at.path_prefix + sign.encode_path(self.absolute(call.key))
        sent_query, signed_query = sign.encode_query(call.query)
        headers: sign.Headers = [*self._common, (b"host", at.host_header.encode())]
        for name, value in call.headers.items():
            headers.append((name.encode("ascii"), self._value(call, name, value)))
        if call.operation in customer_key.OPERATIONS and not call.keyless:
            headers += self._customer_key
        call.signed_with = keys
        if keys is not None:
            if call.md5 is not None or isinstance(call.body, Streamed):
                payload = sign.UNSIGNED
            else:
                payload = hashlib.sha256(call.body).hexdigest().encode() if call.body else sign.EMPTY_SHA256
            headers.append((b"x-amz-content-sha256", payload))
            headers.append((b"x-amz-date", self._now()))
            if keys.session_token:
                headers.append((b"x-amz-security-token", keys.session_token.encode()))
            headers.sort()
            line = (call.method, path, signed_query)
            headers.append((b"authorization", self._signer.authorization(line, headers, payload, keys)))
        target = f"{path}?{sent_query}" if sent_query else path
        lines = [f"{call.method} {target} HTTP/1.1".encode()]
        lines += [b"%b: %b" % pair for pair in headers]
        if call.body or call.method in ("PUT", "POST"):
            lines.append(b"content-length: %d" % len(call.body))
        lines.append(b"user-agent: ferryline\r\naccept-encoding: identity\r\n\r\n")
        settings = self.settings
        return Outgoing(
            head=b"\r\n".join(lines),
            body=call.body,
            is_head=call.method == "HEAD",
            repeatable=call.effect is Effect.READ,
            delivery=delivery,
            body_bytes_max=call.body_bytes_max,
            timeout_seconds=(
                settings.server_work_timeout_seconds if call.works_long else settings.read_timeout_seconds
            ),
            minimum_bytes_per_second=settings.minimum_bytes_per_second if call.moves_data else 0,
        )

    def _value(self, call: Call, name: str, value: str) -> bytes:
        try:
            raw = value.encode("ascii")
        except UnicodeEncodeError:
            raw = value.encode("utf-8", "surrogateescape")
        if b"\n" in raw or b"\r" in raw or b"\0" in raw:
            raise errors.ObjectFailed(
                f"{call.operation}: the value of {name} holds a line break or NUL, which no header can carry",
                advice="change this metadata at the source",
                key=call.key,
                place=self.place,
                kind="bad-metadata",
            )
        return raw

    def _now(self) -> bytes:
        moment = self._clock.now()
        second = moment.second + 60 * (moment.minute + 60 * (moment.hour + 24 * moment.toordinal()))
        if second != self._moment:
            self._moment, self._stamp = second, moment.strftime("%Y%m%dT%H%M%SZ").encode()
        return self._stamp

    # -- what makes an attempt possible ---------------------------------------------------------

    def _pool(self) -> Pool:
        origin = self._address.origin
        pool = self._pools.get((origin.host, origin.port))
        if pool is None:
            limit = self.location.connections_max or self.settings.connections
            pool = self._pools[origin.host, origin.port] = Pool(origin, self.settings, limit)
        return pool

    def _move_to(self, region: str) -> None:
        self._signer = sign.Signer(region)
        self._address = address.address_of(self.location, region, self._tls)

    async def _repaired(self, call: Call, answer: Answer) -> bool:
        """Whether the cause of a refusal was removed, so that the attempt can be made at all."""
        if answer.status not in (301, 307, 400, 403):
            return False
        said = refusal.read_refusal(answer)
        if said.code in _STALE_CODES:
            return await self._credentials.renew(self._clock, call.signed_with)
        if call.method == "HEAD" and answer.status == 400 and not said.region:
            # HEAD has no body to say ExpiredToken in; only keys with a session can expire.
            keys = call.signed_with
            return (
                keys is not None
                and keys.session_token is not None
                and await self._credentials.renew(self._clock, keys)
            )
        if self.is_aws and (said.code in _REGION_CODES or answer.status in (301, 307)):
            return await self._find_region(said.region)
        return (
            self.is_aws
            and answer.status == 400
            and call.method == "HEAD"
            and bool(said.region and said.region != self.region and await self._find_region(said.region))
        )

    async def _without_key(self, call: Call, answer: Answer) -> bool:
        """Whether to look without the customer key: S3 refuses one for an object that was written without."""
        if call.keyless or not self._customer_key or answer.status != 400:
            return False
        call.keyless = customer_key.may_be_needless(call.operation, refusal.read_refusal(answer))
        return call.keyless

    async def _find_region(self, hinted: str) -> bool:
        region = hinted or await self.ask_region()
        if not region or (region == self.region and self.region_source == "resolved"):
            return False
        moved = region != self.region
        self._move_to(region)
        self.region_source = "resolved"
        return moved

    async def ask_region(self) -> str:
        """The bucket's region as AWS tells it to anybody, in an unsigned HEAD; empty when it does not."""
        at = self._address
        head = f"HEAD {at.bucket_path} HTTP/1.1\r\nhost: {at.host_header}\r\nuser-agent: ferryline\r\n\r\n"
        call = Call("HeadBucket", "HEAD")
        outgoing = Outgoing(
            head.encode(), b"", True, True, Delivery.COLLECT, 0, self.settings.read_timeout_seconds, 0
        )
        started, status = self._clock.monotonic(), 0
        try:
            answer = await self._pool().exchange(outgoing)
            status = answer.status
        except ExchangeFailed as problem:
            raise translate.broken(self.asked(call), problem) from problem
        finally:
            self._report(call, status, started)
        if answer.status == 404:
            self.refuse(call, answer)
        return answer.text(b"x-amz-bucket-region") or ""

    async def resolve_region(self) -> str:
        """Ask for the bucket's region and use it. Raises EndpointFailed when AWS does not tell."""
        region = await self.ask_region()
        if not region:
            raise errors.EndpointFailed(
                f"the region of bucket {self.location.bucket} was not told",
                advice="set the location's region",
                place=self.place,
                kind="wrong-region",
            )
        self._move_to(region)
        self._region_wanted = False
        self.region_source = "resolved"
        return region


def _telling(call: Call, before: Answer, answer: Answer) -> Answer:
    """Which of two answers tells what is wrong: without the key that an object needs, 400 tells nothing."""
    return before if call.keyless and answer.status == 400 else answer


def _common_headers(location: S3Location) -> sign.Headers:
    headers: sign.Headers = []
    if location.access.account_id:
        headers.append((b"x-amz-expected-bucket-owner", location.access.account_id.encode()))
    if location.access.request_payer:
        headers.append((b"x-amz-request-payer", b"requester"))
    return headers
