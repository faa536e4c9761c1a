"""Scripted faults: each does what it says, at its moment, as often as it should, and counts itself."""

import hashlib
import json

import pytest

from ferryline.testing.strict import Fault, Listing, Phase, Put
from ferryline.testing.strict.fault import (
    Clock,
    Close,
    Extra,
    Flip,
    Header,
    List,
    Overwrite,
    Page,
    PartsRemain,
    Range,
    RedirectTo,
    Remove,
    Replace,
    Reset,
    Short,
    Stall,
    Status,
    Trickle,
    Truncate,
    UploadVanishes,
    from_document,
)
from tests.strict.conftest import RawClient

LIST = "/bucket?list-type=2&max-keys=2"


@pytest.fixture
def bucket(open_server):
    return open_server.bucket("bucket")


@pytest.fixture
def arm(open_server):
    def arm(operation, what, **named):
        return open_server.arm(Fault(operation, what, **named))

    return arm


@pytest.fixture
def ask(open_server):
    """One request on a connection of its own."""

    def ask(*arguments, **named):
        client = RawClient(open_server.port)
        try:
            return client.ask(*arguments, **named)
        finally:
            client.close()

    return ask


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SlowDown", 503), ("InternalError", 500), ("AccessDenied", 403), ("ExpiredToken", 400),
        ("RequestTimeTooSkewed", 403), ("ConditionalRequestConflict", 409), ("OperationAborted", 409),
        ("BadDigest", 400), ("InvalidAccessKeyId", 403), ("SignatureDoesNotMatch", 403), ("TooManyRequests", 429),
        ("ServiceUnavailable", 503), ("RequestTimeout", 400), ("NotImplemented", 501), ("NoSuchUpload", 404),
        ("KMS.DisabledException", 400), ("PreconditionFailed", 412), ("MethodNotAllowed", 405),
    ],
)  # fmt: skip
def test_a_status_before_the_effect_leaves_no_effect(ask, bucket, arm, code, status):
    fault = arm("PutObject", Status(code, headers={"Retry-After": "7"}))
    answer = ask("PUT", "/bucket/key", body=b"x")

    assert (answer.status, answer.headers["retry-after"]) == (status, "7")
    assert f"<Code>{code}</Code>".encode() in answer.body
    assert bucket.keys() == []
    assert fault.fired == 1


def test_a_status_after_the_effect_has_the_effect(ask, bucket, arm):
    fault = arm("PutObject", Status("InternalError"), phase=Phase.AFTER)
    answer = ask("PUT", "/bucket/key", body=b"x")

    assert (answer.status, bucket.get("key"), fault.fired) == (500, b"x", 1)


def test_a_status_may_be_any_number(ask, arm):
    arm("GetObject", Status("ServiceUnavailable", status=504))

    assert ask("GET", "/bucket/key").status == 504


def test_a_fault_strikes_the_nth_time_and_so_often(ask, bucket, arm):
    bucket.put("key", b"x")
    fault = arm("GetObject", Status("SlowDown"), nth=2, times=2)

    assert [ask("GET", "/bucket/key").status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert (fault.fired, fault.matched) == (2, 5)


def test_a_fault_may_strike_for_ever_until_it_is_disarmed(ask, open_server, bucket, arm):
    bucket.put("key", b"x")
    fault = arm("*", Status("SlowDown"), times=None)
    assert [ask("GET", "/bucket/key").status for _ in range(3)] == [503] * 3
    open_server.disarm(fault)

    assert ask("GET", "/bucket/key").status == 200
    assert fault.fired == 3


def test_a_fault_strikes_only_its_operation_and_keys(ask, bucket, arm):
    bucket.put_many({"a/1": b"x", "b/1": b"x"})
    fault = arm("Get*", Status("SlowDown"), key="a/*", times=None)

    assert ask("GET", "/bucket/b/1").status == 200
    assert ask("HEAD", "/bucket/a/1").status == 200
    assert ask("GET", "/bucket/a/1").status == 503
    assert fault.fired == 1


@pytest.mark.parametrize("what", [Close(), Reset()])
def test_a_lost_reply_has_the_effect_and_no_answer(ask, bucket, arm, what):
    fault = arm("PutObject", what, phase=Phase.AFTER)
    answer = ask("PUT", "/bucket/key", body=b"x")

    assert answer.ended == ("closed" if isinstance(what, Close) else "reset")
    assert (answer.status, bucket.get("key"), fault.fired) == (0, b"x", 1)


@pytest.mark.parametrize("what", [Close(), Reset()])
def test_a_connection_lost_before_the_effect_has_none(ask, open_server, bucket, arm, what):
    fault = arm("PutObject", what)
    answer = ask("PUT", "/bucket/key", body=b"x")

    assert (answer.status, bucket.keys(), fault.fired) == (0, [], 1)
    assert (open_server.seen[0].status, open_server.seen[0].faults) == (0, [type(what).__name__])


@pytest.mark.parametrize("size", [1000, 3 * 1024 * 1024])
@pytest.mark.parametrize("what", [Close(500), Reset(500)])
def test_a_connection_lost_in_the_answer_s_body(ask, bucket, arm, what, size):
    bucket.put("key", b"x" * size)
    fault = arm("GetObject", what, phase=Phase.BODY)
    answer = ask("GET", "/bucket/key")

    assert answer.headers["content-length"] == str(size)
    assert (len(answer.body), answer.ended, fault.fired) == (
        500,
        "reset" if isinstance(what, Reset) else "closed",
        1,
    )


@pytest.mark.parametrize("what", [Close(100), Reset(100)])
def test_a_connection_lost_in_the_request_s_body(ask, open_server, bucket, arm, what):
    fault = arm("UploadPart", what, phase=Phase.BODY)
    upload = bucket.open_upload("key")
    answer = ask("PUT", f"/bucket/key?uploadId={upload}&partNumber=1", body=b"x" * 200)

    assert (answer.status, fault.fired) == (0, 1)
    assert bucket.uploads()[0].parts == {}


def test_a_stall_for_a_while_carries_on(ask, bucket, arm):
    bucket.put("key", b"0123456789")
    for phase in (Phase.BEFORE, Phase.AFTER, Phase.BODY):
        fault = arm("GetObject", Stall(0.01, 5), phase=phase)
        assert ask("GET", "/bucket/key").body == b"0123456789"
        assert fault.fired == 1


def test_a_stall_in_the_request_s_body_carries_on(ask, bucket, arm):
    fault = arm("PutObject", Stall(0.01, 5), phase=Phase.BODY)

    assert ask("PUT", "/bucket/key", body=b"0123456789").status == 200
    assert (bucket.get("key"), fault.fired) == (b"0123456789", 1)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_stall_for_ever_lasts_until_the_client_gives_up(open_server, bucket, arm, phase):
    bucket.put("key", b"0123456789")
    fault = arm("GetObject", Stall(after_bytes=5), phase=phase)
    client = RawClient(open_server.port)
    client.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.ask("GET", "/bucket/key")
    client.close()

    assert fault.fired == 1


def test_a_trickle_sends_so_many_bytes_a_second(open_server, bucket, arm):
    bucket.put("key", b"x" * 1000)
    fault = arm("GetObject", Trickle(10))
    client = RawClient(open_server.port)
    client.send(b"GET /bucket/key HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while not data.endswith(b"\r\n\r\nxxx"):
        data += client.socket.recv(1)
    client.close()

    assert fault.fired == 1
    assert 3 <= open_server.seen[0].bytes_out < 1000


@pytest.mark.parametrize("announced", [True, False])
def test_a_short_body_with_and_without_a_length(ask, bucket, arm, announced):
    bucket.put("key", b"0123456789")
    fault = arm("GetObject", Short(4, announced=announced))
    answer = ask("GET", "/bucket/key")

    assert (answer.body, answer.ended, fault.fired) == (b"0123", "closed", 1)
    assert answer.headers.get("content-length") == ("10" if announced else None)


def test_a_long_body(ask, bucket, arm):
    bucket.put("key", b"0123456789")
    arm("GetObject", Extra(b"more"))

    assert ask("GET", "/bucket/key").body == b"0123456789more"


@pytest.mark.parametrize("checksum", [True, False])
def test_a_flipped_bit_with_and_without_a_checksum(ask, bucket, arm, checksum):
    bucket.put("key", b"0123456789")
    fault = arm("GetObject", Flip(-1, checksum=checksum))
    answer = ask("GET", "/bucket/key", headers=["x-amz-checksum-mode: ENABLED"])

    assert (answer.body, fault.fired) == (b"0123456788", 1)
    assert ("x-amz-checksum-crc64nvme" in answer.headers) is checksum
    assert bucket.get("key") == b"0123456789"


def test_a_range_of_another_place(ask, bucket, arm):
    bucket.put("key", b"0123456789")
    fault = arm("GetObject", Range(2))
    answer = ask("GET", "/bucket/key", headers=["Range: bytes=1-3"])

    assert (answer.body, answer.headers["content-range"], fault.fired) == (b"345", "bytes 3-5/10", 1)


def test_any_header_may_be_set_or_lost(ask, bucket, arm):
    bucket.put("key", b"0123456789")
    arm("GetObject", Header("Content-Range", "bytes 7-9/10"))
    arm("GetObject", Header("ETag", None))
    arm("GetObject", Header("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"))
    answer = ask("GET", "/bucket/key", headers=["Range: bytes=1-3"])

    assert (answer.body, answer.headers["content-range"]) == (b"123", "bytes 7-9/10")
    assert "etag" not in answer.headers
    assert answer.headers["last-modified"].endswith("1970 00:00:00 GMT")


def test_an_object_replaced_between_two_ranges(ask, bucket, arm):
    bucket.put("key", b"0123456789")
    fault = arm("GetObject", Overwrite(b"ABCDEFGHIJ"), nth=2)
    first = ask("GET", "/bucket/key", headers=["Range: bytes=0-4"])
    second = ask("GET", "/bucket/key", headers=["Range: bytes=5-9"])

    assert (first.body, second.body, fault.fired) == (b"01234", b"FGHIJ", 1)
    assert first.headers["etag"] != second.headers["etag"]
    bucket.put("key", b"0123456789")
    arm("GetObject", Overwrite(b"ABCDEFGHIJ"))
    pinned = ask("GET", "/bucket/key", headers=[f"If-Match: {first.headers['etag']}"])
    assert pinned.status == 412


def test_an_object_that_vanishes_before_it_is_read(ask, bucket, arm):
    bucket.put("key", b"x")
    fault = arm("GetObject", Remove())

    assert (ask("GET", "/bucket/key").status, fault.fired) == (404, 1)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Page(), b"<html>"),
        (Page(b"", "application/xml"), b""),
        (Page(b"   ", "application/xml"), b"   "),
        (Status("InternalError", status=200), b"<Error>"),
    ],
)
def test_a_200_that_is_no_answer(ask, bucket, arm, what, expected):
    bucket.put("key", b"x")
    for operation, target in (("ListObjectsV2", LIST), ("GetObject", "/bucket/key")):
        fault = arm(operation, what)
        answer = ask("GET", target)
        assert (answer.status, fault.fired) == (200, 1)
        assert expected in answer.body
        assert b"ListBucketResult" not in answer.body


def test_a_document_cut_in_the_middle_keeps_a_fitting_length(ask, bucket, arm):
    bucket.put_many({"a": b"x", "b": b"x"})
    whole = ask("GET", LIST).body
    arm("ListObjectsV2", Truncate(60))
    answer = ask("GET", LIST)

    assert (answer.status, answer.ended) == (200, "whole")
    assert whole.startswith(answer.body)
    assert len(answer.body) == len(whole) * 60 // 100


def test_words_of_a_document_may_be_replaced(ask, bucket, arm):
    bucket.put("a", b"x")
    arm("ListObjectsV2", Replace(b"<KeyCount>1</KeyCount>", b""))

    assert b"KeyCount" not in ask("GET", LIST).body


def test_a_completion_answered_200_with_an_error_before_and_after_the_effect(ask, bucket, arm):
    etag = hashlib.md5(b"part").hexdigest()
    body = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    for phase, made in ((Phase.BEFORE, False), (Phase.AFTER, True)):
        upload = bucket.open_upload("key", b"part")
        fault = arm("CompleteMultipartUpload", Status("InternalError", status=200), phase=phase)
        answer = ask("POST", f"/bucket/key?uploadId={upload}", body=body.encode())
        assert (answer.status, b"<Error>" in answer.body, fault.fired) == (200, True, 1)
        assert (bucket.get("key") is not None) is made


def listed(answer):
    import re

    keys = re.findall(rb"<Key>(.*?)</Key>", answer.body)
    token = re.search(rb"<NextContinuationToken>(.*?)</NextContinuationToken>", answer.body)
    return keys, token and token[1].decode(), b"<IsTruncated>true" in answer.body


def pages(ask, most=10):
    found, token = [], None
    for _ in range(most):
        keys, token, truncated = listed(ask("GET", LIST + (f"&continuation-token={token}" if token else "")))
        found.append((keys, token, truncated))
        if not token:
            break
    return found


@pytest.fixture
def six(bucket):
    bucket.put_many({f"k{number}": b"x" for number in range(6)})
    return bucket


@pytest.mark.parametrize(
    ("how", "nth", "expected"),
    [
        (Listing.PAGE_LOST, 2, [b"k0", b"k1", b"k4", b"k5"]),
        (Listing.PAGE_REPEATED, 2, [b"k0", b"k1", b"k0", b"k1", b"k2", b"k3", b"k4", b"k5"]),
        (Listing.REORDERED, 2, [b"k0", b"k1", b"k3", b"k2", b"k4", b"k5"]),
        (Listing.ENDED_EARLY, 2, [b"k0", b"k1", b"k2"]),
        (Listing.KEYS_LOST, 2, [b"k0", b"k1", b"k2", b"k4", b"k5"]),
        (Listing.EMPTY, 1, []),
        (Listing.EMPTY, 3, [b"k0", b"k1", b"k2", b"k3"]),
        (Listing.NO_TOKEN, 2, [b"k0", b"k1", b"k2", b"k3"]),
    ],
)
def test_a_listing_lies_about_its_keys(ask, six, arm, how, nth, expected):
    fault = arm("ListObjectsV2", List(how), nth=nth)

    assert [key for keys, _, _ in pages(ask) for key in keys] == expected
    assert fault.fired == 1


def test_a_token_that_loops_never_ends(ask, six, arm):
    fault = arm("ListObjectsV2", List(Listing.TOKEN_LOOP), nth=2, times=None)
    found = pages(ask)

    assert len(found) == 10
    assert {tuple(keys) for keys, _, _ in found[1:]} == {(b"k2", b"k3")}
    assert fault.fired == 9


def test_truncated_without_a_token(ask, six, arm):
    arm("ListObjectsV2", List(Listing.NO_TOKEN))

    assert pages(ask) == [([b"k0", b"k1"], None, True)]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (Listing.OTHER_BUCKET, b"<Name>bucket-other</Name>"),
        (Listing.OTHER_PREFIX, b"<Prefix>other/</Prefix>"),
        (Listing.COUNT_LIES, b"<KeyCount>3</KeyCount>"),
    ],
)
def test_a_listing_lies_about_itself(ask, six, arm, how, words):
    fault = arm("ListObjectsV2", List(how))

    assert words in ask("GET", LIST).body
    assert fault.fired == 1


def test_redirects_elsewhere_and_in_a_loop(ask, bucket, arm):
    away = arm("GetObject", RedirectTo("http://127.0.0.1:1/elsewhere"))
    moved = arm("GetObject", RedirectTo("http://127.0.0.1:1/", status=301, region="eu-west-1"), nth=2)
    loop = arm("GetObject", RedirectTo(), nth=3, times=None)
    answers = [ask("GET", "/bucket/key?x=1") for _ in range(4)]

    assert [one.status for one in answers] == [307, 301, 307, 307]
    assert answers[0].headers["location"] == "http://127.0.0.1:1/elsewhere"
    assert answers[1].headers["x-amz-bucket-region"] == "eu-west-1"
    assert answers[2].headers["location"] == "http://localhost/bucket/key?x=1"
    assert (away.fired, moved.fired, loop.fired) == (1, 1, 2)


def test_a_clock_that_is_off_for_one_request(ask, bucket, arm):
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    bucket.put("key", b"x")
    fault = arm("GetObject", Clock(-86400.0))
    date = parsedate_to_datetime(ask("GET", "/bucket/key").headers["date"])

    assert 86000 < (datetime.now(UTC) - date).total_seconds() < 87000
    assert fault.fired == 1


def test_an_abort_that_leaves_the_upload(ask, bucket, arm):
    upload = bucket.open_upload("key", b"part")
    fault = arm("AbortMultipartUpload", PartsRemain())

    assert ask("DELETE", f"/bucket/key?uploadId={upload}").status == 204
    assert (len(bucket.uploads()), fault.fired) == (1, 1)
    assert ask("DELETE", f"/bucket/key?uploadId={upload}").status == 204
    assert bucket.uploads() == []


def test_a_part_that_is_acknowledged_and_not_kept(ask, bucket, arm):
    upload = bucket.open_upload("key")
    fault = arm("UploadPart", PartsRemain())

    assert ask("PUT", f"/bucket/key?uploadId={upload}&partNumber=1", body=b"x").status == 200
    assert (bucket.uploads()[0].parts, fault.fired) == ({}, 1)


def test_an_upload_that_vanishes(ask, bucket, arm):
    upload = bucket.open_upload("key")
    fault = arm("UploadPart", UploadVanishes(), nth=2)
    target = f"/bucket/key?uploadId={upload}&partNumber=1"

    assert [ask("PUT", target, body=b"x").status for _ in range(2)] == [200, 404]
    assert (bucket.uploads(), fault.fired) == ([], 1)


@pytest.mark.parametrize(
    "what",
    [
        Status("SlowDown", headers={"Retry-After": "1"}), Page(), Close(1), Reset(2), Stall(), Trickle(3), Short(4),
        Truncate(5), Extra(b"\xff"), Flip(6, checksum=False), Header("a"), Range(7), Replace(b"a", b"\x00"),
        List(Listing.EMPTY), Overwrite(b"x"), Remove(), UploadVanishes(), PartsRemain(), RedirectTo(), Clock(1.5),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_a_fault_survives_json(what):
    fault = Fault("Get*", what, key="a/*", nth=2, times=None, phase=Phase.AFTER)

    assert from_document(json.loads(json.dumps(fault.document()))) == fault


def test_a_fault_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"what\.kind"):
        from_document({"operation": "GetObject", "what": {"kind": "Nothing"}})
    with pytest.raises(ValueError, match="speed"):
        from_document({"operation": "GetObject", "what": {"kind": "Trickle", "speed": 1}})


def test_parts_may_have_any_size_behind_the_client_s_back(bucket):
    version = bucket.put("key", b"x" * 25, Put(part_bytes=10))

    assert version.etag.endswith("-3")
    assert [one.content.size for one in version.parts] == [10, 10, 5]
