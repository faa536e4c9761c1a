"""Scripted stores and clocks for the verification's tests."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime

from ferryline.model.action import Copy, Reason
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.finding import Finding, Match, Mismatch
from ferryline.model.key import KeyRange
from ferryline.model.outcome import Transferred
from ferryline.model.page import Page, listing_rows
from ferryline.model.span import Span
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.memory import Bucket, MemoryStore
from ferryline.storage.store import Pin, Received, Writing
from ferryline.verify.checking import Checking

FOREIGN = Capabilities(provider="other")
"""An endpoint about which nothing is known."""
HONEST = Capabilities(provider="other", etag_is_md5=Support.HONOURED)


class StillClock:
    """A clock that tests push forward."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class ScriptedStore(MemoryStore):
    """A memory store that counts requests, may be somebody else's endpoint, and may lie."""

    def __init__(self, capabilities: Capabilities | None = None, page_rows: int = 1000) -> None:
        super().__init__(Bucket("scripted"), StillClock(), page_rows)
        self.requests: Counter[str] = Counter()
        self.listed: list[KeyRange] = []
        self.faults: list[Exception] = []
        self.fired = 0
        self.fraction_ns = 0
        self.before_head: Callable[[bytes], None] | None = None
        self.before_read: Callable[[bytes], None] | None = None
        self.lost: set[bytes] = set()
        self.chunk_fault: Callable[[int], None] | None = None
        self._known = capabilities

    @property
    def capabilities(self) -> Capabilities:
        return self._known or super().capabilities

    def put(self, key: bytes, body: bytes) -> Entry:
        """Hold an object without a request."""
        md5 = hashlib.md5(body).hexdigest().encode()
        self._keep(key, body, md5, Writing())
        return Entry(key, len(body), self.held.objects[key].token)

    async def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        self.listed.append(keys)
        async for page in super().pages(keys):
            self.requests["LIST"] += 1
            entries = [
                dataclasses.replace(
                    one,
                    token=dataclasses.replace(
                        one.token, modified_ns=one.token.modified_ns + self.fraction_ns
                    ),
                )
                for one in self._entries(
                    [key for key in page.rows.column("key").to_pylist() if key not in self.lost]
                )
            ]
            yield Page(listing_rows(entries), page.upto)

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        self.requests["HEAD"] += 1
        if self.before_head is not None:
            self.before_head(key)
        self._raise()
        return await super().head(key, version_id)

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        self.requests["GET"] += 1
        if self.before_read is not None:
            self.before_read(key)
        self._raise()
        return await super().read(key, pin, span)

    def _raise(self) -> None:
        if self.faults:
            self.fired += 1
            raise self.faults.pop(0)


def checking(**changes: object) -> Checking:
    return Checking(**{"clock": StillClock(), "run_id": "run", **changes})  # type: ignore[arg-type]


def arrival(
    source: Entry,
    body: bytes,
    *,
    proof: Evidence | None = Evidence.ETAG_MD5,
    replaces: bool = True,
    etag: bytes | None = None,
) -> Transferred:
    """A transfer whose answer told an ETag."""
    there = Entry(source.key, 1, Token(b"old", 1)) if replaces else None
    return Transferred(
        Copy(source, Reason.CONTENT, there),
        source,
        Digest(Algorithm.MD5, hashlib.md5(body).digest()),
        etag=hashlib.md5(body).hexdigest().encode() if etag is None else etag,
        proof=proof,
    )


def source_entry(key: bytes, body: bytes, etag: bytes = b"0123-source") -> Entry:
    return Entry(key, len(body), Token(etag, 1_600_000_000_123_000_000))


async def stream(items: Iterable[object]) -> AsyncIterator:  # type: ignore[type-arg]
    for one in items:
        yield one


async def all_of(findings: AsyncIterator[Finding]) -> dict[bytes, Match | Mismatch]:
    """Findings by key; each key once."""
    found: dict[bytes, Match | Mismatch] = {}
    async for one in findings:
        assert one.key not in found
        found[one.key] = one
    return found
