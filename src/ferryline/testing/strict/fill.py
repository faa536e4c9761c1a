"""Fills a bucket with made objects for benchmarks: seeded bytes, equal on every machine."""

import random
from dataclasses import dataclass
from typing import Self

from ferryline.testing.strict import checksum
from ferryline.testing.strict.checksum import DEFAULT
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import World
from ferryline.testing.strict.shelf import Bucket, Version

BLOCK_BYTES = 4 * 1024 * 1024
"""Larger objects repeat one block of so many bytes, so that a 2 GiB source costs no memory."""


@dataclass(frozen=True)
class Fill:
    """`count` objects of `size` bytes under `prefix`."""

    bucket: str
    count: int
    size: int
    prefix: str = "data/"
    seed: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """BUCKET:COUNT:BYTES[:PREFIX]."""
        pieces = text.split(":", 3)
        if len(pieces) < 3:
            raise ValueError(f"{text!r} is not BUCKET:COUNT:BYTES[:PREFIX]")
        prefix = pieces[3] if len(pieces) > 3 else cls.prefix
        return cls(pieces[0], int(pieces[1]), int(pieces[2]), prefix)


def fill(world: World, bucket: Bucket, wanted: Fill) -> None:
    """Store them, with true ETags and checksums."""
    chance = random.Random(wanted.seed)  # noqa: S311 - test data
    for number in range(wanted.count):
        block = chance.randbytes(min(wanted.size, BLOCK_BYTES))
        whole, rest = divmod(wanted.size, len(block)) if block else (0, 0)
        buffers = [block] * whole + ([block[:rest]] if rest else [])
        content = Content.of(*buffers)
        key = f"{wanted.prefix}{number:07d}.bin".encode()
        version = Version(key, bucket.next_version_id(), world.now(), content, content.md5().hex())
        version.headers = {"content-type": "binary/octet-stream"}
        version.encryption = {"x-amz-server-side-encryption": bucket.settings.encryption.value}
        version.checksum = checksum.Stored(DEFAULT, content.crc64nvme())
        bucket.store(version)
