"""Faults of multipart uploads: what a repetition mends, what it must leave to its caller, what it names."""

import os

import pytest

from ferryline import errors
from ferryline.model import span as spans
from ferryline.model.digest import etag_of_parts
from ferryline.model.span import MIB, Layout, our_layout
from ferryline.storage.store import Completion, Condition, Part, Writing
from ferryline.testing.strict import Fault, Phase, StrictServer, fault
from tests.faults.s3_ground import FastClock, dressed

BODY = os.urandom(6 * MIB)
LAYOUT = Layout(len(BODY), 5 * MIB)
CREATE, PART, COMPLETE, ABORT = (
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
)


@pytest.fixture(scope="module")
def server():
    with StrictServer("destination") as running:
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    yield
    server.disarm()
    server.bucket("destination").clear()
    server.forget()


@pytest.fixture
async def store(server):
    async with dressed(server, "destination", read_timeout_seconds=0.3) as opened:
        yield opened


def bytes_of(span):
    return BODY[span.offset : span.offset + span.size_bytes]


async def sent(store, layout=LAYOUT, body=BODY):
    upload = await store.create_upload(b"large", layout, Writing())
    parts = [
        await store.upload_part(upload, one, body[one.offset : one.offset + one.size_bytes])
        for one in layout.spans()
    ]
    return upload, tuple(parts)


def completion(parts, condition=Condition(), size=len(BODY)):
    return Completion(parts, size, Writing(condition=condition))


BROKEN = {
    "500": (fault.Status("InternalError"), Phase.BEFORE),
    "503": (fault.Status("SlowDown"), Phase.BEFORE),
    "409": (fault.Status("OperationAborted"), Phase.BEFORE),
    "request timeout": (fault.Status("RequestTimeout"), Phase.BEFORE),
    "reset before the body": (fault.Reset(0), Phase.BODY),
    "reset after one byte": (fault.Reset(1), Phase.BODY),
    "reset in the middle": (fault.Reset(3 * MIB), Phase.BODY),
    "reset before the last byte": (fault.Reset(5 * MIB - 1), Phase.BODY),
    "answer lost": (fault.Close(), Phase.AFTER),
    "stalled while sending": (fault.Stall(after_bytes=MIB), Phase.BODY),
    "stalled before the answer": (fault.Stall(), Phase.AFTER),
    "no ETag": (fault.Header("etag"), Phase.AFTER),
    "an HTML page": (fault.Page(), Phase.BEFORE),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_part_is_sent_again(server, store, name):
    what, phase = BROKEN[name]
    armed = server.arm(Fault(PART, what, phase=phase))
    upload, parts = await sent(store)
    written = await store.complete_upload(upload, completion(parts))
    assert armed.fired == 1
    assert server.count(PART) == LAYOUT.count + 1
    assert server.bucket("destination").get("large") == BODY
    assert written.etag.decode() == server.bucket("destination").version("large").etag


async def test_a_part_whose_md5_is_wrong_on_arrival_is_sent_again(server, store):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    armed = server.arm(Fault(PART, fault.Status("BadDigest")))
    await store.upload_part(upload, LAYOUT.span(1), bytes_of(LAYOUT.span(1)))
    assert armed.fired == 1
    assert server.count(PART) == 2


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.AFTER])
@pytest.mark.parametrize(
    "name", ["200 with an error", "200 and nothing", "200 and a page", "half a document"]
)
async def test_a_complete_that_is_none_is_asked_for_again(server, store, name, phase):
    what = {
        "200 with an error": fault.Status("InternalError", 200),
        "200 and nothing": fault.Page(b"", "application/xml"),
        "200 and a page": fault.Page(),
        "half a document": fault.Truncate(50),
    }[name]
    upload, parts = await sent(store)
    armed = server.arm(Fault(COMPLETE, what, phase=phase))
    await store.complete_upload(upload, completion(parts))
    assert armed.fired == 1
    assert server.count(COMPLETE) == 2
    assert server.bucket("destination").get("large") == BODY


async def test_one_attempt_to_complete_says_that_it_may_have_worked(server, store):
    upload, parts = await sent(store)
    for what in (fault.Status("InternalError", 200), fault.Close(), fault.Page(b"", "application/xml")):
        armed = server.arm(Fault(COMPLETE, what, phase=Phase.BEFORE))
        with pytest.raises(errors.RetryLater) as caught:
            await store.bare.complete_upload(upload, completion(parts))
        assert armed.fired == 1
        assert caught.value.effect_possible


async def test_a_complete_whose_answer_was_lost_and_whose_upload_is_gone_is_left_to_its_caller(server, store):
    upload, parts = await sent(store)
    lost = server.arm(Fault(COMPLETE, fault.Close(), phase=Phase.AFTER))
    gone = server.arm(Fault(COMPLETE, fault.Status("NoSuchUpload"), nth=2))
    with pytest.raises(errors.ObjectMissing) as caught:
        await store.complete_upload(upload, completion(parts))
    assert (lost.fired, gone.fired) == (1, 1)
    assert caught.value.kind == "upload-missing"
    assert "look whether the object is complete" in caught.value.advice
    assert server.bucket("destination").get("large") == BODY


async def test_a_conflict_on_complete_is_tried_again(server, store):
    upload, parts = await sent(store)
    armed = server.arm(Fault(COMPLETE, fault.Status("ConditionalRequestConflict"), times=2))
    await store.complete_upload(upload, completion(parts, Condition(absent=True)))
    assert armed.fired == 2
    assert server.bucket("destination").get("large") == BODY


@pytest.mark.parametrize("condition", [Condition(absent=True), Condition(etag=b"0" * 32)])
async def test_a_complete_over_somebody_elses_object_is_refused_and_the_object_stays(
    server, store, condition
):
    upload, parts = await sent(store)
    server.bucket("destination").put("large", b"somebody else's")
    with pytest.raises(errors.DestinationChanged):
        await store.complete_upload(upload, completion(parts, condition))
    assert server.count(COMPLETE) == 1
    assert server.bucket("destination").get("large") == b"somebody else's"


async def test_a_size_that_is_not_the_sum_of_the_parts_is_refused_by_the_endpoint(server, store):
    upload, parts = await sent(store)
    with pytest.raises(errors.ObjectFailed):
        await store.complete_upload(upload, completion(parts, size=len(BODY) + 1))
    assert server.bucket("destination").keys() == []


@pytest.mark.parametrize("operation", [PART, COMPLETE, "ListParts"])
async def test_an_upload_that_a_lifecycle_rule_ended_is_named(server, store, operation):
    upload, parts = await sent(store)
    armed = server.arm(Fault(operation, fault.UploadVanishes()))
    with pytest.raises(errors.ObjectMissing) as caught:
        await {
            PART: lambda: store.upload_part(upload, LAYOUT.span(1), bytes_of(LAYOUT.span(1))),
            COMPLETE: lambda: store.complete_upload(upload, completion(parts)),
            "ListParts": lambda: store.uploaded_parts(upload),
        }[operation]()
    assert armed.fired == 1
    assert caught.value.kind == "upload-missing"


async def test_a_part_that_was_acknowledged_and_lost_is_named_by_complete(server, store):
    armed = server.arm(Fault(PART, fault.PartsRemain()))
    upload, parts = await sent(store)
    assert armed.fired == 1
    with pytest.raises(errors.ObjectFailed) as caught:
        await store.complete_upload(upload, completion(parts))
    assert caught.value.kind == "invalid-part"
    assert server.bucket("destination").keys() == []


async def test_a_small_part_that_is_not_the_last_is_refused_by_name(store):
    layout = Layout(2 * MIB, MIB)
    upload, parts = await sent(store, layout, BODY[: 2 * MIB])
    with pytest.raises(errors.ObjectFailed) as caught:
        await store.complete_upload(upload, completion(parts, size=2 * MIB))
    assert caught.value.kind == "part-too-small"


async def test_an_abort_that_leaves_parts_is_repeated_until_none_remains(server, store):
    upload, _ = await sent(store)
    armed = server.arm(Fault(ABORT, fault.PartsRemain(), times=3))
    await store.abort_upload(upload)
    assert armed.fired == 3
    assert server.bucket("destination").uploads() == []


async def test_an_abort_that_never_works_is_told(server, store):
    upload, _ = await sent(store)
    armed = server.arm(Fault(ABORT, fault.PartsRemain(), times=None))
    with pytest.raises(errors.RetryLater) as caught:
        await store.abort_upload(upload)
    assert armed.fired > 4
    assert caught.value.kind == "abort-incomplete"


@pytest.mark.parametrize(
    "what", [fault.Close(), fault.Status("InternalError"), fault.Page(b"", "application/xml")]
)
async def test_an_upload_whose_creation_was_not_answered_may_be_there(server, store, what):
    armed = server.arm(Fault(CREATE, what, phase=Phase.AFTER))
    with pytest.raises(errors.RetryLater) as caught:
        await store.bare.create_upload(b"large", LAYOUT, Writing())
    assert armed.fired == 1
    assert caught.value.effect_possible
    assert [one.key for one in await store.open_uploads(b"large")] == [b"large"]


@pytest.mark.parametrize("operation", ["ListMultipartUploads", "ListParts"])
async def test_lists_of_uploads_and_parts_are_not_believed_when_they_are_none(server, store, operation):
    upload, _ = await sent(store)
    for what in (
        fault.Page(),
        fault.Page(b"", "application/xml"),
        fault.Truncate(60),
        fault.Status("InternalError", 200),
    ):
        armed = server.arm(Fault(operation, what))
        if operation == "ListParts":
            assert len(await store.uploaded_parts(upload)) == 2
        else:
            assert [one.upload_id for one in await store.open_uploads(b"")] == [upload.upload_id]
        assert armed.fired == 1


async def test_a_list_of_uploads_that_does_not_advance_stops(server, store):
    await sent(store)
    armed = server.arm(
        Fault("ListMultipartUploads", fault.Replace(b"<IsTruncated>false", b"<IsTruncated>true"), times=None)
    )
    with pytest.raises(errors.EndpointFailed, match="does not advance"):
        await store.open_uploads(b"")
    assert armed.fired


async def test_somebody_elses_uploads_are_shown_and_left_alone(server, store):
    theirs = server.bucket("destination").open_upload("large", b"theirs")
    upload, parts = await sent(store)
    await store.complete_upload(upload, completion(parts))
    await store.abort_upload(upload)
    assert [one.upload_id for one in server.bucket("destination").uploads()] == [theirs]
    assert [one.upload_id for one in await store.open_uploads(b"large")] == [theirs]


async def test_an_empty_object_can_be_one_empty_part(server, store):
    layout = Layout(0, 5 * MIB)
    upload, parts = await sent(store, layout, b"")
    await store.complete_upload(upload, completion(parts, size=0))
    assert server.bucket("destination").get("large") == b""
    assert server.bucket("destination").version("large").etag.encode() == etag_of_parts([parts_md5(b"")])


def parts_md5(body):
    import hashlib

    return hashlib.md5(body).digest()


async def test_parts_of_a_dead_endpoint_cost_no_more_than_their_attempts(server):
    clock = FastClock()
    async with dressed(server, "destination", clock=clock) as store:
        upload = await store.create_upload(b"large", LAYOUT, Writing())
        armed = server.arm(Fault("*", fault.Reset(), times=None))
        with pytest.raises(errors.EndpointFailed):
            await store.upload_part(upload, LAYOUT.span(1), bytes_of(LAYOUT.span(1)))
        assert armed.fired == 4


# -- sizes, as arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [0, 1, 5 * MIB, 5 * MIB + 1, 160_000 * MIB, 160_000 * MIB + 1, 625 * 1024 * MIB, 50 * 1000**4]
)
def test_every_size_up_to_50_tb_has_a_layout_that_s3_takes(size):
    layout = our_layout(size)
    assert 1 <= layout.count <= spans.PART_COUNT_MAX
    assert spans.PART_BYTES_MIN <= layout.part_bytes <= spans.PART_BYTES_MAX
    assert layout.span(layout.count).offset + layout.span(layout.count).size_bytes == size
    assert layout.span(layout.count).size_bytes > 0 or size == 0


def test_more_than_50_tb_is_refused_by_name():
    with pytest.raises(errors.ObjectFailed) as caught:
        our_layout(50 * 1000**4 + 1)
    assert caught.value.kind == "too-large"


async def test_ten_thousand_parts_are_named_in_one_complete(server, store):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    parts = tuple(Part(number, 5 * MIB, b"0" * 32) for number in range(1, 10_001))
    with pytest.raises(errors.ObjectFailed) as caught:
        await store.complete_upload(upload, completion(parts))
    assert caught.value.kind == "invalid-part", "the list was read, and the parts are not there"
