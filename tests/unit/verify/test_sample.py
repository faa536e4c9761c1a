"""A share of the keys: stable, nested, about as large as was asked for."""

import pyarrow as pa
import pytest

from ferryline.verify.sample import Sample

KEYS = [b"key-%d" % number for number in range(20_000)]


@pytest.mark.parametrize("percent", [0, 0.5, 10, 50, 100])
def test_the_share_is_about_what_was_asked_for(percent):
    count = sum(Sample(percent, 3).chosen(key) for key in KEYS)

    assert abs(count - len(KEYS) * percent / 100) < 250
    if percent in (0, 100):
        assert count == len(KEYS) * percent / 100


def test_the_same_seed_chooses_the_same_keys_on_every_host():
    assert [key for key in KEYS[:40] if Sample(10, 7).chosen(key)] == [b"key-12"]


def test_another_seed_chooses_others():
    assert [Sample(10, 1).chosen(key) for key in KEYS] != [Sample(10, 2).chosen(key) for key in KEYS]


def test_a_larger_share_contains_the_smaller_one():
    small, large = Sample(5, 9), Sample(20, 9)

    assert all(large.chosen(key) for key in KEYS if small.chosen(key))


def test_a_column_is_masked_as_its_keys_are_chosen():
    for sample in (Sample(0), Sample(33, 5), Sample(100)):
        assert sample.mask(pa.array(KEYS, pa.binary())).to_pylist() == [sample.chosen(key) for key in KEYS]


@pytest.mark.parametrize("percent", [-1, 100.1, float("nan")])
def test_no_share_lies_outside_of_0_to_100(percent):
    with pytest.raises(ValueError, match="0 to 100"):
        Sample(percent)
