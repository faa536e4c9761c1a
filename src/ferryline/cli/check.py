"""`ferryline check`: validate a policy file and say what each replica can count on."""

from typing import Any

import click

from ferryline import errors
from ferryline import policy as policy_room
from ferryline.cli import console, flags, live
from ferryline.config import datasets, environment
from ferryline.policy import guarantees, values
from ferryline.report import online_text
from ferryline.residency import stops
from ferryline.residency.decide import Decision, decide_all, enforce


@click.command("check")
@click.argument("names", metavar="[DATASET]...", nargs=-1)
@flags.stack(flags.COMMON)
@click.option("--schema", "schema", is_flag=True, help="Print the JSON Schema of the policy file instead.")
@click.option("--online", "online", is_flag=True, help="Contact every location that datasets use, read-only.")
def command(names: tuple[str, ...], *, schema: bool, online: bool, **given: Any) -> int:
    """Validate a policy file and print each replica's guarantees.

    Every problem is named with file, line, column and remedy; a replica where the residency rules
    forbid one is refused (exit 3). Nothing is contacted, unless --online asks for it: then each
    location that the named datasets (or all) use is asked whether it answers, what may be listed
    and read there, and for its region, versions, lifecycle rules and clock; a warning is no failure.
    Nothing is ever written, so that permission to write is not tested.
    """
    speak = console.Console(json_mode=given["json_mode"] or schema)
    if schema:
        speak.document(policy_room.schema())
        return 0
    if names and not online:
        raise errors.BadUsage(
            "names of datasets narrow --online, and a policy file is checked whole",
            advice="add --online, or leave the names out",
        )
    around = environment.read()
    declared = datasets.declared(given.pop("policy_files"), around)
    _refuse_forbidden(declared)
    notes = guarantees.notes(declared)
    found, code = _contacted(declared, names, given) if online else (None, 0)
    speak.document(_document(declared, notes, found, code))
    if not speak.json_mode:
        speak.say(_text(declared, notes))
        if found is not None:
            speak.say(online_text.online(found))
    return code


def _contacted(
    declared: values.Policy, names: tuple[str, ...], given: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    """What the places of these datasets (or of all that have replicas) told. Raises BadUsage, BadPolicy."""
    # A check without --online starts without these.
    from ferryline.config import movers
    from ferryline.pipeline.published import door as dataset_door

    around = environment.read()
    chosen = datasets.chosen(declared, names, every=False) if names else _with_replicas(declared)
    tasks = [datasets.task(declared, name, around) for name in chosen]
    session = live.Session({**given, "quiet": True}, around)
    services = movers.of_all(tasks, movers.Ground(around, session.clock))
    return dataset_door.contacted(tasks, session.surroundings(), services)


def _with_replicas(declared: values.Policy) -> tuple[str, ...]:
    found = tuple(name for name, one in declared.datasets.items() if one.replicas)
    if not found:
        raise errors.BadUsage(
            "the policy declares no dataset with a replica, so there is nothing to contact",
            advice="add one under `datasets`",
        )
    return found


def _refuse_forbidden(declared: values.Policy) -> None:
    """Raise GuardRefused for a dataset that would lie where its rules forbid, by the declared regions."""
    decisions: list[Decision] = []
    for name, dataset in declared.datasets.items():
        if dataset.has_residency:
            where = stops.stops_of(declared, name, stops.Seen(passes=False))
            decisions += decide_all(stops.bounds_of(declared, name), where)
    enforce(decisions)


def _document(
    declared: values.Policy, notes: guarantees.Notes, found: dict[str, Any] | None, code: int
) -> dict[str, Any]:
    return {
        "schema": "ferryline.check/1",
        "status": "ERROR" if code else "SUCCESS",
        "exit_code": code,
        "policy": declared.name,
        "policy_digest": declared.digest,
        "files": list(declared.files),
        "replicas": [
            {"dataset": one.dataset, "replica": one.replica, "notes": list(one.sentences)}
            for one in notes.replicas
        ],
        "notes": list(notes.general),
        "online": found,
    }


def _text(declared: values.Policy, notes: guarantees.Notes) -> str:
    named = f" {declared.name!r}" if declared.name else ""
    lines = [f"policy{named} is valid: {', '.join(declared.files)}"]
    for one in notes.replicas:
        lines += ["", f"{one.dataset} → {one.replica}", *(f"  - {sentence}" for sentence in one.sentences)]
    if notes.general:
        lines += ["", "also", *(f"  - {sentence}" for sentence in notes.general)]
    return "\n".join(lines)
