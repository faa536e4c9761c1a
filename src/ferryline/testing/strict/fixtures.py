"""Pytest fixtures over the strict server: `pytest_plugins = ["ferryline.testing.strict.fixtures"]`."""

from collections.abc import Iterator

import pytest

from ferryline.testing.strict.server import StrictServer


@pytest.fixture
def strict_server() -> Iterator[StrictServer]:
    """A server with the buckets `source` and `destination`."""
    with StrictServer("source", "destination") as server:
        yield server


@pytest.fixture
def strict_pair() -> Iterator[tuple[StrictServer, StrictServer]]:
    """Two servers, as two regions: the bucket `source` on the first, `destination` on the second."""
    with StrictServer("source") as first, StrictServer("destination") as second:
        yield first, second
