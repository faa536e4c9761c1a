"""State folders that are full, read-only, damaged, locked, foreign, restored or newer.

Nothing takes effect without its record, nothing damaged is believed, and losing it all costs time only.
Each test shows that its fault fired: by the errno, by the kind, or by a record of the injection.
"""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess

import pytest

from ferryline import errors
from ferryline.state import sealing, segment, standing
from tests.unit.state.ground import batch, held, ledger_in, on_disk, opened, put, row

ROWS = [row(b"k%04d" % number, number) for number in range(60)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sealing, "BLOCK_ROWS", 16)


@contextlib.contextmanager
def mounted(folder, options):
    folder.mkdir(exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    with mounted(tmp_path / "disk", "size=512k") as folder:
        yield folder


def fill(folder):
    with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"x" * 4096)


def test_a_full_disk_leaves_the_run_unrecorded_and_says_so(small_disk):
    state = opened(small_disk / "state")
    state.runs.started("old", "a", "b", state._clock.now())
    fill(small_disk)
    with pytest.raises(errors.DiskFailed, match="full") as stopped:
        for number in range(1000):
            state.runs.started(f"new{number}", "a" * 5000, "b", state._clock.now())
    assert "free space" in stopped.value.advice
    (small_disk / "ballast").unlink()
    assert len([run for run in state.runs.list() if run.run_id == "old"]) == 1
    state.runs.started("later", "a", "b", state._clock.now())


def test_a_full_disk_stops_the_lock(small_disk):
    state = opened(small_disk / "state")
    fill(small_disk)
    with pytest.raises(errors.DiskFailed, match="ENOSPC"), state.lock("b"):
        pytest.fail("a lock without its note")


def test_a_full_disk_during_an_update_keeps_what_was_there(small_disk):
    ledger = ledger_in(small_disk / "state")
    put(ledger, ROWS)
    with pytest.raises(errors.DiskFailed, match="ENOSPC") as stopped, ledger.update() as update:
        for number in range(100):
            update.put(batch([row(os.urandom(1000), number) for _ in range(100)]))
            update.checkpoint()
    assert "free space" in stopped.value.advice
    kept = held(ledger_in(small_disk / "state"))
    assert set(ROWS) <= set(kept)
    assert ledger_in(small_disk / "state").rows_count == len(kept)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_disk_that_fails_at_any_call_leaves_the_old_rows(tmp_path, monkeypatch, call, number):
    ledger = ledger_in(tmp_path)
    put(ledger, ROWS)
    fired = []

    def fail(*_):
        fired.append(call)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(errors.DiskFailed, match=errno.errorcode[number]) as stopped:
        put(ledger, [row(b"new")])
    monkeypatch.undo()
    assert fired
    assert "--state" in stopped.value.advice
    assert held(ledger_in(tmp_path)) == ROWS
    put(ledger_in(tmp_path), [row(b"new")])
    assert held(ledger_in(tmp_path)) == [*ROWS, row(b"new")]


def test_a_read_only_disk_is_refused_at_the_door(small_disk):
    folder = small_disk / "state"
    opened(folder)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for place in (folder, small_disk / "new"):
        with pytest.raises(errors.DiskFailed, match="EROFS") as refused:
            opened(place)
        assert "--state" in refused.value.advice


def test_a_disk_that_turns_read_only_stops_the_run_before_its_first_effect(small_disk):
    state = opened(small_disk / "state")
    state.runs.started("r", "a", "b", state._clock.now())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(errors.DiskFailed):
        state.runs.started("r2", "a", "b", state._clock.now())
    with pytest.raises(errors.DiskFailed, match="EROFS"), state.lock("b"):
        pytest.fail("locked")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "state").touch()
    with pytest.raises(errors.DiskFailed, match="ENOTDIR"):
        opened(tmp_path / "state")


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, rights: asked.append(path) or False)
    with pytest.raises(errors.DiskFailed, match="EACCES"):
        opened(tmp_path)
    assert asked == [tmp_path]


def damage(path, at, length=64):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes(byte ^ 0x5A for byte in path.read_bytes()[at : at + length]))


@pytest.mark.parametrize("how", ["not a database", "a page", "the header"])
def test_a_damaged_database_is_refused_with_what_to_do(tmp_path, how):
    path = tmp_path / "ferryline.db"
    state = opened(tmp_path)
    for number in range(50):
        state.runs.started(f"r{number}", "a" * 200, "b", state._clock.now())
    if how == "not a database":
        path.write_bytes(b"<html>it works</html>" * 100)
    else:
        damage(path, 20 if how == "the header" else 8192, 2048 if how == "a page" else 40)
    with pytest.raises(errors.DiskFailed) as refused:
        opened(tmp_path)
    assert refused.value.kind == "state-damaged"
    assert f"move {path} away" in refused.value.advice
    assert "nothing in it is needed" in refused.value.advice
    path.rename(tmp_path / "away")
    assert opened(tmp_path).runs.list() == ()


def test_damage_that_appears_during_a_run_stops_it(tmp_path):
    state = opened(tmp_path)
    state.remember("e", "{}")
    (tmp_path / "ferryline.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(errors.DiskFailed) as stopped:
        state.runs.started("r", "a", "b", state._clock.now())
    assert stopped.value.kind == "state-damaged"


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "ferryline.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE recipes (name TEXT)")
    theirs.commit()
    theirs.close()
    before = on_disk(tmp_path)
    with pytest.raises(errors.BadUsage, match="not one of Ferryline's"):
        opened(tmp_path)
    assert on_disk(tmp_path) == before


def test_a_newer_versions_database_is_refused_and_left_alone(tmp_path):
    opened(tmp_path).remember("e", "{}")
    newer = sqlite3.connect(tmp_path / "ferryline.db")
    newer.execute("UPDATE alembic_version SET version_num = '0042'")
    newer.commit()
    newer.close()
    before = on_disk(tmp_path)
    with pytest.raises(errors.BadUsage, match="0042") as refused:
        opened(tmp_path)
    assert refused.value.kind == "state-newer"
    assert on_disk(tmp_path) == before


def test_a_database_that_stays_locked_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(standing, "BUSY_SECONDS", 0)
    state = opened(tmp_path)
    state.remember("e", "{}")
    other = sqlite3.connect(tmp_path / "ferryline.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.DiskFailed, match="locked") as stopped:
        state.runs.started("r", "a", "b", state._clock.now())
    assert stopped.value.kind == "state-busy"
    assert state.capabilities("e") == "{}"  # looking takes no write lock
    other.execute("COMMIT")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(errors.DiskFailed, match="locked"):
        opened(tmp_path)
    other.close()
    state.runs.started("r", "a", "b", state._clock.now())
    assert [run.run_id for run in state.runs.list()] == ["r"]


def the_segment(folder):
    (found,) = ledger_in(folder).folder.glob("*.segment")
    return found


def test_every_damaged_byte_that_a_reader_uses_is_noticed(tmp_path):
    put(ledger_in(tmp_path), ROWS)
    path = the_segment(tmp_path)
    whole = path.read_bytes()
    blocks = segment.opened(path).blocks
    index, _, _, _ = segment.TRAILER.unpack(whole[-segment.TRAILER.size :])
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        if at >= index or any(block.offset <= at < block.offset + block.size for block in blocks):
            with pytest.raises(errors.DiskFailed) as refused:
                held(ledger_in(tmp_path))
            assert refused.value.kind == "state-damaged"
            assert f"remove the folder {path.parent}" in refused.value.advice
        else:
            assert held(ledger_in(tmp_path)) == ROWS  # the schema and the end mark are for other readers


@pytest.mark.parametrize("keep", [0, 10, 39, 500, -1, -40])
def test_a_cut_segment_is_noticed(tmp_path, keep):
    put(ledger_in(tmp_path), ROWS)
    path = the_segment(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(errors.DiskFailed) as refused:
        held(ledger_in(tmp_path))
    assert refused.value.kind == "state-damaged"


def test_a_segment_that_is_gone_is_noticed(tmp_path):
    put(ledger_in(tmp_path), ROWS)
    the_segment(tmp_path).unlink()
    with pytest.raises(errors.DiskFailed, match="gone"):
        ledger_in(tmp_path)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"format": "ferryline.ledger/1"}'])
def test_a_damaged_list_is_noticed(tmp_path, body):
    ledger = ledger_in(tmp_path)
    put(ledger, ROWS)
    (ledger.folder / "current.json").write_bytes(body)
    with pytest.raises(errors.DiskFailed) as refused:
        ledger_in(tmp_path)
    assert refused.value.kind == "state-damaged"


def test_a_changed_count_in_the_list_is_noticed(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, ROWS)
    path = ledger.folder / "current.json"
    path.write_text(path.read_text().replace('"rows": 60', '"rows": 90'))
    with pytest.raises(errors.DiskFailed, match="checksum"):
        ledger_in(tmp_path)


def test_a_newer_versions_ledger_is_refused(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, ROWS)
    path = ledger.folder / "current.json"
    path.write_text(path.read_text().replace("ferryline.ledger/1", "ferryline.ledger/2"))
    with pytest.raises(errors.BadUsage) as refused:
        ledger_in(tmp_path)
    assert refused.value.kind == "state-newer"


def test_a_reader_follows_a_list_that_is_replaced_while_it_opens_segments(tmp_path, monkeypatch):
    put(ledger_in(tmp_path), ROWS)
    real, raced = segment.opened, []

    def racing(path):
        if not raced:
            raced.append(path)
            put(ledger_in(tmp_path), [row(one[0], 99) for one in ROWS])
        return real(path)

    monkeypatch.setattr(segment, "opened", racing)
    assert held(ledger_in(tmp_path)) == [row(one[0], 99) for one in ROWS]
    assert raced


@pytest.mark.parametrize("over", ["nothing", "the newer state"])
def test_an_older_backup_gives_the_older_rows_and_nothing_worse(tmp_path, over):
    folder, backup = tmp_path / "state", tmp_path / "backup"
    put(ledger_in(folder), ROWS)
    opened(folder).remember("e", "old")
    shutil.copytree(folder, backup)
    put(ledger_in(folder), [row(one[0], 7) for one in ROWS[:30]], forget=[one[0] for one in ROWS[30:40]])
    opened(folder).remember("e", "new")
    if over == "nothing":
        shutil.rmtree(folder)
    shutil.copytree(backup, folder, dirs_exist_ok=True)
    ledger = ledger_in(folder)
    assert held(ledger) == ROWS
    assert ledger.rows_count == len(ROWS)
    assert opened(folder).capabilities("e") == "old"
    put(ledger, [row(b"z")])
    assert held(ledger_in(folder)) == [*ROWS, row(b"z")]


def test_losing_the_folder_during_a_run_stops_it_by_name(tmp_path):
    ledger = ledger_in(tmp_path / "state")
    put(ledger, ROWS)
    with ledger.update() as update:
        update.put(batch([row(b"a")]))
        update.checkpoint()
        shutil.rmtree(tmp_path / "state")
        update.put(batch([row(b"b")]))
        with pytest.raises(errors.DiskFailed, match="ENOENT"):
            update.checkpoint()
