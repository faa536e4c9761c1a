"""The catalog's files, read once into frozen values: every datum with the source and date it came with.

`place`, `jurisdiction` and `price` of this room ask it; nobody else reads the files. It decides and
computes nothing.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a datum comes from, and the day it was true there."""

    text: str
    date: date

    def __str__(self) -> str:
        return f"{self.text} ({self.date.isoformat()})"


@dataclass(frozen=True, slots=True)
class Known(Generic[Value]):
    """A datum with its source."""

    value: Value
    source: Source


@dataclass(frozen=True, slots=True)
class Unknown:
    """What no source was found for; `why` is one line for a person."""

    why: str


Datum = Known[Value] | Unknown


@cache
def read(name: str) -> Mapping[str, Any]:
    """One of the catalog's TOML files by name, parsed."""
    text = resources.files("ferryline.regions").joinpath(f"{name}.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


def source_of(table: Mapping[str, Any]) -> Source:
    """The source that a table of a file names for all its data."""
    return Source(table["source"], table["date"])


def rows_of(table: Mapping[str, Any]) -> list[list[str]]:
    """The words of each line of a table that is written as text."""
    return [line.split() for line in table["table"].splitlines() if line.strip()]
