"""`BucketReplication`: S3's own replication from one bucket to others, rule by rule.

`Replication` makes one for the replicas with `engine: s3-replication`. A bucket has one replication
configuration, so it is emitted as a document unless the program says that it owns it (`attach`);
`merged` puts the documents of several datasets together.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import s3

from ferryline.deploy import arguments, beside, describing, documents, naming, pairing, replication_rules
from ferryline.deploy.args_location import LocationArgs, S3Args
from ferryline.deploy.args_task import OptionsArgs
from ferryline.deploy.given import given
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Site


@dataclass(frozen=True, kw_only=True)
class BucketReplicationArgs:
    """A source folder and the buckets it is replicated to."""

    source: LocationArgs
    """The source; its bucket has to be versioned."""
    replicas: Mapping[str, LocationArgs]
    """The buckets by the rule's name, each with the very prefix of the source, each versioned."""
    options: OptionsArgs | None = None
    """Only preserve_deleted_files matters: REMOVE replicates delete markers."""
    time_control: bool | None = None
    """Replication Time Control, 99.9 % within 15 minutes, at a price per GB; on when left out, since
    replication promises nothing without it."""
    attach: bool | None = None
    """Own the source bucket's replication configuration; else it is only emitted as a document."""
    opted_in_regions: Sequence[str] | None = None
    """Regions that this account has enabled, beside those it has anyway."""
    tags: Mapping[str, str] | None = None
    """Tags of the role."""


class BucketReplication(pulumi.ComponentResource):
    """Replication rules with metrics, delete markers, keys and owners; its role; what others must add."""

    role_arn: pulumi.Output[str]
    """The role that S3 assumes."""
    role_policy: pulumi.Output[str]
    """What that role may do, as JSON: for the one role of a bucket that several datasets share."""
    configuration: pulumi.Output[str]
    """The replication configuration as S3's API takes it, as JSON."""
    required_bucket_policies: pulumi.Output[Mapping[str, str]]
    """By rule: the policy of a replica's bucket that another account owns, as JSON."""

    def __init__(
        self, name: str, args: BucketReplicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        refusals = Refusals(f"BucketReplication {name!r}")
        args = arguments.read(BucketReplicationArgs, args, refusals)
        sites = _checked(args, refusals)
        super().__init__("ferryline:index:BucketReplication", name, None, opts)
        source = _bucket(args.source)
        buckets = {label: _bucket(one) for label, one in args.replicas.items()}
        inside = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            naming.fit(name), assume_role_policy=replication_rules.trust(), tags=args.tags, opts=inside
        )
        targets = pulumi.Output.all(
            *(pulumi.Output.all(one.bucket_arn, *(one.kms_key_arns or ())) for one in buckets.values())
        ).apply(lambda found: _targets(sites, found))
        own = pulumi.Output.all(
            targets=targets, source=source.bucket_arn, keys=list(source.kms_key_arns or ())
        ).apply(
            lambda known: documents.document(
                replication_rules.role_statements(
                    known["source"], tuple(known["keys"]), tuple(known["targets"].values())
                )
            )
        )
        policy = aws.iam.RolePolicy(name, role=role.name, policy=own, opts=inside)
        self.role_policy = own
        self.role_arn = pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))
        rules = targets.apply(lambda found: _rules(args, sites, found))
        self.configuration = pulumi.Output.all(self.role_arn, rules).apply(
            lambda known: json.dumps({"Role": known[0], "Rules": known[1]}, sort_keys=True)
        )
        foreign = {label for label, one in buckets.items() if one.owner_account_id is not None}
        self.required_bucket_policies = pulumi.Output.all(targets, role.arn).apply(
            lambda known: {
                label: documents.document(
                    replication_rules.bucket_statements(target, known[1], documents.label(label))
                )
                for label, target in known[0].items()
                if label in foreign
            }
        )
        if args.attach:
            self._attach(name, args, rules)
        pulumi.info(replication_rules.EXISTING_OBJECTS, resource=self)
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "role_policy": self.role_policy,
                "configuration": self.configuration,
                "required_bucket_policies": self.required_bucket_policies,
            }
        )

    def _attach(
        self, name: str, args: BucketReplicationArgs, rules: pulumi.Output[list[dict[str, Any]]]
    ) -> None:
        bucket = pulumi.Output.from_input(_bucket(args.source).bucket_arn).apply(
            lambda arn: arn.rpartition(":")[2]
        )
        s3.BucketReplicationConfig(
            name,
            region=args.source.region,
            bucket=bucket,
            role=self.role_arn,
            rules=rules.apply(lambda found: [_as_pulumi(one) for one in found]),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _checked(args: BucketReplicationArgs, refusals: Refusals) -> dict[str, Site]:
    """The replicas' sites by name, or `BadPolicy`."""
    opted_in = args.opted_in_regions or ()
    source = describing.site(args.source, "source", opted_in, refusals)
    wished = pairing.options_of(args.options)
    sites = {}
    for label, one in args.replicas.items():
        site = describing.site(one, f"replicas.{label}", opted_in, refusals)
        replication_rules.check(source, site, wished, refusals)
        sites[label] = site
        replication_rules.check_keys(args.source, one, f"replicas.{label}", refusals)
    if not 1 <= len(args.replicas) <= replication_rules.RULES_MAX:
        remedy = f"a bucket takes 1 to {replication_rules.RULES_MAX} rules"
        refusals.add("replicas", f"{len(args.replicas)} given", remedy)
    beside.check_tags(args.tags, refusals)
    refusals.stop()
    return sites


def _bucket(args: LocationArgs) -> S3Args:
    return given(args.s3)


def _targets(
    sites: Mapping[str, Site], found: Sequence[Sequence[str]]
) -> dict[str, replication_rules.Target]:
    return {
        label: replication_rules.Target(known[0], site.path, known[1] if len(known) > 1 else None)
        for (label, site), known in zip(sites.items(), found, strict=True)
    }


def _rules(
    args: BucketReplicationArgs, sites: Mapping[str, Site], targets: Mapping[str, replication_rules.Target]
) -> list[dict[str, Any]]:
    """The rules as S3's API has them. Priorities follow the order of names, so that it never matters."""
    encrypted = bool(_bucket(args.source).kms_key_arns)
    deletes = replication_rules.deletes(pairing.options_of(args.options))
    timed = args.time_control is not False
    return [
        _rule(
            label, priority, targets[label], _bucket(args.replicas[label]), _Manner(encrypted, deletes, timed)
        )
        for priority, label in enumerate(sorted(sites), start=1)
    ]


@dataclass(frozen=True, slots=True)
class _Manner:
    encrypted: bool
    deletes: bool
    timed: bool


def _rule(
    label: str, priority: int, target: replication_rules.Target, bucket: S3Args, manner: _Manner
) -> dict[str, Any]:
    destination: dict[str, Any] = {"Bucket": target.bucket_arn}
    if bucket.owner_account_id is not None:
        destination |= {
            "Account": bucket.owner_account_id,
            "AccessControlTranslation": {"Owner": "Destination"},
        }
    if target.kms_key_arn is not None:
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": target.kms_key_arn}
    if bucket.storage_class is not None:
        destination["StorageClass"] = bucket.storage_class
    if manner.timed:
        minutes = {"Minutes": replication_rules.RTC_MINUTES}
        destination |= {
            "ReplicationTime": {"Status": "Enabled", "Time": minutes},
            "Metrics": {"Status": "Enabled", "EventThreshold": minutes},
        }
    rule: dict[str, Any] = {
        "ID": label,
        "Priority": priority,
        "Status": "Enabled",
        "Filter": {"Prefix": target.prefix},
        "DeleteMarkerReplication": {"Status": "Enabled" if manner.deletes else "Disabled"},
        "Destination": destination,
    }
    if manner.encrypted:
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    return rule


_NAMES = {"ID": "id", "ReplicaKmsKeyID": "replica_kms_key_id"}


def _as_pulumi(value: Any) -> Any:
    """S3's own names as the provider's: snake case."""
    if not isinstance(value, Mapping):
        return value
    return {_NAMES.get(name) or _snake(name): _as_pulumi(one) for name, one in value.items()}


def _snake(name: str) -> str:
    return "".join(
        f"_{one.lower()}" if one.isupper() and index else one.lower() for index, one in enumerate(name)
    )


def merged(configurations: Iterable[str]) -> str:
    """One configuration with the rules of several, for a bucket that datasets share.

    Rules keep their order and get priorities anew; equal names are made distinct. S3 assumes one role
    for all of them: the first one's, which has to get the others' `role_policy` too.
    """
    found = [json.loads(text) for text in configurations]
    if not found:
        return json.dumps({"Role": "", "Rules": []})
    rules: list[dict[str, Any]] = []
    names: set[str] = set()
    for one in found:
        for rule in one["Rules"]:
            label, number = rule["ID"], 1
            while label in names:
                number += 1
                label = f"{rule['ID']}-{number}"
            names.add(label)
            rules.append({**rule, "ID": label, "Priority": len(rules) + 1})
    return json.dumps({"Role": found[0]["Role"], "Rules": rules}, sort_keys=True)
