"""What no program may deploy, whichever wrote it: the rules of the policy pack, as pure functions.

`policy_pack/__main__.py` gives them to Pulumi, which asks for every resource of a stack. They need no
components of ours, and repeat outside a program what the components refuse inside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryline.deploy import outside
from ferryline.policy import cron_field, schedule
from ferryline.policy.values import Residency

HOUR_SECONDS = 3600

DATA_TYPES = (
    "aws:datasync/",
    "aws:efs/fileSystem:",
    "aws:efs/replicationConfiguration:",
    "aws:fsx/",
    "aws:s3/bucket:",
    "aws:s3/bucketV2:",
    "aws:s3/directoryBucket:",
)
"""Resources that hold or move bytes, by the start of their type."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The residency rules to hold a stack to; `default_region` is the provider's own."""

    residency: Residency = Residency()
    default_region: str | None = None


def violations(kind: str, props: Mapping[str, Any], rules: Rules) -> tuple[str, ...]:
    """Everything about one resource that may not be, one sentence each, with the remedy."""
    found = [*_residency(kind, props, rules)]
    if kind == "aws:datasync/task:Task":
        found += _task(props)
    if kind == "aws:iam/role:Role":
        found += _trust(props)
    return tuple(found)


def _residency(kind: str, props: Mapping[str, Any], rules: Rules) -> list[str]:
    if not kind.startswith(DATA_TYPES) or rules.residency == Residency():
        return []
    found = [props.get("region") or rules.default_region]
    elsewhere = props.get("destination")  # EFS replication names the region it copies to
    if isinstance(elsewhere, Mapping):
        found.append(elsewhere.get("region") or found[0])
    allowed = outside.allowed_regions("policy pack", rules.residency)
    usable = (
        f"use one of {', '.join(allowed)}, and name it on the resource" if allowed else "no region is left"
    )
    return [
        f"residency forbids {region or 'the region of the provider, which is not known here'}; {usable}"
        for region in dict.fromkeys(found)
        if region not in allowed
    ]


def _task(props: Mapping[str, Any]) -> list[str]:
    options = props.get("options") or {}
    found = []
    verify = options.get("verifyMode", "POINT_IN_TIME_CONSISTENT")
    if props.get("taskMode") == "ENHANCED" and verify == "POINT_IN_TIME_CONSISTENT":
        found.append("ENHANCED has no POINT_IN_TIME_CONSISTENT; send verifyMode ONLY_FILES_TRANSFERRED")
    if options.get("preserveDeletedFiles") == "REMOVE" and options.get("transferMode") == "ALL":
        found.append("REMOVE with transferMode ALL deletes without looking; use CHANGED")
    if options.get("logLevel", "OFF") == "OFF":
        found.append("logLevel OFF keeps failures silent; use BASIC")
    expression = (props.get("schedule") or {}).get("scheduleExpression")
    if expression is not None and not _hourly(expression):
        found.append(f"{expression} is no schedule of DataSync's; run at most once an hour")
    return found


def _hourly(expression: str) -> bool:
    try:
        return schedule.parse(expression).shortest_gap_seconds >= HOUR_SECONDS
    except cron_field.BadSchedule:
        return False


def _trust(props: Mapping[str, Any]) -> list[str]:
    """A role for DataSync that any account's DataSync could be made to assume."""
    document = props.get("assumeRolePolicy")
    read = json.loads(document) if isinstance(document, str) else document or {}
    for statement in read.get("Statement", ()):
        principal = statement.get("Principal")
        services = principal.get("Service", ()) if isinstance(principal, Mapping) else ()
        named = services if isinstance(services, list) else [services]
        condition = json.dumps(statement.get("Condition", {}))
        if "datasync.amazonaws.com" in named and "aws:SourceAccount" not in condition:
            return ["DataSync may assume this role for any account; add conditions on aws:SourceAccount"]
    return []
