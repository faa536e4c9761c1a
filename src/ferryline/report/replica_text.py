"""The documents of `unlock` and `retire` told to people. Pure."""

from collections.abc import Mapping
from typing import Any

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
