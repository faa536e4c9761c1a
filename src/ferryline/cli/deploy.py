"""`ferryline deploy`: the policy in AWS, through Pulumi: preview, up, destroy, export, residency."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from ferryline import deploy as room
from ferryline import errors
from ferryline.cli import console, flags
from ferryline.config import environment, request
from ferryline.model import exitcode
from ferryline.model.key import safe_lines
from ferryline.policy import values

STACK = click.option(
    "--stack", "stack_name", default="dev", show_default=True, metavar="NAME", help="The Pulumi stack."
)
BACKEND = click.option(
    "--backend",
    metavar="URL",
    help="Where Pulumi keeps the stack: s3://bucket, file:///path.  [default: where `pulumi login` says]",
)
YES = click.option("--yes", is_flag=True, help="Do it without asking.")
EXPECT_NO_CHANGES = click.option(
    "--expect-no-changes", is_flag=True, help="Exit 8, and change nothing, when something would change."
)
DATASETS = click.argument("datasets", nargs=-1, metavar="[DATASET]...")

NEXT = "next, in that folder: pip install -r requirements.txt, pulumi config set aws:region REGION, pulumi up"


@click.group("deploy", short_help="Put the policy into AWS, with Pulumi.")
def command() -> None:
    """Put a policy's datasets into AWS: DataSync tasks, S3 replication, roles, alarms.

    Needs the extra `ferryline[deploy]`; `preview`, `up` and `destroy` need the Pulumi CLI too.
    Everything that AWS or the residency rules would refuse is refused before Pulumi is started.
    """


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was typed, unread."""

    verb: str
    datasets: tuple[str, ...]
    policy_files: tuple[str, ...]
    stack_name: str
    backend: str | None
    json_mode: bool


@command.command("preview")
@DATASETS
@flags.stack(flags.POLICY, STACK, BACKEND, EXPECT_NO_CHANGES, flags.JSON)
def preview(*, expect_no_changes: bool, **typed: Any) -> int:
    """Show what `up` would change. Changes nothing."""
    asked = _Asked("preview", **typed)
    came = _run(asked, "preview")
    _tell(asked, came)
    return exitcode.CHANGES_PLANNED if expect_no_changes and came.changed else exitcode.DONE


@command.command("up")
@DATASETS
@flags.stack(flags.POLICY, STACK, BACKEND, YES, EXPECT_NO_CHANGES, flags.JSON)
def up(*, yes: bool, expect_no_changes: bool, **typed: Any) -> int:
    """Create or update the stack, after showing what changes."""
    asked = _Asked("up", **typed)
    first = _run(asked, "preview")
    if expect_no_changes:
        _tell(asked, first)
        return exitcode.CHANGES_PLANNED if first.changed else exitcode.DONE
    if not first.changed:
        _tell(asked, first)
        return exitcode.DONE
    _confirm(f"change {first.changed} resources of the stack {asked.stack_name!r}?", yes=yes)
    _tell(asked, _run(asked, "up"))
    return exitcode.DONE


@command.command("destroy")
@flags.stack(flags.POLICY, STACK, BACKEND, YES, flags.JSON)
def destroy(*, yes: bool, **typed: Any) -> int:
    """Remove the stack's resources; buckets are kept, and no object is touched."""
    asked = _Asked("destroy", datasets=(), **typed)
    _confirm(f"remove every resource of the stack {asked.stack_name!r}?", yes=yes)
    _tell(asked, _run(asked, "destroy"))
    return exitcode.DONE


@command.command("export")
@click.argument("folder", metavar="DIR")
@DATASETS
@flags.stack(flags.POLICY, flags.JSON)
def export(folder: str, datasets: tuple[str, ...], *, policy_files: tuple[str, ...], json_mode: bool) -> int:
    """Write a small Pulumi project into DIR that you own: `__main__.py` and `Pulumi.yaml`."""
    speak = console.Console(json_mode=json_mode)
    program, exporting = _load("program"), _load("export")
    around = environment.read()
    policy = _policy(policy_files, around)
    names = program.deployable(policy, datasets)
    made = exporting.files(policy, names, request.sources(around))
    written = exporting.write(made, around.working_directory / folder)
    speak.document(
        {
            "schema": "ferryline.deploy.export/1",
            "status": "SUCCESS",
            "exit_code": exitcode.DONE,
            "datasets": list(names),
            "files": [str(path) for path in written],
        }
    )
    speak.say("\n".join(["wrote", *(f"  {path}" for path in written), NEXT]))
    return exitcode.DONE


@command.command("residency")
@DATASETS
@flags.stack(flags.POLICY, flags.JSON)
def residency(datasets: tuple[str, ...], *, policy_files: tuple[str, ...], json_mode: bool) -> int:
    """Print the documents by which AWS itself refuses what residency forbids.

    A service control policy for each dataset with rules, a bucket policy for each bucket it names, for
    you to attach. Needs neither Pulumi nor AWS.
    """
    speak = console.Console(json_mode=json_mode)
    around = environment.read()
    made = _load("outside").guards(_policy(policy_files, around), datasets, request.sources(around))
    parts = {
        "service_control_policies": made.service_control_policies,
        "bucket_policies": made.bucket_policies,
    }
    read = {kind: {name: json.loads(one) for name, one in found.items()} for kind, found in parts.items()}
    speak.document(
        {
            "schema": "ferryline.deploy.residency/1",
            "status": "SUCCESS",
            "exit_code": exitcode.DONE,
            **read,
        }
    )
    titles = {"service_control_policies": "service control policy", "bucket_policies": "bucket policy"}
    for kind, found in read.items():
        for name, one in found.items():
            speak.say(f"# {titles[kind]} for {name}\n{json.dumps(one, indent=2)}")
    return exitcode.DONE


def _run(asked: _Asked, verb: str) -> Any:
    """Check everything, then let Pulumi do it; its own words go to stderr.

    Removing asks nothing of the policy but its name: what it no longer allows has to be removable.
    """
    stack, program = _load("stack"), _load("program")
    around = environment.read()
    policy = _policy(asked.policy_files, around)
    ready, region = _nothing, program.some_region(policy)
    if verb != "destroy":
        names = program.deployable(policy, asked.datasets)
        ready = program.checked(policy, names, request.sources(around))
        region = ready.region
    stack.find_cli(around.variables.get("PATH"))
    if {"AWS_REGION", "AWS_DEFAULT_REGION"} & set(around.variables):
        region = None
    project = policy.name or "ferryline"
    wanted = stack.Wanted(project, asked.stack_name, _note, asked.backend, region, asked.datasets)
    return stack.run(stack.Verb(verb), ready, wanted)


def _nothing() -> None:
    """The program of a stack that is only removed: Pulumi knows what there is."""


def _load(module: str) -> Any:
    return room.load(f"ferryline.deploy.{module}")


def _policy(files: tuple[str, ...], around: environment.Environment) -> values.Policy:
    found = request.policy(files, around)
    if found is None:
        raise errors.BadUsage(
            f"there is no {environment.POLICY_FILE} here",
            advice="name one with -f, or write one: ferryline init",
        )
    return found


def _note(line: str) -> None:
    sys.stderr.write(safe_lines(line.removesuffix("\n")) + "\n")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise errors.BadUsage("nobody is there to say yes", advice="add --yes once the preview is right")
    if not click.confirm(question, err=True):
        raise click.exceptions.Exit(exitcode.DONE)


def _tell(asked: _Asked, came: Any) -> None:
    speak = console.Console(json_mode=asked.json_mode)
    changes: Mapping[str, int] = came.changes
    speak.document(
        {
            "schema": "ferryline.deploy/1",
            "status": "SUCCESS",
            "exit_code": exitcode.DONE,
            "verb": asked.verb,
            "done": came.verb.value,
            "stack": asked.stack_name,
            "changes": dict(changes),
            "outputs": dict(came.outputs),
        }
    )
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(changes.items())) or "nothing"
    speak.say(f"{came.verb.value}: {counted}")
