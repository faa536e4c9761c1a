"""What each end of a replica is, as far as the policy says it: an AWS bucket, a file system in AWS, neither.

`engines` asks it for the source and the replicas of a dataset. References are resolved, nothing is
contacted.
"""

from dataclasses import dataclass
from enum import StrEnum

from ferryline.model import place
from ferryline.policy import places, values
from ferryline.policy.interpolation import Sources
from ferryline.regions import catalog


class Nature(StrEnum):
    """Who keeps the bytes."""

    AWS_BUCKET = "an AWS bucket"
    AWS_FILES = "a file system in AWS"
    OTHER_BUCKET = "a bucket outside AWS"
    FILES = "files of a host"


IN_AWS = frozenset({Nature.AWS_BUCKET, Nature.AWS_FILES})
"""Natures that AWS's own movers reach without an agent."""


@dataclass(frozen=True, slots=True)
class End:
    """One end. `path` is below the bucket or the file system, empty or ending with a slash.

    `enhanced` is whether DataSync's task mode ENHANCED is open to it; `usd_per_gb` the policy's own
    price for bytes that leave it.
    """

    label: str
    location: str
    nature: Nature
    region: str | None
    bucket: str = ""
    path: str = ""
    enhanced: bool = True
    usd_per_gb: float | None = None

    @property
    def in_aws(self) -> bool:
        """Whether AWS keeps it, as a bucket or as a file system."""
        return self.nature in IN_AWS

    @property
    def partition(self) -> str | None:
        """The partition of its region; None for a region that the catalog does not know."""
        known = catalog.known().get(self.region or "")
        return known.partition if known else None


def end_of(policy: values.Policy, where: values.Folder, sources: Sources) -> End:
    """The end that a folder of the policy is. Raises `BadPolicy` for a reference that leads nowhere."""
    spec = policy.locations[where.location]
    found = places.of_folder(policy, where, sources)
    if isinstance(found, place.S3Location):
        nature = Nature.OTHER_BUCKET if spec.access.endpoint_url is not None else Nature.AWS_BUCKET
        path = found.prefix.decode("utf-8", "surrogateescape")
        return End(
            str(where), spec.name, nature, spec.region, found.bucket, path, usd_per_gb=spec.egress_usd_per_gb
        )
    aws = spec.aws or values.AwsSettings()
    kept = aws.file_system_arn or aws.storage_virtual_machine_arn
    return End(
        str(where),
        spec.name,
        Nature.AWS_FILES if kept is not None else Nature.FILES,
        spec.region,
        path=where.path,
        enhanced=kept is None or ":elasticfilesystem:" in kept or aws.file_system_type == "LUSTRE",
        usd_per_gb=spec.egress_usd_per_gb,
    )
