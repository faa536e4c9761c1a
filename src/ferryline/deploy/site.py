"""One end of a DataSync task as far as it is known at program time, and what its kind can do.

`location` makes it of arguments; `choice`, `subpath` and `pairing` decide with it. Pure.
Sources: the DataSync user guide on locations, task modes and metadata, and the API model's patterns.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a location is."""

    S3 = "s3"
    S3_OUTPOSTS = "s3_outposts"
    EFS = "efs"
    FSX_WINDOWS = "fsx_windows"
    FSX_LUSTRE = "fsx_lustre"
    FSX_OPENZFS = "fsx_openzfs"
    FSX_ONTAP_NFS = "fsx_ontap_nfs"
    FSX_ONTAP_SMB = "fsx_ontap_smb"
    NFS = "nfs"
    SMB = "smb"
    OBJECT_STORAGE = "object_storage"
    AZURE_BLOB = "azure_blob"
    HDFS = "hdfs"


OBJECTS = frozenset({Kind.S3, Kind.S3_OUTPOSTS, Kind.OBJECT_STORAGE, Kind.AZURE_BLOB})
"""Kinds that hold objects; POSIX metadata lives there only as user metadata."""

POSIX = frozenset({Kind.EFS, Kind.FSX_LUSTRE, Kind.FSX_OPENZFS, Kind.FSX_ONTAP_NFS, Kind.NFS, Kind.HDFS})
"""Kinds with owners and mode bits of their own."""

WINDOWS = frozenset({Kind.FSX_WINDOWS, Kind.FSX_ONTAP_SMB, Kind.SMB})
"""Kinds with SMB security descriptors."""

AWS_STORAGE = frozenset(
    {Kind.S3, Kind.S3_OUTPOSTS, Kind.EFS, Kind.FSX_WINDOWS, Kind.FSX_LUSTRE, Kind.FSX_OPENZFS,
     Kind.FSX_ONTAP_NFS, Kind.FSX_ONTAP_SMB}
)  # fmt: skip
"""Kinds of which every task needs at least one."""

BASIC_ONLY = frozenset(
    {Kind.S3_OUTPOSTS, Kind.FSX_WINDOWS, Kind.FSX_OPENZFS, Kind.FSX_ONTAP_NFS, Kind.FSX_ONTAP_SMB}
)
"""Kinds that the user guide leaves out of ENHANCED. The newer API text leaves out S3 on Outposts alone;
until that was tried, the stricter reading holds."""


@dataclass(frozen=True, slots=True)
class Site:
    """One end of a task. `path` has no leading slash, and is empty or ends with one.

    `name` is the field it was declared under (`replicas.eu`), `place` what it is as text, empty where
    an Output hides it; `agents` is whether it is reached through DataSync agents.
    """

    name: str
    kind: Kind
    region: str
    path: str = ""
    place: str = ""
    agents: bool = False
    storage_class: str | None = None
    nfs_version: str | None = None

    @property
    def subdirectory(self) -> str:
        """The path as DataSync's Subdirectory."""
        return "/" + self.path


_PLAIN = re.compile(r"[a-zA-Z0-9_\-+./()]")
_DOLLAR = frozenset({Kind.FSX_WINDOWS, Kind.FSX_LUSTRE, Kind.SMB, Kind.HDFS})
_ANYTHING = frozenset({Kind.FSX_OPENZFS, Kind.FSX_ONTAP_NFS, Kind.FSX_ONTAP_SMB, Kind.AZURE_BLOB})
_LENGTHS = {Kind.FSX_ONTAP_NFS: 255, Kind.FSX_ONTAP_SMB: 255, Kind.AZURE_BLOB: 1024}


def is_subdirectory(path: str, kind: Kind) -> bool:
    """Whether `/path` may be the Subdirectory of a location of this kind: the API model's own patterns."""
    if len(path) + 1 > _LENGTHS.get(kind, 4096):
        return False
    if kind in _ANYTHING:
        return not re.search("[\x00\x85\u2028\u2029\r\n]", path)
    return all(_allowed(one, kind) for one in path)


def _allowed(character: str, kind: Kind) -> bool:
    if _PLAIN.fullmatch(character) or (character == "$" and kind in _DOLLAR):
        return True
    return unicodedata.category(character) == "Zs"
