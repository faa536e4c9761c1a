"""Server-side copies against the strict server: no byte comes here, and no lie of an endpoint is believed."""

import contextlib
import dataclasses
import os

import pytest
from awscrt import checksums

from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.outcome import Failed, Transferred, Vanished
from ferryline.model.place import S3Writing
from ferryline.storage import capabilities
from ferryline.storage.capabilities import Support
from ferryline.testing.strict import (
    BucketSettings,
    Credential,
    Encryption,
    Fault,
    Lie,
    Phase,
    Put,
    Refused,
    StrictServer,
    fault,
)
from ferryline.testing.strict.checksum import DEFAULT, Stored
from ferryline.transfer import Origin, TagsKept, sweep
from tests.faults.s3_ground import dressed
from tests.unit.transfer.ground import MIB, copied, copies, manner, outcomes

STRANGER = dataclasses.replace(capabilities.AWS, provider="s3")
"""An endpoint that honours what AWS honours, and is not believed as blindly."""
BLIND = dataclasses.replace(
    STRANGER,
    stored_checksum=Support.IGNORED,
    copy_source_if_match=Support.IGNORED,
    copy_if_none_match=Support.IGNORED,
    copy_if_match=Support.IGNORED,
    complete_if_none_match=Support.IGNORED,
    complete_if_match=Support.IGNORED,
)
"""As radosgw 16: no condition of a copy counts, and no checksum."""
IN_PARTS = {"copy_bytes_max": 5 * MIB}
"""What is larger is copied in parts: nobody allocates 5 GiB for a test."""
SMALL = b"a small object"
LARGE = os.urandom(12 * MIB + 5)
COPY, PART, COMPLETE = "CopyObject", "UploadPartCopy", "CompleteMultipartUpload"
PLAIN = Put(metadata={"owner": "ml"}, headers={"content-type": "text/plain"}, tags={"team": "ml"})


@pytest.fixture
def server():
    with StrictServer("source", "destination", BucketSettings("kms", encryption=Encryption.KMS)) as running:
        yield running


@contextlib.asynccontextmanager
async def ends(server, known=STRANGER, source="source"):
    async with (
        dressed(server, source, known=known) as here,
        dressed(server, "destination", known=known) as there,
    ):
        yield here, there


async def run(server, known=STRANGER, how=None, source="source"):
    """Sweep and copy everything once; the outcomes by key."""
    how = how or manner()
    async with ends(server, known, source) as (here, there):
        left = await sweep(there, how)
        origin = Origin(source)
        found = await outcomes(await copies(here, there), here, there, how, left, origin)
        await left.clear()
    return found


def arrived(server, source="source"):
    """The destination holds what the source holds, and nothing of ours is left."""
    assert server.bucket("destination").contents() == server.bucket(source).contents()
    assert server.bucket("destination").uploads() == []


def streamed(server):
    """Objects whose bytes came here or went from here."""
    verbs = {"GetObject", "PutObject", "UploadPart"}
    return {
        one.key
        for one in server.seen
        if one.operation in verbs and not one.key.startswith(b".ferryline/") and one.status < 300
    }


def only(found):
    (one,) = found.values()
    return one


async def test_one_copy_between_two_looks_and_no_byte_comes_here(server):
    server.bucket("source").put("small", SMALL, PLAIN)
    done = only(await run(server))
    arrived(server)
    assert isinstance(done, Transferred)
    assert (done.bytes_read, done.bytes_written) == (0, 0)
    asked = [one.operation for one in server.seen if one.key == b"small"]
    assert asked == ["HeadObject", "GetObjectTagging", COPY, "HeadObject"]
    assert streamed(server) == set()
    there = server.bucket("destination").version("small")
    assert (there.metadata, there.tags) == (PLAIN.metadata, PLAIN.tags)
    assert there.headers["content-type"] == "text/plain"


async def test_the_source_is_pinned_by_its_listed_etag_and_everything_is_carried_explicitly(server):
    etag = server.bucket("source").put("small", SMALL, PLAIN).etag
    await run(server)
    (copy,) = server.requests(COPY)
    assert copy.headers["x-amz-copy-source-if-match"] == f'"{etag}"'
    assert copy.headers["x-amz-metadata-directive"] == copy.headers["x-amz-tagging-directive"] == "REPLACE"
    assert copy.headers["if-none-match"] == "*"


async def test_with_tags_none_the_source_s_tags_do_not_come_along(server):
    server.bucket("source").put("small", SMALL, PLAIN)
    await run(server, how=manner(tags=TagsKept.NO))
    assert server.bucket("destination").version("small").tags == {}
    assert server.count("GetObjectTagging") == 0


async def test_objects_without_bytes_and_with_parts_are_copied_whole(server):
    server.bucket("source").put("empty", b"")
    server.bucket("source").put("parts", LARGE, Put(part_bytes=5 * MIB))
    found = await run(server)
    arrived(server)
    assert streamed(server) == set()
    assert server.count(COPY) == 2
    assert all(isinstance(one, Transferred) for one in found.values())


async def test_equal_checksums_that_the_endpoint_keeps_prove_and_nothing_else_does(server):
    server.bucket("source").put("small", SMALL)
    assert only(await run(server)).proof is Evidence.STORED_CHECKSUM
    server.bucket("destination").clear()
    unbelieved = dataclasses.replace(STRANGER, stored_checksum=Support.IGNORED)
    done = only(await run(server, unbelieved))
    assert done.etag == done.source.token.etag, "equal ETags, and yet:"
    assert done.proof is Evidence.SERVER_COPY


async def test_a_multipart_etag_that_is_carried_along_proves_nothing(server):
    server.lie(Lie.COPIES_MULTIPART_ETAG)
    server.bucket("source").put("parts", LARGE, Put(part_bytes=5 * MIB))
    done = only(await run(server, BLIND))
    arrived(server)
    assert done.etag == done.source.token.etag
    assert done.etag.endswith(b"-3")
    assert done.proof is Evidence.SERVER_COPY


async def test_a_checksum_that_differs_is_not_believed_and_the_object_goes_through_this_host(server):
    server.bucket("source").put("small", SMALL)
    server.after(COPY, lambda exchange: _rot(exchange.bucket.visible(exchange.request.key)))
    events = []
    done = only(await run(server, how=manner(events=events)))
    arrived(server)
    assert streamed(server) == {b"small"}
    assert done.proof is Evidence.ETAG_MD5
    (warning,) = [one for one in events if one.kind == "warning"]
    assert "checksum" in warning.message


def _rot(version):
    version.checksum = Stored(DEFAULT, bytes(8))


# -- the source moves -----------------------------------------------------------------------------


def when_copied(server, act, operation=COPY):
    """Do something, once, just before the endpoint copies."""
    acts = [act]
    server.before(operation, lambda _: acts.pop()() if acts else None)


MOVES = {
    "and the pin is honoured": (STRANGER, ()),
    "and the pin is ignored": (BLIND, (Lie.IGNORES_COPY_PRECONDITIONS,)),
    "and only the destination's conditions are honoured": (
        dataclasses.replace(STRANGER, copy_source_if_match=Support.IGNORED),
        (Lie.IGNORES_COPY_PRECONDITIONS,),
    ),
}


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("name", MOVES)
async def test_a_source_that_is_replaced_between_the_look_and_the_copy(server, name, parts):
    known, lies = MOVES[name]
    server.lie(*lies)
    if parts:
        known = dataclasses.replace(known, **IN_PARTS)
    source = server.bucket("source")
    source.put("key", LARGE)
    newer = LARGE[::-1]
    when_copied(server, lambda: source._put(b"key", newer, Put()), PART if parts else COPY)
    done = only(await run(server, known))
    assert isinstance(done, Transferred)
    assert server.bucket("destination").get("key") == newer
    assert done.source.token.etag.decode() == source.version("key").etag
    assert server.bucket("destination").uploads() == []
    assert streamed(server) == set()


async def test_a_source_that_keeps_being_replaced_fails_and_is_not_called_copied(server):
    server.lie(Lie.IGNORES_COPY_PRECONDITIONS)
    source = server.bucket("source")
    source.put("key", SMALL)
    server.before(COPY, lambda _: source._put(b"key", os.urandom(20), Put()))
    done = only(await run(server, BLIND))
    assert isinstance(done, Failed)
    assert done.kind == "source-changed"


@pytest.mark.parametrize("known", [STRANGER, BLIND])
async def test_a_source_that_is_deleted_between_the_look_and_the_copy_has_vanished(server, known):
    source = server.bucket("source")
    source.put("key", SMALL)
    when_copied(server, lambda: source._bucket.drop(b"key", "null"))
    assert isinstance(only(await run(server, known)), Vanished)
    assert server.bucket("destination").keys() == []


async def test_a_version_that_was_looked_at_is_the_one_that_is_copied(server):
    server.lie(Lie.IGNORES_COPY_PRECONDITIONS)
    source = server.bucket("source")
    source.set_versioning("Enabled")
    first = source.put("key", SMALL, Put(part_bytes=5))
    when_copied(server, lambda: source._put(b"key", b"newer", Put()))
    done = only(await run(server, BLIND))
    assert isinstance(done, Transferred)
    assert server.bucket("destination").get("key") == SMALL
    assert server.requests(COPY)[0].headers["x-amz-copy-source"].endswith(f"?versionId={first.version_id}")


# -- the destination moves, or its answer is lost --------------------------------------------------


LOST = {
    "the answer is lost": (fault.Close(), Phase.AFTER),
    "the answer is 500": (fault.Status("InternalError"), Phase.AFTER),
    "a 200 holds an error": (fault.Status("InternalError", 200), Phase.AFTER),
    "a 200 holds nothing": (fault.Page(b"", "application/xml"), Phase.AFTER),
    "a 200 holds an error and nothing was copied": (fault.Status("InternalError", 200), Phase.BEFORE),
    "a 200 holds nothing and nothing was copied": (fault.Page(b"", "application/xml"), Phase.BEFORE),
    "a 200 without an ETag": (fault.Replace(b"ETag", b"Etag"), Phase.AFTER),
    "the endpoint asks to slow down": (fault.Status("SlowDown"), Phase.BEFORE),
}


@pytest.mark.parametrize("known", [STRANGER, BLIND], ids=["honest", "blind"])
@pytest.mark.parametrize("operation", [COPY, PART, COMPLETE])
@pytest.mark.parametrize("name", LOST)
async def test_a_copy_whose_answer_is_worthless_is_settled_without_a_byte_through_here(
    server, name, operation, known
):
    what, phase = LOST[name]
    if operation != COPY:
        known = dataclasses.replace(known, **IN_PARTS)
    server.bucket("source").put("key", LARGE, PLAIN)
    armed = server.arm(Fault(operation, what, phase=phase, key="key"))
    done = only(await run(server, known))
    assert armed.fired == 1
    assert isinstance(done, Transferred)
    arrived(server)
    assert streamed(server) == set()
    assert server.bucket("destination").version("key").tags == PLAIN.tags
    assert done.proof in (Evidence.SERVER_COPY, Evidence.STORED_CHECKSUM)


@pytest.mark.parametrize("name", LOST)
async def test_a_copy_that_never_gives_a_result_goes_through_this_host_with_one_warning(server, name):
    what, _ = LOST[name]
    if isinstance(what, fault.Replace) or name == "the endpoint asks to slow down":
        pytest.skip("this ends the run, or is the same as another")
    for key in ("a", "b", "c"):
        server.bucket("source").put(key, SMALL)
    armed = server.arm(Fault(COPY, what, times=None))
    events = []
    found = await run(server, how=manner(events=events, objects=1))
    assert armed.fired == 4, "the first object's attempts, and nobody's after that"
    assert all(isinstance(one, Transferred) for one in found.values())
    arrived(server)
    assert streamed(server) == {b"a", b"b", b"c"}
    (warning,) = [one for one in events if one.kind == "warning"]
    assert "does not copy by itself" in warning.message
    assert "--disable-server-side-copy" in warning.advice


async def test_what_somebody_else_wrote_meanwhile_is_left_alone(server):
    server.bucket("source").put("key", SMALL)
    target = server.bucket("destination")
    when_copied(server, lambda: target._put(b"key", b"theirs", Put()))
    done = only(await run(server))
    assert isinstance(done, Failed)
    assert done.kind == "destination-changed"
    assert target.get("key") == b"theirs"


async def test_what_somebody_else_writes_right_after_the_copy_is_not_called_proven(server):
    server.bucket("source").put("key", SMALL)
    armed = server.arm(Fault(COPY, fault.Overwrite(b"theirs"), phase=Phase.AFTER))
    done = only(await run(server))
    assert armed.fired == 1
    assert isinstance(done, Failed)
    assert server.bucket("destination").get("key") == b"theirs"


# -- the endpoint refuses --------------------------------------------------------------------------


REFUSALS = {
    "not implemented": fault.Status("NotImplemented"),
    "not allowed": fault.Status("AccessDenied"),
    "across regions it does not": fault.Status("InvalidRequest", 400),
    "the source is elsewhere": fault.Status("NoSuchBucket"),
    "redirected": fault.Status("PermanentRedirect"),
    "the signature is not understood": fault.Status("SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_sends_the_rest_of_the_run_through_this_host_with_one_warning(server, name, parts):
    known = dataclasses.replace(STRANGER, **IN_PARTS) if parts else STRANGER
    for key in ("a", "b", "c"):
        server.bucket("source").put(key, LARGE[: 6 * MIB] + key.encode(), PLAIN)
    armed = server.arm(Fault(PART if parts else COPY, REFUSALS[name], times=None))
    events = []
    found = await run(server, known, manner(events=events, objects=1))
    assert 1 <= armed.fired <= 2
    assert all(isinstance(one, Transferred) for one in found.values())
    arrived(server)
    assert streamed(server) == {b"a", b"b", b"c"}
    assert len([one for one in events if one.kind == "warning"]) == 1


async def test_where_copies_worked_a_refusal_is_one_object_s_alone(server):
    server.credential(server.access_key, Credential(server.secret_key, refused=(Refused(COPY, "m/*"),)))
    for key in ("a", "m/1", "m/2", "z"):
        server.bucket("source").put(key, SMALL)
    events = []
    found = await run(server, how=manner(events=events, objects=1))
    assert all(isinstance(one, Transferred) for one in found.values())
    arrived(server)
    assert streamed(server) == {b"m/1", b"m/2"}
    assert len([one for one in events if one.kind == "warning"]) == 1


async def test_what_fails_on_either_way_turns_nothing_off(server):
    many = {f"tag {number}": "" for number in range(10)}
    server.bucket("source").put("a", SMALL, Put(tags=many))
    server.bucket("source").put("b", SMALL)
    async with ends(server) as (here, there):
        client = there.bare._client
        client.location = dataclasses.replace(client.location, writing=S3Writing(tags={"own": "yes"}))
        found = await copied(here, there, manner(objects=1), origin=Origin("source"))
    assert found[b"a"].kind == "too-many-tags"
    assert isinstance(found[b"b"], Transferred)
    assert streamed(server) == set()


async def test_an_archived_source_fails_by_name(server):
    server.bucket("source").put("key", SMALL, Put(storage_class="GLACIER"))
    assert only(await run(server)).kind == "archived"
    assert server.count(COPY) == 0


# -- digests ---------------------------------------------------------------------------------------

CRC = Digest(Algorithm.CRC64NVME, checksums.crc64nvme(LARGE).to_bytes(8, "big"))


async def test_the_digest_is_a_function_of_the_source_alone(server):
    source = server.bucket("source")
    md5 = Digest(Algorithm.MD5, bytes.fromhex(source.put("plain", LARGE).etag))
    source.put("parts", LARGE, Put(part_bytes=5 * MIB))
    found = await run(server)
    assert {key: one.digest for key, one in found.items()} == {b"plain": md5, b"parts": CRC}
    server.bucket("destination").clear()
    found = await run(server, BLIND)
    assert {key: one.digest for key, one in found.items()} == {b"plain": md5, b"parts": None}


async def test_an_etag_under_kms_is_no_digest(server):
    server.bucket("kms").put("key", LARGE)
    done = only(await run(server, source="kms"))
    assert done.digest == CRC
    arrived(server, "kms")


async def test_an_etag_of_an_endpoint_whose_etags_are_none_is_no_digest(server):
    server.bucket("source").put("key", LARGE)
    done = only(await run(server, dataclasses.replace(BLIND, etag_is_md5=Support.IGNORED)))
    assert done.digest is None


# -- in parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [STRANGER, BLIND], ids=["honest", "blind"])
async def test_what_is_larger_than_one_copy_takes_is_copied_in_parts(server, known):
    server.bucket("source").put("single", LARGE, PLAIN)
    server.bucket("source").put("parts", LARGE, dataclasses.replace(PLAIN, part_bytes=5 * MIB))
    server.bucket("source").put("just fits", LARGE[: 5 * MIB])
    found = await run(server, dataclasses.replace(known, **IN_PARTS))
    arrived(server)
    assert streamed(server) == set()
    assert [one.key for one in server.requests(COPY)] == [b"just fits"]
    assert len(server.requests(PART)) == 6
    assert all((one.bytes_read, one.bytes_written) == (0, 0) for one in found.values())
    wanted = Evidence.STORED_CHECKSUM if known is STRANGER else Evidence.SERVER_COPY
    assert {one.proof for one in found.values()} == {wanted}
    for key in ("single", "parts"):
        there = server.bucket("destination").version(key)
        assert (there.metadata, there.tags, there.headers["content-type"]) == (
            PLAIN.metadata,
            PLAIN.tags,
            "text/plain",
        )
    assert server.bucket("destination").version("parts").etag == server.bucket("source").version("parts").etag


async def test_an_upload_that_disappears_is_begun_anew(server):
    server.bucket("source").put("key", LARGE)
    armed = server.arm(Fault(PART, fault.UploadVanishes(), nth=2))
    done = only(await run(server, dataclasses.replace(STRANGER, **IN_PARTS)))
    assert armed.fired == 1
    assert isinstance(done, Transferred)
    arrived(server)
    assert streamed(server) == set()


@pytest.mark.radosgw
async def test_on_radosgw_parts_are_copied_and_tags_set_although_no_condition_counts(radosgw):
    """radosgw 16 ignores the pin of its copies and forgets the tags that an upload names."""
    source, target, client = radosgw.bucket(), radosgw.bucket(), radosgw.client()
    client.put_object(
        Bucket=source, Key="large", Body=LARGE, Tagging="team=ml", Metadata=dict(PLAIN.metadata)
    )
    known = dataclasses.replace(BLIND, part_number=Support.IGNORED, **IN_PARTS)
    async with dressed(radosgw, source, known=known) as here, dressed(radosgw, target, known=known) as there:
        left = await sweep(there, manner())
        found = await outcomes(await copies(here, there), here, there, None, left, Origin(source))
    done = only(found)
    assert (done.proof, done.bytes_read, done.bytes_written) == (Evidence.SERVER_COPY, 0, 0)
    head = client.head_object(Bucket=target, Key="large")
    assert head["ETag"].endswith('-3"'), "it was not copied in parts"
    assert head["Metadata"] == PLAIN.metadata
    assert client.get_object(Bucket=target, Key="large")["Body"].read() == LARGE
    assert client.get_object_tagging(Bucket=target, Key="large")["TagSet"] == [{"Key": "team", "Value": "ml"}]
    assert [one["Key"] for one in client.list_objects_v2(Bucket=target)["Contents"]] == ["large"]
    assert not client.list_multipart_uploads(Bucket=target).get("Uploads")
