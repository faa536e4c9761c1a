"""A backend of somebody else's: a bucket that is one file on disk. A worked example, whole and honest.

It touches no file of Ferryline. What it takes: a frozen location, a store with every verb of
`ferryline.storage.store`, the `Capabilities` that are true of it, and one call of `location.register`.
The verbs are the memory store's here; a real one writes its own.
"""

import os
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ferryline.model.span import Layout, Span
from ferryline.storage import location, memory
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import ALWAYS, Buffer, Completion, Condition, Part, Upload, Writing, Written

FILES_TOUCHED = ("tests/extension/toy_backend.py", "tests/extension/test_toy_backend.py")
"""A file of one's own, and its test against the shipped contract; none of Ferryline's."""

DRAWER = replace(memory.MEMORY, provider="drawer")


@dataclass(frozen=True, slots=True)
class DrawerLocation:
    """One file that holds a whole bucket. `url` is for people, `identity` says whether two are one."""

    path: str
    region: str | None = None
    name: str = ""

    @property
    def url(self) -> str:
        return f"drawer://{self.path}/"

    @property
    def identity(self) -> str:
        return self.url


_drawers: dict[str, memory.Bucket] = {}
"""What this process has read: two stores on one file must see each other's changes."""


def _view(values: dict[str, str]) -> MappingProxyType[str, str]:
    return MappingProxyType(values)


class _Pickler(pickle.Pickler):
    """Metadata are read-only views, which pickle does not know."""

    def reducer_override(self, thing: Any) -> Any:
        return (_view, (dict(thing),)) if isinstance(thing, MappingProxyType) else NotImplemented


class DrawerStore(memory.MemoryStore):
    """Reads its file once, and replaces it whole after every change."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        if path not in _drawers:
            _drawers[path] = pickle.loads(self._path.read_bytes()) if self._path.exists() else memory.Bucket()
        super().__init__(_drawers[path])

    @property
    def place(self) -> str:
        return f"drawer://{self._path}/"

    @property
    def capabilities(self) -> Capabilities:
        return DRAWER

    async def _kept(self, work: Callable[..., Awaitable[Any]], *words: Any) -> Any:
        """Do it, and have it on disk before anybody hears of it."""
        answer = await work(*words)
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as stream:
            _Pickler(stream).dump(self.held)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._path)
        return answer

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        return await self._kept(super().write, key, body, writing)

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        await self._kept(super().delete, key, condition)

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        return await self._kept(super().create_upload, key, layout, writing)

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        return await self._kept(super().upload_part, upload, span, body, md5)

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        return await self._kept(super().complete_upload, upload, completion)

    async def abort_upload(self, upload: Upload) -> None:
        await self._kept(super().abort_upload, upload)


async def open_drawer(where: DrawerLocation, _: location.OpenContext, __: location.Side) -> DrawerStore:
    """What `location.register` is given."""
    return DrawerStore(where.path)
