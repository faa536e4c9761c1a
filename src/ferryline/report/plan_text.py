"""The plan document told to people: what would be sent, deleted, kept and refused, and why. Pure."""

from collections.abc import Mapping
from typing import Any

from ferryline.model import units
from ferryline.report import layout

KEYS_SHOWN = 3

_WHY = {
    "new": "the destination does not have it",
    "size-differs": "the sizes differ",
    "content-differs": "the bytes differ",
    "metadata-differs": "the bytes are equal, the metadata is not",
    "equality-unknown": "nothing cheap tells whether they are equal",
    "distrusted": "a verification found it bad",
    "transfer-mode-all": "transfer mode ALL sends everything",
    "gone-at-source": "the source does not have it",
    "overwrite-mode-never": "overwrite mode NEVER leaves it as it is",
    "preserve-deleted-files": "only the destination has it, and it is preserved",
    "on-unknown-refuse": "nothing cheap tells whether they are equal, and that is refused",
}


def plan(document: Mapping[str, Any]) -> str:
    """What a run would do, with the first keys of each reason; nothing in it has happened."""
    lines = [_headline(document)]
    lines += layout.labelled(
        [
            ("from", layout.safe(document["source"])),
            ("to", layout.safe(document["destination"])),
            ("listed", _listed(document)),
            ("same by", layout.tally(document["evidence"])),
            ("not carried", layout.tally(document.get("not_carried") or {})),
            ("requests", f"about {layout.tally(document['requests_estimate'])}"),
        ]
    )
    for one in document["actions"]:
        lines += ["", *_action(one)]
    for refusal in document.get("refusals") or ():
        lines += [
            "",
            *layout.wrapped(f"would be refused: {layout.safe(refusal['message'])}", "", layout.INDENT),
        ]
        lines += layout.advised(refusal["advice"])
    if document["changes"]:
        lines += ["", "next: run copy with the same arguments; nothing was written yet"]
    return "\n".join(lines)


def _headline(document: Mapping[str, Any]) -> str:
    if not document["changes"]:
        refused = document["files_refused"]
        also = f"; {layout.counted(refused, 'object')} refused" if refused else ""
        return f"plan: nothing to do{also}"
    parts = []
    if document["files_to_transfer"]:
        size = units.show_bytes(document["bytes_to_transfer"])
        parts.append(f"copy {layout.counted(document['files_to_transfer'], 'object')} ({size})")
    if document["files_to_delete"]:
        parts.append(f"delete {document['files_to_delete']:,}")
    if document["files_refused"]:
        parts.append(f"refuse {document['files_refused']:,}")
    return f"plan: {', '.join(parts)}"


def _listed(document: Mapping[str, Any]) -> str:
    here = layout.counted(document["files_listed"], "object")
    there = f"{document['destination_files_listed']:,} at the destination"
    parts = [
        f"{document[f'files_{name}']:,} {name}"
        for name in ("same", "kept", "excluded", "reserved")
        if document[f"files_{name}"]
    ]
    return f"{here}, {there}" + (f"; {', '.join(parts)}" if parts else "")


def _action(document: Mapping[str, Any]) -> list[str]:
    reason = str(document["reason"])
    size = f", {units.show_bytes(document['bytes'])}" if document["bytes"] else ""
    count = layout.counted(document["files"], "object")
    why = _WHY.get(reason, layout.safe(reason))
    lines = [f"{layout.safe(document['action'])} {count}{size}: {why}"]
    shown = document["first_keys"][:KEYS_SHOWN]
    lines += [f"{layout.INDENT}{layout.key(one, layout.WIDTH - 2)}" for one in shown]
    rest = document["files"] - len(shown)
    if rest > 0:
        lines.append(f"{layout.INDENT}… and {rest:,} more")
    return lines
