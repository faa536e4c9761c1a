"""`ferryline unlock`: who holds a replica, and the removal of a lock whose holder is gone."""

from typing import Any

import click

from ferryline.cli import asking, flags, live
from ferryline.config import datasets, environment
from ferryline.pipeline.published import door as dataset_door
from ferryline.report import replica_text


@click.command("unlock", short_help="Show who holds a replica; remove the lock of a dead run.")
@click.argument("dataset", metavar="DATASET")
@click.option("--replica", metavar="NAME", required=True, help="Which replica.")
@asking.YES
@flags.stack(flags.COMMON)
def command(dataset: str, *, replica: str, yes: bool, **given: Any) -> int:
    """Show who holds the lock of a replica, since when and until when; remove it if you say so.

    A lock is renewed while its holder lives, and past its time it holds nobody up: waiting is enough.
    Remove one only where you know that its process is gone. Without --yes it is removed only after a
    question on a terminal; while it stays and counts, the exit code is 6.
    """
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    task = datasets.task(policy, dataset, around)
    session = live.Session({**given, "quiet": True}, around)
    document, found = dataset_door.lock_of(task, session.surroundings(), replica)
    if found is not None and (
        yes
        or asking.agreed("Remove it? Its holder must be gone.", replica_text.lock(document), session.speak)
    ):
        document = dataset_door.unlock(task, session.surroundings(), replica, found)
    session.speak.document(document)
    session.speak.say(replica_text.lock(document))
    return int(document["exit_code"])
