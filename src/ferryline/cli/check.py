"""`ferryline check`: validate a policy file and say what each replica can count on."""

from typing import Any

import click

from ferryline import errors
from ferryline import policy as policy_room
from ferryline.cli import console
from ferryline.config import environment, request
from ferryline.policy import guarantees, values
from ferryline.residency import stops
from ferryline.residency.decide import Decision, decide_all, enforce


@click.command("check")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="Policy file.  [default: ferryline.yaml]"
)
@click.option("--json", "json_mode", is_flag=True, help="One JSON document on stdout, nothing else there.")
@click.option("--schema", "schema", is_flag=True, help="Print the JSON Schema of the policy file instead.")
def command(files: tuple[str, ...], *, json_mode: bool, schema: bool) -> int:
    """Validate a policy file and print each replica's guarantees.

    Every problem is named with file, line, column and remedy; a replica where the residency rules
    forbid one is refused (exit 3). Nothing is contacted.
    """
    speak = console.Console(json_mode=json_mode or schema)
    if schema:
        speak.document(policy_room.schema())
        return 0
    declared = request.policy(files, environment.read())
    if declared is None:
        raise errors.BadUsage(
            f"there is no {environment.POLICY_FILE} here",
            advice="name one with -f, or write one: ferryline init",
        )
    _refuse_forbidden(declared)
    notes = guarantees.notes(declared)
    speak.document(_document(declared, notes))
    if not json_mode:
        speak.say(_text(declared, notes))
    return 0


def _refuse_forbidden(declared: values.Policy) -> None:
    """Raise GuardRefused for a dataset that would lie where its rules forbid, by the declared regions."""
    decisions: list[Decision] = []
    for name, dataset in declared.datasets.items():
        if dataset.has_residency:
            where = stops.stops_of(declared, name, stops.Seen(passes=False))
            decisions += decide_all(stops.bounds_of(declared, name), where)
    enforce(decisions)


def _document(declared: values.Policy, notes: guarantees.Notes) -> dict[str, Any]:
    return {
        "schema": "ferryline.check/1",
        "status": "SUCCESS",
        "exit_code": 0,
        "policy": declared.name,
        "policy_digest": declared.digest,
        "files": list(declared.files),
        "replicas": [
            {"dataset": one.dataset, "replica": one.replica, "notes": list(one.sentences)}
            for one in notes.replicas
        ],
        "notes": list(notes.general),
    }


def _text(declared: values.Policy, notes: guarantees.Notes) -> str:
    named = f" {declared.name!r}" if declared.name else ""
    lines = [f"policy{named} is valid: {', '.join(declared.files)}"]
    for one in notes.replicas:
        lines += ["", f"{one.dataset} → {one.replica}", *(f"  - {sentence}" for sentence in one.sentences)]
    if notes.general:
        lines += ["", "also", *(f"  - {sentence}" for sentence in notes.general)]
    return "\n".join(lines)
