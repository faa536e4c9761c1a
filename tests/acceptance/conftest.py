"""Fixtures of the acceptance tests."""

from tests.commanding import hasty, user

__all__ = ["hasty", "user"]
