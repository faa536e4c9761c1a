"""An endpoint that says no: keys that expired or are wrong, a clock that is off, permissions, poisoned answers."""

import logging
import os
import tracemalloc

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.model.span import MIB, Layout
from ferryline.storage.store import Writing
from ferryline.testing.strict import BucketSettings, Credential, Fault, Refused, Settings, StrictServer, fault
from tests.faults.s3_ground import dressed, keys_of, pinned

BODY = os.urandom(20_000)
GET, PUT = "GetObject", "PutObject"
SECRETS = ("a-secret-canary-1", "a-secret-canary-2")
TOKEN = "a-token-canary"


@pytest.fixture
def server():
    with StrictServer("source", BucketSettings("paid", requester_pays=True)) as running:
        yield running


class Wallet:
    """What `${env:…}` would give: the keys in it may be exchanged while a store is open."""

    def __init__(self, server):
        self.server = server
        self.asked = 0
        self.hold("FIRSTKEY", SECRETS[0])

    def hold(self, access_key, secret):
        self.access_key, self.secret = access_key, secret
        self.server.credential(access_key, Credential(secret, TOKEN))

    def expire(self):
        self.server.credential(self.access_key, Credential(self.secret, TOKEN, expired=True))

    def access(self):
        def key():
            self.asked += 1
            return self.access_key

        return {
            "access_key_id": key,
            "secret_access_key": lambda: self.secret,
            "session_token": lambda: TOKEN,
        }


# -- credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["read", "head", "write", "list", "stream"])
async def test_keys_that_expire_meanwhile_are_fetched_anew_once_and_nothing_fails(server, verb):
    pin = pinned(server.bucket("source").put("key", BODY))
    wallet = Wallet(server)
    async with dressed(server, access=wallet.access()) as store:
        await store.head(b"key")
        wallet.expire()
        wallet.hold("SECONDKEY", SECRETS[1])
        if verb == "read":
            assert (await store.read(b"key", pin)).body == BODY
        elif verb == "stream":
            async with store.stream(b"key", pin) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == BODY
        elif verb == "head":
            assert await store.head(b"key") is not None
        elif verb == "write":
            await store.write(b"other", BODY, Writing())
        else:
            assert await keys_of(store, EVERYTHING) == [b"key"]
        await store.head(b"key")
    assert [one.status for one in server.seen].count(400) == 1, "the expired keys were tried once"
    assert wallet.asked == 2
    assert server.seen[-1].access_key == "SECONDKEY"


async def test_keys_that_cannot_be_renewed_stop_the_run_and_say_whose(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    wallet = Wallet(server)
    async with dressed(server, access=wallet.access()) as store:
        await store.head(b"key")
        wallet.expire()
        with pytest.raises(errors.CredentialsRefused) as caught:
            await store.read(b"key", pin)
    assert caught.value.kind == "credentials-expired"
    assert "access key" in caught.value.message
    assert "renew" in caught.value.advice
    assert server.count(GET) == 1, "there was nothing to try it with again"


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch"])
async def test_wrong_keys_stop_the_run_at_once(server, code):
    wrong = {
        "InvalidAccessKeyId": {"access_key_id": "NOBODY"},
        "SignatureDoesNotMatch": {"secret_access_key": SECRETS[0]},
    }
    async with dressed(server, access=wrong[code]) as store:
        with pytest.raises(errors.CredentialsRefused, match=code):
            await store.write(b"key", BODY, Writing())
    assert server.count() == 1


async def test_no_secret_is_in_any_message_log_or_repr(server, caplog):
    caplog.set_level(logging.DEBUG)
    wallet = Wallet(server)
    said = []
    for code in (
        "AccessDenied",
        "SignatureDoesNotMatch",
        "InternalError",
        "ExpiredToken",
        "RequestTimeTooSkewed",
    ):
        server.arm(Fault("*", fault.Status(code, message=f"{SECRETS[0]} was not right"), times=None))
        async with dressed(server, access=wallet.access()) as store:
            for attempt in (lambda: store.head(b"key"), lambda: store.write(b"key", BODY, Writing())):  # noqa: B023
                try:
                    await attempt()
                except errors.FerrylineError as problem:
                    chain = [problem, problem.__cause__, problem.__context__]
                    said += [str(one) + repr(one) + repr(getattr(one, "__dict__", "")) for one in chain]
            said.append(repr(store.bare._client._credentials.current) + str(store.bare.location))
        server.disarm()
    text = "\n".join([*said, caplog.text]).replace(f"{SECRETS[0]} was not right", "")
    assert len(said) > 10
    for secret in (*SECRETS, TOKEN):
        assert secret not in text


# -- clocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "words"), [(16 * 60, "16 minutes behind"), (-16 * 60, "16 minutes ahead of")]
)
async def test_a_clock_that_is_off_stops_the_run_and_says_by_how_much(server, offset, words):
    server.settings = Settings(clock_offset_seconds=offset)
    async with dressed(server) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.write(b"key", BODY, Writing())
    assert caught.value.kind == "clock-skew"
    assert words in caught.value.message
    assert "NTP" in caught.value.advice
    assert server.count() == 1


async def test_a_clock_that_is_off_by_less_is_nobodys_business(server):
    server.settings = Settings(clock_offset_seconds=14 * 60)
    async with dressed(server) as store:
        await store.write(b"key", BODY, Writing())
    assert server.bucket("source").get("key") == BODY


# -- permissions -------------------------------------------------------------------------------


async def test_one_prefix_that_is_refused_fails_its_keys_and_no_others(server):
    pin = pinned(server.bucket("source").put("secret/key", BODY))
    server.bucket("source").put("key", BODY)
    server.credential(server.access_key, Credential(refused=(Refused("*Object", "secret/*"),)))
    async with dressed(server) as store:
        for attempt, permission in (
            (lambda: store.read(b"secret/key", pin), "s3:GetObject"),
            (lambda: store.head(b"secret/key"), "s3:GetObject"),
            (lambda: store.write(b"secret/other", BODY, Writing()), "s3:PutObject"),
            (lambda: store.delete(b"secret/key"), "s3:DeleteObject"),
        ):
            with pytest.raises(errors.AccessRefused) as caught:
                await attempt()
            assert permission in caught.value.advice
            assert caught.value.key.startswith(b"secret/")
        assert await store.head(b"key") is not None
    assert server.bucket("source").keys() == [b"key", b"secret/key"]


async def test_a_bucket_that_may_not_be_listed_stops_the_run_and_names_the_permission(server):
    server.credential(server.access_key, Credential(refused=(Refused("List*"),)))
    async with dressed(server) as store:
        with pytest.raises(errors.CredentialsRefused) as caught:
            await keys_of(store, EVERYTHING)
    assert caught.value.kind == "access-refused"
    assert "s3:ListBucket" in caught.value.advice


async def test_a_bucket_that_is_not_there_stops_the_run_and_is_not_made(server):
    async with dressed(server, "nowhere") as store:
        for attempt in (lambda: keys_of(store, EVERYTHING), lambda: store.write(b"key", BODY, Writing())):
            with pytest.raises(errors.EndpointFailed) as caught:
                await attempt()
            assert caught.value.kind == "no-bucket"
            assert "never created" in caught.value.advice
    assert server.count("CreateBucket") == 0


@pytest.mark.parametrize(
    "code", ["KMS.DisabledException", "KMS.NotFoundException", "KMSInvalidStateException"]
)
async def test_a_kms_key_that_cannot_be_used_fails_the_object_by_the_keys_name(server, code):
    pin = pinned(server.bucket("source").put("key", BODY))
    arn = "arn:aws:kms:eu-west-1:111122223333:key/abc"
    header = {"x-amz-server-side-encryption-aws-kms-key-id": arn}
    armed = server.arm(Fault(GET, fault.Status(code.replace("KMSI", "KMS.I"), 400, header)))
    async with dressed(server) as store:
        with pytest.raises(errors.AccessRefused) as caught:
            await store.read(b"key", pin)
    assert armed.fired == 1
    assert caught.value.kind == "kms-refused"
    assert arn in caught.value.message


async def test_requester_pays_is_hinted_at_where_an_object_is_refused(server):
    pin = pinned(server.bucket("paid").put("key", BODY))
    async with dressed(server, "paid") as store:
        with pytest.raises(errors.AccessRefused) as caught:
            await store.read(b"key", pin)
    assert "request_payer" in caught.value.advice
    async with dressed(server, "paid", access={"request_payer": True}) as store:
        assert (await store.read(b"key", pin)).body == BODY


@pytest.mark.parametrize("lock", ["retention", "legal hold"])
async def test_a_locked_object_is_refused_once_and_no_storm_follows(server, lock):
    armed = server.arm(
        Fault("DeleteObject", fault.Status("AccessDenied", message=f"locked by {lock}"), times=None)
    )
    async with dressed(server) as store:
        with pytest.raises(errors.AccessRefused, match=lock):
            await store.delete(b"key")
    assert armed.fired == 1


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed"])
async def test_a_verb_the_endpoint_does_not_have_is_unsupported_not_missing(server, code):
    armed = server.arm(Fault("CreateMultipartUpload", fault.Status(code), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.Unsupported):
            await store.create_upload(b"key", Layout(10, 5 * MIB), Writing())
    assert armed.fired == 1


async def test_a_put_that_is_answered_404_is_no_vanished_source(server):
    armed = server.arm(Fault(PUT, fault.Page(b"", "text/plain", 404)))
    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed) as caught:
            await store.write(b"key", BODY, Writing())
    assert armed.fired == 1
    assert not isinstance(caught.value, errors.ObjectMissing)


@pytest.mark.parametrize(("code", "error"), [
    ("EntityTooLarge", errors.ObjectFailed),
    ("MetadataTooLarge", errors.ObjectFailed),
    ("KeyTooLongError", errors.KeyRefused),
    ("InvalidStorageClass", errors.ObjectFailed),
    ("AChildsInvention", errors.ObjectFailed),
])  # fmt: skip
async def test_what_will_never_work_is_not_tried_twice(server, code, error):
    armed = server.arm(Fault(PUT, fault.Status(code, 400), times=None))
    async with dressed(server) as store:
        with pytest.raises(error, match=code):
            await store.write(b"key", BODY, Writing())
    assert armed.fired == 1


# -- poison ------------------------------------------------------------------------------------

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(
        b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % ((c,) + (c - 1,) * 10)
        for c in b"bcdefghij"
    )
    + b"]><Error><Code>SlowDown</Code><Message>&j;</Message></Error>"
)
EXTERNAL = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    b"<Error><Code>AccessDenied</Code><Message>&e;</Message></Error>"
)
DEEP = b"<Error>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</Error>"


@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize("poison", [BOMB, EXTERNAL, DEEP, b"\xff\xfe" * 1000, b"<Error><Code>&undefined;</Code></Error>"],
                         ids=["bomb", "external", "deep", "binary", "undefined"])  # fmt: skip
async def test_poisoned_xml_is_an_answer_without_words(server, poison, status):
    layout = Layout(10, 5 * MIB)
    armed = server.arm(
        Fault("CreateMultipartUpload", fault.Page(poison, "application/xml", status), times=None)
    )
    async with dressed(server) as store:
        with pytest.raises(errors.FerrylineError) as caught:
            await store.create_upload(b"key", layout, Writing())
    assert armed.fired
    assert "root:" not in str(caught.value)
    assert "lollol" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("status", [200, 404, 500, 503])
async def test_an_endless_body_of_an_error_does_not_fill_the_memory(server, status):
    huge = b"<Error><Code>x</Code><Message>" + b"x" * (40 * MIB)
    armed = server.arm(Fault("*", fault.Page(huge, "application/xml", status), times=None))
    async with dressed(server) as store:
        tracemalloc.start()
        try:
            with pytest.raises(errors.FerrylineError):
                await store.open_uploads(b"")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert armed.fired
    # The server shares this process; its own copies are bounded by what it was armed with.
    assert peak < 20 * MIB


@pytest.mark.parametrize("name", ["bomb", "external", "too large"])
async def test_a_poisoned_listing_stops_the_run(server, name):
    body = {
        "bomb": BOMB.replace(b"Error", b"ListBucketResult"),
        "external": EXTERNAL.replace(b"Error", b"ListBucketResult"),
        "too large": b"<ListBucketResult>" + b" " * (17 * MIB),
    }[name]
    armed = server.arm(Fault("ListObjectsV2", fault.Page(body, "application/xml"), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.RunStopped):
            await keys_of(store, EVERYTHING)
    assert armed.fired


@pytest.mark.parametrize("value", ["line\nbreak", "nul\0byte", "return\rhere"])
async def test_metadata_that_no_header_can_carry_fails_the_object_before_any_request(server, value):
    from ferryline.model.entry import Metadata

    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed) as caught:
            await store.write(b"key", BODY, Writing(Metadata({"note": value}, {})))
    assert caught.value.kind == "bad-metadata"
    assert server.count() == 0
