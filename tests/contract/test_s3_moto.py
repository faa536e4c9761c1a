"""The S3 store keeps the contract against moto, as far as moto goes; what it cannot do is named."""

import pytest

from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground

LINE_BREAK = "moto takes no key with a line break: its routes end there, and it answers 404"
CANNOT = {
    "test_a_hostile_key_goes_there_and_back[newline]": LINE_BREAK,
    "test_a_hostile_key_goes_there_and_back[control-0a]": LINE_BREAK,
    "test_a_hostile_key_is_sent_in_parts[newline]": LINE_BREAK,
    "test_a_hostile_key_is_sent_in_parts[carriage-return]": "moto writes the bare character, which XML reads as a line break",
    "test_all_tags_can_be_taken_away": "moto answers 500 to an empty set of tags",
    "test_hostile_keys_are_all_there_side_by_side": LINE_BREAK,
    "test_a_reader_never_sees_half_a_write": "moto overwrites a body while it is being read",
    "test_concurrent_writers_leave_one_whole_body": "moto overwrites a body while it is being read",
}


@pytest.fixture(scope="module")
def known(moto):
    return ground.probed(moto, ground.made(moto))


class TestS3OnMoto(StoreContract):
    @pytest.fixture(autouse=True)
    def _able(self, request):
        ground.skip_what_it_cannot(request, CANNOT)

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
