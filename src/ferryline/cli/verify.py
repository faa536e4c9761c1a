"""`ferryline verify`: compare two folders and repair nothing."""

from typing import Any

import click

from ferryline.cli import flags, live
from ferryline.config import environment, request
from ferryline.pipeline import door
from ferryline.report import document, text
from ferryline.verify.sample import Sample


@click.command("verify", short_help="Compare two folders and repair nothing.")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@flags.stack(flags.WHAT, flags.PRESSURE, flags.REPORTING, flags.COMMON)
@click.option(
    "--deep",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    default=0.0,
    help="Read this share of the objects on both sides, byte for byte. Files always are.",
)
@click.option(
    "--seed", type=int, default=0, metavar="N", help="Which share: the same seed reads the same keys."
)
def command(source: str, destination: str, *, deep: float, seed: int, **given: Any) -> int:
    """Compare SRC and DST and repair nothing; exits 1 when anything differs.

    Objects are compared by the cheapest evidence that proves something; files are always read. What
    is found bad is distrusted: the next copy sends it again.
    """
    around = environment.read()
    with live.Session(given, around) as session:
        task = request.task(request.words(source, (destination,), session.words), around)
        facts = door.verify(task, session.surroundings(), Sample(deep, seed))
    result = document.verify_document(facts)
    session.speak.document(result)
    session.speak.say(text.verification(result))
    return facts.exit_code
