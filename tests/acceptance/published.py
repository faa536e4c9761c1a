"""A dataset at three kinds of replicas, published straight through `snapshot`: no run is needed.

`versioned` keeps versions, `plain` only the newest bytes, both on the strict server; `disk` is a folder.
A second dataset has its `.ferryline/` in a `metadata` location.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from ferryline.config import datasets, environment, request
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.key import EVERYTHING
from ferryline.model.run import Consistency
from ferryline.pipeline import ends, shelves
from ferryline.pipeline.published import documents
from ferryline.pipeline.published import door as dataset_door
from ferryline.pipeline.published.errand import Errand
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.task import Pressure
from ferryline.snapshot import build, lock, opening, publish, rows
from ferryline.snapshot import receipt as receipts
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.publish import Issue
from ferryline.snapshot.receipt import Holder, Keeping, Receipt
from ferryline.state import open_state
from ferryline.storage.location import Side
from ferryline.storage.store import Writing
from ferryline.testing.strict import StrictServer
from tests.commanding import Said, User

POLICY = """version: 1
name: acme
{state}
locations:
  here: {{url: "s3://source", endpoint_url: "{endpoint}", region: us-east-1}}
  kept: {{url: "s3://versioned", endpoint_url: "{endpoint}", region: us-east-1}}
  flat: {{url: "s3://plain", endpoint_url: "{endpoint}", region: us-east-1}}
  disk: {{url: "file://{disk}", region: us-east-1}}
  meta: {{url: "s3://metadata", endpoint_url: "{endpoint}", region: us-east-1}}
datasets:
  images:
    source: here/images/
    keep_snapshots: {{count: 1, days: 0}}
    replicas:
      - {{name: versioned, to: kept/images/}}
      - {{name: plain, to: flat/images/}}
      - {{name: disk, to: disk/images/}}
  apart:
    source: here/apart/
    metadata: meta/all/
    keep_snapshots: {{count: 1, days: 0}}
    replicas:
      - {{name: one, to: kept/apart/}}
      - {{name: two, to: flat/apart/}}
"""
BUCKETS = ("source", "versioned", "plain", "metadata")


@dataclass
class Ground:
    """The servers, the policy, and somebody at a prompt."""

    user: User
    server: StrictServer
    disk: Path
    at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    state: str = ""
    published: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write_policy()
        self.server.bucket("versioned").set_versioning("Enabled")

    def write_policy(self, **changes: str) -> None:
        text = POLICY.format(
            endpoint=self.server.endpoint_url,
            disk=self.disk,
            state=f'state: "{self.state}"' if self.state else "",
        )
        for old, new in changes.items():
            text = text.replace(old, new)
        (self.user.folder / "ferryline.yaml").write_text(text, "utf-8")

    def run(self, *words: str) -> Said:
        return self.user.run(*words)

    def work(self, dataset: str, work: Any) -> Any:
        """Run `work(errand)` in a loop of its own, as a command would."""
        around = environment.read()
        policy = datasets.declared((), around)
        task = datasets.task(policy, dataset, around)
        listeners = request.Listeners(lambda _: None)
        surroundings = request.surroundings(str(self.user.state), around, listeners, Pressure())
        with open_state(surroundings.state_folder, surroundings.clock) as state:
            return asyncio.run(work(dataset_door.errand(task, surroundings, state)))

    def keep_state_in(self, kind: str) -> None:
        """Let the policy name where run documents go: nowhere, a bucket or a folder."""
        urls = {
            "s3": f"s3://metadata/ops/?endpoint_url={self.server.endpoint_url}",
            "file": f"file://{self.disk}-ops",
        }
        self.state = urls.get(kind, "")
        self.write_policy()

    def keep(self, document: Mapping[str, Any], dataset: str, policy: str) -> None:
        """Keep a run document as a run would."""
        around = environment.read()
        where = datasets.documents(datasets.declared((), around), around, str(self.user.state))

        async def write(one: Errand) -> None:
            async with documents.opened(where, one.opening) as store:
                await documents.write(store, policy, dataset, document)

        self.work(dataset, write)

    def hold(self, replica: str, dataset: str = "images", seconds: float = 300) -> None:
        """Let somebody elsewhere hold a replica's lock; below zero it has run out."""

        async def take(one: Errand) -> None:
            async with shelves.opened(one.task.replica(replica), one.opening) as opened:
                now = one.around.clock.now()
                until = now + timedelta(seconds=seconds)
                since = until - timedelta(seconds=lock.LEASE_SECONDS)
                told = lock.Lock(
                    "somebody@elsewhere", "elsewhere", 1, "20261101T000000Z-00000001", 7, since, until
                )
                await opened.shelf.put(lock.lock_key(opened.shelf), lock.to_bytes(told))

        self.work(dataset, take)

    def withdraw_receipt(self, replica: str, snapshot: str, why: str, dataset: str = "images") -> None:
        """Note in a receipt that a verification found the replica bad."""

        async def spoil(one: Errand) -> None:
            async with shelves.opened(one.task.replica(replica), one.opening) as opened:
                there = await opening.read_receipt(opened.shelf, snapshot)
                bad = receipts.to_bytes(replace(there, eligible=False, why_not=why))
                await opened.shelf.put(opened.shelf.receipt_key(snapshot), bad)

        self.work(dataset, spoil)

    def source(self, bodies: Mapping[bytes, bytes], dataset: str = "images") -> None:
        """Make the source hold just this."""
        bucket = self.server.bucket("source")
        for key in bucket.keys():
            if key.startswith(dataset.encode()):
                bucket.delete(key)
        bucket.put_many({dataset.encode() + b"/" + key: body for key, body in bodies.items()})

    def publish(self, bodies: Mapping[bytes, bytes], *replicas: str, dataset: str = "images") -> str:
        """Bring replicas in line with `bodies` and publish that there; the snapshot's id."""
        self.at += timedelta(hours=1)
        return self.work(dataset, lambda one: self._publish(one, bodies, replicas))

    async def _publish(self, one: Errand, bodies: Mapping[bytes, bytes], replicas: tuple[str, ...]) -> str:
        snapshot = ""
        for replica in one.task.replicas:
            if not replicas or replica.name in replicas:
                async with shelves.opened(replica, one.opening) as opened:
                    snapshot = await self._publish_at(one, opened, bodies)
        return snapshot

    async def _publish_at(self, one: Errand, opened: OpenReplica, bodies: Mapping[bytes, bytes]) -> str:
        store, shelf, replica = opened.store, opened.shelf, opened.replica
        async for page in store.pages(EVERYTHING):
            for key in page.rows.column("key").to_pylist():
                if key not in bodies and not key.startswith(b".ferryline/"):
                    await store.delete(key)
        for key, body in bodies.items():
            there = await store.head(key)
            md5 = hashlib.md5(body)
            same = there is not None and there.entry.token.etag == md5.hexdigest().encode()
            if there is None or (not same and there.entry.token.etag is not None):
                await store.write(key, body, Writing(md5=md5.digest()))
            elif there.entry.token.etag is None and there.entry.size_bytes != len(body):
                await store.write(key, body, Writing())
        stats = {key: await store.head(key) for key in bodies}
        seen = await publish.read_head(shelf)
        before = None
        if seen is not None and seen.head.current is not None:
            before = await opening.read_manifest(shelf, seen.head.current)
        content = rows.content_rows(
            [
                (key, len(bodies[key]), Digest(Algorithm.MD5, hashlib.md5(bodies[key]).digest()))
                for key in sorted(bodies)
            ]
        )
        index = (
            await build.build(batches(content), shelf, rows.CONTENT, before.index if before else None)
        ).index
        manifest = Manifest(Consistency.PER_OBJECT, index)
        versions = replica.name in ("versioned", "one")
        receipt = await self._receipt(opened, manifest, stats, Holder.REPLICA, versions=versions)
        source = await self._source_receipt(one, opened, manifest)
        writer = publish.Writer(one.task.identity(replica), (seen.head.epoch if seen else 0) + 1)
        await publish.publish(shelf, writer, Issue(manifest, receipt, self.at, source))
        return manifest.snapshot

    async def _receipt(
        self,
        opened: OpenReplica,
        manifest: Manifest,
        stats: Mapping[bytes, Any],
        holder: Holder,
        *,
        versions: bool,
    ) -> Receipt:
        evidence = "etag-md5" if holder is Holder.REPLICA else rows.SOURCE
        proofs = rows.proof_rows([(stats[key].entry, evidence) for key in sorted(stats)])
        index = (await build.build(batches(proofs), opened.shelf, rows.PROOFS)).index
        keeping = Keeping.VERSIONS if versions else Keeping.LATEST
        counts = {evidence: index.rows} if index.rows else {}
        return Receipt(
            manifest.snapshot, opened.replica.location.url, holder, keeping, index, evidence=counts
        )

    async def _source_receipt(self, one: Errand, opened: OpenReplica, manifest: Manifest) -> Receipt | None:
        async with contextlib.AsyncExitStack() as closing:
            store = await ends.opened_store(one.task.source, Side.SOURCE, one.opening, closing)
            keys = [
                key async for page in store.pages(EVERYTHING) for key in page.rows.column("key").to_pylist()
            ]
            stats = {key: await store.head(key) for key in keys}
        if len(stats) != manifest.index.rows:
            return None
        return await self._receipt(opened, manifest, stats, Holder.SOURCE, versions=False)


async def batches(table: pa.RecordBatch) -> AsyncIterator[pa.RecordBatch]:
    if table.num_rows:
        yield table
