"""The metrics file: whole or as it was, readable by others, and never the end of a run."""

import os
import stat

import pytest

from ferryline import errors
from ferryline.cli import metrics_file


def test_the_file_is_replaced_whole_and_others_may_read_it(tmp_path):
    path = tmp_path / "ferryline.prom"
    path.write_text("old\n")
    before = path.stat().st_ino
    held = path.open()

    assert metrics_file.write(path, "new\n") is None

    assert path.read_text() == "new\n"
    assert path.stat().st_ino != before, "it was written over, so a scrape may see half of it"
    assert held.read() == "old\n"
    held.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["ferryline.prom"]


def test_checking_leaves_nothing_behind(tmp_path):
    assert metrics_file.check(tmp_path / "ferryline.prom") == tmp_path / "ferryline.prom"
    assert os.listdir(tmp_path) == []


def test_while_it_is_written_no_collector_reads_the_rest(tmp_path, monkeypatch):
    seen = []
    real = os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda *given: (seen.append(os.listdir(tmp_path)), real(*given)))

    metrics_file.write(tmp_path / "ferryline.prom", "x\n")

    ((name,),) = seen
    assert not name.endswith(".prom")


@pytest.mark.parametrize("path", ["nowhere/x.prom", "."])
def test_what_cannot_be_written_is_refused_before_the_run(tmp_path, path):
    with pytest.raises(errors.BadUsage, match="--metrics-file"):
        metrics_file.check(tmp_path / path)


def test_what_cannot_be_written_after_the_run_is_a_warning(tmp_path):
    warned = metrics_file.write(tmp_path / "gone" / "x.prom", "x\n")

    assert "No such file" in warned.message
    assert warned.advice


def test_a_failed_rename_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.prom"
    path.mkdir()
    (path / "in").write_text("kept")

    assert metrics_file.write(path, "x\n") is not None

    assert os.listdir(tmp_path) == ["x.prom"]
    assert (path / "in").read_text() == "kept"
