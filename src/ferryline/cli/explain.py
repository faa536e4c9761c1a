"""`ferryline explain`: may a dataset's bytes be there, and by which rule?"""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import console
from ferryline.config import environment, request
from ferryline.model import exitcode
from ferryline.policy import values
from ferryline.residency import explain, stops
from ferryline.residency.decide import Decision, Refused, Role, Stop, decide, decide_all


@click.command("explain", short_help="Say where a dataset may be, and by which rule.")
@click.argument("dataset", metavar="DATASET")
@click.option("--region", metavar="REGION", help="Ask about a reader in this region instead.")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="Policy file.  [default: ferryline.yaml]"
)
@click.option("--json", "json_mode", is_flag=True, help="One JSON document on stdout, nothing else there.")
def command(dataset: str, *, region: str | None, files: tuple[str, ...], json_mode: bool) -> int:
    """Say for each place of DATASET whether its residency rules allow it, by which rule, and why.

    Exits 3 when any is refused. Regions are taken as declared; nothing is contacted.
    """
    speak = console.Console(json_mode=json_mode)
    declared = request.policy(files, environment.read())
    if declared is None:
        raise errors.BadUsage(
            f"there is no {environment.POLICY_FILE} here",
            advice="name one with -f, or write one: ferryline init",
        )
    decisions = _decisions(declared, dataset, region)
    refused = any(isinstance(one, Refused) for one in decisions)
    code = exitcode.GUARD if refused else exitcode.DONE
    speak.document(_document(dataset, decisions, code))
    speak.say(explain.explain_all(decisions))
    return code


def _decisions(declared: values.Policy, dataset: str, region: str | None) -> tuple[Decision, ...]:
    bounds = stops.bounds_of(declared, dataset)
    if region is not None:
        return (decide(bounds, Stop(region, Role.READER, declared=region)),)
    return decide_all(bounds, stops.stops_of(declared, dataset, stops.Seen(passes=False)))


def _document(dataset: str, decisions: tuple[Decision, ...], code: int) -> dict[str, Any]:
    return {
        "schema": "ferryline.explain/1",
        "status": "ERROR" if code else "SUCCESS",
        "exit_code": code,
        "dataset": dataset,
        "decisions": [
            {
                "location": one.stop.location,
                "role": one.stop.role.value,
                "region": one.stop.region,
                "allowed": not isinstance(one, Refused),
                "why": one.why,
                "remedy": one.remedy if isinstance(one, Refused) else None,
            }
            for one in decisions
        ],
    }
