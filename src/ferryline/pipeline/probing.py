"""What an endpoint honours, found out before the first write and remembered on this host.

`copying` calls it when a plan holds its first write, and never otherwise: a run without changes
probes nothing. Sources get read-only probes. Decides nothing.
"""

import dataclasses

import pyarrow.compute as pc

from ferryline.model.entry import Entry, Token
from ferryline.model.key import KeyRange
from ferryline.pipeline.ends import Ends, Learns, Memory, has_customer_key
from ferryline.storage import capabilities, probe, probe_customer_key
from ferryline.storage import sample as sampling
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.wrap.stack import DressedStore

_DECLARED = frozenset({"aws", "memory", "file"})
"""Providers whose behaviour is documented or our own."""


# Bare stores: a trial that is refused has said all it can, and must not be repeated.
async def learn(ends: Ends, memory: Memory, sample: Entry) -> None:
    """Probe both ends as far as they are not known yet. `sample` is a source object to look at."""
    if _asks(ends.source) and (
        ends.source.capabilities.read_if_match is Support.UNKNOWN or _another_server(ends.source)
    ):
        found = await probe.probe_source(ends.source.bare, sample)
        _install(ends.source, ends.source_endpoint, memory, found)
    await learn_destination(ends, memory)
    _share(ends)


async def learn_all(ends: Ends, memory: Memory) -> None:
    """Probe both ends before anything is compared, for a run that is to trust what is there already.

    The smallest of the source's first objects is read for it.
    """
    sample = await _sample(ends)
    if sample is None:
        return
    await learn(ends, memory, sample)
    if _asks(ends.source):
        found = await sampling.keeps_checksums(ends.source.bare, sample)
        _install(ends.source, ends.source_endpoint, memory, found)


async def _sample(ends: Ends) -> Entry | None:
    async for page in ends.source_listing.pages(KeyRange()):
        rows = page.rows
        if not rows.num_rows:
            continue
        sizes = rows.column("size")
        index = sizes.index(pc.min(sizes.filter(pc.greater(sizes, 0)))).as_py()
        if index < 0:
            continue
        row = rows.slice(index, 1).to_pylist()[0]
        token = Token(row["etag"], row["modified_ns"], row["change_ns"], row["inode"])
        return Entry(row["key"], row["size"], token)
    return None


async def learn_destination(ends: Ends, memory: Memory) -> None:
    """Probe the destination, which is about to be written, as `learn_store` does."""
    await learn_store(ends.destination, ends.destination_endpoint, memory, ends.admitted)


async def learn_store(
    store: DressedStore, endpoint: str, memory: Memory, admitted: set[tuple[str, str]]
) -> None:
    """Probe a store that is about to be written, as far as it is not known yet.

    Where a customer key was taken is put into `admitted`, and not tried again. Raises CredentialsRefused or
    EndpointFailed where it is refused.
    """
    here = endpoint, store.place
    if here not in admitted and has_customer_key(getattr(store, "location", None)):
        await probe_customer_key.admitted(store)
        admitted.add(here)
    if _asks(store) and (store.capabilities.write_if_none_match is Support.UNKNOWN or _another_server(store)):
        found = await probe.probe_destination(store.bare)
        _install(store, endpoint, memory, found)


def _share(ends: Ends) -> None:
    """What the probe of a destination saw of its endpoint's checksums holds for a source there as well.

    A source gets no write probe, so its own are not believed. ETags are a bucket's, for its encryption.
    """
    url, _, _ = ends.source_endpoint.rpartition("|")
    known, there = ends.source.capabilities, ends.destination.capabilities
    if (
        url
        and url == ends.destination_endpoint.rpartition("|")[0]
        and known.stored_checksum is Support.UNKNOWN
        and known.server == there.server
        and isinstance(ends.source.bare, Learns)
    ):
        ends.source.learn(dataclasses.replace(known, stored_checksum=there.stored_checksum))


def _asks(store: DressedStore) -> bool:
    return store.capabilities.provider not in _DECLARED


def _another_server(store: DressedStore) -> bool:
    """Whether something else answers now than when it was probed: what was seen then says nothing of it."""
    return store.capabilities.server != probe.server_of(store.bare)


def _install(store: DressedStore, endpoint: str, memory: Memory, found: Capabilities) -> None:
    memory.remember(endpoint, capabilities.text(found))
    if isinstance(store.bare, Learns):
        store.bare.learn(found)
