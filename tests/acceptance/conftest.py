"""Fixtures of the acceptance tests."""

from tests.commanding import user

__all__ = ["user"]
