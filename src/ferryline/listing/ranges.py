"""Cuts a store's key space into ranges that can be listed at once, from a few sample requests.

`pipeline` calls it before a survey. Hints and samples may be stale or wrong: that costs balance
only, because the result always tiles the key space. It never lists more than its samples.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ferryline import errors
from ferryline.listing import measure, walk
from ferryline.model.key import KeyRange, cut, tile
from ferryline.model.page import Page
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Lists

PROBES_MAX = 96
_AT_ONCE = 8
_SEEN_PER_PAGE = 8
_SEEN_MAX = 512
_PAGES_PER_RANGE = 2
"""A range shorter than this costs more requests than it saves time."""


@runtime_checkable
class Peeks(Protocol):
    """A store that finds one key more cheaply than by a page. Optional."""

    async def first_after(self, after: bytes, prefix: bytes) -> bytes | None:
        """The first key after `after` that starts with `prefix`, or None when there is none."""
        ...


@runtime_checkable
class Capable(Protocol):
    """A store that knows what it can do."""

    @property
    def capabilities(self) -> Capabilities:
        """What this endpoint was seen to honour so far."""
        ...


async def sample(
    store: Lists, prefix: bytes, wanted: int, hints: Sequence[bytes] = ()
) -> tuple[KeyRange, ...]:
    """Tile the keys under `prefix` into about `wanted` ranges of about equal numbers of keys.

    `hints` are keys in ascending order that cut the last run's keys evenly (from the ledger).
    One page is requested, and at most `PROBES_MAX` more when there are no hints. A store that is
    short, unordered or not ranged gets one range. Raises `ListingUnordered` when the first page
    already is out of order, and what the store raises.
    """
    whole = (KeyRange(prefix=prefix),)
    if wanted <= 1 or not _divisible(store):
        return whole
    first = await _page(store, KeyRange(prefix=prefix))
    if first.upto is None:
        return whole
    boundaries = _from_hints(hints, prefix, wanted)
    if not boundaries:
        explorer = _Explorer(store, prefix, first)
        await explorer.explore(wanted)
        boundaries = explorer.boundaries(wanted)
    found = cut(boundaries, prefix)
    if not tile(found, prefix):
        raise errors.BrokenInvariant("ranges that do not tile the key space")
    return found


def _divisible(store: Lists) -> bool:
    return not isinstance(store, Capable) or (store.capabilities.ordered and store.capabilities.ranged)


def _from_hints(hints: Sequence[bytes], prefix: bytes, wanted: int) -> list[bytes]:
    usable = sorted({one for one in hints if one.startswith(prefix)})
    if not usable:
        return []
    count = min(wanted - 1, len(usable))
    chosen = {usable[(index + 1) * (len(usable) + 1) // (count + 1) - 1] for index in range(count)}
    return sorted(chosen)


async def _page(store: Lists, keys: KeyRange) -> Page:
    """The first page of a range that holds a key, or its last."""
    believer = walk.Believer(keys, walk.place_of(store))
    pages = store.pages(keys)
    try:
        async for page in pages:
            believer.check(page)
            if page.rows.num_rows or page.upto is None:
                return page
    finally:
        if isinstance(pages, walk.Closes):
            with contextlib.suppress(RuntimeError):
                await pages.aclose()
    raise believer.unbelievable("it ended without a last page")


@dataclass(slots=True)
class _Stretch:
    """The keys after `start`, to the next stretch: `known` of them lie at or before `reached`.

    `end` is None in the last stretch as long as nothing bounds it.
    """

    start: bytes | None
    known: int
    reached: bytes | None
    end: bytes | None

    @property
    def open(self) -> bool:
        """Whether keys beyond the page that was seen may lie in it."""
        return self.reached is not None and (self.end is None or self.reached < self.end)


class _Explorer:
    """Sample pages of a key space, and what they say about the number of keys between them."""

    def __init__(self, store: Lists, prefix: bytes, first: Page) -> None:
        self._store = store
        self._prefix = prefix
        self._probes = 0
        self._seen: list[bytes] = []
        self._page_rows = max(1, first.rows.num_rows)
        self._stretches = [self._stretch(None, first, None)]

    async def explore(self, wanted: int) -> None:
        """Split the heaviest stretches until none outweighs half a range, or the probes are used up."""
        await self._bound_tail()
        budget = min(PROBES_MAX, 6 * wanted)
        while self._probes < budget:
            weights = [self._weight(one) for one in self._stretches]
            limit = sum(weights) / (2 * wanted)
            heavy = [
                index
                for index, one in enumerate(self._stretches)
                if weights[index] > max(limit, self._page_rows) and self._middle(one) is not None
            ]
            if not heavy:
                return
            heavy.sort(key=lambda index: weights[index], reverse=True)
            chosen = heavy[: min(_AT_ONCE, budget - self._probes)]
            stretches = [self._stretches[index] for index in chosen]
            middles = [self._middle(one) or b"" for one in stretches]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._probe(middle)) for middle in middles]
            for stretch, middle, task in zip(stretches, middles, tasks, strict=True):
                self._learn(stretch, middle, task.result())

    def boundaries(self, wanted: int) -> list[bytes]:
        """At most `wanted - 1` keys that cut the estimated number of keys evenly."""
        pieces: list[tuple[bytes, float]] = []  # (last key of a piece, keys in it)
        for one in self._stretches:
            pieces += self._pieces(one, wanted)
        total = sum(weight for _, weight in pieces)
        count = int(min(wanted, max(1, total // (_PAGES_PER_RANGE * self._page_rows))))
        found: list[bytes] = []
        passed = 0.0
        for index, (last, weight) in enumerate(pieces[:-1]):
            passed += weight
            following = pieces[index + 1][1]
            aim = total * (len(found) + 1) / count
            # Cut here when that is nearer to the aim than cutting after the next piece.
            if len(found) < count - 1 and (passed >= aim or aim - passed < passed + following - aim):
                found.append(last)
        return [key for index, key in enumerate(found) if index == 0 or key > found[index - 1]]

    def _pieces(self, one: _Stretch, wanted: int) -> list[tuple[bytes, float]]:
        """A stretch as pieces that can be cut: a heavy one at interpolated places."""
        end = one.end if one.end is not None else one.reached
        if end is None:
            return [(one.start or b"", float(one.known))]
        weight = self._weight(one)
        if not one.open or one.reached is None or weight < 4 * self._page_rows or one.end is None:
            return [(end, weight)]
        scale = measure.Scale(measure.common(one.reached, end), [*self._seen, one.reached, end])
        low, high = scale.position(one.reached), scale.position(end)
        edges: list[bytes] = []
        for step in range(1, wanted):
            edge = scale.key(low + (high - low) * step // wanted)
            if (edges[-1] if edges else one.reached) < edge < end:
                edges.append(edge)
        share = weight / (len(edges) + 1)
        return [(edge, share) for edge in [*edges, end]]

    async def _probe(self, after: bytes) -> Page:
        self._probes += 1
        return await _page(self._store, KeyRange(after, None, self._prefix))

    async def _bound_tail(self) -> None:
        """Find an end of the last stretch: most keys start with ASCII, or share a first folder."""
        for _ in range(2):
            last = self._stretches[-1]
            if last.reached is None:
                return
            below = last.reached[len(self._prefix) :]
            folder = self._prefix
            if below[:1] >= b"\x7f":
                folder += measure.valid(below[: below.find(b"/") + 1])
                if folder == self._prefix:
                    return
            end = folder + b"\x7f"
            if isinstance(self._store, Peeks):
                self._probes += 1
                if await self._store.first_after(end, self._prefix) is None:
                    last.end = end
                    return
            page = await self._probe(end)
            if not page.rows.num_rows:
                last.end = end
                return
            self._learn(last, end, page)

    def _stretch(self, start: bytes | None, page: Page, end: bytes | None) -> _Stretch:
        keys = page.rows.column(0)
        step = max(1, len(keys) // _SEEN_PER_PAGE)
        self._seen += [keys[index].as_py() for index in range(0, len(keys), step)]
        if len(self._seen) > _SEEN_MAX:
            self._seen = self._seen[::2]
        known = len(keys)
        if end is not None and known and keys[known - 1].as_py() > end:
            known = sum(1 for key in keys.to_pylist() if key <= end)
        return _Stretch(start, known, page.upto, end)

    def _learn(self, stretch: _Stretch, middle: bytes, page: Page) -> None:
        """Split `stretch` at `middle`, or shorten it when nothing lies between there and its end."""
        end, keys = stretch.end, page.rows.column(0)
        if not len(keys) or (end is not None and keys[0].as_py() > end):
            stretch.end = middle
            return
        stretch.end = middle
        index = self._stretches.index(stretch)
        self._stretches.insert(index + 1, self._stretch(middle, page, end))

    def _middle(self, one: _Stretch) -> bytes | None:
        if not one.open or one.reached is None or one.end is None:
            return None
        return measure.between(one.reached, one.end, self._seen)

    def _weight(self, one: _Stretch) -> float:
        """About how many keys lie in a stretch: those seen, and those beyond at the same density."""
        if not one.open or one.end is None or one.reached is None:
            return float(one.known)
        start = one.start if one.start is not None else self._prefix
        scale = measure.Scale(measure.common(start, one.end), [*self._seen, start, one.end])
        low, reached = scale.position(start), scale.position(one.reached)
        ahead = max(0, scale.position(one.end) - reached)
        return one.known * (1.0 + min(ahead / max(1, reached - low), 1e9))
