"""Running a program with Pulumi's Automation API: preview, up, destroy, and what came of it.

The command line calls it. It needs the Pulumi CLI, which pip does not install; where that is missing
it says how to get it and does nothing. Pulumi's own output goes to the caller, line by line.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pulumi import automation

from ferryline import errors

MISSING_CLI = (
    "install it from your package manager or as https://www.pulumi.com/docs/install/ says, so that "
    "`pulumi version` works here; `ferryline deploy export DIR` needs no CLI"
)


class Verb(StrEnum):
    """What to do with the stack."""

    PREVIEW = "preview"
    UP = "up"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stack, where its state is kept, and who hears Pulumi's output.

    `region` is what the AWS provider takes where neither the environment nor the stack names one; every
    resource but IAM's names its own. `only` are the datasets that were named, empty for all of them.
    """

    project: str
    stack: str
    say: Callable[[str], None]
    backend: str | None = None
    region: str | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it: how many resources were (or would be) created, updated, deleted, kept."""

    verb: Verb
    changes: Mapping[str, int]
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many resources do not stay the same."""
        return sum(count for kind, count in self.changes.items() if kind not in ("same", "read"))


class Stack(Protocol):
    """The verbs of an opened stack: Pulumi's own, or a test's."""

    def outputs(self) -> Mapping[str, Any]:
        """What the last update exported, by name; empty for a new stack."""

    def preview(self, *, on_output: Callable[[str], Any]) -> Any:
        """What would change; the answer has `change_summary`."""

    def up(self, *, on_output: Callable[[str], Any]) -> Any:
        """Change it; the answer has `summary.resource_changes` and `outputs`."""

    def destroy(self, *, on_output: Callable[[str], Any]) -> Any:
        """Remove it; the answer has `summary.resource_changes`."""


Opening = Callable[[Callable[[], None], Wanted], Stack]


def find_cli(path: str | None = None) -> str:
    """Where the Pulumi CLI is. Raises `BadUsage` that says how to get it."""
    found = shutil.which("pulumi", path=path)
    if found is None:
        raise errors.BadUsage(
            "the Pulumi CLI (`pulumi`) is not installed; nothing was done", advice=MISSING_CLI
        )
    return found


def opened(program: Callable[[], None], wanted: Wanted) -> Stack:
    """The stack, selected or made, with its state where `wanted` says. Raises `BadUsage` without a CLI."""
    cli = find_cli()
    backend = automation.ProjectBackend(url=wanted.backend) if wanted.backend else None
    settings = automation.ProjectSettings(name=wanted.project, runtime="python", backend=backend)
    options = automation.LocalWorkspaceOptions(
        project_settings=settings, env_vars={"AWS_REGION": wanted.region} if wanted.region else None
    )
    try:
        stack: Stack = automation.create_or_select_stack(
            stack_name=wanted.stack, project_name=wanted.project, program=program, opts=options
        )
    except (automation.InvalidVersionError, subprocess.SubprocessError, OSError) as error:
        raise errors.BadUsage(
            f"the Pulumi CLI at {cli} does not work: {error}; nothing was done", advice=MISSING_CLI
        ) from error
    return stack


def run(verb: Verb, program: Callable[[], None], wanted: Wanted, opening: Opening = opened) -> Came:
    """Do it. Raises `BadUsage` without a CLI or where other datasets would be lost, else what Pulumi
    reported: `LockHeld` or `EndpointFailed`.
    """
    try:
        stack = opening(program, wanted)
        if verb is not Verb.DESTROY:
            _refuse_losing(stack, wanted)
        if verb is Verb.PREVIEW:
            return Came(verb, _counts(stack.preview(on_output=wanted.say).change_summary))
        if verb is Verb.DESTROY:
            return Came(verb, _counts(stack.destroy(on_output=wanted.say).summary.resource_changes))
        done = stack.up(on_output=wanted.say)
        return Came(verb, _counts(done.summary.resource_changes), _plain(done.outputs))
    except automation.ConcurrentUpdateError as error:
        raise errors.LockHeld(
            f"another update of the stack {wanted.stack!r} is under way",
            advice="wait for it, or run `pulumi cancel` if it is dead",
            place=wanted.stack,
        ) from error
    except automation.CommandError as error:
        raise errors.EndpointFailed(
            f"pulumi {verb.value} failed: {_last_words(str(error))}",
            advice="Pulumi's own output above says more; run it again once the cause is gone",
            place=wanted.stack,
            kind="pulumi",
        ) from error


def _refuse_losing(stack: Stack, wanted: Wanted) -> None:
    """Refuse to update a stack from some of its datasets: Pulumi would delete the others' resources."""
    others = sorted(name for name in stack.outputs() if ":" not in name and name not in wanted.only)
    if wanted.only and others:
        raise errors.BadUsage(
            f"the stack {wanted.stack!r} also holds {', '.join(others)}, whose resources would be deleted; "
            "nothing was done",
            advice="name those too, or none for the whole policy, or use a stack of its own: --stack NAME",
        )


def _counts(found: Mapping[Any, int] | None) -> dict[str, int]:
    return {str(getattr(kind, "value", kind)): count for kind, count in (found or {}).items()}


def _plain(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs for a document; a secret's place shows that there is one."""
    return {
        name: "[secret]" if getattr(one, "secret", False) else getattr(one, "value", one)
        for name, one in outputs.items()
    }


def _last_words(text: str) -> str:
    lines = [line.strip().removeprefix("stderr: ") for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason given"
    return next((line for line in lines if line.startswith("error:")), last)[:500]
