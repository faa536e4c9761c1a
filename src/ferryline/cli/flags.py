"""The flags that several commands share, once: so that the same flag means the same everywhere.

Commands stack these decorators; `config.request` reads the words. Nothing is validated here beyond
what click does by itself.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ferryline import errors
from ferryline.model import units
from ferryline.policy import options

Command = TypeVar("Command", bound=Callable[..., Any])


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(*names, **settings)


def choice(name: str, meaning: str) -> Callable[[Command], Command]:
    """An option of the policy file as a flag, its values in the help."""
    values = [one.value for one in options.ENUMS[name.replace("-", "_")]]
    return _option(f"--{name}", metavar="|".join(values), help=meaning)


POLICY = _option(
    "-f",
    "--file",
    "policy_files",
    multiple=True,
    metavar="FILE",
    help="Policy file; several overlay.  [default: ferryline.yaml if it is here]",
)
STATE = _option(
    "--state",
    metavar="DIR|URL",
    help="Where this host remembers; may be lost. A folder, sqlite:///FILE, or for several hosts "
    "postgresql+psycopg://USER@HOST/DATABASE.  [default: FERRYLINE_STATE, or the user's state folder]",
)
JSON = _option("--json", "json_mode", is_flag=True, help="One JSON document on stdout, nothing else there.")
EVENTS = _option("--events", metavar="FILE", help="Write one JSON event a line to FILE.")
REPORT = _option(
    "--report", metavar="DIR", help="Where the run's report folder is made.  [default: in the state folder]"
)
QUIET = _option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
OBJECT = _option(
    "--object",
    "single_object",
    is_flag=True,
    help="SRC is one object; DST is a folder (with a slash) or the new key.",
)

WHAT = (
    _option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="Only what matches (DataSync's pattern rules); repeatable.",
    ),
    _option(
        "--exclude", multiple=True, metavar="PATTERN", help="Not what matches, on either side; repeatable."
    ),
)

HOW = (
    choice("overwrite-mode", "Whether what is at the destination may be replaced."),
    choice("preserve-deleted-files", "What happens to keys that only the destination has."),
    choice("transfer-mode", "Only what differs, or everything without looking."),
    choice("object-metadata", "Whether user metadata and Content-* headers are kept."),
    choice("object-tags", "Whether an object's tags are kept (S3 to S3)."),
    choice("mtime", "Whether modification times are kept."),
    _option(
        "--on-unknown",
        metavar="copy|read-back|refuse",
        help="What to do when equality cannot be known cheaply.",
    ),
    _option(
        "--max-delete",
        type=int,
        metavar="N",
        help="Refuse to delete more objects than this.  [default: 1000]",
    ),
    _option(
        "--max-delete-percent",
        type=float,
        metavar="P",
        help="Refuse to delete more than this share of what the ledger holds.  [default: 10]",
    ),
    _option("--max-transfer", metavar="BYTES", help="Refuse to send more than this (5TiB, 200GB)."),
)

VERIFY_MODE = choice("verify-mode", "What is proven after the transfer.")

PRESSURE = (
    _option(
        "--bytes-per-second", metavar="RATE", help="Bandwidth limit in bytes (10MiB, 125MB); -1 for none."
    ),
    _option(
        "--connections",
        type=click.IntRange(1, 1024),
        metavar="N",
        help="Ceiling for requests in flight of one kind to one endpoint.  [default: 64]",
    ),
    _option("--memory", metavar="BYTES", help="Object bytes buffered at once.  [default: 128MiB]"),
)

REPORTING = (
    EVENTS,
    REPORT,
    choice("log-level", "What the report folder holds: nothing, failures, or every object."),
    QUIET,
)

RUN_IN = _option(
    "--run-in",
    metavar="REGION",
    help="Where this process runs: residency rules hold there too.  [default: FERRYLINE_REGION]",
)

ACCEPT_NEW_MOUNT = _option(
    "--accept-new-mount", is_flag=True, help="The file source may lie on another disk than in the last run."
)

DISABLE_SERVER_SIDE_COPY = _option(
    "--disable-server-side-copy",
    is_flag=True,
    help="Move bytes through this host also where one endpoint could copy them by itself.",
)

COMMON = (POLICY, STATE, JSON)


def seconds(name: str, text: str) -> float:
    """A flag's duration. Raises `BadUsage` that names the flag."""
    try:
        return units.parse_seconds(text)
    except ValueError as error:
        raise errors.BadUsage(f"{name}: {error}") from error


def stack(
    *groups: Callable[[Command], Command] | tuple[Callable[[Command], Command], ...],
) -> Callable[[Command], Command]:
    """One decorator of several, in reading order."""

    def dress(command: Command) -> Command:
        flat = [one for group in groups for one in (group if isinstance(group, tuple) else (group,))]
        for one in reversed(flat):
            command = one(command)
        return command

    return dress
