"""`ferryline verify`: compare two folders, or replicas with their snapshot, and repair nothing."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import flags, live
from ferryline.config import datasets, environment, request
from ferryline.pipeline import door
from ferryline.report import document, text
from ferryline.verify.sample import Sample


@click.command("verify", short_help="Compare and repair nothing: two folders, or a dataset.")
@click.argument("source", metavar="DATASET|SRC")
@click.argument("destination", metavar="[DST]", required=False)
@flags.stack(flags.WHAT, flags.PRESSURE, flags.REPORTING, flags.COMMON)
@click.option(
    "--deep",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    default=0.0,
    help="Read this share of the objects, byte for byte. Files always are.",
)
@click.option(
    "--seed", type=int, default=0, metavar="N", help="Which share: the same seed reads the same keys."
)
@click.option("--replica", "replicas", multiple=True, metavar="NAME", help="Only this replica; repeatable.")
@flags.RUN_IN
def command(
    source: str,
    destination: str | None,
    *,
    deep: float,
    seed: int,
    replicas: tuple[str, ...],
    run_in: str | None,
    **given: Any,
) -> int:
    """Compare and repair nothing; exits 1 when anything differs.

    SRC and DST are compared with each other, object by object, by the cheapest evidence that proves
    something. The replicas of DATASET are compared with the snapshot that each has published. Files are
    always read. What is found bad is distrusted, and a replica where anything is bad is withdrawn from
    readers: the next copy or sync sends it again.
    """
    around = environment.read()
    sample = Sample(deep, seed)
    if destination is None:
        return _dataset(source, around, sample, replicas, run_in, given)
    if replicas:
        raise errors.BadUsage("--replica belongs to a dataset", advice="leave it out, or name a dataset")
    with live.Session(given, around) as session:
        task = request.task(
            request.words(source, (destination,), {**session.words, "run_in": run_in}), around
        )
        facts = door.verify(task, session.surroundings(), sample)
    result = document.verify_document(facts)
    session.speak.document(result)
    session.speak.say(text.verification(result))
    return facts.exit_code


def _dataset(
    name: str,
    around: environment.Environment,
    sample: Sample,
    replicas: tuple[str, ...],
    run_in: str | None,
    given: dict[str, Any],
) -> int:
    if given.pop("include") or given.pop("exclude"):
        raise errors.BadUsage("a snapshot is compared whole", advice="leave --include and --exclude out")
    policy = datasets.declared(given.pop("policy_files"), around)
    options = {one: given.pop(one) for one in ("bytes_per_second", "log_level")}
    task = datasets.overridden(datasets.task(policy, name, around, run_in), options)
    with live.Session(given, around) as session:
        found = door.verify_dataset(task, session.surroundings(), sample, replicas)
    documents = [document.verify_document(one) for one in found]
    result = document.verify_dataset_document(name, documents)
    session.speak.document(result)
    session.speak.say("\n\n".join(text.verification(one) for one in documents))
    return int(result["exit_code"])
