"""The documents by which AWS itself refuses what residency forbids, evaluated as AWS would."""

import json

import pytest

from ferryline import errors, policy
from ferryline.cli import main
from ferryline.policy.interpolation import Sources
from ferryline.policy.values import Residency
from ferryline.regions import catalog
from ferryline.residency.decide import Allowed, Bounds, Role, Stop, decide
from tests.deploy.iam import Ask, allowed

ANYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

RULES = [
    pytest.param(Residency(allow=("EU",)), id="allow-EU"),
    pytest.param(Residency(allow=("US", "CA"), deny=("us-west-2",)), id="allow-less-one-region"),
    pytest.param(Residency(deny=("DE", "CN")), id="deny"),
    pytest.param(Residency(allow=("eu-central-1",)), id="one-region"),
]

DATASETS = """
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  eu: {url: "s3://acme-eu/prod", region: eu-central-1}
  gov: {url: "s3://acme-gov", region: us-gov-west-1}
  minio: {url: "s3://train", region: paris-dc, endpoint_url: "https://minio.acme.example"}
  disk: {url: "file:///data", region: eu-central-1}
regions: {paris-dc: {jurisdiction: FR}}
datasets:
  patients:
    source: eu/patients/
    replicas: [us/patients/, minio/patients/, disk/patients/]
    residency: {allow: [EU]}
  tax: {source: us/tax/, replicas: [gov/tax/], residency: {allow: [US]}}
  open: {source: us/open/, replicas: [eu/open/]}
"""


@pytest.mark.parametrize("rules", RULES)
def test_in_every_region_the_documents_say_what_the_decision_says(rules):
    from ferryline.deploy import outside

    control = outside.service_control_policy("one", rules)
    bucket = outside.bucket_residency("arn:aws:s3:::acme", "one/", "one", rules)
    answers = set()
    for region in catalog.known():
        expected = isinstance(
            decide(Bounds("one", rules), Stop(region, Role.REPLICA, declared=region)), Allowed
        )
        there = {"aws:RequestedRegion": region}
        for action in (
            "datasync:CreateTask",
            "datasync:CreateLocationS3",
            "s3:PutObject",
            "s3:ReplicateObject",
        ):
            assert allowed(Ask(action, "*", context=there), control, ANYTHING) is expected, (region, action)
        for action in ("s3:GetObject", "s3:PutObject", "s3:ReplicateObject"):
            ask = Ask(action, "arn:aws:s3:::acme/one/a", context=there)
            assert allowed(ask, bucket, ANYTHING) is expected, (region, action)
        other = Ask("s3:PutObject", "arn:aws:s3:::acme/two/a", context=there)
        assert allowed(other, bucket, ANYTHING), "another dataset's prefix is not this one's business"
        answers.add(expected)
    assert answers == {True, False}


def test_a_bucket_cannot_be_made_elsewhere_through_an_allowed_regions_endpoint():
    from ferryline.deploy import outside

    control = outside.service_control_policy("one", Residency(allow=("US",)))

    def may(**context):
        return allowed(
            Ask("s3:CreateBucket", "*", context={"aws:RequestedRegion": "us-east-1"} | context),
            control,
            ANYTHING,
        )

    assert may()
    assert may(**{"s3:LocationConstraint": "us-west-2"})
    assert not may(**{"s3:LocationConstraint": "eu-west-1"})


def test_rules_that_leave_no_region_deny_everywhere():
    from ferryline.deploy import outside

    rules = Residency(allow=("AQ",))
    control = outside.service_control_policy("one", rules)
    bucket = outside.bucket_residency("arn:aws:s3:::acme", "", "one", rules)

    assert outside.allowed_regions("one", rules) == ()
    assert "[]" not in control + bucket
    for document in (control, bucket):
        ask = Ask("s3:PutObject", "arn:aws:s3:::acme/a", context={"aws:RequestedRegion": "us-east-1"})
        assert not allowed(ask, document, ANYTHING)


def test_datasets_that_share_a_bucket_share_its_policy():
    from ferryline.deploy import outside

    made = outside.guards(policy.parse(DATASETS), (), Sources({}))

    assert set(made.service_control_policies) == {"patients", "tax"}
    assert set(made.bucket_policies) == {
        "arn:aws:s3:::acme-train",
        "arn:aws:s3:::acme-eu",
        "arn:aws-us-gov:s3:::acme-gov",
    }
    shared = made.bucket_policies["arn:aws:s3:::acme-train"]
    here = {"aws:RequestedRegion": "us-east-1"}
    assert allowed(Ask("s3:PutObject", "arn:aws:s3:::acme-train/tax/a", context=here), shared, ANYTHING)
    assert not allowed(
        Ask("s3:PutObject", "arn:aws:s3:::acme-train/patients/a", context=here), shared, ANYTHING
    )
    assert allowed(Ask("s3:PutObject", "arn:aws:s3:::acme-train/open/a", context=here), shared, ANYTHING)
    sids = [one["Sid"] for one in json.loads(shared)["Statement"]]
    assert len(set(sids)) == 2
    europe = json.loads(made.bucket_policies["arn:aws:s3:::acme-eu"])["Statement"]
    assert [one["Resource"] for one in europe] == ["arn:aws:s3:::acme-eu/prod/patients/*"]


def test_a_policy_without_rules_has_nothing_to_deny():
    from ferryline.deploy import outside

    with pytest.raises(errors.BadUsage, match="no residency rules bind open"):
        outside.guards(policy.parse(DATASETS), ("open",), Sources({}))


def test_the_command_prints_documents_and_needs_no_pulumi(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "ferryline.yaml").write_text(DATASETS)

    assert main.run(["deploy", "residency", "patients", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["service_control_policies"]) == ["patients"]
    assert told["bucket_policies"]["arn:aws:s3:::acme-train"]["Statement"][0]["Effect"] == "Deny"

    assert main.run(["deploy", "residency"]) == 0
    said = capsys.readouterr().out
    assert "# service control policy for tax\n{" in said
    assert "# bucket policy for arn:aws:s3:::acme-eu\n{" in said
    assert main.run(["deploy", "residency", "open"]) == 2
    assert "declare `residency" in capsys.readouterr().err
