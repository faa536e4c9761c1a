"""Faults of PUT, uploads, copies and deletes over HTTP: repeated where that is safe, told apart where it is not."""

import contextlib
import dataclasses
import hashlib
import os

import pytest
from awscrt import checksums

from ferryline import errors
from ferryline.model.span import Layout, Span
from ferryline.storage import capabilities
from ferryline.storage.store import Completion, Condition, CopySource, Writing
from ferryline.testing.strict import BucketSettings, Encryption, Fault, Lie, Phase, Put, StrictServer, fault
from tests.faults.s3_ground import MIB, dressed, pinned

BODY = os.urandom(11 * MIB + 3)
LAYOUT = Layout(len(BODY), 5 * MIB)
MD5 = hashlib.md5(BODY).digest()
CRC = checksums.crc64nvme(BODY).to_bytes(8, "big")
PUT, PART, COMPLETE, ABORT = "PutObject", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"


@pytest.fixture(scope="module")
def server():
    with StrictServer("source", BucketSettings("kms", encryption=Encryption.KMS)) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    yield
    server.disarm()
    server.lie()
    for name in ("source", "kms"):
        server.bucket(name).clear()


REPAIRED = {
    "500": (fault.Status("InternalError"), Phase.BEFORE),
    "500 after the effect": (fault.Status("InternalError"), Phase.AFTER),
    "502 with a page": (fault.Page(status=502), Phase.BEFORE),
    "504 after the effect": (fault.Page(status=504), Phase.AFTER),
    "503": (fault.Status("SlowDown"), Phase.BEFORE),
    "409": (fault.Status("ConditionalRequestConflict"), Phase.BEFORE),
    "200 with a page": (fault.Page(), Phase.BEFORE),
    "closed before an answer": (fault.Close(), Phase.BEFORE),
    "reset before an answer": (fault.Reset(), Phase.BEFORE),
    "reset in the middle of the request": (fault.Reset(3 * MIB), Phase.BODY),
    "closed at the request's first byte": (fault.Close(1), Phase.BODY),
    "stalled in the middle of the request": (fault.Stall(after_bytes=MIB), Phase.BODY),
    "lost answer": (fault.Close(), Phase.AFTER),
    "stalled answer": (fault.Stall(), Phase.AFTER),
}


@pytest.mark.parametrize("name", REPAIRED)
async def test_a_write_that_broke_is_sent_again(server, name):
    what, phase = REPAIRED[name]
    armed = server.arm(Fault(PUT, what, phase=phase))
    async with dressed(server, read_timeout_seconds=0.3) as store:
        written = await store.write(b"key", BODY, Writing(md5=MD5, crc64nvme=CRC))
    assert armed.fired == 1
    assert server.bucket("source").get("key") == BODY
    assert written.etag == MD5.hex().encode()


@pytest.mark.parametrize("name", REPAIRED)
async def test_a_part_that_broke_is_sent_again(server, name):
    what, phase = REPAIRED[name]
    async with dressed(server, read_timeout_seconds=0.3) as store:
        armed = server.arm(Fault(PART, what, phase=phase))
        await uploaded(store)
    assert armed.fired == 1
    assert server.bucket("source").get("key") == BODY
    assert server.bucket("source").uploads() == []


async def uploaded(store, key=b"key", completion=None):
    """An upload from Create to Complete; what Complete said."""
    upload = await store.create_upload(key, LAYOUT, Writing(crc64nvme=CRC))
    parts = []
    for number in range(1, LAYOUT.count + 1):
        span = LAYOUT.span(number)
        body = BODY[span.offset : span.offset + span.size_bytes]
        parts.append(await store.upload_part(upload, span, body, hashlib.md5(body).digest()))
    done = completion or Completion(tuple(parts), len(BODY), Writing(crc64nvme=CRC))
    return await store.complete_upload(upload, dataclasses.replace(done, parts=tuple(parts)))


COMPLETE_BEFORE = {
    "500": fault.Status("InternalError"),
    "200 with an error": fault.Status("InternalError", 200),
    "200 and nothing": fault.Page(b"", "application/xml"),
    "200 with a page": fault.Page(),
    "409": fault.Status("ConditionalRequestConflict"),
    "reset": fault.Reset(),
}


@pytest.mark.parametrize("name", COMPLETE_BEFORE)
async def test_a_complete_without_effect_is_repeated(server, name):
    armed = server.arm(Fault(COMPLETE, COMPLETE_BEFORE[name]))
    async with dressed(server) as store:
        await uploaded(store)
    assert armed.fired == 1
    assert server.bucket("source").get("key") == BODY


COMPLETE_AFTER = {
    "lost": fault.Close(),
    "200 with an error": fault.Status("InternalError", 200),
    "200 with cut XML": fault.Truncate(60),
    "200 and nothing": fault.Page(b"", "application/xml"),
}


@pytest.mark.parametrize("name", COMPLETE_AFTER)
async def test_a_complete_whose_answer_cannot_be_used_is_asked_again_and_never_wrong(server, name):
    armed = server.arm(Fault(COMPLETE, COMPLETE_AFTER[name], phase=Phase.AFTER))
    async with dressed(server) as store:
        await uploaded(store)
    assert armed.fired == 1
    assert server.count(COMPLETE) >= 2
    assert server.bucket("source").get("key") == BODY


@pytest.mark.parametrize(
    "known", [capabilities.AWS, capabilities.Capabilities(provider="s3")], ids=["aws", "unknown"]
)
async def test_parts_carry_checksums_where_they_are_honoured_and_a_resumed_run_is_told_them(server, known):
    sent = []
    server.before(
        PART, lambda exchange: sent.append(exchange.request.headers.get("x-amz-checksum-crc64nvme"))
    )
    async with dressed(server, known=known) as store:
        upload = await store.create_upload(b"key", LAYOUT, Writing())
        await store.upload_part(upload, LAYOUT.span(1), BODY[: 5 * MIB])
        (part,) = await store.uploaded_parts(upload)
    server.service.before[PART].clear()
    crc = checksums.crc64nvme(BODY[: 5 * MIB]).to_bytes(8, "big")
    assert len(sent) == 1
    assert (sent[0] is not None) is known.stored_checksum.honoured
    assert part.crc64nvme == (crc if known.stored_checksum.honoured else None)


async def test_a_full_object_checksum_needs_none_of_the_parts_but_is_compared_with_all_of_them(server):
    """A part that is streamed has no checksum before it is sent, and the whole is checked all the same."""

    async def chunks(body):
        for start in range(0, len(body), MIB):
            yield body[start : start + MIB]

    for crc, refused in ((CRC, False), (bytes(8), True)):
        async with dressed(server) as store:
            upload = await store.create_upload(b"key", LAYOUT, Writing())
            parts = []
            for number in range(1, LAYOUT.count + 1):
                span = LAYOUT.span(number)
                body = BODY[span.offset : span.offset + span.size_bytes]
                sending = (
                    store.upload_part(upload, span, body)
                    if number == 2
                    else store.upload_part_stream(upload, span, chunks(body))
                )
                parts.append(await sending)
            completion = Completion(tuple(parts), len(BODY), Writing(crc64nvme=crc))
            with pytest.raises(errors.RetryLater) if refused else contextlib.nullcontext():
                await store.complete_upload(upload, completion)
                assert server.bucket("source").version("key").checksum.value == CRC
        server.bucket("source").clear()


async def test_a_complete_that_announces_another_size_or_checksum_is_refused(server):
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed):
            await uploaded(store, completion=Completion((), len(BODY) + 1, Writing(crc64nvme=CRC)))
        with pytest.raises((errors.RetryLater, errors.ObjectFailed)) as caught:
            await uploaded(store, completion=Completion((), len(BODY), Writing(crc64nvme=bytes(8))))
    assert caught.value.kind == "digest-mismatch"
    assert server.bucket("source").keys() == []


async def test_a_part_that_arrived_and_is_not_there_fails_by_name(server):
    armed = server.arm(Fault(PART, fault.PartsRemain(), nth=2))
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed) as caught:
            await uploaded(store)
    assert armed.fired == 1
    assert caught.value.kind == "invalid-part"
    assert server.bucket("source").keys() == []


async def test_an_upload_that_vanished_is_told_apart_from_a_missing_object(server):
    armed = server.arm(Fault(PART, fault.UploadVanishes(), nth=2))
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectMissing) as caught:
            await uploaded(store)
    assert armed.fired == 1
    assert caught.value.kind == "upload-missing"


async def test_a_small_part_in_the_middle_is_refused_by_name(server):
    async with dressed(server) as store:
        upload = await store.create_upload(b"key", Layout(20, 10), Writing())
        parts = tuple([await store.upload_part(upload, Span(n, 10 * n - 10, 10), b"x" * 10) for n in (1, 2)])
        with pytest.raises(errors.ObjectFailed) as caught:
            await store.complete_upload(upload, Completion(parts, 20, Writing()))
    assert caught.value.kind == "part-too-small"
    assert "5 MiB" in caught.value.advice


async def test_an_abort_that_leaves_parts_goes_on_until_none_remain(server):
    async with dressed(server) as store:
        upload = await store.create_upload(b"key", LAYOUT, Writing())
        await store.upload_part(upload, LAYOUT.span(1), BODY[: 5 * MIB])
        armed = server.arm(Fault(ABORT, fault.PartsRemain(), times=7))
        await store.abort_upload(upload)
    assert armed.fired == 7
    assert server.bucket("source").uploads() == []


async def test_a_412_after_a_lost_answer_reaches_the_caller_as_a_changed_destination(server):
    armed = server.arm(Fault(PUT, fault.Close(), phase=Phase.AFTER))
    async with dressed(server) as store:
        with pytest.raises(errors.DestinationChanged):
            await store.write(b"key", b"body", Writing(condition=Condition(absent=True)))
        assert armed.fired == 1
        assert (await store.head(b"key")).entry.size_bytes == 4


@pytest.mark.parametrize("condition", [Condition(absent=True), Condition(etag=b"0" * 32)])
async def test_somebody_elses_object_is_not_overwritten(server, condition):
    server.bucket("source").put("key", b"theirs")
    async with dressed(server) as store:
        with pytest.raises(errors.DestinationChanged):
            await store.write(b"key", b"ours", Writing(condition=condition))
        with pytest.raises(errors.DestinationChanged):
            await uploaded(store, completion=Completion((), len(BODY), Writing(condition=condition)))
    assert server.bucket("source").get("key") == b"theirs"


@pytest.mark.parametrize("checks", ["md5", "crc64nvme"])
async def test_bytes_that_do_not_fit_their_digest_are_refused_by_the_endpoint(server, checks):
    async with dressed(server) as store:
        with pytest.raises(errors.RetryLater) as caught:
            await store.write(b"key", b"body", Writing(**{checks: bytes(16 if checks == "md5" else 8)}))
    assert caught.value.kind == "digest-mismatch"
    assert server.bucket("source").keys() == []


async def test_a_kms_key_that_is_refused_is_named(server):
    armed = server.arm(
        Fault(
            PUT, fault.Status("KMS.DisabledException", 400, message="arn:aws:kms:k is disabled"), times=None
        )
    )
    async with dressed(server, "kms") as store:
        with pytest.raises(errors.AccessRefused) as caught:
            await store.write(b"key", b"body", Writing())
    assert armed.fired == 1
    assert caught.value.kind == "kms-refused"
    assert "arn:aws:kms:k" in caught.value.message


# -- server-side copies ------------------------------------------------------------------------

COPIED = {
    "200 with an error": fault.Status("InternalError", 200),
    "200 and nothing": fault.Page(b"", "application/xml"),
    "200 with a page": fault.Page(),
    "500": fault.Status("InternalError"),
}


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.AFTER])
@pytest.mark.parametrize("name", COPIED)
async def test_a_copy_without_a_result_is_no_copy(server, name, phase):
    source = copy_source(server)
    armed = server.arm(Fault("CopyObject", COPIED[name], phase=phase))
    async with dressed(server) as store:
        written = await store.copy_from(b"key", source, Writing())
        assert armed.fired == 1
        assert written.etag == server.bucket("source").version("key").etag.encode()
        broken = server.arm(Fault("UploadPartCopy", COPIED[name], phase=phase))
        upload = await store.create_upload(b"parts", LAYOUT, Writing())
        parts = tuple([await store.copy_part_from(upload, LAYOUT.span(n), source) for n in (1, 2, 3)])
        assert broken.fired == 1
        await store.complete_upload(upload, Completion(parts, len(BODY), Writing()))
    assert server.bucket("source").get("key") == server.bucket("source").get("parts") == BODY


def copy_source(server, etag=None):
    version = server.bucket("source").put("from", BODY)
    token = pinned(version).token
    return CopySource("source", b"from", dataclasses.replace(token, etag=etag or token.etag), len(BODY))


async def test_a_copy_of_a_source_that_changed_is_refused(server):
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectChanged):
            await store.copy_from(b"key", copy_source(server, b"0" * 32), Writing())
    assert server.bucket("source").get("key") is None


@pytest.mark.parametrize(("size", "refused"), [(5 * 1024**3, False), (5 * 1024**3 + 1, True)])
async def test_one_copy_takes_five_gibibytes_and_not_a_byte_more(server, size, refused):
    source = dataclasses.replace(copy_source(server), size_bytes=size)
    async with dressed(server) as store:
        with contextlib.nullcontext() if not refused else pytest.raises(errors.ObjectFailed) as caught:
            await store.copy_from(b"key", source, Writing())
    assert server.count("CopyObject") >= (not refused)
    assert not refused or caught.value.kind == "too-large"


# -- deletes and keys ---------------------------------------------------------------------------


@pytest.mark.parametrize("lies", [(), (Lie.REFUSES_DELETE_OBJECTS_WITHOUT_MD5,)])
async def test_many_are_deleted_also_where_content_md5_is_asked_for(server, lies):
    server.lie(*lies)
    server.bucket("source").put_many({f"{n}": b"x" for n in range(50)} | {"a\nb": b"x", "<&>": b"x"})
    async with dressed(server) as store:
        keys = [b"%d" % n for n in range(50)] + [b"a\nb", b"<&>", b"was never there"]
        assert await store.delete_many(keys) == {}
    assert server.bucket("source").keys() == []


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.AFTER])
async def test_a_delete_is_repeated(server, code, phase):
    server.bucket("source").put("key", b"x")
    armed = server.arm(Fault("DeleteObject", fault.Status(code), phase=phase))
    async with dressed(server) as store:
        await store.delete(b"key")
    assert armed.fired == 1
    assert server.bucket("source").keys() == []


async def test_a_delete_of_a_state_that_changed_is_refused(server):
    server.bucket("source").put("key", b"newer")
    async with dressed(server) as store:
        with pytest.raises(errors.DestinationChanged):
            await store.delete(b"key", Condition(etag=b"0" * 32))
    assert server.bucket("source").get("key") == b"newer"


async def test_a_key_of_1024_bytes_is_carried_and_a_longer_one_is_refused_before_any_request(server):
    async with dressed(server) as store:
        await store.write(b"k" * 1024, b"x", Writing())
        server.forget()
        with pytest.raises(errors.KeyRefused, match="1025 bytes"):
            await store.write(b"k" * 1025, b"x", Writing())
    assert server.seen == []
    assert server.bucket("source").keys() == [b"k" * 1024]


async def test_an_endpoint_that_echoes_checksums_is_not_asked_for_them(server):
    server.lie(Lie.ECHOES_CHECKSUMS)
    server.bucket("source").put("key", b"body")
    known = dataclasses.replace(capabilities.AWS, stored_checksum=capabilities.Support.IGNORED)
    async with dressed(server, known=known) as store:
        assert (await store.head(b"key")).stored_checksum is None
        await store.write(b"other", b"body", Writing(crc64nvme=bytes(8)))
    assert server.bucket("source").get("other") == b"body"


async def test_an_object_of_no_bytes_goes_there_and_back(server):
    async with dressed(server) as store:
        await store.write(b"empty", b"", Writing(md5=hashlib.md5(b"").digest(), crc64nvme=bytes(8)))
        stat = await store.head(b"empty")
        assert (await store.read(b"empty", pinned(server.bucket("source").version("empty")))).body == b""
        assert stat.entry.size_bytes == 0
    server.bucket("source").put("parts", b"", Put(part_bytes=5 * MIB))
