"""Checksum reports as `adopt` uses them: read once into sorted files, asked for one object at a time.

`Sync` opens them before it looks at anything. They prove nothing by themselves: `plan` compares what they
say with what the other side tells, and only for the state of an object that lies there now.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ferryline import errors
from ferryline.listing import checksum_report
from ferryline.listing.attestations import Attestations
from ferryline.listing.checksum_report import Census, Folder
from ferryline.model import event, place
from ferryline.model.digest import Digest
from ferryline.model.entry import Entry
from ferryline.model.key import one_line
from ferryline.pipeline import ends
from ferryline.plan.question import Side
from ferryline.storage import location
from ferryline.storage.store import Pin

STALE_MAX = 100_000
"""How many objects that are no longer as they were hashed are counted."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of a report: the folder that holds it, its key there, and how a person named it."""

    folder: place.Location
    key: bytes
    name: str


class Reports:
    """What the reports say of both sides' objects."""

    def __init__(self, sides: dict[Side, Attestations], census: Census) -> None:
        self._sides = sides
        self._census = census
        self._stale: dict[Side, set[bytes]] = {side: set() for side in Side}
        """The keys of objects that were hashed in another state: one may be looked at more than once."""

    def told(self, side: Side, seen: Entry) -> tuple[Digest, ...]:
        """The digests that were computed of exactly this state of an object; `seen` is from a HEAD.

        A row without a version id speaks of its ETag alone: where the ETag stands, so do the bytes.
        """
        found, others = self._found(side, seen)
        if others and not found and len(self._stale[side]) <= STALE_MAX:
            self._stale[side].add(seen.key)
        return found

    def of_source(self, seen: Entry) -> tuple[Digest, ...]:
        """The same of a source object that was asked for before."""
        return self._found(Side.SOURCE, seen)[0]

    def _found(self, side: Side, seen: Entry) -> tuple[tuple[Digest, ...], int]:
        """The digests of this state, and how many rows are about others."""
        found: dict[Digest, None] = {}
        others = 0
        for one in self._sides[side].of(seen.key) if side in self._sides else ():
            same = one.etag == seen.token.etag and one.version_id in (None, seen.token.version_id)
            others += not same
            if same:
                found[one.digest] = None
        return tuple(found), others

    def warnings(self) -> list[event.Warned]:
        """What a person should know: which rows proved nothing, and why."""
        said: list[event.Warned] = []
        for why, count in sorted(self._census.passed_over.items()):
            first = self._census.first[why]
            said.append(
                event.Warned(
                    f"checksum reports: {_rows(count)} passed over: {why} (first: {first})",
                    "what they are about needs other evidence, or a new report",
                )
            )
        said += [
            event.Warned(
                f"checksum reports: {_stale(len(keys), side)}",
                "their ETag or version is another one now: make a new report of them",
            )
            for side, keys in self._stale.items()
            if keys
        ]
        return said


@contextlib.asynccontextmanager
async def opened(
    files: Sequence[ReportFile], source: place.Location, replica: place.Location, opening: ends.Opening
) -> AsyncGenerator[Reports, None]:
    """Read the reports; what was sorted on disk is removed on the way out.

    Raises BadUsage for what is no such report, or is about other buckets only, and DiskFailed.
    """
    folders = {
        side: Folder(where.bucket, where.prefix)
        for side, where in ((Side.SOURCE, source), (Side.DESTINATION, replica))
        if isinstance(where, place.S3Location)
    }
    with contextlib.ExitStack() as closing:
        try:
            scratch = Path(
                closing.enter_context(TemporaryDirectory(prefix="reports-", dir=opening.spill_folder))
            )
            sides = {side: Attestations(_made(scratch / side.value)) for side in folders}
        except OSError as problem:
            raise errors.DiskFailed(
                f"{opening.spill_folder} cannot be written: {problem.strerror or problem}",
                advice="free space there, or give another folder with --state",
                place=str(opening.spill_folder),
            ) from problem
        takers = list(sides.values())
        census = Census()
        for one in files:
            path = await _local(one, scratch / "report.csv", opening)

            def read(path: Path = path, name: str = one.name) -> None:
                with _open(path, name) as stream:
                    checksum_report.read(
                        stream,
                        name,
                        list(folders.values()),
                        lambda index, row: takers[index].add(row),
                        census,
                    )

            await asyncio.to_thread(read)
        _refuse_strangers(files, census, list(folders.values()))
        for taker in takers:
            await asyncio.to_thread(taker.settle)
        yield Reports(sides, census)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _open(path: Path, name: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as problem:
        raise errors.BadUsage(
            f"--checksum-report {name} cannot be read: {problem.strerror or problem}",
            advice="name a CSV file of the report",
        ) from problem


async def _local(one: ReportFile, copy: Path, opening: ends.Opening) -> Path:
    """The report as a local file: the file itself, or a copy of the object."""
    if isinstance(one.folder, place.FileLocation):
        return Path(os.fsdecode(os.path.join(os.fsencode(one.folder.root), one.key)))
    async with contextlib.AsyncExitStack() as closing:
        store = await ends.opened_store(one.folder, location.Side.SOURCE, opening, closing)
        stat = await store.head(one.key)
        if stat is None:
            raise errors.BadUsage(
                f"--checksum-report {one.name}: there is no such object",
                advice="name a CSV file of the report",
            )
        try:
            with copy.open("wb") as sink:
                async with store.stream(one.key, Pin(stat.entry.token)) as chunks:
                    async for chunk in chunks:
                        sink.write(chunk)
        except OSError as problem:
            raise errors.DiskFailed(
                f"the report {one.name} could not be kept in {copy.parent}: {problem.strerror or problem}",
                advice="free space in the state folder, or give another with --state",
                place=str(copy.parent),
            ) from problem
    return copy


def _refuse_strangers(files: Sequence[ReportFile], census: Census, folders: Sequence[Folder]) -> None:
    """Refuse reports in which no row is about either side: somebody gave the wrong file."""
    named = ", ".join(one.name for one in files)
    if not folders:
        raise errors.BadUsage(
            "--checksum-report is for buckets, and neither the source nor the replica is one",
            advice="leave it out: files are hashed where they lie",
        )
    if census.rows > census.strangers:
        return
    wanted = " or ".join(f"s3://{one.bucket}/{one.prefix.decode('utf-8', 'replace')}" for one in folders)
    there = ", ".join(one_line(name, 80) for name in sorted(census.buckets)[:5])
    about = f"their rows are about the bucket {there}" if there else "they hold no row"
    raise errors.BadUsage(
        f"no row of {named} is about {wanted}: {about}",
        advice="give the report of a job over the replica's bucket, or over the source's",
    )


def _stale(count: int, side: Side) -> str:
    if count == 1:
        return f"1 object of the {side.value} is no longer as it was hashed"
    number = f"{count:,}" if count <= STALE_MAX else f"more than {STALE_MAX:,}"
    return f"{number} objects of the {side.value} are no longer as they were hashed"


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
