"""Run documents: what runs came to, kept where every host finds it, below the policy's `state` location.

Every run of `sync` calls `write`, and so does `retire` for its record; `status` calls `latest`. They lie
at `runs/<dataset>/<run_id>.json`. A run id begins with its time, so that the newest are the last of a
listing. Losing one costs insight and never correctness: what is published is told by the heads.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from ferryline import errors
from ferryline.clock import Clock
from ferryline.model import place
from ferryline.model.entry import Token
from ferryline.model.key import KeyRange, printable
from ferryline.pipeline import ends
from ferryline.pipeline.ends import Opening
from ferryline.storage.location import Side
from ferryline.storage.store import Lists, Pin, Reads, Writes, Writing
from ferryline.storage.wrap.stack import DressedStore

FOLDER = b"runs/"
BYTES_MAX = 64 * 1024 * 1024

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_DATASET = re.compile(r"[^/\x00]{1,255}")
_BACK = (timedelta(days=2), timedelta(days=60))
"""How far back is listed first, before everything is: a year of runs every ten minutes is 53 pages."""
_AT_ONCE = 8


class Shelf(Lists, Reads, Writes, Protocol):
    """What documents need of a store."""

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        ...


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest documents, newest first, and the keys of those that could not be read, with the reason."""

    documents: tuple[dict[str, Any], ...]
    unreadable: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def opened(where: place.Location, opening: Opening) -> AsyncGenerator[DressedStore, None]:
    """The store of a policy's documents; closed on the way out."""
    async with contextlib.AsyncExitStack() as closing:
        yield await ends.opened_store(where, Side.DESTINATION, opening, closing)


async def write(store: Shelf, policy: str, dataset: str, document: Mapping[str, Any]) -> bytes:
    """Keep a document under its `run_id`, and give back its key. Writing it again replaces it.

    It is stamped with `policy` and `dataset`. Raises what the store raises: the caller decides whether
    a run is worth less without its document.
    """
    run_id = str(document.get("run_id", ""))
    if not _RUN_ID.fullmatch(run_id):
        raise errors.BrokenInvariant(f"a document without a run id was to be kept: {run_id[:80]!r}")
    key = key_of(dataset, run_id)
    whole = {**document, "policy": policy, "dataset": dataset}
    body = json.dumps(whole, indent=1, ensure_ascii=True).encode() + b"\n"
    await store.write(key, body, Writing(md5=hashlib.md5(body).digest()))
    return key


def key_of(dataset: str, run_id: str) -> bytes:
    """Where the document of a run lies, below the `state` location."""
    return _folder(dataset) + run_id.encode() + b".json"


async def latest(
    store: Shelf, dataset: str, count: int, *, policy: str | None = None, clock: Clock | None = None
) -> Latest:
    """The newest `count` documents of a dataset, newest first; with `policy`, only those it wrote.

    With a `clock` the last days are listed first, and all of it only where they hold too few.
    """
    now = clock.now() if clock is not None else None
    found: list[tuple[bytes, Token]] = []
    for back in (*(_BACK if now is not None else ()), None):
        since = now - back if now is not None and back is not None else None
        found = await _listed(store, dataset, since)
        if len(found) >= count:
            break
    room = asyncio.Semaphore(_AT_ONCE)

    async def read(key: bytes, token: Token) -> dict[str, Any] | str:
        async with room:
            return await _read(store, key, token)

    newest = sorted(found, key=lambda one: one[0], reverse=True)[:count]
    read_all = await asyncio.gather(*(read(key, token) for key, token in newest))
    return Latest(
        tuple(
            one
            for one in read_all
            if isinstance(one, dict) and (policy is None or one.get("policy") == policy)
        ),
        tuple(one for one in read_all if isinstance(one, str)),
    )


async def _listed(store: Shelf, dataset: str, since: datetime | None) -> list[tuple[bytes, Token]]:
    folder = _folder(dataset)
    after = folder + f"{since:%Y%m%dT%H%M%SZ}".encode() if since is not None else None
    found: list[tuple[bytes, Token]] = []
    async for page in store.pages(KeyRange(after=after, prefix=folder)):
        columns = (
            page.rows.column(name).to_pylist()
            for name in ("key", "etag", "modified_ns", "change_ns", "inode")
        )
        for key, *token in zip(*columns, strict=True):
            name = key[len(folder) :].decode("ascii", "replace")
            if name.endswith(".json") and _RUN_ID.fullmatch(name.removesuffix(".json")):
                found.append((key, Token(*token)))
    return found


async def _read(store: Shelf, key: bytes, token: Token) -> dict[str, Any] | str:
    """One document, or why it is none."""
    try:
        received = await store.read(key, Pin(token))
        told = json.loads(bytes(received.body)) if len(received.body) <= BYTES_MAX else None
    except (errors.ObjectFailed, ValueError, RecursionError) as problem:
        return f"{printable(key)}: {problem}"
    return told if isinstance(told, dict) else f"{printable(key)}: it is no JSON object"


def _folder(dataset: str) -> bytes:
    if not _DATASET.fullmatch(dataset) or dataset in (".", ".."):
        raise errors.BrokenInvariant(f"{dataset[:80]!r} is no dataset's name")
    return FOLDER + dataset.encode("utf-8", "surrogateescape") + b"/"
