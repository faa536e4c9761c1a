"""Objects under customer keys (SSE-C): read and written with the key, failed by name without it, the key told
to nobody."""

import base64
import hashlib
import json

import pytest

from ferryline.testing.strict import BucketSettings, Put, StrictServer
from ferryline.testing.strict.fault import Fault, Status
from tests.datasets import NAME, own, read_whole, s3, write_policy

MIB = 1024 * 1024
KEY = b"an obviously fake customer key.."
OTHER = b"another obviously fake key......"
TEXT = base64.b64encode(KEY).decode()
REFERENCE = "${env:CUSTOMER_KEY}"
WITH_KEY = {"sse_customer_key": REFERENCE}
BODIES = {f"data/{number:03}": b"%d" % number * 900 for number in range(30)} | {
    "data/large": b"x" * (11 * MIB),
    "data/empty": b"",
}


def secret_put(key=KEY, **how):
    return Put(customer_key=key, **how)


@pytest.fixture
def world():
    with StrictServer("source", "there", "plain") as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("CUSTOMER_KEY", TEXT)


def fill(server, how=None, **bodies):
    for name, body in (bodies or BODIES).items():
        parts = 5 * MIB if len(body) > MIB else None
        server.bucket("source").put(name, body, how or secret_put(part_bytes=parts))


def declare(user, server, source=WITH_KEY, there=None, **dataset):
    places = {
        "source": s3(server, "source", **(source or {})),
        "there": s3(server, "there", **(there or {})),
        "plain": s3(server, "plain"),
    }
    return write_policy(user.folder, places, ["there/data/"], **dataset)


def everything_told(user, said):
    kept = [path.read_bytes() for path in user.folder.rglob("*") if path.is_file()]
    return b"".join([said.out.encode(), said.err.encode(), *kept])


def assert_key_was_told_to_nobody(user, said):
    told = everything_told(user, said)
    for secret in (TEXT.encode(), KEY, base64.b64encode(hashlib.md5(KEY).digest())):
        assert secret not in told


COPY = ("copy", "source/data/", "there/data/", "--json", "--log-level", "TRANSFER")


def test_without_a_key_each_object_fails_by_name_and_the_others_arrive(world, user):
    fill(world)
    for name in ("data/open-1", "data/open-2"):
        world.bucket("source").put(name, b"in the open")
    declare(user, world, source=None)

    said = user.run(*COPY, "--events", "events.jsonl")

    assert said.code == 1, said.err
    assert said.document["files_transferred"] == 2
    assert said.document["failures_by_kind"] == {"customer-key": len(BODIES)}
    failure = next(one for one in said.document["failures"] if one["key"] == "003")
    assert "003 in s3://source/data/" in failure["message"] and "customer key (SSE-C)" in failure["message"]
    assert 'sse_customer_key: "${env:NAME}"' in failure["advice"]
    assert_key_was_told_to_nobody(user, said)


@pytest.mark.parametrize(
    "words", [("adopt", NAME, "--replica", "there"), ("verify", "source/data/", "there/data/")]
)
def test_what_only_looks_fails_by_name_too(world, user, words):
    fill(world)
    for name, body in BODIES.items():
        world.bucket("there").put(name, body, Put(part_bytes=6 * MIB) if len(body) > MIB else Put())
    declare(user, world, source=None)

    said = user.run(*words, "--json")

    assert said.code == 1, said.err
    assert "SSE-C" in json.dumps(said.document)


def test_with_the_key_everything_arrives_proven_and_a_second_run_is_quiet(world, user):
    fill(world)
    declare(user, world)

    said = user.run(*COPY, "--events", "events.jsonl")

    assert said.code == 0, said.err
    assert said.document["files_verified"] == len(BODIES)
    there = world.bucket("there").contents()
    assert {name.encode(): body for name, body in BODIES.items()} == {
        key: body for key, body in there.items() if not own(key)
    }
    assert not any(world.bucket("there").version(one).customer_key_md5 for one in BODIES), (
        "the source's key alone"
    )
    assert_key_was_told_to_nobody(user, said)
    world.forget()
    assert user.run(*COPY).document["files_same"] == len(BODIES)
    assert world.count("GetObject", "PutObject") == 0


def test_under_the_destinations_key_every_object_is_written_with_it(world, user):
    fill(world, Put())
    declare(user, world, source=None, there=WITH_KEY)

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = world.bucket("there")
    assert all(there.version(key).customer_key_md5 for key in there.keys()), "its own files too"
    assert {key: there.get(key) for key in there.keys() if not own(key)} == {
        name.encode(): body for name, body in BODIES.items()
    }
    assert_key_was_told_to_nobody(user, said)
    world.forget()
    assert user.run("sync", NAME).code == 0
    assert world.count("PutObject", "CreateMultipartUpload", "DeleteObject") == 0
    assert user.run("verify", NAME, "--deep", "100").code == 0


def test_the_snapshot_is_the_same_as_that_of_the_same_bytes_in_the_open(world, user):
    fill(world)
    declare(user, world)
    secret = user.run("sync", NAME, "--json").document["runs"][0]["snapshot"]
    whole = read_whole(world, "there")
    world.bucket("there").clear()
    world.bucket("source").clear()
    for name, body in BODIES.items():
        world.bucket("source").put(name, body, Put(part_bytes=5 * MIB) if len(body) > MIB else Put())
    declare(user, world, source=None)

    in_the_open = user.run("sync", NAME, "--json", state=user.folder / "another").document["runs"][0][
        "snapshot"
    ]

    assert whole == {name.encode().removeprefix(b"data/"): body for name, body in BODIES.items()}
    assert secret == in_the_open is not None


def test_an_etag_under_a_key_is_no_digest_of_an_adopted_object(world, user):
    for server_bucket, how in (("source", secret_put()), ("there", Put())):
        for name in ("data/a", "data/b"):
            world.bucket(server_bucket).put(name, name.encode() * 900, how)
    declare(user, world)
    adopted = user.run("adopt", NAME, "--replica", "there", "--json").document
    world.bucket("source").clear()
    for name in ("data/a", "data/b"):
        world.bucket("source").put(name, name.encode() * 900)
    declare(user, world, source=None)

    in_the_open = user.run("sync", NAME, "--json", state=user.folder / "another").document["runs"][0]

    assert adopted["evidence"] == {"stored-checksum": 2}
    assert in_the_open["snapshot"] == adopted["snapshot"] is not None


def test_both_ends_may_have_keys_of_their_own(world, user, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", base64.b64encode(OTHER).decode())
    fill(world)
    declare(user, world, there={"sse_customer_key": "${env:OTHER_KEY}"})

    assert user.run(*COPY).code == 0

    there = {world.bucket("there").version(one).customer_key_md5 for one in BODIES}
    assert there == {base64.b64encode(hashlib.md5(OTHER).digest()).decode()}


@pytest.mark.parametrize("other", [KEY, OTHER])
@pytest.mark.parametrize("command", [COPY, ("sync", NAME, "--json")])
def test_with_keys_at_both_ends_a_second_run_sends_nothing(world, user, monkeypatch, other, command):
    """Under one key both ETags may be equal, and are no digests."""
    monkeypatch.setenv("OTHER_KEY", base64.b64encode(other).decode())
    fill(world)
    declare(user, world, there={"sse_customer_key": "${env:OTHER_KEY}"})
    assert user.run(*command).code == 0
    world.forget()

    said = user.run(*command)

    assert said.code == 0, said.err
    assert world.count("PutObject", "CreateMultipartUpload", "DeleteObject") == 0
    assert not [one for one in world.requests("GetObject") if one.bucket == "source"]


@pytest.mark.parametrize("ends", [{"source": WITH_KEY}, {"source": None, "there": WITH_KEY}])
def test_no_endpoint_copies_by_itself_where_a_key_is_at_work(world, user, ends):
    user.server_side = True
    fill(world, None if ends["source"] else Put())
    declare(user, world, **ends)

    assert user.run(*COPY).code == 0

    assert world.count("GetObject") >= len(BODIES)
    assert not [one for one in world.requests("CopyObject") if not own(one.key)]


def test_an_object_in_the_open_is_read_where_the_location_has_a_key(world, user):
    fill(world, **{"data/secret": b"s", "data/large": b"x" * (11 * MIB)})
    world.bucket("source").put("data/open", b"o" * 2000)
    world.bucket("source").put("data/open-parts", b"p" * (11 * MIB), Put(part_bytes=5 * MIB))
    declare(user, world)

    said = user.run(*COPY)

    assert said.code == 0, said.err
    assert said.document["files_verified"] == 4


@pytest.mark.parametrize(
    ("operation", "struck"),
    [("GetObject", "data/3"), ("GetObject", "data/large"), ("UploadPart", "data/large")],
)
def test_a_passing_400_under_a_key_is_passing(world, user, hasty, operation, struck):
    fill(world, **{"data/3": b"x" * 900, "data/large": b"x" * (11 * MIB)})
    declare(user, world, there=WITH_KEY)
    fault = world.arm(Fault(operation, Status("RequestTimeout", status=400), key=struck))

    said = user.run(*COPY)

    assert fault.fired == 1, said
    assert said.code == 0, said.document["failures"]
    assert said.document["files_verified"] == 2


def test_a_lasting_400_under_a_key_is_told_as_it_was_said(world, user, hasty):
    fill(world, **{"data/3": b"x" * 900})
    declare(user, world)
    fault = world.arm(
        Fault(
            "GetObject",
            Status("InvalidArgument", status=400, message="not like this"),
            key="data/3",
            nth=2,
            times=None,
        )
    )

    said = user.run(*COPY)

    assert fault.fired == 1, "after the probe, and was not asked without the key"
    (failure,) = said.document["failures"]
    assert failure["kind"] != "customer-key"
    assert "not like this" in failure["message"]


def test_another_key_than_the_objects_is_a_failure_of_that_object(world, user):
    fill(world, secret_put(OTHER), **{"data/other": b"o"})
    fill(world, **{"data/ours": b"s"})
    declare(user, world)

    said = user.run(*COPY)

    assert said.code == 1
    (failure,) = said.document["failures"]
    assert failure["key"] == "other"
    assert "another customer key (SSE-C)" in failure["message"]
    assert "sse_customer_key" in failure["advice"]


@pytest.mark.parametrize("command", [COPY, ("sync", NAME, "--json")])
def test_a_bucket_that_blocks_customer_keys_is_refused_before_the_first_object(user, command):
    with StrictServer("source", BucketSettings("there", blocks_sse_c=True), "plain") as server:
        fill(server, Put())
        declare(user, server, source=None, there=WITH_KEY)

        said = user.run(*command)

        assert said.code == 5, said.err
        for word in (
            "PutBucketEncryption",
            "BlockedEncryptionTypes",
            "SSE-C",
            "s3:PutEncryptionConfiguration",
        ):
            assert word in said.err
        assert [one.error for one in server.requests("PutObject")] == ["AccessDenied"], (
            "the fault fired, once"
        )
        assert server.count("GetObject") <= 1, "the probe of the source alone"
        assert list(server.bucket("there").keys()) == []


def test_nothing_of_the_trial_is_left_on_a_bucket_that_keeps_versions(world, user):
    """Nor what a run left there that died in the middle of it."""
    fill(world, Put())
    there = world.bucket("there")
    there.set_versioning("Enabled")
    there.put("data/.ferryline/probe/00-customer-key", b"left", secret_put())
    declare(user, world, source=None, there=WITH_KEY)

    assert user.run(*COPY).code == 0

    asked = {one.key for one in world.requests("PutObject") if b"-customer-key" in one.key}
    assert len(asked) == 1
    for key in (*asked, b"data/.ferryline/probe/00-customer-key"):
        assert there.versions(key) == []
    assert not [key for key in there.keys() if own(key)]


@pytest.mark.parametrize("command", [COPY, ("sync", NAME), ("adopt", NAME, "--replica", "there")])
def test_the_key_is_tried_once_in_a_run(world, user, command):
    fill(world, Put(), **{"data/a": b"a" * 900})
    if command[0] == "adopt":
        world.bucket("there").put("data/a", b"a" * 900, secret_put())
    declare(user, world, source=None, there=WITH_KEY)

    assert user.run(*command).code == 0

    assert len([one for one in world.requests("PutObject") if b"-customer-key" in one.key]) == 1


@pytest.mark.parametrize(
    "value", [None, "", "short", base64.b64encode(KEY[:31]).decode(), "=" * 44, TEXT[:-2] + "é="]
)
def test_a_key_that_is_none_is_a_mistake_and_is_not_shown(world, user, monkeypatch, value):
    fill(world, **{"data/a": b"a"})
    monkeypatch.delenv("CUSTOMER_KEY") if value is None else monkeypatch.setenv("CUSTOMER_KEY", value)
    declare(user, world)

    said = user.run(*COPY)

    assert said.code == 2, said.err
    assert ("the sse_customer_key of source" if value else "CUSTOMER_KEY is not set") in said.err
    assert not value or len(value) < 10 or value not in said.out + said.err
    assert world.seen == []


def test_check_says_what_a_key_means(world, user):
    declare(user, world, there=WITH_KEY)

    said = user.run("check")

    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    assert "source and there: objects are under a customer key (SSE-C)" in text


REFUSED = {
    "a literal key": ({"sse_customer_key": TEXT}, "a literal secret is not allowed"),
    "with another encryption": ({**WITH_KEY, "sse": "AES256"}, "sse together with sse_customer_key"),
    "over http": ({**WITH_KEY, "endpoint_url": "http://10.0.0.1:9000"}, "reached by http"),
    "on files": ({"url": "file:///data", **WITH_KEY}, "means nothing for a file location"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_policy_refuses(world, user, name):
    changed, words = REFUSED[name]
    source = s3(world, "source", **changed)
    if changed.get("url"):
        source = changed
    write_policy(user.folder, {"source": source, "there": s3(world, "there")}, ["there/data/"])

    said = user.run("check")

    assert said.code == 2
    assert words in said.err
    assert TEXT not in said.err


def test_an_endpoint_that_turns_out_to_be_http_gets_no_key(world, user, monkeypatch):
    monkeypatch.setenv("ENDPOINT", "http://192.0.2.1:9000")
    declare(user, world, source={**WITH_KEY, "endpoint_url": "${env:ENDPOINT}"})

    said = user.run(*COPY)

    assert said.code == 2, said.err
    assert "reached by http" in said.err


def test_datasync_is_refused_for_it(world, user):
    write_policy(
        user.folder,
        {"source": {"url": "s3://acme", **WITH_KEY}, "there": {"url": "s3://acme-eu"}},
        [{"name": "there", "to": "there/data/", "engine": "datasync"}],
    )

    said = user.run("check")

    assert said.code == 2
    assert "engine datasync cannot read or write 'source'" in said.err
