"""The S3 store keeps the contract against `rclone serve s3`, as far as that goes."""

import pytest

from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground


@pytest.fixture(scope="module")
def known(rclone_s3):
    return ground.probed(rclone_s3, ground.made(rclone_s3))


class TestS3OnRclone(StoreContract):
    @pytest.fixture
    async def another(self, rclone_s3, known):
        async with ground.stores(rclone_s3, ground.made(rclone_s3), known) as another:
            yield another

    @pytest.fixture
    async def store(self, another):
        return await another()

    @pytest.fixture
    def reopened(self, another):
        return another
