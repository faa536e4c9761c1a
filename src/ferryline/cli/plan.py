"""`ferryline plan`: what a copy would do and why. Writes nothing anywhere."""

from typing import Any

import click

from ferryline.cli import engines as advice
from ferryline.cli import flags, live
from ferryline.config import environment, request
from ferryline.model import exitcode
from ferryline.pipeline import door
from ferryline.report import text

_USAGE = "give SRC and DST, or one dataset of the policy with --engines (and --bytes if you like)"


@click.command("plan", short_help="Say what copy would do and why; write nothing.")
@click.argument("source", metavar="SRC")
@click.argument("destinations", metavar="DST", nargs=-1)
@flags.OBJECT
@flags.stack(flags.WHAT, flags.HOW, flags.PRESSURE, flags.QUIET, flags.COMMON)
@click.option(
    "--engines", is_flag=True, help="SRC is a dataset: say which engine fits its replicas, and why."
)
@click.option(
    "--bytes", "size", metavar="SIZE", help="With --engines: price so much (5TiB).  [default: 1TiB]"
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 8 when there are changes, 0 when there are none."
)
def command(
    source: str,
    destinations: tuple[str, ...],
    *,
    engines: bool,
    size: str | None,
    detailed_exitcode: bool,
    **given: Any,
) -> int:
    """Say what `copy` with the same flags would send, delete and refuse, and why. Writes nothing."""
    if engines and not destinations:
        return advice.tell(source, size, given)
    if engines or size is not None or not destinations:
        raise click.UsageError(_USAGE)
    around = environment.read()
    with live.Session(given, around) as session:
        task = request.task(request.words(source, destinations, session.words), around)
        result = door.plan(task, session.surroundings())
    session.speak.document(result)
    session.speak.say(text.plan(result))
    changes = detailed_exitcode and result["changes"]
    return exitcode.CHANGES_PLANNED if changes else exitcode.DONE
