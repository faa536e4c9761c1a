"""Reads the completion report of an S3 Batch Operations job "Compute checksum": CSV lines to attestations.

`pipeline.reports` feeds it files. It holds one batch of rows, never a report. What cannot be read is
refused with file and line; what was read and proves nothing is counted, by reason, with its first place.
What of the format is documented and what is assumed stands in docs/decisions/0008.
"""

import base64
import binascii
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.key import one_line, printable

COLUMNS = ("Bucket", "Key", "VersionId", "TaskStatus", "ErrorCode", "HTTPStatusCode", "ResultMessage")

_LENGTHS = {Algorithm.MD5: 16, Algorithm.CRC64NVME: 8, Algorithm.SHA256: 32}
_KNOWN = {one.value.upper(): one for one in _LENGTHS}
_FULL = "FULL_OBJECT"
_FIELD_CHARACTERS_MAX = 1024 * 1024
_ROW_CHARACTERS_MAX = 2 * _FIELD_CHARACTERS_MAX
_NAMES_MAX = 100
_NAME_CHARACTERS_MAX = 255
_ADVICE = "give the CSV files of the completion report of a job with the operation Compute checksum"


@dataclass(frozen=True, slots=True)
class Folder:
    """Whose objects rows may be about: a bucket and the prefix of a location in it."""

    bucket: str
    prefix: bytes


@dataclass(frozen=True, slots=True)
class Attested:
    """What a report says of one object. `etag` and `version_id` name the state that was hashed."""

    key: bytes
    etag: bytes
    version_id: str | None
    digest: Digest


@dataclass(slots=True)
class Census:
    """What was in the reports. Mutable: every row is counted once. `passed_over` counts rows that prove
    nothing by the reason, `first` says where the first one of each reason stands. `strangers` counts rows
    about other folders, `buckets` holds the first of the buckets that they name."""

    rows: int = 0
    attested: int = 0
    strangers: int = 0
    buckets: set[str] = field(default_factory=set)
    passed_over: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def pass_over(self, why: str, where: str) -> None:
        """Count a row that proves nothing."""
        if why not in self.passed_over and len(self.passed_over) >= _NAMES_MAX:
            why = "other reasons"
        self.passed_over[why] += 1
        self.first.setdefault(why, where)

    def pass_stranger(self, bucket: str) -> None:
        """Count a row that is about another folder."""
        self.strangers += 1
        if len(self.buckets) < _NAMES_MAX:
            self.buckets.add(bucket[:_NAME_CHARACTERS_MAX])


def read(
    stream: BinaryIO,
    name: str,
    folders: Sequence[Folder],
    take: Callable[[int, Attested], None],
    census: Census,
) -> None:
    """Read one report to its end; `take` gets the index of the folder and what is said of an object in it.

    Raises BadUsage, with `name` and the line, for what is no such report.
    """
    for line, row in _rows(stream, name):
        where = f"{name}, line {line}"
        if len(row) != len(COLUMNS):
            raise _refused(where, f"{len(row)} columns, and a completion report has {len(COLUMNS)}")
        raw = row[1].encode("utf-8", "surrogateescape").replace(b"+", b" ")
        bucket, key = _bucket(row[0]), unquote_to_bytes(raw)
        census.rows += 1
        found = [
            (index, key[len(one.prefix) :])
            for index, one in enumerate(folders)
            if one.bucket == bucket and key.startswith(one.prefix) and key != one.prefix
        ]
        if not found:
            census.pass_stranger(bucket)
            continue
        if row[3].strip().lower() != "succeeded":
            why = one_line(" ".join(one for one in (row[4], row[5], row[6]) if one))[:200]
            census.pass_over("task failed", f"{where}: {printable(key)}: {why}")
            continue
        said = _said(row[6], where)
        for index, inside in found:
            attested = _attested(inside, row[2], said, where, census)
            if attested is not None:
                census.attested += 1
                take(index, attested)


def _rows(stream: BinaryIO, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their last line; a first line of column names and empty lines are left out."""
    text = TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
    before = csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    lines = _Lines(text, name)
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            lines.row_characters = 0
            if reader.line_num == 1 and row and row[0].lstrip().startswith("{"):
                raise _refused(f"{name}, line 1", "this is JSON, perhaps a job's manifest, and no report")
            if row and not (reader.line_num == 1 and tuple(map(str.strip, row)) == COLUMNS):
                yield reader.line_num, row
    except csv.Error as problem:
        raise _refused(f"{name}, line {reader.line_num}", f"this is no CSV: {problem}") from problem
    finally:
        csv.field_size_limit(before)
        text.detach()


class _Lines:
    """The lines of a text, for a reader that holds one row. Refuses a row without an end."""

    def __init__(self, text: TextIOWrapper, name: str) -> None:
        self.row_characters = 0
        self._text = text
        self._name = name
        self._number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(_ROW_CHARACTERS_MAX + 1)
        self._number += 1
        self.row_characters += len(line)
        if self.row_characters > _ROW_CHARACTERS_MAX:
            where = f"{self._name}, line {self._number}"
            raise _refused(where, f"its row has more than {_ROW_CHARACTERS_MAX:,} characters")
        if not line:
            raise StopIteration
        return line


def _bucket(text: str) -> str:
    """The bucket's name, also where a report names it by its ARN."""
    return text.strip().rpartition(":::")[2]


def _said(message: str, where: str) -> dict[str, str]:
    """The fields of ResultMessage, by their names in lower case without underscores."""
    try:
        said = json.loads(message)
    except ValueError as problem:
        raise _refused(where, f"its ResultMessage is no JSON ({problem})") from problem
    if not isinstance(said, dict):
        raise _refused(where, "its ResultMessage is no JSON object")
    return {name.replace("_", "").lower(): value for name, value in said.items() if isinstance(value, str)}


def _attested(
    key: bytes, version_id: str, said: dict[str, str], where: str, census: Census
) -> Attested | None:
    name = said.get("checksumalgorithm", "").upper()
    if not name:
        raise _refused(where, "its ResultMessage names no checksumAlgorithm")
    algorithm = _KNOWN.get(name)
    if algorithm is None:
        census.pass_over(f"algorithm {one_line(name)[:40]} is not one of {', '.join(_KNOWN)}", where)
        return None
    if said.get("checksumtype", "").upper() != _FULL:
        kind = one_line(said.get("checksumtype", "unnamed"))[:40]
        census.pass_over(f"checksum of type {kind}, not {_FULL}", where)
        return None
    etag = said.get("etag", "").strip().strip('"').encode("utf-8", "surrogateescape")
    if not etag:
        census.pass_over("no ETag, so nobody knows which state of the object was hashed", where)
        return None
    version = version_id.strip()
    digest = Digest(algorithm, _value(said, _LENGTHS[algorithm], where))
    return Attested(key, etag, None if version.lower() in ("", "null") else version, digest)


def _value(said: dict[str, str], length: int, where: str) -> bytes:
    """The checksum's bytes; where it is told twice both must be the same."""
    told: list[bytes] = []
    try:
        if said.get("checksumhex"):
            told.append(bytes.fromhex(said["checksumhex"]))
        if said.get("checksumbase64"):
            told.append(base64.b64decode(said["checksumbase64"], validate=True))
    except (ValueError, binascii.Error) as problem:
        raise _refused(where, f"its checksum cannot be read ({problem})") from problem
    if not told:
        raise _refused(where, "its ResultMessage holds neither checksum_hex nor checksum_base64")
    if len(set(told)) > 1:
        raise _refused(where, "its checksum_hex and checksum_base64 are not the same")
    if len(told[0]) != length:
        raise _refused(where, f"its checksum has {len(told[0])} bytes, and this algorithm gives {length}")
    return told[0]


def _refused(where: str, what: str) -> errors.BadUsage:
    return errors.BadUsage(f"{where}: {what}", advice=_ADVICE)
