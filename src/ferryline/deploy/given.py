"""What earlier checks have settled, said to the type checker and held to at run time.

The builders of this room ask it for values that a refusal has already made sure of. It decides nothing.
"""

from typing import TypeVar

from ferryline import errors

T = TypeVar("T")


def given(value: T | None) -> T:
    """The value. Raises BrokenInvariant where it is missing although a check passed."""
    if value is None:
        raise errors.BrokenInvariant("a value that the checks had made sure of is missing")
    return value
