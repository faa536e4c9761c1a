"""The part lane: layouts kept, identity by HEAD, nothing left behind, memory bounded."""

import hashlib

import pytest
from awscrt import checksums

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.outcome import Failed, Transferred, Vanished
from ferryline.storage.capabilities import Support
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import ALWAYS, Condition
from tests.unit.transfer.ground import (
    MIB,
    Scripted,
    bodies,
    copied,
    copies,
    entries,
    intents_only,
    manner,
    outcomes,
    put,
    put_in_parts,
)

BODY = bytes(range(256)) * 4096 * 3 + b"tail"  # 3 MiB and 4 bytes


def empty_of_ours(store):
    return not store.held.uploads and not [
        key for key in store.held.objects if key.startswith(b".ferryline/")
    ]


@pytest.mark.parametrize("part_number", [Support.HONOURED, Support.IGNORED])
async def test_the_sources_layout_and_with_it_the_etag_are_kept(part_number):
    source, destination = Scripted().can(part_number=part_number), Scripted()
    await put_in_parts(source, b"a", BODY, MIB, owner="ml")
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    held = destination.held.objects[b"a"]
    assert held.body == BODY
    assert held.etag == source.held.objects[b"a"].etag
    assert held.metadata.user == {"owner": "ml"}
    assert one.proof is Evidence.ETAG_PARTS
    assert one.destination.token.etag == held.etag
    assert one.digest.algorithm is Algorithm.CRC64NVME
    assert one.digest.value == checksums.crc64nvme(BODY).to_bytes(8, "big")
    assert (one.bytes_read, one.bytes_written) == (len(BODY), len(BODY))
    assert one.source == (await entries(source))[b"a"]
    assert empty_of_ours(destination)


async def test_a_first_part_told_by_the_store_finds_layouts_no_guess_would():
    class Telling(Scripted):
        async def head_part(self, key, pin, number):
            from dataclasses import replace

            stat = await MemoryStore.head(self, key)
            return replace(stat, entry=replace(stat.entry, size_bytes=1_000_001), part_count=4)

    source, destination = Telling(), Scripted()
    await put_in_parts(source, b"a", BODY, 1_000_001)
    (one,) = (await copied(source, destination)).values()
    assert one.proof is Evidence.ETAG_PARTS
    assert destination.held.objects[b"a"].etag == source.held.objects[b"a"].etag
    assert source.calls["head"] == 0


async def test_a_layout_that_cannot_be_learned_is_replaced_by_ours():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, 1_000_001)
    (one,) = (await copied(source, destination)).values()
    assert destination.held.objects[b"a"].body == BODY
    assert one.proof is Evidence.ETAG_PARTS  # of the parts that were sent
    assert destination.held.objects[b"a"].etag != source.held.objects[b"a"].etag


async def test_a_large_object_without_parts_is_cut_as_we_like():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", BODY)
    (one,) = (await copied(source, destination, manner(memory_bytes=2 * MIB, part_bytes=MIB))).values()
    assert destination.held.objects[b"a"].body == BODY
    assert destination.held.objects[b"a"].etag.endswith(b"-4")
    assert one.proof is Evidence.ETAG_PARTS


async def test_an_object_above_the_whole_memory_neither_waits_forever_nor_exceeds_it():
    class Measuring(Scripted):
        now = most = 0

        async def upload_part(self, upload, span, body, md5=None):
            Measuring.now += len(body)
            Measuring.most = max(Measuring.most, Measuring.now)
            part = await super().upload_part(upload, span, body, md5)
            Measuring.now -= len(body)
            return part

    source, destination = Scripted(), Measuring()
    for name in (b"a", b"b", b"c"):
        await put(source, name, BODY)
    how = manner(memory_bytes=700_000, part_bytes=MIB)
    found = await copied(source, destination, how)
    assert all(isinstance(one, Transferred) for one in found.values())
    assert bodies(destination) == bodies(source)
    assert 0 < Measuring.most <= 700_000


async def test_a_part_larger_than_the_memory_is_streamed():
    class Streaming(Scripted):
        most = 0
        streamed = 0

        async def upload_part_stream(self, upload, span, chunks):
            pieces = []
            async for chunk in chunks:
                Streaming.most = max(Streaming.most, len(chunk))
                pieces.append(chunk)
            Streaming.streamed += 1
            return await MemoryStore.upload_part(self, upload, span, b"".join(pieces))

    source, destination = Scripted(), Streaming().can(part_bytes_min=5 * MIB)
    body = BODY * 4
    await put(source, b"a", body)
    (one,) = (await copied(source, destination, manner(memory_bytes=MIB))).values()
    assert isinstance(one, Transferred)
    assert destination.held.objects[b"a"].body == body
    assert Streaming.streamed == 3
    assert Streaming.most < MIB
    assert one.bytes_read == one.bytes_written == len(body)
    assert one.digest == Digest(Algorithm.MD5, hashlib.md5(body).digest()), (
        "the source was written in one piece"
    )


async def test_a_streamed_part_that_breaks_off_begins_again():
    class Streaming(Scripted):
        breaks = 1

        async def upload_part_stream(self, upload, span, chunks):
            pieces = [chunk async for chunk in chunks]
            if Streaming.breaks:
                Streaming.breaks -= 1
                raise errors.RetryLater("reset")
            return await MemoryStore.upload_part(self, upload, span, b"".join(pieces))

    source, destination = Scripted(), Streaming().can(part_bytes_min=5 * MIB)
    await put(source, b"a", BODY * 2)
    how = manner(memory_bytes=MIB)
    (one,) = (await copied(source, destination, how)).values()
    assert Streaming.breaks == 0
    assert len(how.clock.slept) == 1
    assert destination.held.objects[b"a"].body == BODY * 2
    assert one.bytes_read > len(BODY) * 2  # read twice, and said so


async def test_without_streaming_a_part_above_the_memory_fails_by_name():
    source, destination = Scripted(), Scripted().can(part_bytes_min=5 * MIB)
    await put(source, b"a", BODY * 2)
    (one,) = (await copied(source, destination, manner(memory_bytes=MIB))).values()
    assert one.kind == "memory-too-small"
    assert source.calls["read"] == 0


class Noting(Scripted):
    async def complete_upload(self, upload, completion):
        self.completion = completion
        return await super().complete_upload(upload, completion)


@pytest.mark.parametrize(
    ("support", "there", "expected"),
    [
        (Support.HONOURED, False, Condition(absent=True)),
        (Support.HONOURED, True, "etag"),
        (Support.IGNORED, False, ALWAYS),
        (Support.IGNORED, True, ALWAYS),
    ],
)
async def test_completing_is_conditional_where_that_verb_honours_it(support, there, expected):
    source = Scripted()
    destination = Noting().can(complete_if_none_match=support, complete_if_match=support)
    await put_in_parts(source, b"a", BODY, MIB)
    if there:
        await put(destination, b"a", b"old")
        if expected == "etag":
            expected = Condition(etag=hashlib.md5(b"old").hexdigest().encode())
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    assert destination.completion.writing.condition == expected
    assert destination.completion.size_bytes == len(BODY)
    assert destination.completion.writing.crc64nvme == checksums.crc64nvme(BODY).to_bytes(8, "big")


async def test_completes_own_answer_is_never_believed():
    class Lying(Scripted):
        async def complete_upload(self, upload, completion):
            from dataclasses import replace

            written = await super().complete_upload(upload, completion)
            return replace(written, etag=b"0" * 32 + b"-9")

    source, destination = Scripted(), Lying()
    await put_in_parts(source, b"a", BODY, MIB)
    (one,) = (await copied(source, destination)).values()
    assert one.etag == source.held.objects[b"a"].etag
    assert destination.calls["head"] == 1


async def test_an_object_that_is_gone_or_other_after_complete_is_a_failure():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.when(
        "complete_upload", lambda: destination.held.objects.__delitem__(b"a"), after=True
    )
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert one.kind == "destination-changed"
    assert empty_of_ours(destination)


async def test_a_lost_answer_to_complete_is_settled_by_a_look():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.fail("complete_upload", errors.RetryLater("lost", effect_possible=True), after=True)
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert one.proof is Evidence.ETAG_PARTS
    assert bodies(destination) == {b"a": BODY}
    assert empty_of_ours(destination)


async def test_an_upload_that_is_gone_because_it_was_completed_is_success():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.fail(
        "complete_upload", errors.ObjectMissing("NoSuchUpload", kind="upload-missing"), after=True
    )
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert isinstance(one, Transferred)
    assert destination.calls["create_upload"] == 1


@pytest.mark.parametrize("verb", ["upload_part", "complete_upload"])
async def test_an_upload_that_lifecycle_aborted_is_begun_once_more(verb):
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.when(verb, destination.held.uploads.clear)
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert isinstance(one, Transferred)
    assert destination.calls["create_upload"] == 2
    assert bodies(destination) == {b"a": BODY}
    assert one.bytes_read > len(BODY)
    assert empty_of_ours(destination)


async def test_an_upload_that_disappears_each_time_fails_by_name():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    destination.when("complete_upload", destination.held.uploads.clear, times=9)
    (one,) = (await copied(source, destination)).values()
    assert one.kind == "upload-missing"
    assert destination.calls["create_upload"] == 2
    assert empty_of_ours(destination)


async def test_a_conflict_on_complete_begins_a_new_upload():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.fail("complete_upload", errors.RetryLater("409", kind="write-conflict"))
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert isinstance(one, Transferred)
    assert destination.calls["create_upload"] == 2


async def test_a_source_replaced_between_two_ranges_is_copied_as_it_is_now_and_never_mixed():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    newer = BODY[::-1]

    class Replaced(Scripted):
        reads = 0

        async def read(self, key, pin, span=None):
            Replaced.reads += 1
            if Replaced.reads == 3:
                await put_in_parts(source, b"a", newer, MIB)
            return await super().read(key, pin, span)

    replaced = Replaced(source.held)
    (one,) = (await copied(replaced, destination)).values()
    assert isinstance(one, Transferred)
    assert bodies(destination) == {b"a": newer}
    assert one.source.token.etag == source.held.objects[b"a"].etag
    assert one.bytes_read > len(BODY)
    assert empty_of_ours(destination)


async def test_a_source_deleted_between_two_ranges_has_vanished():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    planned = await copies(source)
    fault = source.when("read", source.held.objects.clear, times=1)
    found = await outcomes(planned, source, destination)
    assert fault.fired == 1
    assert isinstance(found[b"a"], Vanished)
    assert bodies(destination) == {}
    assert empty_of_ours(destination)


async def test_a_part_that_cannot_be_sent_fails_the_object_and_leaves_nothing():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    await put(source, b"b", b"x")
    destination.fail("upload_part", errors.RetryLater("reset"), times=99)
    found = await copied(source, destination)
    assert found[b"a"].kind == "transient"
    assert isinstance(found[b"b"], Transferred)
    assert destination.calls["abort_upload"] == 1
    assert empty_of_ours(destination)


async def test_an_abort_that_fails_keeps_the_intent_for_the_next_run_and_warns():
    events = []
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    destination.fail("upload_part", errors.RetryLater("reset"), times=99)
    destination.fail("abort_upload", errors.RetryLater("reset"))
    (one,) = (await copied(source, destination, manner(events=events))).values()
    assert isinstance(one, Failed)
    assert len(destination.held.uploads) == 1
    assert [key for key in destination.held.objects if intents_only(key)]
    assert [one for one in events if one.kind == "warning"]


async def test_a_lost_answer_to_create_leaves_no_second_upload():
    class Repeating(Scripted):
        """As the retry wrapper does: the first Create is carried out and its answer lost."""

        async def create_upload(self, key, layout, writing):
            await MemoryStore.create_upload(self, key, layout, writing)
            return await super().create_upload(key, layout, writing)

    source, destination = Scripted(), Repeating().can(hashes_locally=False)
    await put_in_parts(source, b"a", BODY, MIB)
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    assert empty_of_ours(destination)


async def test_an_upload_of_somebody_else_for_the_same_key_is_never_touched():
    from ferryline.model.span import Layout
    from ferryline.storage.store import Writing

    source, destination = Scripted(), Scripted().can(hashes_locally=False)
    await put_in_parts(source, b"a", BODY, MIB)
    theirs = await MemoryStore.create_upload(destination, b"a", Layout(9, 9), Writing())
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
    assert list(destination.held.uploads) == [theirs.upload_id]


async def test_a_small_object_with_a_parts_etag_keeps_it_and_an_empty_one_is_simply_written():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"one", b"tiny", 10)
    await put_in_parts(source, b"none", b"", 10)
    found = await copied(source, destination)
    assert destination.held.objects[b"one"].etag == source.held.objects[b"one"].etag
    assert found[b"none"].proof is Evidence.ETAG_MD5
    assert bodies(destination) == {b"one": b"tiny", b"none": b""}


async def test_an_archived_large_object_fails_by_name():
    class Archive(Scripted):
        async def head(self, key, version_id=None):
            from dataclasses import replace

            return replace(await super().head(key, version_id), archived=True)

    source, destination = Archive().can(part_number=Support.IGNORED), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    (one,) = (await copied(source, destination)).values()
    assert one.kind == "archived"
    assert source.calls["read"] == 0


async def test_an_answer_to_create_that_never_came_is_cleaned_up_and_begun_once_more():
    source, destination = Scripted(), Scripted().can(hashes_locally=False)
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.fail("create_upload", errors.RetryLater("lost", effect_possible=True), after=True)
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert isinstance(one, Transferred)
    assert destination.calls["abort_upload"] == 1
    assert empty_of_ours(destination)


async def test_an_upload_that_somebody_else_made_needless_is_aborted():
    source, destination = Scripted(), Scripted()
    await put_in_parts(source, b"a", BODY, MIB)
    fault = destination.fail("complete_upload", errors.DestinationChanged("412"))
    planned = await copies(source)
    await put_in_parts(destination, b"a", BODY, MIB)
    found = await outcomes(planned, source, destination)
    assert fault.fired == 1
    assert found[b"a"].proof is Evidence.ETAG_PARTS
    assert empty_of_ours(destination)
