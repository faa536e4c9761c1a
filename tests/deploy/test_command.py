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

    def __init__(self, changes, fails=None):
        self.changes, self.fails, self.calls = changes, fails, []

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

    def with_changes(changes, fails=None):
        made = FakeStack(changes, fails)
        run = stack.run
        monkeypatch.setattr(
            stack,
            "run",
            lambda verb, program, wanted: run(verb, program, wanted, lambda program, wanted: made),
        )
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
    assert set(ran.exports) == {"labels", "imagenet", "policy_digest", "replication_configuration:acme-train"}


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
