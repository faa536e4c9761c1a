"""`ferryline sync`: replicate datasets by their policy, prove every object, publish what is whole."""

from pathlib import Path
from typing import Any

import click

from ferryline import errors
from ferryline.cli import afterwards, flags, live, metrics_file
from ferryline.config import datasets, environment, movers, request, tariffs
from ferryline.pipeline import door
from ferryline.pipeline.dataset import Wish
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
@click.option(
    "--metrics-file",
    "metrics",
    metavar="FILE",
    help="Write lag, age, bytes, objects and failures to FILE in Prometheus' text form.",
)
@flags.RUN_IN
@flags.stack(flags.REPORTING, flags.PRESSURE, flags.COMMON)
@flags.ACCEPT_NEW_MOUNT
@flags.DISABLE_SERVER_SIDE_COPY
def command(
    names: tuple[str, ...],
    *,
    every: bool,
    due: bool,
    replicas: tuple[str, ...],
    dry_run: bool,
    approve_deletes: int,
    run_in: str | None,
    metrics: str | None,
    accept_new_mount: bool,
    disable_server_side_copy: bool,
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
    options = {name: given.pop(name) for name in ("bytes_per_second", "log_level")}
    overridden = frozenset(name for name, value in options.items() if value is not None)
    where = datasets.documents(policy, around, given["state"])
    measured = metrics_file.check(Path(metrics)) if metrics is not None else None
    told = tariffs.Told(run_in).placed(policy, around)
    with live.Session(given, around) as session:
        every_task = [
            datasets.overridden(datasets.task(policy, one, around, told.run_in), options) for one in chosen
        ]
        tasks = [one for one in every_task if not due or afterwards.is_due(one, policy, where, session)]
        ground = movers.Ground(around, session.clock, overridden)
        runs: list[dict[str, Any]] = []
        for task in tasks:
            wish = Wish(
                replicas,
                dry_run,
                approve_deletes,
                accept_new_mount=accept_new_mount,
                server_side_copy=not disable_server_side_copy,
                ways=tariffs.ways(task, told),
                movers=movers.movers(task, ground),
                services=tariffs.services(task, request.sources(around)),
                shelf_tariff=tariffs.shelf(task),
            )
            runs.append(document.run_document(door.sync(task, session.surroundings(), wish)))
            session.speak.say(text.summary(runs[-1]))
            if not dry_run:
                afterwards.keep(task, where, session, runs[-1])
                afterwards.tell(task, session, runs[-1])
            if runs[-1]["exit_code"] in (130, 143):
                break
        if measured is not None:
            afterwards.measure(every_task, where, session, measured, runs)
    result = document.sync_document(runs)
    if not tasks:
        session.speak.say("nothing is due")
    session.speak.document(result)
    return int(result["exit_code"])
