"""Asking a person before something that cannot be taken back: the flag, and the question on a terminal."""

import sys

import click

from ferryline.cli import console

YES = click.option("--yes", is_flag=True, help="Do it without asking.")


def agreed(question: str, shown: str, speak: console.Console) -> bool:
    """Whether a person at a terminal said yes, after `shown`; False where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    speak.note(shown)
    return click.confirm(question, default=False, err=True)
