"""Lists a key range with ListObjectsV2, page by page, and believes no page that it did not ask for.

Called through `S3Store.pages`. Checks per page: content type, root element, bucket, prefix, that a
truncated page has a token, that tokens and keys advance, and that nothing lies at or before the
start. Order within and between pages is the listing room's check. One request per page, no retry.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.key import KEY_BYTES_MAX, KeyRange, printable
from ferryline.model.page import Page
from ferryline.storage.s3 import answer_xml, listing_xml
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.http_message import Answer

_ROOT_WITHIN_BYTES = 1024
"""The root element stands within these; a whole page is not parsed only to see that it is no error."""

_EMPTY_PAGES_MAX = 10_000
"""Truncated pages without a key happen behind many delete markers, but not without end."""


async def pages(client: Client, keys: KeyRange) -> AsyncIterator[Page]:
    """Yield the pages of `keys`; the last has `upto=None`. Raises ListingUnbelievable, RetryLater."""
    progress = _Progress(client, keys)
    while True:
        call = progress.call()
        raw = _read(client, call, await client.send(call), progress)
        page, more = progress.take(raw)
        if page is not None:
            yield page
        if not more:
            return


class _Progress:
    """Where a listing stands: what to ask next, and whether the answers advance."""

    def __init__(self, client: Client, keys: KeyRange) -> None:
        self._client = client
        self._keys = keys
        self._folder = client.location.prefix
        self.prefix = self._folder + keys.prefix
        self._start = b"" if keys.after is None else _representable(self._folder + keys.after)
        self._token: str | None = None
        self._cycle = _Cycle()
        self._last: tuple[bytes, bytes] | None = None
        self._empty = 0

    def call(self) -> Call:
        """The next request."""
        query: list[tuple[str, bytes | str | None]] = [
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", str(self._client.settings.page_keys)),
            ("prefix", self.prefix),
        ]
        if self._token is not None:
            query.append(("continuation-token", self._token))
        elif self._start:
            query.append(("start-after", self._start))
        return Call(
            "ListObjectsV2",
            "GET",
            query=tuple(query),
            body_bytes_max=self._client.settings.listing_bytes_max,
            moves_data=True,
            permission="s3:ListBucket",
        )

    def take(self, raw: listing_xml.RawPage) -> tuple[Page | None, bool]:
        """The page to give out (None for an empty one in the middle) and whether another follows."""
        rows, count = raw.rows, raw.rows.num_rows
        column = rows.column("key")
        if raw.truncated:
            if raw.token is None:
                raise unbelievable(self._client, "a page says it is truncated and has no continuation token")
            if self._cycle.closes(raw.token):
                raise unbelievable(
                    self._client, "the listing does not advance: a continuation token came back"
                )
            self._token = raw.token
        if not count:
            self._empty += 1
            if self._empty > _EMPTY_PAGES_MAX:
                raise unbelievable(
                    self._client, f"more than {_EMPTY_PAGES_MAX} truncated pages without a key"
                )
            return (None, True) if raw.truncated else (Page(rows, None), False)
        self._empty = 0
        first, last = column[0].as_py(), column[count - 1].as_py()
        if self._last == (first, last):
            raise unbelievable(
                self._client, f"the listing does not advance: the page from {printable(first)} came twice"
            )
        self._last = first, last
        rows = self._within(rows)
        whole = self._keys.upto is not None and last >= self._keys.upto
        if whole or not raw.truncated:
            return Page(rows, None), False
        return Page(rows, last), True

    def _within(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        column, keys = rows.column("key"), self._keys
        if keys.prefix and not pc.all(pc.starts_with(column, pattern=keys.prefix)).as_py():
            raise unbelievable(self._client, f"a key does not start with {printable(self.prefix)!r}")
        if keys.after is not None:
            early = pc.less_equal(column, pa.scalar(keys.after, pa.binary()))
            if pc.any(early).as_py():
                if self._start == self._folder + keys.after:
                    where = f"a key lies at or before {printable(keys.after)}, where the listing was to start"
                    raise unbelievable(self._client, where)
                # `after` is no name S3 can hold: the listing began at its longest start that is one.
                rows = rows.filter(pc.invert(early))
                column = rows.column("key")
        if keys.upto is not None and rows.num_rows and column[rows.num_rows - 1].as_py() > keys.upto:
            # Only where the last key is beyond the end: a page whose order is broken is given out
            # whole, so that whoever checks the order sees it.
            rows = rows.filter(pc.less_equal(column, pa.scalar(keys.upto, pa.binary())))
        return rows


@dataclass(slots=True)
class _Cycle:
    """Finds a repeated token in a sequence of any length with one remembered token (Brent's method)."""

    remembered: str = ""
    steps: int = 0
    power: int = 1

    def closes(self, token: str) -> bool:
        """Whether `token` was remembered; every cycle is found within three of its lengths."""
        if token == self.remembered:
            return True
        self.steps += 1
        if self.steps == self.power:
            self.remembered, self.steps, self.power = token, 0, self.power * 2
        return False


def _representable(after: bytes) -> bytes:
    """The longest start of `after` that S3 can hold as a key: every S3 key after `after` is after it too."""
    cut = after[:KEY_BYTES_MAX]
    while cut:
        try:
            cut.decode()
        except UnicodeDecodeError as problem:
            cut = cut[: problem.start]
        else:
            return cut
    return cut


def _read(client: Client, call: Call, answer: Answer, progress: _Progress) -> listing_xml.RawPage:
    kind = (answer.text(b"content-type") or "").lower()
    body = bytes(answer.body)
    if "html" in kind or body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise unbelievable(client, "the answer is an HTML page (a proxy or a login page?)")
    if not body.strip():
        raise unbelievable(client, "the answer is empty")
    if b"<Error" in body[:_ROOT_WITHIN_BYTES]:
        client.refuse_body(call, answer)
    try:
        raw = listing_xml.read(body, client.location.prefix)
    except answer_xml.NotXml as problem:
        if body.lstrip()[:1] == b"<" and b"ListBucketResult" in body[:1024] and b"<!" not in body[:1024]:
            asked = client.asked(call)
            raise errors.RetryLater(
                f"{asked.what}: {problem}", place=client.place, kind="listing"
            ) from problem
        raise unbelievable(client, str(problem)) from problem
    except ValueError as problem:
        raise unbelievable(client, str(problem)) from problem
    if raw.bucket != client.location.bucket:
        raise unbelievable(client, f"it is for bucket {printable((raw.bucket or '').encode())!r}")
    if raw.prefix != progress.prefix:
        raise unbelievable(client, f"it is for prefix {printable(raw.prefix)!r}")
    if raw.key_count is not None and raw.key_count > raw.rows.num_rows:
        raise unbelievable(client, f"it announces {raw.key_count} keys and holds {raw.rows.num_rows}")
    return raw


def unbelievable(client: Client, why: str) -> errors.ListingUnbelievable:
    """The error for a 200 that is no listing of what was asked."""
    return errors.ListingUnbelievable(
        f"the listing of {client.place} cannot be believed: {why}",
        advice="nothing was deleted; check the endpoint and whatever stands before it, then run again",
        place=client.place,
    )
