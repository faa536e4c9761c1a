"""Faults on the way to an endpoint: names, TLS, redirects, answers that are no HTTP. Credentials go nowhere else."""

import asyncio
import contextlib
import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ferryline import errors
from ferryline.model.place import S3Access, S3Location
from ferryline.storage import s3
from ferryline.storage.s3 import address
from ferryline.storage.store import Writing
from ferryline.testing.strict import BucketSettings, Fault, Redirect, Settings, StrictServer, fault
from tests.faults.s3_ground import FastClock, dressed, pinned

BODY = os.urandom(200_000)
GET = "GetObject"


@pytest.fixture(scope="module")
def server():
    with StrictServer("source", BucketSettings("abroad", region="eu-west-1")) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    yield
    server.disarm()
    server.settings = Settings()
    server.bucket("source").clear()
    server.forget()


# -- names and doors ---------------------------------------------------------------------------


async def test_a_name_that_is_not_found_is_tried_again_and_then_stops_the_run(server):
    clock = FastClock()
    async with dressed(
        server, clock=clock, access={"endpoint_url": "http://no-such-host.invalid:9"}
    ) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.head(b"key")
    assert caught.value.kind == "dns"
    assert "no-such-host.invalid" in caught.value.message
    assert clock.slept > 0, "it was tried again"


async def test_a_name_that_comes_back_is_no_failure(server, monkeypatch):
    server.bucket("source").put("key", BODY)
    real, times = asyncio.get_running_loop().getaddrinfo, []

    async def flapping(*words, **more):
        times.append(1)
        if len(times) < 3:
            import socket

            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return await real(*words, **more)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", flapping)
    async with dressed(server, access={"endpoint_url": f"http://localhost:{server.port}"}) as store:
        assert (await store.head(b"key")).entry.size_bytes == len(BODY)
    assert len(times) == 3


async def test_a_closed_door_is_knocked_at_again_and_then_stops_the_run(server):
    with StrictServer("source") as gone:
        pass
    async with dressed(gone) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.write(b"key", BODY, Writing())
    assert caught.value.kind == "connection-refused"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://0xa9fea9fe",
        "http://2852039166",
        "http://0.0.0.0:9000",
        "http://[fd00:ec2::254]",
        "file:///etc/passwd",
        "ftp://host",
        "http://user:secret@host",
        "http://host?query=1",
    ],
)
async def test_an_endpoint_that_no_s3_lives_at_is_refused_before_any_request(server, endpoint):
    with pytest.raises(errors.BadLocation) as caught:
        async with dressed(server, access={"endpoint_url": endpoint}):
            pass
    assert caught.value.advice
    assert "secret" not in str(caught.value)


async def test_a_name_that_leads_to_the_metadata_service_is_not_spoken_to(server, monkeypatch):
    monkeypatch.setattr(
        "ferryline.storage.s3.http_pool.is_forbidden_address", lambda text: text == "127.0.0.1"
    )
    async with dressed(server) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.head(b"key")
    assert caught.value.kind == "forbidden-address"
    assert server.count() == 0


# -- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_host_is_not_followed_and_nothing_is_sent_there(server, status):
    pin = pinned(server.bucket("source").put("key", BODY))
    with StrictServer("source") as other:
        armed = server.arm(
            Fault(GET, fault.RedirectTo(f"{other.endpoint_url}/source/key", status), times=None)
        )
        async with dressed(server) as store:
            with pytest.raises(errors.EndpointFailed) as caught:
                await store.read(b"key", pin)
        assert other.seen == []
    assert armed.fired == 1
    assert caught.value.kind == "redirect"
    assert f"127.0.0.1:{other.port}" in caught.value.message
    assert "credentials" in caught.value.advice


@pytest.mark.parametrize(
    "where", ["http://169.254.169.254/latest/meta-data/", "http://evil.example:1/?a=b", ""]
)
async def test_no_redirect_is_followed_wherever_it_leads_and_a_loop_is_no_loop(server, where):
    armed = server.arm(Fault("PutObject", fault.RedirectTo(where), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.write(b"key", BODY, Writing())
    assert armed.fired == 1
    assert caught.value.kind == "redirect"
    assert "meta-data" not in caught.value.message, "only the host is shown"


@pytest.mark.parametrize("how", list(Redirect))
async def test_a_bucket_of_another_region_is_named_where_regions_are_declared(server, how):
    server.settings = Settings(redirect=how)
    async with dressed(server, "abroad") as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await store.write(b"key", BODY, Writing())
    assert caught.value.kind in ("wrong-region", "redirect")
    assert server.bucket("abroad").keys() == []


@pytest.mark.parametrize("how", list(Redirect))
@pytest.mark.parametrize("verb", ["write", "head", "list"])
async def test_on_aws_hosts_the_bucket_is_asked_once_more_in_its_own_region(server, monkeypatch, how, verb):
    monkeypatch.setattr(address, "is_aws", lambda location: True)
    server.settings = Settings(redirect=how)
    server.bucket("abroad").put("key", BODY)
    async with dressed(server, "abroad") as store:
        for _ in range(2):
            if verb == "write":
                await store.write(b"key", BODY, Writing())
            elif verb == "head":
                assert await store.head(b"key") is not None
            else:
                from ferryline.model.key import EVERYTHING

                assert [page.rows.num_rows async for page in store.pages(EVERYTHING)] == [1]
        assert (store.region_resolved, store.region_source) == ("eu-west-1", "resolved")
    operation = {"write": "PutObject", "head": "HeadObject", "list": "ListObjectsV2"}[verb]
    assert server.count(operation) == 3, "once in the wrong region, then always in the right one"


async def test_on_aws_hosts_a_region_that_was_not_declared_is_resolved_before_the_first_request(
    server, monkeypatch
):
    monkeypatch.setattr(address, "is_aws", lambda location: True)
    server.bucket("abroad").put("key", BODY)
    async with dressed(server, "abroad", access={"region": None}) as store:
        assert await store.head(b"key") is not None
        assert (store.region_resolved, store.region_source) == ("eu-west-1", "resolved")
    assert server.count("HeadObject") == 1


# -- TLS ---------------------------------------------------------------------------------------


def certificate(folder, name="127.0.0.1", expired=False):
    """A self-signed certificate: (its path, a server's context)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    start = datetime.now(UTC) - timedelta(days=20)
    other = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=10 if expired else 40))
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return str(public), context


async def test_a_certificate_of_our_own_authority_is_trusted_by_its_bundle(tmp_path):
    bundle, context = certificate(tmp_path)
    with StrictServer("source", tls=context) as secure:
        async with dressed(secure, access={"ca_bundle": bundle}) as store:
            await store.write(b"key", BODY, Writing())
            assert (await store.read(b"key", pinned(secure.bucket("source").version("key")))).body == BODY


@pytest.mark.parametrize(
    ("made", "trusted", "why"),
    [
        ({"expired": True}, True, "expired"),
        ({"name": "other.example"}, True, "127.0.0.1"),
        ({}, False, "self"),
    ],
    ids=["expired", "wrong-name", "unknown-authority"],
)
async def test_a_certificate_that_proves_nothing_stops_the_run_and_no_request_is_sent(
    tmp_path, made, trusted, why
):
    bundle, context = certificate(tmp_path, **made)
    with StrictServer("source", tls=context) as secure:
        async with dressed(secure, access={"ca_bundle": bundle} if trusted else {}) as store:
            with pytest.raises(errors.EndpointFailed) as caught:
                await store.write(b"key", BODY, Writing())
        assert secure.seen == []
    assert caught.value.kind == "tls"
    assert why in caught.value.message
    assert "no insecure mode" in caught.value.advice


async def test_a_bundle_that_is_none_is_refused_when_the_location_is_opened(server, tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "not there.pem"):
        with pytest.raises(errors.BadLocation, match="ca_bundle"):
            async with dressed(server, access={"ca_bundle": str(path)}):
                pass


# -- answers that are no answers ----------------------------------------------------------------


@contextlib.asynccontextmanager
async def answering(*answers: bytes):
    """A server that reads a request's head and answers with these bytes in turn, the last one for ever."""
    turn, asked = list(answers), []

    async def serve(reader, writer):
        try:
            while True:
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(turn.pop(0) if len(turn) > 1 else turn[0])
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    access = S3Access(region="us-east-1", endpoint_url=f"http://127.0.0.1:{port}", anonymous=True)
    store = await s3.open_store(
        S3Location("bucket", b"", access),
        resolve=str,
        trace=None,
        clock=FastClock(),
        settings=s3.S3Settings(read_timeout_seconds=3.0, buffered_bytes_max=1_000_000),
    )
    try:
        yield store, asked
    finally:
        await store.close()
        listener.close()
        await listener.wait_closed()


GOOD = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 4\r\nLast-Modified: Wed, 25 Nov 2026 20:00:00 GMT\r\n\r\n'
NONSENSE = {
    "not HTTP": (b"220 smtp.example ESMTP\r\n\r\n", "malformed-answer"),
    "a length that is no number": (b"HTTP/1.1 200 OK\r\nContent-Length: 4x\r\n\r\n", "malformed-answer"),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", "malformed-answer"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X-Pad: " + b"x" * 200_000, "answer-too-large"),
    "a body over the cap": (
        b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: 99999999999\r\n\r\n",
        "answer-too-large",
    ),
    "a broken chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: e\r\n\r\nzz\r\nabc\r\n",
        "malformed-answer",
    ),
    "HEAD without a length": (b"HTTP/1.1 200 OK\r\nETag: e\r\n\r\n", "malformed-answer"),
    "a date that is none": (
        b"HTTP/1.1 200 OK\r\nETag: e\r\nContent-Length: 4\r\nLast-Modified: yesterday\r\n\r\n",
        "malformed-answer",
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_an_answer_that_is_none_fails_the_attempt(name):
    answer, kind = NONSENSE[name]
    async with answering(answer) as (store, asked):
        with pytest.raises(errors.RetryLater) as caught:
            if name in ("HEAD without a length", "a date that is none"):
                await store.head(b"key")
            else:
                await store.read(b"key", pinned_to(b"e"))
        assert len(asked) == 1
    assert caught.value.kind == kind


def pinned_to(etag):
    from ferryline.model.entry import Token
    from ferryline.storage.store import Pin

    return Pin(Token(etag, 0))


async def test_interim_answers_are_passed_over():
    async with answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD
    ) as (store, _):
        assert (await store.head(b"key")).entry.size_bytes == 4


async def test_bytes_after_an_answer_are_never_the_next_answer():
    async with answering(GOOD + b"spam" + GOOD + b"evil", GOOD + b"good") as (store, asked):
        assert (await store.read(b"key", pinned_to(b"e"))).body == b"spam"
        assert (await store.read(b"key", pinned_to(b"e"))).body == b"good"
        assert len(asked) == 2


async def test_a_connection_that_died_while_idle_costs_no_attempt_of_a_read(server):
    pin = pinned(server.bucket("source").put("key", BODY))
    async with dressed(server) as store:
        await store.bare.read(b"key", pin)
        armed = server.arm(Fault(GET, fault.Close()))
        assert (await store.bare.read(b"key", pin)).body == BODY
    assert armed.fired == 1
