"""The rules that one plan follows, as frozen values.

Built by `pipeline` from a task and from what is known of both ends; read by everything in this room.
They decide nothing themselves but answer small questions about what can be trusted.
"""

from dataclasses import dataclass, field

from ferryline.model.span import OBJECT_BYTES_MAX
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.options import (
    ObjectMetadata,
    Options,
    OverwriteMode,
    PreserveDeletedFiles,
    TransferMode,
)
from ferryline.policy.values import OnUnknown
from ferryline.storage.capabilities import Capabilities, Support

ARCHIVED_CLASSES = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects must be restored before a read (GLACIER_IR is read at once)."""

_CONTRADICTED = frozenset({Support.IGNORED, Support.UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class Traits:
    """What a plan must know of one end. Every default is the careful one."""

    etag_is_md5: Support = Support.UNKNOWN
    stored_checksum: Support = Support.UNKNOWN
    hashes_locally: bool = False
    keeps_metadata: bool = True
    object_bytes_max: int | None = OBJECT_BYTES_MAX

    @staticmethod
    def of(capabilities: Capabilities) -> "Traits":
        """The traits of a store with these capabilities."""
        return Traits(
            etag_is_md5=capabilities.etag_is_md5,
            stored_checksum=capabilities.stored_checksum,
            hashes_locally=capabilities.hashes_locally,
            keeps_metadata=capabilities.keeps_metadata,
            object_bytes_max=None if capabilities.hashes_locally else OBJECT_BYTES_MAX,
        )

    @property
    def etag_contradicted(self) -> bool:
        """Whether a probe showed that this end's ETags mean something else than MD5."""
        return self.etag_is_md5 in _CONTRADICTED

    @property
    def checksum_contradicted(self) -> bool:
        """Whether this end is known not to keep a checksum that could be believed."""
        return self.stored_checksum in _CONTRADICTED


@dataclass(frozen=True, slots=True)
class Rules:
    """How to decide. `metadata` says whether user metadata and Content-* headers are kept."""

    transfer_mode: TransferMode = TransferMode.CHANGED
    overwrite_mode: OverwriteMode = OverwriteMode.ALWAYS
    preserve_deleted_files: PreserveDeletedFiles = PreserveDeletedFiles.PRESERVE
    on_unknown: OnUnknown = OnUnknown.COPY
    filters: Filters = EVERYTHING
    metadata: ObjectMetadata = ObjectMetadata.PRESERVE
    source: Traits = field(default_factory=Traits)
    destination: Traits = field(default_factory=Traits)
    reported: bool = False
    """Whether there are digests that somebody else computed of what lies there."""

    rereads_distrusted: bool = False
    """Whether what was found bad is read again on both sides, because this run cannot send it anew."""

    @staticmethod
    def of(
        options: Options, filters: Filters, on_unknown: OnUnknown, source: Traits, destination: Traits
    ) -> "Rules":
        """The rules of a task between two ends."""
        return Rules(
            transfer_mode=options.transfer_mode,
            overwrite_mode=options.overwrite_mode,
            preserve_deleted_files=options.preserve_deleted_files,
            on_unknown=on_unknown,
            filters=filters,
            metadata=options.object_metadata,
            source=source,
            destination=destination,
        )

    @property
    def compares_etags(self) -> bool:
        """Whether an equal ETag proves anything between these two ends."""
        return not (self.source.etag_contradicted or self.destination.etag_contradicted)

    @property
    def compares_checksums(self) -> bool:
        """Whether asking both ends for their checksums may prove anything."""
        return self.reported or not (
            self.source.checksum_contradicted or self.destination.checksum_contradicted
        )

    @property
    def keeps_metadata(self) -> bool:
        """Whether a change of metadata alone is a difference between these two ends."""
        return (
            self.metadata is ObjectMetadata.PRESERVE
            and self.source.keeps_metadata
            and self.destination.keeps_metadata
        )

    @property
    def removes(self) -> bool:
        """Whether keys that only the destination has are deleted."""
        return (
            self.preserve_deleted_files is PreserveDeletedFiles.REMOVE
            and self.transfer_mode is TransferMode.CHANGED
        )
