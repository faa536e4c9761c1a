"""Ferryline as its user meets it: whole command lines, their exit codes, and what servers saw of them."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ferryline.cli import main
from ferryline.report import schemas
from ferryline.storage.wrap import retry
from ferryline.testing.strict import StrictServer
from ferryline.testing.strict.settings import ACCESS_KEY, REGION, SECRET_KEY

LISTINGS = frozenset({"ListObjectsV2"})


@dataclass(frozen=True)
class Said:
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one document of `--json`; fails when stdout holds anything else. Checked by its schema."""
        told = json.loads(self.out)
        jsonschema.validate(told, schemas.load(told["schema"].removeprefix("ferryline.").split("/")[0]))
        for run in told.get("runs", ()):
            jsonschema.validate(run, schemas.load("run"))
        return told


class User:
    """Somebody at a prompt in a folder, with credentials for the strict server and a state folder.

    One server stands for the two of a copy, so bytes go through this host unless `server_side` is set.
    """

    server_side = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"

    def run(self, *words: str, state: Path | None = None) -> Said:
        """Run one command line in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run(self._words(words, state))
        return Said(code, out.getvalue(), err.getvalue())

    def start(self, *words: str, state: Path | None = None, module: str = "ferryline") -> subprocess.Popen:
        """Start one command line as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *self._words(words, state)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder,
        )  # fmt: skip

    def crash(
        self, at: int | None, *words: str, record: Path | None = None, state: Path | None = None
    ) -> int:
        """Run one command line in a process that gets SIGKILL at its `at`th crash point; the exit code."""
        flags = [] if at is None else ["--at", str(at)]
        flags += [] if record is None else ["--count", str(record)]
        done = subprocess.run(
            [sys.executable, "-m", "ferryline.testing.crashing", *flags, "--", *self._words(words, state)],
            capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
        )  # fmt: skip
        return done.returncode

    def _words(self, words: tuple[str, ...], state: Path | None) -> list[str]:
        quiet = (
            ["--quiet"]
            if "--quiet" not in words and words[0] in {"copy", "plan", "sync", "verify", "adopt"}
            else []
        )
        if words[0] in {"copy", "sync"} and not self.server_side:
            quiet.append("--disable-server-side-copy")
        return [*words, *quiet, "--state", str(state or self.state)]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FERRYLINE_CREDENTIALS", "FERRYLINE_STATE"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return User(home)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts are repeated at once: for faults that strike for ever."""
    monkeypatch.setattr(retry.Retry, "delay", lambda _self, _times, _asked: 0.0)


def url(server: Any, bucket: str, prefix: str = "") -> str:
    """A folder of a bucket of a server, as a person writes it."""
    return f"s3://{bucket}/{prefix}?endpoint_url={server.endpoint_url}"


def other_than_listings(server: StrictServer) -> list[str]:
    """Every request that was no listing."""
    return [f"{one.operation} {one.key!r}" for one in server.seen if one.operation not in LISTINGS]


def data_bytes(server: StrictServer) -> int:
    """Bytes of objects that went either way."""
    verbs = {"GetObject", "PutObject", "UploadPart"}
    return sum(
        one.bytes_in + one.bytes_out
        for one in server.seen
        if one.operation in verbs and not one.key.startswith(b".ferryline/")
    )


def deletes(server: StrictServer, bucket: str = "destination") -> list[bytes]:
    """The keys that somebody asked a bucket to delete, our own small documents left out."""
    return [
        one.key
        for one in server.seen
        if one.operation.startswith("DeleteObject")
        and one.bucket == bucket
        and not one.key.startswith(b".ferryline/")
    ]


def picture(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything below a folder with what changes when it is written: nothing was touched if it is equal."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = Path(folder, name)
            seen = path.lstat()
            found[str(path.relative_to(root))] = (
                seen.st_ino,
                seen.st_size,
                seen.st_mtime_ns,
                seen.st_ctime_ns,
            )
    return found
