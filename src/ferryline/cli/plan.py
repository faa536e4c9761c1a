"""`ferryline plan`: what a run would do, why, for how much and how long. Writes nothing anywhere."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import engines as advice
from ferryline.cli import flags, live
from ferryline.config import datasets, environment, request, tariffs
from ferryline.model import exitcode
from ferryline.pipeline import door, forecast
from ferryline.policy import options
from ferryline.report import text


@click.command("plan", short_help="Say what a run would do, why and for how much; write nothing.")
@click.argument("names", metavar="SRC DST | DATASET", nargs=-1, required=True)
@flags.OBJECT
@flags.stack(flags.WHAT, flags.VERIFY_MODE, flags.HOW, flags.PRESSURE, flags.QUIET, flags.COMMON)
@click.option("--replica", metavar="NAME", help="Of DATASET, only this replica.")
@click.option(
    "--run-in", metavar="REGION", help="Where the bytes pass through.  [default: $FERRYLINE_REGION]"
)
@click.option(
    "--assume-bytes-per-second",
    metavar="RATE",
    help="Reckon the time by this rate (100MiB), not by past runs.",
)
@click.option("--engines", is_flag=True, help="Of DATASET: say which engine fits each replica, and why.")
@click.option(
    "--bytes", "size", metavar="SIZE", help="With --engines: price so much (5TiB).  [default: 1TiB]"
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 8 when there are changes, 0 when there are none."
)
def command(
    names: tuple[str, ...],
    *,
    replica: str | None,
    run_in: str | None,
    assume_bytes_per_second: str | None,
    engines: bool,
    size: str | None,
    detailed_exitcode: bool,
    **given: Any,
) -> int:
    """Say what a run would send, delete and refuse, why, for how much money and in what time.

    SRC and DST with the flags of `copy`, or a DATASET of the policy file: then for each replica, with
    where its residency rules allow it. What a price or a time is not known for is said to be unknown.
    """
    if engines and len(names) == 1:
        return advice.tell(names[0], size, given)
    if engines or size is not None:
        raise errors.BadUsage(
            "--engines and --bytes are about one dataset", advice="name a dataset of the policy alone"
        )
    around = environment.read()
    told = tariffs.Told(run_in, assume_bytes_per_second)
    with live.Session(given, around) as session:
        if len(names) == 1:
            result = _of_dataset(session, names[0], replica, told)
            told_text = text.plan_dataset(result)
        else:
            result = _of_folders(session, names, replica, told)
            told_text = text.plan(result)
    session.speak.document(result)
    session.speak.say(told_text)
    changes = detailed_exitcode and result["changes"]
    return exitcode.CHANGES_PLANNED if changes else exitcode.DONE


def _of_folders(
    session: live.Session, names: tuple[str, ...], replica: str | None, told: tariffs.Told
) -> dict[str, Any]:
    if replica is not None:
        raise errors.BadUsage("--replica is for a DATASET", advice="name a dataset, or leave --replica out")
    around = environment.read()
    words = request.words(names[0], names[1:], {**session.words, "run_in": told.run_in})
    declared = request.policy(words.policy_files, around)
    task = request.task_under(declared, words, around)
    pricing = tariffs.pricing(declared, task, told.placed(declared, around))
    return door.plan(task, session.surroundings(), pricing)


def _of_dataset(session: live.Session, name: str, replica: str | None, told: tariffs.Told) -> dict[str, Any]:
    around = environment.read()
    for flag, value in session.words.items():
        if flag != "policy_files" and value not in (None, (), False):
            written = "--object" if flag == "single_object" else options.flag(flag)
            raise errors.BadUsage(
                f"{written} is for SRC and DST, and {name!r} alone is a dataset's name",
                advice="give two folders, or write it into the dataset's declaration",
            )
    declared = datasets.declared(session.words["policy_files"], around)
    placed = told.placed(declared, around)
    task = datasets.task(declared, name, around, placed.run_in)
    return forecast.plan(
        task, tariffs.legs(task, placed, request.sources(around), replica), session.surroundings()
    )
