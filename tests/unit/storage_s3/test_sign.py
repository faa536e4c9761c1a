"""Signatures equal botocore's, for every key and query that S3 can hold; and secrets stay out of sight."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from ferryline.storage.s3 import sign
from ferryline.testing import hostile

KEYS = sign.Keys("AKIDEXAMPLE", "a-secret-canary", "a-token-canary")
HOST = "bucket.example:9000"
DAY = datetime(2026, 11, 25, 20, 0, 0, tzinfo=UTC)


def ours(method, key, query, headers, body_hash):
    path = "/bucket/" + sign.encode_path(key)
    sent, signed = sign.encode_query(query)
    lines = sorted(
        [
            (b"host", HOST.encode()),
            (b"x-amz-content-sha256", body_hash),
            (b"x-amz-date", DAY.strftime("%Y%m%dT%H%M%SZ").encode()),
            (b"x-amz-security-token", KEYS.session_token.encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ]
    )
    return (
        sign.Signer("eu-west-1").authorization((method, path, signed), lines, body_hash, KEYS).decode(),
        path,
        sent,
    )


def theirs(method, path, sent, headers, body_hash):
    request = AWSRequest(
        method, f"http://{HOST}{path}?{sent}" if sent else f"http://{HOST}{path}", headers=dict(headers)
    )
    request.context["timestamp"] = DAY.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Content-SHA256"] = body_hash.decode()
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["X-Amz-Security-Token"] = KEYS.session_token
    request.headers["Host"] = HOST
    signer = S3SigV4Auth(
        Credentials(KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token), "s3", "eu-west-1"
    )
    signer.payload = lambda _: body_hash.decode()
    text = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, text), request)
    return signature


def compare(method, key, query=(), headers=None, body_hash=sign.EMPTY_SHA256):
    headers = headers or {}
    made, path, sent = ours(method, key, query, headers, body_hash)
    assert made.endswith(f"Signature={theirs(method, path, sent, headers, body_hash)}")


@pytest.mark.parametrize("one", hostile.KEYS, ids=lambda one: one.name)
def test_every_hostile_key_is_signed_as_botocore_signs_it(one):
    compare("GET", one.key)


@given(key=st.text(min_size=1, max_size=60).map(lambda text: text.encode("utf-8", "replace")))
@example(b"/")
@example(b"a/../b")
def test_any_key_is_signed_as_botocore_signs_it(key):
    compare("PUT", key, body_hash=sign.UNSIGNED)


@given(
    pairs=st.dictionaries(
        st.sampled_from(["prefix", "marker", "uploadId", "partNumber", "start-after", "versionId"]),
        st.text(max_size=30),
        max_size=4,
    )
)
def test_any_query_is_signed_as_botocore_signs_it(pairs):
    compare("GET", b"", tuple(pairs.items()))


def test_a_query_without_a_value_is_sent_bare_and_signed_with_an_equals_sign():
    assert sign.encode_query((("uploads", None), ("prefix", b"a b/+&"))) == (
        "prefix=a%20b%2F%2B%26&uploads",
        "prefix=a%20b%2F%2B%26&uploads=",
    )
    compare("POST", b"key", (("uploads", None),))


@pytest.mark.parametrize("value", ["plain", "  spaces  around  and  inside ", "a,b", "tab\tinside", ""])
def test_header_values_are_trimmed_as_botocore_trims_them(value):
    compare("PUT", b"key", headers={"x-amz-meta-note": value})


def test_a_path_keeps_every_byte_of_a_key():
    for one in hostile.KEYS:
        assert sign.encode_path(one.key) == quote(one.key, safe="/~")


def test_the_signing_key_changes_with_the_day_the_secret_and_the_region():
    line, headers = ("GET", "/b/k", ""), [(b"host", b"h"), (b"x-amz-date", b"20261125T000000Z")]
    later = [(b"host", b"h"), (b"x-amz-date", b"20261126T000000Z")]
    signer, other = sign.Signer("eu-west-1"), sign.Signer("us-east-1")
    first = signer.authorization(line, headers, b"x", KEYS)
    assert signer.authorization(line, headers, b"x", KEYS) == first
    assert len({
        first,
        signer.authorization(line, later, b"x", KEYS),
        signer.authorization(line, headers, b"x", sign.Keys("AKIDEXAMPLE", "another")),
        other.authorization(line, headers, b"x", KEYS),
    }) == 4  # fmt: skip
    assert signer.authorization(line, headers, b"x", KEYS) == first


def test_keys_are_never_shown():
    for text in (repr(KEYS), str(KEYS), f"{KEYS}", repr([KEYS])):
        assert "canary" not in text
        assert "AKIDEXAMPLE" not in text
