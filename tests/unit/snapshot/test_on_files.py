"""The same protocol on a file system: no ETags, no If-Match."""

import random

from ferryline.clock import SystemClock
from ferryline.model.place import FileLocation
from ferryline.snapshot import opening, prune, publish
from ferryline.snapshot.load import every_row
from ferryline.snapshot.publish import Fencing
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.location import OpenContext, Side, open_store

from .made import issue, numbered, right, writer


async def test_a_snapshot_is_published_changed_read_and_pruned_on_files(tmp_path):
    store = await open_store(
        FileLocation(str(tmp_path)), OpenContext(SystemClock(), random.Random(1)), Side.DESTINATION
    )
    shelf = Shelf(store)
    first = await issue(numbered(9000), shelf)
    announced = await publish.publish(shelf, writer(), first)
    assert announced.fencing is Fencing.LOCAL
    second = await issue(numbered(9000, {1, 8000}), shelf, previous=first)
    await publish.publish(shelf, writer(), second)

    opened = await opening.open_snapshot(shelf)
    assert sum([one.num_rows async for one in every_row(shelf, opened.manifest.index)]) == 9000
    again = await publish.publish(shelf, writer(), second)
    assert not again.written
    chosen, _ = await prune.prune(store, shelf, right(), frozenset({second.manifest.snapshot}), 2**62)
    assert shelf.manifest_key(first.manifest.snapshot) in chosen.keys
    assert sum([one.num_rows async for one in every_row(shelf, opened.receipt.index)]) == 9000
    assert not (tmp_path / ".ferryline" / "chunks" / f"{first.manifest.snapshot}.manifest.json").exists()
    await store.close()
