"""Direct access to a bucket, behind the client's back: what tests set up, look at and spoil.

Given out by `StrictServer.bucket`. Every call runs on the server's thread, so a test never sees a half-done
write. Keys are bytes, or text that is encoded as UTF-8.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ferryline.testing.strict import deleting, describing, lifecycle
from ferryline.testing.strict.checksum import DEFAULT, FULL, Stored, of_parts
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import World
from ferryline.testing.strict.settings import BucketSettings
from ferryline.testing.strict.shelf import Bucket, StoredPart, Upload, Version

Key = str | bytes
T = TypeVar("T")
Run = Callable[[Callable[[], T]], T]


@dataclass(frozen=True, slots=True)
class Put:
    """How `BucketAccess.put` stores: as one write, or (`part_bytes`) as if uploaded in such parts."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    part_bytes: int | None = None
    modified: float | None = None
    """Seconds since 1970; None: now."""
    etag: str | None = None
    locked_until: float = 0.0
    customer_key: bytes | None = None
    """Stored under this key (SSE-C)."""


PLAIN = Put()


def _bytes(key: Key) -> bytes:
    return key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key


class BucketAccess:
    """One bucket, as its owner's god."""

    def __init__(self, world: World, bucket: Bucket, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._world = world
        self._bucket = bucket
        self._run = run

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._bucket.name

    @property
    def settings(self) -> BucketSettings:
        """How this bucket behaves."""
        return self._bucket.settings

    @settings.setter
    def settings(self, settings: BucketSettings) -> None:
        self._bucket.settings = settings

    def put(self, key: Key, body: bytes, how: Put = PLAIN) -> Version:
        """Store an object."""
        return self._run(lambda: self._put(_bytes(key), body, how))  # type: ignore[no-any-return]

    def put_many(self, bodies: Mapping[Key, bytes], how: Put = PLAIN) -> None:
        """Store many objects in one step."""
        self._run(lambda: [self._put(_bytes(key), body, how) for key, body in bodies.items()])

    def _put(self, key: bytes, body: bytes, how: Put) -> Version:
        bucket = self._bucket
        moment = self._world.now() if how.modified is None else how.modified
        version = Version(key, bucket.next_version_id(), moment, Content.of(body))
        version.metadata = {name.lower(): value for name, value in how.metadata.items()}
        version.headers = {"content-type": "binary/octet-stream"}
        version.headers |= {name.lower(): value for name, value in how.headers.items()}
        version.tags, version.storage_class = dict(how.tags), how.storage_class
        version.locked_until = how.locked_until
        version.encryption = {"x-amz-server-side-encryption": bucket.settings.encryption.value}
        if how.customer_key is not None:
            describing.under_customer_key(version, how.customer_key)
        suffix, md5 = "", hashlib.md5(body).digest()
        version.checksum = Stored(DEFAULT, DEFAULT.compute(body))
        if how.part_bytes is not None:
            version.parts = _parts(body, how.part_bytes, moment)
            md5 = hashlib.md5(b"".join(bytes.fromhex(one.etag) for one in version.parts)).digest()
            suffix = f"-{len(version.parts)}"
            sums = [(one.crc64nvme, one.content.size) for one in version.parts]
            version.checksum = of_parts(DEFAULT, FULL, sums)
        version.etag = how.etag or describing.etag_of(self._world, version, md5, suffix)
        bucket.store(version)
        return version

    def get(self, key: Key, version_id: str | None = None) -> bytes | None:
        """The bytes of the current (or that) version; None where there is none."""
        version = self.version(key, version_id)
        return None if version is None or version.content is None else version.content.whole()

    def version(self, key: Key, version_id: str | None = None) -> Version | None:
        """The current visible version, or the one of this id (it may be a marker)."""
        raw = _bytes(key)
        return self._run(  # type: ignore[no-any-return]
            lambda: self._bucket.visible(raw) if version_id is None else self._bucket.version(raw, version_id)
        )

    def versions(self, key: Key) -> list[Version]:
        """Every version and marker of a key, the newest first."""
        return self._run(lambda: self._bucket.stack(_bytes(key)))  # type: ignore[no-any-return]

    def keys(self) -> list[bytes]:
        """Every visible key, in byte order."""
        bucket = self._bucket
        return self._run(lambda: [key for key in bucket.keys if bucket.visible(key) is not None])  # type: ignore[no-any-return]

    def contents(self) -> dict[bytes, bytes]:
        """Every visible key with its bytes (copied)."""
        return self._run(  # type: ignore[no-any-return]
            lambda: {
                key: version.content.whole()
                for key in self._bucket.keys
                if (version := self._bucket.visible(key)) is not None and version.content is not None
            }
        )

    def delete(self, key: Key, version_id: str | None = None) -> None:
        """Delete as a client would: a marker where versioning is on."""
        now = self._world.now()
        self._run(lambda: deleting.remove(self._bucket, _bytes(key), version_id, now))

    def clear(self) -> None:
        """Remove every version of every key, and every upload."""

        def empty() -> None:
            for one in list(self._bucket.everything()):
                self._bucket.drop(one.key, one.version_id)
            self._bucket.uploads.clear()

        self._run(empty)

    def corrupt(self, key: Key, at: int = 0) -> None:
        """Flip one bit of the current version's bytes; ETag, checksum and time stay (bit rot)."""

        def rot() -> None:
            version = self._bucket.visible(_bytes(key))
            if version is None or version.content is None or not version.content.size:
                raise KeyError(f"no bytes to corrupt under {key!r}")
            data = bytearray(version.content.whole())
            data[at] ^= 1
            version.content = Content.of(data)

        self._run(rot)

    def set_versioning(self, status: str | None) -> None:
        """`Enabled`, `Suspended` or None (never on)."""
        self._run(lambda: setattr(self._bucket, "versioning", status))

    def set_lifecycle(self, *rules: lifecycle.Rule) -> None:
        """Give the bucket these rules, as boto3 takes them, unchecked; none: it never had any."""

        def keep() -> None:
            self._bucket.documents.pop(lifecycle.NAME, None)
            if rules:
                self._bucket.documents[lifecycle.NAME] = lifecycle.document(*rules)

        self._run(keep)

    def change(self, **settings: Any) -> None:
        """Replace some of the bucket's settings."""
        self.settings = replace(self.settings, **settings)

    def uploads(self) -> list[Upload]:
        """Uploads under way, the oldest first."""
        return self._run(lambda: sorted(self._bucket.uploads.values(), key=lambda one: one.initiated))  # type: ignore[no-any-return]

    def open_upload(self, key: Key, *parts: bytes, initiated: float | None = None) -> str:
        """Begin an upload as somebody else would; its id."""

        def begin() -> str:
            raw = _bytes(key)
            moment = self._world.now() if initiated is None else initiated
            like = Version(raw, "", moment, headers={"content-type": "binary/octet-stream"})
            like.encryption = {"x-amz-server-side-encryption": self._bucket.settings.encryption.value}
            upload = Upload(secrets.token_urlsafe(48), raw, moment, like)
            for number, body in enumerate(parts, start=1):
                upload.parts[number] = _part(number, body, moment)
            self._bucket.uploads[upload.upload_id] = upload
            return upload.upload_id

        return self._run(begin)  # type: ignore[no-any-return]

    def drop_upload(self, upload_id: str) -> None:
        """Abort an upload as a lifecycle rule would."""
        self._run(lambda: self._bucket.uploads.pop(upload_id, None))


def _part(number: int, body: bytes, moment: float) -> StoredPart:
    etag = hashlib.md5(body).hexdigest()
    return StoredPart(number, Content.of(body), etag, moment, None, DEFAULT.compute(body))


def _parts(body: bytes, part_bytes: int, moment: float) -> tuple[StoredPart, ...]:
    view = memoryview(body)
    starts = range(0, len(body), part_bytes) if body else range(1)
    return tuple(
        _part(number, bytes(view[start : start + part_bytes]), moment)
        for number, start in enumerate(starts, start=1)
    )
