"""A command of one's own: `ferryline count SRC`. One new file, and its name in one list."""

from pathlib import Path

from tests.extension.changed import Change, Extension

COMMAND = Extension(
    (Change("cli/main.py", 'COMMANDS = ("check", "copy", ', 'COMMANDS = ("check", "copy", "count", '),),
    (("cli/count.py", Path(__file__).with_name("count.py")),),
)
