"""The S3 store keeps the contract against a real radosgw, hostile keys included."""

import pytest

from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground

pytestmark = pytest.mark.radosgw


@pytest.fixture(scope="module")
def known(radosgw):
    return ground.probed(radosgw, radosgw.bucket())


CANNOT = {
    "test_tags_travel_with_parts": "radosgw 16 forgets x-amz-tagging of CreateMultipartUpload",
}


class TestS3OnRadosgw(StoreContract):
    @pytest.fixture(autouse=True)
    def _able(self, request):
        ground.skip_what_it_cannot(request, CANNOT)

    @pytest.fixture
    async def another(self, radosgw, known):
        async with ground.stores(radosgw, radosgw.bucket(), known) as another:
            yield another

    @pytest.fixture
    async def store(self, another):
        return await another()

    @pytest.fixture
    def reopened(self, another):
        return another
