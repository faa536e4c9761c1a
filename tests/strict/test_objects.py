"""Objects by boto3: bytes, names, metadata, ranges, headers, copies, tags."""

import hashlib

import pytest

from ferryline.testing.hostile import KEYS
from ferryline.testing.strict import Encryption, Lie, Put
from tests.strict.conftest import client_of, refused


def test_bytes_come_back_as_they_went(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"bytes")
    answer = s3.get_object(Bucket="bucket", Key="key")

    assert answer["Body"].read() == b"bytes"
    assert answer["ContentLength"] == 5
    assert answer["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'
    assert answer["ContentType"] == "binary/octet-stream"
    assert answer["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("size", [0, 1, 65536, 1024 * 1024, 5 * 1024 * 1024 + 1])
def test_bodies_of_every_size_class_come_back(s3, size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    s3.put_object(Bucket="bucket", Key="key", Body=body)

    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == body


def test_every_hostile_key_is_kept_byte_for_byte_and_listed_in_byte_order(s3):
    for hostile in KEYS:
        s3.put_object(Bucket="bucket", Key=hostile.key.decode(), Body=hostile.key)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", PaginationConfig={"PageSize": 7})
    listed = [entry["Key"].encode() for page in pages for entry in page["Contents"]]

    assert listed == sorted(hostile.key for hostile in KEYS)
    for hostile in KEYS:
        assert s3.get_object(Bucket="bucket", Key=hostile.key.decode())["Body"].read() == hostile.key


def test_a_key_of_1025_bytes_is_refused(s3):
    s3.put_object(Bucket="bucket", Key="k" * 1024)

    assert refused(s3.put_object, Bucket="bucket", Key="k" * 1025) == ("KeyTooLongError", 400)


def test_what_is_missing_is_404(s3):
    assert refused(s3.get_object, Bucket="bucket", Key="key") == ("NoSuchKey", 404)
    assert refused(s3.head_object, Bucket="bucket", Key="key")[1] == 404
    assert refused(s3.get_object, Bucket="no-bucket", Key="key") == ("NoSuchBucket", 404)
    assert refused(s3.put_object, Bucket="no-bucket", Key="key") == ("NoSuchBucket", 404)
    s3.delete_object(Bucket="bucket", Key="key")


def test_metadata_and_content_headers_are_kept(s3):
    kept = {
        "ContentType": "text/plain",
        "CacheControl": "max-age=1",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip, br",
        "ContentLanguage": "de",
        "Metadata": {"one": "1", "two": "a b"},
    }
    s3.put_object(Bucket="bucket", Key="key", **kept)
    head = s3.head_object(Bucket="bucket", Key="key")

    assert {name: head[name] for name in kept} == kept


def test_user_metadata_beyond_2_kib_is_refused(s3):
    s3.put_object(Bucket="bucket", Key="key", Metadata={"a": "v" * 2047})

    assert refused(s3.put_object, Bucket="bucket", Key="key", Metadata={"a": "v" * 2048}) == (
        "MetadataTooLarge",
        400,
    )


def test_headers_beyond_8_kib_are_refused(raw):
    answer = raw.ask("GET", "/bucket/key", headers=[f"x-padding: {'p' * 9000}"])

    assert answer.status == 400
    assert b"RequestHeaderSectionTooLarge" in answer.body


def test_metadata_that_is_not_ascii_comes_back_as_rfc_2047(raw):
    raw.ask("PUT", "/bucket/key", headers=["x-amz-meta-name: ÄMÄZÕÑ"], body=b"x")

    assert (
        raw.ask("HEAD", "/bucket/key", headers=[]).headers["x-amz-meta-name"]
        == "=?UTF-8?B?w4RNw4Raw5XDkQ==?="
    )


@pytest.mark.parametrize(
    ("text", "status", "expected"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-30", 206, b"0123456789"),
        ("bytes=5-100", 206, b"56789"),
        ("bytes=4-2", 200, b"0123456789"),
        ("bytes=1-2,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_ranges(s3, bucket, text, status, expected):
    bucket.put("key", b"0123456789")
    answer = s3.get_object(Bucket="bucket", Key="key", Range=text)

    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (status, expected)
    if status == 206:
        start = b"0123456789".index(expected)
        assert answer["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/10"


@pytest.mark.parametrize(
    ("body", "text"), [(b"0123456789", "bytes=10-"), (b"", "bytes=0-0"), (b"0", "bytes=-0")]
)
def test_a_range_outside_the_object_is_416(s3, bucket, body, text):
    bucket.put("key", body)

    assert refused(s3.get_object, Bucket="bucket", Key="key", Range=text) == ("InvalidRange", 416)


def test_a_presigned_answer_may_override_headers(s3, bucket):
    bucket.put("key", b"x")
    answer = s3.get_object(
        Bucket="bucket", Key="key", ResponseContentType="text/x", ResponseCacheControl="no-cache"
    )

    assert (answer["ContentType"], answer["CacheControl"]) == ("text/x", "no-cache")


def test_head_answers_what_get_answers_without_a_body(s3, bucket):
    bucket.put("key", b"0123456789", Put(metadata={"a": "b"}))
    head, get = (
        call(Bucket="bucket", Key="key", ChecksumMode="ENABLED") for call in (s3.head_object, s3.get_object)
    )
    get.pop("Body")
    for answer in (head, get):
        answer.pop("ResponseMetadata")

    assert head == get


def test_a_copy_has_the_source_s_bytes_and_metadata_and_a_plain_md5_etag(s3, bucket):
    bucket.put("from", b"0123456789" * 3, Put(metadata={"a": "b"}, part_bytes=10))
    answer = s3.copy_object(Bucket="bucket", Key="to", CopySource={"Bucket": "bucket", "Key": "from"})
    head = s3.head_object(Bucket="bucket", Key="to")

    assert bucket.version("from").etag.endswith("-3")
    assert (
        answer["CopyObjectResult"]["ETag"]
        == head["ETag"]
        == f'"{hashlib.md5(b"0123456789" * 3).hexdigest()}"'
    )
    assert head["Metadata"] == {"a": "b"}


def test_a_copy_may_replace_metadata(s3, bucket):
    bucket.put("from", b"x", Put(metadata={"a": "b"}, headers={"Content-Type": "text/a"}))
    source = {"Bucket": "bucket", "Key": "from"}
    s3.copy_object(
        Bucket="bucket",
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"c": "d"},
        ContentType="text/b",
    )
    head = s3.head_object(Bucket="bucket", Key="to")

    assert (head["Metadata"], head["ContentType"]) == ({"c": "d"}, "text/b")


def test_a_copy_onto_itself_must_change_something(s3, bucket):
    bucket.put("key", b"x")
    itself = {"Bucket": "bucket", "Key": "key", "CopySource": {"Bucket": "bucket", "Key": "key"}}

    assert refused(s3.copy_object, **itself) == ("InvalidRequest", 400)
    s3.copy_object(**itself, MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.head_object(Bucket="bucket", Key="key")["Metadata"] == {"new": "1"}


def test_a_hostile_key_can_be_copied(s3, bucket):
    key = "a+b %20?versionId=x&ü\n"
    bucket.put(key, b"x")
    s3.copy_object(Bucket="bucket", Key=f"{key}2", CopySource={"Bucket": "bucket", "Key": key})

    assert bucket.get(f"{key}2") == b"x"


def test_copying_what_is_missing_is_404(s3):
    source = {"Bucket": "bucket", "Key": "nothing"}

    assert refused(s3.copy_object, Bucket="bucket", Key="to", CopySource=source) == ("NoSuchKey", 404)


def test_tags_are_set_counted_read_and_removed_without_touching_the_etag(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"x", Tagging="team=ml&a=%20b")
    before = s3.head_object(Bucket="bucket", Key="key")
    assert s3.get_object(Bucket="bucket", Key="key")["TagCount"] == 2
    assert s3.get_object_tagging(Bucket="bucket", Key="key")["TagSet"] == [
        {"Key": "a", "Value": " b"},
        {"Key": "team", "Value": "ml"},
    ]
    s3.put_object_tagging(Bucket="bucket", Key="key", Tagging={"TagSet": [{"Key": "x", "Value": "<&>"}]})
    assert s3.get_object_tagging(Bucket="bucket", Key="key")["TagSet"] == [{"Key": "x", "Value": "<&>"}]
    s3.delete_object_tagging(Bucket="bucket", Key="key")
    after = s3.head_object(Bucket="bucket", Key="key")

    assert s3.get_object_tagging(Bucket="bucket", Key="key")["TagSet"] == []
    assert (before["ETag"], before["LastModified"]) == (after["ETag"], after["LastModified"])


def test_tags_travel_with_uploads_and_copies_as_directed(s3, bucket):
    upload = {"Bucket": "bucket", "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="team=m%C3%BC&x=")["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    source = {"Bucket": "bucket", "Key": "parts"}
    s3.copy_object(Bucket="bucket", Key="along", CopySource=source)
    s3.copy_object(Bucket="bucket", Key="other", CopySource=source, TaggingDirective="REPLACE", Tagging="a=b")
    s3.copy_object(Bucket="bucket", Key="none", CopySource=source, TaggingDirective="REPLACE")

    tags = {"team": "m\u00fc", "x": ""}
    assert bucket.version("parts").tags == bucket.version("along").tags == tags
    assert (bucket.version("other").tags, bucket.version("none").tags) == ({"a": "b"}, {})


def test_a_server_may_forget_or_refuse_tags(server, s3, bucket):
    bucket.put("held", b"x", Put(tags={"team": "ml"}))
    held = {"Bucket": "bucket", "Key": "held"}
    server.lie(Lie.IGNORES_TAGGING)
    s3.put_object(Bucket="bucket", Key="key", Body=b"x", Tagging="a=b")
    s3.copy_object(Bucket="bucket", Key="copy", CopySource=held)
    assert (bucket.version("key").tags, bucket.version("copy").tags) == ({}, {})
    assert s3.get_object_tagging(**held)["TagSet"] == [{"Key": "team", "Value": "ml"}]

    server.lie(Lie.REFUSES_TAGGING, Lie.REFUSES_COPIES)
    missing = ("NotImplemented", 501)
    assert refused(s3.put_object, Bucket="bucket", Key="key", Body=b"x", Tagging="a=b") == missing
    assert refused(s3.get_object_tagging, **held) == missing
    assert refused(s3.copy_object, Bucket="bucket", Key="copy", CopySource=held) == missing
    s3.put_object(Bucket="bucket", Key="key", Body=b"x")


def test_more_than_ten_tags_are_refused(s3):
    many = "&".join(f"k{number}=v" for number in range(11))

    assert refused(s3.put_object, Bucket="bucket", Key="key", Tagging=many) == ("BadRequest", 400)


def test_deleting_many_tells_each_outcome(s3, bucket):
    bucket.put_many({"a": b"x", "b": b"x", "c <&>": b"x"})
    gone = s3.delete_objects(
        Bucket="bucket", Delete={"Objects": [{"Key": key} for key in ("a", "c <&>", "nothing")]}
    )

    assert sorted(entry["Key"] for entry in gone["Deleted"]) == ["a", "c <&>", "nothing"]
    assert bucket.keys() == [b"b"]


def test_deleting_many_quietly_tells_only_errors(s3, bucket):
    bucket.put("a", b"x")
    answer = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "a"}], "Quiet": True})

    assert "Deleted" not in answer
    assert bucket.keys() == []


def test_deleting_many_needs_a_digest_of_its_document(raw):
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    answer = raw.ask("POST", "/bucket?delete", body=body)

    assert answer.status == 400
    assert b"Content-MD5" in answer.body


def test_deleting_more_than_a_thousand_is_refused(s3):
    objects = [{"Key": str(number)} for number in range(1001)]

    assert refused(s3.delete_objects, Bucket="bucket", Delete={"Objects": objects}) == ("MalformedXML", 400)


def test_a_kms_bucket_has_etags_that_are_no_md5(server):
    from ferryline.testing.strict import BucketSettings

    server.bucket(BucketSettings("kms", encryption=Encryption.KMS))
    s3 = client_of(server)
    first = s3.put_object(Bucket="kms", Key="a", Body=b"x")
    second = s3.put_object(Bucket="kms", Key="b", Body=b"x")

    assert first["ServerSideEncryption"] == "aws:kms"
    assert len(first["ETag"]) == 34
    assert len({first["ETag"], second["ETag"], f'"{hashlib.md5(b"x").hexdigest()}"'}) == 3


def test_an_object_under_a_customer_key_needs_that_key(s3, raw, open_server):
    import base64

    key = b"k" * 32
    headers = [
        "x-amz-server-side-encryption-customer-algorithm: AES256",
        f"x-amz-server-side-encryption-customer-key: {base64.b64encode(key).decode()}",
        f"x-amz-server-side-encryption-customer-key-MD5: {base64.b64encode(hashlib.md5(key).digest()).decode()}",
    ]
    put = raw.ask("PUT", "/bucket/key", headers=headers, body=b"x")

    assert put.headers["etag"] != f'"{hashlib.md5(b"x").hexdigest()}"'
    assert raw.ask("GET", "/bucket/key", headers=headers).body == b"x"
    assert raw.ask("GET", "/bucket/key").status == 400
    open_server.bucket("bucket").change(blocks_sse_c=True)
    assert raw.ask("PUT", "/bucket/key", headers=headers, body=b"x").status == 403


def test_an_archived_object_is_known_by_head_and_refused_by_get_and_copy(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"x", StorageClass="GLACIER")
    source = {"Bucket": "bucket", "Key": "key"}

    assert s3.head_object(Bucket="bucket", Key="key")["StorageClass"] == "GLACIER"
    assert s3.list_objects_v2(Bucket="bucket")["Contents"][0]["StorageClass"] == "GLACIER"
    assert refused(s3.get_object, Bucket="bucket", Key="key") == ("InvalidObjectState", 403)
    assert refused(s3.copy_object, Bucket="bucket", Key="to", CopySource=source) == (
        "InvalidObjectState",
        403,
    )
    s3.restore_object(Bucket="bucket", Key="key", RestoreRequest={"Days": 1})
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"x"


def test_an_unknown_storage_class_is_refused(s3):
    assert refused(s3.put_object, Bucket="bucket", Key="key", StorageClass="COLD") == (
        "InvalidStorageClass",
        400,
    )


def test_attributes_are_told_when_asked_for(s3, bucket):
    bucket.put("key", b"x" * 25, Put(part_bytes=10))
    answer = s3.get_object_attributes(
        Bucket="bucket",
        Key="key",
        ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"],
    )

    assert answer["ETag"] == bucket.version("key").etag
    assert answer["ObjectSize"] == 25
    assert answer["StorageClass"] == "STANDARD"
    assert answer["ObjectParts"]["TotalPartsCount"] == 3
    assert answer["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectSize" not in s3.get_object_attributes(Bucket="bucket", Key="key", ObjectAttributes=["ETag"])


def test_acls_are_off(s3, bucket):
    bucket.put("key", b"x")

    assert s3.get_object_acl(Bucket="bucket", Key="key")["Grants"][0]["Permission"] == "FULL_CONTROL"
    refusal = refused(s3.put_object, Bucket="bucket", Key="key", ACL="public-read")
    assert refusal == ("AccessControlListNotSupported", 400)
