"""The wire, the log, the hooks, and the server as a thread and as a process."""

import os
import signal
import ssl

import pytest

from ferryline.testing.strict import Fault, Fill, Lie, Settings, StrictProcess, StrictServer
from ferryline.testing.strict.fault import Status
from ferryline.testing.strict.fixtures import strict_pair  # noqa: F401 - a fixture
from tests.strict.conftest import RawClient, client_of


def test_requests_may_be_pipelined(raw, open_server):
    wire = b"".join(
        b"PUT /bucket/k%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % number
        for number in range(20)
    )
    raw.send(wire + b"GET /bucket/k7 HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while b"abc" not in data:
        data += raw.socket.recv(65536)

    assert data.count(b"HTTP/1.1 200 OK") == 21
    assert len(open_server.bucket("bucket").keys()) == 20


@pytest.mark.parametrize("step", [1, 3, 50])
def test_requests_may_come_in_pieces_of_any_size(raw, open_server, step):
    wire = b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
    for at in range(0, len(wire), step):
        raw.send(wire[at : at + step])

    assert raw.answer().status == 200
    assert open_server.bucket("bucket").get("key") == b"0123456789"


def test_a_large_body_goes_through_unchanged(raw, open_server):
    body = os.urandom(20 * 1024 * 1024 + 7)

    assert raw.ask("PUT", "/bucket/key", body=body).status == 200
    assert raw.ask("GET", "/bucket/key").body == body
    assert open_server.bucket("bucket").get("key") == body


def test_100_continue_is_answered_before_the_body_unless_the_head_is_refused(server, raw):
    raw.send(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert raw.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw.send(b"x")
    assert raw.answer().status == 200
    strict = RawClient(server.port)
    strict.send(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    answer = strict.answer()
    assert (answer.status, answer.headers["connection"]) == (403, "close")
    strict.close()


@pytest.mark.parametrize(
    "wire",
    [b"rubbish\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"PUT /b/k HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\nname : value\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_400_and_the_end(raw, wire):
    raw.send(wire)
    answer = raw.answer()

    assert answer.status == 400
    assert raw.answer().ended == "closed"


def test_a_put_without_a_length_is_411(raw):
    raw.send(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\n\r\n")

    assert raw.answer().status == 411


def test_a_connection_is_closed_when_asked(raw):
    answer = raw.ask("GET", "/bucket/key", headers=["Connection: close"])

    assert (answer.status, answer.headers["connection"]) == (404, "close")
    assert raw.answer().ended == "closed"


def test_every_answer_has_a_date_a_server_and_a_request_id(open_server, raw):
    first, second = raw.ask("GET", "/bucket/key"), raw.ask("GET", "/bucket/key")
    open_server.settings = Settings(verify_signatures=False, server_header="Mine/1")

    assert first.headers["date"].endswith(" GMT")
    assert first.headers["server"] == "AmazonS3"
    assert first.headers["x-amz-request-id"] != second.headers["x-amz-request-id"]
    assert f"<RequestId>{first.headers['x-amz-request-id']}</RequestId>".encode() in first.body
    assert raw.ask("GET", "/bucket/key").headers["server"] == "Mine/1"


def test_the_log_tells_operations_keys_bytes_and_status(open_server, raw):
    raw.ask("PUT", "/bucket/a%20b", body=b"12345")
    raw.ask("GET", "/bucket/a%20b", headers=["Range: bytes=0-1"])
    raw.ask("GET", "/bucket/missing")
    put, get, missing = open_server.seen

    assert (put.operation, put.key, put.bytes_in, put.status) == ("PutObject", b"a b", 5, 200)
    assert (get.operation, get.bytes_out, get.status) == ("GetObject", 2, 206)
    assert (missing.status, missing.error) == (404, "NoSuchKey")
    assert open_server.count("GetObject") == 2
    assert open_server.count() == 3
    assert open_server.counters["PutObject"] == {"requests": 1, "bytes_in": 5, "bytes_out": 0}
    assert open_server.requests("GetObject", "a b") == [get]
    open_server.forget()
    assert open_server.seen == []


def test_hooks_run_before_and_after_and_may_change_the_world(open_server, raw):
    bucket = open_server.bucket("bucket")
    order = []

    def before(exchange):
        order.append(("before", exchange.request.key))
        bucket.put("key", b"from the hook")

    open_server.before("GetObject", before)
    open_server.after("GetObject", lambda exchange: order.append(("after", exchange.seen.status)))

    assert raw.ask("GET", "/bucket/key").body == b"from the hook"
    assert order == [("before", b"key"), ("after", 200)]


def test_a_mistake_of_the_server_is_raised_when_it_stops():
    def broken(exchange):
        raise ZeroDivisionError("a broken hook")

    with pytest.raises(ZeroDivisionError), StrictServer("bucket") as server:
        server.before("*", broken)
        client = RawClient(server.port)
        assert client.ask("GET", "/bucket/key").status == 500
        client.close()


def test_two_servers_are_two_worlds():
    with StrictServer("bucket") as first, StrictServer("bucket") as second:
        first.bucket("bucket").put("key", b"x")

        assert first.endpoint_url != second.endpoint_url
        assert second.bucket("bucket").keys() == []


def test_what_was_stored_can_be_looked_at_after_it_stopped():
    with StrictServer("bucket") as server:
        server.bucket("bucket").put("key", b"x")

    assert server.bucket("bucket").get("key") == b"x"


def test_a_port_that_is_taken_is_an_error(server):
    with pytest.raises(OSError, match=str(server.port)):
        StrictServer(port=server.port).start()


def test_it_speaks_tls(tmp_path):
    pytest.importorskip("cryptography")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    with StrictServer("bucket", settings=Settings(verify_signatures=False), tls=context) as server:
        server.bucket("bucket").put("key", b"x" * 3_000_000)
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        client = RawClient(server.port)
        client.socket = trusting.wrap_socket(client.socket, server_hostname="localhost")

        assert server.endpoint_url.startswith("https://")
        assert len(client.ask("GET", "/bucket/key").body) == 3_000_000
        client.close()


def self_signed(folder):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private


def test_a_process_serves_counts_and_is_hit_by_faults():
    with StrictProcess(
        "--bucket", "one", "--versioned", "two", "--kms", "three", "--fill", "one:3:100"
    ) as server:
        s3 = client_of(server)
        index = server.arm(Fault("HeadObject", Status("SlowDown")))

        assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["one", "three", "two"]
        assert s3.list_objects_v2(Bucket="one")["KeyCount"] == 3
        assert s3.get_bucket_versioning(Bucket="two")["Status"] == "Enabled"
        with pytest.raises(s3.exceptions.ClientError):
            s3.head_object(Bucket="one", Key="data/0000001.bin")
        assert s3.head_object(Bucket="one", Key="data/0000001.bin")["ContentLength"] == 100
        assert server.fired(index) == 1
        assert server.counters()["HeadObject"]["requests"] == 2
        assert [one["operation"] for one in server.seen()][0] == "ListBuckets"
        server.corrupt("one", "data/0000001.bin")
        server.lie(Lie.ETAG_NOT_MD5)
        s3.create_multipart_upload(Bucket="one", Key="upload")
        assert [one["key"] for one in server.uploads()["one"]] == ["upload"]
        server.disarm()
        server.forget()
        assert (server.faults(), server.seen()) == ([], [])
        assert server.stop() == 0


def test_a_process_stops_on_sigterm_with_connections_open():
    server = StrictProcess("--bucket", "one").start()
    client = RawClient(int(server.endpoint_url.rsplit(":", 1)[1]))
    os.kill(server.pid, signal.SIGTERM)

    assert server.stop() == 0
    client.close()


def test_the_admin_path_is_closed_unless_asked_for(raw):
    assert raw.ask("GET", "/-/counters").status == 404


def test_what_is_filled_is_the_same_on_every_machine():
    with StrictServer() as one, StrictServer() as two:
        for server in (one, two):
            server.fill(Fill("bucket", 3, 5_000_000))
        assert one.bucket("bucket").contents() == two.bucket("bucket").contents()
        assert len(set(one.bucket("bucket").contents().values())) == 3
        version = one.bucket("bucket").version("data/0000000.bin")
        assert version.etag == version.content.md5().hex()


def test_a_long_benchmark_keeps_sums_and_no_log(open_server, raw):
    open_server.open_admin(admin=False, keeps_log=False)
    raw.ask("PUT", "/bucket/key", body=b"12345")
    raw.ask("GET", "/bucket/key")

    assert open_server.seen == []
    assert open_server.counters["PutObject"] == {"requests": 1, "bytes_in": 5, "bytes_out": 0}
    assert open_server.counters["GetObject"] == {"requests": 1, "bytes_in": 0, "bytes_out": 5}


def test_a_bucket_may_be_named_by_the_host():
    with StrictServer("bucket", settings=Settings(verify_signatures=False, domain="s3.test")) as server:
        server.bucket("bucket").put("bucket/a b", b"x")
        client = RawClient(server.port)
        client.send(b"GET /bucket/a%20b HTTP/1.1\r\nHost: bucket.s3.test:80\r\n\r\n")
        by_host = client.answer()
        client.send(b"GET /bucket/bucket/a%20b HTTP/1.1\r\nHost: s3.test\r\n\r\n")

        assert (by_host.body, client.answer().body) == (b"x", b"x")
        client.close()


def test_the_fixtures_give_two_regions(strict_pair):  # noqa: F811
    first, second = strict_pair

    assert (first.bucket("source").keys(), second.bucket("destination").keys()) == ([], [])
