"""What the server holds: buckets, versions, uploads, parts. In memory, changed only on the server's thread.

The verbs read and write it; `access` does so behind the client's back. Versions and parts are never
changed in place but for their tags and locks.
"""

import bisect
import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from ferryline.testing.strict.checksum import Algorithm, Stored
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.settings import BucketSettings

NULL = "null"


@dataclass(slots=True)
class StoredPart:
    """A part of an upload, or of the object that was made of it."""

    number: int
    content: Content
    etag: str
    modified: float
    checksum: Stored | None = None
    crc64nvme: bytes = b""


@dataclass(slots=True)
class Version:
    """One version of a key; a delete marker has no content. ETags are kept without quotes."""

    key: bytes
    version_id: str
    modified: float
    content: Content | None = None
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """What GET and HEAD give back as it came: Content-Type, Cache-Control, …"""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    restored: bool = False
    checksum: Stored | None = None
    parts: tuple[StoredPart, ...] = ()
    parts_named: bool = False
    """The upload named a checksum algorithm, so GetObjectAttributes tells its parts."""
    encryption: dict[str, str] = field(default_factory=dict)
    customer_key_md5: str | None = None
    locked_until: float = 0.0
    legal_hold: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return 0 if self.content is None else self.content.size

    @property
    def is_marker(self) -> bool:
        """Whether this is a delete marker."""
        return self.content is None

    @property
    def archived(self) -> bool:
        """Whether a read needs a restore first."""
        return self.storage_class in {"GLACIER", "DEEP_ARCHIVE"} and not self.restored


@dataclass(slots=True)
class Upload:
    """A multipart upload under way: what its Create said, and the parts so far."""

    upload_id: str
    key: bytes
    initiated: float
    like: Version
    """Everything the object will have but for content, ETag and checksum."""
    algorithm: Algorithm | None = None
    checksum_type: str = ""
    parts: dict[int, StoredPart] = field(default_factory=dict)


class Bucket:
    """One bucket: versions by key, the keys in byte order, uploads by id."""

    def __init__(self, settings: BucketSettings, created: float) -> None:
        self.settings = settings
        self.created = created
        self.versioning: str | None = None
        self.uploads: dict[str, Upload] = {}
        self.completed: dict[str, tuple[bytes, str]] = {}
        """Key and version of uploads that were completed: completing again answers the same."""
        self.documents: dict[str, bytes] = {}
        """Sub-resources that are kept and given back as they came: lifecycle, tagging, …"""
        self.page_starts: dict[str, bytes] = {}
        self._versions: dict[bytes, list[Version]] = {}
        self._keys: list[bytes] = []
        self._ids = itertools.count(1)

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.settings.name

    @property
    def keys(self) -> list[bytes]:
        """Every key that has any version, in byte order. Not to be changed."""
        return self._keys

    def current(self, key: bytes) -> Version | None:
        """The newest version or delete marker."""
        stack = self._versions.get(key)
        return stack[-1] if stack else None

    def visible(self, key: bytes) -> Version | None:
        """The newest version unless it is a delete marker."""
        newest = self.current(key)
        return None if newest is None or newest.content is None else newest

    def version(self, key: bytes, version_id: str) -> Version | None:
        """The version of this id."""
        for one in self._versions.get(key, ()):
            if one.version_id == version_id:
                return one
        return None

    def stack(self, key: bytes) -> list[Version]:
        """Every version of a key, the newest first."""
        return self._versions.get(key, [])[::-1]

    def everything(self) -> Iterator[Version]:
        """Every version of every key, keys in byte order, the newest version of each first."""
        for key in self._keys:
            yield from reversed(self._versions[key])

    def next_version_id(self) -> str:
        """A version id for a write now: opaque where versioning is on, else `null`."""
        if self.versioning != "Enabled":
            return NULL
        return f"{next(self._ids):08x}{secrets.token_hex(12)}"

    def store(self, version: Version) -> None:
        """Make this the current version; a `null` version replaces the `null` version there was."""
        stack = self._versions.get(version.key)
        if stack is None:
            self._versions[version.key] = [version]
            if not self._keys or self._keys[-1] < version.key:
                self._keys.append(version.key)
            else:
                bisect.insort(self._keys, version.key)
            return
        if version.version_id == NULL:
            stack[:] = [one for one in stack if one.version_id != NULL]
        stack.append(version)

    def drop(self, key: bytes, version_id: str) -> Version | None:
        """Remove one version for good."""
        stack = self._versions.get(key, [])
        for index, one in enumerate(stack):
            if one.version_id == version_id:
                del stack[index]
                if not stack:
                    del self._versions[key]
                    del self._keys[bisect.bisect_left(self._keys, key)]
                return one
        return None
