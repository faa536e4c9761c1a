"""Fixtures of the tests of the laws."""

from tests.commanding import hasty, user

__all__ = ["hasty", "user"]
