"""What `status`, `check --online`, `plan`, `adopt` and `retire` say of replicas that a service fills."""

import json

import pytest

from ferryline.testing.strict import Lie
from tests.managed.conftest import MIB, NAME, OPTIONS


def service_of(said):
    return said.document["datasets"][0]["replicas"][0]["service"]


def test_status_tells_of_the_last_execution_the_schedule_and_what_differs(world, user):
    world.fill()
    world.declare(schedule="cron(0 0 * * ? *)")
    world.task.body["Schedule"] = {"ScheduleExpression": "cron(0 0 * * ? *)", "Status": "ENABLED"}
    world.task.tags["ferryline:policy-digest"] = "another"
    assert user.run("sync", NAME).code == 0

    said = user.run("status", "--json")

    assert said.code == 0, said.err
    told = service_of(said)
    assert told["task"] == world.task.arn and told["problem"] is None
    assert told["last_execution"]["status"] == "SUCCESS"
    assert told["last_execution"]["counters"]["files_transferred"] == 31
    assert told["schedule"]["enabled"] and told["differs"] == []
    assert told["policy_changed"] is True
    assert "last execution SUCCESS" in said.err and "the policy file has changed" in said.err

    world.task.body["Schedule"]["Status"] = "DISABLED"
    world.task.schedule_details = {
        "DisabledBy": "SERVICE",
        "DisabledReason": "it failed again and again",
        "StatusUpdateTime": 1_790_000_000.0,
    }
    world.task.body["Options"] = {**OPTIONS, "TransferMode": "ALL"}
    said = user.run("status", "--json")
    told = service_of(said)
    assert not told["schedule"]["enabled"] and told["schedule"]["disabled_by"] == "SERVICE"
    assert told["differs"] == [{"field": "transfer_mode", "policy": "CHANGED", "deployed": "ALL"}]
    assert "was disabled by DataSync itself" in said.err and "it failed again and again" in said.err
    assert "deployed transfer_mode is ALL" in said.err


def test_a_policy_that_is_the_deployed_one_is_told_as_such(world, user):
    world.fill()
    world.declare()
    digest = user.run("check", "--json").document["policy_digest"]
    world.task.tags["ferryline:policy-digest"] = digest

    assert service_of(user.run("status", "--json"))["policy_changed"] is False


def test_a_task_that_is_missing_or_cannot_be_asked_is_told_and_the_rest_is_answered(world, user):
    world.fill()
    world.declare()
    world.service.failing["ListLocations"] = [(400, "AccessDeniedException", "no")]

    said = user.run("status", "--json")
    assert said.code == 5
    assert "datasync:ListLocations" in service_of(said)["problem"]["advice"]

    world.service.tasks.clear()
    said = user.run("status", "--json")
    assert said.code == 2
    assert service_of(said)["problem"]["kind"] == "not-deployed"
    assert said.document["datasets"][0]["replicas"][0]["problem"] is None


def test_check_tells_what_holds_and_online_looks_for_the_task(world, user):
    world.fill()
    world.declare()

    said = user.run("check", "--online", "--json")
    assert said.code == 0, said.err
    (replica,) = [one for one in said.document["online"]["datasets"][0]["places"] if one["replica"] == "eu"]
    assert [one["message"] for one in replica["remarks"] if one["about"] == "engine"] == [
        "DataSync is deployed"
    ]
    assert any("its word is not taken" in one for one in said.document["replicas"][0]["notes"])

    world.service.tasks.clear()
    said = user.run("check", "--online", "--json")
    assert said.code == 2
    (replica,) = [one for one in said.document["online"]["datasets"][0]["places"] if one["replica"] == "eu"]
    assert any(one["kind"] == "not-deployed" for one in replica["remarks"])


def test_a_plan_prices_the_service_and_the_proof(world, user):
    world.fill()
    world.strict.bucket("source").put("data/large", b"x" * (10 * MIB))
    world.declare({"name": "eu", "to": "eu/data/", "engine": "datasync"}, options={"task_mode": "ENHANCED"})

    said = user.run("plan", NAME, "--json")

    assert said.code == 0, said.err
    (one,) = said.document["replicas"]
    assert one["engine"] == "datasync"
    inner = one["plan"]
    assert inner["files_to_transfer"] == 32
    assert set(inner["requests_estimate"]) <= {
        "ListObjectsV2",
        "ListMultipartUploads",
        "HeadObject",
        "GetBucketVersioning",
    }
    assert inner["requests_estimate"]["HeadObject"] == 32, "the digest of each object is asked of the source"
    lines = {item["what"]: item for item in inner["cost"]["items"]}
    assert any("DataSync" in what for what in lines)
    assert not [item for item in inner["cost"]["items"] if "us-east-1 to us-east-1" in item["what"]]
    assert "moved by  datasync" in said.err
    assert world.service.calls == {}


def test_a_plan_says_what_the_proof_may_read(world, user):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.fill()
    world.put_in_parts()
    world.declare()

    planned = user.run("plan", NAME, "--json")

    assert planned.code == 0, planned.err
    reads = planned.document["replicas"][0]["plan"]["cost"]["proof_reads"]
    assert (reads["files"], reads["bytes"]) == (1, 11 * MIB)
    assert reads["usd"] is None, "no request of this server has a price"
    assert "proof" in planned.err and "may have to read 1 object, 11 MiB, on both sides" in " ".join(
        planned.err.split()
    )

    world.strict.forget()
    assert user.run("sync", NAME).code == 0
    read = [one for one in world.strict.requests("GetObject") if one.key == b"data/large"]
    assert sorted(one.bucket for one in read) == ["eu", "source"]
    assert user.run("plan", NAME, "--json").document["replicas"][0]["plan"]["cost"]["proof_reads"] is None


@pytest.mark.parametrize("where", ["us", "eu"])
def test_a_plan_knows_that_etags_under_kms_tell_nothing(world, user, where):
    world.fill()
    world.declare()
    path = user.folder / "ferryline.yaml"
    policy = json.loads(path.read_text())
    policy["locations"][where]["sse"] = "aws:kms"
    path.write_text(json.dumps(policy))

    said = user.run("plan", NAME, "--json")

    assert said.document["replicas"][0]["plan"]["cost"]["proof_reads"]["files"] == 31


@pytest.mark.parametrize(
    "declared",
    [{"on_unknown": "refuse"}, {"max_transfer": {"usd": 100}}, {"options": {"verify_mode": "NONE"}}],
)
def test_a_plan_says_nothing_of_reads_where_nothing_is_read(world, user, declared):
    world.put_in_parts()
    world.declare(**declared)

    said = user.run("plan", NAME, "--json")

    assert said.document["replicas"][0]["plan"]["cost"]["proof_reads"] is None


def test_a_cap_in_dollars_that_nobody_can_keep_stops_before_the_service_starts(world, user):
    world.fill()
    world.declare(max_transfer={"usd": 1})

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    stopped = said.document["runs"][0]["stopped"]
    assert "what it costs is not known" in stopped["message"] and "DataSync" in stopped["message"]
    assert world.service.calls["StartTaskExecution"] == 0


def test_a_cap_in_bytes_holds_for_the_service_too(world, user):
    world.fill()
    world.declare(max_transfer={"bytes": 100})

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    assert world.service.calls["StartTaskExecution"] == 0


def test_what_the_service_brought_by_itself_can_be_adopted(world, user):
    world.fill()
    world.declare()
    world.service._StartTaskExecution("eu-central-1", {"TaskArn": world.task.arn})
    for _ in range(6):
        world.service._DescribeTaskExecution("eu-central-1", {"TaskExecutionArn": world.task.current})

    said = user.run("adopt", NAME, "--replica", "eu", "--json")

    assert said.code == 0, said.err
    assert said.document["destinations"][0]["published"]
    assert user.run("verify", NAME).code == 0


@pytest.mark.parametrize("words", [("--erase", "--yes")])
def test_a_replica_that_a_service_would_fill_again_is_not_erased(world, user, words):
    world.fill()
    world.declare()

    said = user.run("retire", NAME, "--replica", "eu", *words)

    assert said.code == 3
    assert "would bring them again" in said.err and "deploy destroy" in said.err
