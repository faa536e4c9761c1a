"""What datasets cost: one read for three replicas, a snapshot of a million keys, the status of thirty replicas.

    python -m benchmarks.datasets            measure, print, and write docs/explanation/measurements-datasets.md
    python -m benchmarks.datasets --quick    smoke sizes: shows that the machinery works, keeps nothing

There is no peer that does the same, so the goals are ratios between two runs of ours, or plain limits.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import measure, servers, tools
from benchmarks.measure import Command
from ferryline.clock import SystemClock
from ferryline.model.place import MemoryLocation
from ferryline.model.run import Consistency
from ferryline.snapshot.build import build
from ferryline.snapshot.head import Identity
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.publish import Issue, Writer, publish
from ferryline.snapshot.receipt import Holder, Keeping, Receipt
from ferryline.snapshot.rows import CONTENT, PROOFS
from ferryline.snapshot.shelf import Shelf
from ferryline.storage import memory

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "measurements-datasets.md"
KEYS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_REGION": "us-east-1"}
LINK = 60_000_000
"""Bytes a second that each replica's endpoint takes in."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table."""

    work: str
    seen: str
    goal: str
    met: bool


def main(arguments: list[str] | None = None) -> int:
    """Measure all three. Exit 1 where a goal was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.datasets", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing is kept or judged")
    quick = bool(parser.parse_args(arguments).quick)
    found = [
        fan_out(8 if quick else 48),
        *asyncio.run(snapshots(20_000 if quick else 1_000_000)),
        status(2 if quick else 10),
    ]
    for one in found:
        print(f"{one.work}: {one.seen} (goal: {one.goal}, {'met' if one.met else 'not met'})")
    if quick:
        return 0
    PAGE.write_text(page(found), "utf-8")
    return 0 if all(one.met for one in found) else 1


def page(found: list[Measured]) -> str:
    """The measurements as a page."""
    machine = measure.machine(tools.versions())
    rows = [
        f"| {one.work} | {one.seen} | {one.goal} | {'met' if one.met else '**not met**'} |" for one in found
    ]
    return "\n".join(
        [
            "# Measurements of datasets",
            "",
            "Made by `python -m benchmarks.datasets`; do not edit. Medians of three runs.",
            "",
            "| work | seen | goal | |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Each replica's endpoint took in {LINK // 1_000_000} MB a second, whatever the others did: a link of its own.",
            "The snapshot was made and published in memory, without a network; its bytes are those of new files.",
            "",
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}.",
            "",
        ]
    )


# -- one read, three replicas ------------------------------------------------------------------------


def fan_out(objects: int) -> Measured:
    """The same dataset to one replica and to three, on equal links."""
    one, read_one = _synced(objects, 1)
    three, read_three = _synced(objects, 3)
    ratio, times = three / one, read_three / (objects * 8 * 1024 * 1024)
    return Measured(
        f"{objects} objects of 8 MiB to three replicas, against one",
        f"{three:.2f} s against {one:.2f} s: {ratio:.2f} ×; the source was read {times:.2f} times",
        "≤ 1.3 ×, read once",
        ratio <= 1.3 and times < 1.1,
    )


def _synced(objects: int, replicas: int) -> tuple[float, int]:
    """Wall seconds, and bytes that left the source."""
    walls: list[float] = []
    read = 0
    for _ in range(3):
        with contextlib.ExitStack() as closing, tempfile.TemporaryDirectory() as folder:
            source = closing.enter_context(servers.object_endpoint("src", objects, 8 * 1024 * 1024))
            there = [
                closing.enter_context(servers.object_endpoint(f"dst{number}", link=LINK))
                for number in range(replicas)
            ]
            places = {
                "source": ("src", source),
                **{f"r{number}": (f"dst{number}", one) for number, one in enumerate(there)},
            }
            _declare(Path(folder), places, {"d": [f"r{number}/" for number in range(replicas)]})
            source.zero()
            one = measure.run(_command(folder, "sync", "d"), timeout_seconds=600, folder=Path(folder) / "out")
            if one.exit_code:
                raise SystemExit(f"sync ended with {one.exit_code}: {one.error_tail}")
            walls.append(one.wall_seconds)
            read = source.counters()["bytes_out"]
    return statistics.median(walls), read


def _declare(folder: Path, places: dict[str, tuple[str, Any]], datasets: dict[str, list[str]]) -> None:
    locations = {
        name: {"url": f"s3://{bucket}/", "endpoint_url": endpoint.distinct[0], "region": "us-east-1"}
        for name, (bucket, endpoint) in places.items()
    }
    sets = {
        name: {"source": f"source/{name}/" if len(datasets) > 1 else "source/", "replicas": replicas}
        for name, replicas in datasets.items()
    }
    policy = {"version": 1, "name": "bench", "locations": locations, "datasets": sets}
    (folder / "ferryline.yaml").write_text(json.dumps(policy))


def _command(folder: str, *words: str) -> Command:
    where = ("-f", f"{folder}/ferryline.yaml", "--state", f"{folder}/state")
    quiet = ("--quiet",) if words[0] == "sync" else ()
    return Command("ferryline", (tools.found("ferryline"), *words, "--json", *quiet, *where), KEYS)


# -- a snapshot of a million keys ----------------------------------------------------------------------


async def snapshots(keys: int) -> list[Measured]:
    """Publish it, change a thousand keys, publish again."""
    shelf = Shelf(memory.MemoryStore(memory.bucket("benchmark"), SystemClock()))
    chance = random.Random(7)
    changed = {chance.randrange(keys) for _ in range(1000)}
    first = await _published(shelf, keys, set(), None)
    walls: list[float] = []
    share = 0.0
    for number in range(3):
        again = await _published(shelf, keys, {(one + number) % keys for one in changed}, first)
        walls.append(again.seconds)
        share = max(share, 100 * again.content_bytes / first.content_bytes)
    wall = statistics.median(walls)
    return [
        Measured(
            f"a snapshot of {keys:,} keys with 1,000 changes: content, receipts, head",
            f"{wall:.2f} s; {share:.2f} % of the first manifest's bytes",
            "≤ 5 s, ≤ 2 %",
            wall <= 5 and share <= 2,
        )
    ]


@dataclass(frozen=True, slots=True)
class _Issued:
    seconds: float
    content_bytes: int
    manifest: Manifest
    receipt: Receipt
    source: Receipt


async def _published(shelf: Shelf, keys: int, changed: set[int], last: _Issued | None) -> _Issued:
    began = time.monotonic()
    content = await build(_content(keys, changed), shelf, CONTENT, last.manifest.index if last else None)
    proofs = await build(
        _proofs(keys, changed, "etag-md5"), shelf, PROOFS, last.receipt.index if last else None
    )
    states = await build(_proofs(keys, changed, "source"), shelf, PROOFS, last.source.index if last else None)
    snapshot = content.index.root
    manifest = Manifest(Consistency.PER_OBJECT, content.index)
    where = MemoryLocation("benchmark").url
    receipt = Receipt(
        snapshot, where, Holder.REPLICA, Keeping.LATEST, proofs.index, evidence={"etag-md5": keys}
    )
    source = Receipt(snapshot, where, Holder.SOURCE, Keeping.LATEST, states.index, evidence={"source": keys})
    writer = Writer(Identity(where, "bench", "d", "r"), 1)
    await publish(shelf, writer, Issue(manifest, receipt, SystemClock().now(), source))
    return _Issued(time.monotonic() - began, content.bytes_written, manifest, receipt, source)


def _rows(keys: int, changed: set[int]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    step = 10_000
    for start in range(0, keys, step):
        numbers = range(start, min(keys, start + step))
        yield (
            [b"train/shard-%05d/sample-%08d.jpg" % (one // 1000, one) for one in numbers],
            [b"%032x" % (one * 2654435761 + (one in changed)) for one in numbers],
        )


async def _content(keys: int, changed: set[int]) -> AsyncIterator[pa.RecordBatch]:
    for names, digests in _rows(keys, changed):
        columns = [
            pa.array(names, pa.binary()),
            pa.array([110_000] * len(names), pa.int64()),
            pa.array([b"md5:" + one for one in digests], pa.binary()),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=CONTENT.schema)


async def _proofs(keys: int, changed: set[int], evidence: str) -> AsyncIterator[pa.RecordBatch]:
    for names, digests in _rows(keys, changed):
        count = len(names)
        columns = [
            pa.array(names, pa.binary()),
            pa.array(digests, pa.binary()),
            pa.array([0] * count, pa.int64()),
            pa.nulls(count, pa.int64()),
            pa.nulls(count, pa.int64()),
            pa.nulls(count, pa.string()),
            pa.array([evidence] * count, pa.string()),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=PROOFS.schema)


# -- status --------------------------------------------------------------------------------------------


def status(datasets: int) -> Measured:
    """`ferryline status` over so many datasets with three replicas each, as a process of its own."""
    with contextlib.ExitStack() as closing, tempfile.TemporaryDirectory() as folder:
        names = ("source", "r0", "r1", "r2")
        places = {name: (name, closing.enter_context(servers.object_endpoint(name))) for name in names}
        sets = {f"d{number}": [f"{name}/d{number}/" for name in names[1:]] for number in range(datasets)}
        _declare(Path(folder), places, sets)
        for name in sets:
            _put(places["source"][1].distinct[0], f"source/{name}/object", os.urandom(100))
        out = Path(folder) / "out"
        done = measure.run(_command(folder, "sync", "--all"), timeout_seconds=600, folder=out)
        if done.exit_code:
            raise SystemExit(f"sync ended with {done.exit_code}: {done.error_tail}")
        walls = []
        for _ in range(3):
            one = measure.run(_command(folder, "status"), timeout_seconds=60, folder=out)
            if one.exit_code:
                raise SystemExit(f"status ended with {one.exit_code}: {one.error_tail}")
            walls.append(one.wall_seconds)
    wall = statistics.median(walls)
    return Measured(
        f"status of {datasets} datasets with 3 replicas each",
        f"{wall:.2f} s, start of Python included",
        "≤ 1 s",
        wall <= 1,
    )


def _put(endpoint: str, path: str, body: bytes) -> None:
    import urllib.request

    request = urllib.request.Request(f"{endpoint}/{path}", data=body, method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass


if __name__ == "__main__":
    sys.exit(main())
