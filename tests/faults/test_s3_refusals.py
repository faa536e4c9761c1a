"""An endpoint that says no: wrong keys, missing permissions, verbs it has not, objects it will never take."""

import logging
import os

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.model.span import MIB, Layout
from ferryline.storage.store import Writing
from ferryline.testing.strict import BucketSettings, Credential, Fault, Refused, StrictServer, fault
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


@pytest.mark.parametrize("value", ["line\nbreak", "nul\0byte", "return\rhere"])
async def test_metadata_that_no_header_can_carry_fails_the_object_before_any_request(server, value):
    from ferryline.model.entry import Metadata

    async with dressed(server) as store:
        with pytest.raises(errors.ObjectFailed) as caught:
            await store.write(b"key", BODY, Writing(Metadata({"note": value}, {})))
    assert caught.value.kind == "bad-metadata"
    assert server.count() == 0
