"""`ferryline plan DATASET --engines`: advice side by side, as text and as a document, nothing contacted."""

import json
import socket

import pytest

from ferryline.cli import main

POLICY = """
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  tokyo: {url: "s3://acme-tokyo", region: ap-northeast-1}
  minio: {url: "s3://train", region: paris-dc, endpoint_url: "https://minio.acme.example"}
regions: {paris-dc: {jurisdiction: FR}}
datasets:
  imagenet:
    source: us/imagenet/
    replicas: [tokyo/imagenet/, minio/imagenet/]
  patients:
    source: us/patients/
    replicas: [tokyo/patients/]
    residency: {allow: [US]}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    def contacted(*given):
        raise AssertionError(f"something was contacted: {given}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", contacted)
    monkeypatch.setattr(socket, "getaddrinfo", contacted)
    (tmp_path / "ferryline.yaml").write_text(POLICY)
    return tmp_path


def test_each_replica_has_its_engines_side_by_side(here, capsys):
    assert main.run(["plan", "imagenet", "--engines", "--bytes", "5TiB", "--json"]) == 0
    told = capsys.readouterr()
    made = json.loads(told.out)

    assert (made["schema"], made["bytes"]) == ("ferryline.plan.engines/1", 5 * 2**40)
    tokyo, minio = made["replicas"]
    assert (tokyo["first_load"], tokyo["new_objects"]) == ("datasync", "s3-replication")
    assert (minio["first_load"], minio["new_objects"]) == ("ferryline", "ferryline")
    for replica in made["replicas"]:
        assert [one["engine"] for one in replica["engines"]] == ["datasync", "s3-replication", "ferryline"]
        for one in replica["engines"]:
            assert one["why"]
            assert one["lag"]
            assert all(cost["source"] or cost["usd"] is None for cost in one["costs"])
    assert tokyo["engines"][0]["usd"] == pytest.approx(5 * 1024 * 0.035 + 0.55)


def test_the_text_names_every_source_once(here, capsys):
    assert main.run(["plan", "imagenet", "--engines"]) == 0
    said = capsys.readouterr().out

    assert "imagenet, 1 TiB" in said
    assert "first load: datasync; new objects: s3-replication" in said
    assert "99.9 % of new objects within 15 minutes" in said
    assert "$20.48" in said
    assert said.count("AWSDataSync of the Tokyo region") == 1
    assert "left out:\n  requests" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["imagenet", "--bytes", "5TiB"], 2, "--engines"),
        (["a", "b", "--engines"], 2, "name a dataset of the policy alone"),
        (["a", "b", "--bytes", "5TiB"], 2, "--engines"),
        (["imagenets", "--engines"], 2, "imagenet"),
        (["imagenet", "--engines", "--bytes", "5XB"], 2, "--bytes"),
        (["patients", "--engines"], 3, "residency"),
        (["imagenet", "--engines", "-f", "none.yaml"], 2, "none.yaml"),
    ],
)
def test_what_cannot_be_advised_says_why(here, capsys, words, code, said):
    assert main.run(["plan", *words]) == code
    assert said in capsys.readouterr().err


def test_without_a_policy_there_is_no_dataset(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main.run(["plan", "imagenet", "--engines"]) == 2
    assert "ferryline init" in capsys.readouterr().err
