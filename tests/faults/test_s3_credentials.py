"""Clocks that are off, answers that are meant to hurt, credentials that end: named, bounded, renewed once."""

import asyncio

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.storage.store import Writing
from ferryline.testing.strict import Credential, Fault, StrictServer, fault
from tests.faults.s3_ground import dressed, keys_of, pinned

BODY = b"the bytes"


@pytest.fixture(scope="module")
def server():
    with StrictServer("source") as running:
        running.bucket("source").put("key", BODY)
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    server.forget()
    yield
    server.disarm()


async def listed(store):
    return await keys_of(store, EVERYTHING)


async def looked(store):
    return await store.head(b"key")


async def written(store):
    return await store.write(b"new", BODY, Writing())


VERBS = {"list": listed, "head": looked, "write": written}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("offset", "words"),
    [(-16 * 60, "16 minutes ahead"), (16 * 60, "16 minutes behind"), (86400, "1440 minutes behind")],
)
async def test_a_clock_that_is_off_stops_the_run_and_says_by_how_much(server, verb, offset, words):
    armed = server.arm(Fault("*", fault.Clock(offset), times=None))
    async with dressed(server) as store:
        with pytest.raises((errors.EndpointFailed, errors.AccessRefused)) as caught:
            await VERBS[verb](store)
    assert armed.fired == 1
    assert caught.value.kind == "clock-skew"
    assert words in caught.value.message
    assert "NTP" in caught.value.advice


# -- answers that are meant to hurt ----------------------------------------------------------------

BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><Error><Code>&j;</Code></Error>"
)


@pytest.mark.parametrize(
    ("verb", "status"), [(verb, status) for verb in VERBS for status in (400, 500)] + [("list", 200)]
)
async def test_an_xml_bomb_is_not_expanded(server, verb, status):
    armed = server.arm(Fault("*", fault.Page(BOMB, "application/xml", status), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.FerrylineError) as caught:
            await VERBS[verb](store)
    assert armed.fired
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("verb", ["list", "write"])
async def test_an_error_body_without_end_is_cut(server, verb):
    armed = server.arm(
        Fault("*", fault.Page(b"<Error>" + b"x" * 200_000_000, "application/xml", 403), times=None)
    )
    async with dressed(server) as store:
        with pytest.raises(errors.FerrylineError) as caught:
            await VERBS[verb](store)
    assert armed.fired
    assert len(str(caught.value)) < 2000


async def test_a_listing_of_200_megabytes_is_refused(server):
    armed = server.arm(Fault("ListObjectsV2", fault.Page(b" " * 200_000_000, "application/xml"), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.RunStopped):
            await listed(store)
    assert armed.fired


# -- credentials that end ---------------------------------------------------------------------------


class Renewing:
    """A secret that is another one each time it is asked for."""

    def __init__(self, *values):
        self.values = list(values)

    def __call__(self):
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def with_keys(server, *keys):
    for key in keys:
        server.credential(key, Credential(session_token="token"))
    return {"access_key_id": Renewing(*keys), "session_token": "token"}


@pytest.mark.parametrize("verb", VERBS)
async def test_expired_credentials_are_renewed_once_and_the_request_sent_again(server, verb):
    access = with_keys(server, "OLD", "NEW")
    server.credential("OLD", Credential(session_token="token", expired=True))
    async with dressed(server, access=access) as store:
        assert await VERBS[verb](store)
    assert len(server.seen) == 2


@pytest.mark.parametrize("verb", VERBS)
async def test_credentials_that_cannot_be_renewed_stop_the_run_by_name(server, verb):
    access = with_keys(server, "OLD")
    server.credential("OLD", Credential(session_token="token", expired=True))
    async with dressed(server, access=access) as store:
        with pytest.raises((errors.CredentialsRefused, errors.ObjectFailed)) as caught:
            await VERBS[verb](store)
    assert isinstance(caught.value, errors.CredentialsRefused) or verb == "head"
    assert len(server.seen) == 1
    assert "not-a-secret" not in str(caught.value)
    if verb != "head":
        assert caught.value.kind == "credentials-expired"


async def test_many_requests_at_once_renew_once(server):
    access = with_keys(server, "OLD", "NEW", "NEVER")
    server.credential("OLD", Credential(session_token="token", expired=True))
    pin = pinned(server.bucket("source").version("key"))
    async with dressed(server, access=access) as store:
        found = await asyncio.gather(*(store.read(b"key", pin) for _ in range(20)))
    assert {one.body for one in found} == {BODY}
    assert access["access_key_id"].values == ["NEVER"], "asked for more than once"


async def test_a_refusal_of_old_keys_that_comes_late_does_not_throw_the_new_ones_away(server):
    access = with_keys(server, "OLD", "NEW")
    server.credential("OLD", Credential(session_token="token", expired=True))
    pin = pinned(server.bucket("source").version("key"))
    late = server.arm(Fault("GetObject", fault.Stall(0.3)))
    async with dressed(server, access=access) as store:
        first = asyncio.ensure_future(store.read(b"key", pin))
        await asyncio.sleep(0.05)
        assert (await store.read(b"key", pin)).body == BODY
        assert (await first).body == BODY
    assert late.fired == 1
