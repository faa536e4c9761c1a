"""The reference page of deploying: its program runs, its configuration configures, its names are there."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

from ferryline import deploy
from ferryline.cli.deploy import command
from tests.deploy import datasync_model
from tests.deploy.ground import run
from tests.deploy.test_policy_replication import BUCKETS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "deploy.md").read_text("utf-8")


def test_its_program_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ferryline.yaml").write_text(BUCKETS)
    (text,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    ran = run(lambda: exec(compile(text, "deploy.md", "exec"), {"__name__": "__main__"}))

    assert datasync_model.problems(ran) == []
    assert set(ran.exports) == {"taskArns"}


def test_its_configuration_is_the_policy_packs():
    from ferryline.deploy.policy_pack import __main__ as pack

    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    ((name, config),) = json.loads(text).items()
    told = []

    def judge(**props):
        args = SimpleNamespace(
            resource_type="aws:s3/bucket:Bucket", props=props, get_config=lambda: dict(config)
        )
        pack.validate(args, told.append)
        return bool(told)

    assert name == "ferryline"
    assert not judge()
    assert not judge(region="eu-west-1")
    assert judge(region="us-east-1")


def test_its_components_and_commands_are_all_there_are():
    from ferryline.deploy import hosting

    section = PAGE.partition("## Components")[2].partition("##")[0]
    named = set(re.findall(r"`([A-Z]\w+)`", section))

    assert named == {one.__name__ for one in hosting.COMPONENTS}
    assert named <= set(deploy.__all__)
    commands = PAGE.partition("## From a policy file")[2].partition("```")[0]
    assert all(f"deploy {name}" in commands or f"`{name}`" in commands for name in command.commands)
