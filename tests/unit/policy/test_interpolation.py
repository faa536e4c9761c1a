"""References: the three forms, when they are resolved, and that values never show."""

import pytest

from ferryline.policy import interpolation
from ferryline.policy.interpolation import Reference, Sources, Unresolved

FILES = {
    "/k/one": b"not-a-real-secret\n",
    "/k/two": b"a\nb\n",
    "/k/bad": b"\xff",
    "/k/empty": b"\n",
    "/k/big": b"x" * 70_000,
}


def read(path):
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


SOURCES = Sources({"NAME": "value", "EMPTY": ""}, read)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"), ("${env:NAME}", "value"), ("a${env:NAME}b", "avalueb"), ("${env:NO:-x y}", "x y"), ("${env:NO:-}", ""),
        ("${env:EMPTY:-x}", "x"), ("${env:NAME:-x}", "value"), ("${env:NAME}${env:NAME}", "valuevalue"),
        ("${file:/k/one}", "not-a-real-secret"), ("$NAME", "$NAME"), ("$$", "$$"), ("{env:NAME}", "{env:NAME}"),
    ],
)  # fmt: skip
def test_references_are_replaced(text, value):
    assert interpolation.resolve(text, SOURCES) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${env:NO}", "NO is not set"), ("${env:EMPTY}", "EMPTY is not set"), ("${file:/k/none}", "No such file"),
        ("${file:/k/two}", "one line"), ("${file:/k/bad}", "UTF-8"), ("${file:/k/empty}", "one line"), ("${file:/k/big}", "65536"),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_named(text, said):
    with pytest.raises(Unresolved, match=said):
        interpolation.resolve(text, SOURCES)


@pytest.mark.parametrize(
    "text",
    ["${NAME}", "${env:}", "${env:1A}", "${env:A-B}", "${file:}", "${env:A", "x${", "${ENV:A}", "${env:A:=x}", "${env:A:?x}",
     "${env:${env:B}}", "${credentials:a/b}", "${cmd:ls}"],
)  # fmt: skip
def test_other_forms_are_no_interpolation(text):
    with pytest.raises(ValueError, match="interpolation"):
        interpolation.parts(text)


def test_parts():
    assert interpolation.parts("a${env:B:-c}d") == ("a", Reference("env", "B", "c"), "d")


def test_sources_show_nothing():
    assert "value" not in repr(SOURCES)
    assert "value" not in str(SOURCES)


def test_relative_files_are_anchored():
    assert interpolation.anchored("${file:a/b}-${env:X}", "/etc/t") == "${file:/etc/t/a/b}-${env:X}"
    assert interpolation.anchored("${file:/a}", "/etc/t") == "${file:/a}"
