"""The small lane: what is sent, under which condition, what it proves, and what it costs."""

import hashlib
from dataclasses import replace

import pytest

from ferryline import errors
from ferryline.model import event
from ferryline.model.action import Copy, Reason
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Metadata
from ferryline.model.outcome import Failed, Transferred, Vanished
from ferryline.policy.options import ObjectMetadata
from ferryline.storage.capabilities import Support
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import ALWAYS, Condition, Received, Writing
from tests.unit.transfer.ground import (
    MIB,
    Scripted,
    bodies,
    copied,
    copies,
    entries,
    manner,
    outcomes,
    put,
)


async def test_an_object_costs_one_read_and_one_write_and_no_head():
    source, destination = Scripted(), Scripted()
    for number in range(20):
        await put(source, b"%d" % number, b"x" * number)
    found = await copied(source, destination)
    assert all(isinstance(one, Transferred) for one in found.values())
    assert bodies(destination) == bodies(source)
    assert source.calls == {"read": 20}
    assert destination.calls == {"write": 20}


async def test_the_answer_proves_it_where_etags_are_md5s():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes")
    (one,) = (await copied(source, destination)).values()
    assert one.proof is Evidence.ETAG_MD5
    assert one.etag == hashlib.md5(b"bytes").hexdigest().encode()
    assert one.digest == Digest(Algorithm.MD5, hashlib.md5(b"bytes").digest())
    assert one.destination is None
    assert (one.bytes_read, one.bytes_written) == (5, 5)
    assert one.source == (await entries(source))[b"a"]


async def test_a_stored_checksum_proves_it_where_etags_are_not_believed():
    source, destination = Scripted(), Scripted().can(etag_is_md5=Support.UNKNOWN)
    await put(source, b"a", b"bytes")
    (one,) = (await copied(source, destination)).values()
    assert one.proof is Evidence.STORED_CHECKSUM


async def test_nothing_proves_it_where_nothing_is_honoured():
    source = Scripted()
    destination = Scripted().can(etag_is_md5=Support.UNKNOWN, stored_checksum=Support.IGNORED)
    await put(source, b"a", b"bytes")
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    assert one.proof is None


class Noting(Scripted):
    async def write(self, key, body, writing):
        self.writing = writing
        return await super().write(key, body, writing)


@pytest.mark.parametrize(
    ("support", "there", "expected"),
    [
        (Support.HONOURED, False, Condition(absent=True)),
        (Support.HONOURED, True, "etag"),
        (Support.IGNORED, False, ALWAYS),
        (Support.IGNORED, True, ALWAYS),
        (Support.UNKNOWN, False, ALWAYS),
    ],
)
async def test_preconditions_are_sent_only_where_they_are_honoured(support, there, expected):
    source, destination = Scripted(), Noting().can(write_if_none_match=support, write_if_match=support)
    await put(source, b"a", b"new")
    if there:
        await put(destination, b"a", b"old")
        if expected == "etag":
            expected = Condition(etag=hashlib.md5(b"old").hexdigest().encode())
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    assert destination.writing.condition == expected
    assert bodies(destination) == {b"a": b"new"}


@pytest.mark.parametrize(
    ("content_md5", "stored", "md5_sent", "crc_sent"),
    [
        (Support.HONOURED, Support.HONOURED, True, True),
        (Support.UNKNOWN, Support.UNKNOWN, True, False),
        (Support.UNSUPPORTED, Support.IGNORED, False, False),
    ],
)
async def test_digests_are_sent_where_they_mean_something(content_md5, stored, md5_sent, crc_sent):
    source, destination = Scripted(), Noting().can(content_md5=content_md5, stored_checksum=stored)
    await put(source, b"a", b"new")
    await copied(source, destination)
    assert (destination.writing.md5 is not None) is md5_sent
    assert (destination.writing.crc64nvme is not None) is crc_sent


async def test_metadata_travels_and_nothing_is_added():
    source, destination = Scripted(), Scripted()
    metadata = Metadata(
        user={"owner": "ml"}, system={"content-type": "text/plain", "cache-control": "no-store"}
    )
    await MemoryStore.write(source, b"a", b"x", Writing(metadata=metadata))
    await copied(source, destination)
    assert destination.held.objects[b"a"].metadata == metadata


async def test_metadata_stays_where_the_options_say_so():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x", owner="ml")
    await copied(source, destination, manner(metadata=ObjectMetadata.NONE))
    assert destination.held.objects[b"a"].metadata == Metadata()


async def test_more_metadata_than_s3_holds_fails_by_name_and_nothing_is_written():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x", note="n" * 2045)
    await put(source, b"b", b"x", note="n" * 2044)
    found = await copied(source, destination)
    assert found[b"a"].kind == "metadata-too-large"
    assert "2049 bytes" in found[b"a"].message
    assert isinstance(found[b"b"], Transferred)
    assert bodies(destination) == {b"b": b"x"}


async def test_hostile_keys_arrive_byte_for_byte():
    source, destination = Scripted(), Scripted()
    keys = [
        b"a//b",
        b"/a",
        b"a/",
        b"./a",
        b"a/./b",
        b"..",
        b"\n",
        b"\x1b[2J",
        b"%00",
        b"\xff\xfe",
        b"k" * 1024,
    ]
    for key in keys:
        await put(source, key, key)
    found = await copied(source, destination)
    assert all(isinstance(one, Transferred) for one in found.values())
    assert bodies(destination) == {key: key for key in keys}


async def test_a_zero_byte_object_is_an_object():
    source, destination = Scripted(), Scripted()
    await put(source, b"empty", b"")
    (one,) = (await copied(source, destination)).values()
    assert one.proof is Evidence.ETAG_MD5
    assert bodies(destination) == {b"empty": b""}


async def test_a_single_object_may_get_another_name():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x")
    found = await copied(source, destination, manner(rename=lambda _: b"renamed"))
    assert found[b"a"].key == b"a"
    assert bodies(destination) == {b"renamed": b"x"}


async def test_what_is_gone_has_vanished_and_is_no_failure():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x")
    planned = await copies(source)
    del source.held.objects[b"a"]
    found = await outcomes(planned, source, destination)
    assert isinstance(found[b"a"], Vanished)
    assert bodies(destination) == {}


async def test_what_changed_is_copied_as_it_is_now():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"old")
    planned = await copies(source)
    await put(source, b"a", b"new!")
    found = await outcomes(planned, source, destination)
    assert isinstance(found[b"a"], Transferred)
    assert found[b"a"].source.token.etag == hashlib.md5(b"new!").hexdigest().encode()
    assert found[b"a"].source.size_bytes == 4
    assert bodies(destination) == {b"a": b"new!"}


async def test_an_object_that_changes_in_every_round_fails_by_name():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"0")
    await put(source, b"b", b"quiet")
    rounds = 0

    async def rewrite():
        nonlocal rounds
        rounds += 1
        await put(source, b"a", b"%d" % rounds)

    class Restless(Scripted):
        async def read(self, key, pin, span=None):
            if key == b"a":
                await rewrite()
            return await super().read(key, pin, span)

    restless = Restless(source.held)
    found = await copied(restless, destination, manner(changed_rounds=3))
    assert found[b"a"].kind == "source-changed"
    assert "4 times" in found[b"a"].message
    assert rounds == 4
    assert isinstance(found[b"b"], Transferred)
    assert bodies(destination) == {b"b": b"quiet"}


async def test_a_key_the_destination_cannot_hold_fails_before_a_byte_is_read():
    class Choosy(Scripted):
        def refuses(self, key):
            return "it ends badly" if key.endswith(b"!") else ""

    source, destination = Scripted(), Choosy()
    await put(source, b"bad!", b"x")
    await put(source, b"good", b"x")
    found = await copied(source, destination)
    assert found[b"bad!"].kind == "key-refused"
    assert "it ends badly" in found[b"bad!"].message
    assert found[b"bad!"].advice
    assert source.calls["read"] == 1
    assert bodies(destination) == {b"good": b"x"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.ObjectArchived("archived"), "archived"),
        (errors.AccessRefused("no", advice="allow it"), "access-refused"),
        (errors.RetryLater("reset"), "transient"),
        (errors.RetryLater("bits", kind="digest-mismatch"), "digest-mismatch"),
        (errors.ObjectFailed("portal", kind="not-the-object"), "not-the-object"),
    ],
)
async def test_what_one_read_meets_is_that_objects_failure(error, kind):
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x")
    await put(source, b"b", b"x")
    fault = source.fail("read", error, key=b"a")
    found = await copied(source, destination)
    assert fault.fired == 1
    assert found[b"a"] == Failed(b"a", kind, error.message, error.advice)
    assert isinstance(found[b"b"], Transferred)
    assert bodies(destination) == {b"b": b"x"}


async def test_what_stops_the_run_is_raised():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x")
    destination.fail("write", errors.DiskFailed("full"))
    with pytest.raises(errors.DiskFailed):
        await copied(source, destination)


async def test_bytes_are_told_of_while_they_move_and_add_up():
    events = []
    source, destination = Scripted(), Scripted()
    for number in range(10):
        await put(source, b"%d" % number, b"x" * 1000)
    await copied(source, destination, manner(events=events))
    moved = [one for one in events if isinstance(one, event.BytesMoved)]
    assert len(moved) == 1  # the clock stood still: only the end was told
    assert sum(one.read for one in moved) == sum(one.written for one in moved) == 10_000


async def test_objects_that_together_exceed_the_memory_wait_for_each_other():
    class Measuring(Scripted):
        held_now = most = 0

        async def write(self, key, body, writing):
            Measuring.held_now += len(body)
            Measuring.most = max(Measuring.most, Measuring.held_now)
            answer = await super().write(key, body, writing)
            Measuring.held_now -= len(body)
            return answer

    source, destination = Scripted(), Measuring()
    for number in range(30):
        await put(source, b"%d" % number, bytes([number]) * MIB)
    await copied(source, destination, manner(memory_bytes=2 * MIB, objects=16))
    assert bodies(destination) == bodies(source)
    assert Measuring.most <= 2 * MIB


async def test_a_listed_time_finer_than_the_answers_stays_the_recorded_one():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"x")
    entry = (await entries(source))[b"a"]
    fine = replace(entry, token=replace(entry.token, modified_ns=entry.token.modified_ns + 123_000_000))
    found = await outcomes([Copy(fine, Reason.NEW)], source, destination)
    assert found[b"a"].source == fine


@pytest.mark.parametrize(("flips", "kind"), [(1, None), (2, "digest-mismatch")])
async def test_a_bit_that_flips_on_the_way_is_read_again_and_twice_is_a_failure(flips, kind):
    class Flipping(Scripted):
        flipped = 0

        async def read(self, key, pin, span=None):
            received = await super().read(key, pin, span)
            if self.flipped == flips:
                return received
            self.flipped += 1
            return Received(b"B" + received.body[1:], received.stat)

    source, destination = Flipping(), Scripted()
    await put(source, b"a", b"bytes")
    (one,) = (await copied(source, destination)).values()
    assert source.flipped == flips
    assert getattr(one, "kind", None) == kind
    assert bodies(destination) == ({} if kind else {b"a": b"bytes"})


async def test_an_etag_that_need_not_be_an_md5_accuses_nobody():
    class Secret(Scripted):
        async def read(self, key, pin, span=None):
            received = await super().read(key, pin, span)
            stat = replace(received.stat, encryption="aws:kms")
            return Received(b"plain", stat)

    source, destination = Secret(), Scripted()
    await put(source, b"a", b"bytes")
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
