"""Preconditions by boto3: on reads, writes, completions, deletes and copies; and servers that ignore them."""

from datetime import UTC, datetime, timedelta

import pytest

from ferryline.testing.strict import Lie
from tests.strict.conftest import refused

REFUSALS = {Lie.REFUSES_WRITE_PRECONDITIONS, Lie.REFUSES_COPIES}
WRONG = '"00000000000000000000000000000000"'
FAILED = ("PreconditionFailed", 412)


@pytest.fixture
def etag(bucket):
    return f'"{bucket.put("key", b"x").etag}"'


def past():
    return datetime.now(UTC) - timedelta(hours=1)


def future():
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_reads_that_may_pass(s3, etag, call):
    read = getattr(s3, call)
    for condition in (
        {"IfMatch": etag},
        {"IfMatch": etag.strip('"')},
        {"IfMatch": f"{WRONG}, {etag}"},
        {"IfMatch": "*"},
        {"IfNoneMatch": WRONG},
        {"IfModifiedSince": past()},
        {"IfUnmodifiedSince": future()},
        {"IfMatch": etag, "IfUnmodifiedSince": past()},
        {"IfNoneMatch": WRONG, "IfModifiedSince": future()},
    ):
        read(Bucket="bucket", Key="key", **condition)


@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_reads_that_may_not_pass(s3, etag, call):
    read = getattr(s3, call)
    for condition, status in (
        ({"IfMatch": WRONG}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": future()}, 304),
        ({"IfUnmodifiedSince": past()}, 412),
        ({"IfNoneMatch": etag, "IfModifiedSince": past()}, 304),
    ):
        assert refused(read, Bucket="bucket", Key="key", **condition)[1] == status, condition


def test_a_304_has_no_body_and_keeps_the_connection(raw, open_server):
    etag = open_server.bucket("bucket").put("key", b"x").etag
    first = raw.ask("GET", "/bucket/key", headers=[f'If-None-Match: "{etag}"'])
    second = raw.ask("GET", "/bucket/key")

    assert (first.status, first.body, first.headers["etag"]) == (304, b"", f'"{etag}"')
    assert (second.status, second.body) == (200, b"x")


def write_put(s3, **condition):
    return s3.put_object(Bucket="bucket", Key="key", Body=b"new", **condition)


def write_complete(s3, **condition):
    upload = s3.create_multipart_upload(Bucket="bucket", Key="key")["UploadId"]
    named = {"Bucket": "bucket", "Key": "key", "UploadId": upload}
    etag = s3.upload_part(PartNumber=1, Body=b"new", **named)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return s3.complete_multipart_upload(MultipartUpload=parts, **named, **condition)


def write_copy(s3, **condition):
    s3.put_object(Bucket="bucket", Key="from", Body=b"new")
    source = {"Bucket": "bucket", "Key": "from"}
    return s3.copy_object(Bucket="bucket", Key="key", CopySource=source, **condition)


WRITES = pytest.mark.parametrize("write", [write_put, write_complete, write_copy])


@WRITES
def test_a_write_if_none_match_star_needs_the_key_to_be_absent(s3, bucket, write):
    write(s3, IfNoneMatch="*")
    assert bucket.get("key") == b"new"
    bucket.put("key", b"there")
    assert refused(write, s3, IfNoneMatch="*") == FAILED
    assert bucket.get("key") == b"there"


@WRITES
def test_a_write_if_match_needs_that_etag(s3, bucket, write):
    assert refused(write, s3, IfMatch=WRONG) == ("NoSuchKey", 404)
    etag = bucket.put("key", b"there").etag
    assert refused(write, s3, IfMatch=WRONG) == FAILED
    write(s3, IfMatch=f'"{etag}"')
    assert bucket.get("key") == b"new"


def test_a_refused_completion_leaves_the_upload(s3, bucket):
    bucket.put("key", b"there")

    assert refused(write_complete, s3, IfNoneMatch="*") == FAILED
    assert len(bucket.uploads()) == 1


def test_if_none_match_with_an_etag_is_not_implemented_for_writes(s3, etag):
    assert refused(write_put, s3, IfNoneMatch=WRONG) == ("NotImplemented", 501)


def test_a_delete_marker_is_no_object_to_a_condition(s3, bucket):
    bucket.set_versioning("Enabled")
    bucket.put("key", b"x")
    bucket.delete("key")
    write_put(s3, IfNoneMatch="*")

    assert bucket.get("key") == b"new"


def test_a_delete_if_match_needs_that_etag(s3, bucket, etag):
    named = {"Bucket": "bucket", "Key": "key"}

    assert refused(s3.delete_object, **named, IfMatch=WRONG) == FAILED
    assert bucket.get("key") == b"x"
    s3.delete_object(**named, IfMatch=etag)
    assert bucket.get("key") is None
    assert refused(s3.delete_object, **named, IfMatch=etag) == ("NoSuchKey", 404)
    assert refused(s3.delete_object, **named, IfMatch="*") == FAILED


def test_a_delete_by_time_or_size_is_for_directory_buckets_only(s3, etag):
    for condition in ({"IfMatchSize": 1}, {"IfMatchLastModifiedTime": past()}):
        assert refused(s3.delete_object, Bucket="bucket", Key="key", **condition) == ("NotImplemented", 501)


def test_deleting_many_takes_an_etag_for_each(s3, bucket, etag):
    bucket.put("other", b"y")
    answer = s3.delete_objects(
        Bucket="bucket", Delete={"Objects": [{"Key": "key", "ETag": etag}, {"Key": "other", "ETag": WRONG}]}
    )

    assert [one["Key"] for one in answer["Deleted"]] == ["key"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("other", "PreconditionFailed")]


@pytest.mark.parametrize(
    "condition",
    [
        {"CopySourceIfMatch": WRONG},
        {"CopySourceIfNoneMatch": "ETAG"},
        {"CopySourceIfModifiedSince": "FUTURE"},
        {"CopySourceIfUnmodifiedSince": "PAST"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_copy_whose_source_is_another_is_412(s3, etag, condition):
    made = {"ETAG": etag, "FUTURE": future(), "PAST": past()}
    condition = {name: made.get(value, value) for name, value in condition.items()}
    named = {"Bucket": "bucket", "CopySource": {"Bucket": "bucket", "Key": "key"}, **condition}
    upload = s3.create_multipart_upload(Bucket="bucket", Key="to")["UploadId"]

    assert refused(s3.copy_object, Key="to", **named) == FAILED
    assert refused(s3.upload_part_copy, Key="to", UploadId=upload, PartNumber=1, **named) == FAILED


def test_a_copy_whose_source_is_the_one_meant_is_made(s3, bucket, etag):
    source = {"Bucket": "bucket", "Key": "key"}
    s3.copy_object(Bucket="bucket", Key="to", CopySource=source, CopySourceIfMatch=etag)

    assert bucket.get("to") == b"x"


@pytest.mark.parametrize(
    ("lie", "act"),
    [
        (Lie.IGNORES_READ_IF_MATCH, lambda s3: s3.get_object(Bucket="bucket", Key="key", IfMatch=WRONG)),
        (Lie.IGNORES_WRITE_PRECONDITIONS, lambda s3: write_put(s3, IfNoneMatch="*")),
        (Lie.IGNORES_COMPLETE_PRECONDITIONS, lambda s3: write_complete(s3, IfNoneMatch="*")),
        (
            Lie.IGNORES_DELETE_PRECONDITIONS,
            lambda s3: s3.delete_object(Bucket="bucket", Key="key", IfMatch=WRONG),
        ),
        (
            Lie.IGNORES_COPY_PRECONDITIONS,
            lambda s3: s3.copy_object(
                Bucket="bucket",
                Key="to",
                CopySource={"Bucket": "bucket", "Key": "key"},
                CopySourceIfMatch=WRONG,
            ),
        ),
    ],
    ids=lambda one: one.value if isinstance(one, Lie) else "",
)
def test_a_lie_ignores_exactly_its_own_precondition(s3, server, etag, lie, act):
    assert refused(act, s3) == FAILED
    server.lie(*(set(Lie) - {lie, *REFUSALS}))
    assert refused(act, s3) == FAILED
    server.lie(lie)
    act(s3)


def test_a_server_may_refuse_conditional_writes_altogether(s3, server, etag):
    server.lie(Lie.REFUSES_WRITE_PRECONDITIONS)

    assert refused(write_put, s3, IfMatch=etag) == ("NotImplemented", 501)
    assert refused(write_complete, s3, IfMatch=etag) == ("NotImplemented", 501)
    assert refused(s3.delete_object, Bucket="bucket", Key="key", IfMatch=etag) == ("NotImplemented", 501)
    write_put(s3)
