"""The dated data about regions: whole, sourced, and never invented."""

from datetime import date

import pytest

from ferryline.regions import catalog, jurisdiction, mover_price, place, price
from ferryline.regions.record import Known, Unknown, read

EVERY_REGION = sorted(catalog.known())
TIERS = list(price.Tier)


def sourced(datum) -> bool:
    return isinstance(datum, Known) and bool(datum.source.text) and isinstance(datum.source.date, date)


@pytest.mark.parametrize("region", EVERY_REGION)
def test_every_region_of_botocore_has_its_country_and_coordinates_or_says_why_not(region):
    aws = read("aws")
    for table, ask in (("country", place.country), ("coordinates", place.coordinates)):
        named = {*aws[table]["of"], *aws[table]["unknown"]}
        assert region in named, f"{region} is new in botocore: add it to [{table}] of regions/aws.toml"
        datum = ask(region)
        assert sourced(datum) or (isinstance(datum, Unknown) and datum.why)


@pytest.mark.parametrize("region", EVERY_REGION)
def test_every_price_has_a_source_and_a_date_or_is_said_to_be_unknown(region):
    data = [price.to_internet(region), price.between(region, "us-west-2"), price.between("us-west-2", region)]
    data += [price.requests(region, tier) for tier in TIERS]
    for datum in data:
        assert sourced(datum) or (isinstance(datum, Unknown) and datum.why)
        if isinstance(datum, Known):
            assert 0 <= datum.value < 1


@pytest.mark.parametrize("enhanced", [True, False])
@pytest.mark.parametrize("region", EVERY_REGION)
def test_what_datasync_asks_has_a_source_or_is_said_to_be_unknown(region, enhanced):
    datum = mover_price.datasync(region, enhanced=enhanced)

    assert sourced(datum) or (isinstance(datum, Unknown) and region in datum.why)
    if isinstance(datum, Known):
        assert 0 < datum.value.per_gb < 1
        assert (datum.value.per_execution > 0) is enhanced


def test_what_replication_time_control_asks_has_a_source():
    assert sourced(mover_price.time_control())
    assert mover_price.time_control().value == 0.015


def test_the_files_name_no_region_that_botocore_lacks():
    named = set(read("aws")["country"]["of"]) | set(read("aws")["coordinates"]["of"])
    for kind in ("egress", "requests", "datasync"):
        named |= {
            line.split()[0] for table in read("prices")[kind] for line in table["table"].splitlines() if line
        }

    assert named <= set(EVERY_REGION)


def test_every_country_of_a_region_is_a_country():
    assert set(read("aws")["country"]["of"].values()) <= jurisdiction.countries()


@pytest.mark.parametrize("code", sorted(jurisdiction.groups()))
def test_a_group_is_of_countries_and_is_dated(code):
    group = jurisdiction.groups()[code]

    assert group.members <= jurisdiction.countries()
    assert group.source.text
    assert group.source.date <= date(2026, 11, 25)
    assert code not in jurisdiction.countries(), "a group may not shadow a country"


def test_the_european_union_has_27_members_and_the_eea_three_more():
    eu, eea = jurisdiction.groups()["EU"].members, jurisdiction.groups()["EEA"].members

    assert len(eu) == 27
    assert eea - eu == {"IS", "LI", "NO"}
    assert not eu & {"GB", "CH", "NO"}


@pytest.mark.parametrize(
    ("source", "destination", "usd"),
    [
        ("us-east-1", "us-east-1", 0.0),
        ("us-east-1", "us-east-2", 0.01),
        ("us-east-1", "eu-central-1", 0.02),
        ("sa-east-1", "us-east-1", 0.138),
        ("us-east-1", "cn-north-1", 0.09),
        ("us-gov-west-1", "us-west-2", 0.155),
    ],
)  # fmt: skip
def test_bytes_between_regions_cost(source, destination, usd):
    datum = price.between(source, destination)

    assert isinstance(datum, Known)
    assert datum.value == pytest.approx(usd)


@pytest.mark.parametrize("region", ["cn-north-1", "us-iso-east-1", "atlantis"])
def test_a_price_without_a_source_is_unknown(region):
    assert isinstance(price.to_internet(region), Unknown)
    assert isinstance(price.requests(region, price.Tier.WRITES), Unknown)


def test_requests_cost_by_tier_and_class():
    def usd(*asked):
        datum = price.requests(*asked)
        assert isinstance(datum, Known)
        return datum.value

    assert usd("us-east-1", price.Tier.WRITES) == 0.005
    assert usd("us-east-1", price.Tier.READS) == 0.0004
    assert usd("us-east-1", price.Tier.WRITES, "STANDARD_IA") == 0.01
    assert usd("cn-north-1", price.Tier.DELETES) == 0


def test_distances_rank_regions_as_a_map_would():
    def at(region):
        datum = place.coordinates(region)
        assert isinstance(datum, Known)
        return datum.value

    frankfurt = at("eu-central-1")
    near = sorted(
        ["us-east-1", "eu-west-1", "ap-southeast-2", "eu-central-2"],
        key=lambda one: place.distance_km(frankfurt, at(one)),
    )

    assert near == ["eu-central-2", "eu-west-1", "us-east-1", "ap-southeast-2"]
    assert place.distance_km(frankfurt, at("us-east-1")) == pytest.approx(6550, rel=0.02)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("DE", ("DE", "EU", "EEA")), ("DE-BY", ("DE-BY", "DE", "EU", "EEA")), ("GB", ("GB", "UK")),
        ("XYZ", ("XYZ",)), ("SG", ("SG", "ASEAN")),
    ],
)  # fmt: skip
def test_a_code_is_shown_with_what_contains_it(code, names):
    assert jurisdiction.names_of(code) == names
