"""What a table is made of: its chunks in key order, each with its identity and where its rows are stored.

A chunk is stored whole, or as an older chunk (its `base`) with changes on top (its `layers`), so
that a thousand scattered changes cost a thousand rows and not a thousand chunks. How it is stored is
no part of its identity. Manifests and receipts hold an `Index`; `load` reads what it points to.
"""

import base64
import binascii
import itertools
from dataclasses import dataclass
from typing import Any

from ferryline.snapshot import canonical
from ferryline.snapshot.rows import Shape


@dataclass(frozen=True, slots=True)
class Layer:
    """The `rows` changes that the file of changes `patch` holds for one chunk."""

    patch: str
    rows: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows with keys after the previous chunk's `upto`, to `upto` inclusive.

    `size_bytes` is the sum of the objects' sizes (0 in receipts). `base` is the stored chunk with
    `base_rows` rows, on which `layers` are applied, oldest first; stored whole, it is `id` itself.
    """

    id: str
    upto: bytes
    rows: int
    size_bytes: int
    base: str
    base_rows: int
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """A whole table."""

    shape: Shape
    chunks: tuple[Chunk, ...]

    @property
    def root(self) -> str:
        """The table's identity."""
        return canonical.root_id(self.shape, [one.id for one in self.chunks])

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(one.rows for one in self.chunks)

    @property
    def size_bytes(self) -> int:
        """Sum of the objects' sizes."""
        return sum(one.size_bytes for one in self.chunks)

    @property
    def bases(self) -> frozenset[str]:
        """The stored chunks it needs."""
        return frozenset(one.base for one in self.chunks)

    @property
    def patches(self) -> frozenset[str]:
        """The files of changes it needs."""
        return frozenset(layer.patch for one in self.chunks for layer in one.layers)

    def spans(self) -> list[tuple[bytes | None, Chunk]]:
        """Each chunk with the key after which it starts, in order."""
        starts: list[bytes | None] = [None, *(one.upto for one in self.chunks)]
        return list(zip(starts, self.chunks, strict=False))


def to_json(index: Index) -> dict[str, Any]:
    """The index as a document: identities are named once, then by their place."""
    patches = sorted(index.patches)
    place = {patch: number for number, patch in enumerate(patches)}
    return {
        "rows": index.rows,
        "bytes": index.size_bytes,
        "patches": patches,
        "chunks": [
            [
                one.id,
                base64.b64encode(one.upto).decode(),
                one.rows,
                one.size_bytes,
                None if one.base == one.id else one.base,
                one.base_rows,
                [[place[layer.patch], layer.rows] for layer in one.layers],
            ]
            for one in index.chunks
        ],
    }


def from_json(shape: Shape, document: Any) -> Index:
    """Read back `to_json`. Raises ValueError with what is wrong."""
    try:
        patches = [_id(one) for one in document["patches"]]
        chunks = tuple(_chunk(one, patches) for one in document["chunks"])
    except (KeyError, TypeError, IndexError, binascii.Error) as error:
        raise ValueError(f"its list of chunks is malformed ({type(error).__name__}: {error})") from error
    index = Index(shape, chunks)
    ends = [one.upto for one in chunks]
    if any(left >= right for left, right in itertools.pairwise(ends)):
        raise ValueError("its chunks are out of order")
    if document.get("rows") != index.rows or document.get("bytes") != index.size_bytes:
        raise ValueError("its totals are not the sums of its chunks")
    return index


def _chunk(fields: list[Any], patches: list[str]) -> Chunk:
    name, upto, rows, size_bytes, base, base_rows, layers = fields
    placed = tuple(Layer(patches[_count(number)], _count(count)) for number, count in layers)
    own = _id(name)
    key = base64.b64decode(upto, validate=True)
    stored = own if base is None else _id(base)
    return Chunk(own, key, _count(rows), _count(size_bytes), stored, _count(base_rows), placed)


def _id(text: Any) -> str:
    if isinstance(text, str) and len(text) == canonical.ID_HEX and not set(text) - set("0123456789abcdef"):
        return text
    raise ValueError(f"{str(text)[:80]!r} is no identity")


def _count(number: Any) -> int:
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    raise ValueError(f"{str(number)[:80]!r} is no count")
