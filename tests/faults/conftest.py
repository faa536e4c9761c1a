"""Fixtures of the fault tests."""

from tests.commanding import hasty, user

__all__ = ["hasty", "user"]
