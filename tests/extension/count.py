"""`ferryline count`: how many objects a folder holds, and how many bytes. Reads one listing.

A worked example of a command: parse, call, print. `main` finds it by its file's name.
"""

import contextlib

import click

from ferryline.cli import console, flags
from ferryline.config import environment, places, request
from ferryline.listing import walk
from ferryline.model import key, units
from ferryline.model.place import Location
from ferryline.pipeline import loop
from ferryline.pipeline import task as tasks
from ferryline.storage import location


@click.command("count")
@click.argument("folder", metavar="SRC")
@flags.stack(flags.COMMON)
def command(folder: str, *, policy_files: tuple[str, ...], state: str | None, json_mode: bool) -> int:
    """Count the objects of SRC and their bytes."""
    around = environment.read()
    declared = request.policy(policy_files, around)
    ground = places.Ground(declared, request.sources(around), str(around.working_directory))
    borrowed = request.surroundings(state, around, request.Listeners(lambda _: None), tasks.Pressure())
    context = location.OpenContext(resolve=borrowed.resolve)
    objects, size_bytes = loop.run(_counted(ground.folder(folder), context))
    speak = console.Console(json_mode=json_mode)
    speak.document({"schema": "example.count/1", "objects": objects, "bytes": size_bytes})
    speak.say(f"{objects} objects, {units.show_bytes(size_bytes)}")
    return 0


async def _counted(where: Location, context: location.OpenContext) -> tuple[int, int]:
    store = await location.open_store(where, context)
    try:
        objects = size_bytes = 0
        async with contextlib.aclosing(walk.checked(store, key.EVERYTHING)) as pages:
            async for page in pages:
                objects += page.rows.num_rows
                size_bytes += sum(page.rows.column("size").to_pylist())
        return objects, size_bytes
    finally:
        await store.close()
