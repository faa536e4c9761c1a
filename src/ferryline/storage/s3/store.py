"""`S3Store`: the verbs of `storage.store` over one bucket's folder; each is one attempt.

Made by `opening.open_store`. Holds the connection pool and what is known of the endpoint; decides,
retries, paces and logs nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from ferryline import errors
from ferryline.model.entry import Stat
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.model.place import S3Location
from ferryline.model.span import Layout, Span
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.lifecycle import Rule
from ferryline.storage.premises import Greeting
from ferryline.storage.s3 import (
    copies,
    greeting,
    lifecycle,
    listing,
    objects,
    tagging,
    uploads,
    versions,
    writes,
)
from ferryline.storage.s3.client import Client
from ferryline.storage.store import (
    ALWAYS,
    Buffer,
    Completion,
    Condition,
    CopySource,
    Part,
    Pin,
    Received,
    Upload,
    Version,
    VersionsPage,
    Writing,
    Written,
)

_MAY_TAKE = (Support.HONOURED, Support.UNKNOWN)


class S3Store:
    """Lists, Heads, Reads, Writes, Deletes, Parts and Copies on S3. Close it on the loop that opened it."""

    def __init__(self, client: Client, capabilities: Capabilities) -> None:
        self._client = client
        self._capabilities = capabilities

    # -- what it is -----------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """The location's URL."""
        return self._client.place

    @property
    def location(self) -> S3Location:
        """The location this store was opened on."""
        return self._client.location

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the endpoint: AWS's documented table, or what `learn` was told."""
        return self._capabilities

    def learn(self, capabilities: Capabilities) -> None:
        """Use what a probe found out; checksum headers are sent accordingly."""
        self._capabilities = capabilities

    @property
    def server(self) -> str:
        """The Server header of the endpoint's newest answer; empty before the first."""
        return self._client.server.decode("utf-8", "replace")

    @property
    def region_resolved(self) -> str:
        """The region requests are signed for; on AWS without a declared region known after a request."""
        return self._client.region

    @property
    def region_source(self) -> str:
        """`resolved` when AWS told the bucket's region, else `declared`."""
        return self._client.region_source

    @property
    def is_aws(self) -> bool:
        """Whether requests go to AWS's own hosts."""
        return self._client.is_aws

    async def resolve_region(self) -> str:
        """On AWS hosts ask for the bucket's region and use it from now on; elsewhere the declared one."""
        return await self._client.resolve_region() if self.is_aws else self._client.region

    def refuses(self, key: bytes) -> str:
        """Why `key` can never be in this bucket, or an empty string; nothing is asked for."""
        try:
            self._client.absolute(key)
        except errors.KeyRefused as refusal:
            return refusal.message
        return ""

    async def close(self) -> None:
        """Close every connection. Safe to call twice."""
        self._client.close()

    # -- looking and reading --------------------------------------------------------------------

    async def greet(self) -> Greeting:
        """ListObjectsV2 of at most one key: whether the folder can be listed, and the endpoint's time."""
        return await greeting.greet(self._client)

    def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        """ListObjectsV2 over the range, one request a page."""
        return listing.pages(self._client, keys)

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """HeadObject; None when there is no such object or a delete marker is current."""
        return await objects.head(self._client, key, version_id, checksums_wanted=self._reads_checksums)

    async def head_part(self, key: bytes, pin: Pin, number: int) -> Stat | None:
        """HeadObject of one part: its size and `part_count`; None where partNumber is ignored."""
        return await objects.head_part(self._client, key, pin, number)

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """GetObject, buffered."""
        return await objects.read(self._client, key, pin, span, checksums_wanted=self._reads_checksums)

    def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """GetObject in chunks of at most 128 KiB."""
        return objects.stream(self._client, key, pin, span, checksums_wanted=self._reads_checksums)

    async def tags(self, key: bytes, version_id: str | None = None) -> Mapping[str, str]:
        """GetObjectTagging."""
        return await tagging.tags(self._client, key, version_id)

    async def set_tags(self, key: bytes, tags: Mapping[str, str]) -> None:
        """PutObjectTagging."""
        await tagging.set_tags(self._client, key, tags)

    # -- writing --------------------------------------------------------------------------------

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        """PutObject."""
        return await writes.write(self._client, key, body, writing, takes_checksum=self._takes_checksum)

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        """DeleteObject; on a versioned bucket this adds a delete marker."""
        await writes.delete(self._client, key, condition)

    async def delete_marking(self, key: bytes, condition: Condition = ALWAYS) -> str | None:
        """The same; the version id of the delete marker that was added, if one was."""
        return await writes.delete(self._client, key, condition)

    async def delete_version(self, key: bytes, version_id: str) -> None:
        """DeleteObject of one version, for good."""
        await writes.delete(self._client, key, ALWAYS, version_id)

    async def versions(self, prefix: bytes) -> tuple[tuple[bytes, str], ...]:
        """ListObjectVersions: (key, version id) of every version and delete marker below `prefix`."""
        return await versions.versions(self._client, prefix)

    async def versioning(self) -> bool:
        """GetBucketVersioning: whether every overwrite keeps what was there."""
        return await versions.enabled(self._client)

    async def versions_page(self, prefix: bytes, after: tuple[bytes, str] | None = None) -> VersionsPage:
        """ListObjectVersions, one page."""
        return await versions.page(self._client, prefix, after)

    async def delete_versions(
        self, found: Sequence[Version]
    ) -> Mapping[tuple[bytes, str], errors.FerrylineError]:
        """DeleteObjects of up to 1,000 versions: those that were not deleted, each with its error."""
        return await writes.delete_versions(self._client, [(one.key, one.version_id) for one in found])

    async def lifecycle(self) -> tuple[Rule, ...]:
        """GetBucketLifecycleConfiguration: the rules that are switched on."""
        return await lifecycle.rules(self._client)

    async def delete_many(self, keys: Sequence[bytes]) -> Mapping[bytes, errors.FerrylineError]:
        """DeleteObjects of up to 1,000 keys: the keys that were not deleted, each with its error."""
        return await writes.delete_many(self._client, keys)

    # -- parts and copies -----------------------------------------------------------------------

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        """CreateMultipartUpload."""
        honoured = self._capabilities.stored_checksum.honoured
        return await uploads.create(self._client, key, writing, takes_checksum=honoured)

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        """UploadPart."""
        honoured = self._capabilities.stored_checksum.honoured
        return await uploads.send_part(self._client, upload, span, body, md5, takes_checksum=honoured)

    async def upload_part_stream(self, upload: Upload, span: Span, chunks: AsyncIterator[bytes]) -> Part:
        """UploadPart of a part that need not fit into memory; what `chunks` raises is raised."""
        return await uploads.stream_part(self._client, upload, span, chunks)

    async def uploaded_parts(self, upload: Upload) -> tuple[Part, ...]:
        """ListParts, all pages."""
        return await uploads.parts(self._client, upload)

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        """CompleteMultipartUpload."""
        known = self._capabilities
        return await uploads.complete(
            self._client,
            upload,
            completion,
            takes_checksum=known.stored_checksum.honoured,
            takes_size=known.mpu_object_size.honoured,
        )

    async def abort_upload(self, upload: Upload) -> None:
        """AbortMultipartUpload, until no part remains."""
        await uploads.abort(self._client, upload)

    async def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """ListMultipartUploads, all pages."""
        return await uploads.open_uploads(self._client, prefix)

    async def copy_from(self, key: bytes, source: CopySource, writing: Writing) -> Written:
        """CopyObject."""
        honoured = self._capabilities.stored_checksum.honoured
        return await copies.copy_object(self._client, key, source, writing, takes_checksum=honoured)

    async def copy_part_from(self, upload: Upload, span: Span, source: CopySource) -> Part:
        """UploadPartCopy."""
        return await copies.copy_part(self._client, upload, span, source)

    @property
    def _reads_checksums(self) -> bool:
        return self._capabilities.stored_checksum.honoured

    @property
    def _takes_checksum(self) -> bool:
        return self._capabilities.stored_checksum in _MAY_TAKE
