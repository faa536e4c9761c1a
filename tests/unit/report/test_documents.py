"""The documents have the promised fields, fit their schemas, and say what happened."""

import dataclasses
import json

import jsonschema
import pytest

from ferryline import errors
from ferryline.listing.join import align
from ferryline.model.action import Copy, Delete, Keep, Reason, Refuse
from ferryline.model.entry import Entry, Token
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.key import KeyRange
from ferryline.model.page import LEDGER, JoinedPage, listing_rows
from ferryline.model.run import Consistency, Counts
from ferryline.plan import cost, duration
from ferryline.plan.classify import classify
from ferryline.plan.document import PlanDocument
from ferryline.plan.requests import Habits, Reckoning
from ferryline.plan.rules import Rules
from ferryline.report import accounting, document, schemas
from tests.unit.report import samples

PROMISED = """schema run_id status exit_code snapshot consistency fencing policy_digest files_listed files_transferred
files_same files_kept files_excluded files_reserved files_vanished files_deleted files_verified files_failed files_skipped
bytes_transferred bytes_written source_bytes_read requests evidence cost_estimate_usd duration_seconds phases destinations
failures failures_total""".split()
RUNS = {
    "failed": samples.run(),
    "good": samples.run(samples.good()),
    "stopped": samples.stopped(),
    "two": samples.run(samples.destination(), samples.good()),
    "bare": samples.run(
        samples.destination(counts=Counts(), failures=(), failure_kinds={}, coverage=()),
        phases={}, requests={}, warnings=(), report=None, policy_digest=None,
    ),
}  # fmt: skip
VERIFICATIONS = {
    "differing": samples.verification(),
    "equal": samples.equal_verification(),
    "stopped": samples.verification(stopped=errors.CredentialsRefused("expired", key=b"\xff")),
}


def plan_document(destination_region="eu-central-1"):
    """A plan folded from a real page and real actions."""
    import pyarrow as pa

    def entry(number, etag=b"0" * 32):
        return Entry(b"k%02d" % number, number, Token(etag, 1_000_000_000))

    rows = align(
        listing_rows([entry(number) for number in range(10)]),
        listing_rows([entry(number, b"1" * 32 if number == 5 else b"0" * 32) for number in range(5, 12)]),
        pa.RecordBatch.from_pylist([], schema=LEDGER),
    )
    found, reckoning = PlanDocument("s3://here/", "s3://there/"), Reckoning(Habits())
    found.page(classify(JoinedPage(KeyRange(), rows, True), Rules()))
    actions = [Copy(dataclasses.replace(entry(3), key=key), Reason.NEW) for key in samples.HOSTILE]
    actions += [
        Copy(entry(4), Reason.UNKNOWN, entry(4)),
        Delete(entry(6), Reason.GONE_AT_SOURCE),
        Keep(entry(7), Reason.KEPT_BY_PRESERVE),
        Refuse(entry(8), "archived", "restore it"),
    ]
    for action in actions:
        found.action(action)
        reckoning.action(action)
    work = reckoning.work(10, 7)
    here, there = (
        cost.Tariff(f"s3://{name}/", cost.Network.AWS, region)
        for name, region in (("here", "us-east-1"), ("there", destination_region))
    )
    priced = cost.estimate(work, cost.Way(here, there))
    return {
        **found.document(),
        "requests_estimate": work.by_operation,
        "cost_estimate_usd": cost.rounded(priced.usd),
        "cost": {**priced.document(), "copies_usd": cost.rounded(priced.usd), "proof_reads": None},
        "time": duration.Duration(12.3, "assumed: 10 bytes a second").document(),
    }


def dataset_document(destination_region="eu-central-1"):
    """What the plan of a dataset of two replicas looks like."""
    inner = plan_document(destination_region)
    summed = (
        "files_to_transfer",
        "bytes_to_transfer",
        "files_to_delete",
        "files_refused",
        "files_unknown",
        "changes",
    )
    usd = inner["cost_estimate_usd"]
    return {
        "schema": "ferryline.plan-dataset/1",
        "policy": "acme",
        "policy_digest": "blake3:00",
        "dataset": "images",
        "source": "s3://here/",
        "run_in": None,
        "residency_rules": True,
        "residency": [
            {
                "location": "here/",
                "role": "source",
                "region": "us-east-1",
                "allowed": True,
                "why": "inside allow",
            }
        ],
        "replicas": [
            {"replica": "eu", "required": True, "engine": "ferryline", "plan": inner},
            {"replica": "spare", "required": False, "engine": "datasync", "plan": inner},
        ],
        **{name: 2 * inner[name] for name in summed},
        "requests_estimate": {name: 2 * count for name, count in inner["requests_estimate"].items()},
        "cost_estimate_usd": None if usd is None else 2 * usd,
        "cost_unknown": inner["cost"]["unknown"],
        "time": {"seconds": 24.6, "basis": "the replicas one after another; assumed: 10 bytes a second"},
        "refusals": [{"replica": "eu", "kind": "max-delete", "message": "too many", "advice": "raise it"}],
    }


def validate(name, found):
    schema = schemas.load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(found)
    undescribed(schema, schema, found, name)


def undescribed(root, schema, found, path):
    """Fail for a field that a schema does not describe: what is printed is promised."""
    if "$ref" in schema:
        schema = {**schema, **root["$defs"][schema["$ref"].rsplit("/", 1)[1]]}
    if isinstance(found, dict):
        for name, value in found.items():
            described = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            assert described is not None, f"{path}.{name} is not described"
            undescribed(root, described, value, f"{path}.{name}")
    elif isinstance(found, list):
        for one in found:
            undescribed(root, schema["items"], one, f"{path}[]")


@pytest.mark.parametrize("facts", RUNS.values(), ids=RUNS)
def test_a_run_document_fits_its_schema_and_is_plain_json(facts):
    found = document.run_document(facts)

    validate("run", found)
    assert json.loads(json.dumps(found)) == found
    assert set(PROMISED) <= set(found)


@pytest.mark.parametrize("facts", VERIFICATIONS.values(), ids=VERIFICATIONS)
def test_a_verification_document_fits_its_schema_and_is_plain_json(facts):
    found = document.verify_document(facts)

    validate("verify", found)
    assert json.loads(json.dumps(found)) == found


def test_a_plan_document_fits_its_schema():
    found = plan_document()
    validate("plan", found)

    refusal = {"kind": "guard", "message": "too many", "advice": "raise it"}
    validate("plan", {**found, "refusals": [refusal], "not_carried": {"socket": 2}})


@pytest.mark.parametrize("region", ["eu-central-1", None])
def test_the_plan_of_a_dataset_fits_its_schema(region):
    found = dataset_document(region)

    jsonschema.validate(found, schemas.load("plan-dataset"))
    validate("plan-dataset", {**found, "replicas": []})
    for one in found["replicas"]:
        validate("plan", one["plan"])
    assert (found["cost_estimate_usd"] is None) == (region != "eu-central-1")


@pytest.mark.parametrize("name", ["run", "plan", "plan-dataset", "sync", "verify"])
def test_a_schema_refuses_a_document_that_lacks_a_field(name):
    found = {
        "run": document.run_document(samples.run()),
        "verify": document.verify_document(samples.verification()),
        "plan": plan_document(),
        "sync": document.sync_document([document.run_document(samples.run())]),
        "plan-dataset": dataset_document(),
    }[name]
    for field in list(found):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(
                {key: value for key, value in found.items() if key != field}, schemas.load(name)
            )


def test_there_is_no_schema_of_another_name():
    with pytest.raises(KeyError):
        schemas.load("../run")


def test_skipped_files_are_those_that_are_same_and_those_that_were_kept():
    found = document.run_document(samples.run())

    assert found["files_skipped"] == found["files_same"] + found["files_kept"] == 90


def test_top_counts_are_sums_but_for_the_source_objects():
    found = document.run_document(samples.run(samples.destination(), samples.good()))
    left, right = found["destinations"]

    assert found["files_listed"] == max(left["files_listed"], right["files_listed"]) == 110
    for name in left:
        if name.startswith(("files_", "bytes_")) and name in found and name != "files_listed":
            assert found[name] == left[name] + right[name], name
    assert found["evidence"] == {"etag-md5": 180, "read-back": 18}
    assert found["consistency"] == "per-object"
    assert (left["status"], right["status"]) == ("ERROR", "SUCCESS")


def test_failures_carry_destination_kind_advice_and_exact_keys():
    found = document.run_document(samples.run())["failures"]

    assert [one["destination"] for one in found] == ["s3://there/prefix/"] * 5
    assert found[0] == {
        "key": "plain/key.txt",
        "destination": "s3://there/prefix/",
        "kind": "digest-mismatch",
        "message": "403 for object\\x0a0\\x1b[2J",
        "advice": "grant s3:GetObject\\x0d\\x0ato the role",
        "phase": "transfer",
    }
    assert found[3]["key_base64"] == "bm90IHV0Zi04IP/+"


def test_failures_findings_and_warnings_are_capped_and_their_totals_are_not():
    facts = samples.run(
        samples.destination(failures=samples.failures(1_500), counts=samples.counts(source_failed=2_500)),
        samples.destination(failures=samples.failures(1_500)),
        warnings=RUNS["failed"].warnings * 500,
    )
    found = document.run_document(facts)
    findings = tuple(Mismatch(b"k", Trouble.DIFFERS, "", "") for _ in range(1_500))
    compared = document.verify_document(
        samples.verification(findings=findings, troubles={Trouble.DIFFERS: 9_999})
    )

    assert len(found["failures"]) == 1_000
    assert found["failures_total"] == 2_500 + 2 + 3 + 2
    assert (len(found["warnings"]), found["warnings_total"]) == (100, 500)
    assert (len(compared["findings"]), compared["findings_total"]) == (1_000, 9_999)


@pytest.mark.parametrize(
    ("stopped", "code"),
    [
        (None, 1),
        (errors.EndpointFailed("x"), 4),
        (errors.CredentialsRefused("x"), 5),
        (errors.LockHeld("x"), 6),
        (errors.GuardRefused("x"), 3),
        (errors.SourceKeptChanging("x"), 7),
        (errors.Interrupted(15), 143),
        (errors.Interrupted(2), 130),
    ],
)
def test_what_stopped_a_run_decides_its_exit_code_before_what_failed(stopped, code):
    found = document.run_document(samples.run(stopped=stopped))

    assert (found["exit_code"], found["status"]) == (code, "ERROR")


def test_a_run_in_which_nothing_failed_is_a_success():
    found = document.run_document(samples.run(samples.good()))

    assert (found["exit_code"], found["status"], found["consistency"]) == (0, "SUCCESS", "point-in-time")
    assert found["destinations"][0]["status"] == "SUCCESS"


def test_open_ranges_are_named_and_counted():
    coverage = document.run_document(samples.run())["destinations"][0]["coverage"]

    assert coverage == {"ranges": 2, "complete": 1, "open": ["(m, end]"]}


def test_a_verification_counts_every_source_object_once():
    found = document.verify_document(samples.verification())

    assert found["files_checked"] == 102
    assert found["files_listed"] == found["files_checked"] + found["files_excluded"] + found["files_reserved"]
    assert (found["files_extra"], found["findings_total"], found["exit_code"]) == (3, 8, 1)


def test_counts_that_add_up_pass():
    accounting.check(samples.counts(), "s3://there/")


@pytest.mark.parametrize(
    "name", ["listed", "transferred", "same", "kept", "excluded", "reserved", "vanished", "source_failed"]
)
def test_counts_that_do_not_add_up_are_a_bug_that_names_the_sum(name):
    counts = samples.counts()
    setattr(counts, name, getattr(counts, name) + 1)

    with pytest.raises(errors.BrokenInvariant) as caught:
        accounting.check(counts, "s3://there/")
    assert f"listed {counts.listed}" in str(caught.value)
    assert "transferred" in str(caught.value)
    assert f"= {counts.accounted}" in str(caught.value)
    assert caught.value.place == "s3://there/"


def test_a_negative_count_is_a_bug_even_where_the_sum_holds():
    with pytest.raises(errors.BrokenInvariant):
        accounting.check(samples.counts(same=-1, transferred=101), "s3://there/")


def test_failed_deletes_do_not_disturb_the_sum():
    accounting.check(samples.counts(delete_failed=77), "s3://there/")


def test_consistency_needs_every_destination():
    both = samples.run(samples.good(), samples.good())

    assert document.run_document(both)["consistency"] == Consistency.POINT_IN_TIME.value
