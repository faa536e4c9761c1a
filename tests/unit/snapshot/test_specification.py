"""The written specification computes the same ids as the code."""

import re
from pathlib import Path

from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

from .made import numbered, stored

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "snapshot-format.md"


async def test_the_python_in_the_specification_computes_our_ids():
    text = PAGE.read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space = {}
    exec(compile(code, str(PAGE), "exec"), space)

    for count in (0, 1, 20_000):
        wanted = numbered(count)
        built = await stored(wanted, Shelf(MemoryStore()))
        rows = [(key, size, str(digest)) for key, (size, digest) in sorted(wanted.items())]
        assert space["snapshot_id"](rows) == built.index.root
    assert space["snapshot_id"]([]) in text
