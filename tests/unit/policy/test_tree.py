"""YAML as positioned nodes: what is refused, where, and what plain text means."""

import math

import pytest

from ferryline import errors
from ferryline.policy import tree, yaml_reader
from tests.unit.policy.marked import marked, only_problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "a: !!python/object/apply:os.system§ [x]".replace("§", "").replace("!!", "§!!", 1),
            "tags",
            id="python-tag",
        ),
        pytest.param("a: §!!str x", "tags", id="even-a-harmless-tag"),
        pytest.param("§!!python/object:x {}", "tags", id="tag-at-the-top"),
        pytest.param("a: 1\nb: 2\n§a: 3", "given twice", id="duplicate-key"),
        pytest.param("a:\n  b: {c: 1, §c: 2}", "given twice", id="duplicate-key-deep-in-a-flow-mapping"),
        pytest.param("§1: x", "must be text", id="number-as-a-name"),
        pytest.param("§~: x", "must be text", id="null-as-a-name"),
        pytest.param("? §[a]\n: b", "must be text", id="list-as-a-name"),
        pytest.param("a: §*nowhere", "no anchor", id="unknown-alias"),
        pytest.param("a: &x [§*x]", "inside its own anchor", id="alias-inside-its-anchor"),
        pytest.param("a: 1\n§---\nb: 1", "second YAML document", id="two-documents"),
        pytest.param("a: §\x07", "does not allow", id="control-character"),
        pytest.param("a:\n§\t- b", "start any token", id="tab-as-indentation"),
        pytest.param("a: b§: c", "mapping values", id="colon-in-a-plain-value"),
        pytest.param("a: [1, 2§", "expected ','", id="open-bracket"),
        pytest.param('a:\n  b:\n    c: "\\§q"', "escape", id="bad-escape-three-levels-deep"),
        pytest.param("a: {<<: §1x}".replace("1x", "[1]"), "takes a mapping", id="merge-of-a-number"),
        pytest.param("a:\n  - b:\n      - {c: §@d}", "start any token", id="bad-start-in-a-list-of-lists"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text, said):
    wanted = marked(text)
    with pytest.raises(errors.BadPolicy) as caught:
        yaml_reader.read(wanted.text, "f.yaml")
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.remedy
    assert (problem.where.file, problem.where.line, problem.where.column) == (
        "f.yaml",
        wanted.line,
        wanted.column,
    )


@pytest.mark.parametrize("depth", [0, 1, 7, 25, 40])
def test_malformed_text_is_found_at_any_depth(depth):
    text = "".join("  " * level + f"k{level}:\n" for level in range(depth)) + "  " * depth + "bad: §`x`\n"
    assert "not YAML" in only_problem(text).message


def test_alias_bomb_is_refused_before_it_grows():
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(levels)
    with pytest.raises(errors.BadPolicy, match="too many values"):
        yaml_reader.read(text, "f")


def test_merge_bomb_is_refused():
    anchors = "b: &b {" + ", ".join(f"k{n}: [{', '.join('x' * 50)}]" for n in range(100)) + "}\n"
    uses = "c:\n" + "".join("  - {<<: *b}\n" for _ in range(20))
    with pytest.raises(errors.BadPolicy, match="too many values"):
        yaml_reader.read(anchors + uses, "f")


@pytest.mark.parametrize("text", ["[" * 30_000, "a: " + "{a: " * 100, "- " * 5000])
def test_depth_is_capped_without_using_the_stack(text):
    with pytest.raises(errors.BadPolicy, match="nested more than 50"):
        yaml_reader.read(text, "f")


def test_size_is_capped():
    with pytest.raises(errors.BadPolicy, match="bytes long"):
        yaml_reader.read("#" * (yaml_reader.TEXT_BYTES_MAX + 1), "f")


def test_bytes_that_are_not_utf8_are_refused_at_the_byte():
    with pytest.raises(errors.BadPolicy) as caught:
        yaml_reader.read(b"a: 1\nb: \xff", "f")
    assert (caught.value.problems[0].where.line, caught.value.problems[0].where.column) == (2, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("NO", "NO"), ("true", True), ("False", False), ("~", None), ("null", None),
        ("012", 12), ("0o14", 12), ("0x1F", 31), ("1_000", "1_000"), ("12:30", "12:30"), ("1e3", 1000.0), (".5", 0.5),
        ("-.inf", -math.inf), ("2026-01-01", "2026-01-01"), ("+5", 5), ("0b1", "0b1"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says(text, value):
    assert yaml_reader.resolve(text) == value
    assert type(yaml_reader.resolve(text)) is type(value)


def test_quoted_text_is_never_a_number():
    node = yaml_reader.read("a: '12'", "f")
    assert isinstance(node, tree.Fields)
    assert node.entries["a"].node.value == "12"


def test_merge_keys_yield_to_own_fields_and_earlier_sources():
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}"
    node = yaml_reader.read(text, "f").entries["z"].node
    assert {name: entry.node.value for name, entry in node.entries.items()} == {"a": 0, "b": 1, "c": 2}


def test_an_overlay_merges_by_field_and_keeps_each_files_positions():
    below = yaml_reader.read("a: {b: 1, c: [1, 2]}\nd: {e: 1}", "below")
    above = yaml_reader.read("\na:\n  c: [3]\nd:\nf: 1", "above")
    merged = tree.overlay(below, above)
    a = merged.entries["a"].node.entries
    assert a["b"].node.place == tree.Place("below", 1, 8)
    assert [item.value for item in a["c"].node.items] == [3]
    assert a["c"].node.place.file == "above"
    assert merged.entries["d"].node.entries["e"].node.value == 1, "an empty field says nothing"
    assert list(merged.entries) == ["a", "d", "f"]
