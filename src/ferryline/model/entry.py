"""One object as a listing or a HEAD saw it, and the token that tells its states apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ferryline.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Token:
    """What tells one state of an object from another.

    S3: `etag` (bytes without quotes) and `modified_ns` (Last-Modified, epoch nanoseconds), plus
    `version_id` when a reply gave one. Files: `modified_ns`, `change_ns` (ctime) and `inode`;
    `etag` is None. Tokens of different stores are never compared with each other.
    """

    etag: bytes | None
    modified_ns: int
    change_ns: int | None = None
    inode: int | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as a listing saw it. `key` is relative to the location's folder."""

    key: bytes
    size_bytes: int
    token: Token
    storage_class: str | None = None


_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What travels with the bytes.

    `user` is user metadata with lower-case names and values as sent on the wire (without the
    `x-amz-meta-` prefix); `system` holds Content-Type, Content-Encoding, Content-Language,
    Content-Disposition, Cache-Control and Expires under their lower-case header names.
    """

    user: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    system: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Stat:
    """One object as a HEAD (or fstat) saw it: more than a listing tells.

    `stored_checksum` is the store's own full-object checksum, if it returned one;
    `encryption` is None, `AES256` or `aws:kms` as the store named it, or `SSE-C`; `part_count` is known when
    the store told it; `archived` when a read needs a restore first. `tag_count` is how many tags it
    has, as far as the store tells: S3 tells it to those who may read them.
    """

    entry: Entry
    metadata: Metadata
    stored_checksum: Digest | None = None
    encryption: str | None = None
    part_count: int | None = None
    archived: bool = False
    tag_count: int = 0
    further_checksums: tuple[Digest, ...] = ()
    """Full-object checksums of other algorithms that the store keeps and told."""
