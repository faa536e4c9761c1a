"""A replica that S3 replication fills: its rule looked for; there is nothing to start, S3 copies by itself.

`config.movers` makes it, by the same Protocols as `datasync`. What has not arrived is the run's finding.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ferryline import errors
from ferryline.managed import aws, standing
from ferryline.managed.declared import Declared
from ferryline.model.event import Warned
from ferryline.model.execution import Execution
from ferryline.policy.options import Engine

_NONE = "ReplicationConfigurationNotFoundError"


class S3ReplicationMover:
    """S3 replication for one replica. `look` first."""

    engine = Engine.S3_REPLICATION
    name = "S3 replication"
    starts = False
    busy = False
    spares_reserved = True

    def __init__(self, declared: Declared, source_region: str) -> None:
        self._declared = declared
        self._region = source_region

    async def look(self) -> tuple[Warned, ...]:
        """Find an enabled rule that carries the whole source to the replica.

        Raises BadUsage where there is none, CredentialsRefused and EndpointFailed.
        """
        rules = await self._rules()
        if not any(one.get("Status") == "Enabled" for one in rules):
            declared = self._declared
            found = "only disabled rules" if rules else "no rule"
            if declared.source.path != declared.destination.path:
                found = "no rule (S3 keeps keys as they are, so both folders need the same path)"
            raise errors.BadUsage(
                f"{found} in the replication configuration of {declared.source.authority} carries "
                f"{declared.source.label} to {declared.destination.label}",
                advice="attach the configuration that ferryline deploy emits, or write engine: ferryline",
                place=declared.label,
                kind="not-deployed",
            )
        return ()

    async def ready(self) -> None:
        """There is nothing to get ready."""

    async def move(self, hear: Callable[[Execution], None]) -> Execution | None:
        """Nothing: S3 copies new objects when they come, and nobody can hurry it."""
        return None

    def excuse(self, key: bytes) -> str:
        """Why an object may not be there yet."""
        return (
            "S3 has not replicated it yet, or it is older than the rule (existing objects need S3 Batch "
            "Replication); its ReplicationStatus says which"
        )

    async def standing(self) -> dict[str, Any]:
        """How the rule stands, for `status`."""
        document: dict[str, Any] = {
            "service": "s3-replication",
            "region": self._region,
            "rules": [],
            "problem": None,
        }
        try:
            rules = await self._rules()
        except (errors.RunStopped, errors.RetryLater) as problem:
            return document | {"problem": standing.problem_of(problem)}
        named = [{"id": one.get("ID"), "status": one.get("Status")} for one in rules]
        return document | {"rules": named}

    async def _rules(self) -> list[Mapping[str, Any]]:
        """The rules that carry all of the source folder to the replica's bucket under the same keys."""
        declared = self._declared
        client = await aws.connect("s3", declared, self._region)
        try:
            answer = await client.call("GetBucketReplication", Bucket=declared.source.authority)
        except errors.EndpointFailed as refused:
            if refused.kind == _NONE:
                return []
            raise
        except errors.RetryLater as failure:
            raise errors.EndpointFailed(
                failure.message, advice=failure.advice, place=failure.place
            ) from failure
        if declared.source.path != declared.destination.path:
            return []
        rules = answer.get("ReplicationConfiguration", {}).get("Rules", ())
        return [one for one in rules if carries(declared, one)]


def carries(declared: Declared, rule: Mapping[str, Any]) -> bool:
    """Whether a rule carries every object of the source folder to the replica's bucket."""
    bucket = str(rule.get("Destination", {}).get("Bucket", "")).rpartition(":")[2]
    if bucket != declared.destination.authority or _tagged(rule):
        return False
    return all(declared.source.path.startswith(one) for one in _prefixes(rule))


def _prefixes(rule: Mapping[str, Any]) -> Iterator[str]:
    """Every prefix that a rule narrows itself to."""
    narrowed = rule.get("Filter", {})
    for where in (rule, narrowed, narrowed.get("And", {})):
        if where.get("Prefix"):
            yield str(where["Prefix"])


def _tagged(rule: Mapping[str, Any]) -> bool:
    """Whether a rule carries only objects with certain tags."""
    narrowed = rule.get("Filter", {})
    return bool(narrowed.get("Tag") or narrowed.get("And", {}).get("Tags"))
