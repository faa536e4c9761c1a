"""`ferryline demo`."""

import click


@click.command("demo")
def command() -> int:
    """Show the whole idea on this machine."""
    return 0
