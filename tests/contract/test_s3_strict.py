"""The S3 store keeps the contract against the strict server, which checks what AWS checks."""

import dataclasses

import pytest

from ferryline.storage import capabilities
from ferryline.testing.contract import StoreContract
from ferryline.testing.contract_ground import keys_of, pages_of, put_all
from ferryline.testing.strict import StrictServer
from tests.contract import s3_ground as ground


@pytest.fixture(scope="module")
def server():
    with StrictServer() as running:
        yield running


class TestS3OnStrict(StoreContract):
    known = dataclasses.replace(capabilities.AWS, provider="s3")

    @pytest.fixture
    async def another(self, server):
        name = ground.bucket_name()
        server.bucket(name).set_versioning(self.versioning)
        async with ground.stores(server, name, self.known, self.customer_key) as another:
            yield another

    versioning = None
    customer_key = None

    @pytest.fixture
    async def store(self, another):
        return await another()

    @pytest.fixture
    def reopened(self, another):
        return another

    async def test_pages_have_the_size_the_server_gives(self, store):
        await put_all(store, [b"%04d" % number for number in range(1001)])
        assert [page.rows.num_rows for page in await pages_of(store)] == [1000, 1]
        assert len(await keys_of(store)) == 1001


class TestS3OnStrictVersioned(TestS3OnStrict):
    """The same on a bucket that keeps versions: deletes leave markers, which nobody sees."""

    versioning = "Enabled"


class TestS3OnStrictUnderACustomerKey(TestS3OnStrict):
    """The same with every object under a customer key (SSE-C), whose ETags are no MD5s."""

    known = dataclasses.replace(TestS3OnStrict.known, etag_is_md5=ground.IGNORED)
    customer_key = ground.CUSTOMER_KEY
