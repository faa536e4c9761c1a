"""Residency from outside: the documents by which AWS itself refuses what the policy forbids.

An optional bucket policy and a service control policy that deny by region, made of the same residency
rules that `residency.decide` reads. They are defence in depth: the decision at program time comes
first, and these hold against whoever does not ask it. Pure.
"""

from ferryline.deploy import documents
from ferryline.policy.values import Residency
from ferryline.regions import catalog
from ferryline.residency.decide import Allowed, Bounds, Role, Stop, decide


def allowed_regions(dataset: str, rules: Residency) -> tuple[str, ...]:
    """Every AWS region where the dataset's bytes may be, in order."""
    bounds = Bounds(dataset, rules)
    return tuple(
        region
        for region in catalog.known()
        if isinstance(decide(bounds, Stop(region, Role.REPLICA, declared=region)), Allowed)
    )


def service_control_policy(dataset: str, rules: Residency) -> str:
    """An SCP that denies DataSync and S3 writes outside the allowed regions, for a whole account or unit.

    It binds every dataset of the accounts it is attached to: give the strictest one's rules.
    """
    return documents.document(
        [
            {
                "Sid": "ResidencyOfDataSync",
                "Effect": "Deny",
                "Action": ["datasync:Create*", "datasync:StartTaskExecution", "s3:CreateBucket"],
                "Resource": "*",
                "Condition": {
                    "StringNotEquals": {"aws:RequestedRegion": list(allowed_regions(dataset, rules))}
                },
            }
        ]
    )


def bucket_residency(bucket_arn: str, prefix: str, dataset: str, rules: Residency) -> str:
    """A bucket policy that keeps the dataset out of a bucket that lies where it may not be.

    The region a request is signed for is the bucket's own, so in an allowed region this denies
    nothing, and elsewhere nobody can read or write the dataset's prefix.
    """
    regions = list(allowed_regions(dataset, rules))
    return documents.document(
        [
            {
                "Sid": "ResidencyOfObjects",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
                "Resource": f"{bucket_arn}/{prefix}*",
                "Condition": {"StringNotEquals": {"aws:RequestedRegion": regions}},
            }
        ]
    )
