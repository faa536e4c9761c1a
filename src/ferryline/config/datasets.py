"""A dataset's declaration to a `DatasetTask`: places resolved, rules gathered, overlaps refused again.

The commands about datasets share it. Every mistake is a UserMistake that names the field.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ferryline import errors
from ferryline.config import environment, request
from ferryline.config import places as config_places
from ferryline.model import place
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.reports import ReportFile
from ferryline.policy import interpolation, location, options, places, values
from ferryline.policy.options import Engine
from ferryline.residency import stops


def declared(files: tuple[str, ...], around: environment.Environment) -> values.Policy:
    """The policy that `-f`, or the working directory, gives. Raises BadUsage where there is none."""
    found = request.policy(files, around)
    if found is None:
        raise errors.BadUsage(
            f"there is no {environment.POLICY_FILE} here",
            advice="name one with -f, or write one: ferryline init",
        )
    return found


def task(
    policy: values.Policy, name: str, around: environment.Environment, run_in: str | None = None
) -> DatasetTask:
    """The dataset `name`, ready to run. Raises BadUsage, BadPolicy."""
    dataset = policy.dataset(name)
    if not policy.name:
        raise errors.BadUsage(
            "the policy has no name, and heads are stamped with it",
            advice="add `name: …` at the top of the policy file",
        )
    if not dataset.replicas:
        raise errors.BadUsage(f"the dataset {name!r} has no replicas", advice="declare one under `replicas`")
    known = request.sources(around)
    resolved = places.resolved(policy, dataset, known)
    metadata = places.of_folder(policy, dataset.metadata, known) if dataset.metadata is not None else None
    replicas = tuple(
        Replica(one.name, places.of_replica(policy, one, known), metadata, one.required, one.engine)
        for one in dataset.replicas
    )
    return DatasetTask(
        policy=policy.name,
        dataset=name,
        source=places.of_folder(policy, dataset.source, known),
        replicas=replicas,
        bounds=stops.bounds_of(policy, name),
        declared=resolved,
        options=dataset.options,
        filters=dataset.filters,
        markers=dataset.markers,
        on_unknown=dataset.on_unknown,
        max_delete=dataset.max_delete,
        max_transfer=dataset.max_transfer,
        keep=dataset.keep_snapshots,
        on_failure=dataset.on_failure,
        policy_digest=policy.digest,
        run_in=run_in or around.variables.get("FERRYLINE_REGION") or None,
    )


def overridden(task: DatasetTask, flags: Mapping[str, str | int | None]) -> DatasetTask:
    """The task with the options that the command line gives for this run. Raises BadUsage."""
    given = options.from_flags(flags)
    changed = {name: getattr(given, name) for name in given.given}
    return replace(task, options=replace(task.options, **changed))


def adopting(task: DatasetTask, *, read_back: bool) -> DatasetTask:
    """The task as `adopt` looks at it: what cannot be known cheaply is read where that was asked for."""
    unknown = values.OnUnknown.READ_BACK if read_back else values.OnUnknown.REFUSE
    changed = replace(
        task.options,
        transfer_mode=options.TransferMode.CHANGED,
        overwrite_mode=options.OverwriteMode.ALWAYS,
        preserve_deleted_files=options.PreserveDeletedFiles.PRESERVE,
    )
    return replace(task, options=changed, on_unknown=unknown)


def reports(
    policy: values.Policy, files: Iterable[str], around: environment.Environment
) -> tuple[ReportFile, ...]:
    """The files of `--checksum-report`: paths, URLs or `location/path`. Raises BadLocation."""
    ground = config_places.Ground(policy, request.sources(around), str(around.working_directory))
    return tuple(ReportFile(*ground.single_object(one), one) for one in files)


def documents(policy: values.Policy, around: environment.Environment, state: str | None) -> place.Location:
    """Where the policy's run documents lie: its `state`, else the folder where this host remembers.

    Raises `BadPolicy` for a `state` that is no location once its references are resolved.
    """
    if policy.state is None:
        return place.FileLocation(str(around.state_folder(state)))
    where = policy.where("state")
    folder = os.path.dirname(where.file) if where is not None else ""
    try:
        text = interpolation.resolve(policy.state, request.sources(around))
        return location.parse(text, os.path.join(around.working_directory, folder))
    except interpolation.Unresolved as problem:
        refusal = errors.Problem(
            where, f"state: {problem}", "set it, or give a default: ${env:NAME:-default}"
        )
    except errors.BadLocation as problem:
        refusal = errors.Problem(where, "state: once resolved this is no location", problem.advice)
    raise errors.BadPolicy((refusal,))


def refuse_shared(
    policy: values.Policy, replica: Replica, documents_at: place.Location, around: environment.Environment
) -> None:
    """Refuse to erase a folder in which the policy keeps something else beside that replica.

    Datasets never overlap, but the metadata of one, or the run documents, may lie in a replica. Raises
    GuardRefused.
    """
    known = request.sources(around)
    if replica.engine is not Engine.FERRYLINE:
        raise errors.GuardRefused(
            f"{replica.engine.value} moves the bytes of {replica.location.url}, and would bring them again",
            advice="take what is deployed away first (ferryline deploy destroy, or the console), then write "
            "engine: ferryline for this replica; nothing was removed",
            place=replica.location.url,
            kind="managed",
        )
    others = [("run documents lie", documents_at)]
    for name, dataset in policy.datasets.items():
        if dataset.metadata is not None:
            there = f"the metadata of the dataset {name!r} lies"
            others.append((there, places.of_folder(policy, dataset.metadata, known)))
        others.append(
            (f"the source of the dataset {name!r} lies", places.of_folder(policy, dataset.source, known))
        )
        others += [
            (f"the replica {one.name!r} of {name!r} lies", places.of_replica(policy, one, known))
            for one in dataset.replicas
            if one.name != replica.name
        ]
    for what, where in others:
        if config_places.is_inside(where, replica.location):
            raise errors.GuardRefused(
                f"{what} in {replica.location.url}, which was to be erased",
                advice="move it to a folder of its own first; nothing was removed",
                place=replica.location.url,
                kind="shared",
            )


def chosen(policy: values.Policy, names: Iterable[str], *, every: bool) -> tuple[str, ...]:
    """The datasets a command is about, in the policy's order. Raises BadUsage."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        policy.dataset(name)
    if every and wanted:
        raise errors.BadUsage("--all and names of datasets were given", advice="give one or the other")
    if not every and not wanted:
        known = ", ".join(policy.datasets) or "none"
        raise errors.BadUsage("no dataset was named", advice=f"name one, or use --all; there are: {known}")
    return tuple(policy.datasets) if every else tuple(one for one in policy.datasets if one in wanted)
