"""Generate the reference pages that follow from the code; `make reference` runs it.

    python docs/generate.py           writes docs/reference
    python docs/generate.py --check   exits 1 when a page is stale

A test runs the check, so a page can never contradict the program.
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import click

from ferryline.cli.main import group
from ferryline.model import event, exitcode

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "reference"

EXIT_CODES = (
    (exitcode.DONE, "done"),
    (exitcode.OBJECTS_FAILED, "objects failed, or the locations differ"),
    (exitcode.WRONG_USAGE, "wrong usage or policy; nothing was done"),
    (exitcode.GUARD, "refused by a guard: delete cap, transfer cap, residency, empty or shrunken source"),
    (
        exitcode.ENDPOINT,
        "endpoint, network, throttling, disk, or a listing that cannot be believed; a retry may help",
    ),
    (exitcode.CREDENTIALS, "credentials or permissions"),
    (exitcode.LOCKED, "another run holds the destination"),
    (exitcode.SOURCE_CHANGING, "the source kept changing"),
    (exitcode.CHANGES_PLANNED, "`plan --detailed-exitcode`: there are changes"),
    (130, "interrupted (SIGINT); run it again to carry on"),
    (143, "interrupted (SIGTERM); run it again to carry on"),
)


def commands() -> str:
    """The command line, from the commands' own help."""
    context = click.Context(group, info_name="ferryline", max_content_width=100)
    lines = ["# The command line", "", "Generated from the commands' own help.", ""]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        lines += _section(command, f"ferryline {name}", "##")
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    return "\n".join(lines) + "\n"


def _section(command: click.Command, name: str, heading: str) -> list[str]:
    """A command's help, then that of the commands below it."""
    inner = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    lines = [f"{heading} {name}", "", "```text", command.get_help(inner), "```", ""]
    for below in command.list_commands(inner) if isinstance(command, click.Group) else []:
        found = command.get_command(inner, below)
        if found is not None:
            lines += _section(found, f"{name} {below}", f"{heading}#")
    return lines


def events() -> str:
    """The lines of `--events`, from the event types."""
    lines = [
        "# Events",
        "",
        "`--events FILE` writes one JSON object a line. Losing one costs insight, never correctness.",
        "",
        "| event | when | fields |",
        "|---|---|---|",
    ]
    for one in event.Event.__args__:
        fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(one))
        summary = (one.__doc__ or "").splitlines()[0].replace("|", "\\|")
        lines.append(f"| `{one.kind}` | {summary} | {fields} |")
    return "\n".join(lines) + "\n"


GENERATED: dict[str, Callable[[], str]] = {"commands.md": commands, "events.md": events}


def stale() -> list[str]:
    """Names of the generated pages whose file differs from what the code says."""
    return [
        name
        for name, make in GENERATED.items()
        if not (PAGES / name).is_file() or (PAGES / name).read_text("utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are stale."""
    if "--check" in arguments:
        old = stale()
        sys.stderr.write("".join(f"stale: docs/reference/{name}; run make reference\n" for name in old))
        return 1 if old else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, make in GENERATED.items():
        (PAGES / name).write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
