"""Fixtures of the acceptance tests."""

import pytest

from ferryline.testing.strict import StrictServer
from tests.acceptance.published import BUCKETS, Ground
from tests.commanding import hasty, user

__all__ = ["hasty", "user"]


@pytest.fixture
def ground(user, tmp_path):
    """A dataset with three replicas, and one with its metadata apart; nothing is published yet."""
    with StrictServer(*BUCKETS) as server:
        yield Ground(user, server, tmp_path / "disk")
