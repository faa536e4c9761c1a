"""`ferryline deploy`: what is refused before Pulumi is started, and what is said of what Pulumi did."""

import json
from types import SimpleNamespace

import pytest

from ferryline import errors
from ferryline.cli import main
from tests.deploy.test_policy_replication import BUCKETS, changed


@pytest.fixture
def policy_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "ferryline.yaml").write_text(BUCKETS)
    return tmp_path


class FakeStack:
    """A stack of Pulumi's, without Pulumi."""

    def __init__(self, changes, fails=None, holds=()):
        self.changes, self.fails, self.calls, self.holds = changes, fails, [], holds

    def outputs(self):
        return dict.fromkeys(self.holds, {})

    def _call(self, verb):
        self.calls.append(verb)
        if self.fails:
            raise self.fails

    def preview(self, *, on_output):
        self._call("preview")
        on_output("previewing")
        return SimpleNamespace(change_summary=self.changes)

    def up(self, *, on_output):
        self._call("up")
        outputs = {
            "imagenet": SimpleNamespace(value={"task_arns": {}}, secret=False),
            "key": SimpleNamespace(value="x", secret=True),
        }
        return SimpleNamespace(summary=SimpleNamespace(resource_changes=self.changes), outputs=outputs)

    def destroy(self, *, on_output):
        self._call("destroy")
        return SimpleNamespace(summary=SimpleNamespace(resource_changes=self.changes))


@pytest.fixture
def pulumi_here(policy_file, monkeypatch):
    """A PATH with something called pulumi, and stacks that are fakes."""
    from ferryline.deploy import stack

    (policy_file / "bin").mkdir()
    cli = policy_file / "bin" / "pulumi"
    cli.write_text("#!/bin/sh\nexit 1\n")
    cli.chmod(0o755)

    def with_changes(changes, fails=None, holds=()):
        made = FakeStack(changes, fails, holds)
        run = stack.run

        def opened(program, wanted):
            made.wanted, made.program = wanted, program
            return made

        monkeypatch.setattr(stack, "run", lambda verb, program, wanted: run(verb, program, wanted, opened))
        return made

    return with_changes


@pytest.mark.parametrize(
    "words", [["preview"], ["up", "--yes"], ["destroy", "--yes"]], ids=lambda words: words[0]
)
def test_without_the_pulumi_cli_it_says_how_to_get_it_and_does_nothing(policy_file, capsys, words):
    assert main.run(["deploy", *words]) == 2

    said = capsys.readouterr().err
    assert "nothing was done" in said
    assert "pulumi.com/docs/install" in said


def test_without_the_extra_it_says_which_to_install(policy_file, capsys, monkeypatch):
    from ferryline import deploy

    def missing(name):
        raise ModuleNotFoundError("No module named 'pulumi'", name="pulumi")

    monkeypatch.setattr(deploy, "import_module", missing)

    assert main.run(["deploy", "preview"]) == 2
    assert "ferryline[deploy]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (changed(BUCKETS, ("source: us/imagenet/", "source: us/dt=1/")), 2, "Subdirectory"),
        (changed(BUCKETS, ("    include:", "    residency: {deny: [FR]}\n    include:")), 3, "residency"),
        (changed(BUCKETS, (", engine: datasync", "")), 2, "anything to deploy"),
    ],
)
def test_refusals_come_before_pulumi(policy_file, capsys, text, code, words):
    (policy_file / "ferryline.yaml").write_text(text)

    assert main.run(["deploy", "preview"]) == code
    assert words in capsys.readouterr().err


def test_a_preview_is_one_document_and_pulumis_words_go_to_stderr(pulumi_here, capsys):
    stack = pulumi_here({"create": 16})

    assert main.run(["deploy", "preview", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["changes"] == {"create": 16}
    assert "previewing" in told.err
    assert stack.calls == ["preview"]


def test_expected_to_change_nothing_it_changes_nothing(pulumi_here):
    stack = pulumi_here({"update": 1, "same": 15})

    assert main.run(["deploy", "up", "--yes", "--expect-no-changes"]) == 8
    assert stack.calls == ["preview"]


def test_up_shows_first_and_hides_secrets(pulumi_here, capsys):
    stack = pulumi_here({"create": 3})

    assert main.run(["deploy", "up", "--yes", "--json"]) == 0
    outputs = json.loads(capsys.readouterr().out)["outputs"]
    assert outputs == {"imagenet": {"task_arns": {}}, "key": "[secret]"}
    assert stack.calls == ["preview", "up"]


def test_up_with_nothing_to_change_asks_and_does_nothing(pulumi_here):
    stack = pulumi_here({"same": 16})

    assert main.run(["deploy", "up"]) == 0
    assert stack.calls == ["preview"]


def test_nobody_there_to_say_yes_is_a_mistake(pulumi_here, capsys):
    stack = pulumi_here({"create": 1})

    assert main.run(["deploy", "destroy"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert stack.calls == []


@pytest.mark.parametrize("verb", [["preview"], ["up", "--yes"]], ids=["preview", "up"])
def test_some_datasets_of_a_stack_never_delete_the_others(pulumi_here, capsys, verb):
    stack = pulumi_here({"delete": 9}, holds=("imagenet", "labels", "policy:digest"))

    assert main.run(["deploy", *verb, "imagenet"]) == 2
    said = capsys.readouterr().err
    assert "also holds labels" in said
    assert "--stack" in said
    assert stack.calls == []


def test_a_dataset_that_left_the_policy_leaves_the_stack(pulumi_here):
    stack = pulumi_here({"delete": 9}, holds=("imagenet", "labels", "policy:digest"))

    assert main.run(["deploy", "up", "--yes"]) == 0
    assert stack.calls == ["preview", "up"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            changed(BUCKETS, ("    include:", "    residency: {deny: [FR]}\n    include:")), id="forbidden"
        ),
        pytest.param(changed(BUCKETS, (", engine: datasync", "")), id="nothing-to-deploy"),
        pytest.param(changed(BUCKETS, ("source: us/imagenet/", "source: us/dt=1/")), id="impossible"),
    ],
)
def test_what_the_policy_no_longer_allows_can_still_be_removed(policy_file, pulumi_here, text):
    (policy_file / "ferryline.yaml").write_text(text)
    stack = pulumi_here({"delete": 9})

    assert main.run(["deploy", "destroy", "--yes"]) == 0
    assert stack.calls == ["destroy"]


@pytest.mark.parametrize(
    ("variables", "region"), [({}, "us-east-1"), ({"AWS_REGION": "eu-west-1"}, None)], ids=["none", "given"]
)
def test_the_provider_has_a_region_even_where_nobody_named_one(pulumi_here, monkeypatch, variables, region):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stack = pulumi_here({"same": 1})

    assert main.run(["deploy", "preview"]) == 0
    assert stack.wanted.region == region
    assert main.run(["deploy", "destroy", "--yes"]) == 0
    assert stack.wanted.region == region


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("exit 1", "does not work", id="broken"),
        pytest.param("echo v2.0.0", "2.0.0", id="too-old"),
        pytest.param("echo hello", "does not work", id="something-else"),
    ],
)
def test_a_cli_that_does_not_work_is_named(policy_file, monkeypatch, capsys, script, words):
    (policy_file / "bin").mkdir()
    cli = policy_file / "bin" / "pulumi"
    cli.write_text(f"#!/bin/sh\n{script}\n")
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{policy_file / 'bin'}:/usr/bin:/bin")

    assert main.run(["deploy", "preview"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(cli) in said
    assert "nothing was done" in said


def test_what_pulumi_reports_becomes_an_error_of_ours(pulumi_here, capsys):
    from pulumi import automation

    class Result:
        stdout, stderr, code = "", "error: no credentials\nstack trace", 255

        def __str__(self):
            return "code: 255\nerror: no credentials\nstack trace"

    pulumi_here({}, fails=automation.CommandError(Result()))

    assert main.run(["deploy", "preview"]) == 4
    assert "error: no credentials" in capsys.readouterr().err


def test_export_needs_no_cli_and_names_its_files(policy_file, capsys):
    assert main.run(["deploy", "export", "project", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["datasets"] == ["imagenet"]
    assert sorted(path.name for path in (policy_file / "project").iterdir()) == [
        "Pulumi.yaml",
        "__main__.py",
        "requirements.txt",
    ]


def test_a_concurrent_update_is_a_lock():
    from pulumi import automation

    from ferryline.deploy import stack

    class Result:
        stdout = stderr = "conflict: another update is currently in progress"
        code = 255

        def __str__(self):
            return self.stderr

    made = FakeStack({}, automation.ConcurrentUpdateError(Result()))
    with pytest.raises(errors.LockHeld, match="under way"):
        stack.run(
            stack.Verb.UP,
            lambda: None,
            stack.Wanted("p", "s", lambda line: None),
            lambda program, wanted: made,
        )


def test_the_whole_policy_is_one_program(monkeypatch):
    from ferryline import policy
    from ferryline.deploy import program
    from ferryline.policy.interpolation import Sources
    from tests.deploy import datasync_model
    from tests.deploy.ground import run

    text = changed(
        BUCKETS,
        (
            "  imagenet:\n",
            "  labels: {source: us/labels/, replicas: [{name: keep, to: eu/labels/}], engine: s3-replication}\n  imagenet:\n",
        ),
    )
    text = changed(text, ("s3://acme-eu/prod", "s3://acme-eu"))
    parsed = policy.parse(text)
    ready = program.checked(parsed, program.deployable(parsed, ()), Sources({}))
    ran = run(ready)

    assert datasync_model.problems(ran) == []
    assert set(ran.exports) == {"labels", "imagenet", "policy:digest", "replication_configuration:acme-train"}


def test_datasets_of_two_partitions_are_two_stacks():
    from ferryline import policy
    from ferryline.deploy import program
    from ferryline.policy.interpolation import Sources

    text = """
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  eu: {url: "s3://acme-eu", region: eu-central-1}
  gov: {url: "s3://acme-gov", region: us-gov-west-1}
  far: {url: "s3://acme-far", region: us-gov-east-1}
datasets:
  a: {source: us/a/, replicas: [eu/a/], engine: datasync}
  b: {source: gov/b/, replicas: [far/b/], engine: datasync}
"""
    parsed = policy.parse(text)
    with pytest.raises(errors.BadPolicy, match=r"datasets\.b: us-gov-west-1 is of aws-us-gov") as refused:
        program.checked(parsed, ("a", "b"), Sources({}))

    assert "--stack" in str(refused.value)
    assert program.checked(parsed, ("b",), Sources({})).region == "us-gov-west-1"


def test_one_role_replicates_every_dataset_of_a_bucket():
    from ferryline import policy
    from ferryline.deploy import program
    from ferryline.policy.interpolation import Sources
    from tests.deploy.ground import run
    from tests.deploy.iam import Ask, allowed

    text = """
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  eu: {url: "s3://acme-eu", region: eu-central-1}
datasets:
  a: {source: us/a/, replicas: [eu/a/], engine: s3-replication}
  b: {source: us/b/, replicas: [eu/b/], engine: s3-replication}
"""
    parsed = policy.parse(text)
    ran = run(program.checked(parsed, ("a", "b"), Sources({})))

    configuration = json.loads(ran.exports["replication_configuration:acme-train"])
    assert [rule["Filter"]["Prefix"] for rule in configuration["Rules"]] == ["a/", "b/"]
    name = configuration["Role"].rpartition("/")[2]
    mine = [one.inputs["policy"] for one in ran.all("RolePolicy") if one.inputs["role"] == name]
    for prefix in ("a/", "b/"):
        assert allowed(Ask("s3:ReplicateObject", f"arn:aws:s3:::acme-eu/{prefix}x"), *mine)
        assert allowed(Ask("s3:GetObjectVersionForReplication", f"arn:aws:s3:::acme-train/{prefix}x"), *mine)
    assert not allowed(Ask("s3:ReplicateObject", "arn:aws:s3:::acme-eu/c/x"), *mine)
