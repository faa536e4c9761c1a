"""A command of one's own: `ferryline count SRC`. One new file, and its name in one list."""

from pathlib import Path

from tests.extension.edits import Edit, NewFile

EDITS = (
    NewFile("cli/count.py", Path(__file__).with_name("count.py").read_text("utf-8")),
    Edit("cli/main.py", '        "copy",\n', '        "count",\n'),
)
