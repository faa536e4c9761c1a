"""The verification document told to people: what is equal, by which evidence, and what is not. Pure."""

from collections.abc import Mapping
from typing import Any

from ferryline.model import exitcode, units
from ferryline.report import layout

FINDINGS_SHOWN = 5


def verification(document: Mapping[str, Any]) -> str:
    """What a comparison found. Nothing was repaired."""
    lines = layout.wrapped(_headline(document), "", layout.INDENT)
    if document["stopped"] is not None:
        lines += layout.stopped(document["stopped"])
    lines += layout.labelled(
        [
            *_sides(document),
            ("listed", _listed(document)),
            ("equal by", layout.tally(document["evidence"])),
            ("read", _read(document)),
            ("requests", _requests(document)),
            ("report", "" if document["report"] is None else layout.safe(document["report"])),
        ]
    )
    if document["findings"]:
        lines += ["", *_findings(document)]
    if document["warnings"]:
        lines += ["", *layout.warned(document["warnings"], document["warnings_total"])]
    if document["exit_code"] == exitcode.OBJECTS_FAILED:
        repair = "sync" if document["snapshot"] is not None else "copy"
        lines += ["", f"next: run {repair}, then verify again; nothing was repaired"]
    elif document["exit_code"] != exitcode.DONE:
        lines += ["", "next: see to what stopped it, then verify again"]
    return "\n".join(lines)


def _sides(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was compared with what."""
    there = layout.safe(document["destination"])
    if document["snapshot"] is None:
        return [("source", layout.safe(document["source"])), ("destination", there)]
    barred = "withdrawn: readers are told why, until sync has repaired it" if document["withdrawn"] else ""
    return [("replica", there), ("snapshot", f"{document['snapshot'][:16]}…"), ("readers", barred)]


def _headline(document: Mapping[str, Any]) -> str:
    seconds = units.show_seconds(document["duration_seconds"])
    if document["stopped"] is not None:
        equal = layout.counted(document["files_equal"], "object")
        return f"ERROR: stopped after {seconds} with {equal} found equal"
    if document["status"] == "SUCCESS":
        return f"SUCCESS: {layout.counted(document['files_equal'], 'object')} equal in {seconds}"
    return f"ERROR: {_troubles(document)} (and {document['files_equal']:,} equal) in {seconds}"


def _troubles(document: Mapping[str, Any]) -> str:
    words = (
        ("differing", "differing"),
        ("missing", "missing at the destination"),
        ("extra", "only at the destination"),
        ("unchecked", "could not be checked"),
        ("source_changed", "changed at the source meanwhile"),
    )
    return ", ".join(
        f"{document[f'files_{name}']:,} {word}" for name, word in words if document[f"files_{name}"]
    )


def _listed(document: Mapping[str, Any]) -> str:
    here, there = document["files_listed"], document["destination_files_listed"]
    hidden = [
        f"{document[f'files_{name}']:,} {name}"
        for name in ("excluded", "reserved")
        if document[f"files_{name}"]
    ]
    if document["snapshot"] is not None:
        return f"{here:,} in the snapshot, {there:,} at the replica"
    return f"{here:,} at the source, {there:,} at the destination" + (
        f"; {', '.join(hidden)}" if hidden else ""
    )


def _read(document: Mapping[str, Any]) -> str:
    read = layout.counted(document["files_read"], "object")
    if document["snapshot"] is not None:
        return read if document["files_read"] else ""
    if document["deep_percent"]:
        return f"{read} on both sides ({document['deep_percent']:g} % by seed {document['deep_seed']})"
    return f"{read} on both sides" if document["files_read"] else ""


def _requests(document: Mapping[str, Any]) -> str:
    requests = document["requests"]
    return f"{document['requests_total']:,}: {layout.tally(requests)}" if requests else ""


def _findings(document: Mapping[str, Any]) -> list[str]:
    lines = [f"{layout.counted(document['findings_total'], 'key')} not proven equal"]
    lines += layout.grouped(document["findings"], "trouble", "detail", FINDINGS_SHOWN)
    beyond = document["findings_total"] - len(document["findings"])
    if beyond > 0:
        lines.append(f"{layout.INDENT}… and {beyond:,} more that are not listed here")
    return lines
