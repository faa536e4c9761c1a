"""Where a dataset may be: refused at `check`, explained by `explain`, never a bypass by one-off commands."""

import json

import pytest

from ferryline.cli import main

POLICY = """version: 1
locations:
  us: {{url: "s3://acme-us", region: us-east-1}}
  eu: {{url: "s3://acme-eu", region: eu-central-1}}
  hk: {{url: "s3://acme-hk", region: ap-east-1}}
datasets:
  images: {{source: us/a/, replicas: [{replicas}], residency: {{allow: [EU, US], deny: [CN]}}}}
"""


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*replicas: str) -> None:
        (tmp_path / "ferryline.yaml").write_text(POLICY.format(replicas=", ".join(replicas)), "utf-8")

    return write


def test_check_refuses_a_replica_where_the_rules_forbid_one(policy, capsys):
    policy("eu/a/", "hk/a/")

    assert main.run(["check"]) == 3

    said = capsys.readouterr().err
    for word in ("images", "hk/a/", "ap-east-1", "CN", "no byte was moved"):
        assert word in said


def test_check_passes_what_the_rules_allow(policy):
    policy("eu/a/")

    assert main.run(["check"]) == 0


def test_explain_names_rule_region_and_remedy_for_every_place(policy, capsys):
    policy("eu/a/", "hk/a/")

    assert main.run(["explain", "images", "--json"]) == 3

    document = json.loads(capsys.readouterr().out)
    assert [(one["location"], one["allowed"]) for one in document["decisions"]] == [
        ("us/a/", True),
        ("eu/a/", True),
        ("hk/a/", False),
    ]
    assert document["decisions"][2]["remedy"]


@pytest.mark.parametrize(("region", "code"), [("eu-west-1", 0), ("cn-north-1", 3), ("nowhere-1", 3)])
def test_explain_answers_for_a_reader_in_a_region(policy, region, code):
    policy("eu/a/")

    assert main.run(["explain", "images", "--region", region]) == code


def test_a_copy_that_touches_the_dataset_is_refused_whatever_it_is_called(policy, tmp_path, capsys):
    policy("eu/a/")

    assert (
        main.run(["copy", "s3://acme-us/a/train/", str(tmp_path / "out"), "--state", str(tmp_path / "state")])
        == 3
    )

    assert "images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_one_off_command_inherits_the_rules_and_may_do_what_they_allow(user, strict):
    from tests.datasets import s3

    strict.bucket("source").put("a/one", b"1")
    policy = {
        "version": 1,
        "locations": {
            "us": s3(strict, "source"),
            "eu": s3(strict, "destination"),
            "hk": {"url": "s3://acme-hk", "region": "ap-east-1"},
        },
        "datasets": {"images": {"source": "us/a/", "replicas": ["eu/a/"], "residency": {"allow": ["US"]}}},
    }
    (user.folder / "ferryline.yaml").write_text(json.dumps(policy), "utf-8")

    unsaid = user.run("copy", "us/a/", "eu/a/")
    outside = user.run("copy", "us/a/", "hk/a/", "--run-in", "us-east-1")
    through = user.run("copy", "us/a/", "eu/a/", "--run-in", "eu-west-1")
    spelled = user.run(
        "copy",
        f"s3://source/a/?endpoint_url={strict.endpoint_url}",
        "s3://elsewhere/x/",
        "--run-in",
        "us-east-1",
    )
    assert [one.code for one in (unsaid, outside, through, spelled)] == [3, 3, 3, 3]
    assert strict.seen == []

    assert user.run("copy", "us/a/", "eu/a/", "--run-in", "us-east-1").code == 0
    assert user.run("verify", "us/a/", "eu/a/", "--run-in", "us-east-1").code == 0
    assert strict.bucket("destination").get("a/one") == b"1"


@pytest.mark.parametrize("words", [("sync", "images"), ("copy", "us/a/", "eu/a/")], ids=["sync", "copy"])
def test_a_bucket_that_really_lies_elsewhere_is_refused_before_a_key_is_listed(user, monkeypatch, words):
    from ferryline.storage.s3 import address
    from ferryline.testing.strict import BucketSettings, StrictServer
    from tests.datasets import s3

    monkeypatch.setattr(address, "is_aws", lambda location: True)
    with StrictServer("source", BucketSettings("destination", region="eu-central-1")) as server:
        server.bucket("source").put("a/one", b"1")
        policy = {
            "version": 1,
            "name": "acme",
            "locations": {"us": s3(server, "source"), "eu": s3(server, "destination")},
            "datasets": {
                "images": {"source": "us/a/", "replicas": ["eu/a/"], "residency": {"allow": ["US"]}}
            },
        }
        (user.folder / "ferryline.yaml").write_text(json.dumps(policy), "utf-8")

        said = user.run(*words, "--run-in", "us-east-1")

        assert said.code == 3, said.err
        assert "eu-central-1" in said.out + said.err
        assert server.count("ListObjectsV2", "GetObject", "PutObject") == 0
