"""The probe tells honoured from ignored for every verb, and leaves nothing behind."""

import dataclasses

import pytest

from ferryline import errors
from ferryline.model.entry import Entry, Token
from ferryline.model.key import EVERYTHING
from ferryline.storage import capabilities, probe
from ferryline.storage.capabilities import Support
from ferryline.storage.memory import MEMORY, MemoryStore
from ferryline.testing.strict import BucketSettings, Encryption, Fault, Lie, Phase, Put, StrictServer, fault
from tests.contract.s3_ground import HONOURED, IGNORED, UNKNOWN, UNSUPPORTED, opened

FOLDER = b"folder/"
SUPPORTS = [
    one.name for one in dataclasses.fields(capabilities.Capabilities) if isinstance(one.default, Support)
]
AS_AWS = dict.fromkeys(SUPPORTS, HONOURED)


@pytest.fixture(scope="module")
def server():
    with StrictServer("plain", BucketSettings("kms", encryption=Encryption.KMS), "kept", "paused") as running:
        running.bucket("kept").set_versioning("Enabled")
        running.bucket("paused").set_versioning("Suspended")
        yield running


@pytest.fixture(autouse=True)
def honest(server):
    yield
    server.lie()
    server.disarm()
    for name in ("plain", "kms", "kept", "paused"):
        server.bucket(name).clear()


async def probed(server, bucket):
    """What the probe sees; and that the bucket holds nothing of it afterwards."""
    store = await opened(server, bucket, FOLDER)
    try:
        found = await probe.probe_destination(store)
        assert store.capabilities == capabilities.Capabilities(provider="s3"), "the probe changed the store"
    finally:
        await store.close()
    clean(server, bucket)
    return found


def clean(server, bucket):
    access = server.bucket(bucket)
    assert access.keys() == []
    assert access._run(lambda: list(access._bucket.everything())) == [], "versions or markers are left"
    assert access.uploads() == []


def supports(found):
    return {name: getattr(found, name) for name in SUPPORTS}


WRITES = {"write_if_none_match", "write_if_match", "copy_if_none_match", "copy_if_match"}
COPIES = {"copy_source_if_match", "copy_if_none_match", "copy_if_match"}
COMPLETES = {"complete_if_none_match", "complete_if_match"}
SEEN = {
    Lie.IGNORES_READ_IF_MATCH: (IGNORED, {"read_if_match"}),
    Lie.IGNORES_WRITE_PRECONDITIONS: (IGNORED, WRITES),
    Lie.IGNORES_COMPLETE_PRECONDITIONS: (IGNORED, COMPLETES),
    Lie.IGNORES_DELETE_PRECONDITIONS: (IGNORED, {"delete_if_match"}),
    Lie.IGNORES_COPY_PRECONDITIONS: (IGNORED, {"copy_source_if_match"}),
    Lie.IGNORES_TAGGING: (IGNORED, {"tagging"}),
    Lie.REFUSES_TAGGING: (UNSUPPORTED, {"tagging"}),
    Lie.REFUSES_COPIES: (UNSUPPORTED, COPIES),
    Lie.REFUSES_WRITE_PRECONDITIONS: (UNSUPPORTED, WRITES | COMPLETES | {"delete_if_match"}),
    Lie.IGNORES_CHECKSUMS: (IGNORED, {"stored_checksum"}),
    Lie.ECHOES_CHECKSUMS: (IGNORED, {"stored_checksum"}),
    Lie.IGNORES_CONTENT_MD5: (IGNORED, {"content_md5"}),
    Lie.IGNORES_PART_NUMBER: (IGNORED, {"part_number"}),
    Lie.IGNORES_OBJECT_SIZE: (IGNORED, {"mpu_object_size"}),
    Lie.LISTS_UNORDERED: (HONOURED, set()),
    Lie.ETAG_NOT_MD5: (IGNORED, {"etag_is_md5"}),
    Lie.COMPLETE_WITHOUT_ETAG: (HONOURED, set()),
    Lie.COPIES_MULTIPART_ETAG: (HONOURED, set()),
    Lie.ACCEPTS_SMALL_PARTS: (HONOURED, set()),
    Lie.FORGETS_METADATA: (HONOURED, set()),
    Lie.REFUSES_DELETE_OBJECTS_WITHOUT_MD5: (HONOURED, set()),
}


def test_every_lie_is_in_the_table():
    assert set(SEEN) == set(Lie)


@pytest.mark.parametrize("bucket", ["plain", "kept", "paused"])
async def test_an_honest_endpoint_is_seen_to_honour_everything(server, bucket):
    found = await probed(server, bucket)
    assert supports(found) == AS_AWS
    assert found.keeps_metadata
    assert found.server == "AmazonS3"
    assert dataclasses.replace(found, provider="aws", server="") == capabilities.AWS


@pytest.mark.parametrize("bucket", ["plain", "kept", "paused"])
@pytest.mark.parametrize("lie", list(Lie))
async def test_each_lie_is_seen_and_nothing_else(server, lie, bucket):
    server.lie(lie)
    found = await probed(server, bucket)
    support, fields = SEEN[lie]
    assert supports(found) == AS_AWS | dict.fromkeys(fields, support)
    assert found.keeps_metadata is (lie is not Lie.FORGETS_METADATA)


@pytest.mark.parametrize("bucket", ["plain", "kept"])
async def test_an_endpoint_that_lies_in_every_way_is_believed_in_none(server, bucket):
    refusals = {Lie.REFUSES_WRITE_PRECONDITIONS, Lie.REFUSES_TAGGING, Lie.REFUSES_COPIES}
    server.lie(*(set(Lie) - refusals))
    found = await probed(server, bucket)
    assert set(supports(found).values()) == {IGNORED}


async def test_etags_under_kms_are_no_md5_and_the_rest_is_as_elsewhere(server):
    assert supports(await probed(server, "kms")) == AS_AWS | {"etag_is_md5": IGNORED}


async def test_only_the_probes_folder_is_written_to(server):
    server.forget()
    await probed(server, "plain")
    keys = {one.key for one in server.seen if one.operation.startswith(("Put", "Create", "Delete"))}
    assert keys
    assert all(key.startswith(FOLDER + b".ferryline/probe/") for key in keys)


@pytest.mark.parametrize("operation", ["PutObject", "HeadObject", "CreateMultipartUpload", "UploadPart"])
@pytest.mark.parametrize("code", ["AccessDenied", "InternalError", "SlowDown", "NotImplemented"])
async def test_a_verb_that_fails_is_unknown_or_unsupported_and_fails_no_run(server, operation, code):
    armed = server.arm(Fault(operation, fault.Status(code), times=None))
    found = await probed(server, "plain")
    assert armed.fired
    assert HONOURED not in {found.complete_if_none_match, found.complete_if_match}
    if operation == "PutObject":
        assert set(supports(found).values()) == {UNKNOWN}


async def test_refused_credentials_stop_the_run_and_nothing_is_left(server):
    armed = server.arm(Fault("CompleteMultipartUpload", fault.Status("InvalidAccessKeyId")))
    with pytest.raises(errors.CredentialsRefused):
        await probed(server, "plain")
    assert armed.fired == 1
    clean(server, "plain")


@pytest.mark.parametrize("operation", ["DeleteObject", "AbortMultipartUpload"])
@pytest.mark.parametrize("bucket", ["plain", "kept"])
async def test_a_hiccup_while_it_cleans_up_leaves_nothing(server, operation, bucket):
    armed = server.arm(Fault(operation, fault.Status("SlowDown"), key="*-complete-none", times=2))
    late = server.arm(Fault(operation, fault.Close(), phase=Phase.AFTER, key="*-match", times=1))
    await probed(server, bucket)
    assert armed.fired == 2
    assert late.fired == (1 if operation == "DeleteObject" else 1)


async def test_a_write_whose_answer_never_came_leaves_no_version(server):
    lost = server.arm(Fault("PutObject", fault.Close(), phase=Phase.AFTER, nth=4, times=3))
    await probed(server, "kept")
    assert lost.fired == 3


async def test_an_upload_whose_id_never_came_is_found_and_aborted(server):
    lost = server.arm(Fault("CreateMultipartUpload", fault.Close(), phase=Phase.AFTER, times=None))
    found = await probed(server, "plain")
    assert lost.fired == 4
    assert {found.complete_if_match, found.part_number, found.mpu_object_size} == {UNKNOWN}


async def test_the_memory_store_is_what_it_declares():
    store = MemoryStore()
    found = await probe.probe_destination(store)
    declared = {
        name: getattr(MEMORY, name) for name in ("write_if_none_match", "write_if_match", "delete_if_match")
    }
    assert {name: getattr(found, name) for name in declared} == declared
    assert [page.rows.num_rows async for page in store.pages(EVERYTHING)] == [0]


# -- sources -----------------------------------------------------------------------------------


async def source_probed(server, key=b"key"):
    version = server.bucket("plain").version(FOLDER + key)
    store = await opened(server, "plain", FOLDER)
    server.forget()
    try:
        token = Token(version.etag.encode(), int(version.modified) * 10**9)
        return await probe.probe_source(store, Entry(key, 10, token))
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("lies", "match", "parts"),
    [
        ((), HONOURED, HONOURED),
        ((Lie.IGNORES_READ_IF_MATCH,), IGNORED, HONOURED),
        ((Lie.IGNORES_PART_NUMBER,), HONOURED, IGNORED),
    ],
)
async def test_a_source_is_only_read(server, lies, match, parts):
    server.lie(*lies)
    server.bucket("plain").put(FOLDER + b"key", b"0123456789", Put(part_bytes=5))
    found = await source_probed(server)
    assert (found.read_if_match, found.part_number) == (match, parts)
    assert {one.operation for one in server.seen} == {"GetObject", "HeadObject"}


async def test_a_source_object_that_cannot_be_read_leaves_everything_unknown(server):
    server.bucket("plain").put(FOLDER + b"key", b"0123456789", Put(part_bytes=5))
    armed = server.arm(Fault("*", fault.Status("AccessDenied"), times=None))
    found = await source_probed(server)
    assert armed.fired == 2
    assert (found.read_if_match, found.part_number) == (UNKNOWN, UNKNOWN)


async def test_a_source_object_without_parts_says_nothing_about_part_numbers(server):
    server.bucket("plain").put(FOLDER + b"key", b"0123456789")
    found = await source_probed(server)
    assert (found.read_if_match, found.part_number) == (HONOURED, UNKNOWN)
