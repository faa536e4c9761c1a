"""What dead runs left: resumed for the same state, ended otherwise, never anybody else's."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ferryline import errors
from ferryline.model import event
from ferryline.model.entry import Entry, Metadata, Token
from ferryline.model.outcome import Transferred
from ferryline.model.span import Layout
from ferryline.storage.capabilities import Support
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import Writing
from ferryline.transfer import intents, sweep
from tests.unit.transfer.ground import (
    MIB,
    Scripted,
    bodies,
    copied,
    entries,
    intents_only,
    manner,
    put,
    put_in_parts,
)

BODY = bytes(range(256)) * 4096 * 4


async def left(origin, destination, *sent, **changes):
    """An upload as a dead run leaves it: its intent, and the parts numbered `sent`."""
    entry = (await entries(origin))[b"a"]
    plain = MemoryStore(destination.held)
    layout = Layout(entry.size_bytes, MIB)
    upload = await plain.create_upload(b"a", layout, Writing(metadata=origin.held.objects[b"a"].metadata))
    for number in sent:
        span = layout.span(number)
        await plain.upload_part(upload, span, BODY[span.offset : span.offset + span.size_bytes])
    given = dict(
        name="0" * 32,
        run_id="dead",
        source=origin.place,
        key=b"a",
        entry=intents.state_of(entry),
        part_bytes=MIB,
        carries=intents.carries(origin.held.objects[b"a"].metadata, {}),
        written_at=datetime(2026, 1, 1, tzinfo=UTC),
        before=(),
        upload_id=upload.upload_id,
    )
    intent = intents.Intent(**{**given, **changes})
    await plain.write(intent.place, intent.document(), Writing())
    return upload


async def scene():
    source, destination = Scripted(), Scripted().can(hashes_locally=False)
    await put_in_parts(source, b"a", BODY, MIB)
    return source, destination


async def run(source, destination, **changes):
    how = manner(**changes)
    leftovers = await sweep(destination, how)
    found = await copied(source, destination, how, leftovers)
    await leftovers.clear()
    return found


def clean(destination):
    return not destination.held.uploads and not any(map(intents_only, destination.held.objects))


async def test_parts_that_are_there_are_read_again_and_not_sent_again():
    source, destination = await scene()
    await left(source, destination, 1, 3)
    (one,) = (await run(source, destination)).values()
    assert one.bytes_read == len(BODY)
    assert one.bytes_written == len(BODY) - 2 * MIB
    assert destination.bytes_in == len(BODY) - 2 * MIB
    assert destination.calls["create_upload"] == 0
    assert bodies(destination) == {b"a": BODY}
    assert destination.held.objects[b"a"].etag == source.held.objects[b"a"].etag
    assert clean(destination)


async def test_a_part_with_other_bytes_is_sent_again():
    source, destination = await scene()
    upload = await left(source, destination, 1)
    await MemoryStore(destination.held).upload_part(upload, Layout(len(BODY), MIB).span(1), b"!" * MIB)
    (one,) = (await run(source, destination)).values()
    assert one.bytes_written == len(BODY)
    assert bodies(destination) == {b"a": BODY}


async def test_parts_are_not_believed_where_their_etags_mean_nothing():
    source, destination = await scene()
    destination.can(etag_is_md5=Support.UNKNOWN)
    await left(source, destination, 1, 2, 3, 4)
    (one,) = (await run(source, destination)).values()
    assert one.bytes_written == len(BODY)
    assert bodies(destination) == {b"a": BODY}


@pytest.mark.parametrize(
    "changes",
    [
        {"part_bytes": 2 * MIB},
        {"carries": "0" * 64},
        {"source": "memory://another/"},
        {"entry": Entry(b"a", len(BODY), Token(b"0" * 32 + b"-4", 0))},
    ],
)
async def test_an_intent_for_another_state_is_aborted_and_the_object_sent_whole(changes):
    source, destination = await scene()
    await left(source, destination, 1, **changes)
    (one,) = (await run(source, destination)).values()
    assert one.bytes_written == len(BODY)
    assert destination.calls["create_upload"] == 1
    assert bodies(destination) == {b"a": BODY}
    assert clean(destination)


async def test_an_upload_that_is_gone_is_begun_anew():
    source, destination = await scene()
    await left(source, destination, 1)
    destination.held.uploads.clear()
    (one,) = (await run(source, destination)).values()
    assert isinstance(one, Transferred)
    assert clean(destination)


async def test_what_nobody_claims_is_ended_and_what_is_not_ours_stays():
    source, destination = await scene()
    await left(source, destination, 1)
    theirs = await MemoryStore(destination.held).create_upload(b"a", Layout(5, 5), Writing())
    await put(destination, b".ferryline/uploads/notes.txt", b"not ours")
    how = manner()
    leftovers = await sweep(destination, how)
    assert len(leftovers) == 1
    await leftovers.clear()
    assert list(destination.held.uploads) == [theirs.upload_id]
    assert bodies(destination) == {b".ferryline/uploads/notes.txt": b"not ours"}


async def test_an_intent_that_cannot_be_read_is_left_alone_with_a_warning():
    events = []
    _, destination = await scene()
    await put(destination, b".ferryline/uploads/" + b"a" * 32, b"{}")
    assert not len(await sweep(destination, manner(events=events)))
    assert [one for one in events if isinstance(one, event.Warned)]
    assert len(destination.held.objects) == 1


async def test_a_sweep_of_a_clean_destination_is_one_listing():
    _, destination = await scene()
    await sweep(destination, manner())
    assert not destination.calls


async def test_an_end_that_fails_is_a_warning_and_stays_for_the_next_run():
    events = []
    source, destination = await scene()
    await left(source, destination, 1)
    fault = destination.fail("abort_upload", errors.AccessRefused("no"))
    leftovers = await sweep(destination, manner(events=events))
    await leftovers.clear()
    assert fault.fired == 1
    assert [one for one in events if isinstance(one, event.Warned)]
    assert any(map(intents_only, destination.held.objects))
    await (await sweep(destination, manner())).clear()
    assert clean(destination)


async def test_of_two_uploads_of_one_key_without_an_answer_each_is_told_from_the_other():
    source, destination = await scene()
    destination.fail("create_upload", errors.RetryLater("lost", effect_possible=True), after=True, times=2)
    destination.fail("uploaded_parts", errors.RetryLater("lost", effect_possible=True), times=2)

    await run(source, destination)

    assert len(destination.held.uploads) == 2, "two that nobody heard of"
    destination.faults.clear()
    await (await sweep(destination, manner())).clear()
    assert clean(destination)


async def test_who_has_lost_the_lock_ends_no_upload():
    source, destination = await scene()
    await left(source, destination, 1)
    uploads = list(destination.held.uploads)

    async def lost():
        raise errors.LockHeld("another run took it", kind="fenced")

    leftovers = await sweep(destination, manner(may_write=lost))
    with pytest.raises(errors.LockHeld):
        await leftovers.clear()

    assert list(destination.held.uploads) == uploads
    assert any(map(intents_only, destination.held.objects)), "the run that has the lock finds it"


async def test_a_forged_intent_can_end_at_most_one_upload_of_its_own_key():
    source, destination = await scene()
    other = await MemoryStore(destination.held).create_upload(b"precious", Layout(5, 5), Writing())
    await left(source, destination, upload_id=other.upload_id)
    await (await sweep(destination, manner())).clear()
    assert other.upload_id in destination.held.uploads


def test_an_intent_reads_back_as_it_was_written():
    for token in (Token(b"abc-2", 5_000_000_000), Token(None, -5, 7, 9)):
        intent = intents.Intent(
            name="0" * 32,
            run_id="r",
            source="file:///x",
            key=b"k\xff\n",
            entry=Entry(b"s\xff", 12, token),
            part_bytes=5,
            carries=intents.carries(Metadata(user={"a": "b"}), {}),
            written_at=datetime(2026, 1, 1, tzinfo=UTC),
            before=("x", "y"),
            upload_id="u",
        )
        assert intents.parse("0" * 32, intent.document()) == intent
        assert intents.parse("0" * 32, replace(intent, upload_id=None, before=None).document()).upload is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema":"other"}',
        b'{"schema":"ferryline.upload/1"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_intent_is_none(body):
    assert intents.parse("0" * 32, body) is None
