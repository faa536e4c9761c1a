"""What is generated from the field tables: JSON Schema, reference page, and the starter file."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from ferryline import policy
from ferryline.policy import json_schema, reference, starter
from tests.unit.policy.marked import MARK, dataset
from tests.unit.policy.test_bad_policies import DATASETS, PLACES, UNKNOWN_AND_MISSING

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "policy").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(policy.schema())

BEYOND_A_SCHEMA = {
    # what needs two fields, another record, the calendar or the catalog of regions at once
    "half-a-key", "profile-and-key", "anonymous-with-a-profile", "external-id-without-role", "kms-key-without-kms",
    "virtual-style-with-dots", "encryption-of-a-file-location", "jurisdiction-of-a-built-in-region", "half-a-coordinate",
    "misspelt-location", "unknown-location", "two-replicas-of-one-name", "remove-with-all", "datasync-every-ten-minutes",
    "datasync-twice-an-hour", "point-in-time-enhanced", "enhanced-without-mtime", "basic-mtime-alone", "basic-atime-alone",
    "s3-replication-to-another-store", "nothing-allowed", "allowed-and-denied", "metadata-inside-the-source",
    "misspelt-region", "unknown-region",
    # grammars that are read by code: URLs, folders, schedules, filters, references
    "unknown-scheme", "scheme-of-later", "bucket-name-not-aws", "credentials-in-a-url", "options-in-a-declared-url",
    "url-that-starts-with-a-reference", "file-endpoint", "mapped-link-local-endpoint", "internal-reference",
    "unknown-interpolation", "open-interpolation", "line-break-in-text", "state-somewhere-else", "url-as-a-source",
    "password-in-the-database-url", "password-beside-a-reference", "dots-in-a-path", "reserved-folder-as-a-source",
    "bare-cron", "thirty-first-of-february", "minute-61", "ten-kilobytes-of-schedule", "star-at-the-start-of-an-include",
    "star-inside-the-second-include", "empty-alternative", "reference-in-a-filter",
    # JSON has one kind of number, and true is not 1 there
    "price-not-a-number",
}  # fmt: skip


def plain(text):
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(policy.schema())


def test_the_shipped_schema_is_not_stale():
    assert json_schema.shipped() == json_schema.rendered(), "write it again: make reference"
    assert json.loads(json_schema.shipped()) == policy.schema()


def test_the_reference_page_is_not_stale():
    page = (ROOT / "docs" / "reference" / "policy.md").read_text("utf-8")
    assert page == reference.render(), "write it again: make reference"


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if "overlay" not in one.name], ids=lambda path: path.name
)
def test_examples_are_valid_by_the_schema(example):
    VALIDATOR.validate(plain(example.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(row.values[0].replace(MARK, ""), id=row.id)
        for row in UNKNOWN_AND_MISSING + PLACES + DATASETS
        if row.id not in BEYOND_A_SCHEMA
    ],
)
def test_bad_policies_are_invalid_by_the_schema(text):
    assert not VALIDATOR.is_valid(plain(text))


def test_the_list_of_what_a_schema_cannot_see_is_exact():
    rows = {row.id: row.values[0].replace(MARK, "") for row in UNKNOWN_AND_MISSING + PLACES + DATASETS}
    assert rows.keys() >= BEYOND_A_SCHEMA
    seen = {id_ for id_ in BEYOND_A_SCHEMA if not VALIDATOR.is_valid(plain(rows[id_]))}
    assert seen == set(), "the schema sees these now"


@pytest.mark.parametrize(
    "body",
    [
        "options: {bytes_per_second: 10MiB/s}", "options: {bytes_per_second: -1}", "max_transfer: {bytes: 5 TiB}",
        "include: /a*", "exclude:", "x-own: 1", "schedule: rate(2 hours)",
    ],
)  # fmt: skip
def test_what_the_reader_takes_is_valid_by_the_schema(body):
    assert policy.parse(dataset(body))
    VALIDATOR.validate(plain(dataset(body)))


def test_every_field_is_on_the_reference_page():
    page = reference.render()
    for name, definition in policy.schema()["$defs"].items():
        assert f"## {name}\n" in page
        whole = definition["anyOf"][1] if "anyOf" in definition else definition
        for field in whole["properties"]:
            assert f"| `{field}` |" in page


def test_the_starter_file_is_valid_as_it_stands():
    read = policy.parse(starter.text(), "ferryline.yaml")
    assert list(read.datasets) == ["images"]
    VALIDATOR.validate(plain(starter.text()))


def test_the_starter_file_is_valid_with_every_comment_taken_out():
    lines = [line.replace("# ", "", 1) if _is_field(line) else line for line in starter.text().splitlines()]
    read = policy.parse("\n".join(lines), "ferryline.yaml")
    assert list(read.locations) == ["home", "eu", "minio", "disk"]
    assert read.datasets["images"].schedule is not None
    assert read.datasets["images"].has_residency
    assert read.state == "s3://my-team-ops/ferryline/"


def _is_field(line):
    return re.match(r"\s*# (\s*)[\w-]+:", line) is not None
