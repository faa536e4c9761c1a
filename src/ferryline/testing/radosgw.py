"""A real S3 server for tests: radosgw on one monitor and one OSD that lives in memory.

Starts Debian's `ceph-mon`, `ceph-osd` and `radosgw` in a folder of its own, on loopback and free ports, and
ends them again; touches no other process. As a context manager from tests, or as a process::

    python -m ferryline.testing.radosgw --folder DIR

which prints one JSON line when it takes requests and stops on SIGTERM. Nothing survives a stop.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BINARIES = ("ceph-mon", "ceph-osd", "ceph", "monmaptool", "radosgw", "radosgw-admin")
ACCESS_KEY = "FLTESTRADOSGW"
SECRET_KEY = "not-a-secret-of-anybody"  # noqa: S105 - of a server that lives for one test
START_SECONDS = 180.0
MEMORY_BYTES = 12 * 1024**3

_CONF = """[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {memory}
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
mon data avail warn = 2
mon max pg per osd = 2000
osd max object name len = 2048
osd heartbeat grace = 120
mon osd full ratio = .96
mon osd backfillfull ratio = .95
mon osd nearfull ratio = .94
run dir = {folder}
log file = {folder}/$name.log
pid file = {folder}/$name.pid
admin socket =
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{rgw_port}
rgw data = {folder}/rgw
rgw gc max concurrent io = 2
rgw enable usage log = false
rgw cache enabled = true
rgw thread pool size = 64
rgw crypt require ssl = false
"""


def missing() -> tuple[str, ...]:
    """The binaries that this machine lacks."""
    return tuple(name for name in BINARIES if shutil.which(name) is None)


class Radosgw:
    """One running radosgw. `folder` is made, and removed when it stops."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._rgw_port = _free_port()
        self.endpoint_url = f"http://127.0.0.1:{self._rgw_port}"

    def start(self) -> Self:
        """Start all of it; returns when S3 requests are taken. Raises RuntimeError with the logs' ends."""
        try:
            self._start()
        except (OSError, subprocess.SubprocessError, RuntimeError) as problem:
            logs = self._ends_of_logs()
            self.stop()
            raise RuntimeError(f"radosgw did not start: {problem}\n{logs}") from problem
        return self

    def stop(self) -> None:
        """End the processes that were started, the gateway first, and remove the folder."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `boto3.client("s3", …)`."""
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "region_name": "us-east-1",
        }

    def client(self) -> Any:
        """A boto3 client; needs boto3."""
        import boto3
        from botocore.config import Config

        settings = Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        )
        return boto3.client("s3", config=settings, **self.client_arguments())

    def bucket(self, name: str | None = None) -> str:
        """Make a bucket; its name."""
        made = name or f"b-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=made)
        return made

    def _start(self) -> None:
        for name in ("mon", "osd", "rgw"):
            (self._folder / name).mkdir(parents=True)
        fsid, mon_port = str(uuid.uuid4()), _free_port()
        conf = self._folder / "ceph.conf"
        conf.write_text(
            _CONF.format(
                fsid=fsid,
                mon_port=mon_port,
                rgw_port=self._rgw_port,
                folder=self._folder,
                memory=MEMORY_BYTES,
            ),
            "utf-8",
        )
        monmap = self._folder / "monmap"
        self._once(
            "monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:127.0.0.1:{mon_port}]", str(monmap)
        )
        self._once("ceph-mon", "-c", str(conf), "--mkfs", "-i", "a", "--monmap", str(monmap))
        self._forever("ceph-mon", "-c", str(conf), "-i", "a", "-f")
        osd_uuid = str(uuid.uuid4())
        self._once("ceph", "-c", str(conf), "--connect-timeout", "60", "osd", "new", osd_uuid)
        self._once("ceph-osd", "-c", str(conf), "-i", "0", "--mkfs", "--osd-uuid", osd_uuid)
        self._osd(conf)
        self._forever("radosgw", "-c", str(conf), "-n", "client.rgw", "-f")
        self._answering()
        self._once(
            "radosgw-admin", "-c", str(conf), "-n", "client.rgw", "user", "create", "--uid", "ferryline",
            "--display-name", "Ferryline's tests", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY,
            "--max-buckets", "100000",
        )  # fmt: skip

    def _osd(self, conf: Path) -> None:
        """Start the OSD. It gives up when it speaks before the monitor's map has reached it: then again."""
        for _ in range(10):
            self._forever("ceph-osd", "-c", str(conf), "-i", "0", "-f")
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and self._processes[-1].poll() is None:
                if b"1 up" in self._said("ceph", "-c", str(conf), "--connect-timeout", "10", "osd", "stat"):
                    return
                time.sleep(0.2)
            ended = self._processes.pop()
            if ended.poll() is None:
                ended.kill()
            ended.wait()
        raise RuntimeError("the OSD did not come up")

    def _said(self, *words: str) -> bytes:
        done = subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, timeout=START_SECONDS, check=False, cwd=self._folder
        )
        return done.stdout

    def _once(self, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, text=True, timeout=START_SECONDS, check=False, cwd=self._folder
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words[:1])} failed: {done.stderr[-2000:]}")

    def _forever(self, *words: str) -> None:
        with (self._folder / f"{words[0]}.out").open("wb") as out:
            self._processes.append(
                subprocess.Popen(  # noqa: S603 - our own words
                    words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self._folder
                )
            )

    def _answering(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline:
            for process in self._processes:
                if process.poll() is not None:
                    raise RuntimeError(f"a process ended with {process.returncode}")
            try:
                with opener.open(self.endpoint_url, timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"{self.endpoint_url} did not answer within {START_SECONDS:.0f} s")

    def _ends_of_logs(self) -> str:
        found = []
        for path in [*self._folder.glob("*.log"), *self._folder.glob("*.out")]:
            with contextlib.suppress(OSError):
                found.append(f"-- {path.name}\n{path.read_text('utf-8', 'replace')[-1500:]}")
        return "\n".join(found)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main(arguments: list[str]) -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m ferryline.testing.radosgw")
    parser.add_argument("--folder", type=Path, required=True, help="is made, and removed at the end")
    chosen = parser.parse_args(arguments)
    lacking = missing()
    if lacking:
        sys.stderr.write(f"missing: {', '.join(lacking)} (Debian: radosgw ceph-mon ceph-osd ceph-common)\n")
        return 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Radosgw(chosen.folder) as server:
        ready = {
            "endpoint_url": server.endpoint_url,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
