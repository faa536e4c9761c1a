"""What `plan` says a copy will cost, against a bill made of what the servers counted of that copy."""

import random

import pytest

import ferryline
from ferryline.regions import price
from ferryline.regions.record import Known
from ferryline.testing.strict import Put, Settings, StrictServer

MIB = 1024 * 1024
SOURCE, DESTINATION = "us-east-1", "eu-central-1"
READS = ("Get", "Head")
FREE = ("Delete", "Abort")

SHAPES = {
    "many-small": lambda bucket: bucket.put_many({f"k/{n:05}": b"%d" % n * 40 for n in range(1500)}),
    "few-large": lambda bucket: [
        bucket.put(f"big/{n}", random.Random(n).randbytes(18 * MIB), Put(part_bytes=5 * MIB)) for n in range(3)
    ],
    "one-piece-and-our-parts": lambda bucket: [
        bucket.put("one", random.Random(1).randbytes(30 * MIB)),
        bucket.put("ours", random.Random(2).randbytes(66 * MIB)),
    ],
    "mixed": lambda bucket: [
        bucket.put_many({f"k/{n:05}": b"%d" % n * 400 for n in range(300)}),
        bucket.put("large", random.Random(3).randbytes(20 * MIB), Put(part_bytes=5 * MIB)),
    ],
}  # fmt: skip


def of(datum):
    assert isinstance(datum, Known)
    return datum.value


def tiers(region):
    return {
        tier.name.lower(): of(price.requests(region, tier)) for tier in (price.Tier.WRITES, price.Tier.READS)
    }


def location(name, server, region):
    prices = tiers(region)
    other = {SOURCE: DESTINATION, DESTINATION: SOURCE}[region]
    return (
        f'  {name}: {{url: "s3://{name}", region: {region}, endpoint_url: "{server.endpoint_url}", '
        f"egress_usd_per_gb: {of(price.between(region, other))}, requests_usd_per_thousand: {prices}}}\n"
    ).replace("'", "")


@pytest.fixture
def servers(tmp_path):
    with (
        StrictServer("here", settings=Settings(region=SOURCE)) as source,
        StrictServer("there", settings=Settings(region=DESTINATION)) as destination,
    ):
        yield source, destination


@pytest.fixture
def words(servers, user):
    source, destination = servers
    policy = user.folder / "ferryline.yaml"
    policy.write_text(
        f"version: 1\nregions: {{{SOURCE}: {{egress_usd_per_gb: {of(price.between(SOURCE, DESTINATION))}}}}}\n"
        "locations:\n" + location("here", source, SOURCE) + location("there", destination, DESTINATION)
    )
    return ("here/", "there/", "--json")


def bill(servers, *, process=DESTINATION):
    """The requests and bytes that the servers counted, by the catalog's prices."""
    total = 0.0
    for server, region in zip(servers, (SOURCE, DESTINATION), strict=True):
        prices = tiers(region)
        for operation, counted in server.counters.items():
            if not operation.startswith(FREE):
                kind = "reads" if operation.startswith(READS) else "writes"
                total += counted["requests"] * prices[kind] / price.REQUESTS
            out = of(price.between(region, process)) * counted["bytes_out"] / price.GB
            came = of(price.between(process, region)) * counted["bytes_in"] / price.GB
            total += out + came
    return total


def near(said, billed):
    assert billed > 0
    assert said == pytest.approx(billed, rel=0.2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("process", [SOURCE, DESTINATION])
def test_a_first_copy_costs_what_the_plan_said(servers, user, words, shape, process):
    source, destination = servers
    SHAPES[shape](source.bucket("here"))

    planned = user.run("plan", *words, "--run-in", process).document
    for server in servers:
        server.forget()
    copied = user.run("copy", *words)

    assert copied.code == 0, copied.err
    near(planned["cost_estimate_usd"], bill(servers, process=process))
    assert sum(planned["requests_estimate"].values()) == pytest.approx(
        source.count() + destination.count(), rel=0.02
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_second_run_costs_what_the_plan_said(servers, user, words, shape):
    SHAPES[shape](servers[0].bucket("here"))
    assert user.run("copy", *words).code == 0

    planned = user.run("plan", *words).document
    for server in servers:
        server.forget()
    assert user.run("copy", *words).document["files_transferred"] == 0

    assert planned["changes"] == 0
    near(planned["cost_estimate_usd"], bill(servers))


def test_overwrites_deletes_and_a_point_in_time_cost_what_the_plan_said(servers, user, words):
    source, _ = servers
    bucket = source.bucket("here")
    SHAPES["many-small"](bucket)
    assert user.run("copy", *words).code == 0
    for number in range(0, 300):
        bucket.put(f"k/{number:05}", b"changed")
    for number in range(1400, 1450):
        bucket.delete(f"k/{number:05}")
    how = ("--preserve-deleted-files", "REMOVE", "--verify-mode", "POINT_IN_TIME_CONSISTENT")

    planned = user.run("plan", *words, *how).document
    for server in servers:
        server.forget()
    copied = user.run("copy", *words, *how)

    assert copied.code == 0, copied.err
    assert (planned["files_to_transfer"], planned["files_to_delete"]) == (300, 50)
    near(planned["cost_estimate_usd"], bill(servers))


def test_each_line_names_its_price_with_unit_source_and_place(servers, user, words):
    servers[0].bucket("here").put("a", b"x" * 5000)

    cost = user.run("plan", *words).document["cost"]

    assert cost["unknown"] is None
    assert cost["usd"] == pytest.approx(sum(item["usd"] for item in cost["items"]), abs=1e-6)
    lines = {(item["what"], item["place"]): item for item in cost["items"]}
    put = lines["PUT, COPY, POST and LIST requests", "s3://there/"]
    assert (put["unit"], put["price_per"], put["price_usd"]) == ("request", 1000, 0.0054)
    assert put["source"] == "locations.there.requests_usd_per_thousand of the policy"
    moved = lines[f"bytes from {SOURCE} to {DESTINATION}", "s3://here/"]
    assert moved["quantity"] >= 5000
    assert moved["source"] == "locations.here.egress_usd_per_gb of the policy"


def test_an_unknown_price_is_null_with_what_to_declare_and_never_nothing(servers, user):
    source, destination = servers
    source.bucket("here").put("a", b"x")
    there = f"s3://there?endpoint_url={destination.endpoint_url}&region={DESTINATION}"

    said = user.run("plan", f"s3://here?endpoint_url={source.endpoint_url}", there, "--json")

    assert said.document["cost_estimate_usd"] is None
    assert "requests_usd_per_thousand" in said.document["cost"]["unknown"]
    assert "egress_usd_per_gb" in said.document["cost"]["unknown"]
    assert "money     not known: no price of requests is known at s3://here/" in said.err


def test_a_region_that_nobody_knows_is_refused(servers, user, words):
    said = user.run("plan", *words, "--run-in", "us-esat-1")

    assert said.code == 2
    assert "did you mean us-east-1?" in said.err


def test_time_comes_from_the_runs_of_this_pair_or_from_a_stated_rate(servers, user, words):
    bucket = servers[0].bucket("here")
    bucket.put_many({f"k/{n}": b"x" * 1000 for n in range(20)})

    unknown = user.run("plan", *words).document["time"]
    stated = user.run("plan", *words, "--assume-bytes-per-second", "1000").document["time"]
    first = user.run("copy", *words).document
    bucket.put_many({f"more/{n}": b"x" * 1000 for n in range(40)})
    measured = user.run("plan", *words).document["time"]

    assert unknown["seconds"] is None
    assert "--assume-bytes-per-second" in unknown["basis"]
    assert stated["seconds"] == 20.0
    assert measured["seconds"] == pytest.approx(2 * first["duration_seconds"], abs=0.06)
    assert first["run_id"] in measured["basis"]


@pytest.mark.parametrize("rate", ["-1", "fast", "10Mbit", "0"])
def test_a_rate_that_is_none_is_refused_by_name(servers, user, words, rate):
    said = user.run("plan", *words, "--assume-bytes-per-second", rate)

    assert said.code == 2
    assert "--assume-bytes-per-second" in said.err


def test_a_program_is_told_the_same(servers, user, words):
    servers[0].bucket("here").put("a", b"x" * 5000)
    flags = {"policy_files": ("ferryline.yaml",), "state": str(user.state)}

    told = ferryline.plan("here/", "there/", run_in=SOURCE, assume_bytes_per_second="1000", **flags)

    same = user.run("plan", *words, "--run-in", SOURCE, "--assume-bytes-per-second", "1000").document
    assert told == same
    assert told["time"]["seconds"] == 5.0
