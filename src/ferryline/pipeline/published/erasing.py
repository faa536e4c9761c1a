"""Removing what a retired replica holds, and looking again whether anything is left.

`retiring` calls it under the replica's lock. Versions, markers of deletes and open uploads go too, page
by page; what cannot be removed is a value with its reason, and the rest goes on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ferryline import crash, errors
from ferryline.model.key import KeyRange
from ferryline.pipeline import ends
from ferryline.pipeline.ends import Opening
from ferryline.pipeline.shelves import OpenReplica
from ferryline.report import keys
from ferryline.storage.store import Erases, Version, Versions
from ferryline.storage.wrap.stack import DressedStore
from ferryline.transfer import MayWrite, always

EXAMPLES = 20
FAILURES_MAX = 1_000
BATCH = 1_000
"""What one request deletes at most."""
_AT_ONCE = 8
"""Batches of 1,000 that are deleted at once."""

OURS = (b"head.json", b"chunks/", b"receipts/")
"""What of a shelf belongs to what is published; the head goes first."""
BESIDE = (b".ferryline/uploads/", b".ferryline/probe/", b".ferryline/tmp/")
"""What Ferryline keeps in a replica itself, wherever its shelf is."""


@dataclass(slots=True)
class Removed:
    """What went, and what could not: `failures` are those of the last try only. Folded while it goes on."""

    objects: int = 0
    versions: int = 0
    delete_markers: int = 0
    uploads: int = 0
    files: int = 0
    folders: int = 0
    metadata_files: int = 0
    size_bytes: int = 0
    failures: dict[bytes, errors.FerrylineError] = field(default_factory=dict)
    may_write: MayWrite = always
    """Asked before every request that removes something; raises LockHeld once the replica is not ours."""

    def fail(self, key: bytes, problem: errors.FerrylineError) -> None:
        """A key stays, for now."""
        self.failures[key] = problem

    def document(self) -> dict[str, int]:
        """The counts, as the record tells them."""
        names = ("objects", "versions", "delete_markers", "uploads", "files", "folders", "metadata_files")
        return {**{name: getattr(self, name) for name in names}, "bytes": self.size_bytes}


async def objects(opened: OpenReplica, opening: Opening, removed: Removed, keep: bytes | None) -> None:
    """Empty the replica's folder: every object, version, marker and upload, or every entry of a folder.

    `keep` is the key that stays: the lock, for as long as it is held.
    """
    store = opened.store
    eraser = erases_of(store)
    if eraser is not None:
        async with contextlib.aclosing(eraser.erase(keep)) as steps:
            await removed.may_write()
            async for step in steps:
                removed.files += step.files
                removed.folders += step.folders
                removed.size_bytes += step.size_bytes
                for path, why in step.failures:
                    removed.fail(
                        path,
                        errors.ObjectFailed(why, key=path, advice="remove it by hand, then retire again"),
                    )
                await removed.may_write()
        return
    for upload in await _open_uploads(store):
        await removed.may_write()
        crash.point("retire.upload.aborting")
        try:
            await store.abort_upload(upload)
            removed.uploads += 1
        except (errors.ObjectFailed, errors.RetryLater) as problem:
            removed.fail(upload.key, problem)
    await everything(store, opening, b"", removed, keep)


async def everything(
    store: DressedStore, opening: Opening, prefix: bytes, removed: Removed, keep: bytes | None
) -> None:
    """Remove every version of every object below `prefix`, again until a pass removes nothing more."""
    versions = versions_of(store)
    while True:
        failed = Removed(may_write=removed.may_write)
        gone = 0
        try:
            if versions is None:
                gone = await _plain_pass(store, opening, prefix, failed, keep)
            else:
                gone = await _pass(versions, prefix, failed, keep)
        except errors.Unsupported:
            if versions is None:
                raise
            versions = None  # the endpoint cannot list versions, so it keeps none that could be named
            continue
        removed.objects += failed.objects
        removed.versions += failed.versions
        removed.delete_markers += failed.delete_markers
        removed.size_bytes += failed.size_bytes
        if not gone:
            removed.failures |= failed.failures
            return


async def _pass(store: Versions, prefix: bytes, done: Removed, keep: bytes | None) -> int:
    """One pass over the versions; how many went."""
    after: tuple[bytes, str] | None = None
    gone = 0
    under_way: list[asyncio.Task[int]] = []
    try:
        while True:
            page = await store.versions_page(prefix, after)
            wanted = [one for one in page.versions if one.key != keep]
            if len(under_way) >= _AT_ONCE:
                gone += await under_way.pop(0)
            if wanted:
                under_way.append(asyncio.create_task(_delete(store, wanted, done)))
            after = page.following
            if after is None:
                break
        while under_way:
            gone += await under_way.pop(0)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    return gone


async def _delete(store: Versions, wanted: Sequence[Version], done: Removed) -> int:
    gone = 0
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        await done.may_write()
        crash.point("retire.deleting")
        failed = await store.delete_versions(batch)
        for one in batch:
            problem = failed.get((one.key, one.version_id))
            if problem is not None:
                done.fail(one.key, problem)
                continue
            gone += 1
            done.size_bytes += one.size_bytes
            done.delete_markers += one.is_marker
            done.versions += not one.is_marker
    return gone


async def _plain_pass(
    store: DressedStore, opening: Opening, prefix: bytes, done: Removed, keep: bytes | None
) -> int:
    """One pass over the objects of a store that has no versions; how many went."""
    gone = 0
    async for found in _listed(store, opening, prefix):
        wanted = {key: size for key, size in found.items() if key != keep}
        problems = await _delete_plainly(store, list(wanted), done.may_write)
        for key, size in wanted.items():
            if key in problems:
                done.fail(key, problems[key])
            else:
                gone += 1
                done.objects += 1
                done.size_bytes += size
    return gone


async def _delete_plainly(
    store: DressedStore, wanted: Sequence[bytes], may_write: MayWrite
) -> Mapping[bytes, errors.FerrylineError]:
    problems: dict[bytes, errors.FerrylineError] = {}
    many = getattr(store, "delete_many", None)
    if many is not None:
        for start in range(0, len(wanted), BATCH):
            await may_write()
            crash.point("retire.deleting")
            problems |= await many(wanted[start : start + BATCH])
        return problems
    for key in wanted:
        await may_write()
        crash.point("retire.deleting")
        try:
            await store.delete(key)
        except (errors.ObjectFailed, errors.RetryLater) as problem:
            problems[key] = problem
    return problems


async def metadata(opened: OpenReplica, opening: Opening, removed: Removed) -> None:
    """Remove what is published, and nothing else: the head, then receipts and chunks, then what lies beside.

    Where versions are kept this adds markers, so that what was removed by mistake can be had back.
    """
    folders = [opened.shelf.folder + name for name in OURS]
    for store, prefixes in ((opened.files, folders), (opened.store, list(BESIDE))):
        for prefix in prefixes:
            done = Removed(may_write=removed.may_write)
            await _plain_pass(store, opening, prefix, done, None)
            removed.metadata_files += done.objects
            removed.size_bytes += done.size_bytes
            removed.failures |= done.failures


async def shelf(opened: OpenReplica, opening: Opening, removed: Removed, keep: bytes | None) -> None:
    """Remove every version of every file of a shelf that lies apart from its replica."""
    done = Removed(may_write=removed.may_write)
    await everything(opened.files, opening, opened.shelf.folder, done, keep)
    removed.metadata_files += done.objects + done.versions + done.delete_markers
    removed.size_bytes += done.size_bytes
    removed.failures |= done.failures


async def left(opened: OpenReplica, opening: Opening, *, erased: bool) -> dict[str, Any]:
    """What a new listing finds: of everything where all was erased, else of the metadata alone."""
    count, first = await _metadata_left(opened, opening, erased=erased)
    found: dict[str, Any] = {
        "objects": None, "versions": None, "uploads": None, "files": None, "metadata_files": count,
    }  # fmt: skip
    if erased:
        store = opened.store
        eraser = erases_of(store)
        if eraser is not None:
            found["files"], paths = await eraser.remains(EXAMPLES)
            first += paths
        else:
            found["objects"], names = await _counted(_listed(store, opening, b""))
            found["versions"], more = await _versions_left(store, b"")
            uploads = await _open_uploads(store)
            found["uploads"] = len(uploads)
            first += [*names, *more, *(one.key for one in uploads)]
    counts = [one for one in found.values() if one is not None]
    examples = [keys.fields(key) for key in dict.fromkeys(first)][:EXAMPLES]
    return {**found, "empty": not any(counts), "examples": examples}


async def _metadata_left(opened: OpenReplica, opening: Opening, *, erased: bool) -> tuple[int, list[bytes]]:
    folder, apart = opened.shelf.folder, opened.files is not opened.store
    if erased:
        if not apart:
            return 0, []  # it lies below the replica itself, which is listed whole
        count, first = await _counted(_listed(opened.files, opening, folder))
        versions, more = await _versions_left(opened.files, folder)
        return max(count, versions or 0), first + more
    places = [(opened.files, folder + name) for name in (*OURS, b"lock.json")]
    places += [(opened.store, prefix) for prefix in BESIDE]
    total = 0
    names: list[bytes] = []
    for store, prefix in places:
        count, first = await _counted(_listed(store, opening, prefix))
        total, names = total + count, names + first
    return total, names


async def _versions_left(store: DressedStore, prefix: bytes) -> tuple[int | None, list[bytes]]:
    """Versions and markers below a prefix; None where the endpoint cannot list them."""
    versions = versions_of(store)
    if versions is None:
        return None, []
    count = 0
    first: list[bytes] = []
    after: tuple[bytes, str] | None = None
    while True:
        try:
            page = await versions.versions_page(prefix, after)
        except errors.Unsupported:
            return None, []
        count += len(page.versions)
        first += [one.key for one in page.versions[: EXAMPLES - len(first)]] if len(first) < EXAMPLES else []
        after = page.following
        if after is None:
            return count, first


async def _listed(store: DressedStore, opening: Opening, prefix: bytes) -> AsyncIterator[dict[bytes, int]]:
    async with contextlib.aclosing(ends.listed(store, opening, KeyRange(prefix=prefix))) as pages:
        async for page in pages:
            columns = (page.rows.column(name).to_pylist() for name in ("key", "size"))
            yield dict(zip(*columns, strict=True))


async def _counted(pages: AsyncIterator[Iterable[bytes]]) -> tuple[int, list[bytes]]:
    count = 0
    first: list[bytes] = []
    async for page in pages:
        names = list(page)
        count += len(names)
        first += names[: max(0, EXAMPLES - len(first))]
    return count, first


async def _open_uploads(store: DressedStore) -> Sequence[Any]:
    try:
        return await store.open_uploads(b"")
    except errors.Unsupported:
        return ()


def versions_of(store: DressedStore) -> Versions | None:
    """The store where it lists versions. Wrappers pass such verbs on, so only asking tells."""
    return store if hasattr(store, "versions_page") else None


def erases_of(store: DressedStore) -> Erases | None:
    """The store where it is a folder that can be emptied."""
    return store if hasattr(store, "erase") else None
