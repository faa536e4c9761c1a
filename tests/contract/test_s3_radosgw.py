"""The S3 store keeps the contract against a real radosgw, hostile keys included."""

import pytest

from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground

pytestmark = pytest.mark.radosgw


@pytest.fixture(scope="module")
def known(radosgw):
    return ground.probed(radosgw, radosgw.bucket())


@pytest.fixture(scope="module")
def known_under_a_key(radosgw):
    return ground.probed(radosgw, radosgw.bucket(), ground.CUSTOMER_KEY)


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


class TestS3OnRadosgwUnderACustomerKey(TestS3OnRadosgw):
    """The same with every object under a customer key (SSE-C)."""

    customer_key = ground.CUSTOMER_KEY

    @pytest.fixture
    async def another(self, radosgw, known_under_a_key):
        key = self.customer_key
        async with ground.stores(radosgw, radosgw.bucket(), known_under_a_key, key) as another:
            yield another
