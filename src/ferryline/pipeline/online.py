"""Everything that datasets use, contacted read-only: what `check --online` tells. Nothing is ever written.

`dataset_door` calls it. Locations are visited all at once (`visiting`); then residency is decided again by
the regions that endpoints named, and everything becomes one document.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ferryline.model import exitcode, place
from ferryline.model.remark import Level, Remark
from ferryline.pipeline import border, visiting
from ferryline.pipeline.dataset import DatasetTask, Mover
from ferryline.pipeline.ends import Opening
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.visiting import Folder, Subject, Visit
from ferryline.residency import stops
from ferryline.residency.decide import Refused, Role, decide_all, sentence

NOTES = (
    "nothing was written: permission to write, to delete and to upload in parts was not tested",
    "that a key may be used for encryption shows only when something is written",
)


async def told(
    tasks: Sequence[DatasetTask], opening: Opening, movers: Mapping[tuple[str, str], Mover]
) -> tuple[dict[str, Any], int]:
    """The document of what was found, and the exit code it means. `movers` by dataset and replica."""
    groups: dict[str, list[Folder]] = {}
    for folder in (one for task in tasks for one in _folders(task)):
        groups.setdefault(folder.where.name or folder.where.identity, []).append(folder)
    visits = await asyncio.gather(
        *(visiting.visit(name, tuple(folders), opening) for name, folders in groups.items())
    )
    resolved = {one.name: one.resolved for one in visits if one.resolved is not None}
    refused = {task.dataset: _refused(task, resolved) for task in tasks}
    barred = {one.stop.location.partition("/")[0] for found in refused.values() for one in found}
    for one in visits:
        _region(one, barred)
    _same_disk(visits)
    now = opening.around.clock.now()
    remarks: dict[Subject, list[Remark]] = {}
    for subject, remark in (pair for one in visits for pair in one.remarks):
        if subject is not None:
            remarks.setdefault(subject, []).append(remark)
    services = await asyncio.gather(*(_service(mover) for mover in movers.values()))
    for (dataset, replica), found in zip(movers, services, strict=True):
        remarks.setdefault(Subject(dataset, Role.REPLICA, replica), []).extend(found)
    locks = {subject: held for one in visits for subject, held in one.locks.items()}
    for subject, held in locks.items():
        remarks.setdefault(subject, []).append(_held(held.holder, held.until, now))
    said = {task.dataset: _of_dataset(task, refused[task.dataset]) for task in tasks}
    every = [pair[1] for one in visits for pair in one.remarks]
    every += [remark for found in (*said.values(), *services) for remark in found]
    document = {
        "at": now.isoformat(),
        "notes": list(NOTES),
        "problems": sum(1 for one in every if one.level is Level.PROBLEM),
        "warnings": sum(1 for one in every if one.level is Level.WARNING),
        "locations": [_location(one) for one in visits],
        "datasets": [
            {
                "dataset": task.dataset,
                "remarks": _told(said[task.dataset]),
                "places": [
                    {
                        "role": one.subject.role.value,
                        "replica": one.subject.replica,
                        "location": one.where.name,
                        "url": one.where.url,
                        "lock": errands.held_by(locks.get(one.subject), now),
                        "remarks": _told(remarks.get(one.subject, ())),
                    }
                    for one in _folders(task)
                ],
            }
            for task in tasks
        ],
    }
    return document, exitcode.first(one.exit_code for one in every)


async def _service(mover: Mover) -> list[Remark]:
    """Whoever moves a replica's bytes in Ferryline's stead: whether it is there, and as the policy says."""
    found = await mover.standing()
    problem = found["problem"]
    if problem is not None:
        said = f"{mover.name}: {problem['message']}"
        code = problem["exit_code"]
        return [Remark(Level.PROBLEM, "engine", said, problem["advice"], problem["kind"], code)]
    schedule = found.get("schedule")
    differs = [
        Remark(
            Level.WARNING,
            "engine",
            f"{mover.name}: {one['field']} is {one['deployed'] or 'not set'}, the policy says "
            f"{one['policy'] or 'none'}",
            "ferryline deploy up",
        )
        for one in found.get("differs", ())
    ]
    if schedule is not None and schedule["told"]:
        differs.append(Remark(Level.WARNING, "engine", schedule["told"], "enable it again in AWS"))
    return [Remark(Level.OK, "engine", f"{mover.name} is deployed"), *differs]


def _folders(task: DatasetTask) -> list[Folder]:
    found = [Folder(Subject(task.dataset, Role.SOURCE), task.source, task)]
    found += [
        Folder(Subject(task.dataset, Role.REPLICA, one.name), one.location, task) for one in task.replicas
    ]
    apart = next((one.metadata for one in task.replicas if one.metadata is not None), None)
    if apart is not None:
        found.append(Folder(Subject(task.dataset, Role.METADATA), apart, task))
    return found


def _refused(task: DatasetTask, resolved: Mapping[str, str]) -> list[Refused]:
    """Where the rules forbid a place once the regions count that endpoints named."""
    if not border.has_rules(task):
        return []
    seen = stops.Seen(resolved=resolved, run_in=task.run_in, passes=task.run_in is not None)
    decisions = decide_all(task.bounds, stops.stops_of(task.declared, task.dataset, seen))
    return [one for one in decisions if isinstance(one, Refused)]


def _region(visit: Visit, barred: Iterable[str]) -> None:
    """The region that was resolved, beside the one that was declared."""
    where = visit.folders[0].where
    if not isinstance(where, place.S3Location):
        return
    declared = visit.folders[0].task.declared.locations[visit.name].region
    resolved = visit.resolved
    if resolved is None:
        if not _answered(visit):
            return
        said = f"{declared} as declared" if declared else "not declared"
        visit.say(Remark(Level.NOTE, "region", f"{said}; only AWS tells a bucket's region"))
    elif declared is None or declared == resolved:
        visit.say(Remark(Level.OK, "region", f"the bucket is in {resolved}"))
    else:
        code = exitcode.GUARD if visit.name in barred else exitcode.WRONG_USAGE
        said = f"the bucket is in {resolved}, and the policy says {declared}"
        advice = f"write region: {resolved} at locations.{visit.name}, or use another bucket"
        visit.say(Remark(Level.PROBLEM, "region", said, advice, "wrong-region", code))


def _answered(visit: Visit) -> bool:
    return any(one.about == "reach" and one.level is Level.OK for _, one in visit.remarks)


def _same_disk(visits: Iterable[Visit]) -> None:
    """Note where a replica shares its source's file system: one broken disk takes both."""
    seen = list(visits)
    devices = {subject: device for one in seen for subject, device in one.devices.items()}
    for visit in seen:
        for subject, device in visit.devices.items():
            if subject.role is Role.REPLICA and devices.get(Subject(subject.dataset, Role.SOURCE)) == device:
                said = "it is on the source's file system: one disk that breaks takes both"
                visit.say(Remark(Level.NOTE, "mount", said), subject)


def _held(holder: str, until: datetime, now: datetime) -> Remark:
    if until > now:
        said = f"{holder} holds it until {until:%Y-%m-%d %H:%M:%S} UTC, unless that is renewed"
        return Remark(Level.NOTE, "lock", said, "runs wait for it; where it is surely gone: ferryline unlock")
    return Remark(Level.NOTE, "lock", f"{holder} left a lock, which no longer counts")


def _of_dataset(task: DatasetTask, refused: Iterable[Refused]) -> list[Remark]:
    found = [
        Remark(Level.PROBLEM, "residency", sentence(one), one.remedy, "residency", exitcode.GUARD)
        for one in refused
    ]
    if border.has_rules(task) and not found:
        said = "the residency rules allow every place, by the regions that were resolved or declared"
        found.append(Remark(Level.OK, "residency", said))
    return found


def _location(visit: Visit) -> dict[str, Any]:
    where = visit.folders[0].where
    bucket = isinstance(where, place.S3Location)
    spec = visit.folders[0].task.declared.locations.get(visit.name)
    ahead = visit.clock_ahead_seconds
    return {
        "location": visit.name,
        "url": f"s3://{where.bucket}/" if isinstance(where, place.S3Location) else where.url,
        "endpoint": _endpoint(where) if isinstance(where, place.S3Location) else None,
        "region_declared": spec.region if spec is not None else None,
        "region_resolved": visit.resolved,
        "versioning": visit.versions if bucket else False,
        "clock_ahead_seconds": None if ahead is None else round(ahead, 1),
        "remarks": _told(remark for subject, remark in visit.remarks if subject is None),
    }


def _endpoint(where: place.S3Location) -> str:
    """Scheme, host and port: what else an endpoint's URL may hold is nobody's business."""
    if where.access.endpoint_url is None:
        return "aws"
    parts = urlsplit(where.access.endpoint_url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


_ORDER = (Level.PROBLEM, Level.WARNING, Level.NOTE, Level.OK)


def _told(remarks: Iterable[Remark]) -> list[dict[str, Any]]:
    """Remarks as the document tells them, what matters most first."""
    return [
        {
            "level": one.level.value,
            "about": one.about,
            "message": one.message,
            "advice": one.advice,
            "kind": one.kind,
        }
        for one in sorted(dict.fromkeys(remarks), key=lambda one: _ORDER.index(one.level))
    ]
