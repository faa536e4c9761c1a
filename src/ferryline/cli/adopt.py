"""`ferryline adopt`: accept the copy that a replica already holds, by the evidence found."""

from typing import Any

import click

from ferryline.cli import flags, live
from ferryline.config import datasets, environment, tariffs
from ferryline.pipeline import door
from ferryline.pipeline.dataset import Wish
from ferryline.report import document, text


@click.command("adopt")
@click.argument("name", metavar="DATASET")
@click.option("--replica", "replica", required=True, metavar="NAME", help="The replica that holds the copy.")
@click.option(
    "--read-back",
    is_flag=True,
    help="Read both sides of objects that neither ETags nor stored checksums can prove.",
)
@click.option(
    "--checksum-report",
    "reports",
    multiple=True,
    metavar="FILE",
    help="A CSV file of an S3 Batch Operations report (Compute checksum), as a path or URL; repeatable.",
)
@flags.RUN_IN
@flags.stack(flags.REPORTING, flags.PRESSURE, flags.COMMON)
@flags.ACCEPT_NEW_MOUNT
def command(
    name: str,
    *,
    replica: str,
    read_back: bool,
    reports: tuple[str, ...],
    run_in: str | None,
    accept_new_mount: bool,
    **given: Any,
) -> int:
    """Accept what REPLICA of DATASET already holds, instead of copying it again.

    Every object is proven by what both sides can tell: equal ETags where they mean the bytes, else
    checksums that the stores keep or that S3 Batch Operations computed of what lies there
    (--checksum-report), else, with --read-back, the bytes themselves. If all are, the
    snapshot is published there; nothing is copied and nothing deleted. What is missing or cannot be
    proven is named (exit 1), and `sync` copies it.
    """
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    options = {name: given.pop(name) for name in ("bytes_per_second", "log_level")}
    task = datasets.overridden(datasets.task(policy, name, around, run_in), options)
    task = datasets.adopting(task, read_back=read_back)
    told = tariffs.Told(run_in).placed(policy, around)
    wish = Wish(
        (replica,),
        adopting=True,
        checksum_reports=datasets.reports(policy, reports, around),
        accept_new_mount=accept_new_mount,
        ways=tariffs.ways(task, told),
        shelf_tariff=tariffs.shelf(task),
    )
    with live.Session(given, around) as session:
        facts = door.sync(task, session.surroundings(), wish)
        result = document.run_document(facts)
        session.speak.document(result)
        session.speak.say(text.summary(result))
    return facts.exit_code
