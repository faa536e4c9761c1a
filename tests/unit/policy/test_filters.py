"""DataSync's SIMPLE_PATTERN filters: a table of sentences, and columns equal to single keys."""

import time

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ferryline import errors
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.pattern import CHARACTERS_MAX


def selects(filters, *keys):
    """What single-key matching says, after checking that the column says the same."""
    column = pa.array(list(keys), pa.binary())
    single = [filters.selects(key) for key in keys]
    assert filters.selected(column).to_pylist() == single
    assert filters.in_scope(column).to_pylist() == [filters.is_in_scope(key) for key in keys]
    return single


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        pytest.param("/docs", [b"docs", b"docs/", b"docs/a", b"docs/a/b"], [b"docs2", b"doc", b"a/docs", b"Docs"], id="folder"),
        pytest.param("/docs/", [b"docs", b"docs/a"], [b"docs2"], id="folder-with-slash-is-the-same"),
        pytest.param("docs", [b"docs", b"docs/a"], [b"x/docs"], id="without-leading-slash-is-the-same"),
        pytest.param("/docs*", [b"docs", b"docs2/a", b"docs/a"], [b"doc", b"x/docs"], id="trailing-star"),
        pytest.param("/docs/*", [b"docs/", b"docs/a"], [b"docs", b"docs2"], id="only-the-contents"),
        pytest.param("/a|/b", [b"a", b"b/x"], [b"c", b"a|"], id="alternatives"),
        pytest.param("*", [b"", b"a", b"a/b"], [], id="everything"),
        pytest.param("/", [b"", b"a", b"a/b"], [], id="the-location-itself"),
        pytest.param(r"/a\*", [b"a*", b"a*/b"], [b"a", b"ab"], id="escaped-star"),
        pytest.param(r"/a\|b", [b"a|b"], [b"a", b"b"], id="escaped-bar"),
        pytest.param(r"/a\\b", [b"a\\b"], [b"ab"], id="escaped-backslash"),
        pytest.param(r"/a\b", [b"ab"], [b"a\\b"], id="backslash-before-another-character-is-ignored"),
        pytest.param("/ab\\", [b"ab"], [b"ab\\"], id="backslash-at-the-end-is-ignored"),
        pytest.param("/a?[x].{2}", [b"a?[x].{2}"], [b"abx.."], id="no-other-character-is-special"),
        pytest.param("/é", ["é".encode(), "é/a".encode()], [b"e", b"\xe9", "e\u0301".encode()], id="utf-8-without-normalising"),
        pytest.param("//a", [b"/a", b"/a/b"], [b"a"], id="key-that-starts-with-a-slash"),
        pytest.param("/a\nb", [b"a\nb"], [b"a"], id="line-break"),
        pytest.param("/a b.*", [b"a b.", b"a b.c"], [b"a bc"], id="dot-is-a-dot"),
    ],
)  # fmt: skip
def test_include(pattern, inside, outside):
    filters = Filters.parse([pattern], [])
    assert selects(filters, *inside, *outside) == [True] * len(inside) + [False] * len(outside)
    excluding = Filters.parse([], [pattern])
    assert selects(excluding, *inside, *outside) == [False] * len(inside) + [True] * len(outside)


@pytest.mark.parametrize(
    ("pattern", "excluded", "kept"),
    [
        pytest.param("*.tmp", [b".tmp", b"a.tmp", b"a/b.tmp", b"a.tmp/b"], [b"a.tmpx", b"tmp", b"a.TMP"], id="suffix-anywhere"),
        pytest.param("*/tmp", [b"tmp", b"tmp/x", b"a/tmp", b"a/tmp/x"], [b"atmp", b"a/tmpx"], id="folder-anywhere"),
        pytest.param("*/tmp/", [b"tmp", b"a/tmp/x"], [b"atmp"], id="folder-anywhere-with-slash"),
        pytest.param("/*/tmp", [b"a/tmp", b"a/b/tmp/x"], [b"tmp", b"tmp/x"], id="folder-below-another"),
        pytest.param("*/tmp/*", [b"tmp/x", b"a/tmp/"], [b"tmp", b"a/tmp"], id="contents-of-a-folder-anywhere"),
        pytest.param("/a*z", [b"az", b"abcz", b"a/z", b"az/x", b"abz/x"], [b"a", b"za", b"azb"], id="star-inside"),
        pytest.param("*a*b*", [b"ab", b"xaxbx", b"a/b"], [b"ba", b"a"], id="stars-everywhere"),
        pytest.param("**.x", [b"a.x"], [b"a.y"], id="two-stars-are-one"),
        pytest.param(r"*\**", [b"a*b"], [b"ab"], id="literal-star-between-stars"),
        pytest.param("/a*b*c", [b"abc", b"aXbXc"], [b"acb", b"ab"], id="pieces-keep-their-order"),
        pytest.param("/aba*aba", [b"abaaba"], [b"aba", b"ababa"], id="ends-do-not-overlap"),
    ],
)  # fmt: skip
def test_exclude(pattern, excluded, kept):
    filters = Filters.parse([], [pattern])
    assert selects(filters, *excluded, *kept) == [False] * len(excluded) + [True] * len(kept)


@pytest.mark.parametrize(
    ("include", "prefixes"),
    [
        ([], None), (["*"], None), (["/"], None), (["/a", "*"], None), (["/train*"], (b"train",)), (["/docs"], (b"docs",)),
        (["/docs/"], (b"docs",)), (["/b", "/a"], (b"a", b"b")), (["/a*", "/ab", "/abc/d"], (b"a",)), (["/a|/b*"], (b"a", b"b")),
        (["/a/b/*"], (b"a/b/",)), ([r"/a\*"], (b"a*",)),
    ],
)  # fmt: skip
def test_prefixes_to_list(include, prefixes):
    assert Filters.parse(include, []).include_prefixes() == prefixes


def test_scope_and_exclusion_are_counted_apart():
    filters = Filters.parse(["/train*"], ["*.tmp"])
    keys = pa.array([b"train/a", b"train/a.tmp", b"test/a", b"test/a.tmp"], pa.binary())
    assert filters.in_scope(keys).to_pylist() == [True, True, False, False]
    assert filters.selected(keys).to_pylist() == [True, False, False, False]


def test_no_filters_select_everything():
    assert EVERYTHING.everything
    assert Filters.parse(["*"], []).everything
    assert not Filters.parse([], ["a"]).everything
    assert not Filters.parse(["a"], []).everything
    assert selects(EVERYTHING, b"", b"a", b"\xff") == [True, True, True]
    assert len(EVERYTHING.selected(pa.array([], pa.binary()))) == 0


@pytest.mark.parametrize(
    ("include", "exclude", "said"),
    [
        (["*.jpg"], [], "star before its end"), (["/a*b"], [], "star before its end"), (["/a**"], [], "star before its end"),
        (["/a*/"], [], "star before its end"), ([""], [], "empty pattern"), ([], ["a|"], "empty pattern"), ([], ["|"], "empty pattern"),
        ([], ["\\"], "empty pattern"), ([], ["a\x00"], "NUL"), ([], ["a" * (CHARACTERS_MAX + 1)], "102401"),
        ([], ["a" * CHARACTERS_MAX, "b"], "102402"), (["a" * 60_000, "b" * 60_000], [], "120001"),
    ],
)  # fmt: skip
def test_patterns_that_are_refused(include, exclude, said):
    with pytest.raises(errors.BadUsage, match=said) as caught:
        Filters.parse(include, exclude)
    assert "--include" in str(caught.value) if include else "--exclude" in str(caught.value)


_CHARACTERS = st.sampled_from("ab/*|\\é\n.$ ^(")
_PATTERNS = st.lists(st.text(_CHARACTERS, min_size=1, max_size=8), max_size=3)
_KEYS = st.lists(
    st.one_of(st.binary(max_size=8), st.text(st.sampled_from("ab/*|é\n.$"), max_size=8).map(str.encode)),
    max_size=8,
)


@given(_PATTERNS, _PATTERNS, _KEYS)
@example([], ["*/*"], [b"", b"a"])
@example([], ["*a/"], [b"a", b"a/b", b"ba/"])
def test_columns_and_single_keys_agree(include, exclude, keys):
    try:
        filters = Filters.parse(include, exclude)
    except errors.BadUsage:
        return
    selects(filters, *keys)
    prefixes = filters.include_prefixes()
    if prefixes is not None:
        assert all(key.startswith(prefixes) for key in keys if filters.is_in_scope(key))
        assert list(prefixes) == sorted(prefixes)


@given(st.text(st.sampled_from("ab/*"), min_size=1, max_size=6), st.text(st.sampled_from("ab/"), max_size=7))
def test_single_keys_agree_with_the_grammar_read_literally(pattern, key):
    """A slow reading of the grammar: the pattern, as a path, matches the key's path or one of its folders."""
    path = "/" + key
    plain = pattern if pattern.startswith(("/", "*")) else "/" + pattern
    plain = plain.removesuffix("/") if not plain.endswith("*") else plain
    candidates = [path] + [path[:index] for index, letter in enumerate(path) if letter == "/"]
    wanted = any(_slow(plain, candidate) for candidate in candidates)
    assert Filters.parse([], [pattern]).selects(key.encode()) is not wanted


def _slow(pattern, text):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return _slow(pattern[1:], text) or (text != "" and _slow(pattern, text[1:]))
    return text[:1] == pattern[0] and _slow(pattern[1:], text[1:])


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 40 + "*b", "*a" * 20_000 + "b", "*" + "a" * 500 + "*" + "a" * 500 + "b", "*.*.*.*.*.*.*.*.*x"],
    ids=["forty-stars", "twenty-thousand-stars", "long-pieces", "dots"],
)
def test_no_pattern_can_be_made_slow(pattern):
    """A backtracking matcher needs longer than the age of the universe for the first of these."""
    filters = Filters.parse([], [pattern])
    keys = [b"a" * 1024, b"." * 1024, (b"a" * 511 + b".") * 2] * 20
    started = time.process_time()
    selects(filters, *keys)
    assert time.process_time() - started < 5


def test_a_long_list_of_patterns_is_matched_whole():
    patterns = [f"/folder-{number:05}" for number in range(5000)]
    filters = Filters.parse([], patterns)
    assert selects(filters, b"folder-00000/a", b"folder-04999", b"folder-05000") == [False, False, True]


def test_a_pattern_longer_than_any_expression_is_still_matched():
    filters = Filters.parse([], ["é" * 5000, "/x"])
    assert selects(filters, ("é" * 5000).encode(), ("é" * 4999).encode(), b"x/y") == [False, True, False]
