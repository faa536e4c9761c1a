"""`ferryline init`: write a commented policy file. Never overwrites one."""

from pathlib import Path

import click

from ferryline import errors
from ferryline.policy import starter


@click.command("init", short_help="Write a commented policy file to start from.")
@click.argument("file", default="ferryline.yaml", metavar="[FILE]")
def command(file: str) -> int:
    """Write a commented policy file to start from (default: ferryline.yaml)."""
    path = Path(file)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(starter.text())
    except FileExistsError:
        raise errors.BadUsage(
            f"{path} is already there and was left as it is", advice="name another file, or remove it first"
        ) from None
    except OSError as error:
        raise errors.BadUsage(
            f"{path} cannot be written: {error.strerror}", advice="name another file"
        ) from error
    click.echo(f"wrote {path}: fill in your locations, then run: ferryline check -f {path}")
    return 0
