"""What was counted becomes a bill: parted without a remainder, by storage class, direct bytes included."""

import pytest

from ferryline.plan import spent
from ferryline.plan.cost import Network, Tariff, Way
from ferryline.regions import price

SOURCE = Tariff("s3://here/", Network.AWS, "us-east-1")
THERE = Tariff("s3://there/", Network.AWS, "eu-central-1")
WAY = Way(SOURCE, THERE)


def used(**asked):
    found = spent.Used()
    for operation, count in asked.items():
        for _ in range(count):
            found.request(operation, 200, 0, 0)
    return found


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [3, 3, 4]),
        (10, [0, 0], [5, 5]),
        (7, [0, 7], [0, 7]),
        (0, [3, 4], [0, 0]),
        (1, [1, 1, 1], [0, 0, 1]),
        (5, [1], [5]),
    ],
)
def test_a_whole_is_parted_without_a_remainder(total, weights, parts):
    assert spent.apportioned(total, weights) == parts


def test_attempts_without_an_answer_or_with_a_failure_of_the_place_are_not_billed():
    found = spent.Used()
    for status in (200, 404, 412, 500, 503, 0):
        found.request("GetObject", status, 10, 1)

    assert (found.attempts["GetObject"], found.billed["GetObject"]) == (6, 3)
    assert (found.out_bytes, found.in_bytes) == (60, 6)


def test_shares_add_up_to_the_whole():
    whole = used(GetObject=11, ListObjectsV2=3)
    whole.out_bytes = 1_000_001

    parts = whole.shares([5, 3, 0])

    assert sum(one.billed["GetObject"] for one in parts) == 11
    assert sum(one.out_bytes for one in parts) == 1_000_001
    assert parts[2].out_bytes == 0


def test_bytes_that_an_endpoint_copies_by_itself_are_billed_from_place_to_place():
    told = spent.bill(spent.Spent(used(), used(CopyObject=2), direct_bytes=price.GB), WAY)

    lines = {one.what: one.usd for one in told.items}
    assert lines["bytes from us-east-1 to eu-central-1"] == pytest.approx(0.02)
    assert lines["PUT, COPY, POST and LIST requests"] == pytest.approx(2 * 0.0054 / 1000)


def test_reads_are_billed_by_the_storage_class_of_what_was_sent():
    done = spent.Spent(used(GetObject=100), used(), classes={"STANDARD": 3, "STANDARD_IA": 1})

    told = {one.what: one.quantity for one in spent.bill(done, WAY).items}

    assert told["GET and HEAD requests"] == 75
    assert told["GET and HEAD requests (STANDARD_IA)"] == 25


def test_an_unknown_price_makes_the_whole_unknown_and_says_what_to_declare():
    elsewhere = Tariff("s3://minio/", Network.OTHER, field="locations.minio")

    told = spent.bill(spent.Spent(used(), used(PutObject=1)), Way(SOURCE, elsewhere))

    assert told.usd is None
    assert "locations.minio.requests_usd_per_thousand" in (told.unknown or "")
