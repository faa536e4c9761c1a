"""The scan of a single key: two HEADs instead of two listings, for `copy --object`.

`copying` and `planning` read it in place of `scan`. The same rules decide.
"""

import dataclasses
from collections.abc import AsyncGenerator

import pyarrow as pa

from ferryline import errors
from ferryline.model import event
from ferryline.model.action import Action
from ferryline.model.key import printable
from ferryline.model.page import JOINED, LEDGER
from ferryline.model.pair import Both, OnlySource
from ferryline.pipeline.scan import Step, View
from ferryline.pipeline.task import Task
from ferryline.plan.classify import Classified, PageCounts
from ferryline.plan.examine import Looks, settle


async def steps(view: View, task: Task) -> AsyncGenerator[Step, None]:
    """One page that counts one object, then its action. Raises ObjectMissing when it is not there."""
    key = task.object_key or b""
    name = task.object_name if task.object_name is not None else key
    ends = view.ends
    source = await ends.source.head(key)
    if source is None:
        raise errors.ObjectMissing(
            f"there is no {printable(key)} at {ends.source.place}",
            advice="check the key; a folder is copied without --object",
            key=key,
            place=ends.source.place,
        )
    there = await ends.destination.head(name)
    yield _page(source.entry.size_bytes, destination_listed=there is not None)
    view.emit(event.PageCompared(1, 0))
    if there is None:
        action: Action = await settle(
            OnlySource(source.entry), view.rules, Looks(ends.source, ends.destination)
        )
    else:
        # Both ends are asked by the source's key; a copy under another name is compared by what a
        # HEAD tells, so the destination's entry keeps its own key only inside the look.
        pair = Both(source.entry, dataclasses.replace(there.entry, key=name))
        action = await settle(pair, view.rules, Looks(ends.source, ends.destination))
    yield action


def _page(size_bytes: int, *, destination_listed: bool) -> Classified:
    counts = PageCounts(1, size_bytes, 0, {}, 0, 0, 0, int(destination_listed), 0)
    nothing = pa.RecordBatch.from_pylist([], schema=JOINED)
    remembered = pa.RecordBatch.from_pylist([], schema=LEDGER)
    return Classified(counts, remembered, nothing, nothing, nothing, nothing.column("key"))
