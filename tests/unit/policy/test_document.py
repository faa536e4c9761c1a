"""Policies that are right: values, defaults, overlays, positions and the digest."""

from pathlib import Path

import pytest

from ferryline import errors, policy
from ferryline.model import place
from ferryline.policy import options, values
from tests.unit.policy.marked import LOCATIONS, dataset

EXAMPLES = Path(__file__).parents[3] / "examples" / "policy"


def test_the_complete_example_holds_what_it_says():
    read = policy.load([EXAMPLES / "complete.yaml"])
    imagenet = read.datasets["imagenet"]
    assert (imagenet.source.location, imagenet.source.path) == ("us", "imagenet/")
    assert [one.name for one in imagenet.replicas] == ["eu", "paris"]
    assert imagenet.replicas[1].tags == {"team": "ml"}
    assert imagenet.options.verify_mode is options.VerifyMode.POINT_IN_TIME_CONSISTENT
    assert imagenet.options.bytes_per_second == 500_000_000
    assert imagenet.max_transfer == values.MaxTransfer(5 * 1024**4, 200.0)
    assert imagenet.residency == values.Residency(("EU", "US"), ("CN",)), (
        "the dataset's deny joins the defaults' allow"
    )
    assert imagenet.metadata == values.Folder("eu", ".meta/imagenet/")
    assert imagenet.filters.selects(b"train-0001.tar")
    assert not imagenet.filters.selects(b"train/x.tmp")
    assert read.locations["eu"].writing.sse == "aws:kms"
    assert read.locations["eu"].access.request_payer is True
    assert read.locations["minio"].access.addressing_style is place.AddressingStyle.PATH
    assert read.service is not None
    assert read.service.access_keys[0].secret_access_key == "${env:FL_SECRET}"


def test_defaults_are_those_of_the_design():
    read = policy.parse(dataset(""))
    one = read.datasets["d"]
    assert one.options == options.Options()
    assert one.options.verify_mode is options.VerifyMode.ONLY_FILES_TRANSFERRED
    assert one.options.bytes_per_second == options.UNLIMITED
    assert one.max_delete == values.MaxDelete(1000, 10.0)
    assert one.max_transfer == values.MaxTransfer(None, None)
    assert one.on_unknown is values.OnUnknown.COPY
    assert one.keep_snapshots == values.KeepSnapshots(5, 30.0)
    assert one.residency == values.Residency(None, ())
    assert not one.has_residency
    assert one.engine is options.Engine.FERRYLINE
    assert one.filters.everything
    assert one.replicas[0].required is True


def test_only_the_version_is_required():
    read = policy.parse("version: 1")
    assert (read.name, read.state, dict(read.locations), dict(read.datasets)) == (None, None, {}, {})


@pytest.mark.parametrize("section", ["locations", "datasets", "regions"])
def test_a_section_with_everything_commented_out_is_empty(section):
    assert policy.parse(f"version: 1\n{section}:\n  # nothing yet\n") == policy.parse("version: 1")


def test_fields_of_ones_own_are_ignored_everywhere_but_among_names():
    text = dataset("x-owner: {any: [thing]}\noptions: {x-why: y}") + "x-top: 1\n"
    assert policy.parse(text) == policy.parse(dataset("options: {}"))
    named = policy.parse(LOCATIONS + "datasets: {x-ray: {source: us/x}}")
    assert list(named.datasets) == ["x-ray"]


@pytest.mark.parametrize(
    ("defaults", "own", "check"),
    [
        pytest.param("max_delete: {count: 5, percent: 1}", "max_delete: {count: 7}",
                     lambda one: one.max_delete == values.MaxDelete(7, 1.0), id="mappings-merge-by-field"),
        pytest.param("options: {log_level: OFF}", "options: {mtime: NONE}",
                     lambda one: (one.options.log_level, one.options.mtime) == ("OFF", "NONE"), id="options-merge"),
        pytest.param("exclude: ['*.tmp']", "exclude: ['*.bak']",
                     lambda one: one.filters.selects(b"a.tmp") and not one.filters.selects(b"a.bak"),
                     id="lists-replace"),
        pytest.param("engine: datasync", "", lambda one: one.replicas[0].engine == "datasync", id="engine-reaches-replicas"),
        pytest.param("schedule: rate(2 hours)", "", lambda one: one.schedule.interval_seconds == 7200, id="schedule"),
        pytest.param("residency: {allow: [EU]}", "residency: {deny: [US]}",
                     lambda one: one.residency == values.Residency(("EU",), ("US",)), id="residency-never-widens-unsaid"),
    ],
)  # fmt: skip
def test_defaults_fill_what_a_dataset_leaves_open(defaults, own, check):
    read = policy.parse(dataset(own).replace("version: 1\n", f"version: 1\ndefaults: {{{defaults}}}\n"))
    assert check(read.datasets["d"])


def test_later_files_are_laid_over_earlier_ones():
    read = policy.load([EXAMPLES / "minimal.yaml", EXAMPLES / "overlay-test.yaml"])
    home = read.locations["home"]
    assert home.url == "s3://my-team-train"
    assert home.access.endpoint_url == "http://127.0.0.1:9001"
    assert read.where("locations.home.url").file.endswith("minimal.yaml")
    assert read.where("locations.home.endpoint_url").file.endswith("overlay-test.yaml")
    assert read.files == (str(EXAMPLES / "minimal.yaml"), str(EXAMPLES / "overlay-test.yaml"))


def test_a_problem_in_an_overlay_names_the_overlay(tmp_path):
    (tmp_path / "a.yaml").write_text(dataset(""))
    (tmp_path / "b.yaml").write_text("\ndatasets: {d: {options: {mtime: x}}}\n")
    with pytest.raises(errors.BadPolicy) as caught:
        policy.load([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    (problem,) = caught.value.problems
    assert (problem.where.file, problem.where.line) == (str(tmp_path / "b.yaml"), 2)


def test_a_file_that_is_not_there_is_named_with_a_remedy(tmp_path):
    with pytest.raises(errors.BadPolicy, match="No such file") as caught:
        policy.load([tmp_path / "no.yaml"])
    assert "ferryline init" in caught.value.problems[0].remedy


def test_no_file_at_all_is_wrong_usage():
    with pytest.raises(errors.BadUsage):
        policy.load([])


def test_where_falls_back_to_the_nearest_field_above():
    read = policy.parse(dataset("options: {mtime: NONE}"), "f.yaml")
    assert read.where("datasets.d.options.mtime").line == 11
    assert read.where("datasets.d.options.atime") == read.where("datasets.d.options")
    assert read.where("datasets.d.replicas[0].to").field == "datasets.d.replicas[0]"
    assert read.where("service.account") is None


def test_asking_for_what_was_not_declared_names_what_was():
    read = policy.parse(dataset(""))
    with pytest.raises(errors.BadUsage, match="declares: d"):
        read.dataset("e")
    with pytest.raises(errors.BadUsage, match="it has: eu"):
        read.dataset("d").replica("us")
    assert read.dataset("d").replica("eu").to == values.Folder("eu", "a/")


SAME = [
    pytest.param("options: {verify_mode: ONLY_FILES_TRANSFERRED}", id="a-default-spelled-out"),
    pytest.param("# a comment\nx-note: y", id="comments-and-own-fields"),
    pytest.param("max_delete: {percent: 10.0, count: 1000}", id="order-and-number-form"),
]


@pytest.mark.parametrize("body", SAME)
def test_the_digest_stays_with_the_meaning(body):
    assert policy.parse(dataset(body), "one.yaml").digest == policy.parse(dataset(""), "two.yaml").digest


@pytest.mark.parametrize(
    "body",
    [
        "options: {mtime: NONE}",
        "max_delete: {count: 999}",
        "exclude: ['*.tmp']",
        "schedule: rate(2 hours)",
        "residency: {deny: [CN]}",
    ],
)
def test_the_digest_changes_with_the_meaning(body):
    assert policy.parse(dataset(body)).digest != policy.parse(dataset("")).digest


def test_the_digest_is_free_of_secrets_and_their_references():
    text = (
        'version: 1\nlocations: {a: {url: "s3://abc", access_key_id: "%s", secret_access_key: "${env:%s}"}}'
    )
    assert policy.parse(text % ("AKIAFAKE1", "A")).digest == policy.parse(text % ("AKIAFAKE2", "B")).digest


def test_the_digest_of_a_known_policy_never_changes():
    assert policy.parse(dataset("")).digest == policy.parse(dataset("")).digest
    assert len(policy.parse(dataset("")).digest) == 64


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        ("5TiB", 5 * 1024**4),
        ("200GB", 200 * 10**9),
        ("1048576", 2**20),
        (1048576, 2**20),
        ("10 MiB", 10 * 2**20),
        ("1.5KiB", 1536),
    ],
)
def test_sizes_take_bytes_and_units(written, bytes_):
    assert (
        policy.parse(dataset(f"max_transfer: {{bytes: {written}}}")).datasets["d"].max_transfer.bytes
        == bytes_
    )


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(example):
    files = [EXAMPLES / "minimal.yaml", example] if example.name.startswith("overlay") else [example]
    assert policy.load(files).datasets
