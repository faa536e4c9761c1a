"""Objects of one bucket in memory: bytes as they came, true ETags, uploads, and a sorted list of keys.

Used by `object_answers` only. Nothing is copied that need not be: a multipart object stays in the
pieces it came in. It knows no HTTP.
"""

import hashlib
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

Piece = bytes | bytearray
_BLOCK_BYTES = 16 * 1024**2


@dataclass(slots=True)
class Stored:
    """One object. `headers` are those to give back (content-type, x-amz-meta-…); `parts` 0 for a plain PUT."""

    pieces: list[Piece]
    etag: str
    parts: int
    headers: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    modified: str = ""
    listed_time: str = ""
    whole_md5: str = ""

    def __post_init__(self) -> None:
        self.size_bytes = sum(len(piece) for piece in self.pieces)
        now = time.time()
        self.modified = formatdate(now, usegmt=True)
        self.listed_time = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
        if not self.parts:
            self.whole_md5 = self.etag

    def slices(self, start: int, stop: int) -> list[memoryview]:
        """The bytes from `start` to `stop`, without a copy."""
        found: list[memoryview] = []
        for piece in self.pieces:
            if start < len(piece) and stop > 0:
                found.append(memoryview(piece)[max(0, start) : stop])
            start, stop = start - len(piece), stop - len(piece)
        return found

    def part_span(self, number: int) -> tuple[int, int] | None:
        """Where part `number` lies, when there is one."""
        if not 1 <= number <= len(self.pieces):
            return None
        start = sum(len(piece) for piece in self.pieces[: number - 1])
        return start, start + len(self.pieces[number - 1])

    def digest(self) -> str:
        """The MD5 of all bytes, whatever the ETag is."""
        if not self.whole_md5:
            md5 = hashlib.md5()
            for piece in self.pieces:
                md5.update(piece)
            self.whole_md5 = md5.hexdigest()
        return self.whole_md5


@dataclass(slots=True)
class Upload:
    """One multipart upload: its key, the headers of the object to be, and the parts by number."""

    key: bytes
    headers: Mapping[str, str]
    begun: str
    parts: dict[int, tuple[Piece, str]] = field(default_factory=dict)


class Shelf:
    """One bucket."""

    def __init__(self) -> None:
        self.objects: dict[bytes, Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self._keys: list[bytes] = []
        self._stale = False
        self._opened = 0

    def put(self, key: bytes, body: Piece, md5: str, headers: Mapping[str, str]) -> Stored:
        """Store a plain object whose MD5, in hexadecimal, the caller knows."""
        return self._keep(key, Stored([body], md5, 0, headers))

    def remove(self, key: bytes) -> None:
        """Remove an object, or nothing."""
        if self.objects.pop(key, None) is not None:
            self._stale = True

    def open_upload(self, key: bytes, headers: Mapping[str, str]) -> str:
        """Begin an upload; its id."""
        self._opened += 1
        name = f"upload-{self._opened:08}"
        self.uploads[name] = Upload(key, headers, time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()))
        return name

    def complete(self, name: str, numbers: list[int]) -> Stored:
        """Make an object of parts. Raises KeyError for a part or an upload that is not there."""
        upload = self.uploads[name]
        chosen = [upload.parts[number] for number in numbers]
        etag = hashlib.md5(b"".join(bytes.fromhex(etag) for _, etag in chosen)).hexdigest()
        del self.uploads[name]
        stored = Stored([piece for piece, _ in chosen], f"{etag}-{len(chosen)}", len(chosen), upload.headers)
        return self._keep(upload.key, stored)

    def keys(self) -> list[bytes]:
        """All keys in byte order. Not a copy."""
        if self._stale:
            self._keys = sorted(self.objects)
            self._stale = False
        return self._keys

    def between(self, prefix: bytes, after: bytes) -> tuple[int, int]:
        """The indexes in `keys` of those with a prefix that lie after a key."""
        keys = self.keys()
        first = bisect_left(keys, prefix)
        last = bisect_left(keys, prefix.rstrip(b"\xff") + b"\xff\xff\xff\xff") if prefix else len(keys)
        return max(first, bisect_right(keys, after)) if after else first, last

    def empty(self) -> None:
        """Forget everything."""
        self.objects.clear()
        self.uploads.clear()
        self._stale = True

    def fill(self, count: int, size_bytes: int, part_bytes: int) -> None:
        """Make `count` objects of seeded bytes; larger than `part_bytes` as if uploaded in such parts."""
        chance = random.Random(20250301)
        block = memoryview(chance.randbytes(min(_BLOCK_BYTES, max(size_bytes, 1))))
        headers = {"content-type": "application/octet-stream"}
        for index in range(count):
            key = b"train/shard-%04d/sample-%06d.bin" % (index // 500, index)
            mark = b"%016d" % index
            if size_bytes <= part_bytes:
                body = _made(block, mark, size_bytes)
                self.put(key, body, hashlib.md5(body).hexdigest(), headers)
                continue
            name = self.open_upload(key, headers)
            numbers = range(1, -(-size_bytes // part_bytes) + 1)
            for number in numbers:
                size = min(part_bytes, size_bytes - (number - 1) * part_bytes)
                body = _made(block, b"%016d" % (index * 100_000 + number), size)
                self.uploads[name].parts[number] = (body, hashlib.md5(body).hexdigest())
            self.complete(name, list(numbers))

    def _keep(self, key: bytes, stored: Stored) -> Stored:
        if key not in self.objects:
            self._stale = True
        self.objects[key] = stored
        return stored


def _made(block: memoryview, mark: bytes, size_bytes: int) -> bytes:
    """A body of its own for every mark: the mark, then the block as often as it takes."""
    whole, rest = divmod(max(0, size_bytes - len(mark)), len(block))
    return b"".join([mark[:size_bytes], *[block] * whole, block[:rest]])
