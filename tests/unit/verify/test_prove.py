"""Each arrival becomes one finding, by the cheapest look that proves it."""

import dataclasses
import hashlib
import os

import pytest

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Entry, Token
from ferryline.model.finding import Match, Mismatch, Trouble
from ferryline.storage.capabilities import Support
from ferryline.storage.file.store import FileStore, Setting
from ferryline.storage.store import Writing
from ferryline.verify.prove import prove
from tests.unit.verify.stores import (
    FOREIGN,
    HONEST,
    ScriptedStore,
    all_of,
    arrival,
    checking,
    source_entry,
    stream,
)


async def proven(arrivals, destination, source=None, **changes):
    source = source or ScriptedStore()
    return await all_of(prove(stream(arrivals), source, destination, checking(**changes)))


def filled(count, capabilities=None, form=b"shard-%06d", every=1):
    """A destination with `count` objects, and arrivals of every `every`th of them."""
    store = ScriptedStore(capabilities)
    arrivals = []
    for number in range(count):
        key, body = form % number, b"%d" % number
        store.put(key, body)
        if number % every == 0:
            arrivals.append(arrival(source_entry(key, body), body))
    return store, arrivals


async def test_a_proven_new_object_with_the_sources_etag_needs_no_look():
    store = ScriptedStore()
    body = b"abc"
    entry = source_entry(b"k", body, hashlib.md5(body).hexdigest().encode())
    found = await proven([arrival(entry, body, replaces=False)], store)

    assert found[b"k"] == Match(
        entry, Entry(b"k", 3, Token(entry.token.etag, 0)), Evidence.ETAG_MD5, found[b"k"].digest
    )
    assert not store.requests


async def test_a_proven_object_that_was_looked_at_needs_no_second_look():
    store = ScriptedStore()
    there = store.put(b"k", b"abc")
    done = dataclasses.replace(arrival(source_entry(b"k", b"abc"), b"abc"), destination=there)

    found = await proven([done], store)

    assert found[b"k"].destination == there
    assert not store.requests


async def test_an_overwrite_is_listed_so_that_its_ledger_row_is_renewed():
    store = ScriptedStore(HONEST)
    there = store.put(b"k", b"abc")
    entry = source_entry(b"k", b"abc", there.token.etag)

    found = await proven([arrival(entry, b"abc", replaces=True)], store)

    assert found[b"k"] == Match(entry, there, Evidence.ETAG_MD5, found[b"k"].digest)
    assert store.requests == {"LIST": 1}


async def test_dense_keys_cost_about_a_thousandth_of_a_request_each():
    store, arrivals = filled(10_000)

    found = await proven(arrivals, store, batch=4096)

    assert len(found) == 10_000
    assert all(isinstance(one, Match) and one.evidence is Evidence.ETAG_MD5 for one in found.values())
    assert store.requests["LIST"] <= 10 + 3  # one more for each batch
    assert store.requests.total() == store.requests["LIST"]


@pytest.mark.parametrize("every", [2, 7, 300, 999, 1500, 4000])
@pytest.mark.parametrize("fraction_ns", [0, 123_000_000])
async def test_keys_far_apart_never_cost_more_than_one_request_each(every, fraction_ns):
    store, arrivals = filled(12_000, HONEST, every=every)
    store.fraction_ns = fraction_ns

    found = await proven(arrivals, store)

    assert all(isinstance(one, Match) for one in found.values())
    assert len(found) == len(arrivals)
    assert (
        store.requests.total() <= min(len(arrivals), 13)
        or every > 1000
        and store.requests.total() <= len(arrivals)
    )
    assert not store.requests["GET"]


async def test_sparse_keys_are_asked_by_head_where_a_head_is_as_exact():
    store, arrivals = filled(50_000, every=2_500)

    found = await proven(arrivals, store)

    assert all(isinstance(one, Match) for one in found.values())
    assert store.requests["HEAD"] > store.requests["LIST"]
    assert store.requests.total() == len(arrivals)


async def test_sparse_keys_are_listed_where_only_a_listing_tells_the_whole_time():
    store, arrivals = filled(30_000, HONEST, every=3_000)
    store.fraction_ns = 7_000_000

    found = await proven(arrivals, store)

    assert {one.destination.token.modified_ns % 1_000_000_000 for one in found.values()} == {7_000_000}
    assert store.requests == {"LIST": len(arrivals)}


async def test_a_store_that_lists_out_of_order_is_asked_by_head_only():
    store, arrivals = filled(50, dataclasses.replace(HONEST, ordered=False))

    assert all(isinstance(one, Match) for one in (await proven(arrivals, store)).values())
    assert store.requests == {"HEAD": 50}


async def test_a_listing_that_cannot_be_believed_is_replaced_by_heads():
    class Liar(ScriptedStore):
        async def pages(self, keys):
            self.fired += 1
            raise errors.ListingUnbelievable("it is a login page")
            yield

    store = Liar()
    body = b"abc"
    store.put(b"k", body)
    found = await proven([arrival(source_entry(b"k", body), body)], store)

    assert store.fired
    assert isinstance(found[b"k"], Match)


async def test_an_object_that_a_listing_lost_is_not_called_missing():
    store = ScriptedStore()
    store.put(b"k", b"abc")
    store.lost.add(b"k")

    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc")], store)

    assert isinstance(found[b"k"], Match)
    assert store.requests == {"LIST": 1, "HEAD": 1}


async def test_an_object_that_is_gone_is_missing():
    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc")], ScriptedStore())

    assert found[b"k"].trouble is Trouble.MISSING
    assert found[b"k"].advice


@pytest.mark.parametrize("written", [b"abcd", b"xyz"])
async def test_a_destination_that_somebody_else_wrote_since_differs(written):
    store = ScriptedStore()
    store.put(b"k", written)

    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc")], store)

    assert found[b"k"].trouble is Trouble.DIFFERS


async def test_equal_bytes_are_equal_whoever_wrote_them_and_whatever_etag_the_answer_had():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abc")

    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc", etag=b"another-2")], store)

    assert found[b"k"].evidence is Evidence.READ_BACK


async def test_an_unproven_object_of_an_unknown_endpoint_is_read_back():
    store = ScriptedStore(FOREIGN)
    there = store.put(b"k", b"abc")
    store.fraction_ns = 5
    entry = source_entry(b"k", b"abc")

    found = await proven([arrival(entry, b"abc", proof=None)], store)

    assert found[b"k"].evidence is Evidence.READ_BACK
    assert found[b"k"].source == entry
    assert found[b"k"].destination.token.modified_ns == there.token.modified_ns + 5
    assert store.requests["GET"] == 1


@pytest.mark.parametrize("algorithm", [Algorithm.MD5, Algorithm.CRC64NVME])
async def test_a_flipped_byte_is_found_by_reading_back(algorithm):
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abX")
    done = arrival(source_entry(b"k", b"abc"), b"abc", proof=None)
    if algorithm is Algorithm.CRC64NVME:
        from awscrt import checksums

        value = checksums.crc64nvme(b"abc").to_bytes(8, "big")
        done = dataclasses.replace(done, digest=Digest(algorithm, value))

    found = await proven([done], store)

    assert found[b"k"].trouble is Trouble.DIFFERS
    assert store.requests["GET"] == 1


async def test_a_stored_checksum_proves_without_reading_where_it_is_honoured():
    from awscrt import checksums

    store = ScriptedStore(dataclasses.replace(FOREIGN, stored_checksum=Support.HONOURED))
    store.put(b"k", b"abc")
    value = checksums.crc64nvme(b"abc").to_bytes(8, "big")
    done = arrival(source_entry(b"k", b"abc"), b"abc", proof=None)

    found = await proven([dataclasses.replace(done, digest=Digest(Algorithm.CRC64NVME, value))], store)

    assert found[b"k"].evidence is Evidence.STORED_CHECKSUM
    assert not store.requests["GET"]


async def test_an_echoed_checksum_proves_nothing_where_it_is_ignored():
    from awscrt import checksums

    store = ScriptedStore(dataclasses.replace(FOREIGN, stored_checksum=Support.IGNORED))
    store.put(b"k", b"abc")
    value = checksums.crc64nvme(b"abc").to_bytes(8, "big")
    done = arrival(source_entry(b"k", b"abc"), b"abc", proof=None)

    found = await proven([dataclasses.replace(done, digest=Digest(Algorithm.CRC64NVME, value))], store)

    assert found[b"k"].evidence is Evidence.READ_BACK


async def test_without_a_digest_both_sides_are_read():
    source, store = ScriptedStore(), ScriptedStore(FOREIGN)
    entry = source.put(b"k", b"abc")
    store.put(b"k", b"abc")
    done = dataclasses.replace(arrival(entry, b"abc", proof=None), digest=None)

    found = await proven([done], store, source)

    assert found[b"k"].evidence is Evidence.READ_BACK
    assert source.requests["GET"] == store.requests["GET"] == 1


async def test_an_object_that_cannot_be_read_is_unchecked_with_advice():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abc")
    store.faults = [errors.AccessRefused("403\nfor k", advice="grant s3:GetObject")]

    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store)

    assert store.fired == 1
    assert found[b"k"] == Mismatch(b"k", Trouble.UNCHECKED, "403\\x0afor k", "grant s3:GetObject")


async def test_an_object_that_changes_while_it_is_read_is_looked_at_again():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abX")
    times = []

    def rewrite(key):
        times.append(key)
        if len(times) == 1:
            store.put(key, b"abc")

    store.before_read = rewrite
    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store)

    assert len(times) == 2
    assert found[b"k"].evidence is Evidence.READ_BACK


async def test_an_object_that_never_rests_differs():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"000")
    times = []

    def rewrite(key):
        times.append(key)
        store.put(key, b"%03d" % len(times))

    store.before_read = rewrite
    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store)

    assert found[b"k"].trouble is Trouble.DIFFERS
    assert len(times) == 3


async def test_an_object_that_vanishes_while_it_is_read_is_missing():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abc")
    store.before_read = lambda key: store.held.objects.pop(key, None)

    found = await proven([arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store)

    assert found[b"k"].trouble is Trouble.MISSING


async def test_what_stops_the_run_is_raised():
    store = ScriptedStore(FOREIGN)
    store.put(b"k", b"abc")
    store.faults = [errors.EndpointFailed("gone")]

    with pytest.raises(errors.EndpointFailed):
        await proven([arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store)
    assert store.fired == 1


@pytest.mark.parametrize(
    ("problem", "settled"),
    [
        (errors.GuardRefused("too much"), 3),
        (errors.EndpointFailed("down", place="memory://scripted/"), 3),
        (errors.EndpointFailed("down", place="s3://destination/"), 0),
        (errors.BrokenInvariant("bug"), 0),
    ],
)
async def test_what_arrived_before_the_stream_broke_is_settled_if_the_destination_can_be_asked(
    problem, settled
):
    store, arrivals = filled(3, HONEST)

    async def breaking():
        for one in arrivals:
            yield one
        raise problem

    found = []
    with pytest.raises(type(problem)):
        async for one in prove(breaking(), ScriptedStore(), store, checking()):
            found.append(one)

    assert len(found) == settled


async def test_a_batch_waits_for_no_more_than_its_share():
    store, arrivals = filled(30, HONEST)
    look = checking()

    async def slowly():
        for one in arrivals:
            look.clock.seconds += 1.0
            yield one

    found = await all_of(prove(slowly(), ScriptedStore(), store, look))

    assert len(found) == 30
    assert 5 <= store.requests["LIST"] <= 6


async def test_destination_keys_are_renamed():
    store = ScriptedStore(FOREIGN)
    store.put(b"new", b"abc")

    found = await proven(
        [arrival(source_entry(b"k", b"abc"), b"abc", proof=None)], store, rename=lambda key: b"new"
    )

    assert found[b"k"].destination.key == b"new"


async def test_closing_early_leaves_nothing_running():
    import asyncio

    store, arrivals = filled(5_000, FOREIGN)
    before = asyncio.all_tasks()
    findings = prove(
        stream([dataclasses.replace(one, proof=None) for one in arrivals]),
        ScriptedStore(),
        store,
        checking(batch=100),
    )
    await anext(findings)
    await findings.aclose()

    assert asyncio.all_tasks() == before


async def test_one_look_at_a_time_is_enough():
    store, arrivals = filled(50, FOREIGN)

    found = await proven(
        [dataclasses.replace(one, proof=None) for one in arrivals], store, objects=1, batch=7
    )

    assert {one.evidence for one in found.values()} == {Evidence.READ_BACK}


# -- files ---------------------------------------------------------------------------------------


async def file_arrival(store, key, body):
    written = await store.write(key, body, Writing())
    done = arrival(source_entry(key, body), body, proof=None, replaces=False)
    return dataclasses.replace(done, etag=None, destination=Entry(key, len(body), written.token))


@pytest.fixture
async def files(tmp_path):
    store = FileStore(str(tmp_path), Setting())
    yield store
    await store.close()


@pytest.mark.parametrize("size_bytes", [0, 1, 300_000, 3_000_000])
async def test_files_are_always_read_back(files, size_bytes):
    done = await file_arrival(files, b"a/k", os.urandom(size_bytes))

    found = await proven([done], files)

    assert found[b"a/k"] == Match(done.source, done.destination, Evidence.READ_BACK, done.digest)


@pytest.mark.parametrize("size_bytes", [100, 3_000_000])
async def test_a_flipped_byte_under_the_same_size_and_time_is_found(files, tmp_path, size_bytes):
    done = await file_arrival(files, b"k", bytes(size_bytes))
    path = tmp_path / "k"
    seen = path.stat()
    with path.open("r+b") as stream:
        stream.seek(size_bytes // 2)
        stream.write(b"\x01")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)

    found = await proven([done], files)

    assert found[b"k"].trouble is Trouble.DIFFERS


async def test_a_touched_file_with_the_same_bytes_is_equal_and_its_new_state_is_told(files, tmp_path):
    done = await file_arrival(files, b"k", b"abc")
    (tmp_path / "k").chmod(0o600)
    os.utime(tmp_path / "k", ns=(5, 5))

    found = await proven([done], files)

    assert found[b"k"].destination.token.modified_ns == 5


async def test_a_file_that_was_removed_is_missing(files, tmp_path):
    done = await file_arrival(files, b"k", b"abc")
    (tmp_path / "k").unlink()

    assert (await proven([done], files))[b"k"].trouble is Trouble.MISSING


async def test_a_file_leaves_the_page_cache_before_it_is_read_back(files, monkeypatch):
    done = await file_arrival(files, b"k", b"abc")
    steps = []
    monkeypatch.setattr(os, "posix_fadvise", lambda *given: steps.append(given[1:]))
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *given: steps.append("read") or pread(*given))

    await proven([done], files)

    assert steps[0] == (0, 0, os.POSIX_FADV_DONTNEED)
    assert "read" in steps[1:]
