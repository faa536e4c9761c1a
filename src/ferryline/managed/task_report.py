"""What a task's report says failed, object by object: read from the bucket where the task leaves it.

`datasync` asks once an execution has ended. BASIC and ENHANCED name the same things differently; both are
read. A report that cannot be read costs insight, never correctness: the replica is compared anyway.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ferryline import errors
from ferryline.managed import aws
from ferryline.managed.aws import Client
from ferryline.managed.declared import Declared
from ferryline.managed.finding import Found
from ferryline.model.execution import Execution
from ferryline.model.outcome import Failed

FAILURES_MAX = 1_000
FILE_BYTES_MAX = 16 * 1024 * 1024
"""DataSync splits reports at 5 MB; what is larger is none of its."""

FILES_MAX = 200
"""Files of a report that are read at most: those that tell of successes too may be many."""

_FAILED = "FAILED"
_PHASES = {"Deleted": "delete", "Verified": "verify"}


@dataclass(frozen=True, slots=True)
class Told:
    """The first failed objects of a report, how many there are in all, and where the report lies."""

    failed: tuple[Failed, ...]
    total: int
    url: str


async def read(declared: Declared, found: Found, execution: Execution) -> Told:
    """What failed in an execution. Raises what the bucket's answers mean, and DigestMismatch for bad JSON."""
    where = found.task.report
    if where is None:
        raise errors.BrokenInvariant("a report was to be read of a task that leaves none")
    client = await aws.connect("s3", declared, declared.region)
    kind = "Detailed-Reports" if where.standard else "Summary-Reports"
    prefix = f"{where.prefix}{kind}/{_last(execution.task_arn)}/{_last(execution.arn)}"
    failed: list[Failed] = []
    total = 0
    if where.standard:
        files = 0
        async for key in _keys(client, where.bucket, prefix):
            files += 1
            if files > FILES_MAX:
                break
            for one in _failures(await _document(client, where.bucket, key), found.rest):
                total += 1
                if len(failed) < FAILURES_MAX:
                    failed.append(one)
    return Told(tuple(failed), total, f"s3://{where.bucket}/{prefix}")


async def _keys(client: Client, bucket: str, prefix: str) -> Any:
    token: str | None = None
    while True:
        more = {"ContinuationToken": token} if token else {}
        answer = await client.call("ListObjectsV2", Bucket=bucket, Prefix=prefix, **more)
        for one in answer.get("Contents", ()):
            if one["Size"] <= FILE_BYTES_MAX:
                yield one["Key"]
        token = answer.get("NextContinuationToken")
        if not token:
            return


async def _document(client: Client, bucket: str, key: str) -> Mapping[str, Any]:
    body = await client.body("GetObject", Bucket=bucket, Key=key)
    try:
        found = json.loads(body)
    except ValueError as problem:
        raise errors.DigestMismatch(
            f"s3://{bucket}/{key} is no task report: {problem}", advice="see whether something else wrote it"
        ) from problem
    return found if isinstance(found, dict) else {}


def _failures(document: Mapping[str, Any], rest: str) -> Iterator[Failed]:
    """Every item that a report calls failed, whatever it was meant for (Transferred, Verified, …)."""
    for section, items in document.items():
        if not isinstance(items, list):
            continue
        for item in items:
            if isinstance(item, dict) and any(
                name.endswith("Status") and value == _FAILED for name, value in item.items()
            ):
                yield _failure(section, item, rest)


def _failure(section: str, item: Mapping[str, Any], rest: str) -> Failed:
    code = item.get("ErrorCode") or item.get("FailureCode") or ""
    said = item.get("ErrorDetail") or item.get("FailureReason") or "no reason is given"
    key = (
        str(item.get("RelativePath", ""))
        .removeprefix("/")
        .removeprefix(rest)
        .encode("utf-8", "surrogatepass")
    )
    message = f"DataSync: {said}" + (f" ({code})" if code else "")
    return Failed(key, "datasync", message, "see DataSync's report", phase=_PHASES.get(section, "transfer"))


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
