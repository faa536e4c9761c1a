"""What Ferryline, rclone and the AWS CLI do with keys that break tools, on one server in one run.

    python -m benchmarks.hostile_keys --write

Every key of `ferryline.testing.hostile` goes S3 → S3, and S3 → file → S3, with each tool. A key is
*delivered* when its bytes are at the same key at the end, *refused by name* when the tool's output
names it and it ends with an error, and *lost* when neither is so. Needs radosgw. `--write` renews the
page in docs/explanation.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryline.model.key import printable
from ferryline.testing import hostile
from ferryline.testing.radosgw import Radosgw

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "hostile-keys.md"
BIN = Path(sys.executable).parent
SECONDS_MAX = 300


@dataclass(slots=True)
class Verdict:
    """What became of the keys on one way with one tool."""

    delivered: int = 0
    refused: list[bytes] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    """How a tool's run ended, and what it said."""

    code: int
    text: str


Copy = Callable[[str, str], Said]
"""Copies from one place to another; places are `s3://bucket` or a folder."""


class Bench:
    """One server and the three tools on it."""

    def __init__(self, server: Radosgw, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._environment = os.environ | {
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }

    def tools(self) -> dict[str, Copy]:
        """Each tool under its name."""
        return {"ferryline": self._ferryline, "rclone": self._rclone, "aws s3 sync": self._aws}

    def _ferryline(self, source: str, target: str) -> Said:
        words = [str(BIN / "ferryline"), "copy", self._url(source), self._url(target), "--quiet", "--json"]
        return self._said([*words, "--state", str(self._folder / "state")])

    def _url(self, place: str) -> str:
        return f"{place}?endpoint_url={self._server.endpoint_url}" if place.startswith("s3:") else place

    def _rclone(self, source: str, target: str) -> Said:
        remote = (
            f":s3,provider=Ceph,endpoint='{self._server.endpoint_url}',"
            f"access_key_id={self._server.access_key},secret_access_key={self._server.secret_key}:"
        )
        places = [one.replace("s3://", remote) for one in (source, target)]
        return self._said([str(BIN / "rclone"), "copy", *places])

    def _aws(self, source: str, target: str) -> Said:
        words = [str(BIN / "aws"), "s3", "sync", source, target, "--endpoint-url", self._server.endpoint_url]
        return self._said(words)

    def _said(self, words: list[str]) -> Said:
        done = subprocess.run(  # noqa: S603 - our own words
            words,
            env=self._environment,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=SECONDS_MAX,
            check=False,
        )
        return Said(done.returncode, done.stdout + done.stderr)


def judge(copies: list[tuple[str, str]], copy: Copy, client: Any, end: str) -> Verdict:
    """Make the copies one after another and look at what the last bucket holds."""
    verdict = Verdict()
    said = ""
    for source, target in copies:
        outcome = copy(source, target)
        verdict.exit_codes.append(outcome.code)
        said += outcome.text
    failed = any(verdict.exit_codes)
    for one in hostile.KEYS:
        if _body(client, end, one.key) == body_of(one.key):
            verdict.delivered += 1
        elif failed and _named(one.key, said):
            verdict.refused.append(one.key)
        else:
            verdict.lost.append(one.key)
    return verdict


def body_of(key: bytes) -> bytes:
    """A body that no other key has."""
    return b"the bytes of " + key


def _named(key: bytes, said: str) -> bool:
    text = key.decode("utf-8", "surrogateescape")
    escaped = printable(key, 2000)
    shapes = {text, escaped, escaped.replace("\\", "\\\\"), repr(text)[1:-1]}
    return any(shape and shape in said for shape in shapes)


def _body(client: Any, bucket: str, key: bytes) -> bytes | None:
    try:
        body: bytes = client.get_object(Bucket=bucket, Key=key.decode())["Body"].read()
    except client.exceptions.ClientError:
        return None
    return body


def measure(server: Radosgw, folder: Path) -> dict[tuple[str, str], Verdict]:
    """Both ways with every tool."""
    client = server.client()
    source = server.bucket()
    for one in hostile.KEYS:
        client.put_object(Bucket=source, Key=one.key.decode(), Body=body_of(one.key))
    bench = Bench(server, folder)
    found: dict[tuple[str, str], Verdict] = {}
    for name, copy in bench.tools().items():
        straight = server.bucket()
        found[name, "S3 → S3"] = judge([(f"s3://{source}", f"s3://{straight}")], copy, client, straight)
        around, files = server.bucket(), folder / name.replace(" ", "-")
        files.mkdir()
        ways = [(f"s3://{source}", str(files)), (str(files), f"s3://{around}")]
        found[name, "S3 → file → S3"] = judge(ways, copy, client, around)
    return found


def page(found: dict[tuple[str, str], Verdict], versions: str) -> str:
    """The page that `--write` renews."""
    total = len(hostile.KEYS)
    lines = [
        "# Keys that break tools",
        "",
        f"{total} legal S3 keys, side by side in one bucket on radosgw: slashes, dots, controls, quotes,",
        "percent signs, twins that differ in case or in Unicode form, `a` beside `a/b`, 1,024 bytes. Each",
        "tool copies them from bucket to bucket, and from a bucket to a folder and back to a bucket.",
        "",
        f"Made by `python -m benchmarks.hostile_keys --write` with {versions}.",
        "",
        "| tool | way | delivered | refused by name | lost without a word | exit codes |",
        "|---|---|---|---|---|---|",
    ]
    for (tool, way), verdict in found.items():
        codes = ", ".join(str(code) for code in verdict.exit_codes)
        lines.append(
            f"| {tool} | {way} | {verdict.delivered} of {total} | {len(verdict.refused)} | "
            f"{len(verdict.lost)} | {codes} |"
        )
    lines += ["", "## Which", ""]
    for (tool, way), verdict in found.items():
        for word, keys in (("refused by name", verdict.refused), ("lost without a word", verdict.lost)):
            if keys:
                shown = ", ".join(f"`{printable(key, 40)}`" for key in keys)
                lines.append(f"- {tool}, {way}, {word}: {shown}")
    return "\n".join(lines) + "\n"


def versions() -> str:
    """The peers' versions, one line."""
    said = []
    for words in (["rclone", "version"], ["aws", "--version"]):
        done = subprocess.run(  # noqa: S603 - our own words
            [str(BIN / words[0]), *words[1:]], capture_output=True, text=True, check=True
        )
        said.append(done.stdout.splitlines()[0].split(" Python")[0])
    return " and ".join(said)


def main(arguments: list[str]) -> int:
    """Measure, print, and renew the page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile_keys")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Radosgw(Path(folder) / "ceph") as server:
        found = measure(server, Path(folder))
    text = page(found, versions())
    sys.stdout.write(text)
    if chosen.write:
        PAGE.write_text(text, "utf-8")
    ours = [verdict for (tool, _), verdict in found.items() if tool == "ferryline"]
    return 1 if any(verdict.lost for verdict in ours) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
