"""Codes of jurisdictions: countries, their parts, and groups of countries with date and source.

`residency` and `policy` ask what a code means. Knows no policy and decides nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ferryline.regions.record import Source, read, source_of

_PART = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")
"""The form of ISO 3166-2: a country, a hyphen, up to three letters or digits."""


@dataclass(frozen=True, slots=True)
class Group:
    """Several countries under one code."""

    code: str
    about: str
    members: frozenset[str]
    source: Source


@lru_cache(maxsize=1)
def groups() -> Mapping[str, Group]:
    """Every group by its code."""
    return MappingProxyType(
        {
            code: Group(code, table["about"], frozenset(table["members"].split()), source_of(table))
            for code, table in read("jurisdictions")["groups"].items()
        }
    )


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Every ISO 3166-1 code."""
    return frozenset(read("jurisdictions")["countries"]["codes"].split())


def country_source() -> Source:
    """Where the list of countries comes from."""
    return source_of(read("jurisdictions")["countries"])


def special_source() -> Source:
    """Where the parts with a country code of their own come from."""
    return source_of(read("jurisdictions")["special"])


def parent(code: str) -> str | None:
    """The country that `code` is a part of (`DE-BY` of `DE`), or None."""
    match = _PART.fullmatch(code)
    return match[1] if match and match[1] in countries() else None


def state_of(code: str) -> str | None:
    """The country a special part with its own country code belongs to (`HK` to `CN`), or None."""
    found: str | None = read("jurisdictions")["special"]["of"].get(code)
    return found


def is_known(code: str) -> bool:
    """Whether `code` is a country, a part of one by its form, or a group."""
    return code in countries() or code in groups() or parent(code) is not None


def members(code: str) -> frozenset[str]:
    """The countries (or parts) that a code stands for; itself where it is no group."""
    group = groups().get(code)
    return group.members if group else frozenset({code})


def names_of(code: str) -> tuple[str, ...]:
    """The code with every country and group that wholly contains it, in order of size: for people."""
    country = parent(code)
    inside = members(country or code)
    around = sorted(
        (one for one in groups().values() if inside <= one.members and one.code != code), key=_size
    )
    return (code, *((country,) if country else ()), *(one.code for one in around))


def _size(group: Group) -> tuple[int, str]:
    return len(group.members), group.code
