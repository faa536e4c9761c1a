"""Prices times work: which price holds on which way, and that an unknown one is never nothing."""

import pytest

from ferryline.model.entry import Entry, Token
from ferryline.model.span import GIB, MIB
from ferryline.plan.cost import Marginal, Network, Tariff, Way, egress, estimate, tier_of
from ferryline.plan.question import Side
from ferryline.plan.requests import Habits, Work
from ferryline.regions.price import Tier

US = Tariff("s3://us/", Network.AWS, "us-east-1", field="locations.us")
OHIO = Tariff("s3://ohio/", Network.AWS, "us-east-2", field="locations.ohio")
EU = Tariff("s3://eu/", Network.AWS, "eu-central-1", field="locations.eu")
NOWHERE = Tariff("s3://lost/", Network.AWS, field="locations.lost")
PARIS = Tariff("s3://train/", Network.OTHER, "paris-dc", 0.01, 0.0, 0.0, field="locations.minio")
PARIS_UNPRICED = Tariff("s3://train/", Network.OTHER, "paris-dc", field="locations.minio")
DISK = Tariff("file:///data/", Network.LOCAL, field="locations.disk")
EFS = Tariff("file:///mnt/efs/", Network.LOCAL, "us-east-2", field="locations.efs")
IN_US = Tariff("us-east-1", Network.PROCESS, "us-east-1", field="regions.us-east-1")
GB = {"STANDARD": GIB}


def usd_of_gb(way):
    return estimate(Work(read_bytes=GB), way).usd


@pytest.mark.parametrize(
    ("start", "end", "usd"),
    [
        (US, US, 0.0),
        (US, EU, 0.02),
        (US, OHIO, 0.01),
        (US, PARIS, 0.09),
        (PARIS, US, 0.01),
        (PARIS, PARIS_UNPRICED, 0.0),
        (EFS, US, 0.01),
        (EFS, OHIO, 0.0),
        (US, EFS, 0.01),
        (PARIS_UNPRICED, US, None),
        (NOWHERE, US, None),
        (US, NOWHERE, None),
        (US, DISK, None),
        (DISK, US, None),
    ],
    ids=lambda one: one.place + str(one.region) if isinstance(one, Tariff) else str(one),
)
def test_what_a_gigabyte_costs_on_its_way(start, end, usd):
    assert egress(start, end).usd == usd


def test_an_unknown_price_says_what_to_declare():
    assert "declare locations.minio.egress_usd_per_gb" in egress(PARIS_UNPRICED, US).source
    assert "declare locations.lost.region" in egress(NOWHERE, US).source
    assert "declare locations.lost.region" in egress(US, NOWHERE).source
    assert "--run-in" in egress(DISK, US).source


def test_a_known_price_has_its_source_and_date():
    told = egress(US, EU)

    assert "infracost" in told.source
    assert told.date == "2024-09-25"
    assert egress(PARIS, US).source == "locations.minio.egress_usd_per_gb of the policy"


def test_a_region_in_the_middle_is_paid_for_on_both_legs():
    in_eu = Tariff("eu-central-1", Network.PROCESS, "eu-central-1")

    assert usd_of_gb(Way(US, OHIO)) == 0.01
    assert usd_of_gb(Way(US, OHIO, IN_US)) == 0.01
    assert usd_of_gb(Way(US, OHIO, in_eu)) == pytest.approx(0.02 + 0.02)


def test_a_disk_is_where_the_process_is():
    assert usd_of_gb(Way(US, DISK, IN_US)) == 0.0
    assert usd_of_gb(Way(EU, DISK, IN_US)) == 0.02
    assert usd_of_gb(Way(DISK, US, IN_US)) == 0.0
    assert usd_of_gb(Way(DISK, EU, IN_US)) == 0.02
    assert usd_of_gb(Way(DISK, DISK)) is None or usd_of_gb(Way(DISK, DISK)) == 0.0
    assert usd_of_gb(Way(EFS, EU)) == 0.02


def test_bytes_that_are_only_compared_do_not_go_on():
    read = Work(read_bytes=GB, again_bytes=GIB, back_bytes=GIB)

    assert estimate(read, Way(US, EU, IN_US)).usd == pytest.approx(0.0 + 0.02)
    assert estimate(read, Way(US, EU)).usd == pytest.approx(0.02)


def test_listings_are_bytes_too():
    listed = Work(listing_bytes={Side.SOURCE: GIB, Side.DESTINATION: GIB})

    assert estimate(listed, Way(US, EU)).usd == pytest.approx(0.02)
    assert estimate(listed, Way(US, EU, IN_US)).usd == pytest.approx(0.02)


def test_requests_are_billed_by_tier_region_and_class_and_deletes_are_free():
    work = Work(
        {
            (Side.SOURCE, "GetObject", "STANDARD"): 1000,
            (Side.DESTINATION, "PutObject", "STANDARD"): 1000,
            (Side.DESTINATION, "UploadPart", "STANDARD"): 1000,
            (Side.DESTINATION, "DeleteObject", "STANDARD"): 1000,
            (Side.DESTINATION, "AbortMultipartUpload", "STANDARD"): 1000,
        }
    )

    found = estimate(work, Way(US, EU))

    assert found.usd == pytest.approx(0.0004 + 2 * 0.0054)
    assert [(item.quantity, item.price.usd) for item in found.items] == [(1000, 0.0004), (2000, 0.0054)]


def test_a_listing_is_billed_as_standard():
    work = Work({(Side.SOURCE, "ListObjectsV2", "STANDARD_IA"): 1000})

    assert estimate(work, Way(US, US)).usd == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("work", "word"),
    [
        (Work({(Side.SOURCE, "GetObject", "INTELLIGENT_TIERING"): 1}), "INTELLIGENT_TIERING"),
        (Work({(Side.DESTINATION, "PutObject", "OUTPOSTS"): 1}), "OUTPOSTS"),
        (Work(read_bytes={"STANDARD_IA": 1}), "retrieving"),
    ],
)
def test_one_unknown_price_makes_the_whole_unknown(work, word):
    found = estimate(work.plus(Work({(Side.SOURCE, "GetObject", "STANDARD"): 1})), Way(US, EU))

    assert found.usd is None
    assert word in (found.unknown or "")
    assert found.document()["usd"] is None


def test_nothing_costs_nothing_whatever_is_unknown():
    assert estimate(Work(), Way(NOWHERE, PARIS_UNPRICED)).usd == 0.0


def test_an_endpoint_beside_aws_asks_what_the_policy_says_and_else_nobody_knows():
    work = Work({(Side.DESTINATION, "PutObject", "STANDARD"): 1000})
    priced = Tariff("s3://r2/", Network.OTHER, "paris-dc", 0.0, 0.0045, 0.00036, field="locations.r2")

    assert estimate(work, Way(US, priced)).usd == pytest.approx(0.0045)
    assert estimate(work, Way(US, PARIS)).usd == 0.0
    assert "locations.minio.requests_usd_per_thousand" in str(estimate(work, Way(US, PARIS_UNPRICED)).unknown)


@pytest.mark.parametrize(
    ("operation", "tier"),
    [
        ("GetObject", Tier.READS),
        ("HeadObject", Tier.READS),
        ("PutObject", Tier.WRITES),
        ("CopyObject", Tier.WRITES),
        ("ListObjectsV2", Tier.WRITES),
        ("ListParts", Tier.WRITES),
        ("CompleteMultipartUpload", Tier.WRITES),
        ("DeleteObject", Tier.DELETES),
        ("DeleteObjects", Tier.DELETES),
        ("AbortMultipartUpload", Tier.DELETES),
    ],
)
def test_tiers_are_those_of_the_price_list(operation, tier):
    assert tier_of(operation) is tier


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 64 * MIB, 65 * MIB, 900 * MIB])
def test_the_price_of_one_more_copy_is_that_of_its_requests_and_bytes(size):
    from ferryline.model.action import Copy, Reason
    from ferryline.plan.requests import Reckoning

    entry = Entry(b"", size, Token(None, 0))
    reckoning = Reckoning(Habits())
    reckoning.action(Copy(entry, Reason.NEW))
    marginal = Marginal(Way(US, EU), Habits())

    assert marginal.usd(entry) == pytest.approx(estimate(reckoning.copies(), Way(US, EU)).usd)
    assert marginal.unknown(entry) == ""


def test_one_more_copy_at_an_unknown_price_has_none():
    marginal = Marginal(Way(US, PARIS_UNPRICED), Habits())
    entry = Entry(b"", 1, Token(None, 0))

    assert marginal.usd(entry) is None
    assert "locations.minio.requests_usd_per_thousand" in marginal.unknown(entry)
