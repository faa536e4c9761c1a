"""Which snapshot files may go: planned as a value, then done. Never what a kept snapshot needs.

`pipeline` calls it under the replica's lock, after a run or for `snapshots prune`. Only files whose
names are of this format are ever considered; what is younger than the horizon stays, for a reader
may hold a manifest that is no longer in the head.
"""

import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, cast

from ferryline import crash, errors
from ferryline.model.key import KeyRange
from ferryline.snapshot import history
from ferryline.snapshot.opening import read_manifest, read_receipt, read_source_receipt
from ferryline.snapshot.publish import Announced, Writer, announce
from ferryline.snapshot.rows import CONTENT, PROOFS
from ferryline.snapshot.shelf import PrunableFiles, Shelf
from ferryline.storage.store import Version, Versions

BATCH = 1_000
"""What one request deletes at most."""

_OURS = {
    CONTENT.folder: re.compile(rb"([0-9a-f]{64})(\.parquet|\.patch\.parquet|\.manifest\.json)"),
    PROOFS.folder: re.compile(rb"([0-9a-f]{64})(\.parquet|\.patch\.parquet|\.json|\.source\.json)"),
}


@dataclass(frozen=True, slots=True)
class Present:
    """One file under a shelf as a listing saw it; `key` is relative to the store's folder."""

    key: bytes
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What would go, documents before the files they name, and its bytes; `kept` counts what stays."""

    keys: tuple[bytes, ...]
    size_bytes: int
    kept: int
    versions_left: str = ""
    """Why a bucket that keeps versions still keeps some of these files; empty where it keeps none."""


async def needed_by(shelf: Shelf, snapshots: Iterable[str]) -> frozenset[bytes]:
    """The keys of every file that these snapshots need here.

    Raises `ObjectMissing` or `DigestMismatch` when a manifest or receipt cannot be read: what it
    needs is then not known, and nothing may go.
    """
    keys: set[bytes] = {shelf.head_key}
    for one in sorted(snapshots):
        tables = [(await read_manifest(shelf, one)).index, (await read_receipt(shelf, one)).index]
        keys |= {shelf.manifest_key(one), shelf.receipt_key(one), shelf.source_receipt_key(one)}
        with contextlib.suppress(errors.ObjectMissing):  # a replica may be without the source's receipt
            tables.append((await read_source_receipt(shelf, one)).index)
        for table in tables:
            keys |= {shelf.chunk_key(table.shape, base) for base in table.bases}
            keys |= {shelf.patch_key(table.shape, patch) for patch in table.patches}
    return frozenset(keys)


def plan(shelf: Shelf, needed: frozenset[bytes], present: Iterable[Present], horizon_ns: int) -> PrunePlan:
    """What may go of what is `present`: of our names, not needed, and last written before `horizon_ns`."""
    going: list[Present] = []
    kept = 0
    for one in present:
        if one.key not in needed and one.modified_ns < horizon_ns and is_ours(shelf, one.key):
            going.append(one)
        else:
            kept += 1
    going.sort(key=lambda one: (not one.key.endswith(b".json"), one.key))
    return PrunePlan(tuple(one.key for one in going), sum(one.size_bytes for one in going), kept)


def is_ours(shelf: Shelf, key: bytes) -> bool:
    """Whether a key has the form of a snapshot file of this shelf (the head and the lock do not)."""
    if not key.startswith(shelf.folder):
        return False
    rest = key[len(shelf.folder) :]
    return any(rest.startswith(at) and form.fullmatch(rest[len(at) :]) for at, form in _OURS.items())


async def listed(shelf: Shelf, files: PrunableFiles) -> list[Present]:
    """Every file in the shelf's folders for chunks and receipts."""
    found: list[Present] = []
    for folder in _OURS:
        async for page in files.pages(KeyRange(prefix=shelf.folder + folder)):
            columns = (page.rows.column(name).to_pylist() for name in ("key", "size", "modified_ns"))
            found += [Present(*fields) for fields in zip(*columns, strict=True)]
    return found


@dataclass(frozen=True, slots=True)
class Right:
    """By what right snapshots go: who writes the head, and what is asked before anything is removed."""

    writer: Writer
    may_write: Callable[[], Awaitable[None]]
    """Raises LockHeld once another run may write there."""


async def prune(
    files: PrunableFiles, shelf: Shelf, right: Right, stays: frozenset[str], horizon_ns: int
) -> tuple[PrunePlan, Announced]:
    """Drop the other snapshots from the head, then their files. Can be repeated after a crash.

    The head goes first: no reader is ever pointed at what is about to go. The kept snapshots' documents
    are read before anything is changed. Where the bucket keeps versions, those of the files go too: the ones
    that were there by then, so that nothing is lost that somebody writes meanwhile. Raises LockHeld.
    """
    needed = await needed_by(shelf, stays)
    announced = await announce(shelf, right.writer, lambda head: history.dropped(head, stays))
    if {one.snapshot for one in announced.head.snapshots} - stays:
        raise errors.BrokenInvariant("a snapshot that goes is still in the head", place=files.place)
    chosen = plan(shelf, needed, await listed(shelf, files), horizon_ns)
    kept, note = await _kept_versions(files, shelf, chosen.keys)
    for keys in _batches(chosen.keys):
        await right.may_write()
        crash.point("snapshot.prune.erasing")
        refused = await _erased(files, [one for key in keys for one in kept.get(key, ())])
        note = note or next(iter(refused.values()), "")
        for key in keys:
            if key not in kept or key in refused:
                await right.may_write()
                crash.point("snapshot.prune.deleting")
                await files.delete(key)
    crash.point("snapshot.prune.deleted")
    return replace(chosen, versions_left=note), announced


def _batches(keys: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """Some at a time, documents by themselves before the files they name."""
    documents = tuple(key for key in keys if key.endswith(b".json"))
    for some in (documents, keys[len(documents) :]):
        for start in range(0, len(some), BATCH):
            yield some[start : start + BATCH]


async def _kept_versions(
    files: PrunableFiles, shelf: Shelf, keys: tuple[bytes, ...]
) -> tuple[dict[bytes, list[Version]], str]:
    """The versions of these keys where the bucket keeps any; and why, where they cannot be told."""
    if not keys or not hasattr(files, "versions_page"):  # wrappers pass such verbs on: only asking tells
        return {}, ""
    found: dict[bytes, list[Version]] = {}
    wanted, store = set(keys), cast("_KeepsVersions", files)
    try:
        if not await store.versioning():
            return {}, ""
        for folder in _OURS:
            after: tuple[bytes, str] | None = None
            while True:
                page = await store.versions_page(shelf.folder + folder, after)
                for one in page.versions:
                    if one.key in wanted:
                        found.setdefault(one.key, []).append(one)
                after = page.following
                if after is None:
                    break
    except errors.Unsupported:
        return {}, ""  # the endpoint cannot list versions, so it keeps none that could be named
    except (errors.AccessRefused, errors.CredentialsRefused) as refusal:
        return {}, f"versions cannot be listed ({refusal.message}): grant s3:ListBucketVersions"
    return found, ""


async def _erased(files: PrunableFiles, versions: list[Version]) -> dict[bytes, str]:
    """Remove versions for good; why those of a key stay, for each that could not be removed."""
    refused: dict[bytes, str] = {}
    for start in range(0, len(versions), BATCH):
        some = versions[start : start + BATCH]
        try:
            failures = await cast("_KeepsVersions", files).delete_versions(some)
            refused |= {key: failure.message for (key, _), failure in failures.items()}
        except (errors.ObjectFailed, errors.CredentialsRefused) as refusal:
            refused |= {one.key: refusal.message for one in some}
    return {
        key: f"{message}; its versions stay: grant s3:DeleteObjectVersion" for key, message in refused.items()
    }


class _KeepsVersions(Versions, Protocol):
    """A store that may keep versions."""

    async def versioning(self) -> bool:
        """Whether it does now."""
        ...
