"""Which segments of a ledger count: a short list on the disk, replaced as a whole.

`ledger` and `update` load it; only `update` publishes one. A crash leaves the old list or the new one.
Files that no list names are left by dead updates; the next one sweeps them away.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awscrt import checksums

from ferryline import crash, errors
from ferryline.model.page import LEDGER
from ferryline.state import disk, sealing, segment, standing
from ferryline.state.segment import Segment

LIST = "current.json"
_FORMAT = "ferryline.ledger/1"
_COLUMNS = ",".join(f"{one.name}:{one.type}" for one in LEDGER)
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Version:
    """The segments that count, oldest first, and how many rows they hold together."""

    segments: tuple[Segment, ...] = ()
    rows: int = 0


NOTHING = Version()


def load(folder: Path, known: Version = NOTHING) -> Version:
    """The ledger's version as it is on the disk now; `known` lends segments that are open already.

    A reader takes no lock: where an update removed a segment between the list and its opening, the
    newer list is read. Raises DiskFailed for what is damaged, BadUsage for what a newer version wrote.
    """
    opened = {one.name: one for one in known.segments}
    missing = ""
    for _ in range(_ATTEMPTS):
        told = _told(folder / LIST)
        if told is None:
            return NOTHING
        try:
            segments = tuple(opened.get(name) or segment.opened(folder / name) for name in told["segments"])
        except FileNotFoundError as gone:
            if missing == str(gone.filename):
                break
            missing = str(gone.filename)
            continue
        return Version(segments, told["rows"])
    raise segment.damaged(Path(missing), "it is gone")


def publish(folder: Path, segments: Iterable[Segment], rows: int) -> Version:
    """Make these segments count, durably."""
    version = Version(tuple(segments), rows)
    told = {
        "format": _FORMAT,
        "columns": _COLUMNS,
        "rows": rows,
        "segments": [one.name for one in version.segments],
    }
    disk.replace(
        folder / LIST, json.dumps({**told, "checksum": _checksum(told)}, indent=1).encode(), "ledger"
    )
    return version


def sweep(folder: Path, version: Version) -> None:
    """Remove what dead or finished updates left: segments that do not count, and temporary files."""
    counting = {one.name for one in version.segments}
    with disk.failing(folder):
        left = [
            path
            for path in folder.iterdir()
            if path.name not in counting and (path.suffix == sealing.SUFFIX or path.name.endswith(".new"))
        ]
        for path in left:
            crash.point("ledger.sweeping")
            path.unlink(missing_ok=True)


def _told(path: Path) -> dict[str, Any] | None:
    try:
        with disk.failing(path):
            body = _bytes(path)
        if body is None:
            return None
        told = json.loads(body)
        if told["format"] != _FORMAT or told["columns"] != _COLUMNS:
            raise standing.newer(f"the ledger in {path.parent}")
        if told.pop("checksum") != _checksum(told):
            raise ValueError("the checksum does not fit")
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, errors.FerrylineError):
            raise
        raise disk.damaged(path, str(problem), f"remove the folder {path.parent}") from problem
    result: dict[str, Any] = told
    return result


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _checksum(told: Mapping[str, Any]) -> str:
    return f"{checksums.crc64nvme(json.dumps(told, sort_keys=True).encode()):016x}"
