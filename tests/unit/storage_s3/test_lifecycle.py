"""Lifecycle rules as servers write them, old and new, and answers that are none."""

import pytest

from ferryline import errors
from ferryline.model.place import S3Access, S3Location
from ferryline.storage import location
from ferryline.storage.lifecycle import Move, Rule, When
from ferryline.storage.location import OpenContext
from ferryline.testing.strict import Fault, StrictServer
from ferryline.testing.strict.fault import Status

HEAD = b'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
TAIL = b"</LifecycleConfiguration>"


@pytest.fixture
def server():
    with StrictServer("bucket") as server:
        yield server


async def told(server, body=None):
    if body is not None:
        server._world.buckets["bucket"].documents["LifecycleConfiguration"] = body
    access = S3Access(
        region="us-east-1", endpoint_url=server.endpoint_url, access_key_id="key", secret_access_key="secret"
    )
    texts = {"key": server.access_key, "secret": server.secret_key}
    store = await location.open_store(
        S3Location("bucket", b"a/", access), OpenContext(resolve=texts.__getitem__)
    )
    try:
        return await store.lifecycle()
    finally:
        await store.close()


CASES = {
    "the prefix of before filters": (
        b"<Rule><ID>a</ID><Prefix>x/</Prefix><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>",
        Rule("a", b"x/", expires=When(3)),
    ),
    "a date": (
        b"<Rule><Filter/><Status>Enabled</Status><Expiration><Date>2027-01-01T00:00:00Z</Date></Expiration></Rule>",
        Rule("", expires=When(None, "2027-01-01T00:00:00Z")),
    ),
    "only delete markers": (
        b"<Rule><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true"
        b"</ExpiredObjectDeleteMarker></Expiration></Rule>",
        Rule(""),
    ),
    "a size": (
        b"<Rule><Filter><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></Filter><Status>Enabled</Status>"
        b"<Expiration><Days>3</Days></Expiration></Rule>",
        Rule("", narrowed=True, expires=When(3)),
    ),
    "several at once": (
        "<Rule><Filter><And><Prefix>zü/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>"
        "<Status>Enabled</Status><Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"
        "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>DEEP_ARCHIVE"
        "</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>9"
        "</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>"
        "<SomethingNew><Days>1</Days></SomethingNew></Rule>".encode(),
        Rule(
            "",
            "zü/".encode(),
            narrowed=True,
            noncurrent_expires=When(9),
            noncurrent_kept=2,
            moves=(Move("GLACIER", When(0)), Move("DEEP_ARCHIVE", When(1), noncurrent=True)),
        ),
    ),
    "a number that is none": (
        b"<Rule><Filter/><Status>Enabled</Status><Expiration><Days>soon</Days></Expiration></Rule>",
        Rule(""),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_rule_is_read_as_it_is_written(server, name):
    body, rule = CASES[name]

    assert await told(server, HEAD + body + TAIL) == (rule,)


async def test_no_rules_and_rules_that_are_off(server):
    assert await told(server) == ()
    off = b"<Rule><Filter/><Status>Disabled</Status><Expiration><Days>3</Days></Expiration></Rule>"
    assert await told(server, HEAD + off + TAIL) == ()


@pytest.mark.parametrize(
    "body", [b"<html><body>hello</body></html>", b"<!DOCTYPE x><LifecycleConfiguration/>", b"", b"<Lifecyc"]
)
async def test_an_answer_that_is_none_is_never_taken_for_no_rules(server, body):
    with pytest.raises(errors.RetryLater):
        await told(server, body)


async def test_an_endpoint_without_rules_says_so(server):
    fault = server.arm(Fault("GetBucketLifecycleConfiguration", Status("NotImplemented")))

    with pytest.raises(errors.Unsupported):
        await told(server)
    assert fault.fired
