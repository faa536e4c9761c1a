"""`ferryline retire`: take a replica out of service, and erase it where that is asked for."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import asking, flags, live
from ferryline.config import datasets, environment
from ferryline.pipeline.published import door as dataset_door
from ferryline.pipeline.published.retiring import Wish
from ferryline.report import replica_text, snapshots_text


@click.command("retire", short_help="Take a replica out of service; erase it if asked to.")
@click.argument("dataset", metavar="DATASET")
@click.option("--replica", metavar="NAME", required=True, help="Which replica.")
@click.option("--erase", is_flag=True, help="Remove all its objects, versions and uploads too, and prove it.")
@asking.YES
@flags.stack(flags.COMMON)
def command(dataset: str, *, replica: str, erase: bool, yes: bool, **given: Any) -> int:
    """Take a replica of DATASET out of service: readers are turned away first, then its metadata goes.

    The objects stay, unless --erase is given: then everything below the replica's folder is removed, all
    versions, markers of deletes and open uploads with it, and listed again to prove that nothing is left.
    The last copy is never retired: another replica must have a snapshot that can be read. A record of who
    removed what and when is kept with the run documents. Take the replica out of the policy afterwards.
    """
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    task = datasets.task(policy, dataset, around)
    where = datasets.documents(policy, around, given["state"])
    chosen = task.replica(replica)
    if erase:
        datasets.refuse_shared(policy, chosen, where, around)
    session = live.Session({**given, "quiet": True}, around)
    if not yes:
        what = "erase everything below" if erase else "retire"
        shown = snapshots_text.listed(dataset_door.listed(task, session.surroundings(), replica))
        if not asking.agreed(f"Really {what} {chosen.location.url}?", shown, session.speak):
            raise errors.BadUsage(
                f"nobody agreed to {what} {chosen.location.url}; nothing was changed",
                advice="say yes on a terminal, or give --yes",
            )
    document = dataset_door.retire(task, session.surroundings(), Wish(replica, erase, where))
    session.speak.document(document)
    session.speak.say(replica_text.retired(document))
    return int(document["exit_code"])
