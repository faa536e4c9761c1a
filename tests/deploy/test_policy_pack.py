"""The policy pack's rules: what the components make passes, what the published program makes does not."""

from types import SimpleNamespace

import pytest

from ferryline.policy.values import Residency
from tests.deploy.ground import run
from tests.deploy.test_published_faults import ours, published

EUROPE = Residency(allow=("EU",))


def judged(ran, residency=Residency()):  # noqa: B008
    from ferryline.deploy.pack_rules import Rules, violations

    return [text for one in ran.made for text in violations(one.type, one.inputs, Rules(residency))]


def test_what_the_components_make_passes():
    assert judged(run(ours())) == []


def test_what_the_published_program_makes_does_not():
    assert any("silent" in text for text in judged(run(published)))


def test_bytes_outside_the_rules_are_named_with_the_regions_that_are_left():
    found = judged(run(ours()), EUROPE)

    assert any("forbids us-east-1" in text and "eu-central-1" in text for text in found)
    assert not any("forbids eu-central-1" in text for text in found)


TASK = "aws:datasync/task:Task"
QUIET = {"logLevel": "BASIC"}

CASES = [
    (TASK, {"taskMode": "ENHANCED", "options": QUIET}, "ENHANCED has no"),
    (TASK, {"options": QUIET | {"preserveDeletedFiles": "REMOVE", "transferMode": "ALL"}}, "without looking"),
    (TASK, {"options": QUIET, "schedule": {"scheduleExpression": "rate(5 minutes)"}}, "once an hour"),
    (TASK, {"options": QUIET, "schedule": {"scheduleExpression": "0 0 * * *"}}, "once an hour"),
    (
        "aws:iam/role:Role",
        {"assumeRolePolicy": '{"Statement": [{"Principal": {"Service": "datasync.amazonaws.com"}}]}'},
        "aws:SourceAccount",
    ),
]


@pytest.mark.parametrize(("kind", "props", "words"), CASES)
def test_it_is_a_violation(kind, props, words):
    from ferryline.deploy.pack_rules import Rules, violations

    (found,) = violations(kind, props, Rules())
    assert words in found


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        ("aws:s3/bucket:Bucket", {"region": "us-east-1"}),
        ("aws:s3/bucketV2:BucketV2", {"region": "us-east-1"}),
        ("aws:s3/bucket:Bucket", {}),
        ("aws:datasync/s3Location:S3Location", {"region": "us-east-1"}),
        ("aws:datasync/agent:Agent", {"region": "us-east-1"}),
        ("aws:efs/fileSystem:FileSystem", {"region": "us-east-1"}),
        ("aws:fsx/lustreFileSystem:LustreFileSystem", {"region": "us-east-1"}),
        (
            "aws:efs/replicationConfiguration:ReplicationConfiguration",
            {"region": "eu-west-1", "destination": {"region": "us-east-1"}},
        ),
    ],
)
def test_whatever_holds_bytes_is_held_to_the_rules(kind, props):
    from ferryline.deploy.pack_rules import Rules, violations

    (found,) = violations(kind, props, Rules(EUROPE))
    assert "residency forbids" in found
    assert "eu-central-1" in found
    inside = props | {"region": "eu-west-1", "destination": {"region": "eu-west-3"}}
    assert violations(kind, inside, Rules(EUROPE)) == ()
    assert violations("aws:sns/topic:Topic", props, Rules(EUROPE)) == ()


def test_the_providers_own_region_counts_where_a_resource_names_none():
    from ferryline.deploy.pack_rules import Rules, violations

    assert violations("aws:s3/bucket:Bucket", {}, Rules(EUROPE, "eu-west-1")) == ()
    assert violations("aws:s3/bucket:Bucket", {}, Rules(EUROPE, "us-west-2"))


def test_the_pack_gives_the_rules_to_pulumi():
    from ferryline.deploy.policy_pack import __main__ as pack

    told = []
    args = SimpleNamespace(
        resource_type="aws:s3/bucket:Bucket",
        props={"region": "us-east-1"},
        get_config=lambda: {"allow": ["EU"]},
    )
    pack.validate(args, told.append)

    assert len(told) == 1
