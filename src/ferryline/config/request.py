"""A command line's words to a `Task` and its `Surroundings`.

`copy`, `plan` and `verify` share it, so that the same flags mean the same everywhere. Every
mistake is a UserMistake that names the flag.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryline import errors
from ferryline.config import environment, places
from ferryline.model import event, units
from ferryline.pipeline import task as tasks
from ferryline.policy import filters, interpolation, options, values


@dataclass(frozen=True, slots=True)
class Words:
    """What was typed, unread: texts as they came, None where a flag was not given."""

    source: str
    destinations: tuple[str, ...]
    policy_files: tuple[str, ...] = ()
    options: Mapping[str, str | int | None] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    on_unknown: str | None = None
    max_delete: int | None = None
    max_delete_percent: float | None = None
    max_transfer: str | None = None
    single_object: bool = False
    accept_new_mount: bool = False
    disable_server_side_copy: bool = False
    run_in: str | None = None


OPTION_FLAGS = (
    "verify_mode",
    "overwrite_mode",
    "preserve_deleted_files",
    "transfer_mode",
    "mtime",
    "object_metadata",
    "object_tags",
    "log_level",
    "bytes_per_second",
)
"""The options that one-off commands take, by their field names."""


def words(source: str, destinations: tuple[str, ...], flags: Mapping[str, Any]) -> Words:
    """Flags by the command line's names, in snake case, unread. Raises BadUsage for an unknown one."""
    rest = {name: value for name, value in flags.items() if name not in OPTION_FLAGS}
    known = {one.name for one in dataclasses.fields(Words)}
    for name in rest:
        if name not in known:
            raise errors.BadUsage(
                f"{name!r} is not a flag", advice=f"known: {', '.join(sorted(known | set(OPTION_FLAGS)))}"
            )
    chosen = {name: flags.get(name) for name in OPTION_FLAGS}
    return Words(source, destinations, options=chosen, **rest)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where a run reports to."""

    emit: Callable[[event.Event], None]
    report_folder: Path | None = None


def policy(files: tuple[str, ...], around: environment.Environment) -> values.Policy | None:
    """The policy: the files given by `-f`, else `ferryline.yaml` of the working directory if it is there."""
    wanted = [around.working_directory / one for one in files]
    default = around.working_directory / environment.POLICY_FILE
    if not wanted and default.is_file():
        wanted = [default]
    if not wanted:
        return None
    from ferryline.policy import document  # the reader of policy files is loaded where there is one

    return document.load(wanted, credentials=around.credentials_file)


def sources(around: environment.Environment) -> interpolation.Sources:
    """What references in the policy are resolved from."""
    plain = interpolation.Sources(around.variables)
    if around.credentials_file is None:
        return plain
    from ferryline.policy import credentials

    return dataclasses.replace(plain, credentials=credentials.reader(around.credentials_file, plain))


def task(words: Words, around: environment.Environment) -> tasks.Task:
    """Read the words. Raises BadUsage, BadLocation, BadPolicy, or GuardRefused for residency."""
    return task_under(policy(words.policy_files, around), words, around)


def task_under(declared: values.Policy | None, words: Words, around: environment.Environment) -> tasks.Task:
    """The same under a policy that was read already, or none."""
    if len(words.destinations) > 1:
        raise errors.BadUsage(
            f"{len(words.destinations)} destinations were given; one at a time can be copied to",
            advice="run the command once for each destination",
        )
    ground = places.Ground(declared, sources(around), str(around.working_directory))
    object_key: bytes | None = None
    object_name: bytes | None = None
    if words.single_object:
        if words.include or words.exclude:
            raise errors.BadUsage(
                "--include and --exclude choose among the keys of a folder; --object names the one key",
                advice="leave the patterns out, or copy the folder",
            )
        source, object_key = ground.single_object(words.source)
        destination, object_name = ground.object_destination(words.destinations[0], object_key)
        if source == destination and object_key == object_name:
            raise errors.BadUsage(f"{words.source} would be copied onto itself", advice="name another key")
    else:
        source, destination = ground.folder(words.source), ground.folder(words.destinations[0])
        places.refuse_overlap(source, (destination,))
    places.refuse_reserved(source, object_key or b"")
    places.refuse_reserved(destination, object_name or b"")
    run_in = words.run_in or around.variables.get("FERRYLINE_REGION") or None
    borders = places.residency(declared, source, destination, run_in)
    return tasks.Task(
        source=source,
        destinations=(destination,),
        options=options.from_flags(words.options),
        filters=filters.Filters.parse(words.include, words.exclude),
        on_unknown=_on_unknown(words.on_unknown),
        max_delete=_max_delete(words),
        max_transfer_bytes=_bytes(words.max_transfer),
        object_key=object_key,
        object_name=object_name,
        policy_digest=declared.digest if declared is not None else None,
        server_side_copy=not words.disable_server_side_copy,
        accept_new_mount=words.accept_new_mount,
        borders=borders,
    )


def _on_unknown(text: str | None) -> values.OnUnknown:
    if text is None:
        return values.OnUnknown.COPY
    try:
        return values.OnUnknown(text.replace("-", "_"))
    except ValueError:
        raise errors.BadUsage(
            f"--on-unknown: {text[:60]!r} is not one of copy, read-back, refuse", advice="write one of these"
        ) from None


def _max_delete(words: Words) -> values.MaxDelete:
    usual = values.MaxDelete()
    count = usual.count if words.max_delete is None else words.max_delete
    percent = usual.percent if words.max_delete_percent is None else words.max_delete_percent
    if count < 0 or not 0 <= percent <= 100:
        raise errors.BadUsage(
            f"--max-delete {count} with --max-delete-percent {percent:g}",
            advice="give a count of at least 0 and a percentage from 0 to 100",
        )
    return values.MaxDelete(count, percent)


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return units.parse_bytes(text)
    except ValueError as error:
        raise errors.BadUsage(f"--max-transfer: {error}") from error


def surroundings(
    state: str | None, around: environment.Environment, listeners: Listeners, pressure: tasks.Pressure
) -> tasks.Surroundings:
    """What a run of this process borrows."""

    known = sources(around)

    def resolve(text: str) -> str:
        try:
            return interpolation.resolve(text, known)
        except interpolation.Unresolved as error:
            raise errors.BadLocation(
                str(error), advice="set it, or give a default: ${env:NAME:-default}"
            ) from None

    kept = around.state(state)
    return tasks.Surroundings(
        state_folder=kept.folder,
        database_url=kept.database_url,
        resolve=resolve,
        emit=listeners.emit,
        report_folder=listeners.report_folder,
        pressure=pressure,
    )
