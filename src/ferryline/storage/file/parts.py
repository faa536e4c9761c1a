"""Large files in parts that survive a crash: a temporary file and a record of what is durable in it.

Called by the store of this package from its threads. The record `<id>.parts` is JSON lines, each
synced after the data it speaks of: first the key and the layout, then one line per finished part,
at last which inode is about to be renamed into place. A torn last line was never promised.
Nothing is visible under the key before `complete`.
"""

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ferryline import clock, crash, errors
from ferryline.model.key import printable
from ferryline.model.span import Layout, Span
from ferryline.storage.file import beneath, temporary
from ferryline.storage.file.root import Root
from ferryline.storage.store import Completion, Part, Upload

_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")

Place = Callable[[temporary.Temporary], os.stat_result | None]
"""Moves the finished file to its key."""
Look = Callable[[], os.stat_result | None]
"""lstat of the file that is under the key now."""


@dataclass(slots=True)
class _Record:
    """What a part record says."""

    key: bytes
    layout: Layout
    initiated: datetime
    parts: dict[int, Part] = field(default_factory=dict)
    placing_inode: int | None = None


class PartFiles:
    """The open uploads of one root."""

    def __init__(self, root: Root, temporaries: temporary.Temporaries, time: clock.Clock) -> None:
        self._root = root
        self._temporaries = temporaries
        self._clock = time
        self._lock = threading.Lock()

    def create(self, key: bytes, layout: Layout) -> Upload:
        """Make the sparse temporary file and its record, both durable."""
        now = self._clock.now()
        with self._temporaries.folder() as folder, self._temporaries.name(b"") as stem:
            data = temporary.create(folder, stem + temporary.PART_DATA)
            try:
                os.ftruncate(data, layout.size_bytes)
                os.fsync(data)
            finally:
                os.close(data)
            first = {
                "key": key.hex(),
                "size_bytes": layout.size_bytes,
                "part_bytes": layout.part_bytes,
                "initiated": now.isoformat(),
            }
            record = temporary.create(folder, stem + temporary.PART_RECORD)
            try:
                _append(record, first)
            finally:
                os.close(record)
            beneath.sync_folder(folder)
        crash.point("file.upload.created")
        return Upload(key, stem.decode(), now)

    def write(
        self, upload: Upload, span: Span, body: bytes | bytearray | memoryview, md5: bytes | None
    ) -> Part:
        """Put one part in its place, durably, then say so in the record.

        A part that was recorded is first struck out, so that a crash in the middle of writing it
        again leaves no line that promises bytes that are half old and half new.
        """
        view = memoryview(body).cast("B")
        digest = md5 if md5 is not None else hashlib.md5(view).digest()
        with self._temporaries.folder() as folder:
            record = self._read(folder, upload)
            if record.placing_inode is not None or record.layout.span(span.number) != span:
                raise self._refused(upload, f"part {span.number} does not fit its layout")
            if len(view) != span.size_bytes:
                raise self._refused(upload, f"part {span.number} has {len(view)} of {span.size_bytes} bytes")
            if span.number in record.parts:
                self._note(folder, upload, {"number": span.number, "void": True})
            data = self._open(folder, upload, temporary.PART_DATA, os.O_RDWR)
            try:
                beneath.write_whole(lambda rest, at: os.pwrite(data, rest, span.offset + at), view)
                os.fdatasync(data)
            finally:
                os.close(data)
            crash.point("file.part.written")
            line = {"number": span.number, "size_bytes": span.size_bytes, "md5": digest.hex()}
            self._note(folder, upload, line)
        crash.point("file.part.recorded")
        return Part(span.number, span.size_bytes, digest.hex().encode())

    def parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts that are durable, by number. Raises ObjectMissing where the file is gone."""
        with self._temporaries.folder() as folder:
            record = self._read(folder, upload)
            if beneath.look(folder, upload.upload_id.encode() + temporary.PART_DATA) is None:
                raise self._gone(upload)
        return tuple(record.parts[number] for number in sorted(record.parts))

    def complete(
        self, upload: Upload, completion: Completion, place: Place, look: Look
    ) -> os.stat_result | None:
        """Check that every part is there, sync, and have `place` move the file under its key.

        Completing again what a crash left renamed but still recorded succeeds; once the record is
        gone too it raises ObjectMissing, and the file stays as it is.
        """
        with self._temporaries.folder() as folder:
            record = self._read(folder, upload)
            stem = upload.upload_id.encode()
            try:
                data = self._open(folder, upload, temporary.PART_DATA, os.O_RDWR)
            except errors.ObjectMissing:
                return self._completed_before(folder, upload, record, look)
            finished = temporary.Temporary(folder, stem + temporary.PART_DATA, data)
            try:
                self._check(upload, record, completion, os.fstat(data).st_size)
                self._note(folder, upload, {"placing_inode": os.fstat(data).st_ino})
                finished.finish(completion.writing.modified_ns)
                seen = place(finished)
            finally:
                if finished.descriptor >= 0:
                    os.close(finished.descriptor)
            crash.point("file.upload.placed")
            os.unlink(stem + temporary.PART_RECORD, dir_fd=folder)
        return seen

    def abort(self, upload: Upload) -> None:
        """Remove file and record; what is not there is as it should be."""
        stem = self._stem(upload)
        with self._temporaries.folder() as folder:
            for ending in (temporary.PART_DATA, temporary.PART_RECORD):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(stem + ending, dir_fd=folder)

    def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """Every upload whose key starts with `prefix`, by key, then by id."""
        found: list[Upload] = []
        stems = [
            name.removesuffix(temporary.PART_RECORD)
            for name in self._temporaries.names()
            if name.endswith(temporary.PART_RECORD)
        ]
        if not stems:
            return ()
        with self._temporaries.folder() as folder:
            for stem in stems:
                try:
                    record = self._read(folder, Upload(b"", stem.decode()))
                except errors.ObjectMissing:
                    continue
                if record.key.startswith(prefix):
                    found.append(Upload(record.key, stem.decode(), record.initiated))
        return tuple(sorted(found, key=lambda one: (one.key, one.upload_id)))

    def _completed_before(
        self, folder: int, upload: Upload, record: _Record, look: Look
    ) -> os.stat_result | None:
        there = look()
        if record.placing_inode is None or there is None or there.st_ino != record.placing_inode:
            raise self._gone(upload)
        os.unlink(self._stem(upload) + temporary.PART_RECORD, dir_fd=folder)
        return there

    def _check(self, upload: Upload, record: _Record, completion: Completion, size_bytes: int) -> None:
        recorded = [record.parts.get(number) for number in range(1, record.layout.count + 1)]
        named = [(part.number, part.size_bytes, part.etag) for part in completion.parts]
        if named != [(part.number, part.size_bytes, part.etag) for part in recorded if part is not None]:
            raise self._refused(upload, "the parts named are not the parts recorded")
        if None in recorded and record.layout.size_bytes > 0:
            raise self._refused(upload, f"part {recorded.index(None) + 1} is missing")
        if not size_bytes == record.layout.size_bytes == completion.size_bytes:
            raise self._refused(upload, f"it has {size_bytes} of {completion.size_bytes} bytes")

    def _read(self, folder: int, upload: Upload) -> _Record:
        opened = self._open(folder, upload, temporary.PART_RECORD, os.O_RDONLY)
        with open(opened, "rb") as lines:
            text = lines.read()
        whole = [json.loads(line) for line in text.split(b"\n")[:-1]]
        if not whole:  # created and torn: nothing was promised
            raise self._gone(upload)
        first = whole[0]
        record = _Record(
            bytes.fromhex(first["key"]),
            Layout(first["size_bytes"], first["part_bytes"]),
            datetime.fromisoformat(first["initiated"]),
        )
        for line in whole[1:]:
            if "placing_inode" in line:
                record.placing_inode = line["placing_inode"]
            elif "void" in line:
                record.parts.pop(line["number"], None)
            else:
                part = Part(line["number"], line["size_bytes"], line["md5"].encode())
                record.parts[part.number] = part
        return record

    def _note(self, folder: int, upload: Upload, line: dict[str, Any]) -> None:
        with self._lock:
            record = self._open(folder, upload, temporary.PART_RECORD, os.O_RDWR | os.O_APPEND)
            try:
                _mend(record)
                _append(record, line)
            finally:
                os.close(record)

    def _open(self, folder: int, upload: Upload, ending: bytes, flags: int) -> int:
        try:
            return os.open(self._stem(upload) + ending, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError as error:
            raise self._gone(upload) from error

    def _stem(self, upload: Upload) -> bytes:
        # The id may come from a document somebody else wrote: it names a file only in this form.
        if not _UPLOAD_ID.fullmatch(upload.upload_id):
            raise self._gone(upload)
        return upload.upload_id.encode()

    def _gone(self, upload: Upload) -> errors.ObjectMissing:
        return errors.ObjectMissing(
            f"the partial file of {printable(upload.key)} below {self._root.path} is gone",
            advice="it is written again from the beginning",
            key=upload.key,
            place=self._root.path,
        )

    def _refused(self, upload: Upload, why: str) -> errors.ObjectFailed:
        return errors.ObjectFailed(
            f"the partial file of {printable(upload.key)} below {self._root.path} cannot be used: {why}",
            advice="run again; it is written from the beginning",
            key=upload.key,
            place=self._root.path,
            kind="upload-unusable",
        )


def _append(record: int, line: dict[str, Any]) -> None:
    text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    beneath.write_whole(lambda rest, _: os.write(record, rest), text)
    os.fsync(record)


def _mend(record: int) -> None:
    """Cut a torn last line off before appending, or the next one would be torn too."""
    size_bytes = os.fstat(record).st_size
    if size_bytes == 0 or os.pread(record, 1, size_bytes - 1) == b"\n":
        return
    tail = os.pread(record, min(size_bytes, 4096), max(0, size_bytes - 4096))
    os.ftruncate(record, size_bytes - (len(tail) - 1 - tail.rfind(b"\n")))
