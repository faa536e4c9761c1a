"""A policy with one dataset on a strict server (or in folders), and what tests ask of what was published there."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryline.snapshot import opening
from ferryline.snapshot.shelf import Shelf
from ferryline.storage import location
from ferryline.storage.location import OpenContext, Side
from ferryline.storage.store import Pin

NAME = "train"


def s3(server: Any, bucket: str, prefix: str = "", **more: Any) -> dict[str, Any]:
    """A location on a server, as the policy file declares it."""
    return {
        "url": f"s3://{bucket}/{prefix}",
        "endpoint_url": server.endpoint_url,
        "region": "us-east-1",
        "access_key_id": "${env:AWS_ACCESS_KEY_ID}",
        "secret_access_key": "${env:AWS_SECRET_ACCESS_KEY}",
        **more,
    }


def write_policy(
    folder: Path, locations: Mapping[str, Any], replicas: list[Any], name: str = "acme", **dataset: Any
) -> Path:
    """Write `ferryline.yaml` with the dataset `train` from the location `source`."""
    policy = {
        "version": 1,
        "name": name,
        "locations": dict(locations),
        "datasets": {NAME: {"source": "source/data/", "replicas": replicas, **dataset}},
    }
    path = folder / "ferryline.yaml"
    path.write_text(json.dumps(policy, indent=1), "utf-8")  # JSON is YAML
    return path


def own(key: bytes) -> bool:
    """Whether a key is Ferryline's own."""
    return b".ferryline/" in key


def data(contents: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The objects of a bucket without Ferryline's own."""
    return {key: body for key, body in contents.items() if not own(key)}


def writes(server: Any) -> list[str]:
    """Every request that changed something."""
    reading = ("Get", "Head", "List")
    return [f"{one.operation} {one.key!r}" for one in server.seen if not one.operation.startswith(reading)]


def read_whole(
    server: Any, bucket: str, prefix: bytes = b"data/", at: str | None = None
) -> dict[bytes, bytes]:
    """Open the current snapshot of a replica and read every object of it, pinned, as a reader does."""
    return asyncio.run(_read_whole(server, bucket, prefix, at))


async def _read_whole(server: Any, bucket: str, prefix: bytes, at: str | None) -> dict[bytes, bytes]:
    from ferryline.model.place import S3Access, S3Location

    access = S3Access(
        region="us-east-1", endpoint_url=server.endpoint_url, access_key_id="key", secret_access_key="secret"
    )
    texts = {"key": server.access_key, "secret": server.secret_key}
    context = OpenContext(resolve=lambda text: texts[text])
    store = await location.open_store(S3Location(bucket, prefix, access), context, Side.DESTINATION)
    try:
        shelf = Shelf(store)
        opened = await opening.open_snapshot(shelf, at)
        found: dict[bytes, bytes] = {}
        from ferryline.model.entry import Token
        from ferryline.snapshot.load import every_row
        from ferryline.snapshot.rollback import expected

        async for rows in expected(shelf, opened.manifest, opened.receipt):
            for row in rows.to_pylist():
                token = Token(row["etag"], row["modified_ns"], None, None, row["version_id"])
                received = await store.read(row["key"], Pin(token))
                found[row["key"]] = bytes(received.body)
        listed = 0
        async for rows in every_row(shelf, opened.manifest.index):
            listed += rows.num_rows
        assert listed == len(found)
        return found
    finally:
        await store.close()


__all__ = ["NAME", "data", "own", "read_whole", "s3", "write_policy", "writes"]
