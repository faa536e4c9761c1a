"""Actions to outcomes: performs what the plan named, and decides or compares nothing.

Called by `pipeline` alone. `transfer` copies, `delete` deletes, `sweep` picks up what runs that died
left behind. Every action becomes exactly one outcome; only what stops the whole run is raised.
"""

from ferryline.transfer.carry import transfer
from ferryline.transfer.deletes import delete
from ferryline.transfer.leftovers import Leftovers, sweep
from ferryline.transfer.manner import Ends, Manner, MayWrite, Origin, SourceEnd, TagsKept, always

__all__ = [
    "Ends",
    "Leftovers",
    "Manner",
    "MayWrite",
    "Origin",
    "SourceEnd",
    "TagsKept",
    "always",
    "delete",
    "sweep",
    "transfer",
]
