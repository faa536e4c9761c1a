"""The S3 store keeps the contract against `rclone serve s3`, as far as that goes; what it cannot do is named."""

import pytest

from ferryline.testing import hostile
from ferryline.testing.contract import StoreContract
from tests.contract import s3_ground as ground

FOLDERS = "it stores in folders, so that `a` and `a/b` exclude each other"
BUSY = "it answers 500 when a folder is made twice at once (the retry wrapper repeats that)"
NOT_FILES = {
    "double-slash", "triple-slash", "leading-slash", "only-a-slash", "only-two-slashes", "trailing-slash",
    "dot", "dot-dot", "leading-dot-slash", "dot-in-the-middle", "dot-dot-in-the-middle", "escaping-upwards",
    "ends-in-dot-dot", "colon", "component-of-256-bytes", "component-of-900-bytes",
}  # fmt: skip
CANNOT = {
    "test_a_range_shows_exactly_its_keys": FOLDERS,
    "test_ranges_that_tile_show_every_key_once": FOLDERS,
    "test_keys_come_in_byte_order_however_they_were_written": FOLDERS,
    "test_a_listing_can_be_left_in_the_middle": FOLDERS,
    "test_the_empty_key_is_listed_first": FOLDERS,
    "test_hostile_keys_are_all_there_side_by_side": FOLDERS,
    "test_reserved_looking_keys_are_listed_like_any": FOLDERS,
    "test_removing_one_leaves_its_neighbours": FOLDERS,
    "test_removing_what_is_not_there_is_success": FOLDERS,
    "test_concurrent_writers_of_a_key_and_keys_below_it": FOLDERS,
    "test_concurrent_writers_leave_one_whole_body": BUSY,
    "test_a_reader_never_sees_half_a_write": "it reads a file that is being replaced, and hangs up",
    "test_an_object_in_parts_appears_whole": "it answers Complete with a -N ETag and lists the MD5",
    "test_a_hostile_key_is_sent_in_parts[noncharacter]": "it lists a replacement character for it",
    "test_a_part_sent_again_replaces_the_first": "it streams parts to its disk and takes none again",
} | {
    f"{test}[{one.name}]": "no file can have this name"
    for one in hostile.KEYS
    for test in ("test_a_hostile_key_goes_there_and_back", "test_a_hostile_key_is_sent_in_parts")
    if one.name in NOT_FILES
}


@pytest.fixture(scope="module")
def known(rclone_s3):
    return ground.probed(rclone_s3, ground.made(rclone_s3))


class TestS3OnRclone(StoreContract):
    @pytest.fixture(autouse=True)
    def _able(self, request):
        ground.skip_what_it_cannot(request, CANNOT)

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
