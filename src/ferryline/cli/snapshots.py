"""`ferryline snapshots`: what is published at a dataset's replicas, and which of it is current."""

from typing import Any

import click

from ferryline import errors
from ferryline.cli import flags, live
from ferryline.config import datasets, environment
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.published import door as dataset_door
from ferryline.pipeline.published.pruning import Wish
from ferryline.report import snapshots_text

REPLICA = click.option("--replica", metavar="NAME", help="Only this replica.  [default: all]")


class ListsByDefault(click.Group):
    """`snapshots DATASET` is `snapshots list DATASET`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before what does not begin with a command's name."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("snapshots", cls=ListsByDefault, short_help="List, compare, tag, roll back and prune snapshots.")
def command() -> None:
    """Look at what is published at a dataset's replicas, and change which of it is current.

    `snapshots DATASET` lists. A snapshot is named by its id, the first characters of it (four at
    least), or a tag.
    """


def opened(given: dict[str, Any], dataset: str) -> tuple[live.Session, DatasetTask]:
    """A command's surroundings and its dataset. Raises `BadUsage`, `BadPolicy`."""
    around = environment.read()
    policy = datasets.declared(given.pop("policy_files"), around)
    return live.Session({**given, "quiet": True}, around), datasets.task(policy, dataset, around)


@command.command("list", short_help="List the snapshots of every replica (the default).")
@click.argument("dataset", metavar="DATASET")
@REPLICA
@flags.stack(flags.COMMON)
def list_command(dataset: str, *, replica: str | None, **given: Any) -> int:
    """List the snapshots of DATASET at every replica, newest first; * marks the current one."""
    session, task = opened(given, dataset)
    document = dataset_door.listed(task, session.surroundings(), replica)
    return _told(session, document, snapshots_text.listed(document))


@command.command("show", short_help="Show one snapshot: totals, evidence, keys.")
@click.argument("dataset", metavar="DATASET")
@click.argument("snapshot", metavar="SNAPSHOT")
@REPLICA
@click.option(
    "--keys", "with_keys", is_flag=True, help="Print a line `key TAB size TAB digest` for each key."
)
@flags.stack(flags.COMMON)
def show(dataset: str, snapshot: str, *, replica: str | None, with_keys: bool, **given: Any) -> int:
    """Show one SNAPSHOT of DATASET: its totals, and by what evidence each replica holds it.

    With --keys, stdout has one line for each key and nothing else, however many there are.
    """
    session, task = opened(given, dataset)
    if with_keys and session.speak.json_mode:
        raise errors.BadUsage(
            "--keys prints lines, however many there are, and --json one document",
            advice="leave one of them out",
        )
    lines = session.speak.say if with_keys else None
    document = dataset_door.shown(task, session.surroundings(), snapshot, replica, lines)
    session.speak.document(document)
    (session.speak.note if with_keys else session.speak.say)(snapshots_text.shown(document))
    return int(document["exit_code"])


@command.command("diff", short_help="Say what changed between two snapshots.")
@click.argument("dataset", metavar="DATASET")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@REPLICA
@flags.stack(flags.COMMON)
def diff(dataset: str, old: str, new: str, *, replica: str | None, **given: Any) -> int:
    """Say which keys were added, removed and changed from snapshot A to snapshot B of DATASET."""
    session, task = opened(given, dataset)
    document = dataset_door.differences(task, session.surroundings(), old, new, replica)
    return _told(session, document, snapshots_text.difference(document))


@command.command("tag", short_help="Let a name stand for a snapshot; it is never pruned then.")
@click.argument("dataset", metavar="DATASET")
@click.argument("name", metavar="NAME")
@click.argument("snapshot", metavar="SNAPSHOT")
@click.option("--force", is_flag=True, help="Move a tag that stands for another snapshot.")
@flags.stack(flags.COMMON)
def tag(dataset: str, name: str, snapshot: str, *, force: bool, **given: Any) -> int:
    """Let NAME stand for SNAPSHOT at every replica that has it. A tagged snapshot is never pruned."""
    session, task = opened(given, dataset)
    document = dataset_door.tag(task, session.surroundings(), name, snapshot, moves=force)
    return _told(session, document, snapshots_text.changed(document))


@command.command("untag", short_help="Remove a tag wherever it is.")
@click.argument("dataset", metavar="DATASET")
@click.argument("name", metavar="NAME")
@flags.stack(flags.COMMON)
def untag(dataset: str, name: str, **given: Any) -> int:
    """Remove the tag NAME at every replica. The snapshot stays until `prune`."""
    session, task = opened(given, dataset)
    document = dataset_door.untag(task, session.surroundings(), name)
    return _told(session, document, snapshots_text.changed(document))


@command.command("rollback", short_help="Make an older snapshot current again.")
@click.argument("dataset", metavar="DATASET")
@click.argument("snapshot", metavar="SNAPSHOT")
@REPLICA
@flags.stack(flags.COMMON)
def rollback(dataset: str, snapshot: str, *, replica: str | None, **given: Any) -> int:
    """Make SNAPSHOT current again at every replica that has it; nothing is copied.

    Every object of it is looked at first, by version where versions are kept, else by the listing. Where
    any is missing or is other bytes by now, nothing is changed anywhere, and the keys are named (exit 3).
    """
    session, task = opened(given, dataset)
    document = dataset_door.rollback(task, session.surroundings(), snapshot, replica)
    return _told(session, document, snapshots_text.changed(document))


@command.command("prune", short_help="Remove snapshots that keep_snapshots does not keep.")
@click.argument("dataset", metavar="DATASET")
@REPLICA
@click.option("--dry-run", is_flag=True, help="Say what would go; write nothing.")
@click.option(
    "--older-than",
    metavar="TIME",
    default="1d",
    help="Files younger than this stay, for a reader may hold them (30m, 1d).  [default: 1d]",
)
@flags.stack(flags.COMMON)
def prune(dataset: str, *, replica: str | None, dry_run: bool, older_than: str, **given: Any) -> int:
    """Remove the snapshots of DATASET that `keep_snapshots` does not keep, and the files only they need.

    The current snapshot and tagged ones always stay, and with them every file that they need. Objects
    of the dataset are never touched.
    """
    wish = Wish(replica, dry_run, flags.seconds("--older-than", older_than))
    session, task = opened(given, dataset)
    document = dataset_door.prune(task, session.surroundings(), wish)
    return _told(session, document, snapshots_text.pruned(document))


def _told(session: live.Session, document: dict[str, Any], text: str) -> int:
    session.speak.document(document)
    session.speak.say(text)
    return int(document["exit_code"])
