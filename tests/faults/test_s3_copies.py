"""Server-side copies and their lies: a 200 that is none, conditions that are ignored, sizes at the limit."""

import dataclasses
import os

import pytest

from ferryline import errors
from ferryline.model.entry import Metadata
from ferryline.model.span import GIB, MIB, Layout
from ferryline.storage.store import Completion, Condition, CopySource, Writing
from ferryline.testing.strict import BucketSettings, Fault, Lie, Phase, StrictServer, fault
from tests.faults.s3_ground import dressed, pinned

BODY = os.urandom(6 * MIB)
COPY, PART = "CopyObject", "UploadPartCopy"
LAYOUT = Layout(len(BODY), 5 * MIB)


@pytest.fixture(scope="module")
def server():
    with StrictServer("source", "destination", BucketSettings("paid", requester_pays=True)) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    yield
    server.lie()
    server.disarm()
    for name in ("source", "destination"):
        server.bucket(name).clear()


def source_of(server, key="from here", body=BODY):
    token = pinned(server.bucket("source").put(key, body)).token
    return CopySource("source", key.encode(), token, len(body))


async def parts_of(store, source):
    """Copy `source` in parts to `large`."""
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    parts = [await store.copy_part_from(upload, span, source) for span in LAYOUT.spans()]
    await store.complete_upload(upload, Completion(tuple(parts), len(BODY), Writing()))


@pytest.mark.parametrize("key", ["plain", "a b/ü%20+&?versionId=1/..", "line\nbreak"])
async def test_a_copy_holds_the_bytes_and_the_metadata_it_was_given(server, key):
    source = source_of(server, key)
    writing = Writing(Metadata({"owner": "ml"}, {"content-type": "text/plain"}))
    async with dressed(server, "destination") as store:
        written = await store.copy_from(b"small", source, writing)
        await parts_of(store, source)
    small = server.bucket("destination").version("small")
    assert (small.metadata, small.headers["content-type"]) == ({"owner": "ml"}, "text/plain")
    assert written.etag.decode() == small.etag
    assert server.bucket("destination").contents() == {b"small": BODY, b"large": BODY}


LIES = {
    "200 with an error": fault.Status("InternalError", 200),
    "200 and nothing": fault.Page(b"", "application/xml"),
    "200 and spaces": fault.Page(b"   \n  ", "application/xml"),
    "200 and an HTML page": fault.Page(),
    "200 and half a document": fault.Truncate(40),
    "200 and no ETag": fault.Replace(b"ETag", b"Etag"),
}


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.AFTER])
@pytest.mark.parametrize("operation", [COPY, PART])
@pytest.mark.parametrize("name", LIES)
async def test_a_200_without_a_result_is_a_failure_that_is_tried_again(server, name, operation, phase):
    source = source_of(server)
    armed = server.arm(Fault(operation, LIES[name], phase=phase))
    async with dressed(server, "destination") as store:
        await (store.copy_from(b"large", source, Writing()) if operation == COPY else parts_of(store, source))
    assert armed.fired == 1
    assert server.bucket("destination").get("large") == BODY
    assert server.count(operation) >= 2


@pytest.mark.parametrize("name", LIES)
async def test_one_attempt_alone_says_that_it_may_have_worked(server, name):
    source = source_of(server)
    armed = server.arm(Fault(COPY, LIES[name]))
    async with dressed(server, "destination") as store:
        with pytest.raises(errors.RetryLater) as caught:
            await store.bare.copy_from(b"small", source, Writing())
    assert armed.fired == 1
    assert caught.value.effect_possible
    assert caught.value.key == b"small"


@pytest.mark.parametrize("operation", [COPY, PART])
async def test_a_source_that_was_replaced_is_not_copied(server, operation):
    source = source_of(server)
    server.bucket("source").put("from here", os.urandom(len(BODY)))
    async with dressed(server, "destination") as store:
        with pytest.raises(errors.ObjectChanged):
            await (
                store.copy_from(b"small", source, Writing()) if operation == COPY else parts_of(store, source)
            )
    assert server.bucket("destination").keys() == []


async def test_where_the_condition_is_ignored_the_etag_tells_other_bytes(server):
    source = source_of(server)
    server.bucket("source").put("from here", os.urandom(len(BODY)))
    server.lie(Lie.IGNORES_COPY_PRECONDITIONS)
    async with dressed(server, "destination") as store:
        written = await store.copy_from(b"small", source, Writing())
    assert written.etag != source.token.etag, "equal ETags would have made the copy look right"


async def test_a_source_that_is_gone_says_so(server):
    source = source_of(server)
    server.bucket("source").delete("from here")
    async with dressed(server, "destination") as store:
        with pytest.raises(errors.ObjectMissing):
            await store.copy_from(b"small", source, Writing())


async def test_a_condition_on_the_destination_is_kept(server):
    source = source_of(server)
    server.bucket("destination").put("small", b"somebody else's")
    async with dressed(server, "destination") as store:
        with pytest.raises(errors.DestinationChanged):
            await store.copy_from(b"small", source, Writing(condition=Condition(absent=True)))
    assert server.bucket("destination").get("small") == b"somebody else's"


async def test_exactly_5_gib_is_one_copy_and_a_byte_more_is_refused_before_any_request(server):
    source = source_of(server)
    at_the_limit = CopySource(source.bucket, source.key, source.token, 5 * GIB)
    beyond = CopySource(source.bucket, source.key, source.token, 5 * GIB + 1)
    async with dressed(server, "destination") as store:
        server.forget()
        await store.copy_from(b"small", at_the_limit, Writing())
        assert server.count() == 1
        with pytest.raises(errors.ObjectFailed) as caught:
            await store.copy_from(b"small", beyond, Writing())
        assert server.count() == 1
    assert caught.value.kind == "too-large"
    assert "parts" in caught.value.advice


async def test_the_owner_that_was_declared_for_the_source_is_named(server):
    source = dataclasses.replace(source_of(server), account_id="111122223333")
    async with dressed(server, "destination") as store:
        await store.copy_from(b"small", source, Writing())
    (copy,) = server.requests(COPY, "small")[-1:]
    assert copy.headers["x-amz-source-expected-bucket-owner"] == "111122223333"


async def test_an_empty_object_is_copied(server):
    source = source_of(server, body=b"")
    async with dressed(server, "destination") as store:
        await store.copy_from(b"small", source, Writing())
    assert server.bucket("destination").get("small") == b""


async def test_a_version_is_copied_although_a_newer_one_is_there(server):
    server.bucket("source").set_versioning("Enabled")
    try:
        version = server.bucket("source").put("from here", b"older")
        token = pinned(version).token
        named = type(token)(token.etag, token.modified_ns, version_id=version.version_id)
        server.bucket("source").put("from here", b"newer")
        async with dressed(server, "destination") as store:
            await store.copy_from(b"small", CopySource("source", b"from here", named, 5), Writing())
        assert server.bucket("destination").get("small") == b"older"
    finally:
        server.bucket("source").clear()
        server.bucket("source").set_versioning(None)
