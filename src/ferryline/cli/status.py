"""`ferryline status`: what each replica has, whether the replicas agree, and how far behind they are."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import flags, live
from ferryline.config import datasets, environment, movers
from ferryline.pipeline.published import door as dataset_door
from ferryline.pipeline.published.status import Wish
from ferryline.policy import values
from ferryline.report import status_text


@click.command("status", short_help="Say what each replica has, and how far behind it is.")
@click.argument("names", metavar="[DATASET]...", nargs=-1)
@click.option("--list", "lists", is_flag=True, help="List the source and measure the lag by what changed.")
@click.option("--max-lag", metavar="TIME", help="Exit 1 where a replica is further behind (30m, 2h).")
@click.option(
    "--explain", "explains", is_flag=True, help="Say for each replica that is behind why, and what helps."
)
@flags.stack(flags.COMMON)
def command(names: tuple[str, ...], *, lists: bool, max_lag: str | None, explains: bool, **given: Any) -> int:
    """Say what each replica of the named datasets (or of all) has, whether the replicas agree, and the lag.

    The lag is the age of the oldest change at the source that is not there yet. Without --list it is
    told by the run documents, as an upper bound: since the newest run that confirmed what can be read
    there began to list. A replica that cannot be reached is reported, and the others are still shown
    (exit 4).
    """
    most = flags.seconds("--max-lag", max_lag) if max_lag is not None else None
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    chosen = datasets.chosen(policy, names, every=False) if names else _with_replicas(policy)
    tasks = [datasets.task(policy, name, around) for name in chosen]
    where = datasets.documents(policy, around, given["state"])
    session = live.Session({**given, "quiet": True}, around)
    services = movers.of_all(tasks, movers.Ground(around, session.clock))
    wish = Wish(lists, explains, most, services)
    document = dataset_door.status(tasks, where, session.surroundings(), wish)
    session.speak.document(document)
    session.speak.say(status_text.status(document))
    return int(document["exit_code"])


def _with_replicas(policy: values.Policy) -> tuple[str, ...]:
    """The datasets that have a replica. Raises `BadUsage` where there is none."""
    found = tuple(name for name, dataset in policy.datasets.items() if dataset.replicas)
    if not found:
        raise errors.BadUsage(
            "the policy declares no dataset with a replica", advice="add one under `datasets`"
        )
    return found
