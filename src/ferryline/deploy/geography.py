"""Which AWS region may hold what: known, of one partition, enabled, and the same as an ARN says.

Pure: the catalog of regions and the ARN's own text are all that is looked at. Components call it
before they make a resource.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ferryline.deploy.refusals import Refusals
from ferryline.regions import catalog

ENABLED_BY_DEFAULT = frozenset(
    {
        "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
        "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1",
        "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2",
        "ap-northeast-3",
    }
)  # fmt: skip
"""The regions of the partition `aws` that an account has without asking. Every region launched after
20 March 2019 has to be enabled first (AWS account management guide), so the list is closed."""

_ARN = re.compile(r"arn:([a-z-]+):([a-z0-9-]+):([a-z0-9-]*):([0-9]*):(.+)")


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN's parts; `region` and `account` are empty where the service leaves them out."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse(text: str) -> Arn | None:
    """An ARN read; None for any other text."""
    match = _ARN.fullmatch(text)
    return Arn(match[1], match[2], match[3], match[4], match[5]) if match else None


def partition_of(region: str) -> str:
    """The partition of a catalog region; `aws` for one that is not known."""
    known = catalog.known().get(region)
    return known.partition if known else "aws"


def check_region(region: str, name: str, opted_in: Iterable[str], refusals: Refusals) -> bool:
    """Refuse a region that AWS does not have, or that an account must first enable; whether it is known."""
    if region not in catalog.known():
        close = catalog.nearest(region)
        remedy = f"did you mean {close!r}?" if close else "write a region's name such as us-east-1"
        refusals.add(name, f"AWS has no region {region!r}", remedy)
        return False
    if partition_of(region) == "aws" and region not in ENABLED_BY_DEFAULT | set(opted_in):
        remedy = f"enable it for the account, then say so: opted_in_regions=[{region!r}]"
        refusals.add(name, f"{region} is a region that an account has to enable first", remedy)
    return True


def check_partitions(regions: Iterable[tuple[str, str]], refusals: Refusals) -> None:
    """Refuse (field, region) pairs that do not all lie in the first one's partition."""
    known = [(name, region) for name, region in regions if region in catalog.known()]
    for name, region in known[1:]:
        first = known[0][1]
        if partition_of(region) != partition_of(first):
            remedy = (
                "DataSync and S3 replication stay inside a partition; copy with engine ferryline, or declare "
                "the far bucket as object_storage with an IAM user's key"
            )
            refusals.add(
                name,
                f"{region} ({partition_of(region)}) and {first} ({partition_of(first)}) are partitions apart",
                remedy,
            )


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ARN has to agree with: services that may own it, and the region it was declared in."""

    services: tuple[str, ...]
    region: str


def check_arn(value: object, name: str, expected: Expected, refusals: Refusals) -> None:
    """Refuse an ARN (a plain text; an Output is not known yet) of another kind, region or partition."""
    if not isinstance(value, str):
        return
    found = parse(value)
    if found is None or found.service not in expected.services:
        wanted = " or ".join(expected.services)
        refusals.add(
            name, f"{value[:120]!r} is not an ARN of {wanted}", f"copy the whole ARN: arn:aws:{wanted}:…"
        )
        return
    if found.region and found.region != expected.region:
        remedy = f"declare region {found.region!r}, or name a resource of {expected.region}"
        refusals.add(name, f"{value} lies in {found.region}, and is declared in {expected.region}", remedy)
    elif expected.region in catalog.known() and found.partition != partition_of(expected.region):
        refusals.add(
            name,
            f"{value} is of {found.partition}, and {expected.region} of {partition_of(expected.region)}",
            "name a resource of the region's own partition",
        )


def check_bucket(value: object, name: str, expected: Expected, refusals: Refusals) -> None:
    """Refuse what `check_arn` refuses, and a bucket's ARN that goes on with a key."""
    check_arn(value, name, expected, refusals)
    found = parse(value) if isinstance(value, str) else None
    if found is not None and found.service == "s3" and not found.region and "/" in found.resource:
        refusals.add(name, f"{value} is an object's ARN", "give the bucket's alone, and the folder as prefix")
