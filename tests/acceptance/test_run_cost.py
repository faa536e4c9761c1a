"""What a run says it cost, against a bill made of what the servers counted of that very run."""

import json

import pytest

import ferryline
from ferryline.testing.strict import BucketSettings, Put, Settings, StrictServer
from ferryline.testing.strict.fault import Fault, Status
from tests.acceptance.test_plan_cost import DESTINATION, SHAPES, SOURCE, bill, location, near
from tests.datasets import NAME, s3, write_policy

REGIONS = {"source": "us-east-1", "eu": "eu-central-1", "ap": "us-west-2", "meta": "us-east-2"}
EGRESS = {"source": 0.02, "eu": 0.05, "ap": 0.07, "meta": 0.11}
WRITES, READS = 0.005, 0.0004


@pytest.fixture
def pair(user):
    with (
        StrictServer("here", settings=Settings(region=SOURCE)) as source,
        StrictServer("there", settings=Settings(region=DESTINATION)) as destination,
    ):
        (user.folder / "ferryline.yaml").write_text(
            "version: 1\nlocations:\n"
            + location("here", source, SOURCE)
            + location("there", destination, DESTINATION)
        )
        yield source, destination


@pytest.mark.parametrize("shape", SHAPES)
def test_a_copy_says_what_the_servers_would_bill(pair, user, shape):
    SHAPES[shape](pair[0].bucket("here"))

    told = user.run("copy", "here/", "there/", "--json").document

    near(told["cost_estimate_usd"], bill(pair))
    assert told["cost_unknown"] is None
    assert told["destinations"][0]["cost_estimate_usd"] == told["cost_estimate_usd"]


def test_a_second_run_costs_its_listings_only(pair, user):
    SHAPES["many-small"](pair[0].bucket("here"))
    first = user.run("copy", "here/", "there/", "--json").document
    for server in pair:
        server.forget()

    second = user.run("copy", "here/", "there/", "--json").document

    near(second["cost_estimate_usd"], bill(pair))
    assert second["cost_estimate_usd"] < first["cost_estimate_usd"] / 10


def test_requests_that_are_repeated_are_counted_but_a_server_that_fails_bills_nothing(pair, user, hasty):
    source, destination = pair
    source.bucket("here").put_many({f"k/{n:03}": b"x" * 4000 for n in range(200)})
    fault = destination.arm(Fault("PutObject", Status("SlowDown", 503), key="k/*", times=100))

    told = user.run("copy", "here/", "there/", "--json").document

    assert fault.fired == 100
    assert told["requests"]["PutObject"] == destination.count("PutObject")
    billed = bill(pair) - fault.fired * 0.0054 / 1000
    assert told["cost_estimate_usd"] == pytest.approx(billed, rel=0.02)


def test_a_program_is_told_the_cost(pair, user):
    pair[0].bucket("here").put_many({f"k/{n:03}": b"x" * 40 for n in range(200)})

    told = ferryline.copy("here/", "there/", policy_files=("ferryline.yaml",), state=str(user.state))

    near(told["cost_estimate_usd"], bill(pair))


def test_unknown_prices_are_null_with_what_to_declare(strict, user):
    strict.bucket("source").put("a", b"x")
    words = [f"s3://{one}?endpoint_url={strict.endpoint_url}" for one in ("source", "destination")]

    told = user.run("copy", *words, "--json").document

    assert told["cost_estimate_usd"] is None
    assert told["destinations"][0]["cost_estimate_usd"] is None
    assert "requests_usd_per_thousand" in told["cost_unknown"]


@pytest.fixture
def world():
    """One server for each place, so that each counts for itself."""
    servers = {
        name: StrictServer(BucketSettings(name), settings=Settings(region=region))
        for name, region in REGIONS.items()
    }
    for server in servers.values():
        server.start()
    yield servers
    for server in servers.values():
        server.stop()


def declare(user, world, **dataset):
    places = {
        name: s3(
            server,
            name,
            region=REGIONS[name],
            egress_usd_per_gb=EGRESS[name],
            requests_usd_per_thousand={"writes": WRITES, "reads": READS},
        )
        for name, server in world.items()
    }
    path = write_policy(user.folder, places, ["eu/data/", "ap/data/"], **dataset)
    regions = {"us-east-1": {"egress_usd_per_gb": EGRESS["source"]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"regions": regions}))


def of_place(server, out_usd, in_usd):
    """What one server's own counters come to. What goes in is billed where it came from."""
    total = 0.0
    for operation, counted in server.counters.items():
        if not operation.startswith(("Delete", "Abort")):
            price = READS if operation.startswith(("Get", "Head")) else WRITES
            total += counted["requests"] * price / 1000
        total += counted["bytes_out"] * out_usd / 2**30 + counted["bytes_in"] * in_usd / 2**30
    return total


def fill(world, count=150):
    bucket = world["source"].bucket("source")
    bucket.put_many({f"data/{n:04}": b"%d" % n * 3000 for n in range(count)})
    bucket.put("data/parts", b"x" * 11 * 1024 * 1024, Put(part_bytes=5 * 1024 * 1024))


@pytest.mark.parametrize("metadata", [None, "meta/"], ids=["beside the objects", "apart"])
def test_a_sync_says_what_each_replica_cost_and_the_sum(world, user, metadata):
    fill(world)
    declare(user, world, **({} if metadata is None else {"metadata": metadata}))

    run = user.run("sync", NAME, "--run-in", "us-east-1", "--json").document["runs"][0]

    assert run["exit_code"] == 0, run
    billed = {
        "source": of_place(world["source"], 0.0, 0.0),  # the process runs beside it
        "eu": of_place(world["eu"], EGRESS["eu"], EGRESS["source"]),
        "ap": of_place(world["ap"], EGRESS["ap"], EGRESS["source"]),
        "meta": of_place(world["meta"], EGRESS["meta"], EGRESS["source"]),
    }
    told = {one["replica"]: one["cost_estimate_usd"] for one in run["destinations"]}
    assert run["cost_estimate_usd"] == pytest.approx(sum(told.values()), abs=1e-9)
    near(run["cost_estimate_usd"], sum(billed.values()))
    for name in ("eu", "ap"):
        near(told[name], billed[name] + billed["source"] / 2 + billed["meta"] / 2)
    asked = {one["replica"]: one["requests_total"] for one in run["destinations"]}
    assert asked == {name: world[name].count() for name in ("eu", "ap")}


def test_a_run_that_fails_before_its_first_listing_still_says_what_it_asked(world, user, hasty):
    fill(world, 1)
    declare(user, world)
    fault = world["source"].arm(Fault("ListObjectsV2", Status("AccessDenied", 403), times=None))

    run = user.run("sync", NAME, "--run-in", "us-east-1", "--json").document["runs"][0]

    assert run["exit_code"] == 5
    assert fault.fired
    near(run["cost_estimate_usd"], sum(of_place(one, 0, 0) for one in world.values()))


@pytest.mark.parametrize("command", ["copy", "plan"])
def test_a_host_whose_region_nobody_knows_works_and_knows_no_price(pair, user, monkeypatch, command):
    pair[0].bucket("here").put_many({f"k/{n:03}": b"x" * 40 for n in range(20)})
    monkeypatch.setenv("FERRYLINE_REGION", "mars")

    said = user.run(command, "here/", "there/", "--json")

    assert said.code == 0, said.err
    assert said.document["cost_estimate_usd"] is None
    unknown = said.document["cost_unknown"] if command == "copy" else said.document["cost"]["unknown"]
    assert "leave mars" in unknown


def test_a_program_on_such_a_host_works_too(pair, user, monkeypatch):
    pair[0].bucket("here").put_many({f"k/{n:03}": b"x" * 40 for n in range(20)})
    monkeypatch.setenv("FERRYLINE_REGION", "mars")

    told = ferryline.copy("here/", "there/", policy_files=("ferryline.yaml",), state=str(user.state))

    assert (told["status"], told["cost_estimate_usd"]) == ("SUCCESS", None)


def test_a_region_that_a_person_names_must_be_known(pair, user):
    said = user.run("copy", "here/", "there/", "--run-in", "us-esat-1")

    assert said.code == 2
    assert "--run-in: no region is called 'us-esat-1'" in said.err
