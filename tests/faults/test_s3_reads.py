"""Faults of GET, HEAD and LIST over HTTP: repeated, resumed or named, and never other bytes."""

import os

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.model.span import Span
from ferryline.storage.store import Pin
from ferryline.testing.strict import (
    BucketSettings,
    Credential,
    Fault,
    Lie,
    Phase,
    Put,
    Refused,
    Settings,
    StrictServer,
    fault,
)
from tests.faults.s3_ground import FastClock, dressed, keys_of, pinned

BODY = os.urandom(300_000)
SPAN = Span(1, 1000, 200_000)
GET, HEAD, LIST = "GetObject", "HeadObject", "ListObjectsV2"


@pytest.fixture(scope="module")
def server():
    with StrictServer(
        "source", BucketSettings("paid", requester_pays=True), settings=Settings(page_keys=3)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    yield
    server.disarm()
    server.credential(server.access_key, Credential())
    server.bucket("source").clear()


async def whole(store, pin, span=None):
    return (await store.read(b"key", pin, span)).body


async def streamed(store, pin, span=None):
    async with store.stream(b"key", pin, span) as chunks:
        return b"".join([chunk async for chunk in chunks])


REPAIRED = {
    "500": (fault.Status("InternalError"), Phase.BEFORE),
    "502 with a page": (fault.Page(status=502), Phase.BEFORE),
    "504 with a page": (fault.Page(status=504), Phase.BEFORE),
    "503": (fault.Status("SlowDown"), Phase.BEFORE),
    "429": (fault.Status("TooManyRequests", 429), Phase.BEFORE),
    "closed before an answer": (fault.Close(), Phase.BEFORE),
    "reset before an answer": (fault.Reset(), Phase.BEFORE),
    "reset after one byte": (fault.Reset(1), Phase.BODY),
    "reset in the middle": (fault.Reset(100_000), Phase.BODY),
    "reset before the last byte": (fault.Reset(199_999), Phase.BODY),
    "short with a length": (fault.Short(70_000), Phase.BODY),
    "short without a length": (fault.Short(70_000, announced=False), Phase.BODY),
    "stalled before an answer": (fault.Stall(), Phase.BEFORE),
    "stalled in the body": (fault.Stall(after_bytes=50_000), Phase.BODY),
}


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize("span", [None, SPAN], ids=["whole", "span"])
@pytest.mark.parametrize("name", REPAIRED)
async def test_a_broken_read_is_repaired(server, name, span, read):
    what, phase = REPAIRED[name]
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, what, phase=phase))
    async with dressed(server, read_timeout_seconds=0.2) as store:
        if read is streamed and span is None and name == "short without a length":
            # Nothing but the checksum tells that the end is not the end, and the bytes are handed out.
            with pytest.raises(errors.RetryLater, match="CRC64NVME"):
                await read(store, pin, span)
            return
        found = await read(store, pin, span)
    assert armed.fired == 1
    assert found == (BODY if span is None else BODY[1000:201_000])


@pytest.mark.parametrize(
    "what", [fault.Range(7), fault.Header("content-range", "bytes 0-1/2"), fault.Header("content-range")]
)
@pytest.mark.parametrize("read", [whole, streamed])
async def test_a_wrong_range_is_asked_for_again(server, what, read):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, what))
    async with dressed(server) as store:
        assert await read(store, pin, SPAN) == BODY[1000:201_000]
    assert armed.fired == 1


async def test_a_range_that_stays_wrong_fails_the_object_not_the_run(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, fault.Range(7), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.RetryLater) as caught:
            await whole(store, pin, SPAN)
    assert armed.fired == 4
    assert caught.value.kind == "wrong-range"


async def test_a_bit_that_flips_under_a_checksum_is_read_again(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, fault.Flip(1234)))
    async with dressed(server) as store:
        assert await whole(store, pin) == BODY
    assert armed.fired == 1


@pytest.mark.parametrize("read", [whole, streamed])
async def test_bits_that_flip_every_time_fail_the_object_by_its_checksum(server, read):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, fault.Flip(1234), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.RetryLater) as caught:
            await read(store, pin)
    assert armed.fired >= 1
    assert caught.value.kind == "digest-mismatch"


@pytest.mark.parametrize("span", [None, SPAN], ids=["whole", "span"])
async def test_a_login_page_is_never_an_object(server, span):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, fault.Page(), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed) as caught:
            await whole(store, pin, span)
    assert armed.fired
    assert caught.value.kind == "not-the-object"
    assert "login page" in caught.value.advice


async def test_transparent_compression_stops_the_run_with_a_hint(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    encoded = server.arm(Fault(GET, fault.Header("content-encoding", "gzip"), times=None))
    chunked = server.arm(Fault(GET, fault.Short(1000, announced=False), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await whole(store, pin)
    assert encoded.fired
    assert chunked.fired
    assert caught.value.kind == "transparent-compression"
    assert "proxy" in caught.value.advice


@pytest.mark.parametrize(
    "etag", ['""', "bare-words", '"not an MD5"', '"0123456789abcdef0123456789abcdef-3"', 'W/"x"']
)
async def test_an_etag_of_any_form_is_an_opaque_token(server, etag):
    server.bucket("source").put("key", BODY, Put(etag=etag.strip('"') or None))
    armed = server.arm(Fault("[GH]*Object", fault.Header("etag", etag), times=None))
    server.lie(Lie.IGNORES_READ_IF_MATCH)
    async with dressed(server) as store:
        stat = await store.head(b"key")
        assert (await store.read(b"key", Pin(stat.entry.token))).body == BODY
    server.lie()
    assert armed.fired == 2


async def test_an_archived_object_fails_by_name_and_is_not_waited_for(server):
    pin = pinned(server.bucket("source").put("key", BODY, Put(storage_class="GLACIER")))
    server.forget()
    async with dressed(server) as store:
        stat = await store.head(b"key")
        with pytest.raises(errors.ObjectArchived, match="InvalidObjectState") as caught:
            await whole(store, pin)
    assert stat.archived
    assert caught.value.key == b"key"
    assert "restore" in caught.value.advice
    assert server.count(GET) == 1


async def test_403_for_a_missing_key_names_the_permission_to_list(server):
    server.credential(
        server.access_key, Credential(refused=(Refused("ListObjectsV2"), Refused("ListBucket")))
    )
    async with dressed(server) as store:
        with pytest.raises(errors.AccessRefused) as caught:
            await store.head(b"is not there")
    assert "s3:ListBucket" in caught.value.advice
    assert caught.value.key == b"is not there"


async def test_requester_pays_without_the_flag_is_refused_with_the_flags_name(server):
    server.bucket("paid").put("key", BODY)
    async with dressed(server, "paid") as store:
        with pytest.raises(errors.CredentialsRefused) as caught:
            await keys_of(store, EVERYTHING)
    assert "request_payer" in caught.value.advice
    async with dressed(server, "paid", access={"request_payer": True}) as store:
        assert await keys_of(store, EVERYTHING) == [b"key"]


async def test_a_delete_marker_is_absence(server):
    server.bucket("source").set_versioning("Enabled")
    try:
        pin = pinned(server.bucket("source").put("key", BODY))
        server.bucket("source").delete("key")
        async with dressed(server) as store:
            assert await store.head(b"key") is None
            with pytest.raises(errors.ObjectMissing):
                await whole(store, pin)
            assert await keys_of(store, EVERYTHING) == []
    finally:
        server.bucket("source").clear()
        server.bucket("source").set_versioning(None)


@pytest.mark.parametrize("name", [one for one in REPAIRED if "last byte" not in one and "middle" not in one])
@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_a_broken_listing_is_repaired_page_by_page(server, name, nth):
    what, phase = REPAIRED[name]
    if isinstance(what, fault.Short):
        what = fault.Short(200, what.announced)
    if isinstance(what, fault.Stall) and what.after_bytes:
        what = fault.Stall(after_bytes=100)
    server.bucket("source").put_many({f"{number:02}": b"x" for number in range(10)})
    armed = server.arm(Fault(LIST, what, phase=phase, nth=nth))
    async with dressed(server, read_timeout_seconds=0.2) as store:
        found = await keys_of(store, EVERYTHING)
    assert armed.fired == 1
    assert found == [b"%02d" % number for number in range(10)]


async def test_a_burst_of_slow_down_is_survived_and_narrows_the_window(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    seen, clock = [], FastClock()
    armed = server.arm(Fault(GET, fault.Status("SlowDown", headers={"Retry-After": "2"}), times=30))
    async with dressed(server, clock=clock, seen=seen) as store:
        assert await whole(store, pin) == BODY
    assert armed.fired == 30
    assert clock.slept >= 60
    assert [one.size for one in seen if one.kind == "window-changed" and one.why == "slow-down"] == [
        8,
        4,
        2,
        1,
    ]


async def test_slow_down_for_a_quarter_of_an_hour_stops_the_run_as_throttled(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    clock = FastClock()
    armed = server.arm(Fault("*", fault.Status("SlowDown", headers={"Retry-After": "60"}), times=None))
    async with dressed(server, clock=clock) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await whole(store, pin)
    assert armed.fired > 4
    assert caught.value.kind == "throttled"
    assert 900 < clock.slept < 1100


async def test_a_body_that_trickles_is_given_up_and_asked_for_again(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    armed = server.arm(Fault(GET, fault.Trickle(2000)))
    async with dressed(server, minimum_bytes_per_second=100_000, speed_window_seconds=0.5) as store:
        assert await whole(store, pin) == BODY
    assert armed.fired == 1
