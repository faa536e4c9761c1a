"""Lists a store that does not list in key order: everything is listed, spilled in sorted runs, merged.

`pipeline` wraps a store in `Sorted` when its capabilities say it is unordered or `ListingUnordered`
was raised. Runs are Arrow files in a folder of the caller's, removed again when the listing ends.
Memory is one run in the making, then one batch of each run. Duplicates are never believed.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.listing import join, runs, walk
from ferryline.model.key import KeyRange, printable
from ferryline.model.page import LISTING, Page
from ferryline.storage.store import Lists

RUN_BYTES = 64 * 1024 * 1024


class Sorted:
    """A store's listing in key order, whatever order the store lists in.

    It acts as `Lists`: each `pages` lists the whole prefix again, so give it one range.
    The wrapped store must not resume a broken listing from a key, which only an ordered one can.
    """

    def __init__(self, store: Lists, folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self._store = store
        self._folder = folder
        self._run_bytes = run_bytes

    @property
    def place(self) -> str:
        """The wrapped store's place."""
        return walk.place_of(self._store)

    async def pages(self, keys: KeyRange) -> AsyncGenerator[Page, None]:
        """Yield the objects of `keys` in pages of ascending keys; the last has `upto=None`.

        Nothing is yielded before the store was listed to its end. Raises `ListingUnbelievable` for a
        key that is listed twice or a page that comes back, `DiskFailed` when runs cannot be kept.
        """
        with self._temporary() as name:
            paths = await self._spill(KeyRange(prefix=keys.prefix), Path(name))
            with contextlib.closing(_merge(paths, self.place)) as merged:
                waiting: pa.RecordBatch | None = None
                while True:
                    rows = await asyncio.to_thread(_kept, next, merged, None, self._folder)
                    if rows is None:
                        break
                    rows = within(rows, keys)
                    if not rows.num_rows:
                        continue
                    if waiting is not None:
                        yield Page(waiting, waiting.column(0)[waiting.num_rows - 1].as_py())
                    waiting = rows
                yield Page(_empty() if waiting is None else waiting, None)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[str]:
        try:
            folder = TemporaryDirectory(prefix="listing-", dir=self._folder)
        except OSError as problem:
            raise _disk(problem, self._folder) from problem
        with folder as name:
            yield name

    async def _spill(self, keys: KeyRange, folder: Path) -> list[Path]:
        paths: list[Path] = []
        held: list[pa.RecordBatch] = []
        size = 0
        seen: set[bytes] = set()
        ended = False
        async with contextlib.aclosing(walk.ahead(self._store.pages(keys))) as pages:
            async for page in pages:
                ended = page.upto is None
                self._believe(page.rows, keys, seen)
                if page.rows.num_rows:
                    held.append(page.rows)
                    size += page.rows.nbytes
                if size >= self._run_bytes:
                    paths.append(await self._write(held, folder / f"{len(paths)}.arrow"))
                    held, size = [], 0
        if not ended:
            raise walk.unbelievable(self.place, "it ended without a last page")
        if held:
            paths.append(await self._write(held, folder / f"{len(paths)}.arrow"))
        return paths

    def _believe(self, rows: pa.RecordBatch, keys: KeyRange, seen: set[bytes]) -> None:
        walk.columns(rows, self.place)
        if not rows.num_rows:
            return
        column = rows.column(0)
        if not pc.all(pc.starts_with(column, pattern=keys.prefix)).as_py():
            raise walk.unbelievable(self.place, f"a key does not start with {printable(keys.prefix)}")
        # Order cannot show that a listing goes round in a circle; a page's first key seen again can,
        # before the disk is full. One key a page is kept.
        first = column[0].as_py()
        if first in seen:
            raise walk.unbelievable(
                self.place, f"it does not advance: the page from {printable(first)} came twice"
            )
        seen.add(first)

    async def _write(self, held: list[pa.RecordBatch], path: Path) -> Path:
        await asyncio.to_thread(_kept, runs.write, held, path, self._folder)
        return path


def within(rows: pa.RecordBatch, keys: KeyRange) -> pa.RecordBatch:
    """The rows of an ascending batch that lie in `keys`, without a copy."""
    if keys.after is not None:
        rows = join.split(rows, keys.after)[1]
    return join.split(rows, keys.upto)[0]


def _kept(function: Callable[[Any, Any], Any], first: Any, second: Any, folder: Path) -> Any:
    try:
        return function(first, second)
    except OSError as problem:
        raise _disk(problem, folder) from problem


def _disk(problem: OSError, folder: Path) -> errors.DiskFailed:
    return errors.DiskFailed(
        f"sorting a listing in {folder} failed: {problem.strerror or problem}",
        advice="free space there, or choose another folder, and run again",
    )


def _empty() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=LISTING)


def _merge(paths: list[Path], place: str) -> Generator[pa.RecordBatch, None, None]:
    """The runs in key order. Raises ListingUnbelievable for a key that was listed twice."""
    last: bytes | None = None
    with contextlib.closing(runs.merged(paths)) as batches:
        for rows in batches:
            walk.ascending(rows.column(0), place)
            first = rows.column(0)[0].as_py()
            if first == last:
                raise walk.unbelievable(place, f"{printable(first)} is listed twice")
            last = rows.column(0)[rows.num_rows - 1].as_py()
            yield rows
