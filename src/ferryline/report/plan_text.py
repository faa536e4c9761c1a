"""The plan document told to people: what would be sent, deleted, kept and refused, and why. Pure."""

from collections.abc import Mapping, Sequence
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
            ("requests", _requests(document)),
            ("money", _money(document)),
            ("time", _time(document)),
        ]
    )
    for one in document["actions"]:
        lines += ["", *_action(one)]
    lines += _refusals(document)
    if document["changes"]:
        lines += ["", "next: run copy with the same arguments; nothing was written yet"]
    return "\n".join(lines)


def plan_dataset(document: Mapping[str, Any]) -> str:
    """What a run of a dataset would do at each replica, and all together."""
    name = layout.safe(document["dataset"])
    lines = [_headline(document).replace("plan:", f"plan of {name}:", 1)]
    lines += layout.labelled(
        [
            ("from", layout.safe(document["source"])),
            ("residency", _residency(document["residency"]) if document["residency_rules"] else "no rules"),
            ("requests", _requests(document)),
            ("money", _money({**document, "cost": {"unknown": document["cost_unknown"]}})),
            ("time", _time(document)),
        ]
    )
    for one in document["replicas"]:
        inner = one["plan"]
        money, time = inner["cost_estimate_usd"], inner["time"]["seconds"]
        told = [
            *([f"about {dollars(money)}"] if money is not None else []),
            *([_lasting(time)] if time is not None else []),
        ]
        head = _headline(inner).removeprefix("plan: ")
        also = "" if one["required"] else " (not required)"
        lines += ["", f"{layout.safe(one['replica'])}{also}: {', '.join([head, *told])}"]
        service = "" if one["engine"] == "ferryline" else layout.safe(one["engine"])
        lines += layout.labelled(
            [
                ("to", layout.safe(inner["destination"])),
                ("moved by", service),
                ("proof", _proof(inner["cost"]["proof_reads"])),
                ("listed", _listed(inner)),
            ]
        )
        for action in inner["actions"]:
            lines += [f"{layout.INDENT}{line}" for line in _action(action)]
    lines += _refusals(document)
    if document["changes"]:
        lines += ["", f"next: ferryline sync {name}; nothing was written yet"]
    return "\n".join(lines)


def dollars(usd: float) -> str:
    """Dollars for people: cents, or as many digits as show that it is not nothing."""
    if usd == 0 or usd >= 0.1:
        return f"${usd:,.2f}"
    return f"${usd:.6f}".rstrip("0") if usd >= 0.000001 else "less than $0.000001"


def _residency(decisions: Sequence[Mapping[str, Any]]) -> str:
    """Which places the rules were asked about, and what they said."""
    told: dict[str, list[str]] = {"refused": [], "allowed": []}
    for one in decisions:
        where = f"{layout.safe(one['location'])} ({layout.safe(one['region'] or 'region not known')})"
        told["allowed" if one["allowed"] else "refused"].append(where)
    return "; ".join(f"{word}: {', '.join(places)}" for word, places in told.items() if places)


def _requests(document: Mapping[str, Any]) -> str:
    told = layout.tally(document["requests_estimate"])
    return f"about {told}" if told else ""


def _money(document: Mapping[str, Any]) -> str:
    if "cost_estimate_usd" not in document:
        return ""
    usd = document["cost_estimate_usd"]
    if usd is None:
        first, *others = str(document["cost"]["unknown"]).split("; ")
        also = f"; {layout.counted(len(others), 'more price')} missing" if others else ""
        return f"not known: {layout.safe(first)}{also}"
    items = document["cost"].get("items") or ()
    parts = {
        "requests": sum(one["usd"] for one in items if one["unit"] == "request"),
        "bytes": sum(one["usd"] for one in items if one["unit"] == "byte"),
        "executions": sum(one["usd"] for one in items if one["unit"] == "execution"),
    }
    told = ", ".join(f"{name} {dollars(amount)}" for name, amount in parts.items() if amount)
    return f"about {dollars(usd)}" + (f": {told}" if told else "")


def _proof(reads: Mapping[str, Any] | None) -> str:
    """What may be read on both sides, and what that adds to the money."""
    if reads is None:
        return ""
    objects, size = layout.counted(reads["files"], "object"), units.show_bytes(reads["bytes"])
    more = f"about {dollars(reads['usd'])} more" if reads["usd"] is not None else "at a price not known"
    return f"may have to read {objects}, {size}, on both sides, where no digest tells: {more}"


def _time(document: Mapping[str, Any]) -> str:
    told = document.get("time")
    if told is None:
        return ""
    if told["seconds"] is None:
        return f"not known: {layout.safe(told['basis'])}"
    return f"{_lasting(told['seconds'])} ({layout.safe(told['basis'])})"


def _lasting(seconds: float) -> str:
    return f"about {units.show_seconds(seconds)}" if seconds >= 1 else "less than a second"


def _refusals(document: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for refusal in document.get("refusals") or ():
        where = f" at {layout.safe(refusal['replica'])}" if refusal.get("replica") else ""
        said = f"would be refused{where}: {layout.safe(refusal['message'])}"
        lines += ["", *layout.wrapped(said, "", layout.INDENT), *layout.advised(refusal["advice"])]
    return lines


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
