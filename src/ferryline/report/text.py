"""Documents told to people: one plain text each, short enough for a terminal. `cli` prints them.

`summary` tells of a run, `plan` and `plan_dataset` of what one would do, `verification` of a
comparison. They read the documents and nothing else, so a document that was saved can be told again.
"""

from collections.abc import Mapping
from typing import Any

from ferryline.model import exitcode, units
from ferryline.report import layout
from ferryline.report.plan_text import dollars, plan, plan_dataset
from ferryline.report.verification_text import verification

__all__ = ["plan", "plan_dataset", "summary", "verification"]

FAILURES_SHOWN = 5

_TOLD = {
    "files_transferred": "files transferred",
    "files_skipped": "skipped",
    "files_verified": "verified",
    "files_deleted": "deleted",
}
"""The counts of a service's execution that people are told."""

_SUMMANDS = ("transferred", "same", "kept", "excluded", "reserved", "vanished", "failed")


def summary(document: Mapping[str, Any]) -> str:
    """What happened in a run, where, by what evidence, what failed, and what to do next."""
    lines = [_headline(document)]
    stopped = document["stopped"]
    if stopped is not None:
        lines += layout.stopped(stopped)
    rows = [("from", layout.safe(document["source"]))]
    for one in document["destinations"]:
        rows += _destination(one, cut_off=stopped is not None, told=stopped)
    lines += layout.labelled([*rows, *_how(document)])
    if document["failures_total"]:
        lines += ["", *_failures(document)]
    if document["warnings"]:
        lines += ["", *layout.warned(document["warnings"], document["warnings_total"])]
    following = _next(document)
    if following:
        lines += ["", *layout.wrapped(f"next: {following}", "", layout.INDENT)]
    return "\n".join(lines)


def _headline(document: Mapping[str, Any]) -> str:
    seconds = units.show_seconds(document["duration_seconds"])
    sent = layout.counted(document["files_transferred"], "object")
    size = units.show_bytes(document["bytes_transferred"])
    if document["status"] == "SUCCESS":
        if not document["files_transferred"] and not document["files_deleted"]:
            return f"SUCCESS: nothing to do in {seconds}; {_held(document)}"
        proven = " and proven" if document["files_verified"] >= document["files_transferred"] else ""
        gone = f", {document['files_deleted']:,} deleted" if document["files_deleted"] else ""
        return f"SUCCESS: {sent} ({size}) copied{proven}{gone} in {seconds}"
    if document["stopped"] is not None:
        return f"ERROR: stopped after {seconds} with {sent} ({size}) copied"
    failed = layout.counted(document["failures_total"], "object")
    return f"ERROR: {failed} failed, {document['files_transferred']:,} ({size}) copied in {seconds}"


def _held(document: Mapping[str, Any]) -> str:
    if not document["files_listed"]:
        return "the source holds no selected object"
    if document["files_same"] == document["files_listed"] * len(document["destinations"]):
        where = f" at {len(document['destinations'])} replicas" if len(document["destinations"]) > 1 else ""
        return f"all {layout.counted(document['files_listed'], 'object')} are the same{where}"
    if len(document["destinations"]) > 1:
        return f"{layout.counted(document['files_listed'], 'object')} at the source"
    if document["files_same"] == document["files_listed"]:
        return f"all {layout.counted(document['files_same'], 'object')} are the same"
    return f"{document['files_same']:,} of {layout.counted(document['files_listed'], 'object')} are the same"


def _destination(
    document: Mapping[str, Any], *, cut_off: bool, told: Mapping[str, Any] | None
) -> list[tuple[str, str]]:
    coverage = document["coverage"]
    unfinished = coverage["ranges"] - coverage["complete"]
    moment = document["consistency"] == "point-in-time"
    ranges = f"{unfinished:,} of {layout.counted(coverage['ranges'], 'key range')} to the end"
    name = f"{layout.safe(document['replica'])}: " if document["replica"] is not None else ""
    return [
        ("to", name + layout.safe(document["destination"])),
        ("moved by", _execution(document)),
        ("snapshot", _published(document, told)),
        ("listed", _account(document, cut_off=cut_off)),
        ("deleted", f"{document['files_deleted']:,}" if document["files_deleted"] else ""),
        ("proof", layout.tally(document["evidence"])),
        ("as of", "one moment: two listings agreed" if moment else ""),
        ("not listed", f"{ranges}; nothing was deleted there" if unfinished else ""),
    ]


def _execution(document: Mapping[str, Any]) -> str:
    """What a service did in Ferryline's stead, in its own counts."""
    if document["engine"] in (None, "ferryline"):
        return ""
    done = document["execution"]
    if done is None:
        idle = "; no execution was needed" if document["snapshot"] is not None else ""
        return layout.safe(document["engine"]) + idle
    counts = done["counters"]
    said = [f"{name} {counts[key]:,}" for key, name in _TOLD.items() if key in counts]
    also = ", was running already" if done["joined"] else ""
    name = layout.safe(done["execution"].rpartition("/")[2])
    return f"{layout.safe(document['engine'])}, {name} {layout.safe(done['status'])}{also}" + (
        f": {', '.join(said)}" if said else ""
    )


def _published(document: Mapping[str, Any], told: Mapping[str, Any] | None) -> str:
    """What readers of a replica see now, and why nothing new where there is nothing new: but for what was
    told of the whole run already."""
    if document["replica"] is None:
        return ""
    if document["snapshot"] is not None:
        said = "published" if document["published"] else "current already, confirmed"
        return f"{document['snapshot'][:16]}… {said}"
    if told is not None and told == document["stopped"]:
        return "nothing published"
    why = document["stopped"]["message"] if document["stopped"] is not None else document["why_not_published"]
    return f"nothing published: {layout.safe(why)}" if why else "nothing published"


def _account(document: Mapping[str, Any], *, cut_off: bool) -> str:
    """The sum of law 2, its zeros left out; a run that was cut off has not got that far."""
    counts = {name: document[f"files_{name}"] for name in _SUMMANDS}
    listed = layout.counted(document["files_listed"], "object")
    if cut_off:
        return f"{listed} so far" + (f": {layout.tally(counts)}" if any(counts.values()) else "")
    # Failed deletes are failures of keys that the source does not have.
    counts["failed"] -= max(0, sum(counts.values()) - document["files_listed"])
    shown = " + ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{listed} = {shown}" if shown else listed


def _how(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    read, written = document["source_bytes_read"], document["bytes_written"]
    moved = f"{units.show_bytes(read)} read, {units.show_bytes(written)} written" if read or written else ""
    requests = document["requests"]
    total = f"{document['requests_total']:,}: {layout.tally(requests)}" if requests else ""
    usd = document.get("cost_estimate_usd")
    cost = f"about {dollars(usd)}" if usd else ""
    report = "" if document["report"] is None else layout.safe(document["report"])
    return [("moved", moved), ("requests", total), ("cost", cost), ("report", report)]


def _failures(document: Mapping[str, Any]) -> list[str]:
    total = document["failures_total"]
    lines = [f"{layout.counted(total, 'object')} failed ({layout.tally(document['failures_by_kind'])})"]
    lines += layout.grouped(document["failures"], "kind", "message", FAILURES_SHOWN)
    if document["report"] is not None:
        lines += layout.wrapped(f"all of them: {layout.safe(document['report'])}/failed.jsonl")
    return lines


def _next(document: Mapping[str, Any]) -> str:
    code = document["exit_code"]
    again = "run the same command again; what is proven is not sent again"
    if code == exitcode.DONE:
        return ""
    if code == exitcode.OBJECTS_FAILED:
        return f"see to what failed, then {again}"
    if code in (exitcode.GUARD, exitcode.CREDENTIALS):
        return f"see to what stopped it, then {again}"
    return again
