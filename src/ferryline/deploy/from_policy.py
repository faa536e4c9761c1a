"""A dataset of a policy file as the arguments of a `Replication`.

`PolicyReplication`, `export` and the commands call it. References in URLs are resolved from the
sources given; a password or key becomes a secret Output and never a plain value. Replicas that
only Ferryline's own engine can reach are left out: there is nothing to provision for them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pulumi

from ferryline import errors
from ferryline.deploy import geography
from ferryline.deploy.args_location import (
    EfsArgs,
    FsxLustreArgs,
    FsxOntapArgs,
    FsxOpenZfsArgs,
    FsxWindowsArgs,
    LocationArgs,
    ObjectStorageArgs,
    OwnerPolicy,
    S3Args,
)
from ferryline.deploy.args_task import OptionsArgs, ReplicaArgs, ReplicationArgs, ResidencyArgs
from ferryline.deploy.describing import folder
from ferryline.deploy.given import given
from ferryline.deploy.refusals import Refusals
from ferryline.model import place
from ferryline.policy import interpolation, places, values
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine
from ferryline.regions import catalog

Secret = Callable[[str, str], Any]
"""From a reference (`${env:NAME}`) and the field it stands in to what the program passes on."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a policy is read with: where references come from, how a secret is passed on, which account.

    `account` is the program's own, where it is known as text; a bucket that must belong to another one
    then needs that account's policy. `secret` makes an argument of a reference; by default a secret
    Output of what it resolves to.
    """

    sources: Sources
    account: str | None = None
    secret: Secret | None = None
    look_up: bool = True


def replication(policy: values.Policy, dataset: str, ground: Ground) -> ReplicationArgs:
    """The arguments for one dataset. Raises `BadPolicy` with every refusal, `BadUsage` for an unknown one."""
    declared = policy.dataset(dataset)
    refusals = Refusals(f"dataset {dataset!r}")
    reader = _Reader(policy, ground, refusals)
    replicas: dict[str, ReplicaArgs] = {}
    partner = policy.locations[declared.source.location].region or ""
    for one in declared.replicas:
        spec = policy.locations[one.to.location]
        if one.engine is Engine.FERRYLINE and not _in_aws(spec):
            continue
        made = reader.location(one.to, partner, one)
        if made is not None:
            replicas[one.name] = ReplicaArgs(to=made, engine=one.engine)
    nearest = next((one.to.region for one in replicas.values()), "")
    source = reader.location(declared.source, nearest, None)
    refusals.stop()
    if source is None or not replicas:
        refusals.add("replicas", "none that AWS could serve", "name an engine, or a replica in AWS")
        refusals.stop()
    return ReplicationArgs(
        source=given(source),
        replicas=replicas,
        dataset=dataset,
        options=_options(declared),
        include=list(declared.filters.include) or None,
        exclude=list(declared.filters.exclude) or None,
        schedule=_schedule(declared, replicas),
        residency=_residency(declared),
        opted_in_regions=opted_in(policy),
    )


def opted_in(policy: values.Policy) -> list[str] | None:
    """The regions whose locations say that the account has enabled them."""
    found = {
        spec.region
        for spec in policy.locations.values()
        if spec.aws is not None and spec.aws.opted_in and spec.region is not None
    }
    return sorted(found) or None


def _in_aws(spec: values.LocationSpec) -> bool:
    return spec.is_s3 and spec.access.endpoint_url is None and spec.region in catalog.known()


def _schedule(declared: values.Dataset, replicas: Mapping[str, ReplicaArgs]) -> str | None:
    """The schedule, where a DataSync task is to keep it; S3 replication needs none."""
    if declared.schedule is None or all(one.engine is not Engine.DATASYNC for one in replicas.values()):
        return None
    return declared.schedule.expression


def _residency(declared: values.Dataset) -> ResidencyArgs | None:
    if not declared.has_residency:
        return None
    rules = declared.residency
    allow = list(rules.allow) if rules.allow is not None else None
    return ResidencyArgs(allow=allow, deny=list(rules.deny) or None)


def _options(declared: values.Dataset) -> OptionsArgs | None:
    given = {name: getattr(declared.options, name) for name in sorted(declared.options.given)}
    return OptionsArgs(**given) if given else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Locations of one policy to arguments."""

    policy: values.Policy
    ground: Ground
    refusals: Refusals

    def location(
        self, where: values.Folder, partner: str, replica: values.ReplicaSpec | None
    ) -> LocationArgs | None:
        """One end; `partner` is the region of the other, for stores outside AWS. None when refused."""
        spec = self.policy.locations[where.location]
        here = f"locations.{spec.name}"
        aws = spec.aws or values.AwsSettings()
        if spec.is_s3 and spec.access.endpoint_url is not None:
            return self._object_storage(where, here, partner, aws)
        if spec.region is None:
            remedy = "give the region the bucket or file system is in"
            self.refusals.add(f"{here}.region", "is missing", remedy)
            return None
        if spec.is_s3:
            return self._s3(where, here, aws, replica)
        return self._file_system(where, here, aws, spec.region)

    def _s3(
        self, where: values.Folder, here: str, aws: values.AwsSettings, replica: values.ReplicaSpec | None
    ) -> LocationArgs | None:
        found = self._resolved(where, replica)
        region = self.policy.locations[where.location].region or ""
        owner = self._owner(found, here, aws)
        key, kept = found.writing.kms_key_id, found.writing.storage_class
        if key is not None and not key.startswith("arn:"):
            remedy = "write the key's whole ARN; a policy cannot grant an id or an alias"
            self.refusals.add(f"{here}.kms_key_id", f"{key!r} is no ARN", remedy)
        arn = aws.bucket_arn or f"arn:{geography.partition_of(region)}:s3:::{found.bucket}"
        bucket = S3Args(
            bucket_arn=arn,
            prefix=found.prefix.decode("utf-8", "surrogateescape") or None,
            storage_class=f"{kept}" if kept is not None else None,
            kms_key_arns=[key] if key is not None else None,
            role_arn=aws.bucket_access_role_arn,
            owner_account_id=owner,
            owner_policy=OwnerPolicy(aws.bucket_policy) if owner and aws.bucket_policy else None,
            agent_arns=list(aws.agent_arns) or None,
            look_up=True if self.ground.look_up and not aws.agent_arns and owner is None else None,
        )
        return LocationArgs(region=region, s3=bucket)

    def _owner(self, found: place.S3Location, here: str, aws: values.AwsSettings) -> str | None:
        """The other account that owns the bucket, or None for our own."""
        account = found.access.account_id
        if account is None:
            if aws.bucket_policy is not None:
                remedy = "give account_id, the account that owns the bucket"
                self.refusals.add(f"{here}.aws.bucket_policy", "without account_id", remedy)
            return None
        if aws.bucket_policy is not None:
            return account
        return None if account == self.ground.account else account

    def _resolved(self, where: values.Folder, replica: values.ReplicaSpec | None) -> place.S3Location:
        found = (
            places.of_replica(self.policy, replica, self.ground.sources)
            if replica is not None
            else places.of_folder(self.policy, where, self.ground.sources)
        )
        if not isinstance(found, place.S3Location):
            raise errors.BrokenInvariant(f"{where} was declared as s3:// and is {found.url}")
        return found

    def _secret(self, reference: str, here: str) -> pulumi.Input[str] | None:
        if self.ground.secret is not None:
            made: pulumi.Input[str] = self.ground.secret(reference, here)
            return made
        resolved = self._text(reference, here)
        return pulumi.Output.secret(resolved) if resolved is not None else None

    def _text(self, text: str | None, here: str) -> str | None:
        if text is None:
            return None
        try:
            return interpolation.resolve(text, self.ground.sources)
        except interpolation.Unresolved as error:
            self.refusals.add(here, str(error), "set it where the program runs")
            return None

    def _object_storage(
        self, where: values.Folder, here: str, partner: str, aws: values.AwsSettings
    ) -> LocationArgs | None:
        found = self._resolved(where, None)
        url = urlsplit(found.access.endpoint_url or "")
        access, secret = found.access.access_key_id, found.access.secret_access_key
        store = ObjectStorageArgs(
            server_hostname=url.hostname or "",
            bucket_name=found.bucket,
            prefix=found.prefix.decode("utf-8", "surrogateescape") or None,
            access_key=self._text(access, f"{here}.access_key_id"),
            secret_key=self._secret(secret, f"{here}.secret_access_key") if secret is not None else None,
            server_protocol=url.scheme.upper(),
            server_port=url.port,
            agent_arns=list(aws.agent_arns) or None,
        )
        return LocationArgs(region=partner, object_storage=store)

    def _file_system(
        self, where: values.Folder, here: str, aws: values.AwsSettings, region: str
    ) -> LocationArgs | None:
        below = os.path.join(folder(aws.path), where.path).removeprefix("/")
        groups = list(aws.security_group_arns)
        if aws.storage_virtual_machine_arn is not None:
            made: dict[str, Any] = {"storage_virtual_machine_arn": aws.storage_virtual_machine_arn}
            ontap = FsxOntapArgs(**made, security_group_arns=groups, path=below, **self._user(here, aws))
            return LocationArgs(region=region, fsx_ontap=ontap)
        if aws.file_system_arn is None:
            remedy = "give aws.file_system_arn, or use engine: ferryline for this replica"
            self.refusals.add(here, "DataSync reaches no file system without its ARN", remedy)
            return None
        if ":elasticfilesystem:" in aws.file_system_arn:
            return LocationArgs(region=region, efs=self._efs(here, aws, below))
        if aws.file_system_type is None:
            remedy = "write WINDOWS, LUSTRE, OPENZFS or ONTAP: the ARN does not say which FSx it is"
            self.refusals.add(f"{here}.aws.file_system_type", "is missing", remedy)
            return None
        common: dict[str, Any] = {
            "file_system_arn": aws.file_system_arn,
            "security_group_arns": groups,
            "path": below,
        }
        if aws.file_system_type == "LUSTRE":
            return LocationArgs(region=region, fsx_lustre=FsxLustreArgs(**common))
        if aws.file_system_type == "OPENZFS":
            return LocationArgs(region=region, fsx_open_zfs=FsxOpenZfsArgs(**common))
        if aws.file_system_type == "ONTAP":
            remedy = "give aws.storage_virtual_machine_arn instead of the file system's"
            what = "ONTAP is reached by its virtual machine"
            self.refusals.add(f"{here}.aws.file_system_arn", what, remedy)
            return None
        user = self._user(here, aws)
        if user["user"] is None:
            remedy = "give aws.user and aws.password (a reference such as ${env:FSX_PASSWORD})"
            self.refusals.add(f"{here}.aws.user", "is missing", remedy)
            return None
        return LocationArgs(region=region, fsx_windows=FsxWindowsArgs(**common, **user))

    def _efs(self, here: str, aws: values.AwsSettings, below: str) -> EfsArgs:
        for name in ("subnet_arn", "security_group_arns"):
            if not getattr(aws, name):
                remedy = "DataSync reaches EFS through a subnet"
                self.refusals.add(f"{here}.aws.{name}", "is missing", remedy)
        return EfsArgs(
            file_system_arn=aws.file_system_arn or "",
            subnet_arn=aws.subnet_arn or "",
            security_group_arns=list(aws.security_group_arns),
            access_point_arn=aws.access_point_arn,
            file_system_access_role_arn=aws.file_system_access_role_arn,
            in_transit_encryption=aws.in_transit_encryption,
            path=below,
        )

    def _user(self, here: str, aws: values.AwsSettings) -> dict[str, Any]:
        password = self._secret(aws.password, f"{here}.aws.password") if aws.password is not None else None
        return {
            "user": self._text(aws.user, f"{here}.aws.user"),
            "password": password,
            "domain": self._text(aws.domain, f"{here}.aws.domain"),
        }
