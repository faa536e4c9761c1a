"""The file store: every verb of `storage.store` on a folder of a file system.

Opened by `storage.location` alone. Its methods run their system calls in a bounded pool of
threads, never on the event loop, one attempt each. What is a file's place, how it gets there and
how a folder is walked are the business of the other modules of this package; this one joins them
and translates errors at the border.
"""

import asyncio
import contextlib
import errno
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar

from ferryline import errors
from ferryline.clock import Clock, SystemClock
from ferryline.model.entry import Stat
from ferryline.model.key import KeyRange, printable
from ferryline.model.page import Page
from ferryline.model.span import Layout, Span
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.file import beneath, moving, names
from ferryline.storage.file import erase as erasing
from ferryline.storage.file.failures import Attempt, Doing, translate
from ferryline.storage.file.landing import Landing, Wanted
from ferryline.storage.file.parts import PartFiles
from ferryline.storage.file.reading import Reader, stat_of, token_of
from ferryline.storage.file.root import MissingRoot, Mount, Root
from ferryline.storage.file.skipped import Skips
from ferryline.storage.file.steps import Steps
from ferryline.storage.file.survey import survey
from ferryline.storage.file.temporary import MOVING, MOVING_TO, Temporaries
from ferryline.storage.file.walk import Walk
from ferryline.storage.premises import Premises
from ferryline.storage.store import (
    ALWAYS,
    Buffer,
    Completion,
    Condition,
    Erased,
    Part,
    Pin,
    Received,
    Upload,
    Writing,
    Written,
)

P = ParamSpec("P")
R = TypeVar("R")

FILES = Capabilities(
    provider="file",
    ordered=True,
    ranged=True,
    etag_is_md5=Support.UNSUPPORTED,
    read_if_match=Support.HONOURED,
    write_if_none_match=Support.HONOURED,
    write_if_match=Support.UNSUPPORTED,
    complete_if_none_match=Support.HONOURED,
    complete_if_match=Support.UNSUPPORTED,
    delete_if_match=Support.UNSUPPORTED,
    content_md5=Support.UNSUPPORTED,
    stored_checksum=Support.UNSUPPORTED,
    part_number=Support.UNSUPPORTED,
    mpu_object_size=Support.HONOURED,
    keeps_metadata=False,
    hashes_locally=True,
    part_bytes_min=1,
    single_write_bytes_max=1 << 62,
)
"""Declared, not probed: what this module does. `ranged`: a range prunes whole directories."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a folder is used: what its absence means, time, chance, and threads for blocking calls."""

    missing: MissingRoot = MissingRoot.REFUSED
    clock: Clock = field(default_factory=SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    threads: int = 16


class FileStore:
    """A folder as a store. Thread-safe; `close` gives threads and descriptors back."""

    def __init__(self, path: str, setting: Setting) -> None:
        self._root = Root(path, setting.missing)
        self._temporaries = Temporaries(self._root, setting.chance)
        self._landing = Landing(self._root, self._temporaries)
        self._uploads = PartFiles(self._root, self._temporaries, setting.clock)
        self._pool = ThreadPoolExecutor(setting.threads, thread_name_prefix="ferryline-file")
        self._reader = Reader(path, self._landing)
        self._wrote = False
        self._closed = False
        self.skipped = Skips()
        """What the walks of this store passed over, and where they could not look."""

    @property
    def place(self) -> str:
        """The folder as a URL."""
        return f"file://{self._root.path}"

    @property
    def capabilities(self) -> Capabilities:
        """What a file system can do."""
        return FILES

    @property
    def blind_spots(self) -> list[bytes]:
        """Prefixes below which the walks could not look: nothing may be deleted there."""
        return list(self.skipped.blind)

    async def close(self) -> None:
        """Wait for running calls, remove our folders where they are empty, close. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._wrote:
            await self._blocking(self._temporaries.tidy)
        await asyncio.to_thread(self._pool.shutdown)
        self._root.close()

    def refuses(self, key: bytes) -> str:
        """Why `key` can never be a file here, or an empty string; decided without a look at the disk."""
        return names.refusal(key, len(os.fsencode(self._root.path)))

    async def identity(self) -> Mount:
        """Which file system and directory the root is now; DiskFailed where a source's is missing."""
        return await self._call(Attempt(Doing.LOOK, None, self._root.path), self._root.mount)

    async def premises(self) -> Premises:
        """What the root is like: there, readable, writable, how much is free. Opens and writes nothing."""
        return await self._call(Attempt(Doing.LOOK, None, self._root.path), survey, self._root.path)

    async def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        """Every file of `keys` in the order of the decoded keys; see `skipped` for what is none."""
        attempt = Attempt(Doing.LIST, None, self._root.path)
        steps = Steps(Walk(self._root, keys, self.skipped).pages())
        try:
            while True:
                page = await self._step(attempt, steps)
                if page is None:
                    raise errors.BrokenInvariant(f"a walk of {self._root.path} ended without a last page")
                yield page
                if page.upto is None:
                    return
        finally:
            await self._blocking(steps.close)

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """lstat of the key's file; None where there is none, or something that is no regular file."""
        if self.refuses(key):
            return None
        attempt = Attempt(Doing.LOOK, key, self._root.path)
        seen = await self._call(attempt, self._landing.look, self._at(key))
        return None if seen is None else stat_of(key, seen)

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """All bytes (or a span's) of one state of the file: fstat before and after must be the pinned one."""
        return await self._call(self._reading(key), self._reader.whole, self._at(key), pin, span)

    @contextlib.asynccontextmanager
    async def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The same in chunks of 1 MiB; the second fstat is taken after the last one."""
        attempt = self._reading(key)
        steps = Steps(self._reader.chunks(self._at(key), pin, span))
        try:
            await self._step(attempt, steps)
            yield self._streaming(attempt, steps)
        finally:
            await self._blocking(steps.close)

    async def forget_cached(self, key: bytes) -> None:
        """Before a read that shall see the disk and not this machine's memory; a hint, no more."""
        if not self.refuses(key):
            await self._call(self._reading(key), self._reader.forget_cached, self._at(key))

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        """Temporary file, fsync, close, rename, fsync of the directory; the token is of the file in place."""
        return await self._call(self._changing(key), self._write, key, body, writing)

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        """Unlink the key's file and the directories this leaves empty. Conditions are Unsupported."""
        if condition != ALWAYS:
            raise self._unsupported(key, "a conditional delete")
        if not self.refuses(key):
            attempt = Attempt(Doing.DELETE, key, self._root.path)
            await self._call(attempt, self._landing.remove, self._at(key))

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        """A sparse temporary file and its part record."""
        self._refuse(key)
        return await self._call(self._changing(key), self._uploads.create, key, layout)

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        """Write, sync and record one part; its etag is `md5` where given, else computed."""
        return await self._call(self._changing(upload.key), self._uploads.write, upload, span, body, md5)

    async def uploaded_parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts that a crash now would leave."""
        return await self._call(self._changing(upload.key), self._uploads.parts, upload)

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        """Sync, rename into place, forget the record."""
        return await self._call(self._changing(upload.key), self._complete, upload, completion)

    async def abort_upload(self, upload: Upload) -> None:
        """Remove the temporary file and its record."""
        with contextlib.suppress(errors.ObjectMissing):
            await self._call(self._changing(upload.key), self._uploads.abort, upload)

    async def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """Uploads that have a record here, by key."""
        attempt = Attempt(Doing.LIST, None, self._root.path)
        return await self._call(attempt, self._uploads.open_uploads, prefix)

    async def sweep_temporaries(self, keep: Set[str], before: datetime | None = None) -> int:
        """Remove temporary files last touched before `before` (default: all), but for uploads `keep`.

        Only names of the form made here, and none this store is using. Then Ferryline's folders
        at the root go where they are empty. Returns how many names were removed. A move that a
        crash cut short is finished, not removed.
        """
        attempt = Attempt(Doing.DELETE, None, self._root.path)
        before_ns = None if before is None else int(before.timestamp() * 1e9)
        return await self._call(attempt, self._sweep, keep, before_ns)

    async def erase(self, keep: bytes | None = None) -> AsyncGenerator[Erased, None]:
        """Remove everything below the root but the file of `keep`; the root stays. See `erase.erase`."""
        attempt = Attempt(Doing.DELETE, None, self._root.path)
        steps = Steps(erasing.erase(self._root, None if keep is None else names.path_of(keep)))
        try:
            while (step := await self._step(attempt, steps)) is not None:
                yield step
        finally:
            await self._blocking(steps.close)

    async def remains(self, most: int) -> tuple[int, tuple[bytes, ...]]:
        """How many entries of any kind lie below the root, and the first `most` paths."""
        attempt = Attempt(Doing.LIST, None, self._root.path)
        return await self._call(attempt, erasing.remains, self._root, most)

    def _sweep(self, keep: Set[str], before_ns: int | None) -> int:
        root, removed = self._root.folder(), 0
        stale = self._temporaries.stale(keep, before_ns)
        if root is not None and stale:
            with self._temporaries.folder() as folder:
                for name in stale:
                    if name.endswith(MOVING):
                        moving.recover(root, folder, name)
                    elif name.endswith(MOVING_TO) and name.removesuffix(MOVING_TO) + MOVING in stale:
                        continue  # its box comes with it
                    else:
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(name, dir_fd=folder)
                    removed += beneath.look(folder, name) is None
        self._temporaries.tidy()
        return removed

    def _write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        wanted = self._wanted(key, writing.condition)
        with self._temporaries.file(body) as temporary:
            temporary.finish(writing.modified_ns)
            seen = self._landing.place(temporary, wanted)
        return Written(None, token=None if seen is None else token_of(seen))

    def _complete(self, upload: Upload, completion: Completion) -> Written:
        wanted = self._wanted(upload.key, completion.writing.condition)
        seen = self._uploads.complete(
            upload,
            completion,
            lambda temporary: self._landing.place(temporary, wanted),
            lambda: self._landing.look(wanted),
        )
        return Written(None, token=None if seen is None else token_of(seen))

    async def _streaming(self, attempt: Attempt, steps: Steps[bytes]) -> AsyncIterator[bytes]:
        while (chunk := await self._step(attempt, steps)) is not None:
            yield chunk

    def _wanted(self, key: bytes, condition: Condition) -> Wanted:
        self._refuse(key)
        if condition.etag is not None:
            raise self._unsupported(key, "a write conditional on an ETag")
        return Wanted(key, names.path_of(key), condition.absent)

    @staticmethod
    def _at(key: bytes) -> Wanted:
        return Wanted(key, names.path_of(key))

    def _refuse(self, key: bytes) -> None:
        why = self.refuses(key)
        if why:
            raise errors.KeyRefused(
                f"{printable(key)} cannot be a file below {self._root.path}: {why}",
                advice="rename it at the source, or exclude it",
                key=key,
                place=self._root.path,
            )

    def _unsupported(self, key: bytes, what: str) -> errors.Unsupported:
        return errors.Unsupported(
            f"a file system has no ETags, so {what} cannot be done below {self._root.path}",
            advice="ask only for what the store's capabilities honour",
            key=key,
            place=self._root.path,
        )

    def _reading(self, key: bytes) -> Attempt:
        return Attempt(Doing.READ, key, self._root.path)

    def _changing(self, key: bytes) -> Attempt:
        self._wrote = True
        return Attempt(Doing.WRITE, key, self._root.path)

    async def _call(
        self, attempt: Attempt, function: Callable[P, R], *arguments: P.args, **named: P.kwargs
    ) -> R:
        """One attempt in a thread, errors translated; after ESTALE once more from a root opened anew."""
        try:
            return await self._blocking(partial(function, *arguments, **named))
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise translate(error, attempt) from error
            self._root.forget()
        try:
            return await self._blocking(partial(function, *arguments, **named))
        except OSError as error:
            raise translate(error, attempt) from error

    async def _step(self, attempt: Attempt, steps: Steps[R]) -> R | None:
        """One step; nothing is repeated, because a generator that raised would then end as if complete."""
        try:
            return await self._blocking(steps.take)
        except OSError as error:
            if error.errno == errno.ESTALE:
                self._root.forget()
            raise translate(error, attempt) from error

    async def _blocking(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)
