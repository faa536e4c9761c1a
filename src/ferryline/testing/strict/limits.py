"""The numbers S3 documents: how long, how large, how many. Data only; told in the reference page."""

from typing import Final

MIB: Final = 1024 * 1024
KEY_BYTES_MAX: Final = 1024
HEADERS_BYTES_MAX: Final = 8 * 1024
METADATA_BYTES_MAX: Final = 2 * 1024
PART_BYTES_MIN: Final = 5 * MIB
PART_BYTES_MAX: Final = 5 * 1024 * MIB
WRITE_BYTES_MAX: Final = 5 * 1024 * MIB
PART_NUMBER_MAX: Final = 10_000
PAGE_KEYS_MAX: Final = 1000
SKEW_SECONDS_MAX: Final = 15 * 60
TAGS_MAX: Final = 10
DELETES_MAX: Final = 1000
