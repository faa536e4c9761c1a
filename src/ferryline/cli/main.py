"""The group of commands and the error boundary: the only place where an error becomes an exit code.

`main` is the console script; `run` is the same for a given list of arguments and returns the code.
Nothing below this room prints or exits.
"""

import gc
import os
import sys

import click

from ferryline import errors
from ferryline.model import exitcode
from ferryline.model.key import safe_lines

# A run makes millions of small values that never form cycles; collecting less often saves CPU.
GC_THRESHOLD = 50_000


class Lazy(click.Group):
    """Loads a command's module when it is asked for, so that each command starts quickly."""

    COMMANDS = (
        "adopt",
        "check",
        "copy",
        "demo",
        "deploy",
        "explain",
        "init",
        "plan",
        "retire",
        "snapshots",
        "status",
        "sync",
        "unlock",
        "verify",
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in order of the alphabet."""
        return list(self.COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command's file; None for an unknown name."""
        if cmd_name not in self.COMMANDS:
            return None
        module = __import__(f"ferryline.cli.{cmd_name}", fromlist=["command"])
        command: click.Command = module.command
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ferryline", prog_name="ferryline", message="%(prog)s %(version)s")
def group() -> None:
    """Keep training data identical, proven and close to the compute.

    SRC and DST are folders: s3://bucket/prefix, /path, ./path, file:///path, or NAME/path where
    NAME is a location of the policy file. The contents of SRC go under DST.
    """


def run(arguments: list[str]) -> int:
    """Run one command line in this process; returns the exit code and never raises our own errors."""
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    try:
        answer = group.main(arguments, prog_name="ferryline", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as mistake:
        mistake.show(sys.stderr)
        return exitcode.WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("ferryline: interrupted; run the same command again to carry on\n")
        return 130
    except errors.FerrylineError as error:
        sys.stderr.write(safe_lines(describe(error)) + "\n")
        return exitcode.of_error(error)
    return answer if isinstance(answer, int) else exitcode.DONE


def describe(error: errors.FerrylineError) -> str:
    """What an error says to a person: place, what happened, then what to do on a line of its own."""
    place = f"{error.place}: " if error.place and error.place not in error.message else ""
    advice = f"\n  {error.advice}" if error.advice else ""
    if isinstance(error, errors.BrokenInvariant):
        advice += "\n  this is a bug in Ferryline; nothing further was done; please report it"
    return f"ferryline: {place}{error.message}{advice}"


def main() -> None:
    """The console script."""
    _stand_in_for_closed_streams()
    sys.exit(run(sys.argv[1:]))


def _stand_in_for_closed_streams() -> None:
    """Open the null device for each standard stream that the process was started without."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for as long as the process lives


if __name__ == "__main__":
    main()
