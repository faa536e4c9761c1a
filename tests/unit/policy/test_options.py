"""Options: DataSync's names and values, the combinations, and the command line's flags."""

from dataclasses import fields

import botocore.loaders
import pytest

from ferryline import errors
from ferryline.policy import options
from ferryline.policy.options import Engine


def _service():
    return botocore.loaders.Loader().load_service_model("datasync", "service-2")["shapes"]


def _snake(name):
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def test_every_option_and_value_is_datasyncs_own():
    shapes = _service()
    members = shapes["Options"]["members"]
    ours = {one.name for one in fields(options.Options)} - {"given", "task_mode"}
    assert ours == {_snake(name) for name in members}
    for name, member in members.items():
        if name != "BytesPerSecond":
            values = [one.value for one in options.ENUMS[_snake(name)]]
            assert sorted(values) == sorted(shapes[member["shape"]]["enum"]), name
    assert sorted(one.value for one in options.TaskMode) == sorted(shapes["TaskMode"]["enum"])


def test_the_defaults():
    chosen = options.Options()
    assert (chosen.verify_mode, chosen.overwrite_mode) == ("ONLY_FILES_TRANSFERRED", "ALWAYS")
    assert (chosen.preserve_deleted_files, chosen.transfer_mode) == ("PRESERVE", "CHANGED")
    assert (chosen.bytes_per_second, chosen.mtime, chosen.object_tags) == (-1, "PRESERVE", "PRESERVE")


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        (-1, -1), ("-1", -1), (1, 1), ("1", 1), ("10MiB", 10 * 2**20), ("10MiB/s", 10 * 2**20), ("125MB", 125_000_000),
        ("1.5 GB", 1_500_000_000), ("500k", 500_000), ("7B", 7), (2**63 - 1, 2**63 - 1),
    ],
)  # fmt: skip
def test_bandwidth_is_minus_one_or_bytes(written, bytes_):
    assert options.bytes_per_second(written) == bytes_


@pytest.mark.parametrize(
    "written",
    [0, "0", -2, "-2", 1e30, "1e30", 10**30, str(10**30), "1 Gbs", "1Gb", "100Mbit", "100Mb/s", "", " ", "fast", True,
     None, 1.5, "1.5", "9" * 1000, "0B", "10MiB/h", "١"],
)  # fmt: skip
def test_bandwidth_that_is_refused_says_how_to_write_it(written):
    with pytest.raises(ValueError, match="no limit") as caught:
        options.bytes_per_second(written)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("engine", "chosen", "option"),
    [
        pytest.param(engine, {"preserve_deleted_files": "REMOVE", "transfer_mode": "ALL"}, "preserve_deleted_files",
                     id=f"remove-with-all-{engine}")
        for engine in Engine
    ]
    + [
        pytest.param(Engine.DATASYNC, {"task_mode": "ENHANCED", "verify_mode": "POINT_IN_TIME_CONSISTENT"}, "verify_mode",
                     id="point-in-time-enhanced"),
        pytest.param(Engine.DATASYNC, {"task_mode": "ENHANCED", "mtime": "NONE"}, "mtime", id="enhanced-mtime"),
        pytest.param(Engine.DATASYNC, {"task_mode": "BASIC", "mtime": "NONE"}, "mtime", id="basic-mtime-alone"),
        pytest.param(Engine.DATASYNC, {"task_mode": "BASIC", "atime": "NONE"}, "atime", id="basic-atime-alone"),
        pytest.param(Engine.DATASYNC, {"mtime": "NONE"}, "mtime", id="no-mode-can-do-mtime-alone"),
        pytest.param(Engine.DATASYNC, {"verify_mode": "POINT_IN_TIME_CONSISTENT", "atime": "NONE"}, "atime",
                     id="point-in-time-needs-basic"),
        pytest.param(Engine.DATASYNC, {"uid": "NAME"}, "uid", id="owner-by-name"),
        pytest.param(Engine.DATASYNC, {"gid": "BOTH"}, "gid", id="group-both"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together(engine, chosen, option):
    (found,) = options.conflicts(_of(chosen), engine)
    assert found.option == option
    assert found.remedy


@pytest.mark.parametrize(
    ("engine", "chosen"),
    [
        (Engine.DATASYNC, {}),
        (Engine.DATASYNC, {"task_mode": "ENHANCED"}),
        (Engine.DATASYNC, {"task_mode": "ENHANCED", "atime": "NONE"}),
        (Engine.DATASYNC, {"task_mode": "BASIC", "atime": "NONE", "mtime": "NONE"}),
        (Engine.DATASYNC, {"atime": "NONE"}),
        (Engine.DATASYNC, {"verify_mode": "POINT_IN_TIME_CONSISTENT"}),
        (Engine.DATASYNC, {"preserve_deleted_files": "REMOVE"}),
        (
            Engine.FERRYLINE,
            {"mtime": "NONE", "task_mode": "ENHANCED", "verify_mode": "POINT_IN_TIME_CONSISTENT"},
        ),
        (Engine.FERRYLINE, {"transfer_mode": "ALL", "overwrite_mode": "NEVER"}),
    ],
)
def test_options_that_go_together(engine, chosen):
    assert options.conflicts(_of(chosen), engine) == ()


def _of(chosen):
    return options.Options(**{name: options.ENUMS[name](value) for name, value in chosen.items()})


def test_flags_become_options_and_remember_what_was_given():
    chosen = options.from_flags({"verify_mode": "NONE", "bytes_per_second": "10MiB", "mtime": None})
    assert chosen.verify_mode is options.VerifyMode.NONE
    assert chosen.bytes_per_second == 10 * 2**20
    assert chosen.given == {"verify_mode", "bytes_per_second"}


def test_wrong_flags_are_all_told_under_their_own_names():
    with pytest.raises(errors.BadUsage) as caught:
        options.from_flags({"verify_mode": "none", "bytes_per_second": "1 Gbs", "overwrite_mode": "NEVER"})
    text = str(caught.value)
    assert "--verify-mode: 'none'" in text
    assert "did you mean 'NONE'?" in text
    assert "--bytes-per-second: '1 Gbs'" in text


def test_flags_and_policy_share_the_rules_of_combination():
    with pytest.raises(
        errors.BadUsage, match="--preserve-deleted-files: .*REMOVE does not go with transfer_mode ALL"
    ):
        options.from_flags({"preserve_deleted_files": "REMOVE", "transfer_mode": "ALL"})


def test_a_flag_that_is_no_option_is_our_own_mistake():
    with pytest.raises(errors.BrokenInvariant):
        options.from_flags({"verify": "NONE"})
