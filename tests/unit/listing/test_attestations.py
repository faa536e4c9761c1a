"""Rows of a checksum report are found by key, however many runs they were spilled in."""

import random

import pytest

from ferryline.listing.attestations import Attestations
from ferryline.listing.checksum_report import Attested
from ferryline.model.digest import Algorithm, Digest


def attested(number, etag=b"e"):
    value = number.to_bytes(16, "big")
    return Attested(b"k/%06d" % number, etag, None, Digest(Algorithm.MD5, value))


@pytest.mark.parametrize(
    ("count", "run_rows"), [(0, 10), (1, 10), (10_000, 10_000), (10_000, 97), (20_000, 100)]
)
def test_every_key_is_found_again(tmp_path, count, run_rows):
    numbers = list(range(count))
    random.Random(7).shuffle(numbers)
    kept = Attestations(tmp_path, run_rows)

    for number in numbers:
        kept.add(attested(number))
    kept.settle()

    assert kept.count == count
    assert len(list(tmp_path.iterdir())) == (1 if count else 0), "runs are merged away"
    for number in range(0, count, 113):
        assert list(kept.of(b"k/%06d" % number)) == [attested(number)]
    for absent in (b"", b"a", b"k/%06d" % count, b"k/000000x", b"z"):
        assert list(kept.of(absent)) == []


def test_all_rows_of_one_key_are_found_also_across_batches(tmp_path):
    kept = Attestations(tmp_path, 1_000)
    for _ in range(10_000):
        kept.add(attested(5))
    kept.add(attested(4))
    kept.add(attested(6))
    kept.settle()

    assert len(list(kept.of(b"k/000005"))) == 10_000
    assert len(list(kept.of(b"k/000004"))) == len(list(kept.of(b"k/000006"))) == 1
