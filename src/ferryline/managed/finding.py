"""Which deployed task copies a replica's source to it: known by where it reads and writes, then by its tags.

`datasync` and `standing` ask it. Whoever made the task (`deploy`, another program, the console), its two
locations must name the policy's two folders, or parents of both that an include filter narrows to them.
"""

from dataclasses import dataclass, field

from ferryline import errors
from ferryline.managed import filter_texts, task_tags
from ferryline.managed.declared import Declared, End
from ferryline.managed.seen import TaskSeen
from ferryline.managed.service import DataSync, region_of
from ferryline.policy import pattern


@dataclass(frozen=True, slots=True)
class Found:
    """The task. `rest` is what a filter picks below its locations; `tags` is None where they are not told."""

    task: TaskSeen
    rest: str = ""
    tags: dict[str, str] | None = field(default=None)


async def find(declared: Declared, service: DataSync) -> Found:
    """The one task that moves this replica.

    Raises BadUsage (kind `not-deployed` or `ambiguous`) where there is none or more than one, and what
    asking raises.
    """
    places = {service.region: await service.locations()}
    destinations = [
        arn for arn, uri in places[service.region].items() if below(uri, declared.destination) is not None
    ]
    found: list[Found] = []
    tasks, refusal = await _tasks(service, destinations)
    for task in tasks:
        there = region_of(task.source_arn)
        if there not in places:
            places[there] = await DataSync(declared, there).locations()
        rest = _rest(declared, task, places[there], places[service.region])
        if rest is not None:
            found.append(Found(task, rest))
    if not found and refusal is not None:
        raise refusal  # it may be the one
    if not found:
        raise errors.BadUsage(
            f"no DataSync task in {declared.region} copies {declared.source.label} to "
            f"{declared.destination.label}",
            advice="deploy it (ferryline deploy up), or write engine: ferryline for this replica",
            place=declared.label,
            kind="not-deployed",
        )
    told = [Found(one.task, one.rest, await _tags(service, one.task.arn)) for one in found]
    return told[0] if len(told) == 1 else _ours(declared, told)


async def _tasks(
    service: DataSync, destinations: list[str]
) -> tuple[list[TaskSeen], errors.FerrylineError | None]:
    """The tasks that write to one of these locations, and the refusal of one that may not be looked at."""
    found: dict[str, TaskSeen] = {}
    refusal: errors.FerrylineError | None = None
    for location in destinations:
        for arn in await service.task_arns(location):
            try:
                task = await service.task(arn)
            except (errors.CredentialsRefused, errors.EndpointFailed) as refused:
                refusal = refused
                continue
            if task.destination_arn == location:
                found[arn] = task
    return list(found.values()), refusal


def _ours(declared: Declared, found: list[Found]) -> Found:
    """Of several tasks on one way, the one that is tagged as this replica's."""
    wanted = {task_tags.DATASET: declared.dataset, task_tags.REPLICA: declared.replica}
    tagged = [
        one
        for one in found
        if one.tags is not None
        and wanted.items() <= one.tags.items()
        and one.tags.get(task_tags.POLICY, declared.policy) == declared.policy
    ]
    if len(tagged) == 1:
        return tagged[0]
    remedy = "keep one, or tag it " + " and ".join(f"{name}={value}" for name, value in wanted.items())
    if not tagged and any(one.tags is None for one in found):
        remedy = "grant datasync:ListTagsForResource, or keep one of them"
    named = ", ".join(f"{one.task.name or 'unnamed'} ({one.task.arn})" for one in tagged or found)
    raise errors.BadUsage(
        f"{len(tagged or found)} DataSync tasks copy {declared.source.label} to "
        f"{declared.destination.label}: {named}",
        advice=remedy,
        place=declared.label,
        kind="ambiguous",
    )


async def _tags(service: DataSync, arn: str) -> dict[str, str] | None:
    try:
        return await service.tags(arn)
    except (errors.RunStopped, errors.RetryLater):
        return None  # tags tell tasks apart and date them; a task alone is found without


def _rest(
    declared: Declared, task: TaskSeen, sources: dict[str, str], destinations: dict[str, str]
) -> str | None:
    """What is picked below both locations of a task; None where the task is another's."""
    source_uri, destination_uri = sources.get(task.source_arn), destinations[task.destination_arn]
    if source_uri is None:
        return None
    source, destination = below(source_uri, declared.source), below(destination_uri, declared.destination)
    if source is None or source != destination:
        return None
    if source and not _picks(task, source):
        return None
    return source


def _picks(task: TaskSeen, rest: str) -> bool:
    """Whether every include pattern of a task lies in `rest`: it carries nothing else."""
    wanted = "/" + filter_texts.escaped(rest).rstrip("/")
    try:
        every = [one for text in task.include for one in pattern.alternatives(text)]
    except pattern.BadPattern:
        return False
    return bool(every) and all(one.rstrip("/*") == wanted or one.startswith(wanted + "/") for one in every)


def below(uri: str, end: End) -> str | None:
    """The rest of an end's path below a LocationUri; None where it is another place's."""
    scheme, _, after = uri.partition("://")
    authority, _, path = after.partition("/")
    if scheme not in end.schemes or authority.lower() != end.authority.lower():
        return None
    folder = path.strip("/") + "/" if path.strip("/") else ""
    return end.path.removeprefix(folder) if end.path.startswith(folder) else None
