"""`plan DATASET`: a plan for every replica, money, time, residency and caps; nothing is written anywhere."""

import pytest

from ferryline.testing.strict import Settings, StrictServer
from tests.commanding import picture

WRITES = ("Put", "Post", "Copy", "Create", "Upload", "Complete", "Delete", "Abort")
PRICES = "egress_usd_per_gb: {egress}, requests_usd_per_thousand: {{writes: 0.005, reads: 0.0004}}"
POLICY = """version: 1
name: acme
locations:
  us: {{url: "s3://us", region: us-east-1, endpoint_url: "{server}", {priced}}}
  eu: {{url: "s3://eu", region: us-east-1, endpoint_url: "{server}", {priced}}}
  hk: {{url: "s3://hk", region: {third}, endpoint_url: "{server}", {priced}}}
datasets:
  images:
    source: us/a/
    replicas: [eu/a/, {{name: spare, to: hk/a/, required: false}}{more}]
    {rules}
"""


@pytest.fixture
def server():
    with StrictServer("us", "eu", "hk", settings=Settings(region="us-east-1")) as running:
        running.bucket("us").put_many({f"a/{n:03}": b"x" * 1000 for n in range(30)})
        yield running


@pytest.fixture
def declare(server, user):
    def write(rules="", *, egress=0.02, third="us-east-1", more="", priced=None):
        priced = PRICES.format(egress=egress) if priced is None else priced
        text = POLICY.format(server=server.endpoint_url, rules=rules, priced=priced, third=third, more=more)
        (user.folder / "ferryline.yaml").write_text(text.replace(", }", "}"))

    return write


def test_each_replica_has_a_plan_and_the_whole_is_their_sum(server, user, declare):
    declare()
    for number in range(10):
        server.bucket("eu").put(f"a/{number:03}", b"x" * 1000)

    said = user.run("plan", "images", "--json", "--assume-bytes-per-second", "1000")

    told = said.document
    eu, spare = told["replicas"]
    assert (eu["replica"], eu["required"], eu["plan"]["files_to_transfer"]) == ("eu", True, 20)
    assert (spare["replica"], spare["required"], spare["plan"]["files_to_transfer"]) == ("spare", False, 30)
    assert (told["files_to_transfer"], told["bytes_to_transfer"], told["changes"]) == (50, 50_000, 50)
    both = [one["plan"]["cost_estimate_usd"] for one in told["replicas"]]
    assert told["cost_estimate_usd"] == pytest.approx(sum(both))
    assert told["cost_estimate_usd"] > 0
    assert told["time"] == {
        "seconds": 50.0,
        "basis": "the replicas one after another; assumed: 1,000 bytes a second",
    }
    assert told["residency_rules"] is False
    assert "plan of images: copy 50 objects" in said.err
    assert "spare (not required): copy 30 objects" in said.err


def test_nothing_is_written_anywhere(server, user, declare):
    declare()
    before = picture(user.folder)

    assert user.run("plan", "images").code == 0

    assert picture(user.folder) == before
    assert [one.operation for one in server.seen if one.operation.startswith(WRITES)] == []


def test_one_replica_alone(server, user, declare):
    declare()

    told = user.run("plan", "images", "--replica", "spare", "--json").document

    assert [one["replica"] for one in told["replicas"]] == ["spare"]
    assert told["files_to_transfer"] == 30


@pytest.mark.parametrize(("held", "code"), [(range(30), 0), (range(29), 8)])
def test_the_exit_code_tells_of_changes(server, user, declare, held, code):
    declare()
    for bucket in ("eu", "hk"):
        server.bucket(bucket).put_many({f"a/{n:03}": b"x" * 1000 for n in held})

    assert user.run("plan", "images", "--detailed-exitcode").code == code
    assert user.run("plan", "images").code == 0


def test_residency_is_refused_before_anything_is_listed(server, user, declare):
    declare("residency: {allow: [EU, US], deny: [CN]}", third="ap-east-1")

    said = user.run("plan", "images", "--run-in", "us-east-1", "--json")

    assert said.code == 3
    assert "hk/a/" in said.err
    assert "no byte was moved" in said.err
    assert server.seen == []


def test_residency_asks_where_the_bytes_pass_through(server, user, declare):
    declare("residency: {allow: [EU, US], deny: [CN]}")

    nowhere = user.run("plan", "images")
    refused = user.run("plan", "images", "--run-in", "ap-east-1")
    allowed = user.run("plan", "images", "--run-in", "us-east-1", "--json")

    assert (nowhere.code, refused.code, allowed.code) == (3, 3, 0)
    assert "run_in" in nowhere.err
    stops = allowed.document["residency"]
    assert [(one["role"], one["region"], one["allowed"]) for one in stops] == [
        ("source", "us-east-1", True),
        ("replica", "us-east-1", True),
        ("replica", "us-east-1", True),
        ("run_in", "us-east-1", True),
    ]
    assert allowed.document["run_in"] == "us-east-1"


def test_where_it_runs_may_stand_in_the_environment(server, user, declare, monkeypatch):
    declare("residency: {allow: [US]}")
    monkeypatch.setenv("FERRYLINE_REGION", "us-east-1")

    assert user.run("plan", "images", "--json").document["run_in"] == "us-east-1"


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        ("{bytes: 50000, usd: 1}", None),
        ("{bytes: 49999}", ("max_transfer.bytes", "50000 bytes")),
        ("{usd: 0.01}", None),
    ],
)
def test_a_cap_binds_all_replicas_of_a_run_together(server, user, declare, cap, words):
    declare(f"max_transfer: {cap}", egress=0)
    server.bucket("eu").put_many({f"a/{n:03}": b"x" * 1000 for n in range(10)})

    told = user.run("plan", "images", "--json").document

    if words is None:
        assert told["refusals"] == []
    else:
        (refusal,) = told["refusals"]
        assert (refusal["replica"], refusal["kind"]) == (None, "max-transfer")
        assert all(word in refusal["message"] for word in words)
        assert "raise max_transfer" in refusal["advice"]


def test_a_cap_in_dollars_is_told_with_the_estimate(server, user, declare):
    declare("max_transfer: {usd: 10}", egress=1000)
    server.bucket("us").put("a/big", bytes(11_000_000))
    user_words = ("plan", "images", "--json", "--run-in", "eu-west-1")

    (refusal,) = user.run(*user_words).document["refusals"]

    assert "would be spent, max_transfer.usd is $10.00" in refusal["message"]
    assert refusal["message"].startswith("an estimated $20.5")


def test_a_cap_in_dollars_at_an_unknown_price_is_told_with_what_to_declare(server, user, declare):
    declare("max_transfer: {usd: 1000}", priced="")

    told = user.run("plan", "images", "--json").document

    assert told["cost_estimate_usd"] is None
    (refusal,) = told["refusals"]
    assert "locations.us.requests_usd_per_thousand" in refusal["message"]
    assert "declare the price" in refusal["advice"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "imagse"), "the policy declares: images"),
        (("plan", "images", "--replica", "moon"), "it has: eu, spare"),
        (("plan", "images", "--include", "/a"), "--include is for SRC and DST"),
        (("plan", "images", "--max-delete", "5"), "--max-delete is for SRC and DST"),
        (("plan", "images", "--object"), "--object is for SRC and DST"),
        (("plan", "us/a/", "eu/a/", "--replica", "eu"), "--replica is for a DATASET"),
        (("plan", "us/a/", "eu/a/", "hk/a/"), "one at a time"),
        (("plan",), "Missing argument"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(server, user, declare, words, said):
    declare()

    told = user.run(*words)

    assert told.code == 2
    assert said in told.err
    assert server.seen == []


def test_a_dataset_needs_a_policy(user):
    told = user.run("plan", "images")

    assert told.code == 2
    assert "there is no ferryline.yaml here" in told.err
