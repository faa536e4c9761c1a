"""What a real account holds beside our task: strangers' tasks, forgotten executions, broken answers, other regions."""

import json

import pytest

from ferryline.clock import SystemClock
from ferryline.config import datasets, environment, movers
from tests.managed.conftest import NAME, OPTIONS
from tests.managed.test_sync import run_of


def test_a_strangers_task_on_the_same_location_is_passed_over(world, user):
    world.fill()
    world.declare()
    strange = world.service.task(
        "eu-central-1", world.elsewhere, world.destination, Name="strange", Options=OPTIONS
    )
    world.service.strangers.add(strange.arn)

    assert user.run("sync", NAME).code == 0


def test_where_only_a_task_is_there_that_may_not_be_looked_at_the_refusal_is_told(world, user):
    world.fill()
    world.declare()
    world.service.strangers.add(world.task.arn)

    said = user.run("sync", NAME, "--json")

    assert said.code == 5
    assert "datasync:DescribeTask" in run_of(said)["stopped"]["advice"]


def test_our_own_task_that_may_not_be_looked_at_is_not_called_missing(world, user):
    world.fill()
    world.declare()
    elsewhere = world.service.location("us-east-1", "s3://source/elsewhere/")
    world.service.task("eu-central-1", elsewhere, world.destination, Name="visible", Options=OPTIONS)
    world.service.strangers.add(world.task.arn)

    said = user.run("sync", NAME, "--json")

    assert said.code == 5
    assert "datasync:DescribeTask" in run_of(said)["stopped"]["advice"]


def test_an_execution_that_cannot_be_followed_is_named(world, user):
    world.fill()
    world.declare()
    world.service.failing["DescribeTaskExecution"] = [(400, "AccessDeniedException", "no")]

    said = user.run("sync", NAME, "--json")

    assert said.code == 5
    run = run_of(said)
    assert run["destinations"][0]["execution"]["execution"] == world.task.current
    assert any(world.task.current in one["message"] for one in run["warnings"])


def test_what_was_signed_is_never_repeated(world, user):
    world.fill()
    world.declare()
    quoted = "the canonical string was x-amz-security-token:the-token-of-nobody"
    world.service.failing["ListLocations"] = [(403, "SignatureDoesNotMatch", quoted)] * 2

    said = user.run("status", "--json")

    assert said.code == 5
    assert "the-token-of-nobody" not in said.out + said.err


def test_a_source_is_billed_to_those_whom_this_run_sent_its_bytes(tmp_path):
    from ferryline.model.place import S3Location
    from ferryline.model.run import Counts
    from ferryline.pipeline.metering import Meter, Part, billed
    from ferryline.plan.cost import Network, Tariff, Way
    from ferryline.report.facts import DestinationFacts

    source, prices = S3Location("source"), {"writes_usd_per_thousand": 1.0, "reads_usd_per_thousand": 1.0}
    way = Way(*(Tariff(name, Network.OTHER, "x", 0.0, **prices) for name in ("s3://source/", "s3://there/")))
    meter = Meter()
    for _ in range(1000):
        meter.used(source).request("GetObject", 200, 10, 0)
    parts = [
        Part(
            S3Location(name),
            DestinationFacts(name, Counts(bytes_transferred=500)),
            None,
            way,
            name,
            carries=sent,
        )
        for name, sent in (("ap", True), ("eu", False))
    ]

    ap, eu = billed(meter, source, parts)

    assert (ap.cost_usd, eu.cost_usd) == (1.0, 0.0)


def test_a_last_execution_that_aws_has_forgotten_hides_nothing(world, user):
    world.fill()
    world.declare()
    world.task.current = f"{world.task.arn}/execution/exec-0123456789abcdef0"
    world.task.body["Schedule"] = {"ScheduleExpression": "cron(0 0 * * ? *)", "Status": "DISABLED"}

    told = user.run("status", "--json").document["datasets"][0]["replicas"][0]["service"]
    assert told["problem"] is None and told["last_execution"] is None
    assert not told["schedule"]["enabled"]
    world.task.body.pop("Schedule")
    assert user.run("sync", NAME).code == 0


def test_what_a_credential_process_says_is_never_repeated(world, user, monkeypatch):
    leaking = user.folder / "leak.sh"
    leaking.write_text("#!/bin/sh\necho the-token-of-nobody >&2\nexit 1\n")
    leaking.chmod(0o700)
    (user.folder / "aws").write_text(f"[profile leaky]\ncredential_process = {leaking}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(user.folder / "aws"))
    world.fill()
    world.declare({"name": "eu", "to": "eu/data/", "engine": "datasync"})
    path = user.folder / "ferryline.yaml"
    policy = json.loads(path.read_text())
    policy["locations"]["eu"]["profile"] = "leaky"
    path.write_text(json.dumps(policy))

    said = user.run("status", "--json")

    assert said.code == 5
    assert "the-token-of-nobody" not in said.out + said.err


def test_a_report_that_breaks_off_costs_nothing_but_insight(world, user):
    from ferryline.testing.strict.fault import Close, Fault

    world.strict.bucket("reports").change(region="eu-central-1")
    world.task.body["TaskReportConfig"] = {
        "Destination": {
            "S3": {
                "Subdirectory": "/r/",
                "S3BucketArn": "arn:aws:s3:::reports",
                "BucketAccessRoleArn": "arn:aws:iam::111122223333:role/report",
            }
        },
        "OutputType": "STANDARD",
    }
    world.service.report = {"Transferred": [{"RelativePath": "x" * 100_000, "TransferStatus": "SUCCESS"}]}
    world.fill()
    world.declare()
    fault = world.strict.arm(Fault("GetObject", Close(after_bytes=1000), bucket="reports", times=100))

    said = user.run("sync", NAME, "--json")

    assert fault.fired
    assert said.code == 0, said.err
    assert "report cannot be read" in run_of(said)["destinations"][0]["execution"]["trouble"]


def test_polls_get_rare_while_an_execution_lasts(world, user, monkeypatch):
    """Time that stands still but for its sleeps: an hour of transfer, with counters that grow at every look."""
    from ferryline.managed import driving
    from ferryline.model.execution import Execution

    class Service:
        asked = 0

        async def execution(self, arn):
            self.asked += 1
            status = "TRANSFERRING" if clock.now < 3600 else "SUCCESS"
            return Execution(arn, status, counters={"files_transferred": self.asked})

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

        async def sleep(self, seconds):
            self.now += seconds

    import asyncio

    clock, service, heard = Clock(), Service(), []
    ears = driving.Ears(heard.append, clock)
    done = asyncio.run(driving._follow(service, Execution("arn", "QUEUED"), ears))
    assert done.status == "SUCCESS"
    assert service.asked < 3600 / driving.LONGEST_WAIT_SECONDS + 20


def declared_of(world, user, changes):
    path = user.folder / "ferryline.yaml"
    policy = json.loads(path.read_text())
    policy["regions"]["paris-dc"] = {"jurisdiction": "FR"}
    policy["locations"].update(changes)
    path.write_text(json.dumps(policy))
    around = environment.read()
    return datasets.task(datasets.declared((str(path),), around), NAME, around), around


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (
            {"url": "s3://train", "region": "paris-dc", "endpoint_url": "https://minio.acme.example:9000"},
            ("us-east-1", ("object-storage",), "minio.acme.example", "train/x/"),
        ),
        (
            {
                "url": "file:///mnt/zfs",
                "region": "us-west-2",
                "aws": {
                    "file_system_arn": "arn:aws:fsx:us-west-2:111122223333:file-system/fs-0123456789abcdef0",
                    "file_system_type": "OPENZFS",
                },
            },
            ("us-west-2", None, "us-west-2.fs-0123456789abcdef0", "fsx/x/"),
        ),
        (
            {
                "url": "file:///mnt/ontap",
                "region": "us-west-2",
                "aws": {
                    "storage_virtual_machine_arn": "arn:aws:fsx:us-west-2:111122223333:storage-virtual-machine/fs-0123456789abcdef0/svm-0123456789abcdef0",
                    "path": "/vol1",
                },
            },
            ("us-west-2", None, "us-west-2.svm-0123456789abcdef0", "vol1/x/"),
        ),
    ],
    ids=["another store", "OpenZFS", "ONTAP"],
)
def test_a_task_is_looked_for_where_deploy_puts_it(world, user, location, expected):
    world.declare({"name": "far", "to": "far/x/", "engine": "datasync"})
    task, around = declared_of(world, user, {"far": location})

    mover = movers.movers(task, movers.Ground(around, SystemClock()))["far"]

    declared = mover._declared
    region, schemes, authority, path = expected
    assert (declared.region, declared.destination.authority, declared.destination.path) == (
        region,
        authority,
        path,
    )
    assert schemes is None or declared.destination.schemes == schemes
    assert declared.identity is None
