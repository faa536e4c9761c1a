"""Who moves the bytes of a dataset's replicas where the policy names another engine: made from the policy.

`sync` and `status` call it. Nothing is looked up here; a mover looks for what was deployed when it is used.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable

from ferryline.clock import Clock
from ferryline.config import environment, request
from ferryline.managed.datasync import DataSyncMover
from ferryline.managed.declared import Declared, End
from ferryline.managed.s3_replication import S3ReplicationMover
from ferryline.model import place
from ferryline.pipeline.dataset import DatasetTask, Mover, Replica
from ferryline.policy import interpolation, places, values
from ferryline.policy.options import Engine

DEFAULT_REGION = "us-east-1"
"""Asked where a location names no region, which `deploy` would have refused."""

_FILE_SYSTEMS = {
    "elasticfilesystem": ("efs",),
    "fsx": ("fsxw", "fsxl", "fsxz", "fsxn-nfs", "fsxn-smb", "fsxo", "fsxn"),
}
"""The schemes of DataSync's LocationUri, by the service in a file system's ARN."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ground:
    """What movers are made with: the process's surroundings, its clock, options that a command line gave."""

    around: environment.Environment
    clock: Clock
    overrides: frozenset[str] = frozenset()


def movers(task: DatasetTask, ground: Ground) -> dict[str, Mover]:
    """The mover of every replica that Ferryline does not fill itself, by the replica's name."""
    return {
        one.name: _mover(task, one, ground) for one in task.replicas if one.engine is not Engine.FERRYLINE
    }


def of_all(tasks: Iterable[DatasetTask], ground: Ground) -> dict[tuple[str, str], Mover]:
    """The same of several datasets, by dataset and replica."""
    return {(task.dataset, name): mover for task in tasks for name, mover in movers(task, ground).items()}


def _mover(task: DatasetTask, replica: Replica, ground: Ground) -> Mover:
    policy = task.declared
    dataset = policy.dataset(task.dataset)
    spec = dataset.replica(replica.name)
    known = request.sources(ground.around)
    source, destination = (_end(policy, one, known) for one in (dataset.source, spec.to))
    declared = Declared(
        policy=task.policy,
        dataset=task.dataset,
        replica=replica.name,
        region=_task_region(policy, dataset.source, spec.to),
        source=source,
        destination=destination,
        identity=_identity(policy, replica.location),
        resolve=_resolver(known),
        options=task.options,
        overrides=ground.overrides,
        filters=task.filters,
        schedule=dataset.schedule.expression if dataset.schedule is not None else None,
        policy_digest=task.policy_digest,
    )
    if replica.engine is Engine.DATASYNC:
        return DataSyncMover(declared, ground.clock)
    at_source = dataclasses.replace(declared, identity=_identity(policy, task.source))
    return S3ReplicationMover(at_source, _region(policy, dataset.source))


def _task_region(policy: values.Policy, source: values.Folder, to: values.Folder) -> str:
    """Where a task lives: with its destination, or, where that is outside AWS, with the other end."""
    return _region(policy, source if policy.locations[to.location].access.endpoint_url is not None else to)


def _region(policy: values.Policy, where: values.Folder) -> str:
    return policy.locations[where.location].region or DEFAULT_REGION


def _identity(policy: values.Policy, where: place.Location) -> place.S3Location | None:
    """Whose tasks are looked at: the location's own identity, unless it belongs to another account."""
    if not isinstance(where, place.S3Location) or where.access.account_id is not None:
        return None
    declared = policy.locations[where.name]
    return None if declared.access.endpoint_url is not None else where  # other stores' keys are none of AWS


def _resolver(known: interpolation.Sources) -> Callable[[str], str]:
    return lambda text: interpolation.resolve(text, known)


def _end(policy: values.Policy, where: values.Folder, known: interpolation.Sources) -> End:
    """A folder of the policy as a DataSync location names it."""
    spec = policy.locations[where.location]
    found = places.of_folder(policy, where, known)
    if isinstance(found, place.S3Location):
        prefix = found.prefix.decode("utf-8", "surrogateescape")
        if found.access.endpoint_url is not None and spec.access.endpoint_url is not None:
            host = found.access.endpoint_url.partition("://")[2].partition("/")[0].partition(":")[0]
            return End(("object-storage",), host, f"{found.bucket}/{prefix}", found.url)
        return End(("s3",), found.bucket, prefix, found.url)
    aws = spec.aws or values.AwsSettings()
    arn = aws.storage_virtual_machine_arn or aws.file_system_arn or ""
    service = arn.split(":")[2] if arn.count(":") > 2 else ""
    identifier = arn.rpartition("/")[2]
    below = os.path.join((aws.path or "").strip("/"), where.path).removeprefix("/")
    folder = f"{below.strip('/')}/" if below.strip("/") else ""
    if aws.file_system_type == "OPENZFS" and not folder.startswith("fsx/"):
        folder = f"fsx/{folder}"  # where deploy puts it: all of a file system lies below /fsx
    authority = f"{spec.region or DEFAULT_REGION}.{identifier}"
    return End(_FILE_SYSTEMS.get(service, ("nfs", "smb")), authority, folder, found.url)
