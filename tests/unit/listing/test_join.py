"""Joining two listings and the ledger by key, as columns."""

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.listing import join
from ferryline.model.entry import Entry, Token
from ferryline.model.key import EVERYTHING
from ferryline.model.page import LEDGER, Page, listing_rows


def entry(key: bytes, size: int = 1) -> Entry:
    return Entry(key, size, Token(b"e" * 32, 1))


def page(*keys: bytes, upto: bytes | None = None) -> Page:
    return Page(listing_rows([entry(key) for key in keys]), upto)


def remembered(*keys: bytes) -> pa.RecordBatch:
    rows = [
        {"key": key, "size": 1, "source_modified_ns": 1, "destination_modified_ns": 1, "evidence": "etag-md5"}
        for key in keys
    ]
    return pa.RecordBatch.from_pylist(rows, schema=LEDGER)


async def listed(*pages: Page):
    for one in pages:
        yield one


async def joined(source, destination, ledger=()):
    found = []
    async for one in join.joined(listed(*source), listed(*destination), iter(ledger), EVERYTHING):
        rows = one.rows.to_pylist()
        found += [
            (
                row["key"],
                row["source_size"] is not None,
                row["destination_size"] is not None,
                row["ledger_size"] is not None,
            )
            for row in rows
        ]
    return found


async def test_every_key_of_any_side_comes_once_and_in_order():
    found = await joined(
        [page(b"a", b"c", upto=b"c"), page(b"e")],
        [page(b"b", b"c", b"d", upto=b"d"), page()],
        [remembered(b"c"), remembered(b"e", b"f")],
    )
    assert found == [
        (b"a", True, False, False),
        (b"b", False, True, False),
        (b"c", True, True, True),
        (b"d", False, True, False),
        (b"e", True, False, True),
        (b"f", False, False, True),
    ]


async def test_a_ledger_batch_of_a_single_row_is_believed():
    assert await joined([page(b"a", b"b")], [page(b"a", b"b")], [remembered(b"a"), remembered(b"b")]) == [
        (b"a", True, True, True),
        (b"b", True, True, True),
    ]


async def test_ledger_rows_out_of_order_are_our_own_fault():
    with pytest.raises(errors.BrokenInvariant, match="out of order"):
        await joined([page(b"a", b"b")], [page()], [remembered(b"b"), remembered(b"a")])


async def test_two_empty_stores_join_to_one_complete_page():
    pages = [one async for one in join.joined(listed(page()), listed(page()), iter(()), EVERYTHING)]
    assert [(one.rows.num_rows, one.complete) for one in pages] == [(0, True)]
