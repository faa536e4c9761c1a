"""`ferryline copy`: bring a folder in line with another, once, and prove it."""

from typing import Any

import click

from ferryline.cli import flags, live
from ferryline.config import environment, request, tariffs
from ferryline.pipeline import door
from ferryline.report import document, text


@click.command("copy")
@click.argument("source", metavar="SRC")
@click.argument("destinations", metavar="DST", nargs=-1, required=True)
@flags.OBJECT
@flags.stack(flags.WHAT, flags.VERIFY_MODE, flags.HOW, flags.PRESSURE, flags.REPORTING, flags.COMMON)
@flags.DISABLE_SERVER_SIDE_COPY
@flags.ACCEPT_NEW_MOUNT
@flags.RUN_IN
def command(source: str, destinations: tuple[str, ...], **given: Any) -> int:
    """Copy the contents of SRC into DST and prove every object.

    Run it again and nothing is sent. Kill it and run it again, here or on another host, and it
    carries on. Nothing is deleted unless --preserve-deleted-files REMOVE says so, and then only
    after a second look at each key and within --max-delete.
    """
    around = environment.read()
    with live.Session(given, around) as session:
        words = request.words(source, destinations, session.words)
        declared = request.policy(words.policy_files, around)
        task = request.task_under(declared, words, around)
        told = tariffs.Told(words.run_in).placed(declared, around)
        way = tariffs.way(declared, task.source, task.destinations[0], told.run_in)
        facts = door.copy(task, session.surroundings(), way)
    result = document.run_document(facts)
    session.speak.document(result)
    session.speak.say(text.summary(result))
    return facts.exit_code
