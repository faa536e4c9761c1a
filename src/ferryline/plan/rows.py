"""Turns joined rows into pairs: the one place where columns become Python objects.

`classify` calls it, for rows that need a decision only. Nothing is decided here.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ferryline.model import digest
from ferryline.model.entry import Entry, Token
from ferryline.model.page import DISTRUSTED
from ferryline.model.pair import Both, OnlyDestination, OnlySource, Pair, Remembered

_STEP_ROWS = 4096
_TOKEN = ("etag", "modified_ns", "change_ns", "inode")
_SIDE = ("size", *_TOKEN, "storage_class")

Cells = tuple[Any, ...]


def pairs(rows: pa.RecordBatch) -> Iterator[Pair]:
    """One pair for each JOINED row that has a source or a destination, in order."""
    for start in range(0, rows.num_rows, _STEP_ROWS):
        yield from _pairs(rows.slice(start, _STEP_ROWS))


def _pairs(rows: pa.RecordBatch) -> Iterator[Pair]:
    keys = rows.column("key").to_pylist()
    sources, destinations = _side(rows, "source"), _side(rows, "destination")
    memories = _memories(rows)
    for key, source, destination, memory in zip(keys, sources, destinations, memories, strict=True):
        if source[0] is None:
            if destination[0] is not None:
                yield OnlyDestination(_entry(key, destination))
        elif destination[0] is None:
            yield OnlySource(_entry(key, source))
        else:
            yield Both(
                _entry(key, source), _entry(key, destination), _remembered(source, destination, memory)
            )


def _side(rows: pa.RecordBatch, side: str) -> list[Cells]:
    if rows.column(f"{side}_size").null_count == rows.num_rows:
        return [(None,)] * rows.num_rows
    return list(zip(*(rows.column(f"{side}_{name}").to_pylist() for name in _SIDE), strict=True))


def _memories(rows: pa.RecordBatch) -> list[Cells]:
    if rows.column("ledger_size").null_count == rows.num_rows:
        return [(None,)] * rows.num_rows
    names = ["size", *(f"{side}_{part}" for side in ("source", "destination") for part in _TOKEN)]
    names += ["digest", "evidence"]
    return list(zip(*(rows.column(f"ledger_{name}").to_pylist() for name in names), strict=True))


def _entry(key: bytes, cells: Cells) -> Entry:
    size, etag, modified_ns, change_ns, inode, storage_class = cells
    return Entry(key, size, Token(etag, modified_ns, change_ns, inode), storage_class)


def _remembered(source: Cells, destination: Cells, memory: Cells) -> Remembered | None:
    size = memory[0]
    if size is None:
        return None
    return Remembered(
        digest=_digest(memory[9]),
        source_stands=source[0] == size and source[1:5] == memory[1:5],
        destination_stands=destination[0] == size and destination[1:5] == memory[5:9],
        distrusted=memory[10] == DISTRUSTED,
    )


def _digest(text: bytes | None) -> digest.Digest | None:
    if text is None:
        return None
    try:
        return digest.parse(text.decode("ascii"))
    except ValueError:  # written by a version that knows other digests: as good as none
        return None
