"""What a person or a script gets from the commands: exit codes, one document, events, and refusals."""

import json

import pytest

from ferryline.testing.strict import Fault
from ferryline.testing.strict.fault import Status
from tests.commanding import picture, url


@pytest.fixture
def pair(strict):
    strict.bucket("source").put_many({f"data/{number}": b"bytes %d" % number for number in range(5)})
    return url(strict, "source"), url(strict, "destination")


def test_a_copy_prints_one_document_that_keeps_its_schema(strict, pair, user):
    said = user.run("copy", *pair, "--json")

    told = said.document
    assert (said.code, told["exit_code"], told["status"]) == (0, 0, "SUCCESS")
    assert (told["schema"], told["fencing"], told["snapshot"]) == ("ferryline.run/1", "local", None)
    assert (told["files_listed"], told["files_transferred"], told["files_verified"]) == (5, 5, 5)
    assert told["evidence"] == {"etag-md5": 5}
    assert told["cost_estimate_usd"] is None
    assert "5" in said.err
    assert "Traceback" not in said.err


def test_without_json_a_person_reads_words_on_stdout(pair, user):
    said = user.run("copy", *pair)

    assert said.code == 0
    assert "5 objects" in said.out
    assert not said.out.lstrip().startswith("{")


def test_events_are_one_json_document_a_line(strict, pair, user, tmp_path):
    said = user.run("copy", *pair, "--events", str(tmp_path / "events"))

    lines = [json.loads(line) for line in (tmp_path / "events").read_text("utf-8").splitlines()]
    names = [line["event"] for line in lines]
    assert said.code == 0
    assert (names[0], names[-1]) == ("run-started", "run-ended")
    assert names.count("object-transferred") == names.count("object-verified") == 5
    assert {line["key"] for line in lines if line["event"] == "object-transferred"} == {
        f"data/{one}" for one in range(5)
    }


def test_a_failed_object_makes_the_copy_end_with_1_and_is_named(strict, pair, user):
    fault = strict.arm(Fault("GetObject", Status("AccessDenied"), key="data/3", times=None))

    said = user.run("copy", *pair, "--json")

    told = said.document
    assert fault.fired
    assert (said.code, told["status"], told["files_failed"], told["failures_total"]) == (1, "ERROR", 1, 1)
    assert told["failures"][0]["key"] == "data/3"
    assert told["failures"][0]["kind"] == "access-refused"
    assert told["failures"][0]["advice"]
    assert strict.bucket("destination").keys() == [b"data/0", b"data/1", b"data/2", b"data/4"]


def test_several_destinations_end_with_2_and_send_nothing(strict, pair, user):
    said = user.run("copy", *pair, url(strict, "destination", "other/"), "--json")

    assert said.code == 2
    assert "2 destinations" in said.err
    assert strict.seen == []


@pytest.mark.parametrize(
    "words",
    [
        ("copy", "s3://source"),
        ("copy", "s3://source", "nowhere/at-all"),
        ("copy", "s3://source", "./a", "--transfer-mode", "SOMETIMES"),
        ("copy", "s3://source", "./a", "--transfer-mode", "ALL", "--preserve-deleted-files", "REMOVE"),
        ("copy", "s3://source", "./a", "--bytes-per-second", "0"),
        ("copy", "s3://source", "./a", "--bytes-per-second", "1 Gbs"),
        ("copy", "s3://source", "./a", "--memory", "1"),
        ("copy", "s3://source", "./a", "--max-transfer", "many"),
        ("copy", "s3://source", "./a", "--max-delete", "-1"),
        ("copy", "s3://source", "./a", "--no-such-flag"),
        ("copy", "s3://source", "s3://source/inside"),
        ("copy", "s3://source?endpoint_url=file:///etc", "./a"),
        ("copy", "s3://source?endpoint_url=http://[::ffff:169.254.169.254]", "./a"),
        ("copy", "s3://source", "./a", "--state", "mysql://somewhere"),
        ("verify", "s3://source", "./a", "--deep", "101"),
        ("sail",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_why(user, words):
    said = user.run(*words) if "--state" not in words else user.run(*words[:-2], state=words[-1])

    assert said.code == 2
    assert said.out == ""
    assert len(said.err.strip()) > 20
    assert "Traceback" not in said.err


RULES = """
version: 1
locations:
  us: {{url: "s3://source", endpoint_url: "{endpoint}", region: us-east-1}}
  eu: {{url: "s3://destination", endpoint_url: "{endpoint}", region: eu-central-1}}
datasets:
  faces:
    source: us/data/
    replicas: [eu/data/]
    residency: {{allow: [US]}}
"""


@pytest.mark.parametrize("command", ["copy", "verify"])
@pytest.mark.parametrize(
    "words", [("us/", "./here"), ("./here", "eu/data/inside"), ("us/data/", "eu/data/")], ids=" ".join
)
def test_what_touches_a_dataset_with_residency_rules_is_refused_with_3(strict, pair, user, command, words):
    (user.folder / "ferryline.yaml").write_text(RULES.format(endpoint=strict.endpoint_url), "utf-8")
    (user.folder / "here").mkdir()

    said = user.run(command, *words)

    assert said.code == 3
    assert "'faces'" in said.err
    assert strict.seen == []


def test_plan_names_each_change_and_writes_nothing_anywhere(strict, pair, user):
    strict.bucket("destination").put("data/1", b"Bytes 1")
    strict.bucket("destination").put("only/here", b"1")
    user.run("plan", *pair)
    before = picture(user.folder)
    strict.forget()

    said = user.run("plan", *pair, "--json", "--preserve-deleted-files", "REMOVE", "--detailed-exitcode")

    assert said.code == 8
    assert said.document["changes"] == 6
    assert said.document["refusals"][0]["kind"] == "max-delete"
    assert {one.operation for one in strict.seen} <= {"ListObjectsV2", "HeadObject"}
    assert sorted(strict.bucket("destination").keys()) == [b"data/1", b"only/here"]
    assert picture(user.folder) == before


def test_the_first_plan_ever_leaves_no_state_behind(strict, pair, user):
    before = picture(user.folder)

    said = user.run("plan", *pair, "--json")

    assert said.code == 0
    assert picture(user.folder) == before


def test_a_plan_without_changes_ends_with_0(strict, pair, user):
    assert user.run("copy", *pair).code == 0

    said = user.run("plan", *pair, "--detailed-exitcode", "--json")

    assert said.code == 0
    assert said.document["changes"] == 0


def test_a_plan_shows_what_a_guard_would_refuse(strict, pair, user):
    strict.bucket("source").clear()
    strict.bucket("destination").put_many({f"{number}": b"x" for number in range(3)})

    said = user.run("plan", *pair, "--json", "--preserve-deleted-files", "REMOVE")

    kinds = [one["kind"] for one in said.document["refusals"]]
    assert said.code == 0
    assert "empty-source" in kinds
    assert all(one["advice"] for one in said.document["refusals"])


def test_a_transfer_past_the_cap_is_refused_with_3(strict, pair, user):
    said = user.run("copy", *pair, "--max-transfer", "20", "--json")

    assert said.code == 3
    assert said.document["status"] == "ERROR"
    assert len(strict.bucket("destination").keys()) <= 2


def test_wrong_credentials_end_with_5_and_the_secret_is_not_told(strict, pair, user, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret-that-nobody-may-see")

    said = user.run("copy", *pair, "--json")

    assert said.code == 5
    assert "a-wrong-secret" not in said.out + said.err


def test_an_endpoint_that_is_not_there_ends_with_4(user):
    said = user.run("copy", "s3://source?endpoint_url=http://127.0.0.1:1", "./here", "--json")

    assert said.code == 4
    assert said.document["exit_code"] == 4
