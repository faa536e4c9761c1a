"""The folder, the small rows in its database, and what is refused at the door."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta

import pytest

from ferryline import errors
from ferryline.state import database, mount, open_state, runs, standing
from ferryline.state.places import PROBED_FOR
from tests.unit.state.ground import StillClock, on_disk, opened, put, row


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_the_folder_is_this_users_alone(tmp_path):
    old = os.umask(0)
    try:
        folder = tmp_path / "deep" / "state"
        state = opened(folder)
        state.runs.started("r", "a", "b", StillClock().now())
        put(state.ledger("a", "b"), [row(b"k")])
        with state.lock("b"):
            pass
    finally:
        os.umask(old)
    assert mode(folder) == 0o700
    assert {mode(path) for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert {mode(path) for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_an_open_folder_of_ours_is_closed_and_a_shared_one_is_left(tmp_path):
    ours, shared = tmp_path / "ours", tmp_path / "shared"
    for folder in (ours, shared):
        folder.mkdir()
        folder.chmod(0o755)
    (shared / "thesis.tex").touch()
    opened(ours)
    opened(shared)
    assert (mode(ours), mode(shared)) == (0o700, 0o755)


def test_looking_writes_nothing(tmp_path):
    state = opened(tmp_path / "state")
    assert state.capabilities("e") is None
    assert state.mount("p") is None
    assert state.runs.list() == ()
    assert on_disk(tmp_path) == {}


def test_looking_at_a_state_changes_nothing_in_it(tmp_path):
    state = opened(tmp_path)
    state.remember("e", "{}")
    put(state.ledger("a", "b"), [row(b"k")])
    before = on_disk(tmp_path)
    with opened(tmp_path) as again:
        assert again.capabilities("e") == "{}"
        assert again.mount("p") is None
        assert again.runs.list() == ()
        assert again.ledger("a", "b").rows_count == 1
    assert on_disk(tmp_path) == before


def test_a_file_loads_neither_alembic_nor_sqlalchemy(tmp_path):
    opened(tmp_path).remember("e", "{}")
    script = (
        "import sys; from pathlib import Path; from ferryline.clock import SystemClock\n"
        "from ferryline.state import open_state\n"
        f"state = open_state(Path({str(tmp_path)!r}), SystemClock()); state.ledger('a', 'b')\n"
        "print('sqlalchemy' in sys.modules, end=' ')\n"
        "state.capabilities('e'); state.remember('e', 'seen'); print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False", "False"]


def test_a_probe_is_remembered_for_a_week(tmp_path):
    clock = StillClock()
    state = opened(tmp_path, clock)
    state.remember("https://a|b", "one")
    state.remember("https://a|b", "two")
    state.remember("other", "three")
    assert opened(tmp_path, clock).capabilities("https://a|b") == "two"
    clock.moment += PROBED_FOR
    assert state.capabilities("https://a|b") == "two"
    clock.moment += timedelta(seconds=1)
    assert state.capabilities("https://a|b") is None


def test_a_probe_from_the_future_is_not_believed(tmp_path):
    clock = StillClock()
    opened(tmp_path, clock).remember("e", "seen")
    clock.moment -= timedelta(hours=1)
    assert opened(tmp_path, clock).capabilities("e") is None


def test_a_mount_is_remembered_and_the_same_again_writes_nothing(tmp_path):
    state = opened(tmp_path)
    place = "file:///data\udcff/"
    state.remember_mount(place, "disk 1")
    before = on_disk(tmp_path)
    state.remember_mount(place, "disk 1")
    assert on_disk(tmp_path) == before
    state.remember_mount(place, "disk 2")
    assert opened(tmp_path).mount(place) == "disk 2"


def test_a_run_is_there_from_its_beginning_with_its_document_at_the_end(tmp_path):
    clock = StillClock()
    state = opened(tmp_path, clock)
    state.runs.started("r1", "s3://a/\udcff", "s3://b/\0", clock.now())
    (run,) = opened(tmp_path).runs.list()
    assert (run.run_id, run.source, run.destination) == ("r1", "s3://a/\\xff", "s3://b/\\x00")
    assert (run.began_at, run.ended_at, run.document) == (clock.now(), None, None)
    clock.moment += timedelta(minutes=1)
    state.runs.ended("r1", {"status": "SUCCESS", "key": "\udcff\0é"})
    (run,) = opened(tmp_path).runs.list()
    assert run.document == {"status": "SUCCESS", "key": "\udcff\0é"}
    assert run.ended_at == clock.now()


def test_the_last_runs_of_each_pair_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "KEPT_MAX", 3)
    clock = StillClock()
    state = opened(tmp_path, clock)
    state.runs.started("other", "a", "c", clock.now())
    for number in range(6):
        clock.moment += timedelta(seconds=1)
        state.runs.started(f"r{number}", "a", "b", clock.now())
    assert [run.run_id for run in state.runs.list(10)] == ["r5", "r4", "r3", "other"]
    clock.moment -= timedelta(days=1)  # the clock went back: the run under way is kept nevertheless
    state.runs.started("late", "a", "b", clock.now())
    assert {run.run_id for run in state.runs.list(10)} == {"r5", "r4", "r3", "other", "late"}
    state.runs.ended("late", {})


def test_recording_the_same_run_again_replaces_it(tmp_path):
    state = opened(tmp_path)
    state.runs.started("r", "a", "b", StillClock().now())
    state.runs.started("r", "a", "b", StillClock().now())
    assert len(state.runs.list()) == 1


def test_a_run_that_never_began_cannot_end(tmp_path):
    with pytest.raises(errors.BrokenInvariant):
        opened(tmp_path).runs.ended("r", {})


WRITER = """
import sys
from pathlib import Path
from ferryline.clock import SystemClock
from ferryline.state import open_state
clock = SystemClock()
with open_state(Path(sys.argv[1]), clock) as state:
    for number in range(15):
        state.runs.started(f"{sys.argv[2]}-{number}", "a", sys.argv[2], clock.now())
        state.remember(f"{sys.argv[2]}-{number}", "seen")
"""


def test_processes_that_write_at_once_wait_for_each_other(tmp_path):
    folder = str(tmp_path / "state")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, folder, name]) for name in "bcd"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(opened(tmp_path / "state").runs.list()) == 45


def test_sqlite_keeps_its_rollback_journal_and_full_syncs(tmp_path):
    path = tmp_path / "ferryline.db"
    seen = sqlite3.connect(path)
    seen.execute("PRAGMA journal_mode = WAL")  # somebody's tool, or another program
    seen.close()
    opened(tmp_path).remember("e", "{}")
    store = database.FileDatabase(path)
    assert store.rows("PRAGMA journal_mode", {}) == [("delete",)]
    assert store.rows("PRAGMA synchronous", {}) == [(2,)]


def test_a_fresh_database_is_what_the_migrations_make(tmp_path):
    import sqlalchemy as sql
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from ferryline.state import migrate, schema

    folder = os.path.dirname(migrate.__file__) + "/migrations"
    assert [one.revision for one in ScriptDirectory(folder).walk_revisions()][::-1] == list(
        standing.REVISIONS
    )
    engine = sql.create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.begin() as connection:
        migrate.to_newest(connection)
    opened(tmp_path).remember("e", "{}")
    made = sql.create_engine(f"sqlite:///{tmp_path / 'ferryline.db'}")
    for one in (engine, made):
        with one.connect() as connection:
            assert connection.scalar(sql.select(schema.REVISION.c.version_num)) == standing.NEWEST
            assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
    made.dispose()
    engine.dispose()


def test_an_older_database_is_migrated_where_it_stands(tmp_path, monkeypatch):
    path = tmp_path / "ferryline.db"
    seen = sqlite3.connect(path)
    seen.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    seen.execute("INSERT INTO alembic_version VALUES ('0000')")
    seen.commit()
    seen.close()
    monkeypatch.setattr(standing, "REVISIONS", ("0000", *standing.REVISIONS))
    from ferryline.state import migrate

    asked = []
    monkeypatch.setattr(migrate, "to_newest", lambda connection: asked.append(connection.closed))
    with pytest.raises(errors.DiskFailed):  # the pretended migration made no table
        opened(tmp_path).remember("e", "{}")
    assert asked == [False]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs"])
def test_a_folder_on_a_network_file_system_is_refused(tmp_path, monkeypatch, kind):
    asked = []
    monkeypatch.setattr(mount, "kind_of", lambda folder: asked.append(folder) or kind)
    with pytest.raises(errors.BadUsage, match=f"lies on {kind}") as refused:
        opened(tmp_path / "state")
    assert "--state" in refused.value.advice
    assert asked == [tmp_path / "state"]
    assert on_disk(tmp_path) == {}


MOUNTS = """\
22 1 253:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:45 / /home rw shared:1 - nfs4 server:/home rw,vers=4.2
31 30 253:9 / /home/local\\040disk rw - xfs /dev/vdb rw
40 22 0:50 / /mnt/share rw - cifs //server/share rw
50 22 0:60 /sub /data rw - btrfs /dev/vdc rw
broken line
"""


@pytest.mark.parametrize(
    ("device", "path", "kind"),
    [
        ("253:0", "/var/state", "ext4"),
        ("0:45", "/home/ann/state", "nfs4"),
        ("253:9", "/home/local disk/state", "xfs"),
        ("0:50", "/mnt/share", "cifs"),
        ("0:99", "/data/subvolume/state", "btrfs"),
        ("253:0", "/homely", "ext4"),
    ],
)
def test_the_mount_above_a_folder_says_its_kind(device, path, kind):
    assert mount.found(MOUNTS, device, path) == kind


def test_this_machines_own_table_is_understood(tmp_path):
    kind = mount.kind_of(tmp_path)
    assert kind
    assert not mount.is_network(kind)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:hidden@h/d", "mysql"),
        ("nonsense hidden", "not a URL"),
    ],
)
def test_other_databases_are_refused_without_telling_secrets(tmp_path, url, said):
    with pytest.raises(errors.BadUsage, match=said) as refused:
        open_state(tmp_path, StillClock(), database_url=url)
    assert "hidden" not in str(refused.value)
