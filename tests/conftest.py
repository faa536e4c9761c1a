"""Servers for every test that wants one: strict, radosgw, moto and rclone, on loopback and free ports.

radosgw is started once, for all tests with its marker; xdist keeps them on one worker. Where its
binaries are missing they are skipped by name, and in CI that is a failure.
"""

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import hypothesis
import pytest
from botocore.config import Config

from ferryline.testing import radosgw as ceph
from ferryline.testing.strict import StrictServer

hypothesis.settings.register_profile("house", deadline=None)  # no test fails because a machine is busy
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups down
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("radosgw") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("radosgw"))


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory):
    lacking = ceph.missing()
    if lacking:
        message = f"{', '.join(lacking)} missing: install radosgw, ceph-mon, ceph-osd and ceph-common"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with ceph.Radosgw(tmp_path_factory.mktemp("radosgw") / "ceph") as server:
        yield server


@pytest.fixture
def strict():
    with StrictServer("source", "destination") as server:
        yield server


@dataclass(frozen=True)
class Peer:
    """A server of somebody else's."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def client(self):
        settings = Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        )
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=settings,
        )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def served(words: list[str], port: int, folder: Path) -> subprocess.Popen:
    """Start a server process and wait until its port answers."""
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError(f"{words[0]} did not start: {(folder / 'out').read_text('utf-8', 'replace')[-2000:]}")


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    port = free_port()
    words = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = served(words, port, tmp_path_factory.mktemp("moto"))
    yield Peer(f"http://127.0.0.1:{port}", "testing", "not-a-secret")
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory):
    binary = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if binary is None:
        pytest.skip("rclone is not installed")
    folder, port = tmp_path_factory.mktemp("rclone"), free_port()
    (folder / "data").mkdir()
    words = [
        binary, "serve", "s3", str(folder / "data"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", "rclonetesting,not-a-secret", "--config", str(folder / "none.conf"),
    ]  # fmt: skip
    process = served(words, port, folder)
    yield Peer(f"http://127.0.0.1:{port}", "rclonetesting", "not-a-secret")
    process.terminate()
    process.wait(10)


AS_POSTGRES = (
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
)


def postgresql_binary(name: str) -> str:
    places = [shutil.which(name), *sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)]
    found = next((place for place in places if place and os.access(place, os.X_OK)), None)
    if found is None:
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip  # as radosgw: not untested unseen
        lacking(f"PostgreSQL's {name} is not installed: install postgresql")
    return found


@pytest.fixture(scope="session")
def postgresql_server():
    """A real server in a folder of its own; the URL of its database, with a password in it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    initdb, pg_ctl = postgresql_binary("initdb"), postgresql_binary("pg_ctl")
    # Not below pytest's own folder: that one is closed to the user the server runs as.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as home:
        if AS_POSTGRES:
            shutil.chown(home, "postgres", "postgres")
        data, port = os.path.join(home, "data"), free_port()
        make = [initdb, "-D", data, "-U", "ferry", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"]
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        start = [pg_ctl, "-D", data, "-w", "-l", os.path.join(home, "log"), "-o", options, "start"]
        stop = [pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"]
        settings = {"check": True, "capture_output": True, "cwd": "/"}
        subprocess.run([*AS_POSTGRES, *make], **settings)
        subprocess.run([*AS_POSTGRES, *start], **settings)
        try:
            yield f"postgresql://ferry:hidden@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*AS_POSTGRES, *stop], **settings)


@pytest.fixture
def postgresql(postgresql_server):
    """The server with no table in it."""
    import psycopg

    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgresql_server
