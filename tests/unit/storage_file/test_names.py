"""Keys and file names: the canonical escape, both ways, for every byte."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferryline.storage.file import names
from ferryline.testing import hostile

PIECES = [
    b"%",
    b"25",
    b"00",
    b"2E",
    b"self",
    b"empty",
    b".",
    b"..",
    b"\0",
    b"a",
    b"%2E",
    b"%00",
    b"%self",
    b"\xff",
    b"\n",
]
components = st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join)
keys = st.one_of(
    st.lists(components, min_size=1, max_size=4).map(b"/".join),
    st.binary(max_size=40),
)
file_names = (
    st.one_of(components, st.binary(max_size=20))
    .map(lambda text: text.replace(b"\0", b"").replace(b"/", b""))
    .filter(lambda name: name not in {b"", b".", b".."})
)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        pytest.param(b"a/b", b"a/b", id="ordinary-names-stay"),
        pytest.param(b"100%", b"100%", id="a-percent-sign-stays"),
        pytest.param(b"a%20b", b"a%20b", id="an-url-escape-stays"),
        pytest.param(b"%41%2F%25", b"%41%2F%25", id="escapes-that-are-not-ours-stay"),
        pytest.param(b"", b"%empty", id="the-empty-key"),
        pytest.param(b"/", b"%empty/%empty", id="a-lone-slash"),
        pytest.param(b"/a", b"%empty/a", id="a-leading-slash"),
        pytest.param(b"a/", b"a/%empty", id="a-trailing-slash"),
        pytest.param(b"a//b", b"a/%empty/b", id="a-double-slash"),
        pytest.param(b".", b"%2E", id="dot"),
        pytest.param(b"../../etc/x", b"%2E%2E/%2E%2E/etc/x", id="upwards"),
        pytest.param(b"...", b"...", id="three-dots-stay"),
        pytest.param(b"a\0b", b"a%00b", id="nul"),
        pytest.param(b"a%00b", b"a%2500b", id="what-reads-as-nul"),
        pytest.param(b"a%2500b", b"a%252500b", id="what-reads-as-an-escaped-nul"),
        pytest.param(b"%2E", b"%252E", id="what-reads-as-a-dot"),
        pytest.param(b"x%2E", b"x%2E", id="a-dot-escape-inside-a-name-stays"),
        pytest.param(b"%2e", b"%2e", id="a-lower-case-escape-stays"),
        pytest.param(b"%self", b"%25self", id="what-reads-as-self"),
        pytest.param(b"%25self", b"%2525self", id="what-reads-as-an-escaped-self"),
        pytest.param(b"%empty/%selfish", b"%25empty/%selfish", id="only-whole-names-are-escaped"),
        pytest.param(b"\xff\xfe", b"\xff\xfe", id="bytes-that-are-no-text-stay"),
    ],
)
def test_a_key_has_this_path_and_the_path_this_key(key, path):
    found = names.path_of(key)
    assert b"/".join(found) == path
    assert names.key_of(found) == key


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param((b"a", b"%self"), b"a", id="the-key-of-a-directory"),
        pytest.param((b"%empty", b"%self"), b"", id="the-empty-key-beside-a-leading-slash"),
        pytest.param((b"%self",), None, id="no-directory-to-speak-for"),
        pytest.param((b"a", b"%self", b"b"), None, id="self-as-a-directory"),
        pytest.param((b"a", b"%self", b"%self"), None, id="self-of-self"),
    ],
)
def test_self_is_the_key_of_its_directory_and_nothing_else(path, key):
    assert names.key_of(path) == key


@settings(max_examples=2000)
@given(keys)
@example(b"%" + b"25" * 9 + b"00")
def test_every_key_comes_back(key):
    path = names.path_of(key)
    assert names.key_of(path) == key
    for name in path:
        assert name not in {b"", b".", b"..", names.SELF}
        assert b"\0" not in name
        assert b"/" not in name


@settings(max_examples=2000)
@given(st.lists(file_names, min_size=1, max_size=4).map(tuple))
def test_every_path_but_self_comes_back(path):
    key = names.key_of(path)
    if names.SELF in path:
        below = path[:-1]
        canonical = path[-1] == names.SELF and below != () and names.SELF not in below
        assert (key is not None) == canonical
        if canonical:
            assert names.path_of(key) == below
    else:
        assert names.path_of(key) == path


@settings(max_examples=500)
@given(keys, keys)
def test_two_keys_never_share_a_path(left, right):
    assert (names.path_of(left) == names.path_of(right)) == (left == right)


def test_an_escape_is_made_only_where_it_is_needed():
    for one in hostile.KEYS:
        for component in one.key.split(b"/"):
            if names.encode_component(component) != component:
                needed = component in {b"", b".", b".."} or names.decode_component(component) != component
                assert needed, one.name


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(b"a" * 255, "", id="255-bytes-fit"),
        pytest.param(b"x/" + b"a" * 256, "256 bytes", id="256-bytes-do-not"),
        pytest.param(b"\0" * 86, "258 bytes", id="the-escape-counts"),
        pytest.param(b"/".join([b"a" * 200] * 30), "a path holds at most 4095", id="a-path-too-long"),
        pytest.param(b".ferryline/tmp/x", "temporary files", id="our-temporary-folder"),
        pytest.param(b".ferryline/uploads/x", "", id="our-other-folders"),
        pytest.param(b"a/.ferryline/tmp/x", "", id="a-folder-that-only-looks-like-ours"),
    ],
)
def test_a_refusal_names_its_reason(key, said):
    why = names.refusal(key, root_bytes=20)
    assert said in why
    assert bool(why) == bool(said)


def test_the_root_counts_towards_the_path():
    key = b"/".join([b"a" * 99] * 40)  # 3,999 bytes
    assert names.refusal(key, root_bytes=95) == ""
    assert names.refusal(key, root_bytes=96) != ""
