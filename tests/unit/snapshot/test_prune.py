"""Pruning never takes what a kept snapshot needs."""

import pytest

from ferryline import errors
from ferryline.snapshot import history, opening, prune, publish
from ferryline.snapshot.load import every_row
from ferryline.snapshot.receipt import Keeping
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

from .made import issue, numbered, right, writer

EVER = 2**62


@pytest.fixture
async def nights():
    """Four snapshots of one replica, one on another's chunks; the data lies beside them."""
    shelf = Shelf(MemoryStore())
    made, previous = [], None
    for night in range(4):
        previous = await issue(numbered(12_000, set(range(night))), shelf, Keeping.VERSIONS, previous)
        await publish.publish(shelf, writer(), previous)
        made.append(previous)
    await shelf.put(b"data/0000001.tar", b"data")
    await shelf.put(b".ferryline/lock.json", b"{}")
    return shelf, made


async def read_all(shelf, name):
    opened = await opening.open_snapshot(shelf, name)
    for index in (opened.manifest.index, opened.receipt.index):
        async for _ in every_row(shelf, index):
            pass
    return opened.manifest.index.rows


@pytest.mark.parametrize("stays", [{3}, {0, 3}, {1, 3}, {0, 1, 2, 3}])
async def test_what_stays_can_be_read_in_full_and_the_rest_is_gone(nights, stays):
    shelf, made = nights
    names = frozenset(made[night].manifest.snapshot for night in stays)

    chosen, announced = await prune.prune(shelf.store, shelf, right(), names, EVER)

    assert {one.snapshot for one in announced.head.snapshots} == names
    for night in range(4):
        if night in stays:
            assert await read_all(shelf, made[night].manifest.snapshot) == 12_000
        else:
            with pytest.raises(errors.BadUsage):
                await opening.open_snapshot(shelf, made[night].manifest.snapshot)
            assert shelf.manifest_key(made[night].manifest.snapshot) not in shelf.store.held.objects
    assert bool(chosen.keys) == (len(stays) < 4)
    assert {b"data/0000001.tar", b".ferryline/lock.json", shelf.head_key} <= set(shelf.store.held.objects)
    left = set(shelf.store.held.objects) - {b"data/0000001.tar", b".ferryline/lock.json"}
    assert left - await prune.needed_by(shelf, names) == set(), "nothing of ours is left that nothing needs"


async def test_pruning_again_changes_nothing(nights):
    shelf, made = nights
    names = frozenset({made[3].manifest.snapshot})
    await prune.prune(shelf.store, shelf, right(), names, EVER)
    before = dict(shelf.store.held.objects)

    chosen, announced = await prune.prune(shelf.store, shelf, right(), names, EVER)

    assert (chosen.keys, announced.written) == ((), False)
    assert shelf.store.held.objects == before


async def test_what_is_young_stays_although_nothing_needs_it(nights):
    shelf, made = nights
    chosen, _ = await prune.prune(shelf.store, shelf, right(), frozenset({made[3].manifest.snapshot}), 0)

    assert chosen.keys == ()
    assert shelf.manifest_key(made[0].manifest.snapshot) in shelf.store.held.objects


async def test_when_a_kept_manifest_cannot_be_read_nothing_goes(nights):
    shelf, made = nights
    await shelf.put(shelf.manifest_key(made[3].manifest.snapshot), b"{}")
    before = dict(shelf.store.held.objects)

    with pytest.raises(errors.DigestMismatch):
        await prune.prune(shelf.store, shelf, right(), frozenset({made[3].manifest.snapshot}), EVER)

    assert shelf.store.held.objects == before


async def test_documents_go_before_the_files_they_name(nights):
    shelf, made = nights
    needed = await prune.needed_by(shelf, [made[3].manifest.snapshot])
    chosen = prune.plan(shelf, needed, await prune.listed(shelf, shelf.store), EVER)

    kinds = [key.endswith(b".json") for key in chosen.keys]
    assert kinds == sorted(kinds, reverse=True)
    assert chosen.size_bytes == sum(len(shelf.store.held.objects[key].body) for key in chosen.keys)


@pytest.mark.parametrize(
    "name",
    [
        b".ferryline/head.json", b".ferryline/lock.json", b".ferryline/chunks/readme.txt", b".ferryline/chunks/" + b"A" * 64 + b".parquet",
        b".ferryline/uploads/" + b"a" * 64 + b".json", b"chunks/" + b"a" * 64 + b".parquet", b".ferryline/chunks/x/" + b"a" * 64 + b".parquet",
        b".ferryline/chunks/" + b"a" * 64 + b".parquet\n",
    ],
)  # fmt: skip
def test_names_that_are_not_ours_are_never_considered(name):
    shelf = Shelf(MemoryStore())
    assert not prune.is_ours(shelf, name)
    assert prune.is_ours(shelf, b".ferryline/chunks/" + b"a" * 64 + b".parquet")
    assert prune.plan(shelf, frozenset(), [prune.Present(name, 1, 0)], EVER).keys == ()


async def test_the_rule_of_what_stays_and_pruning_fit_together(nights):
    shelf, made = nights
    seen = await publish.read_head(shelf)
    tagged = await publish.announce(
        shelf, writer(), lambda head: history.tagged(head, "best", made[0].manifest.snapshot)
    )
    assert tagged.written
    stays = frozenset({seen.head.current, made[0].manifest.snapshot})
    await prune.prune(shelf.store, shelf, right(), stays, EVER)

    assert await read_all(shelf, "best") == 12_000
