"""Residency from outside: the documents by which AWS itself refuses what the policy forbids.

Bucket policies and service control policies that deny by region, made of the same residency rules
that `residency.decide` reads; `deploy residency` prints them, nothing attaches them. They are defence
in depth: the decision at program time comes first, and these hold against whoever does not ask it.
Pure, and without Pulumi.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ferryline import errors
from ferryline.deploy import documents, geography
from ferryline.model import place
from ferryline.policy import places, values
from ferryline.policy.interpolation import Sources
from ferryline.policy.values import Residency
from ferryline.regions import catalog
from ferryline.residency.decide import Allowed, Bounds, Role, Stop, decide

WRITES_BY_REGION = (
    "datasync:Create*",
    "datasync:StartTaskExecution",
    "elasticfilesystem:CreateFileSystem",
    "fsx:Create*",
    "s3:CreateBucket",
    "s3:PutObject",
    "s3:ReplicateObject",
)
"""What brings bytes to a region, or makes the place for them; the region of the request is where."""

OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:ReplicateObject",
)
"""What reads and writes a bucket's objects; S3's own replication writes with an action of its own."""


def allowed_regions(dataset: str, rules: Residency) -> tuple[str, ...]:
    """Every AWS region where the dataset's bytes may be, in order."""
    bounds = Bounds(dataset, rules)
    return tuple(
        region
        for region in catalog.known()
        if isinstance(decide(bounds, Stop(region, Role.REPLICA, declared=region)), Allowed)
    )


def service_control_policy(dataset: str, rules: Residency) -> str:
    """An SCP that denies the dataset's writers every region but the allowed ones.

    It binds whoever works in the accounts it is attached to, so attach it where nothing else lives. A
    bucket's region is the one it asks for, which the region of the request may not be: both are bound.
    """
    regions = list(allowed_regions(dataset, rules))
    return documents.document(
        [
            {
                "Sid": "ResidencyOfRequests",
                "Effect": "Deny",
                "Action": list(WRITES_BY_REGION),
                "Resource": "*",
                **_elsewhere("aws:RequestedRegion", regions),
            },
            {
                "Sid": "ResidencyOfNewBuckets",
                "Effect": "Deny",
                "Action": ["s3:CreateBucket"],
                "Resource": "*",
                "Condition": {
                    "Null": {"s3:LocationConstraint": "false"},
                    **_elsewhere("s3:LocationConstraint", regions).get("Condition", {}),
                },
            },
        ]
    )


def bucket_residency(bucket_arn: str, prefix: str, dataset: str, rules: Residency) -> str:
    """A bucket policy that keeps the dataset out of a bucket that lies where it may not be.

    The region a request is signed for is the bucket's own, so in an allowed region this denies
    nothing, and elsewhere nobody can read, write or replicate into the dataset's prefix.
    """
    grant = documents.BucketGrant(bucket_arn, prefix, (), ())
    return documents.document(
        [
            {
                "Sid": f"ResidencyOf{documents.label(dataset)}",
                "Effect": "Deny",
                "Principal": "*",
                "Action": list(OBJECT_ACTIONS),
                "Resource": grant.objects_arn,
                **_elsewhere("aws:RequestedRegion", list(allowed_regions(dataset, rules))),
            }
        ]
    )


def _elsewhere(key: str, regions: list[str]) -> documents.Statement:
    """The condition that a request is for none of the regions; none at all where no region is left."""
    return {"Condition": {"StringNotEquals": {key: regions}}} if regions else {}


@dataclass(frozen=True, slots=True)
class Guards:
    """What to attach: an SCP for each dataset with rules, a bucket policy for each bucket it names."""

    service_control_policies: Mapping[str, str]
    bucket_policies: Mapping[str, str]


def guards(policy: values.Policy, wanted: Iterable[str], sources: Sources) -> Guards:
    """The documents for the datasets named, or for all that have rules, buckets by ARN.

    Datasets that share a bucket share its policy. Buckets behind other endpoints and files are not
    AWS's to guard. Raises `BadUsage` where no dataset has rules, `BadPolicy` for a reference that leads
    nowhere.
    """
    names = tuple(wanted) or tuple(policy.datasets)
    bound = [one for one in (policy.dataset(name) for name in names) if one.has_residency]
    if not bound:
        raise errors.BadUsage(
            f"no residency rules bind {', '.join(names) or 'any dataset'}, so AWS has nothing to deny",
            advice="declare `residency: {allow: [EU]}` or `deny` for the dataset",
        )
    found: dict[str, list[str]] = {}
    for dataset in bound:
        for where in (dataset.source, *(one.to for one in dataset.replicas), dataset.metadata):
            reached = _bucket(policy, where, sources) if where is not None else None
            if reached is not None:
                text = bucket_residency(reached.bucket_arn, reached.prefix, dataset.name, dataset.residency)
                found.setdefault(reached.bucket_arn, []).append(text)
    return Guards(
        {one.name: service_control_policy(one.name, one.residency) for one in bound},
        {arn: documents.merged(texts) for arn, texts in found.items()},
    )


def _bucket(policy: values.Policy, where: values.Folder, sources: Sources) -> documents.Reach | None:
    """The bucket of a folder and the prefix in it; None where AWS has no say."""
    spec = policy.locations[where.location]
    if not spec.is_s3 or spec.access.endpoint_url is not None:
        return None
    found = places.of_folder(policy, where, sources)
    if not isinstance(found, place.S3Location):
        raise errors.BrokenInvariant(f"{where} was declared as s3:// and is {found.url}")
    known = spec.aws.bucket_arn if spec.aws is not None else None
    arn = known or f"arn:{geography.partition_of(spec.region or '')}:s3:::{found.bucket}"
    return documents.Reach(arn, found.prefix.decode("utf-8", "surrogateescape"))
