"""Signatures: botocore's signer is the oracle; what is wrong, late, expired or unsigned is refused."""

import hashlib
import hmac
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ferryline.testing.strict import BucketSettings, Credential
from tests.strict.conftest import RawClient, client_of, refused


def fetch(url, method="GET", body=None):
    request = urllib.request.Request(url, data=body, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, failure.read()


def test_a_wrong_secret_is_refused(server):
    s3 = client_of(server, aws_secret_access_key="wrong")

    assert refused(s3.list_objects_v2, Bucket="bucket") == ("SignatureDoesNotMatch", 403)


def test_an_unknown_access_key_is_refused(server):
    s3 = client_of(server, aws_access_key_id="UNKNOWN")

    assert refused(s3.list_objects_v2, Bucket="bucket") == ("InvalidAccessKeyId", 403)


def test_an_anonymous_request_is_refused_unless_the_bucket_is_public(server):
    server.bucket(BucketSettings("public", public_read=True)).put("key", b"x")
    client = RawClient(server.port)

    assert client.ask("GET", "/bucket/key").status == 403
    assert client.ask("GET", "/public/key").body == b"x"
    assert client.ask("PUT", "/public/key", body=b"y").status == 403
    client.close()


def test_a_session_token_must_be_the_right_one(server):
    server.credential("TEMPORARY", Credential("secret", session_token="token"))
    named = {"aws_access_key_id": "TEMPORARY", "aws_secret_access_key": "secret"}
    client_of(server, **named, aws_session_token="token").list_objects_v2(Bucket="bucket")

    for wrong in ({"aws_session_token": "other"}, {}):
        assert refused(client_of(server, **named, **wrong).list_objects_v2, Bucket="bucket") == (
            "InvalidToken",
            400,
        )


def test_an_expired_token_says_so(server, s3):
    server.credential("FLTEST", Credential(expired=True))

    assert refused(s3.list_objects_v2, Bucket="bucket") == ("ExpiredToken", 400)


@pytest.mark.parametrize("offset", [-16 * 60, 16 * 60, 86400])
def test_a_clock_more_than_15_minutes_off_is_refused(server, s3, offset):
    server.settings = replace(server.settings, clock_offset_seconds=offset)

    assert refused(s3.list_objects_v2, Bucket="bucket") == ("RequestTimeTooSkewed", 403)


def test_a_clock_14_minutes_off_passes(server, s3):
    server.settings = replace(server.settings, clock_offset_seconds=14 * 60)

    s3.list_objects_v2(Bucket="bucket")


def test_a_signed_payload_must_be_the_one_signed(server):
    request = AWSRequest("PUT", f"{server.endpoint_url}/bucket/key", data=b"bytes")
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials("FLTEST", "not-a-secret"), "s3", "us-east-1").add_auth(request)
    client = RawClient(server.port)
    headers = [
        f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "content-length"
    ]
    headers.append(f"Host: 127.0.0.1:{server.port}")

    def send(body):
        lines = ["PUT /bucket/key HTTP/1.1", *headers, f"Content-Length: {len(body)}"]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return client.answer()

    assert request.headers["X-Amz-Content-SHA256"] == hashlib.sha256(b"bytes").hexdigest()
    tampered = send(b"bytEs")
    assert (tampered.status, b"XAmzContentSHA256Mismatch" in tampered.body) == (400, True)
    assert send(b"bytes").status == 200
    client.close()


def test_a_header_that_changes_on_the_way_breaks_the_signature(server):
    request = AWSRequest("GET", f"{server.endpoint_url}/bucket?list-type=2", headers={"x-amz-meta": "a"})
    S3SigV4Auth(Credentials("FLTEST", "not-a-secret"), "s3", "us-east-1").add_auth(request)
    client = RawClient(server.port)

    def send(extra, changed=None):
        headers = {
            **dict(request.headers.items()),
            "Host": f"127.0.0.1:{server.port}",
            **(changed or {}),
            **extra,
        }
        lines = ["GET /bucket?list-type=2 HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        return client.answer()

    assert send({}).status == 200
    assert b"SignatureDoesNotMatch" in send({}, {"x-amz-meta": "b"}).body
    assert b"not signed" in send({"x-amz-acl": "private"}).body
    client.close()


def test_every_hostile_key_can_be_signed(s3, bucket):
    from ferryline.testing.hostile import KEYS

    for hostile in KEYS:
        s3.put_object(Bucket="bucket", Key=hostile.key.decode(), Metadata={"a": "two  spaces"})
        s3.list_objects_v2(Bucket="bucket", Prefix=hostile.key.decode(), StartAfter=hostile.key.decode())
    assert len(bucket.keys()) == len(KEYS)


def test_presigned_urls_work_until_they_expire(server, s3, bucket):
    from botocore.config import Config

    signer = client_of(server, signature_version="s3v4")
    put = signer.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "a b+ü"}, 60)
    get = signer.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a b+ü"}, 60)
    assert isinstance(signer.meta.config, Config)

    assert fetch(put, "PUT", b"bytes")[0] == 200
    assert fetch(get) == (200, b"bytes")
    assert fetch(get.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))[0] == 403
    server.settings = replace(server.settings, clock_offset_seconds=61)
    status, body = fetch(get)
    assert (status, b"Request has expired" in body) == (403, True)
    assert fetch(get.replace("X-Amz-Date", "X-Amz-Datum"))[0] == 400


def test_signed_chunks_are_checked_one_by_one(server, bucket):
    client = RawClient(server.port)
    for spoil, status in ((False, 200), (True, 403)):
        client.send(signed_chunks(server.port, [b"first", b"second"], spoil=spoil))
        assert client.answer().status == status
    client.close()

    assert bucket.get("key") == b"firstsecond"


def signed_chunks(port, chunks, *, spoil):
    """A request with a chunked-signed payload, made by hand from the documented recipe."""
    from datetime import UTC, datetime

    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    day, empty = moment[:8], hashlib.sha256(b"").hexdigest()
    total = sum(len(chunk) for chunk in chunks)
    headers = {
        "content-encoding": "aws-chunked",
        "host": f"127.0.0.1:{port}",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-date": moment,
        "x-amz-decoded-content-length": str(total),
    }
    key = b"AWS4not-a-secret"
    for piece in (day, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, piece.encode(), "sha256")
    scope = f"{day}/us-east-1/s3/aws4_request"
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"PUT\n/bucket/key\n\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential=FLTEST/{scope},SignedHeaders={names},Signature={signature}"
    body = b""
    for chunk in (*chunks, b""):
        text = "\n".join(
            ("AWS4-HMAC-SHA256-PAYLOAD", moment, scope, signature, empty, hashlib.sha256(chunk).hexdigest())
        )
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        sent = chunk.upper() if spoil and chunk == b"second" else chunk
        body += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(sent), signature.encode(), sent)
    head = [f"{name}: {value}" for name, value in headers.items()]
    head += [f"authorization: {authorization}", f"content-length: {len(body)}"]
    return b"PUT /bucket/key HTTP/1.1\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + body
