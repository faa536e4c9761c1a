"""Digests by boto3 and by hand: enforced, stored, returned; of parts; and servers that pretend."""

import base64
import hashlib

import pytest
from awscrt import checksums

from ferryline.testing.strict import Lie
from tests.strict.conftest import refused

MIB = 1024 * 1024
BIG = bytes(range(256)) * (5 * MIB // 256)
ALGORITHMS = ("CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256")
LENGTHS = {"CRC64NVME": 8, "CRC32": 4, "CRC32C": 4, "SHA1": 20, "SHA256": 32}


def text(value):
    return base64.b64encode(value).decode()


def of(algorithm, data):
    functions = {
        "CRC64NVME": lambda: checksums.crc64nvme(data).to_bytes(8, "big"),
        "CRC32": lambda: checksums.crc32(data).to_bytes(4, "big"),
        "CRC32C": lambda: checksums.crc32c(data).to_bytes(4, "big"),
        "SHA1": lambda: hashlib.sha1(data).digest(),
        "SHA256": lambda: hashlib.sha256(data).digest(),
    }
    return functions[algorithm]()


def wrong(algorithm):
    return text(b"w" * LENGTHS[algorithm])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_right_checksum_is_stored_and_returned_when_asked_for(s3, algorithm):
    field = f"Checksum{algorithm}"
    put = s3.put_object(Bucket="bucket", Key="key", Body=b"bytes", **{field: text(of(algorithm, b"bytes"))})
    head = s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")

    assert put[field] == head[field] == text(of(algorithm, b"bytes"))
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert field not in s3.head_object(Bucket="bucket", Key="key")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_is_refused_and_nothing_is_stored(s3, bucket, algorithm):
    field = f"Checksum{algorithm}"
    refusal = refused(s3.put_object, Bucket="bucket", Key="key", Body=b"bytes", **{field: wrong(algorithm)})

    assert refusal == ("BadDigest", 400)
    assert bucket.keys() == []


def test_a_wrong_content_md5_is_refused(s3, server):
    named = {"Bucket": "bucket", "Key": "key", "Body": b"bytes"}

    assert refused(s3.put_object, **named, ContentMD5=text(b"w" * 16)) == ("BadDigest", 400)
    assert refused(s3.put_object, **named, ContentMD5="rubbish") == ("InvalidDigest", 400)
    s3.put_object(**named, ContentMD5=text(hashlib.md5(b"bytes").digest()))
    server.lie(Lie.IGNORES_CONTENT_MD5)
    s3.put_object(**named, ContentMD5=text(b"w" * 16))


@pytest.mark.parametrize(
    "headers",
    [
        ["x-amz-checksum-crc32: AAAAAA==", "x-amz-checksum-sha1: AAAAAA=="],
        ["x-amz-checksum-crc32: AAAA"],
        ["x-amz-checksum-crc32: not base64"],
        ["x-amz-checksum-crc99: AAAAAA=="],
        ["x-amz-checksum-crc32: AAAAAA==", "x-amz-sdk-checksum-algorithm: SHA1"],
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(raw, headers):
    answer = raw.ask("PUT", "/bucket/key", headers=headers, body=b"")

    assert (answer.status, b"InvalidRequest" in answer.body) == (400, True)


def test_crc64nvme_is_stored_even_when_nothing_was_announced(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"bytes")
    head = s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")

    assert head["ChecksumCRC64NVME"] == text(of("CRC64NVME", b"bytes"))


def test_a_range_comes_without_a_checksum(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"bytes")
    part = s3.get_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED", Range="bytes=0-1")

    assert "ChecksumCRC64NVME" not in part


def upload(s3, bodies, algorithm=None, **creating):
    named = {"Bucket": "bucket", "Key": "key"}
    if algorithm:
        creating["ChecksumAlgorithm"] = algorithm
    named["UploadId"] = s3.create_multipart_upload(**named, **creating)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, start=1):
        extra = {f"Checksum{algorithm}": text(of(algorithm, body))} if algorithm else {}
        answer = s3.upload_part(PartNumber=number, Body=body, **named, **extra)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **extra})
    return named, {"Parts": parts}


def test_crc64nvme_of_a_completed_upload_is_of_the_whole_object(s3):
    named, parts = upload(s3, [BIG, b"tail"])
    answer = s3.complete_multipart_upload(MultipartUpload=parts, **named)
    head = s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")

    assert answer["ChecksumCRC64NVME"] == head["ChecksumCRC64NVME"] == text(of("CRC64NVME", BIG + b"tail"))
    assert answer["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize("creating", [{}, {"algorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}])
def test_a_full_object_checksum_on_completion_is_checked(s3, creating):
    named, parts = upload(s3, [BIG, b"tail"], **creating)
    wanted = {"ChecksumCRC64NVME": text(of("CRC64NVME", BIG + b"tail")), "ChecksumType": "FULL_OBJECT"}
    lying = {**wanted, "ChecksumCRC64NVME": wrong("CRC64NVME")}

    assert refused(s3.complete_multipart_upload, MultipartUpload=parts, **named, **lying) == (
        "BadDigest",
        400,
    )
    s3.complete_multipart_upload(MultipartUpload=parts, **named, **wanted)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_is_of_the_parts_checksums(s3, algorithm):
    field = f"Checksum{algorithm}"
    named, parts = upload(s3, [BIG, b"tail"], algorithm)
    answer = s3.complete_multipart_upload(MultipartUpload=parts, **named)
    expected = text(of(algorithm, of(algorithm, BIG) + of(algorithm, b"tail"))) + "-2"
    second = s3.head_object(Bucket="bucket", Key="key", PartNumber=2, ChecksumMode="ENABLED")

    assert (answer[field], answer["ChecksumType"]) == (expected, "COMPOSITE")
    assert second[field] == text(of(algorithm, b"tail"))
    told = s3.get_object_attributes(Bucket="bucket", Key="key", ObjectAttributes=["ObjectParts"])[
        "ObjectParts"
    ]
    assert [one[field] for one in told["Parts"]] == [text(of(algorithm, one)) for one in (BIG, b"tail")]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C"])
def test_a_crc_may_be_of_the_full_object(s3, algorithm):
    named, parts = upload(s3, [BIG, b"tail"], algorithm, ChecksumType="FULL_OBJECT")
    answer = s3.complete_multipart_upload(MultipartUpload=parts, **named)

    assert answer[f"Checksum{algorithm}"] == text(of(algorithm, BIG + b"tail"))


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA1", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_not_every_algorithm_has_both_types(s3, algorithm, kind):
    refusal = refused(
        s3.create_multipart_upload, Bucket="bucket", Key="key", ChecksumAlgorithm=algorithm, ChecksumType=kind
    )

    assert refusal == ("InvalidRequest", 400)


def test_a_composite_upload_needs_every_part_s_checksum_again(s3):
    named, parts = upload(s3, [BIG, b"tail"], "SHA256")
    bare = {"Parts": [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in parts["Parts"]]}
    other = {"Parts": [parts["Parts"][0], {**parts["Parts"][1], "ChecksumSHA256": wrong("SHA256")}]}

    assert refused(s3.complete_multipart_upload, MultipartUpload=bare, **named) == ("InvalidRequest", 400)
    assert refused(s3.complete_multipart_upload, MultipartUpload=other, **named) == ("InvalidPart", 400)


def test_a_part_with_another_algorithm_is_refused(s3):
    named, _ = upload(s3, [], "SHA256")
    refusal = refused(s3.upload_part, PartNumber=1, Body=b"x", ChecksumSHA1=text(of("SHA1", b"x")), **named)

    assert refusal == ("InvalidRequest", 400)


def test_a_wrong_checksum_of_a_part_is_refused(s3):
    named, _ = upload(s3, [])
    refusal = refused(s3.upload_part, PartNumber=1, Body=b"x", ChecksumCRC32=wrong("CRC32"), **named)

    assert refusal == ("BadDigest", 400)


def test_a_copy_carries_the_checksum_or_computes_the_one_asked_for(s3):
    s3.put_object(Bucket="bucket", Key="from", Body=b"bytes", ChecksumSHA1=text(of("SHA1", b"bytes")))
    source = {"Bucket": "bucket", "Key": "from"}
    carried = s3.copy_object(Bucket="bucket", Key="a", CopySource=source)["CopyObjectResult"]
    computed = s3.copy_object(Bucket="bucket", Key="b", CopySource=source, ChecksumAlgorithm="CRC32C")

    assert carried["ChecksumSHA1"] == text(of("SHA1", b"bytes"))
    assert computed["CopyObjectResult"]["ChecksumCRC32C"] == text(of("CRC32C", b"bytes"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_server_may_ignore_checksums(s3, server, algorithm):
    server.lie(Lie.IGNORES_CHECKSUMS)
    field = f"Checksum{algorithm}"
    put = s3.put_object(Bucket="bucket", Key="key", Body=b"bytes", **{field: wrong(algorithm)})

    assert field not in put
    assert "ChecksumType" not in s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_server_may_echo_checksums_it_never_checked(s3, server, algorithm):
    server.lie(Lie.ECHOES_CHECKSUMS)
    field = f"Checksum{algorithm}"
    s3.put_object(Bucket="bucket", Key="key", Body=b"bytes", **{field: wrong(algorithm)})

    assert s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")[field] == wrong(algorithm)


def test_a_server_may_echo_the_checksum_of_a_completion(s3, server):
    server.lie(Lie.ECHOES_CHECKSUMS)
    named, parts = upload(s3, [BIG, b"tail"])
    said = {"ChecksumCRC64NVME": wrong("CRC64NVME"), "ChecksumType": "FULL_OBJECT"}
    answer = s3.complete_multipart_upload(MultipartUpload=parts, **named, **said)

    assert answer["ChecksumCRC64NVME"] == wrong("CRC64NVME")


def chunked(body, trailers=b""):
    return b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)


def test_an_aws_chunked_trailer_is_checked_and_the_framing_is_not_part_of_the_object(raw, open_server):
    headers = [
        "Content-Encoding: gzip, aws-chunked",
        "x-amz-decoded-content-length: 5",
        "x-amz-trailer: x-amz-checksum-crc32",
    ]
    right = b"x-amz-checksum-crc32:" + text(of("CRC32", b"bytes")).encode() + b"\r\n"
    good = raw.ask("PUT", "/bucket/key", headers=headers, body=chunked(b"bytes", right))
    bad = raw.ask("PUT", "/bucket/key", headers=headers, body=chunked(b"bytEs", right))
    missing = raw.ask("PUT", "/bucket/key", headers=headers, body=chunked(b"bytes"))
    short = raw.ask("PUT", "/bucket/key", headers=headers, body=chunked(b"byte", right))
    bucket = open_server.bucket("bucket")

    assert (good.status, bad.status, missing.status, short.status) == (200, 400, 400, 400)
    assert b"BadDigest" in bad.body
    assert b"IncompleteBody" in short.body
    assert bucket.get("key") == b"bytes"
    assert bucket.version("key").headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_http_chunks_carry_aws_chunks_in_pieces_of_any_size(raw, open_server, step):
    trailer = b"x-amz-checksum-crc32:" + text(of("CRC32", b"bytes")).encode() + b"\r\n"
    wire = (
        b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Encoding: aws-chunked\r\n"
        b"x-amz-decoded-content-length: 5\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\r\n"
        + chunked(b"bytes", trailer)
    )
    for at in range(0, len(wire), step):
        raw.send(wire[at : at + step])

    assert raw.answer().status == 200
    assert open_server.bucket("bucket").get("key") == b"bytes"


def test_chunks_that_are_no_aws_chunks_are_not_implemented(raw):
    raw.send(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"bytes"))
    answer = raw.answer()

    assert (answer.status, b"Transfer-Encoding" in answer.body) == (501, True)


def test_rot_keeps_etag_and_checksum(s3, bucket):
    bucket.put("key", b"bytes")
    before = s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")
    bucket.corrupt("key", 2)
    after = s3.head_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")

    assert bucket.get("key") == b"byues"
    for name in ("ETag", "ChecksumCRC64NVME", "LastModified"):
        assert before[name] == after[name]
