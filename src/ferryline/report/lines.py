"""Events as JSON, one line each, for `--events` and for the report folder. Never raises on a key.

A line has `event` and the event's fields. A key is printable text, with its exact bytes beside it
where the text is not the key itself.
"""

import dataclasses
import json
from datetime import datetime
from enum import Enum
from typing import Any

from ferryline.model import event
from ferryline.model.key import one_line
from ferryline.report import keys


def line(fact: event.Event, at: datetime | None = None) -> str:
    """One line of JSON without its line end; `at` is written as `time` where it is given."""
    return json.dumps(fields(fact, at), ensure_ascii=False, separators=(",", ":"))


def fields(fact: event.Event, at: datetime | None = None) -> dict[str, Any]:
    """The same as plain data."""
    document: dict[str, Any] = {"event": fact.kind}
    if at is not None:
        document["time"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for field in dataclasses.fields(fact):
        value = getattr(fact, field.name)
        if isinstance(value, bytes):
            document.update(keys.fields(value))
        else:
            document[field.name] = _plain(value)
    return document


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
