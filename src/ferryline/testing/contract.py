"""The store contract: what every backend promises, as tests that a backend's tests inherit.

Subclass `StoreContract` in a test module and give it two fixtures::

    class TestMine(StoreContract):
        @pytest.fixture
        async def store(self): ...       # an opened, empty store; close it afterwards

        @pytest.fixture
        def reopened(self, store): ...   # an async function: a second store object on the same place

Tests skip by name only for what the store's `Capabilities` do not honour, and for keys that the
store refuses by name (override `refuses` where the store has no such method). Needs pytest and
pytest-asyncio (the `testing` extra). It imports no backend.
"""

import pytest

# Before the chapters are imported, so that a broken promise shows both sides of its comparison.
pytest.register_assert_rewrite(
    "ferryline.testing.contract_ground",
    "ferryline.testing.contract_listing",
    "ferryline.testing.contract_objects",
    "ferryline.testing.contract_parts",
    "ferryline.testing.contract_tags",
)

from ferryline.testing import (  # noqa: E402 - see above
    contract_listing,
    contract_objects,
    contract_parts,
    contract_tags,
)


class StoreContract(
    contract_listing.ListingContract,
    contract_objects.ObjectContract,
    contract_parts.PartContract,
    contract_tags.TagContract,
):
    """Every promise of `ferryline.storage.store` that can be seen from outside."""
