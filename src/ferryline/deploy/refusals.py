"""Refusals at program time: every one that was found, each with its field and its remedy.

All files of this room that check collect here; components call `stop` before their first resource.
"""

from dataclasses import dataclass, field

from ferryline import errors


@dataclass(slots=True)
class Refusals:
    """What is wrong with the arguments of one component; `about` names it (`Replication 'train'`)."""

    about: str
    problems: list[errors.Problem] = field(default_factory=list)

    def add(self, name: str, message: str, remedy: str) -> None:
        """Record that the field `name` (`replicas.eu.region`) cannot be used as it is."""
        self.problems.append(errors.Problem(None, f"{self.about}: {name}: {message}", remedy))

    def take(self, problems: list[errors.Problem]) -> None:
        """Record problems that another reader found."""
        self.problems.extend(problems)

    def stop(self) -> None:
        """Raise `BadPolicy` with everything that was recorded; nothing when there is nothing."""
        if self.problems:
            raise errors.BadPolicy(tuple(dict.fromkeys(self.problems)))
