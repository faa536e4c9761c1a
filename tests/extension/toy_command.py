"""A worked example: a command `ferryline count SRC`, which says how many objects lie in a folder.

One file of its own, and its name in the list of commands. Help, errors, exit codes and the policy's
names come with the frame.
"""

from tests.extension.edits import Edit, NewFile

EDITS = (
    NewFile(
        "cli/count.py",
        '''"""`ferryline count`: how many objects lie in a folder."""

import contextlib

import click

from ferryline.cli import console
from ferryline.config import environment, places, request
from ferryline.model.key import EVERYTHING
from ferryline.pipeline import loop
from ferryline.storage import location


@click.command("count")
@click.argument("source", metavar="SRC")
@click.option("--json", "json_mode", is_flag=True, help="One JSON document on stdout, nothing else there.")
def command(source: str, *, json_mode: bool) -> int:
    """Say how many objects lie in SRC."""
    around = environment.read()
    ground = places.Ground(request.policy((), around), request.sources(around), str(around.working_directory))
    where = ground.folder(source)

    async def count() -> int:
        store = await location.open_store(where, location.OpenContext())
        async with contextlib.aclosing(store.pages(EVERYTHING)) as pages:
            found = sum([page.rows.num_rows async for page in pages])
        await store.close()
        return found

    found = loop.run(count())
    speak = console.Console(json_mode=json_mode)
    speak.document({"schema": "ferryline.count/1", "objects": found})
    speak.say(f"{found} objects in {where.url}")
    return 0
''',
    ),
    Edit("cli/main.py", 'COMMANDS = ("check", "copy", ', '"count", '),
)
