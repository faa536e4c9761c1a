"""What a strict server is told: who may call, what it claims, and by which lies it differs from AWS.

Frozen values, given to `StrictServer` and looked at by every verb. A test that wants another behaviour
changes `server.settings` or `bucket.settings` by `dataclasses.replace`, between two requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

ACCESS_KEY: Final = "FLTEST"
SECRET_KEY: Final = "not-a-secret"  # noqa: S105 - the credentials of a server that lives for one test
REGION: Final = "us-east-1"


class Lie(StrEnum):
    """A way in which endpoints in the field differ from AWS without saying so."""

    IGNORES_READ_IF_MATCH = "ignores-read-if-match"
    IGNORES_WRITE_PRECONDITIONS = "ignores-write-preconditions"
    IGNORES_COMPLETE_PRECONDITIONS = "ignores-complete-preconditions"
    IGNORES_DELETE_PRECONDITIONS = "ignores-delete-preconditions"
    IGNORES_COPY_PRECONDITIONS = "ignores-copy-preconditions"
    REFUSES_WRITE_PRECONDITIONS = "refuses-write-preconditions"
    """501 for a PUT, Complete or DELETE with a precondition: not a lie, but met in the field."""
    IGNORES_CHECKSUMS = "ignores-checksums"
    """Wrong `x-amz-checksum-*` accepted, none stored, none returned."""
    ECHOES_CHECKSUMS = "echoes-checksums"
    """What was announced is stored and returned without a look at the bytes."""
    IGNORES_CONTENT_MD5 = "ignores-content-md5"
    IGNORES_PART_NUMBER = "ignores-part-number"
    IGNORES_OBJECT_SIZE = "ignores-object-size"
    """`x-amz-mp-object-size` is not checked."""
    LISTS_UNORDERED = "lists-unordered"
    ETAG_NOT_MD5 = "etag-not-md5"
    COMPLETE_WITHOUT_ETAG = "complete-without-etag"
    COPIES_MULTIPART_ETAG = "copies-multipart-etag"
    """CopyObject carries a `-N` ETag along."""
    ACCEPTS_SMALL_PARTS = "accepts-small-parts"
    FORGETS_METADATA = "forgets-metadata"
    IGNORES_TAGGING = "ignores-tagging"
    """`x-amz-tagging` is accepted and forgotten; no object has tags."""
    REFUSES_TAGGING = "refuses-tagging"
    """501 for `x-amz-tagging` and for every tagging operation: not a lie, but met in the field."""
    REFUSES_COPIES = "refuses-copies"
    """501 for CopyObject and UploadPartCopy: the same."""
    REFUSES_DELETE_OBJECTS_WITHOUT_MD5 = "refuses-delete-objects-without-md5"
    """As older servers do: a checksum header does not stand in for Content-MD5."""


class Encryption(StrEnum):
    """How a bucket encrypts what names no encryption of its own."""

    SSE_S3 = "AES256"
    KMS = "aws:kms"


class Redirect(StrEnum):
    """How a request signed for another region than the bucket's is answered."""

    PERMANENT = "PermanentRedirect"
    MALFORMED = "AuthorizationHeaderMalformed"


@dataclass(frozen=True, slots=True)
class Refused:
    """Operations (a glob over S3's API names) that a credential may not do on keys (a glob)."""

    operation: str
    key: str = "*"


@dataclass(frozen=True, slots=True)
class Credential:
    """Who may call. `expired` answers ExpiredToken; `refused` makes it read-only, or blind for a prefix."""

    secret: str = field(default=SECRET_KEY, repr=False)
    session_token: str | None = field(default=None, repr=False)
    refused: tuple[Refused, ...] = ()
    expired: bool = False


READ_ONLY: Final = tuple(
    Refused(f"{verb}*") for verb in ("Put", "Delete", "Copy", "Create", "Upload", "Complete", "Abort")
)
"""What a credential that may only read is refused."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's behaviour. The defaults are AWS's."""

    region: str = REGION
    credentials: Mapping[str, Credential] = field(default_factory=lambda: {ACCESS_KEY: Credential()})
    verify_signatures: bool = True
    """False: anybody may do anything, and no signature is looked at."""
    lies: frozenset[Lie] = frozenset()
    server_header: str = "AmazonS3"
    page_keys: int = 1000
    """Keys a listing page holds at most, whatever `max-keys` asks for."""
    clock_offset_seconds: float = 0.0
    """Added to this machine's clock: for the Date header and for the skew check."""
    redirect: Redirect = Redirect.PERMANENT
    domain: str = ""
    """Where set, a Host of `BUCKET.domain` names the bucket and the whole path is the key."""
    owner_id: str = "f" * 64

    def lies_by(self, lie: Lie) -> bool:
        """Whether this lie is told."""
        return lie in self.lies


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """One bucket's behaviour."""

    name: str
    region: str | None = None
    """None: the server's."""
    encryption: Encryption = Encryption.SSE_S3
    requester_pays: bool = False
    public_read: bool = False
    """Anonymous GET, HEAD and listings are allowed."""
    blocks_sse_c: bool = False
