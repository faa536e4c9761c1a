"""The documents of `unlock` and `retire` told to people. Pure."""

from collections.abc import Mapping
from typing import Any

from ferryline.model import units
from ferryline.report import layout, snapshots_text

KEYS_SHOWN = 10


def lock(document: Mapping[str, Any]) -> str:
    """Who holds a replica, and whether the lock was removed."""
    held = document["lock"]
    lines = [f"{layout.safe(document['replica'])}  {layout.safe(document['url'])}"]
    if held is None and not document["damaged"]:
        return "\n".join([*lines, f"{layout.INDENT}nobody holds it"])
    if held is None:
        lines += layout.wrapped(f"its lock cannot be read: {layout.safe(document['damaged'])}")
    else:
        until = snapshots_text.moment(held["until"])
        counts = f"{until}, unless it is renewed" if held["counts"] else f"{until}: it no longer counts"
        lines += layout.labelled(
            [
                ("held by", layout.safe(held["holder"])),
                ("run", layout.safe(held["run_id"])),
                ("since", snapshots_text.moment(held["since"])),
                ("renewed", snapshots_text.moment(held["renewed"])),
                ("until", counts),
            ]
        )
    if document["removed"]:
        lines.append(f"{layout.INDENT}removed")
    elif document["exit_code"]:
        lines += layout.wrapped("left as it is; where its process is surely gone: the same with --yes")
    return "\n".join(lines)


def retired(document: Mapping[str, Any]) -> str:
    """What was removed, what could not be, and what the listing afterwards found."""
    what = "erased" if document["erase"] else "retired"
    place, name = layout.safe(document["url"]), layout.safe(document["replica"])
    failed = bool(document["exit_code"])
    lines = [
        f"ERROR: {name} is not wholly {what}: {place}" if failed else f"SUCCESS: {name} is {what}: {place}"
    ]
    counts = document["removed"]
    removed = {word.replace("_", " "): count for word, count in counts.items() if word != "bytes"}
    elsewhere = ", ".join(
        f"{one['replica']} ({snapshots_text.short(one['snapshot'])})"
        for one in document["last_copy_elsewhere"]
    )
    lines += layout.labelled(
        [
            ("removed", f"{layout.tally(removed) or 'nothing'}; {units.show_bytes(counts['bytes'])}"),
            ("left", _left(document["proof"])),
            ("still at", layout.safe(elsewhere)),
            ("by", layout.safe(document["by"])),
            ("record", layout.safe(document["record"])),
        ]
    )
    if document["failures_total"]:
        lines += ["", f"{layout.counted(document['failures_total'], 'key')} could not be removed"]
        lines += layout.grouped(document["failures"], "kind", "message", KEYS_SHOWN)
    if failed:
        return "\n".join([*lines, "", "next: see to what stayed, then run the same command again"])
    following = f"next: take the replica {name!r} out of the policy, or the next sync fills it again"
    return "\n".join([*lines, "", *layout.wrapped(following, "", layout.INDENT)])


def _left(proof: Mapping[str, Any]) -> str:
    names = ("objects", "versions", "uploads", "files", "metadata_files")
    counts = {name.replace("_", " "): proof[name] for name in names if proof[name] is not None}
    if proof["empty"]:
        zeros = ", ".join(f"0 {name}" for name in counts)
        return f"nothing: {zeros} listed {snapshots_text.moment(proof['listed_at'])}"
    return layout.tally(counts)
