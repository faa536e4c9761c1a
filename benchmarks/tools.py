"""The command lines that are measured: ours, the peer's, and others where they can do the same.

Used by `trial`. Credentials are the synthetic servers' own (they accept any). It starts nothing but
`--version`.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command

PEER_VERSION = "1.75"
_BESIDE = Path(sys.executable).parent
_KEYS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a row reads and writes: endpoints of the buckets `src` and `dst`."""

    source: str
    destination: str

    @property
    def urls(self) -> tuple[str, str]:
        """Both buckets as Ferryline writes them."""
        return f"s3://src/?endpoint_url={self.source}", f"s3://dst/?endpoint_url={self.destination}"


def ours(ends: Ends, state: Path) -> Command:
    """`ferryline copy` with its defaults, but that bytes move here too where both ends are one server."""
    flags = ("--json", "--quiet", "--state", str(state), "--disable-server-side-copy")
    return Command("ferryline", (found("ferryline"), "copy", *flags, *ends.urls), _KEYS)


def peer(ends: Ends, flags: tuple[str, ...]) -> Command:
    """`rclone copy` with its defaults and `flags`."""
    environment = dict(_KEYS)
    for name, endpoint in (("SRC", ends.source), ("DST", ends.destination)):
        said = {
            "TYPE": "s3",
            "PROVIDER": "Minio",  # ListObjectsV2, path style, multipart ETags: rclone's best for S3
            "ACCESS_KEY_ID": "benchmark",
            "SECRET_ACCESS_KEY": "benchmark",
            "REGION": "us-east-1",
            "ENDPOINT": endpoint,
        }
        environment |= {f"RCLONE_CONFIG_{name}_{word}": value for word, value in said.items()}
    words = (found("rclone"), "--config", "/dev/null", "copy", *flags, "src:src", "dst:dst")
    return Command("rclone", words, environment)


def aws(ends: Ends) -> Command:
    """`aws s3 sync --dryrun`: it knows one endpoint only, so it takes part where both buckets have one."""
    words = (found("aws"), "--endpoint-url", ends.source, "s3", "sync", "--dryrun", "--size-only")
    return Command("aws", (*words, "s3://src", "s3://dst"), _KEYS)


def seed(ends: Ends, state: Path, keys: int) -> tuple[str, ...]:
    """The command that writes a ledger."""
    words = (sys.executable, "-m", "benchmarks.ledger_seed", "--keys", str(keys), "--state", str(state))
    return (*words, *ends.urls)


def versions() -> Mapping[str, str]:
    """What is measured, as each tool names itself. Raises SystemExit when the peer is another version."""
    named = {"ferryline": _version(found("ferryline"), "--version").removeprefix("ferryline ")}
    named["rclone"] = _version(found("rclone"), "version").removeprefix("rclone ")
    if not named["rclone"].startswith(f"v{PEER_VERSION}."):
        raise SystemExit(f"rclone {PEER_VERSION} is the peer, and {found('rclone')} is {named['rclone']}")
    return named


def _version(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()[0].strip()


def found(name: str) -> str:
    """Where a program is: beside this Python, else on the PATH. Raises SystemExit."""
    beside = _BESIDE / name
    if beside.exists():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed beside this Python nor on the PATH")
    return found
