"""What `ferryline plan DATASET --engines` prints: each replica's engines side by side. Contacts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryline import errors
from ferryline.cli import console
from ferryline.config import environment, request
from ferryline.model import exitcode, units
from ferryline.plan import engines
from ferryline.residency import stops
from ferryline.residency.decide import decide_all, enforce

SIZE = "1TiB"
"""What costs are given for where nobody says how much there is."""


def tell(dataset: str, size: str | None, given: Mapping[str, Any]) -> int:
    """Print the advice for a dataset of the policy. Raises `BadUsage`, `BadPolicy`, `GuardRefused`."""
    speak = console.Console(json_mode=given["json_mode"])
    around = environment.read()
    policy = request.policy(given["policy_files"], around)
    if policy is None:
        raise errors.BadUsage(
            f"there is no {environment.POLICY_FILE} here, and --engines needs a dataset of a policy",
            advice="name a policy file with -f, or write one: ferryline init",
        )
    try:
        size_bytes = units.parse_bytes(size or SIZE)
    except ValueError as error:
        raise errors.BadUsage(f"--bytes: {error}", advice="write --bytes 5TiB") from error
    if policy.dataset(dataset).has_residency:
        where = stops.stops_of(policy, dataset, stops.Seen(passes=False))
        enforce(decide_all(stops.bounds_of(policy, dataset), where))
    made = engines.document(
        dataset, size_bytes, engines.advise(policy, dataset, size_bytes, request.sources(around))
    )
    speak.document(made)
    speak.say(_text(made))
    return exitcode.DONE


def _text(made: Mapping[str, Any]) -> str:
    notes = _Footnotes()
    lines = [f"{made['dataset']}, {units.show_bytes(made['bytes'])}; nothing was contacted"]
    for one in made["replicas"]:
        regions = " to ".join(region or "no region declared" for region in one["regions"])
        lines += ["", f"{one['replica']}: {one['source']} to {one['destination']}  ({regions})"]
        first, following = one["first_load"] or "none", one["new_objects"] or "none"
        lines.append(f"  first load: {first}; new objects: {following}  (the policy says {one['declared']})")
        lines.append(f"  because {one['because']}")
        for engine in one["engines"]:
            lines += _engine(engine, notes)
    lines += ["", "left out:", *(f"  {one}" for one in made["left_out"])]
    return "\n".join([*lines, *notes.lines()])


@dataclass(slots=True)
class _Footnotes:
    """The sources of prices, each told once, in the order they are first named."""

    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, source: str) -> str:
        if not source:
            return ""
        return f" [{self.numbers.setdefault(source, len(self.numbers) + 1)}]"

    def lines(self) -> list[str]:
        told = [f"  [{number}] {source}" for source, number in self.numbers.items()]
        return ["", "prices:", *told] if told else []


def _engine(engine: Mapping[str, Any], notes: _Footnotes) -> list[str]:
    lines = ["", f"  {engine['engine']}: fits {engine['fits']}"]
    lines += [f"    {sentence}" for sentence in engine["why"]]
    if engine["usd"] is None:
        return lines
    lines.append(f"    lag: {engine['lag']}")
    rest = "" if engine["usd_is_whole"] else ", and what is not known"
    nothing = all(cost["usd"] is None for cost in engine["costs"])
    lines.append("    cost: not known" if nothing else f"    cost: ${engine['usd']:,.2f}{rest}")
    for cost in engine["costs"]:
        usd = "?" if cost["usd"] is None else f"${cost['usd']:,.2f}"
        lines.append(f"      {usd:>12}  {cost['what']}: {cost['note']}{notes.mark(cost['source'])}")
    return lines
