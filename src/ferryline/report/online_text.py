"""What `check --online` found, told to people: a block for each location, and one for each dataset. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from ferryline.report import layout

_WIDTH = len("warning")


def online(found: Mapping[str, Any]) -> str:
    """The `online` part of the document of `check`."""
    lines = [""]
    for one in found["locations"]:
        if one["endpoint"] is None and not one["remarks"]:
            continue  # files: all there is to say stands at the folders
        endpoint = f"  {layout.safe(one['endpoint'])}" if one["endpoint"] is not None else ""
        lines.append(f"location {layout.safe(one['location'])}  {layout.safe(one['url'])}{endpoint}")
        lines += [*_remarks(one["remarks"], layout.INDENT), ""]
    for one in found["datasets"]:
        lines.append(f"dataset {layout.safe(one['dataset'])}")
        lines += _remarks(one["remarks"], layout.INDENT)
        for there in one["places"]:
            lines.append(f"{layout.INDENT}{_named(there)}  {layout.safe(there['url'])}")
            lines += _remarks(there["remarks"], layout.INDENT * 2)
            if not there["remarks"]:
                why = f"not looked at: see location {layout.safe(there['location'])}"
                lines.append(layout.INDENT * 2 + why)
        lines.append("")
    for note in found["notes"]:
        lines += layout.wrapped(f"note: {layout.safe(note)}", "")
    problems, warnings = found["problems"], found["warnings"]
    lines.append(f"{layout.counted(problems, 'problem')}, {layout.counted(warnings, 'warning')}")
    return "\n".join(lines)


def _named(there: Mapping[str, Any]) -> str:
    if there["replica"] is None:
        return layout.safe(there["role"])
    return f"{layout.safe(there['role'])} {layout.safe(there['replica'])}"


def _remarks(remarks: Iterable[Mapping[str, Any]], indent: str) -> list[str]:
    lines: list[str] = []
    rest = indent + " " * (_WIDTH + 2)
    for one in remarks:
        text = f"{layout.safe(one['about'])}: {layout.safe(one['message'])}"
        lines += layout.wrapped(text, f"{indent}{layout.safe(one['level']):<{_WIDTH}}  ", rest)
        lines += layout.advised(one["advice"], rest)
    return lines
