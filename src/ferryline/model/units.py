"""Bytes, rates and durations: parse and print. Never rounds silently."""

import re

_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGTPE]i?B|[KMGTPE]i?|B)?", re.IGNORECASE)
_DECIMAL = {"k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4, "p": 1000**5, "e": 1000**6}
_BINARY = {letter: 1024 ** (index + 1) for index, letter in enumerate("kmgtpe")}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_bytes(text: str) -> int:
    """`5TiB`, `200 GB`, `1048576` -> bytes. Raises ValueError with what is accepted."""
    match = _BYTES.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a size; write bytes, or a number with KB, KiB, MB, MiB, … TiB")
    number, unit = match[1], (match[2] or "").lower().removesuffix("b")
    factor = 1 if not unit else _BINARY[unit[0]] if unit.endswith("i") else _DECIMAL[unit[0]]
    value = float(number) * factor if "." in number else int(number) * factor
    if value != int(value):
        raise ValueError(f"{text!r} is not a whole number of bytes")
    return int(value)


def parse_seconds(text: str) -> float:
    """`90s`, `15m`, `2h`, `30d` -> seconds. Raises ValueError with what is accepted."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write a number with s, m, h, d or w")
    return float(match[1]) * _SECONDS[match[2].lower()]


def show_bytes(count: int) -> str:
    """Bytes for people, binary units, three significant digits."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024:
            return (
                f"{count} B"
                if unit == "B"
                else f"{size:.3g} {unit}"
                if size < 999.5
                else f"{size:.0f} {unit}"
            )
        size /= 1024
    return f"{size:.3g} PiB" if size < 999.5 else f"{size:.0f} PiB"


def show_seconds(seconds: float) -> str:
    """A duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
