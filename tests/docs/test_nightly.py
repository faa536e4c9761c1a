"""The how-to about nightly runs: its units and manifests can be read, and say what the program means."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ferryline import policy
from ferryline.model import exitcode
from ferryline.report import metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "nightly.md"
TEXT = PAGE.read_text("utf-8")
AGAIN = {exitcode.ENDPOINT}
"""Exit codes after which a repetition at once may help."""
FINAL = {
    exitcode.OBJECTS_FAILED,
    exitcode.WRONG_USAGE,
    exitcode.GUARD,
    exitcode.CREDENTIALS,
    exitcode.LOCKED,
    exitcode.SOURCE_CHANGING,
}


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"the page has no {language} block"
    return found


def unit(kind):
    """The unit with this section, read as systemd reads it: names keep their case, `%` means nothing here."""
    for text in blocks("ini"):
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.optionxform = str
        parser.read_string(text)
        if parser.has_section(kind):
            return parser
    raise AssertionError(f"no unit has a section {kind}")


def manifests():
    yaml = YAML(typ="safe", pure=True)
    return [yaml.load(text) for text in blocks("yaml")]


def manifest(key):
    return next(one for one in manifests() if key in one)


def test_every_yaml_block_loads():
    assert len(manifests()) == 3
    assert all(isinstance(one, dict) for one in manifests())


def test_the_service_runs_once_and_repeats_only_what_a_repetition_may_help():
    service = unit("Service")

    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["Restart"] == "on-failure"
    prevented = {int(code) for code in service["Service"]["RestartPreventExitStatus"].split()}
    assert prevented == FINAL
    assert not prevented & AGAIN
    command = shlex.split(service["Service"]["ExecStart"])
    assert Path(command[0]).is_absolute()
    folder = str(Path(command[command.index("--metrics-file") + 1]).parent)
    assert folder in service["Service"]["ReadWritePaths"].split(), "ProtectSystem=strict forbids the metrics"
    assert command[command.index("--state") + 1] == f"/var/lib/{service['Service']['StateDirectory']}"


def test_the_timer_fires_every_night():
    timer = unit("Timer")

    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d UTC", timer["Timer"]["OnCalendar"])
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_cron_line_has_five_fields_a_user_and_no_percent_sign():
    (line,) = blocks("crontab")
    *fields, user, command = line.split(maxsplit=6)

    assert len(fields) == 5
    assert re.fullmatch(r"[a-z]+", user)
    assert "%" not in command, "cron makes a line break of it"


def test_the_cron_job_gives_up_where_the_service_does():
    spec = manifest("kind")["spec"]
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]

    assert spec["concurrencyPolicy"] == "Forbid"
    assert len(spec["schedule"].split()) == 5
    assert pod["restartPolicy"] == "Never", "podFailurePolicy works with no other"
    assert set(job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]) == FINAL
    (container,) = pod["containers"]
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == container["name"]
    volumes = {one["name"] for one in pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == volumes
    mounted = [one["mountPath"] for one in container["volumeMounts"]]
    for word in container["command"]:
        flag, _, path = word.partition("=")
        if path:
            assert str(Path(path).parent) in mounted or path in mounted, (
                f"{flag} leads where nothing is mounted"
            )


@pytest.mark.parametrize("way", ["ini", "crontab", "text"])
def test_each_way_runs_the_same_command(way):
    text = next(one for one in blocks(way) if "ferryline sync" in one)

    assert "sync --all" in text
    assert "--metrics-file /var/lib/node_exporter/textfile/ferryline.prom" in text


def test_every_metric_that_the_page_names_is_written():
    named = set(re.findall(r"ferryline_[a-z_]+", TEXT))
    written = set(re.findall(r"^# TYPE (\w+)", rendered(), re.MULTILINE))

    assert named
    assert named <= written


def rendered():
    from datetime import UTC, datetime

    from ferryline.report import document
    from tests.unit.report import samples

    series = metrics.Series(
        "d", "r", "s3://there/prefix/", [document.run_document(samples.run(samples.good()))]
    )
    return metrics.render([series], datetime.now(UTC))


def test_the_page_tells_of_every_exit_code_of_a_run():
    rows = re.findall(r"^\| ([0-9, ]+) \| ", TEXT, re.MULTILINE)
    told = {int(code) for row in rows for code in row.split(",")}

    assert told == {exitcode.DONE, 130, 143} | FINAL | AGAIN


def test_the_policy_of_the_page_is_one(tmp_path):
    text = next(one for one in blocks("yaml") if "on_failure" in one)

    policy.parse("version: 1\n" + text)
