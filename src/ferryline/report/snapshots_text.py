"""The documents of `snapshots` told to people: lists, one snapshot, differences, changes, prunes. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ferryline.model import units
from ferryline.report import layout

ID_SHOWN = 12
KEYS_SHOWN = 20
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def short(snapshot: object) -> str:
    """As much of an id as people need."""
    return layout.safe(snapshot)[:ID_SHOWN]


def moment(text: object) -> str:
    """An ISO time as a person reads it."""
    return f"{layout.safe(text)[:19].replace('T', ' ')} UTC"


def listed(document: Mapping[str, Any]) -> str:
    """Every replica's history, newest first; the current one is marked."""
    lines: list[str] = []
    for replica in document["replicas"]:
        lines += ["", *headed(replica)] if lines else headed(replica)
        if replica["problem"] is None and not replica["snapshots"]:
            lines.append(f"{layout.INDENT}nothing is published here")
        lines += table([_row(one) for one in replica["snapshots"]])
    return "\n".join(lines)


def headed(replica: Mapping[str, Any]) -> list[str]:
    """A replica's name and place, and what is wrong with it."""
    lines = [f"{layout.safe(replica['replica'])}  {layout.safe(replica['url'])}"]
    return lines + (problem(replica["problem"]) if replica["problem"] is not None else [])


def problem(document: Mapping[str, Any]) -> list[str]:
    """What went wrong at a replica, and what to do."""
    text = f"{layout.safe(document['kind'])}: {layout.safe(document['message'])}"
    return [*layout.wrapped(text), *layout.advised(document["advice"])]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    tags = ", ".join(layout.safe(tag) for tag in one["tags"])
    return (
        "*" if one["current"] else " ",
        short(one["snapshot"]),
        f"#{one['sequence']}",
        moment(one["at"]),
        layout.counted(one["rows"], "object"),
        units.show_bytes(one["bytes"]),
        one["consistency"],
        "eligible" if one["eligible"] else f"not eligible: {layout.safe(one['why_not'])}",
        f"[{tags}]" if tags else "",
    )


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        (
            layout.INDENT + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def shown(document: Mapping[str, Any]) -> str:
    """One snapshot's totals, and how each replica stands to it."""
    lines = [
        f"snapshot {layout.safe(document['snapshot'])}",
        *layout.labelled(
            [
                ("dataset", layout.safe(document["dataset"])),
                ("holds", _totals(document)),
                ("state", f"{document['consistency']}, in {layout.counted(document['chunks'], 'chunk')}"),
            ]
        ),
    ]
    for one in document["replicas"]:
        lines += ["", *headed(one)]
        if one["sequence"] is not None:
            lines += layout.labelled(_standing(one))
    return "\n".join(lines)


def _totals(document: Mapping[str, Any]) -> str:
    return f"{layout.counted(document['rows'], 'object')}, {units.show_bytes(document['bytes'])}"


def _standing(one: Mapping[str, Any]) -> list[tuple[str, str]]:
    current = "current" if one["current"] else ""
    why = "eligible" if one["eligible"] else f"not eligible: {layout.safe(one['why_not'])}"
    return [
        ("is", ", ".join(word for word in (current, why) if word)),
        ("published", f"{moment(one['at'])} as #{one['sequence']}"),
        ("tags", ", ".join(layout.safe(tag) for tag in one["tags"])),
        ("proof", layout.tally(one["evidence"] or {})),
        ("keeps", "every version" if one["keeping"] == "versions" else "only the newest bytes"),
    ]


def difference(document: Mapping[str, Any]) -> str:
    """What changed between two snapshots, and the first keys."""
    total = document["keys_total"]
    names = f"{short(document['old'])} → {short(document['new'])}"
    if not total:
        return f"{names}: no difference"
    counts = ", ".join(f"{document[name]:,} {name}" for name in _MARKS if document[name])
    sizes = f"{units.show_bytes(document['bytes_old'])} → {units.show_bytes(document['bytes_new'])}"
    lines = [f"{names}: {counts} ({sizes})"]
    lines += [
        f"{layout.INDENT}{_MARKS[one['change']]} {layout.key(one['key'])}{_sizes(one)}"
        for one in document["keys"][:KEYS_SHOWN]
    ]
    if total > KEYS_SHOWN:
        lines.append(f"{layout.INDENT}… and {total - KEYS_SHOWN:,} more")
    return "\n".join(lines)


def _sizes(one: Mapping[str, Any]) -> str:
    sizes = [units.show_bytes(one[side]) for side in ("old_size", "new_size") if one[side] is not None]
    return f"  {' → '.join(dict.fromkeys(sizes))}"


_FENCING = {
    "local": "by this host's lock alone",
    "database": "by a lease among the hosts that share it",
}
"""What is said of a head that the endpoint did not compare before it was replaced."""

_DONE = {"tag": "tagged", "untag": "untagged", "rollback": "current now"}


def changed(document: Mapping[str, Any]) -> str:
    """What a tag, an untag or a rollback came to at each replica, and which keys were missing."""
    what = f"the tag {layout.safe(document['tag'])}" if document["tag"] else "rollback"
    target = f" → {short(document['snapshot'])}" if document["snapshot"] else ""
    changes = sum(one["changed"] for one in document["replicas"])
    result = (
        "refused" if document["exit_code"] and not changes else f"{layout.counted(changes, 'head')} changed"
    )
    lines = [f"{what}{target}: {result}"]
    for one in document["replicas"]:
        said = _DONE[document["action"]] if one["changed"] else layout.safe(one["why_not"])
        lines += layout.wrapped(
            f"{layout.safe(one['replica'])}: {said}" if said else layout.safe(one["replica"])
        )
        lines += [f"{layout.INDENT * 2}{layout.key(key['key'])}" for key in one["keys"]]
        beyond = (one["missing"] or 0) + (one["changed_objects"] or 0) - len(one["keys"])
        lines += [f"{layout.INDENT * 2}… and {beyond:,} more"] if beyond > 0 else []
        lines += problem(one["problem"]) if one["problem"] is not None else []
        if one["changed"] and one["fencing"] in _FENCING:
            lines.append(f"{layout.INDENT * 2}fencing: {one['fencing']}, {_FENCING[one['fencing']]}")
    if document["action"] == "rollback" and changes:
        lines += ["", "next: repair the source; the next sync publishes what it holds then"]
    return "\n".join(lines)


def pruned(document: Mapping[str, Any]) -> str:
    """What went, or would go, at each replica."""
    keep = f"the newest {document['keep_count']:,}, what is younger than {document['keep_days']:g} days"
    lines = [f"{'would keep' if document['dry_run'] else 'kept'}: {keep}, the tagged and the current"]
    for one in document["replicas"]:
        lines += ["", *headed(one)]
        if one["problem"] is None:
            verb = "would drop" if document["dry_run"] else "dropped"
            dropped = ", ".join(short(each) for each in one["dropped"]) or "no snapshot"
            files = f"{layout.counted(one['files'], 'file')}, {units.show_bytes(one['bytes'])}"
            lines += layout.wrapped(f"{verb} {dropped}; {files}")
            if one["versions_left"] is not None:
                lines += layout.wrapped(f"note: {layout.safe(one['versions_left'])}")
    return "\n".join(lines)
