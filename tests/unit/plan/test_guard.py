"""The cap in dollars: refused before the copy that would pass it, and where nobody knows the price."""

import pytest

from ferryline import errors
from ferryline.model import exitcode
from ferryline.model.span import GIB
from ferryline.plan.cost import Marginal, Network, Tariff, Way
from ferryline.plan.guard import SpendGuard
from ferryline.plan.requests import Habits

US = Tariff("s3://us/", Network.AWS, "us-east-1")
EU = Tariff("s3://eu/", Network.AWS, "eu-central-1")
MINIO = Tariff("s3://train/", Network.OTHER, "paris-dc", field="locations.minio")


def guard(max_usd, way=Way(US, EU)):
    return SpendGuard(max_usd, Marginal(way, Habits()))


def test_copies_pass_until_the_one_that_would_pass_the_cap():
    spend = guard(0.50)
    for _ in range(24):
        spend.admit(GIB, "s3://eu/")
    before = spend.admitted_usd

    with pytest.raises(errors.GuardRefused) as refused:
        spend.admit(GIB, "s3://eu/")

    assert before == pytest.approx(24 * 0.02, rel=0.05)
    assert spend.admitted_usd == before
    assert exitcode.of_error(refused.value) == 3
    assert refused.value.place == "s3://eu/"
    assert "an estimated $0.51" in refused.value.message
    assert "max_transfer.usd is $0.50" in refused.value.message
    assert "raise max_transfer.usd" in refused.value.advice


def test_an_unknown_price_is_refused_at_the_first_copy_with_what_to_declare():
    with pytest.raises(errors.GuardRefused) as refused:
        guard(1000.0, Way(US, MINIO)).admit(0)

    assert "locations.minio.requests_usd_per_thousand" in refused.value.message
    assert "max_transfer.usd is $1,000.00" in refused.value.message
    assert "declare the price" in refused.value.advice


def test_without_a_cap_nothing_is_asked():
    guard(None, Way(US, MINIO)).admit(GIB)


def test_amounts_add_up_to_the_cap_itself():
    spend = guard(1.0)
    spend.admit_usd(0.5)
    spend.admit_usd(0.5)

    with pytest.raises(errors.GuardRefused):
        spend.admit_usd(0.01)
