"""An endpoint that is not what it should be: redirects, clocks, names, certificates, bombs. Named, and never obeyed."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.storage.store import Writing
from ferryline.testing.strict import BucketSettings, Credential, Fault, Redirect, Settings, StrictServer, fault
from tests.faults.s3_ground import dressed, keys_of, pinned

BODY = b"the bytes"


@pytest.fixture(scope="module")
def server():
    with StrictServer("source", BucketSettings("far", region="eu-central-1")) as running:
        running.bucket("source").put("key", BODY)
        running.bucket("far").put("key", BODY)
        yield running


@pytest.fixture(autouse=True)
def calm(server):
    server.forget()
    yield
    server.disarm()
    server.settings = Settings()


async def listed(store):
    return await keys_of(store, EVERYTHING)


async def looked(store):
    return await store.head(b"key")


async def written(store):
    return await store.write(b"new", BODY, Writing())


VERBS = {"list": listed, "head": looked, "write": written}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_to_another_host_is_not_followed_and_gets_no_credentials(server, verb, status):
    with StrictServer("source") as elsewhere:
        armed = server.arm(
            Fault("*", fault.RedirectTo(f"{elsewhere.endpoint_url}/source/key", status), times=None)
        )
        async with dressed(server) as store:
            with pytest.raises(errors.EndpointFailed) as caught:
                await VERBS[verb](store)
        assert elsewhere.seen == []
    assert armed.fired == 1
    assert caught.value.kind == "redirect"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", ""])
async def test_a_redirect_to_the_metadata_service_or_in_a_circle_ends_after_one_request(server, verb, target):
    armed = server.arm(Fault("*", fault.RedirectTo(target), times=None))
    async with dressed(server) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await VERBS[verb](store)
    assert armed.fired == 1
    assert len(server.seen) == 1
    assert caught.value.kind == "redirect"


@pytest.mark.parametrize("address", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]", "0.0.0.0"])
async def test_an_endpoint_on_the_metadata_service_is_never_asked(server, address):
    async with dressed(server, access={"endpoint_url": f"http://{address}:{server.port}"}, connect_timeout_seconds=1) as store:
        with pytest.raises((errors.EndpointFailed, errors.UserMistake)):
            await looked(store)
    assert server.seen == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("redirect", list(Redirect))
async def test_a_bucket_of_another_region_is_named_with_its_region(server, verb, redirect):
    server.settings = Settings(redirect=redirect)
    async with dressed(server, "far") as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await VERBS[verb](store)
    assert caught.value.kind in ("wrong-region", "redirect")
    assert "eu-central-1" in str(caught.value)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("offset", "words"), [(-16 * 60, "16 minutes ahead"), (16 * 60, "16 minutes behind"), (86400, "1440 minutes behind")])
async def test_a_clock_that_is_off_stops_the_run_and_says_by_how_much(server, verb, offset, words):
    armed = server.arm(Fault("*", fault.Clock(offset), times=None))
    async with dressed(server) as store:
        with pytest.raises((errors.EndpointFailed, errors.AccessRefused)) as caught:
            await VERBS[verb](store)
    assert armed.fired == 1
    assert caught.value.kind == "clock-skew"
    assert words in caught.value.message
    assert "NTP" in caught.value.advice


async def test_a_name_that_does_not_exist_is_tried_again_and_then_named(server):
    async with dressed(server, access={"endpoint_url": "http://no-such-host.invalid"}) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await looked(store)
    assert caught.value.kind == "dns"
    assert "no-such-host.invalid" in caught.value.message


async def test_a_port_where_nobody_listens_is_named(server):
    with StrictServer("source") as gone:
        url = gone.endpoint_url
    async with dressed(server, access={"endpoint_url": url}) as store:
        with pytest.raises(errors.EndpointFailed) as caught:
            await looked(store)
    assert caught.value.kind == "connection-refused"


async def test_an_endpoint_that_comes_back_is_used_again(server):
    with StrictServer("source") as first:
        first.bucket("source").put("key", BODY)
        port = first.port
        async with dressed(first) as store:
            assert await looked(store)
            first.stop()
            asking = asyncio.ensure_future(_patiently(store))
            with StrictServer("source", port=port) as second:
                second.bucket("source").put("key", BODY)
                assert await asking


async def _patiently(store):
    for _ in range(1000):
        try:
            return await looked(store)
        except errors.EndpointFailed:
            await asyncio.sleep(0.001)
    return None


# -- certificates ------------------------------------------------------------------------------


def certificate(folder, name="127.0.0.1", ends=timedelta(days=1)):
    """A server's context with a certificate of its own, and the file a client would have to trust."""
    x509 = pytest.importorskip("cryptography.x509")
    import ipaddress

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "strict")])
    begins = datetime.now(UTC) - timedelta(days=9)
    shown = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(begins).not_valid_after(datetime.now(UTC) + ends)
        .add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "cert.pem")


async def test_a_trusted_certificate_is_spoken_to(tmp_path):
    context, trusted = certificate(tmp_path)
    with StrictServer("source", tls=context) as server:
        server.bucket("source").put("key", BODY)
        async with dressed(server, access={"ca_bundle": trusted}) as store:
            assert await listed(store) == [b"key"]


@pytest.mark.parametrize("wrong", ["unknown issuer", "other name", "expired"])
async def test_a_certificate_that_cannot_be_trusted_stops_the_run_at_once(tmp_path, wrong):
    if wrong == "other name":
        context, trusted = certificate(tmp_path, name="other.example")
    elif wrong == "expired":
        context, trusted = certificate(tmp_path, ends=-timedelta(days=1))
    else:
        context, trusted = certificate(tmp_path)[0], None
    with StrictServer("source", tls=context) as server:
        server.bucket("source").put("key", BODY)
        async with dressed(server, access={"ca_bundle": trusted}) as store:
            with pytest.raises(errors.EndpointFailed) as caught:
                await listed(store)
        assert server.seen == []
    assert caught.value.kind == "tls"
    assert "no insecure mode" in caught.value.advice


# -- answers that are meant to hurt ----------------------------------------------------------------

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
) + b"]><Error><Code>&j;</Code></Error>"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_xml_bomb_is_not_expanded(server, verb, status):
    armed = server.arm(Fault("*", fault.Page(BOMB, "application/xml", status), times=None))
    async with dressed(server) as store:
        if (verb, status) in {("head", 200), ("write", 200)}:
            # A HEAD has no body, and a PUT's is empty: what stands there is no S3 answer.
            with pytest.raises(errors.FerrylineError):
                assert (await VERBS[verb](store)) is None
                raise errors.EndpointFailed("nothing was taken from it")
        else:
            with pytest.raises(errors.FerrylineError) as caught:
                await VERBS[verb](store)
            assert len(str(caught.value)) < 2000
    assert armed.fired


@pytest.mark.parametrize("verb", ["list", "write"])
async def test_an_error_body_without_end_is_cut(server, verb):
    armed = server.arm(Fault("*", fault.Page(b"<Error>" + b"x" * 200_000_000, "application/xml", 403), times=None))
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
    assert access["access_key_id"].values == ["NEVER"]
