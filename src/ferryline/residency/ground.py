"""What a rule's code covers and what it might touch: the algebra under the decision.

A *ground* is where a region may be: countries, or parts of them, at least one. `decide` calls it. A
rule that denies reaches further than one that allows: it denies whatever might be meant by it.
"""

from collections.abc import Iterable

from ferryline.regions import jurisdiction


def ground_of(code: str) -> frozenset[str]:
    """The countries or parts that something in the jurisdiction `code` may be in."""
    return jurisdiction.members(code)


def covered(ground: frozenset[str], codes: Iterable[str]) -> bool:
    """Whether all of `ground` is surely inside the union of `codes`."""
    inside = frozenset().union(*(jurisdiction.members(code) for code in codes))
    return all(atom in inside or jurisdiction.parent(atom) in inside for atom in ground)


def touched(ground: frozenset[str], code: str) -> bool:
    """Whether something in `ground` might be inside `code`.

    `DE` touches `DE-BY` both ways, for a region in Germany may be in Bavaria; `CN` touches `HK`,
    which is a part of it.
    """
    members = jurisdiction.members(code)
    return any(_overlap(atom, member) for atom in ground for member in members)


def _overlap(left: str, right: str) -> bool:
    return (
        left == right
        or jurisdiction.parent(left) == right
        or jurisdiction.parent(right) == left
        or jurisdiction.state_of(left) == right
        or jurisdiction.state_of(jurisdiction.parent(left) or "") == right
    )
