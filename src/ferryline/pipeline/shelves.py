"""A replica, opened: its objects, and the shelf of its snapshot files. The one place where both are joined.

`sync` and the commands about one dataset open replicas here and get them closed here.
"""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from ferryline.pipeline import ends
from ferryline.pipeline.dataset import Replica
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.location import Side
from ferryline.storage.wrap.stack import DressedStore


@dataclass(frozen=True, slots=True)
class OpenReplica:
    """`store` holds the objects, `files` the snapshot files (the same store, or that of `metadata`)."""

    replica: Replica
    store: DressedStore
    files: DressedStore
    shelf: Shelf


@contextlib.asynccontextmanager
async def opened(replica: Replica, opening: ends.Opening) -> AsyncGenerator[OpenReplica, None]:
    """Open a replica; what was opened is closed on the way out."""
    opening = replace(opening, replica=replica.name)
    async with contextlib.AsyncExitStack() as closing:
        store = await ends.opened_store(replica.location, Side.DESTINATION, opening, closing)
        if replica.metadata is None:
            yield OpenReplica(replica, store, store, Shelf(store))
            return
        files = await ends.opened_store(replica.metadata, Side.DESTINATION, opening, closing)
        yield OpenReplica(replica, store, files, Shelf.in_metadata(files, replica.name))
