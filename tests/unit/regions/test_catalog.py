"""The catalog of regions."""

import pytest

from ferryline.regions import catalog


@pytest.mark.parametrize(
    ("name", "partition"),
    [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
    ],
)
def test_aws_regions_are_known_with_their_partition(name, partition):
    region = catalog.known()[name]
    assert (region.name, region.partition) == (name, partition)
    assert region.description != name


def test_pseudo_regions_are_not_regions():
    assert not [name for name in catalog.known() if "global" in name]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("us-esat-1", "us-east-1"), ("US-EAST-1", "us-east-1"), ("eu_central_1", "eu-central-1"), ("eu-centrl-1", "eu-central-1"),
        ("paris", "paris-dc"), ("atlantis", None), ("", None),
    ],
)  # fmt: skip
def test_the_nearest_name(written, meant):
    assert catalog.nearest(written, ["paris-dc"]) == meant


def test_declared_regions_are_known_beside_the_built_in():
    assert catalog.is_known("us-east-1")
    assert not catalog.is_known("paris-dc")
    assert catalog.is_known("paris-dc", ["paris-dc"])
    assert not catalog.is_known("US-EAST-1"), "names are exact"
