"""Completion reports of "Compute checksum" jobs, as S3 Batch Operations would write them of a strict server."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

from awscrt import checksums

COMPUTED = {
    "MD5": lambda body: hashlib.md5(body).digest(),
    "SHA256": lambda body: hashlib.sha256(body).digest(),
    "CRC64NVME": lambda body: checksums.crc64nvme(body).to_bytes(8, "big"),
}


def row(bucket: str, key: bytes, etag: str, value: bytes, **changed: Any) -> list[str]:
    """One task that succeeded. `changed` replaces columns, or fields of its ResultMessage."""
    columns = {
        "bucket": bucket,
        "key": quote_plus(key),
        "version": "",
        "status": "succeeded",
        "error": "",
        "http": "200",
    }
    message = {
        "checksum_base64": base64.b64encode(value).decode(),
        "checksum_hex": value.hex(),
        "etag": etag,
        "checksumAlgorithm": "MD5",
        "checksumType": "FULL_OBJECT",
    }
    told = changed.pop("message", None)
    columns |= {name: text for name, text in changed.items() if name in columns}
    message |= {name: text for name, text in changed.items() if name not in columns}
    return [*columns.values(), json.dumps(message) if told is None else told]


def rows(
    server: Any, bucket: str, keys: Iterable[bytes] | None = None, algorithm: str = "MD5"
) -> list[list[str]]:
    """A row for each object of a bucket, about its present state."""
    there = server.bucket(bucket)
    found = []
    for key in there.keys() if keys is None else keys:
        value = COMPUTED[algorithm](there.get(key))
        found.append(row(bucket, key, there.version(key).etag, value, checksumAlgorithm=algorithm))
    return found


def text(report: Iterable[list[str]]) -> str:
    """The CSV."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(report)
    return sink.getvalue()
