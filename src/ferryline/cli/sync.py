"""`ferryline sync`: replicate datasets by their policy, prove every object, publish what is whole."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import flags, live
from ferryline.config import datasets, environment
from ferryline.model.place import Location
from ferryline.pipeline import dataset_door, door
from ferryline.pipeline.dataset import DatasetTask, Wish
from ferryline.policy import values
from ferryline.report import document, text


@click.command("sync")
@click.argument("names", metavar="[DATASET]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every dataset of the policy.")
@click.option("--due", is_flag=True, help="Only what its schedule asks for by now, of those named or of all.")
@click.option("--replica", "replicas", multiple=True, metavar="NAME", help="Only this replica; repeatable.")
@click.option("--dry-run", is_flag=True, help="Look and plan, write nothing anywhere.")
@click.option(
    "--approve-deletes",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Allow up to N deletes, or keys gone from a snapshot, in this run, whatever max_delete says.",
)
@flags.RUN_IN
@flags.stack(flags.REPORTING, flags.PRESSURE, flags.COMMON)
@flags.ACCEPT_NEW_MOUNT
def command(
    names: tuple[str, ...],
    *,
    every: bool,
    due: bool,
    replicas: tuple[str, ...],
    dry_run: bool,
    approve_deletes: int,
    run_in: str | None,
    accept_new_mount: bool,
    **given: Any,
) -> int:
    """Bring each DATASET's replicas in line with its source and publish the snapshot at each.

    The source is read once for all replicas. A replica's new snapshot becomes visible only when every
    object of it is proven there; one that fails does not keep the others from publishing. Run it again
    and nothing is written. Nothing is needed on this host: what was proven lies beside the replicas.
    """
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    chosen = datasets.chosen(policy, names, every=every or (due and not names))
    if replicas and len(chosen) > 1:
        raise errors.BadUsage("--replica names a replica of one dataset", advice="name one dataset")
    wish = Wish(replicas, dry_run, approve_deletes, accept_new_mount=accept_new_mount)
    options = {name: given.pop(name) for name in ("bytes_per_second", "log_level")}
    where = datasets.documents(policy, around, given["state"])
    with live.Session(given, around) as session:
        tasks = [datasets.overridden(datasets.task(policy, one, around, run_in), options) for one in chosen]
        if due:
            tasks = [one for one in tasks if _is_due(one, policy, where, session)]
        runs: list[dict[str, Any]] = []
        for task in tasks:
            facts = door.sync(task, session.surroundings(), wish)
            runs.append(document.run_document(facts))
            session.speak.say(text.summary(runs[-1]))
            if not dry_run:
                _keep(task, where, session, runs[-1])
            if facts.exit_code in (130, 143):
                break
    result = document.sync_document(runs)
    if not tasks:
        session.speak.say("nothing is due")
    session.speak.document(result)
    return int(result["exit_code"])


def _is_due(task: DatasetTask, policy: values.Policy, where: Location, session: live.Session) -> bool:
    """Whether a dataset's schedule asked for a run since its newest one began."""
    schedule = policy.dataset(task.dataset).schedule
    if schedule is None:
        return False
    began = dataset_door.began_last(task, where, session.surroundings())
    following = schedule.next_after(began) if began is not None else None
    return began is None or (following is not None and following <= session.clock.now())


def _keep(task: DatasetTask, where: Location, session: live.Session, run: dict[str, Any]) -> None:
    """Keep the run's document; without it `status` knows less, and nothing else is lost."""
    try:
        dataset_door.keep(task, where, session.surroundings(), run)
    except errors.FerrylineError as problem:
        session.speak.note(
            f"ferryline: the document of run {run['run_id']} could not be kept in {where.url}: {problem}"
        )
