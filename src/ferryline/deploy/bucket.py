"""`Bucket`: a bucket fit to be a replica: versioned, encrypted, private, tidy, kept on destroy.

Programs make one where the bucket does not exist yet. It owns its own singletons (versioning,
encryption, lifecycle) and nobody else's: a bucket that exists is never taken over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_aws import s3

from ferryline.deploy import arguments, beside, geography
from ferryline.deploy.args_location import LocationArgs, S3Args
from ferryline.deploy.refusals import Refusals

UNFINISHED_DAYS = 7
"""After how many days the bits of an unfinished upload are removed; DataSync and Ferryline need less."""


class LockMode(StrEnum):
    """Who may shorten Object Lock's retention: some, or nobody."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """A bucket of the program's own."""

    region: str
    """Where it lies."""
    bucket: pulumi.Input[str] | None = None
    """Its name; made of the component's when left out."""
    kms_key_arn: pulumi.Input[str] | None = None
    """Encrypt with this KMS key, by its whole ARN; with S3's own keys when left out."""
    object_lock_days: int | None = None
    """Keep every version for so many days, against deletion and overwriting."""
    object_lock_mode: LockMode | None = None
    """Who may shorten that; GOVERNANCE when left out."""
    noncurrent_days: int | None = None
    """Remove replaced and deleted versions after so many days; kept when left out."""
    opted_in_regions: Sequence[str] | None = None
    """Regions that this account has enabled, beside those it has anyway."""
    tags: Mapping[str, str] | None = None
    """Tags of the bucket."""


class Bucket(pulumi.ComponentResource):
    """A versioned, encrypted, private bucket that `pulumi destroy` leaves alone."""

    arn: pulumi.Output[str]
    """The bucket's ARN, known once versioning is on."""
    bucket: pulumi.Output[str]
    """The bucket's name."""

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"Bucket {name!r}")
        args = arguments.read(BucketArgs, args, refusals)
        geography.check_region(args.region, "region", args.opted_in_regions or (), refusals)
        expected = geography.Expected(("kms",), args.region)
        geography.check_arn(args.kms_key_arn, "kms_key_arn", expected, refusals)
        for field in ("object_lock_days", "noncurrent_days"):
            days = getattr(args, field)
            if days is not None and days < 1:
                refusals.add(field, f"{days} days", "give at least one, or leave it out")
        if args.object_lock_mode is not None and args.object_lock_days is None:
            refusals.add("object_lock_mode", "means nothing without days", "give object_lock_days")
        beside.check_tags(args.tags, refusals)
        refusals.stop()
        super().__init__("ferryline:index:Bucket", name, None, opts)
        self._declared = args
        made = s3.Bucket(
            name,
            region=args.region,
            bucket=args.bucket,
            object_lock_enabled=args.object_lock_days is not None,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        versioning = self._settings(name, made)
        self.bucket = made.bucket
        self.arn = pulumi.Output.all(made.arn, versioning.id).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn, "bucket": self.bucket})

    def folder(self, prefix: str = "") -> LocationArgs:
        """A folder of this bucket, as the source or a replica of a dataset."""
        key = self._declared.kms_key_arn
        return LocationArgs(
            region=self._declared.region,
            s3=S3Args(bucket_arn=self.arn, prefix=prefix, kms_key_arns=[key] if key is not None else None),
        )

    def _settings(self, name: str, made: s3.Bucket) -> s3.BucketVersioning:
        args = self._declared
        inside = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        versioning = s3.BucketVersioning(
            name,
            region=args.region,
            bucket=made.id,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=inside,
        )
        by_default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="AES256" if args.kms_key_arn is None else "aws:kms",
            kms_master_key_id=args.kms_key_arn,
        )
        s3.BucketServerSideEncryptionConfiguration(
            name,
            region=args.region,
            bucket=made.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default,
                    bucket_key_enabled=args.kms_key_arn is not None,
                )
            ],
            opts=inside,
        )
        s3.BucketPublicAccessBlock(
            name,
            region=args.region,
            bucket=made.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        s3.BucketOwnershipControls(
            name,
            region=args.region,
            bucket=made.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=inside,
        )
        self._lifecycle(name, made, versioning)
        if args.object_lock_days is not None:
            self._lock(name, made, versioning, args.object_lock_days)
        return versioning

    def _lifecycle(self, name: str, made: s3.Bucket, versioning: s3.BucketVersioning) -> None:
        args = self._declared
        rules = [
            s3.BucketLifecycleConfigurationRuleArgs(
                id="unfinished-uploads",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=UNFINISHED_DAYS
                ),
            )
        ]
        if args.noncurrent_days is not None:
            rules.append(
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-versions",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=args.noncurrent_days
                    ),
                )
            )
        s3.BucketLifecycleConfiguration(
            name,
            region=args.region,
            bucket=made.id,
            rules=rules,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[versioning]),
        )

    def _lock(self, name: str, made: s3.Bucket, versioning: s3.BucketVersioning, days: int) -> None:
        mode = self._declared.object_lock_mode or LockMode.GOVERNANCE
        retention = s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(days=days, mode=mode.value)
        s3.BucketObjectLockConfiguration(
            name,
            region=self._declared.region,
            bucket=made.id,
            rule=s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, depends_on=[versioning]),
        )
