"""A small made dataset: shards of little images, an index, the shape that training data has.

Pure functions of a seed, so that two processes make the same bytes. Used by the demo, the tutorial
and tests. Shards are tar files of PNG images with a label beside each, as WebDataset reads them.
"""

import io
import json
import random
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How big: `shards` tar files of `images_per_shard` images of `pixels` x `pixels`."""

    shards: int = 24
    images_per_shard: int = 32
    pixels: int = 48
    seed: int = 7


def png(pixels: int, noise: random.Random) -> bytes:
    """A valid PNG, 8-bit RGB: a coloured gradient with noise, so that it does not compress away."""
    base = [noise.randrange(256) for _ in range(3)]
    rows = bytearray()
    for y in range(pixels):
        rows.append(0)
        for x in range(pixels):
            grain = noise.randrange(32)
            rows += bytes(
                (base[0] + x * 3 + grain) % 256 if channel == 0 else (base[channel] + y * 3 + grain) % 256
                for channel in range(3)
            )
    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def shard(number: int, shape: Shape) -> bytes:
    """One tar file; the same bytes for the same number and shape."""
    noise = random.Random(f"{shape.seed}/{number}")  # noqa: S311  # made data, not a secret
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for index in range(shape.images_per_shard):
            name = f"{number:04}{index:05}"
            for suffix, data in (
                ("png", png(shape.pixels, noise)),
                ("cls", str(noise.randrange(1000)).encode()),
            ):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def objects(shape: Shape | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Every (key, bytes) of the dataset, in key order: `index.json` first, then the shards."""
    wanted = shape or Shape()
    bodies = {
        f"train/shard-{number:06}.tar".encode(): shard(number, wanted) for number in range(wanted.shards)
    }
    index = {
        "version": 1,
        "shards": [{"name": key.decode(), "bytes": len(body)} for key, body in bodies.items()],
        "samples": wanted.shards * wanted.images_per_shard,
    }
    yield b"index.json", json.dumps(index, indent=1).encode()
    yield from bodies.items()
