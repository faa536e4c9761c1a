"""Reading one pinned state of a file: fstat before and after, or a named error.

Called by the store of this package from its threads. Files have no versions, so a read proves its
pin by what fstat says of the open file before the first byte and after the last one.
"""

import errno
import os
from collections.abc import Iterator

from ferryline import errors
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.key import printable
from ferryline.model.span import Span
from ferryline.storage.file.landing import Landing, Wanted
from ferryline.storage.file.walk import inode_number, nanoseconds
from ferryline.storage.store import Pin, Received

CHUNK_BYTES = 1024 * 1024


def token_of(seen: os.stat_result) -> Token:
    """A file's token from its stat, as the walk's columns have it."""
    return Token(None, nanoseconds(seen.st_mtime_ns), nanoseconds(seen.st_ctime_ns), inode_number(seen))


def stat_of(key: bytes, seen: os.stat_result) -> Stat:
    """What a head or a read says of a file: files carry no metadata."""
    return Stat(Entry(key, seen.st_size, token_of(seen)), Metadata())


class Reader:
    """Reads below one root."""

    def __init__(self, root: str, landing: Landing) -> None:
        self._root = root
        self._landing = landing

    def whole(self, wanted: Wanted, pin: Pin, span: Span | None) -> Received:
        """The bytes of the file (or a span) in one piece."""
        opened = self._open(wanted, pin)
        try:
            seen = os.fstat(opened)
            pieces = list(self._pieces(wanted, opened, span, 1 << 30))
            self._compare(wanted, pin.token, seen, os.fstat(opened))
        finally:
            os.close(opened)
        return Received(pieces[0] if len(pieces) == 1 else b"".join(pieces), stat_of(wanted.key, seen))

    def chunks(self, wanted: Wanted, pin: Pin, span: Span | None) -> Iterator[bytes]:
        """First an empty chunk once the pinned file is open, then its bytes; closing closes the file."""
        opened = self._open(wanted, pin)
        try:
            yield b""
            seen = os.fstat(opened)
            yield from self._pieces(wanted, opened, span, CHUNK_BYTES)
            self._compare(wanted, pin.token, seen, os.fstat(opened))
        finally:
            os.close(opened)

    def forget_cached(self, wanted: Wanted) -> None:
        """Let the kernel drop the file's clean pages, so that the next read comes from the disk.

        A hint: pages that are dirty, mapped or in use stay, and some file systems ignore it.
        """
        try:
            opened = self._landing.open_file(wanted)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return  # the read that follows says that a symbolic link took its place
            raise
        if opened is None:
            return
        try:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(opened)

    def _open(self, wanted: Wanted, pin: Pin) -> int:
        try:
            opened = self._landing.open_file(wanted)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._changed(wanted, "a symbolic link took its place") from error
            raise
        if opened is None:
            raise errors.ObjectMissing(
                f"{printable(wanted.key)} is no longer a file below {self._root}",
                advice="the next run sees it",
                key=wanted.key,
                place=self._root,
            )
        seen = os.fstat(opened)
        try:
            self._compare(wanted, pin.token, seen, seen)
        except errors.ObjectChanged:
            os.close(opened)
            raise
        return opened

    def _pieces(self, wanted: Wanted, opened: int, span: Span | None, most: int) -> Iterator[bytes]:
        size_bytes = os.fstat(opened).st_size
        offset = 0
        if span is not None:
            if span.offset + span.size_bytes > size_bytes:
                raise self._changed(
                    wanted, f"it has {size_bytes} bytes, too few for the span at {span.offset}"
                )
            offset, size_bytes = span.offset, span.size_bytes
        while size_bytes > 0:
            piece = os.pread(opened, min(size_bytes, most), offset)
            if not piece:
                raise self._changed(wanted, "it became shorter while it was read")
            offset, size_bytes = offset + len(piece), size_bytes - len(piece)
            yield piece

    def _compare(self, wanted: Wanted, pinned: Token, before: os.stat_result, after: os.stat_result) -> None:
        found = token_of(after)
        same = (
            pinned.modified_ns == found.modified_ns
            and pinned.change_ns in {None, found.change_ns}
            and pinned.inode in {None, found.inode}
            and token_of(before) == found
            and before.st_size == after.st_size
        )
        if not same:
            raise self._changed(wanted, "its size, times or inode are no longer those that were listed")

    def _changed(self, wanted: Wanted, why: str) -> errors.ObjectChanged:
        return errors.ObjectChanged(
            f"{printable(wanted.key)} below {self._root} changed: {why}",
            advice="it is looked at again",
            key=wanted.key,
            place=self._root,
        )
