"""Residency decisions, one by one."""

import pytest

from ferryline import errors
from ferryline.policy.values import RegionSpec, Residency
from ferryline.residency import explain
from ferryline.residency.decide import (
    Allowed,
    Bounds,
    Refused,
    Role,
    Rule,
    Stop,
    decide,
    decide_all,
    enforce,
    sentence,
)

DECLARED = {
    "paris-dc": RegionSpec("paris-dc", jurisdiction="FR"),
    "bavaria-dc": RegionSpec("bavaria-dc", jurisdiction="DE-BY"),
    "somewhere-in-eu": RegionSpec("somewhere-in-eu", jurisdiction="EU"),
    "orbit": RegionSpec("orbit", jurisdiction="ORBIT"),
    "blank": RegionSpec("blank"),
}


def ask(region, allow=None, deny=(), *, resolved=None, role=Role.REPLICA):
    rules = Residency(None if allow is None else tuple(allow), tuple(deny))
    return decide(Bounds("imagenet", rules, DECLARED), Stop("eu/imagenet/", role, region, resolved))


@pytest.mark.parametrize(
    ("region", "allow", "deny"),
    [
        ("eu-central-1", ["EU"], []),
        ("eu-central-1", ["EEA"], []),
        ("eu-central-1", ["DE"], []),
        ("eu-central-1", ["eu-central-1"], []),
        ("eu-central-1", None, ["CN"]),
        ("eu-west-2", ["UK"], []),
        ("eu-west-2", ["GB"], ["EU"]),
        ("us-gov-west-1", ["US"], []),
        ("paris-dc", ["EU"], []),
        ("paris-dc", ["paris-dc"], []),
        ("bavaria-dc", ["DE"], []),
        ("bavaria-dc", ["EU"], ["DE-BE"]),
        ("somewhere-in-eu", ["EU"], []),
        ("somewhere-in-eu", ["EEA"], ["CH"]),
        ("orbit", ["ORBIT"], []),
        ("orbit", ["ORBIT"], ["CN"]),
        (None, None, []),
        ("atlantis", None, []),
        ("eu-isoe-west-1", None, []),
    ],
)
def test_allowed(region, allow, deny):
    assert isinstance(ask(region, allow, deny), Allowed)


@pytest.mark.parametrize(
    ("region", "allow", "deny", "rule", "code"),
    [
        ("eu-west-2", ["EU"], [], Rule.ALLOW, None),
        ("eu-central-2", ["EU"], [], Rule.ALLOW, None),
        ("us-east-1", ["EU"], [], Rule.ALLOW, None),
        ("eu-central-1", ["EU"], ["DE"], Rule.DENY, "DE"),
        ("eu-central-1", ["eu-central-1"], ["EU"], Rule.DENY, "EU"),
        ("eu-central-1", ["EU"], ["eu-central-1"], Rule.DENY, "eu-central-1"),
        ("eu-central-1", ["EU"], ["DE-BY"], Rule.DENY, "DE-BY"),
        ("bavaria-dc", None, ["DE"], Rule.DENY, "DE"),
        ("bavaria-dc", ["DE-BE"], [], Rule.ALLOW, None),
        ("cn-north-1", None, ["CN"], Rule.DENY, "CN"),
        ("ap-east-1", None, ["CN"], Rule.DENY, "CN"),
        ("ap-east-1", ["CN"], [], Rule.ALLOW, None),
        ("somewhere-in-eu", None, ["FR"], Rule.DENY, "FR"),
        ("somewhere-in-eu", ["FR"], [], Rule.ALLOW, None),
        ("orbit", ["EU"], [], Rule.ALLOW, None),
        ("orbit", None, ["CN"], Rule.UNKNOWN_REGION, None),
        ("us-east-1", None, ["CHN"], Rule.UNKNOWN_CODE, "CHN"),
        ("us-east-1", ["US"], ["CHN"], Rule.UNKNOWN_CODE, "CHN"),
        ("us-east-1", [], [], Rule.ALLOW, None),
        (None, ["EU"], [], Rule.UNKNOWN_REGION, None),
        ("atlantis", None, ["CN"], Rule.UNKNOWN_REGION, None),
        ("blank", ["EU"], [], Rule.UNKNOWN_REGION, None),
        ("eu-isoe-west-1", ["EU", "GB"], [], Rule.UNKNOWN_REGION, None),
        ("EU-CENTRAL-1", ["EU"], [], Rule.UNKNOWN_REGION, None),
    ],
)
def test_refused(region, allow, deny, rule, code):
    refused = ask(region, allow, deny)

    assert isinstance(refused, Refused)
    assert (refused.rule, refused.code) == (rule, code)
    assert refused.dataset == "imagenet"
    assert refused.stop.location == "eu/imagenet/"
    assert refused.remedy


def test_the_resolved_region_beats_the_declared_one_both_ways():
    assert isinstance(ask("eu-central-1", ["EU"], resolved="us-east-1"), Refused)
    assert isinstance(ask("us-east-1", ["EU"], resolved="eu-central-1"), Allowed)


def test_the_place_of_the_copying_process_counts_as_transit():
    refused = ask("us-east-1", ["EU"], role=Role.TRANSIT)

    assert isinstance(refused, Refused)
    assert "run_in" in sentence(refused)
    unknown = ask(None, ["EU"], role=Role.TRANSIT)
    assert isinstance(unknown, Refused)
    assert "run_in" in unknown.remedy


def test_a_declared_jurisdiction_cannot_move_a_region_of_the_catalog():
    bounds = Bounds("d", Residency(("EU",)), {"us-east-1": RegionSpec("us-east-1", jurisdiction="FR")})

    assert isinstance(decide(bounds, Stop("us/", Role.REPLICA, "us-east-1")), Refused)


def test_a_refusal_ends_the_run_as_a_guard_and_names_everything():
    bounds = Bounds("imagenet", Residency(("EU",), ("CN",)), DECLARED)
    stops = [
        Stop("eu/", Role.SOURCE, "eu-west-1"),
        Stop("cn/", Role.REPLICA, "cn-north-1"),
        Stop("us/", Role.REPLICA, "us-east-1"),
    ]

    with pytest.raises(errors.GuardRefused) as caught:
        enforce(decide_all(bounds, stops))

    assert caught.value.kind == "residency"
    text = str(caught.value)
    for word in ("imagenet", "cn/", "cn-north-1", "deny names CN", "us/", "us-east-1", "no byte was moved"):
        assert word in text
    assert "eu-west-1" not in text
    enforce(decide_all(bounds, stops[:1]))


def test_an_explanation_says_what_was_decided_on_which_data():
    text = explain.explain(ask("eu-central-1", ["EU"], ["CN"], resolved="us-east-1"))

    assert text.startswith("REFUSED: imagenet is kept at eu/imagenet/")
    assert "us-east-1 (resolved; the policy declares eu-central-1, which does not count)" in text
    assert "rule: allow" in text
    assert "what would change it: use a region inside EU, or add US to" in text
    assert "source: us-east-1 is in US: " in text
    allowed = explain.explain(ask("paris-dc", ["EU"]))
    assert allowed.startswith("ALLOWED")
    assert "paris-dc (declared, not resolved)" in allowed
    assert "EU is the European Union: Treaty" in allowed
    assert explain.explain_all([ask("paris-dc", ["EU"])] * 2).count("ALLOWED") == 2
