"""What can go wrong while `sync` reads a dataset's source: flips, proxies, missing lengths, archives, holes."""

import gzip
import http.client
import os
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Lie, Put, StrictServer
from ferryline.testing.strict.fault import Fault, Flip, Short, Status
from tests.datasets import NAME, data, own, read_whole, s3, write_policy

pytestmark = pytest.mark.usefixtures("hasty")

MIB = 1024 * 1024


def declare(user, source, server, **dataset):
    places = {"source": s3(source, "source"), "eu": s3(server, "eu")}
    return write_policy(user.folder, places, ["eu/data/"], **dataset)


@contextmanager
def two(encryption=Encryption.SSE_S3):
    """A source on one server and its replica on another."""
    source_bucket = BucketSettings("source", encryption=encryption)
    with StrictServer(source_bucket) as source, StrictServer("eu") as server:
        source.bucket("source").put_many({f"data/{number:02}": b"%d" % number * 300 for number in range(20)})
        yield source, server


def published(server):
    return [key for key in server.bucket("eu").keys() if key.endswith(b"head.json")]


def destination(said):
    return said.document["runs"][0]["destinations"][0]


def one_failed(said, kind):
    """The run ended with 1, for this one object, and published nothing."""
    assert said.code == 1, said.err
    run = said.document["runs"][0]
    assert [one["kind"] for one in run["failures"]] == [kind], run["failures"]
    assert run["destinations"][0]["snapshot"] is None
    return run["failures"][0]


# -- 21: a bit flips, and no checksum comes along ----------------------------------------------------


KNOWN = {
    "by the ETag of one piece": Put(),
    "by the ETag of its parts": Put(part_bytes=8 * MIB),
}


@pytest.mark.parametrize("put", KNOWN.values(), ids=KNOWN)
def test_a_flipped_bit_without_a_checksum_never_is_published(user, put):
    with two() as (source, server):
        body = os.urandom(20 * MIB if put.part_bytes else 700)
        source.bucket("source").put("data/07", body, put)
        declare(user, source, server)
        flip = source.arm(Fault("GetObject", Flip(at=100, checksum=False), key="data/07", times=1))

        said = user.run("sync", NAME, "--json")

        assert flip.fired
        if said.code:
            one_failed(said, "digest-mismatch")
            assert published(server) == []
            said = user.run("sync", NAME, "--json")
        assert said.code == 0, said.err
        assert read_whole(server, "eu")[b"07"] == body


def test_bits_that_flip_at_every_read_fail_their_object_and_nothing_is_published(user):
    with two() as (source, server):
        declare(user, source, server)
        flips = [
            source.arm(Fault("GetObject", Flip(at=at, checksum=False), key="data/07", nth=at + 1))
            for at in range(30)
        ]

        said = user.run("sync", NAME, "--json")

        assert sum(one.fired for one in flips) >= 2
        assert one_failed(said, "digest-mismatch")["key"] == "07"
        assert server.bucket("eu").get("data/07") is None and published(server) == []
        source.disarm()
        assert user.run("sync", NAME).code == 0


def test_etags_of_parts_that_mean_nothing_cost_one_more_read_of_one_object(user):
    with two() as (source, server):
        source.lie(Lie.ETAG_NOT_MD5)
        bodies = {f"data/large-{number}": os.urandom(17 * MIB) for number in range(3)}
        source.bucket("source").put_many(bodies, Put(part_bytes=8 * MIB))
        declare(user, source, server)

        said = user.run("sync", NAME, "--json")

        assert said.code == 0, said.err
        read = said.document["runs"][0]["source_bytes_read"]
        assert 4 * 17 * MIB < read < 4 * 17 * MIB + MIB
        assert {
            key: read_whole(server, "eu")[key.removeprefix(b"data/")] for key in map(str.encode, bodies)
        } == {key.encode(): body for key, body in bodies.items()}


# -- 24: a proxy compresses what it passes on --------------------------------------------------------


@contextmanager
def passing(behind, touched, *, announced, packs=True):
    """A proxy in front of a server that compresses the objects it passes on, as some do unasked, or only
    keeps their length to itself."""

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            with closing(http.client.HTTPConnection("127.0.0.1", behind.port, timeout=30)) as line:
                self.through(line, body)

        def through(self, line, body):
            line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                line.putheader(name, value)
            line.endheaders(body)
            answer = line.getresponse()
            came = self.whole(answer)
            ours = self.command == "GET" and answer.status < 300 and "/data/" in self.path.partition("?")[0]
            if ours:
                came = gzip.compress(came) if packs else came
                touched.append(self.path)
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"} and not (
                    ours and packs and name.lower().startswith("x-amz-checksum")
                ):
                    self.send_header(name, value)
            if ours and packs:
                self.send_header("Content-Encoding", "gzip")
            if ours and not announced:
                self.send_header("Transfer-Encoding", "chunked")
                came = b"%x\r\n%s\r\n0\r\n\r\n" % (len(came), came)
            elif self.command == "HEAD":
                self.send_header("Content-Length", answer.getheader("Content-Length") or "0")
            else:
                self.send_header("Content-Length", str(len(came)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(came)

        def whole(self, answer):
            try:
                return answer.read()
            except http.client.IncompleteRead as early:
                return early.partial

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815 - the names http.server asks for

        def log_message(self, *_arguments):
            """Nothing is told."""

    class Proxy(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_arguments):
            """A client that has heard enough hangs up."""

    proxy = Proxy(("127.0.0.1", 0), Forward)
    serving = threading.Thread(target=proxy.serve_forever, daemon=True)
    serving.start()
    try:
        yield SimpleNamespace(endpoint_url=f"http://127.0.0.1:{proxy.server_port}")
    finally:
        proxy.shutdown()
        serving.join()
        proxy.server_close()


@pytest.mark.parametrize("encryption", [Encryption.SSE_S3, Encryption.KMS], ids=lambda one: one.value)
@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "without one"])
def test_a_proxy_that_compresses_answers_stops_the_run_and_is_named(user, announced, encryption):
    compressed = []
    with two(encryption) as (source, server):
        with passing(source, compressed, announced=announced) as proxy:
            declare(user, proxy, server)

            said = user.run("sync", NAME, "--json")

        assert compressed, "the proxy must have had something to compress"
        assert said.code == 4, said.err
        assert "transparent-compression" in said.err and "proxy" in said.err
        assert published(server) == []
        assert data(server.bucket("eu").contents()) == {}


def test_an_object_that_is_stored_compressed_is_no_proxys_work(user):
    with two() as (source, server):
        body = gzip.compress(b"x" * 5000)
        source.bucket("source").put("data/z.gz", body, Put(headers={"content-encoding": "gzip"}))
        declare(user, source, server)

        said = user.run("sync", NAME, "--json")

        assert said.code == 0, said.err
        assert read_whole(server, "eu")[b"z.gz"] == body


# -- 64: a body whose length nobody says -------------------------------------------------------------


@pytest.mark.parametrize("size", [6000, 20 * MIB], ids=["small", "in parts"])
def test_bodies_without_a_length_arrive_whole_and_those_that_end_early_are_read_again(user, size):
    compressed = []
    with two() as (source, server), passing(source, compressed, announced=False, packs=False) as proxy:
        body = os.urandom(size)
        source.bucket("source").put("data/07", body, Put(part_bytes=8 * MIB) if size > MIB else Put())
        declare(user, proxy, server)
        early = source.arm(
            Fault("GetObject", Short(keep_bytes=size // 50, announced=False), key="data/07", times=1)
        )

        said = user.run("sync", NAME, "--json")

        assert early.fired and compressed
        assert said.code == 0, said.err
        assert read_whole(server, "eu")[b"07"] == body


# -- 71: what was restored is archived again ---------------------------------------------------------


def test_a_restore_that_expires_between_the_look_and_the_read_fails_its_object_until_the_next_run(user):
    with two() as (source, server):
        declare(user, source, server)
        expired = source.arm(Fault("GetObject", Status("InvalidObjectState"), key="data/07", times=None))

        said = user.run("sync", NAME, "--json")

        assert expired.fired == 1, "an archive does not open because one asks again"
        failure = one_failed(said, "archived")
        assert failure["key"] == "07" and "restore" in failure["advice"]
        assert len(data(server.bucket("eu").contents())) == 19
        source.disarm()
        source.forget()
        again = user.run("sync", NAME, "--json")
        assert again.code == 0, again.err
        assert [one.key for one in source.requests("GetObject") if not own(one.key)] == [b"data/07"]


# -- 99: a file with holes ---------------------------------------------------------------------------


def test_a_sparse_file_of_some_gigabytes_arrives_with_the_right_digest(user, tmp_path):
    source = tmp_path / "source" / "data"
    source.mkdir(parents=True)
    size, at, body = 2 * 1024 * MIB, 1234 * MIB + 567, os.urandom(MIB)
    with (source / "holes").open("wb") as file:
        file.truncate(size)
        file.seek(at)
        file.write(body)
    assert (source / "holes").stat().st_blocks * 512 < 4 * MIB, "this disk keeps no holes"
    places = {
        "source": {"url": f"file://{tmp_path}/source", "region": "us-east-1"},
        "disk": {"url": f"file://{tmp_path}/disk", "region": "us-east-1"},
    }
    write_policy(user.folder, places, ["disk/data/"])

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = tmp_path / "disk" / "data" / "holes"
    assert there.stat().st_size == size
    with there.open("rb") as file:
        file.seek(at)
        assert file.read(MIB) == body
    assert user.run("verify", NAME).code == 0, (
        "files are always read: the manifest's digest is that of the file"
    )
