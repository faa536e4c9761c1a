"""A place before a key, and what a re-listing of touched keys may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryline.model.key import KEY_BYTES_MAX
from ferryline.verify.relist import Relisting, before
from tests.unit.verify.stores import HONEST, ScriptedStore

keys = st.text(max_size=40).filter(lambda text: not any(0xD800 <= ord(one) <= 0xDFFF for one in text))


@given(keys, keys)
def test_nothing_but_the_keys_own_neighbours_lies_between(text, other):
    key = text.encode()
    place = before(key)

    if place is None:
        assert key == b""
        return
    assert place < key
    place.decode()
    between = other.encode()
    assert not place < between < key


@pytest.mark.parametrize("key", ["\ue000", "a\x00", "a\x01", "\U0010ffff", "é", " ", "0"])
def test_the_place_before_an_odd_key_is_text(key):
    place = before(key.encode())

    assert place is not None
    assert place < key.encode()
    place.decode()


def test_the_place_before_a_long_key_is_no_longer_than_a_key():
    key = b"x" * KEY_BYTES_MAX

    assert len(before(key) or b"") <= KEY_BYTES_MAX


def test_the_place_before_bytes_that_are_no_text_is_before_them():
    for key in (b"\xff", b"a\xff\x00", b"\x80"):
        assert (before(key) or b"") < key


async def test_long_keys_among_many_are_found_too():
    store = ScriptedStore(HONEST, page_rows=10)
    long = [b"d/" + b"x" * 900 + b"%03d" % number for number in range(100)]
    for key in long:
        store.put(key, b"1")

    found = await Relisting(store, 4).find(long[50:53])

    assert sorted(key for key, look in found.items() if look is not None) == long[50:53]
    assert store.requests.total() <= 6


@given(st.sets(keys, max_size=60), st.sets(keys, max_size=30))
async def test_every_key_that_is_there_is_found_and_no_other(there, asked):
    store = ScriptedStore(HONEST, page_rows=7)
    for text in there:
        store.put(text.encode(), text.encode())

    found = await Relisting(store, 4).find(sorted(text.encode() for text in asked))

    assert set(found) == {text.encode() for text in asked}
    assert {key for key, look in found.items() if look is not None} == {
        text.encode() for text in there & asked
    }
    assert store.requests["LIST"] <= max(1, len(asked))
