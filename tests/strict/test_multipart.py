"""Multipart uploads by boto3: parts, lists, completion and its checks, part reads, part copies, aborts."""

import hashlib

import pytest

from ferryline.testing.strict import Lie, Put
from tests.strict.conftest import refused

MIB = 1024 * 1024
BIG = bytes(range(256)) * (5 * MIB // 256)


def begin(s3, key="key", **named):
    return s3.create_multipart_upload(Bucket="bucket", Key=key, **named)["UploadId"]


def part(s3, upload, number, body, key="key", **named):
    answer = s3.upload_part(Bucket="bucket", Key=key, UploadId=upload, PartNumber=number, Body=body, **named)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def complete(s3, upload, parts, key="key", **named):
    return s3.complete_multipart_upload(
        Bucket="bucket", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **named
    )


def md5_of_parts(*parts):
    joined = b"".join(hashlib.md5(one).digest() for one in parts)
    return f'"{hashlib.md5(joined).hexdigest()}-{len(parts)}"'


def test_parts_become_one_object_with_an_etag_of_their_md5s(s3):
    upload = begin(s3, Metadata={"a": "b"}, ContentType="text/x")
    parts = [part(s3, upload, 1, BIG), part(s3, upload, 7, BIG), part(s3, upload, 9, b"tail")]
    assert refused(s3.head_object, Bucket="bucket", Key="key")[1] == 404
    answer = complete(s3, upload, parts)
    whole = s3.get_object(Bucket="bucket", Key="key")

    assert whole["Body"].read() == BIG + BIG + b"tail"
    assert answer["ETag"] == whole["ETag"] == md5_of_parts(BIG, BIG, b"tail")
    assert (whole["Metadata"], whole["ContentType"]) == ({"a": "b"}, "text/x")
    assert refused(part, s3, upload, 1, b"late") == ("NoSuchUpload", 404)


def test_the_last_upload_of_a_part_counts(s3):
    upload = begin(s3)
    old, new = part(s3, upload, 1, b"old"), part(s3, upload, 1, b"new")

    assert refused(complete, s3, upload, [old]) == ("InvalidPart", 400)
    complete(s3, upload, [new])
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"new"


def test_parts_that_are_not_named_are_left_out(s3):
    upload = begin(s3)
    part(s3, upload, 1, b"unused")
    complete(s3, upload, [part(s3, upload, 2, b"used")])

    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"used"


def test_a_small_part_that_is_not_the_last_is_refused_and_the_upload_lives_on(s3, server, bucket):
    upload = begin(s3)
    parts = [part(s3, upload, 1, BIG[:-1]), part(s3, upload, 2, b"tail")]

    assert refused(complete, s3, upload, parts) == ("EntityTooSmall", 400)
    assert [one.upload_id for one in bucket.uploads()] == [upload]
    server.lie(Lie.ACCEPTS_SMALL_PARTS)
    complete(s3, upload, parts)


def test_parts_out_of_order_are_refused(s3):
    upload = begin(s3)
    one, two = part(s3, upload, 1, BIG), part(s3, upload, 2, BIG)

    assert refused(complete, s3, upload, [two, one]) == ("InvalidPartOrder", 400)
    assert refused(complete, s3, upload, [one, one]) == ("InvalidPartOrder", 400)


def test_a_part_that_was_never_sent_is_refused(s3):
    upload = begin(s3)
    known = part(s3, upload, 1, BIG)
    unknown = {"PartNumber": 2, "ETag": known["ETag"]}

    assert refused(complete, s3, upload, [known, unknown]) == ("InvalidPart", 400)


def test_completing_with_nothing_is_refused(s3):
    assert refused(complete, s3, begin(s3), []) == ("MalformedXML", 400)


@pytest.mark.parametrize("number", [0, 10001])
def test_part_numbers_are_1_to_10000(s3, number):
    upload = begin(s3)

    assert refused(part, s3, upload, number, b"x") == ("InvalidArgument", 400)
    part(s3, upload, 10000, b"x")


def test_completing_again_answers_the_same(s3):
    upload = begin(s3)
    parts = [part(s3, upload, 1, b"x")]
    first, second = complete(s3, upload, parts), complete(s3, upload, parts)

    assert first["ETag"] == second["ETag"]


def test_completing_again_after_an_overwrite_is_no_such_upload(s3):
    upload = begin(s3)
    parts = [part(s3, upload, 1, b"x")]
    complete(s3, upload, parts)
    s3.put_object(Bucket="bucket", Key="key", Body=b"other")

    assert refused(complete, s3, upload, parts) == ("NoSuchUpload", 404)
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"other"


def test_an_upload_belongs_to_its_key(s3):
    upload = begin(s3)

    assert refused(part, s3, upload, 1, b"x", key="other") == ("NoSuchUpload", 404)


def test_a_wrong_total_size_is_refused(s3, server):
    upload = begin(s3)
    parts = [part(s3, upload, 1, b"12345")]

    assert refused(complete, s3, upload, parts, MpuObjectSize=6) == ("InvalidRequest", 400)
    complete(s3, upload, parts, MpuObjectSize=5)


def test_parts_are_listed_in_pages(s3):
    upload = begin(s3)
    for number in (3, 1, 2, 12):
        part(s3, upload, number, b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(
        Bucket="bucket", Key="key", UploadId=upload, PaginationConfig={"PageSize": 2}
    )
    found = [(one["PartNumber"], one["Size"]) for page in pages for one in page["Parts"]]

    assert found == [(1, 1), (2, 2), (3, 3), (12, 12)]


def test_an_aborted_upload_is_gone(s3, bucket):
    upload = begin(s3)
    part(s3, upload, 1, b"x")
    s3.abort_multipart_upload(Bucket="bucket", Key="key", UploadId=upload)

    assert bucket.uploads() == []
    again = refused(s3.abort_multipart_upload, Bucket="bucket", Key="key", UploadId=upload)
    assert again == ("NoSuchUpload", 404)
    assert refused(s3.list_parts, Bucket="bucket", Key="key", UploadId=upload) == ("NoSuchUpload", 404)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_uploads_are_listed_by_key_then_age_in_pages(s3, bucket, size):
    expected = []
    for key in ("a", "b/1", "b/2"):
        for age in (1000.0, 2000.0):
            expected.append((key, bucket.open_upload(key, initiated=age)))
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket="bucket", PaginationConfig={"PageSize": size}
    )

    assert [(one["Key"], one["UploadId"]) for page in pages for one in page["Uploads"]] == expected
    rolled = s3.list_multipart_uploads(Bucket="bucket", Delimiter="/")
    assert [one["Prefix"] for one in rolled["CommonPrefixes"]] == ["b/"]
    assert len(s3.list_multipart_uploads(Bucket="bucket", Prefix="b/")["Uploads"]) == 4


def test_a_part_is_read_by_number(s3, bucket):
    bucket.put("key", b"0123456789" * 2 + b"tail", Put(part_bytes=10))
    second = s3.get_object(Bucket="bucket", Key="key", PartNumber=2)
    head = s3.head_object(Bucket="bucket", Key="key", PartNumber=3)

    assert second["Body"].read() == b"0123456789"
    assert second["ContentRange"] == "bytes 10-19/24"
    assert second["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (head["PartsCount"], head["ContentLength"]) == (3, 4)
    assert refused(s3.get_object, Bucket="bucket", Key="key", PartNumber=4) == ("InvalidPartNumber", 416)
    both = refused(s3.get_object, Bucket="bucket", Key="key", PartNumber=1, Range="bytes=0-1")
    assert both == ("InvalidRequest", 400)


def test_an_object_that_had_no_parts_has_one_and_no_count(s3, bucket):
    bucket.put("key", b"0123456789")
    head = s3.head_object(Bucket="bucket", Key="key", PartNumber=1)

    assert head["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert "PartsCount" not in head
    assert refused(s3.get_object, Bucket="bucket", Key="key", PartNumber=2) == ("InvalidPartNumber", 416)


def test_a_part_is_copied_whole_or_by_range(s3, bucket):
    bucket.put("from", BIG + b"0123456789")
    upload = begin(s3)
    named = {
        "Bucket": "bucket",
        "Key": "key",
        "UploadId": upload,
        "CopySource": {"Bucket": "bucket", "Key": "from"},
    }
    first = s3.upload_part_copy(PartNumber=1, CopySourceRange=f"bytes=0-{len(BIG) - 1}", **named)
    second = s3.upload_part_copy(PartNumber=2, CopySourceRange=f"bytes={len(BIG)}-{len(BIG) + 3}", **named)
    parts = [
        {"PartNumber": number, "ETag": one["CopyPartResult"]["ETag"]}
        for number, one in enumerate((first, second), 1)
    ]
    complete(s3, upload, parts)

    assert bucket.get("key") == BIG + b"0123"


@pytest.mark.parametrize("text", ["bytes=0-10", "bytes=5-", "0-3", "bytes=3-1"])
def test_a_bad_copy_range_is_refused(s3, bucket, text):
    bucket.put("from", b"0123456789")
    upload = begin(s3)
    refusal = refused(
        s3.upload_part_copy,
        Bucket="bucket", Key="key", UploadId=upload, PartNumber=1, CopySourceRange=text,
        CopySource={"Bucket": "bucket", "Key": "from"},
    )  # fmt: skip

    assert refusal == ("InvalidArgument", 400)


def test_metadata_and_encryption_are_fixed_at_creation(s3, bucket):
    from dataclasses import replace

    from ferryline.testing.strict import Encryption

    bucket.settings = replace(bucket.settings, encryption=Encryption.KMS)
    upload = begin(s3)
    bucket.settings = replace(bucket.settings, encryption=Encryption.SSE_S3)
    answer = complete(s3, upload, [part(s3, upload, 1, b"x")])

    assert answer["ServerSideEncryption"] == "aws:kms"
    assert answer["ETag"] != md5_of_parts(b"x")
    assert answer["ETag"].endswith('-1"')
