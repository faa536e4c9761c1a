"""Folders that meet: refused where one copy would write into another tree."""

import pytest

from ferryline import policy
from ferryline.model import place
from ferryline.policy import interpolation, overlap, places
from tests.unit.policy.marked import LOCATIONS, only_problem


def datasets(**declared):
    lines = [f"  {name}: {{source: {source}, replicas: [{to}]}}" for name, (source, to) in declared.items()]
    return LOCATIONS + "datasets:\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(datasets(a=("us/x", "§us/x")), "the same folder", id="source-is-the-replica"),
        pytest.param(datasets(a=("us/x", "§us/x/copy")), "overlap", id="replica-inside-its-source"),
        pytest.param(datasets(a=("us/x/deep", "§us/x")), "overlap", id="source-inside-its-replica"),
        pytest.param(datasets(a=("us", "§us/x")), "overlap", id="whole-bucket-as-a-source"),
        pytest.param(datasets(a=("us/x", "{name: n, to: §us}")), "overlap", id="whole-bucket-as-a-replica"),
        pytest.param(datasets(a=("us/x", "eu/x, {name: n, to: §eu/x}")), "the same folder", id="two-replicas-on-one-folder"),
        pytest.param(datasets(a=("us/x", "eu/x, {name: n, to: §eu/x/y}")), "overlap", id="replica-inside-a-replica"),
        pytest.param(datasets(a=("us/x", "eu/x"), b=("us/y", "§eu/x")), "replica 'eu' of 'b'", id="replicas-of-two-datasets"),
        pytest.param(datasets(a=("us/x", "eu/x"), b=("§us/x/y", "eu/y")), "make them one dataset", id="sources-of-two-datasets"),
        pytest.param(datasets(a=("us/x", "eu/x"), b=("§eu/x", "lab/x")), "as a replica of the first", id="a-chain"),
        pytest.param(datasets(a=("disk/x", "eu/x, §disk/x/y")), "overlap", id="folders-on-disk"),
    ],
)  # fmt: skip
def test_folders_that_meet_are_refused(text, said):
    assert said in str(only_problem(text))


@pytest.mark.parametrize("deletes", ["PRESERVE", "REMOVE"])
def test_two_datasets_that_copy_over_each_other_are_refused(deletes):
    options = f"options: {{preserve_deleted_files: {deletes}}}"
    text = LOCATIONS + (
        f"datasets:\n  a: {{source: us/x, replicas: [eu/x], {options}}}\n"
        f"  b: {{source: eu/x, replicas: [us/x], {options}}}\n"
    )
    with pytest.raises(ValueError, match="over the other") as caught:
        policy.parse(text)
    assert all("keep one direction" in problem.remedy for problem in caught.value.problems)
    assert [problem.where.field for problem in caught.value.problems] == [
        "datasets.b.source",
        "datasets.b.replicas[0]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(datasets(a=("us/x", "eu/x"), b=("us/x2", "eu/x2")), id="names-that-only-begin-alike"),
        pytest.param(datasets(a=("us/x", "us/y")), id="two-folders-of-one-bucket"),
        pytest.param(datasets(a=("lab/x", "us/x")), id="same-path-in-two-stores"),
    ],
)
def test_folders_apart_are_accepted(text):
    assert policy.parse(text).datasets


def locations(first, second):
    return (
        f"version: 1\nlocations:\n  a: {{{first}}}\n  b: {{{second}}}\n"
        "datasets: {d: {source: a/x, replicas: [§b/x]}}\n"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param('url: "s3://abc"', 'url: "s3://abc/"', id="trailing-slash"),
        pytest.param('url: "s3://abc"', 'url: "s3://abc", region: eu-central-1', id="another-region"),
        pytest.param('url: "s3://abc"', 'url: "s3://abc", endpoint_url: "https://s3.us-east-1.amazonaws.com"', id="aws-spelled-out"),
        pytest.param('url: "s3://abc", endpoint_url: "http://localhost:9000"', 'url: "s3://abc", endpoint_url: "http://127.0.0.1:9000/"', id="loopback-by-name"),
        pytest.param('url: "s3://abc", endpoint_url: "https://h.example"', 'url: "s3://abc", endpoint_url: "https://H.example:443"', id="default-port"),
        pytest.param("url: /mnt/a", 'url: "file:///mnt/./a/"', id="path-spelled-twice"),
        pytest.param('url: "s3://${env:B}"', 'url: "s3://${env:B}"', id="the-same-reference"),
    ],
)  # fmt: skip
def test_one_place_under_two_names_is_seen(first, second):
    assert "the same folder" in only_problem(locations(first, second)).message


def test_references_that_lead_to_one_place_are_refused_when_resolved():
    text = locations('url: "s3://${env:A}"', 'url: "s3://${env:B}"').replace("§", "")
    read = policy.parse(text)
    apart = interpolation.Sources({"A": "bucket-a", "B": "bucket-b"})
    assert places.resolved(read, read.datasets["d"], apart).locations["a"].url == "s3://bucket-a"
    with pytest.raises(ValueError, match="the same folder"):
        places.resolved(read, read.datasets["d"], interpolation.Sources({"A": "abc", "B": "abc"}))


def test_state_and_metadata_keep_away_from_data():
    text = datasets(a=("us/x", "eu/x")).replace(
        "version: 1\n", 'version: 1\nstate: §"s3://acme-train/x/ferryline"\n'
    )
    assert "state lies inside source of 'a'" in only_problem(text).message
    shared = LOCATIONS + (
        "datasets:\n  a: {source: us/x, replicas: [eu/x], metadata: eu/m}\n"
        "  b: {source: us/y, replicas: [eu/y], metadata: §eu/m}\n"
    )
    assert "same metadata folder" in only_problem(shared).message


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ("s3://acme-train/x/deep", ["a"]),
        ("s3://acme-train", ["a", "b"]),
        ("s3://acme-train-eu/prod/y", ["b"]),
        ("s3://acme-train/x?endpoint_url=https://elsewhere.example", ["a"]),
        ("s3://acme-train/xyz", []),
        ("s3://another", []),
        ("/mnt/train/z/q", ["c"]),
        ("/mnt/trainer", []),
    ],
)
def test_which_datasets_a_location_touches(text, touched):
    read = policy.parse(datasets(a=("us/x", "eu/x"), b=("us/y", "eu/y"), c=("disk/z", "eu/z")))
    there = places.find(text, read, interpolation.Sources({}))
    assert [one.name for one in overlap.datasets_touching(read, there)] == touched
    assert overlap.datasets_touching(read, place.MemoryLocation("m")) == ()
