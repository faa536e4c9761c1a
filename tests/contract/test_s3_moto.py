"""The S3 store keeps the contract against moto, as far as moto goes."""

import pytest

from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground


@pytest.fixture(scope="module")
def known(moto):
    return ground.probed(moto, ground.made(moto))


class TestS3OnMoto(StoreContract):
    @pytest.fixture
    async def another(self, moto, known):
        async with ground.stores(moto, ground.made(moto), known) as another:
            yield another

    @pytest.fixture
    async def store(self, another):
        return await another()

    @pytest.fixture
    def reopened(self, another):
        return another
