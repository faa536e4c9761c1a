"""The deep look reads both sides to their end and believes bytes only."""

import asyncio
import contextlib
import dataclasses
import os
import tracemalloc

import pytest

from ferryline import errors
from ferryline.model.digest import Algorithm, Evidence
from ferryline.model.entry import Entry, Token
from ferryline.model.finding import Match, Trouble
from ferryline.model.key import EVERYTHING
from ferryline.model.pair import Both
from ferryline.model.span import Layout
from ferryline.storage.file.store import FileStore, Setting
from ferryline.storage.store import Completion, Writing
from ferryline.verify.audit import audit
from tests.unit.verify.stores import FOREIGN, ScriptedStore, all_of, checking, stream


def both(source, destination, key, ours, theirs):
    return Both(source.put(key, ours), destination.put(key, theirs))


async def audited(pairs, source, destination, **changes):
    return await all_of(audit(stream(pairs), source, destination, checking(**changes)))


@pytest.fixture
def ends():
    return ScriptedStore(FOREIGN), ScriptedStore(FOREIGN)


@pytest.mark.parametrize("size_bytes", [0, 1, 256 * 1024, 256 * 1024 + 1, 2_000_000])
async def test_equal_bytes_match_by_reading_both(ends, size_bytes):
    body = os.urandom(size_bytes)
    pair = both(*ends, b"k", body, body)

    found = await audited([pair], *ends)

    assert found[b"k"] == Match(pair.source, pair.destination, Evidence.READ_BACK, found[b"k"].digest)
    assert found[b"k"].digest.algorithm is Algorithm.MD5
    assert ends[0].requests["GET"] == ends[1].requests["GET"] == 1


async def test_equal_sizes_and_equal_etags_do_not_hide_other_bytes(ends):
    pair = both(*ends, b"k", b"abc", b"abX")
    held = ends[1].held.objects
    held[b"k"] = dataclasses.replace(held[b"k"], etag=pair.source.token.etag)
    pair = Both(pair.source, Entry(b"k", 3, held[b"k"].token))

    found = await audited([pair], *ends)

    assert found[b"k"].trouble is Trouble.DIFFERS


async def test_the_digest_of_an_object_in_parts_is_its_crc(ends):
    source, destination = ends
    upload = await source.create_upload(b"k", Layout(3, 2), Writing())
    parts = [
        await source.upload_part(upload, span, b"abc"[span.offset : span.offset + span.size_bytes])
        for span in Layout(3, 2).spans()
    ]
    await source.complete_upload(upload, Completion(tuple(parts), 3, Writing()))
    stat = await source.head(b"k")

    found = await audited([Both(stat.entry, destination.put(b"k", b"abc"))], *ends)

    assert found[b"k"].digest == stat.stored_checksum


async def test_other_sizes_differ_without_reading(ends):
    found = await audited([both(*ends, b"k", b"abc", b"abcd")], *ends)

    assert found[b"k"].trouble is Trouble.DIFFERS
    assert "3" in found[b"k"].detail
    assert "4" in found[b"k"].detail
    assert not ends[0].requests["GET"]


async def test_sizes_that_differed_only_in_the_listing_are_read(ends):
    pair = both(*ends, b"k", b"abc", b"abc")
    stale = Both(pair.source, Entry(b"k", 9, Token(b"stale", 1)))

    assert isinstance((await audited([stale], *ends))[b"k"], Match)


async def test_a_source_that_changed_meanwhile_is_said_to_have_changed(ends):
    pair = both(*ends, b"k", b"abc", b"abc")
    ends[0].put(b"k", b"xyz")

    assert (await audited([pair], *ends))[b"k"].trouble is Trouble.SOURCE_CHANGED


async def test_a_source_that_is_gone_is_said_to_be_deleted(ends):
    pair = both(*ends, b"k", b"abc", b"abc")
    ends[0].held.objects.clear()

    found = (await audited([pair], *ends))[b"k"]

    assert found.trouble is Trouble.SOURCE_CHANGED
    assert "deleted" in found.detail


async def test_a_destination_that_is_gone_is_missing(ends):
    pair = both(*ends, b"k", b"abc", b"abc")
    ends[1].held.objects.clear()

    assert (await audited([pair], *ends))[b"k"].trouble is Trouble.MISSING


async def test_a_destination_that_was_rewritten_is_read_as_it_is_now(ends):
    pair = both(*ends, b"k", b"abc", b"old")
    now = ends[1].put(b"k", b"abc")

    found = await audited([pair], *ends)

    assert found[b"k"].destination == now


async def test_a_destination_that_never_rests_differs(ends):
    pair = both(*ends, b"k", b"abc", b"000")
    rewrites = iter(range(1, 100))
    ends[1].before_read = lambda key: ends[1].put(key, b"%03d" % next(rewrites))

    found = (await audited([pair], *ends))[b"k"]

    assert found.trouble is Trouble.DIFFERS
    assert next(rewrites) == 4


@pytest.mark.parametrize("side", [0, 1])
async def test_what_cannot_be_read_is_unchecked_with_advice_and_the_others_go_on(ends, side):
    pairs = [both(*ends, b"k%d" % number, b"abc", b"abc") for number in range(9)]
    ends[side].faults = [errors.ObjectArchived("it lies in an archive", advice="restore it")]

    found = await audited(pairs, *ends)

    assert ends[side].fired == 1
    unchecked = [one for one in found.values() if not isinstance(one, Match)]
    assert [(one.trouble, one.advice) for one in unchecked] == [(Trouble.UNCHECKED, "restore it")]
    assert len(found) == 9


async def test_what_stops_the_run_is_raised(ends):
    pairs = [both(*ends, b"k%d" % number, b"abc", b"abc") for number in range(9)]
    ends[1].faults = [errors.CredentialsRefused("expired")]

    with pytest.raises(errors.CredentialsRefused):
        await audited(pairs, *ends)
    assert ends[1].fired == 1


class Brittle(ScriptedStore):
    """A stream breaks off after its first chunk, more often than the wrappers have patience."""

    def stream(self, key, pin, span=None):
        return contextlib.aclosing(self.some(key, pin))

    async def some(self, key, pin):
        yield (await self.read(key, pin)).body[:300_000]
        self.fired += 1
        raise errors.RetryLater("reset by peer", advice="look at the network")


class Short(ScriptedStore):
    """A stream that ends too early without saying so."""

    def stream(self, key, pin, span=None):
        return contextlib.aclosing(self.some(key, pin))

    async def some(self, key, pin):
        self.fired += 1
        yield (await self.read(key, pin)).body[:-1]


@pytest.mark.parametrize("side", [0, 1])
async def test_a_stream_that_breaks_off_proves_nothing(side):
    ends = [ScriptedStore(FOREIGN), ScriptedStore(FOREIGN)]
    ends[side] = Brittle(FOREIGN)
    body = bytes(1_000_000)

    found = await audited([both(*ends, b"k", body, body)], *ends)

    assert ends[side].fired == 1
    assert found[b"k"].trouble is Trouble.UNCHECKED
    assert found[b"k"].advice == "look at the network"


@pytest.mark.parametrize("side", [0, 1])
async def test_a_body_that_ends_too_early_is_never_equal(side):
    ends = [ScriptedStore(FOREIGN), ScriptedStore(FOREIGN)]
    ends[side] = Short(FOREIGN)
    body = bytes(1_000_000)

    found = await audited([both(*ends, b"k", body, body)], *ends)

    assert ends[side].fired
    assert not isinstance(found[b"k"], Match)


async def test_no_more_pairs_are_read_at_once_than_allowed(ends):
    pairs = [both(*ends, b"k%03d" % number, b"abc", b"abc") for number in range(100)]
    under_way, most = 0, 0
    read = ScriptedStore.read

    async def slow(self, key, pin, span=None):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await read(self, key, pin, span)

    ends[0].read = slow.__get__(ends[0])
    found = await audited(pairs, *ends, objects=5)

    assert len(found) == 100
    assert 2 <= most <= 5


async def test_pairs_are_taken_only_as_they_are_needed(ends):
    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 1
            yield both(*ends, b"k%09d" % taken, b"abc", b"abc")

    findings = audit(endless(), *ends, checking(objects=4))
    await anext(findings)
    for _ in range(50):
        await asyncio.sleep(0)
    assert taken < 1_024 + 20
    await findings.aclose()


# -- files ---------------------------------------------------------------------------------------


async def listed(store):
    pages = [page async for page in store.pages(EVERYTHING)]
    return {row["key"]: row for page in pages for row in page.rows.to_pylist()}


def entry_of(row):
    return Entry(
        row["key"], row["size"], Token(row["etag"], row["modified_ns"], row["change_ns"], row["inode"])
    )


async def test_a_flipped_byte_in_a_file_is_found_though_size_and_time_are_kept(tmp_path):
    ours, theirs = tmp_path / "a", tmp_path / "b"
    for folder in (ours, theirs):
        folder.mkdir()
        (folder / "good").write_bytes(bytes(2_000_000))
        (folder / "bad").write_bytes(bytes(2_000_000))
    seen = (theirs / "bad").stat()
    with (theirs / "bad").open("r+b") as opened:
        opened.seek(1_999_999)
        opened.write(b"\x80")
    os.utime(theirs / "bad", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    source, destination = FileStore(str(ours), Setting()), FileStore(str(theirs), Setting())
    left, right = await listed(source), await listed(destination)

    found = await audited(
        [Both(entry_of(left[key]), entry_of(right[key])) for key in left], source, destination
    )
    await source.close()
    await destination.close()

    assert found[b"bad"].trouble is Trouble.DIFFERS
    assert isinstance(found[b"good"], Match)


async def test_memory_does_not_grow_with_the_object(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    with (folder / "big").open("wb") as opened:
        opened.truncate(96 * 1024 * 1024)
    store = FileStore(str(folder), Setting())
    stat = await store.head(b"big")

    tracemalloc.start()
    found = await audited([Both(stat.entry, stat.entry)], store, store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await store.close()

    assert isinstance(found[b"big"], Match)
    assert peak < 24 * 1024 * 1024
