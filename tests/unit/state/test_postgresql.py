"""The same small rows in PostgreSQL: a real server, started for these tests in a folder of its own."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from ferryline import errors
from ferryline.state import open_state, standing
from tests.unit.state.ground import StillClock

pytestmark = pytest.mark.postgresql

AS_POSTGRES = (
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
)


def binary(name):
    places = [shutil.which(name), *sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)]
    found = next((place for place in places if place and os.access(place, os.X_OK)), None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    initdb, pg_ctl = binary("initdb"), binary("pg_ctl")
    # Not below pytest's own folder: that one is closed to the user the server runs as.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as home:
        if AS_POSTGRES:
            shutil.chown(home, "postgres", "postgres")
        data = os.path.join(home, "data")
        settings = {"check": True, "capture_output": True, "cwd": "/"}
        subprocess.run(
            [
                *AS_POSTGRES,
                initdb,
                "-D",
                data,
                "-U",
                "ferry",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            **settings,
        )
        port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        start = [pg_ctl, "-D", data, "-w", "-l", os.path.join(home, "log"), "-o", options, "start"]
        subprocess.run([*AS_POSTGRES, *start], **settings)
        try:
            yield f"postgresql://ferry:hidden@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*AS_POSTGRES, pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"], **settings)


@pytest.fixture
def url(server):
    """The server with no table in it."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server


def test_facts_are_remembered_across_openings(url, tmp_path):
    clock = StillClock()
    with open_state(tmp_path, clock, url) as state:
        state.runs.started("r", "s3://a/\0", "b", clock.now())
        state.remember("e", "seen")
        state.remember_mount("p", "disk 1")
        state.remember_mount("p", "disk 2")
        state.runs.ended("r", {"key": "\udcff\0é"})
    with open_state(tmp_path / "elsewhere", clock, url) as state:
        assert state.capabilities("e") == "seen"
        assert state.mount("p") == "disk 2"
        (run,) = state.runs.list()
        assert (run.source, run.document) == ("s3://a/\\x00", {"key": "\udcff\0é"})
    assert not (tmp_path / "ferryline.db").exists()


def test_the_schema_is_what_the_migrations_make(url, tmp_path):
    import sqlalchemy as sql
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from ferryline.state import migrate, schema

    engine = sql.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sql.pool.NullPool)
    with engine.begin() as connection:
        migrate.to_newest(connection)
    with engine.connect() as connection:
        assert connection.scalar(sql.select(schema.REVISION.c.version_num)) == standing.NEWEST
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
    open_state(tmp_path, StillClock(), url).remember("e", "seen")


def test_two_hosts_that_make_the_tables_at_once_do_not_collide(url, tmp_path):
    failures = []

    def remember(number):
        try:
            open_state(tmp_path / str(number), StillClock(), url).remember(f"e{number}", "seen")
        except errors.FerrylineError as failure:
            failures.append(failure)

    both = [threading.Thread(target=remember, args=(number,)) for number in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert failures == []
    assert open_state(tmp_path, StillClock(), url).capabilities("e3") == "seen"


def test_a_newer_schema_is_refused(url, tmp_path):
    import psycopg

    open_state(tmp_path, StillClock(), url).remember("e", "seen")
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
    with pytest.raises(errors.BadUsage, match="0042") as refused:
        open_state(tmp_path, StillClock(), url).capabilities("e")
    assert "hidden" not in str(refused.value)


def test_a_server_that_is_not_there_stops_the_run_and_tells_no_password(url, tmp_path):
    away = url.rsplit(":", 1)[0] + f":{free_port()}/postgres"
    state = open_state(tmp_path, StillClock(), away)
    with pytest.raises(errors.EndpointFailed, match="127.0.0.1") as stopped:
        state.runs.started("r", "a", "b", StillClock().now())
    assert "hidden" not in str(stopped.value)
    assert stopped.value.kind == "state-database"


REMEMBERED = {
    "an endpoint": ("INSERT INTO endpoints VALUES ('e', 'old', '2026-11-01T12:00:00+00:00')",
                    lambda state: state.remember("e", "new"),
                    lambda state: state.capabilities("e") == "new"),
    "a disk": ("INSERT INTO mounts VALUES ('p', 'old')",
               lambda state: state.remember_mount("p", "new"),
               lambda state: state.mount("p") == "new"),
    "a run": ("INSERT INTO runs VALUES ('r', 's', 'd', '2026-11-01T12:00:00+00:00', NULL, NULL)",
              lambda state: state.runs.started("r", "a", "b", StillClock().now()),
              lambda state: [one.source for one in state.runs.list()] == ["a"]),
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours", "told"), REMEMBERED.values(), ids=REMEMBERED)
def test_what_another_transaction_is_just_writing_is_waited_for_and_replaced(
    url, tmp_path, theirs, ours, told
):
    import psycopg

    state = open_state(tmp_path, StillClock(), url)
    state.remember("first", "makes the tables")
    failures = []

    def say():
        try:
            ours(state)
        except errors.FerrylineError as failure:
            failures.append(failure)

    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watching:
        other.execute(theirs)
        saying = threading.Thread(target=say)
        saying.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while saying.is_alive() and not watching.execute(waits).fetchone()[0]:
            pass
        assert saying.is_alive(), "it must wait for the other one's commit"
        other.commit()
        saying.join()

    assert failures == []
    assert told(state)
