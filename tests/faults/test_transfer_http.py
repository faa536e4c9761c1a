"""Transfers over HTTP against the strict server, behind the wrappers, with a fault on the wire in each test."""

import contextlib
import os
import random

import pytest
from awscrt import checksums

from ferryline import errors
from ferryline.clock import SystemClock
from ferryline.model.digest import Evidence
from ferryline.model.outcome import Failed, Transferred, Vanished
from ferryline.model.place import S3Access, S3Location
from ferryline.storage import capabilities, s3
from ferryline.storage.wrap.limit import Windows
from ferryline.storage.wrap.retry import Patience
from ferryline.storage.wrap.stack import Harness, dress
from ferryline.testing.strict import Credential, Encryption, Fault, Phase, Put, Refused, StrictServer, fault
from ferryline.transfer import sweep
from tests.unit.transfer.ground import MIB, copies, delete_candidates, deletions, manner, outcomes

LARGE = os.urandom(12 * MIB + 5)
PARTS = Put(part_bytes=5 * MIB, metadata={"owner": "ml"})
SMALL = b"a small object"


@pytest.fixture(scope="module")
def server():
    with StrictServer("source", "destination") as running:
        yield running


@pytest.fixture
async def ends(server):
    server.disarm()
    server.bucket("source").clear()
    server.bucket("destination").clear()
    access = S3Access(
        region="us-east-1",
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    clock, chance = SystemClock(), random.Random(5)
    harness = Harness(clock, chance, lambda _: None, Windows(16, lambda _: None), Patience(4, 0.001, 0.01))
    stores = []
    for bucket in ("source", "destination"):
        bare = await s3.open_store(
            S3Location(bucket, b"", access),
            resolve=lambda text: text,
            trace=None,
            clock=clock,
            settings=s3.S3Settings(read_timeout_seconds=3.0),
        )
        bare.learn(capabilities.AWS)
        stores.append(dress(bare, server.endpoint_url, harness))
    yield stores
    for store in stores:
        await store.close()


def how():
    return manner(clock=SystemClock(), memory_bytes=32 * MIB)


async def run(ends):
    source, destination = ends
    left = await sweep(destination, how())
    found = await outcomes(await copies(source, destination), source, destination, how(), left)
    await left.clear()
    return found


def arrived(server):
    """The destination holds what the source holds, and nothing of ours is left."""
    assert server.bucket("destination").contents() == server.bucket("source").contents()
    assert server.bucket("destination").uploads() == []


async def test_objects_arrive_with_etag_metadata_and_proof(server, ends):
    source = server.bucket("source")
    source.put("small", SMALL, Put(metadata={"owner": "ml"}, headers={"content-type": "text/plain"}))
    source.put("empty", b"")
    source.put("large", LARGE, PARTS)
    source.put("single", LARGE)
    found = await run(ends)
    arrived(server)
    for key in ("small", "empty", "large", "single"):
        assert server.bucket("destination").version(key).etag == source.version(key).etag
        assert server.bucket("destination").version(key).metadata == source.version(key).metadata
    assert server.bucket("destination").version("small").headers["content-type"] == "text/plain"
    assert found[b"small"].proof is Evidence.ETAG_MD5
    assert found[b"large"].proof is Evidence.ETAG_PARTS
    assert found[b"large"].digest.value == checksums.crc64nvme(LARGE).to_bytes(8, "big")


GET, PUT, PART, COMPLETE = "GetObject", "PutObject", "UploadPart", "CompleteMultipartUpload"
CREATE, ABORT = "CreateMultipartUpload", "AbortMultipartUpload"

HANDLED = {
    "short body with a length": (GET, fault.Short(5), Phase.BODY),
    "short body without a length": (GET, fault.Short(5, announced=False), Phase.BODY),
    "a bit flips under a checksum": (GET, fault.Flip(3), Phase.BODY),
    "a bit flips without one": (GET, fault.Flip(3, checksum=False), Phase.BODY),
    "503 on a read": (GET, fault.Status("SlowDown"), Phase.BEFORE),
    "500 on a write": (PUT, fault.Status("InternalError"), Phase.BEFORE),
    "500 after a write": (PUT, fault.Status("InternalError"), Phase.AFTER),
    "a write's answer is lost": (PUT, fault.Close(), Phase.AFTER),
    "a write is reset": (PUT, fault.Reset(), Phase.BEFORE),
    "409 on a write": (PUT, fault.Status("ConditionalRequestConflict"), Phase.BEFORE),
}


@pytest.mark.parametrize("name", HANDLED)
async def test_a_small_object_survives(server, ends, name):
    operation, what, phase = HANDLED[name]
    server.bucket("source").put("key", SMALL)
    armed = server.arm(Fault(operation, what, key="key", phase=phase))
    (one,) = (await run(ends)).values()
    assert armed.fired == 1
    assert isinstance(one, Transferred), one
    arrived(server)


LARGE_HANDLED = {
    "wrong range": (GET, fault.Range(7), Phase.BODY),
    "short range": (GET, fault.Short(5), Phase.BODY),
    "500 on a part": (PART, fault.Status("InternalError"), Phase.BEFORE),
    "a part's answer is lost": (PART, fault.Close(), Phase.AFTER),
    "create's answer is lost": (CREATE, fault.Close(), Phase.AFTER),
    "complete's answer is lost": (COMPLETE, fault.Close(), Phase.AFTER),
    "complete answers 200 with an error": (COMPLETE, fault.Status("InternalError", 200), Phase.BEFORE),
    "complete answers 200 with an error after its effect": (
        COMPLETE,
        fault.Status("InternalError", 200),
        Phase.AFTER,
    ),
    "complete conflicts": (COMPLETE, fault.Status("ConditionalRequestConflict"), Phase.BEFORE),
    "lifecycle aborts before a part": (PART, fault.UploadVanishes(), Phase.BEFORE),
    "lifecycle aborts before complete": (COMPLETE, fault.UploadVanishes(), Phase.BEFORE),
    "the object is replaced between two ranges": (GET, fault.Overwrite(LARGE[::-1]), Phase.BEFORE),
}


@pytest.mark.parametrize("name", LARGE_HANDLED)
async def test_a_large_object_survives(server, ends, name):
    operation, what, phase = LARGE_HANDLED[name]
    server.bucket("source").put("key", LARGE, PARTS)
    armed = server.arm(
        Fault(operation, what, key="key", nth=2 if operation in (GET, PART) else 1, phase=phase)
    )
    (one,) = (await run(ends)).values()
    assert armed.fired == 1
    assert isinstance(one, Transferred), one
    arrived(server)


async def test_an_abort_that_leaves_parts_is_repeated_until_none_remain(server, ends):
    server.bucket("source").put("key", LARGE, PARTS)
    broken = server.arm(Fault(PART, fault.Status("EntityTooLarge"), key="key", nth=3))
    kept = server.arm(Fault(ABORT, fault.PartsRemain(), times=2))
    source, destination = ends
    one_part = manner(clock=SystemClock(), memory_bytes=6 * MIB)
    (one,) = (await outcomes(await copies(source), source, destination, one_part)).values()
    assert broken.fired
    assert kept.fired == 2
    assert isinstance(one, Failed)
    assert server.bucket("destination").uploads() == []
    assert server.bucket("destination").keys() == []


async def test_a_run_that_stops_keeps_its_upload_and_the_next_sends_only_what_is_missing(server, ends):
    server.bucket("source").put("key", LARGE, PARTS)
    refused = server.arm(Fault(PART, fault.Status("InvalidAccessKeyId"), key="key", nth=3))
    with pytest.raises(errors.CredentialsRefused):
        await run(ends)
    assert refused.fired == 1
    (upload,) = server.bucket("destination").uploads()
    (intent,) = server.bucket("destination").keys()
    assert intent.startswith(b".ferryline/uploads/")
    theirs = server.bucket("destination").open_upload("key", b"somebody else's part")
    missing = 3 - len(upload.parts)
    server.forget()
    (one,) = (await run(ends)).values()
    assert server.count(PART) == missing
    assert server.count(CREATE) == 0
    assert one.bytes_read == len(LARGE)
    assert [left.upload_id for left in server.bucket("destination").uploads()] == [theirs]
    server.bucket("destination").drop_upload(theirs)
    arrived(server)


async def test_a_deleted_source_has_vanished_and_a_login_page_is_a_failure(server, ends):
    for key in ("gone", "portal", "fine"):
        server.bucket("source").put(key, SMALL)
    gone = server.arm(Fault(GET, fault.Remove(), key="gone"))
    portal = server.arm(Fault(GET, fault.Page(), key="portal", times=None))
    found = await run(ends)
    assert gone.fired
    assert portal.fired
    assert isinstance(found[b"gone"], Vanished)
    assert isinstance(found[b"portal"], Failed)
    assert isinstance(found[b"fine"], Transferred)
    assert server.bucket("destination").keys() == [b"fine"]


async def test_somebody_elses_write_in_between_is_not_overwritten(server, ends):
    server.bucket("source").put("key", SMALL)
    armed = server.arm(Fault(PUT, fault.Overwrite(b"theirs"), key="key"))
    (one,) = (await run(ends)).values()
    assert armed.fired == 1
    assert one.kind == "destination-changed"
    assert server.bucket("destination").get("key") == b"theirs"


async def test_a_kms_bucket_is_proven_by_its_stored_checksum(server, ends):
    server.bucket("destination").change(encryption=Encryption.KMS)
    try:
        server.bucket("source").put("small", SMALL)
        server.bucket("source").put("large", LARGE, PARTS)
        found = await run(ends)
    finally:
        server.bucket("destination").change(encryption=Encryption.SSE_S3)
    assert found[b"small"].proof is Evidence.STORED_CHECKSUM
    assert found[b"large"].proof is Evidence.STORED_CHECKSUM
    arrived(server)


async def test_a_closed_prefix_fails_its_keys_only(server, ends):
    for number in range(30):
        server.bucket("source").put(f"closed/{number}", SMALL)
    server.bucket("source").put("open", SMALL)
    blind = Credential(refused=(Refused("GetObject", "closed/*"),))
    with _credential(server, blind):
        found = await run(ends)
    assert isinstance(found.pop(b"open"), Transferred)
    assert {one.kind for one in found.values()} == {"access-refused"}


async def test_everything_closed_stops_the_run(server, ends):
    for number in range(60):
        server.bucket("source").put(f"{number % 3}/{number}", SMALL)
    with _credential(server, Credential(refused=(Refused("PutObject"),))):
        with pytest.raises(errors.CredentialsRefused):
            await run(ends)
        assert server.bucket("destination").keys() == []


@contextlib.contextmanager
def _credential(server, credential):
    server.credential(server.access_key, credential)
    try:
        yield
    finally:
        server.credential(server.access_key, Credential())


async def test_a_delete_candidate_that_changed_or_came_back_is_spared(server, ends):
    source, destination = ends
    for key in ("gone", "changed", "back"):
        server.bucket("destination").put(key, SMALL)
    candidates = await delete_candidates(destination, b"gone", b"changed", b"back")
    server.bucket("destination").put("changed", b"newer")
    server.bucket("source").put("back", SMALL)
    found = await deletions(candidates, source, destination)
    assert {key: type(one).__name__ for key, one in found.items()} == {
        b"gone": "Deleted",
        b"changed": "Spared",
        b"back": "Spared",
    }
    assert server.bucket("destination").keys() == [b"back", b"changed"]


async def test_a_part_that_does_not_fit_into_memory_is_streamed_over_http(server, ends):
    server.bucket("source").put("key", LARGE)
    source, destination = ends
    small = manner(clock=SystemClock(), memory_bytes=2 * MIB)
    found = await outcomes(await copies(source), source, destination, small)
    assert isinstance(found[b"key"], Transferred), found
    assert found[b"key"].proof is Evidence.ETAG_PARTS
    arrived(server)
