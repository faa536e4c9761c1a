"""What an endpoint honours, per verb: honoured, unsupported, silently ignored, or not known.

Filled by `storage.probe` (S3) or declared (files, memory, AWS's documented table). Unprobed means
"assume ignored": whoever decides asks `honoured`, never `not ignored`.
"""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Support(StrEnum):
    """How an endpoint treats a feature."""

    HONOURED = "honoured"
    UNSUPPORTED = "unsupported"
    IGNORED = "ignored"
    UNKNOWN = "unknown"

    @property
    def honoured(self) -> bool:
        """Only what was seen (or is documented) to be honoured counts."""
        return self is Support.HONOURED


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One endpoint's behaviour. Every default is the careful one."""

    provider: str = "unknown"
    ordered: bool = True
    ranged: bool = True
    """`KeyRange.after` costs the store no walk from the beginning, so ranges may be listed at once."""
    etag_is_md5: Support = Support.UNKNOWN
    """A PUT's ETag is the MD5 of the bytes sent, and a multipart ETag the MD5 of part MD5s."""
    read_if_match: Support = Support.UNKNOWN
    write_if_none_match: Support = Support.UNKNOWN
    write_if_match: Support = Support.UNKNOWN
    complete_if_none_match: Support = Support.UNKNOWN
    complete_if_match: Support = Support.UNKNOWN
    delete_if_match: Support = Support.UNKNOWN
    content_md5: Support = Support.UNKNOWN
    """A wrong Content-MD5 is refused."""
    stored_checksum: Support = Support.UNKNOWN
    """A wrong checksum header is refused and HEAD returns the right full-object CRC64NVME."""
    part_number: Support = Support.UNKNOWN
    """HEAD with partNumber answers 206 with the number of parts."""
    mpu_object_size: Support = Support.UNKNOWN
    tagging: Support = Support.UNKNOWN
    """Tags given with a write are kept, and told when asked for."""
    copy_source_if_match: Support = Support.UNKNOWN
    """A server-side copy of another state of its source than the one named is refused."""
    copy_if_none_match: Support = Support.UNKNOWN
    copy_if_match: Support = Support.UNKNOWN
    """The conditions on the destination of CopyObject."""
    keeps_metadata: bool = True
    """User metadata and Content-* headers survive a write."""
    hashes_locally: bool = False
    """Bytes can be hashed without a network (files, memory)."""
    part_bytes_min: int = 5 * 1024 * 1024
    single_write_bytes_max: int = 5 * 1024**3
    copy_bytes_max: int = 5 * 1024**3
    """The largest object that one CopyObject takes, and the largest part that one UploadPartCopy makes."""
    server: str = ""
    """The Server header the probe saw; a change asks for a new probe."""


AWS = Capabilities(
    provider="aws",
    etag_is_md5=Support.HONOURED,
    read_if_match=Support.HONOURED,
    write_if_none_match=Support.HONOURED,
    write_if_match=Support.HONOURED,
    complete_if_none_match=Support.HONOURED,
    complete_if_match=Support.HONOURED,
    delete_if_match=Support.HONOURED,
    content_md5=Support.HONOURED,
    stored_checksum=Support.HONOURED,
    part_number=Support.HONOURED,
    mpu_object_size=Support.HONOURED,
    tagging=Support.HONOURED,
    copy_source_if_match=Support.HONOURED,
    copy_if_none_match=Support.HONOURED,
    copy_if_match=Support.HONOURED,
)
"""AWS general-purpose buckets, from the S3 API text in botocore. ETags are still not MD5 under KMS."""


def text(capabilities: Capabilities) -> str:
    """Capabilities as one line of JSON, to be remembered."""
    return json.dumps(dataclasses.asdict(capabilities), sort_keys=True)


def parse(body: str) -> Capabilities | None:
    """Read back `text`; None for what another version wrote, which is as good as not probed."""
    supports = {one.name for one in dataclasses.fields(Capabilities) if isinstance(one.default, Support)}
    try:
        told: dict[str, Any] = json.loads(body)
        values: Any = {name: Support(value) if name in supports else value for name, value in told.items()}
        return dataclasses.replace(Capabilities(), **values)
    except (ValueError, TypeError, AttributeError):
        return None
