"""The same small rows in PostgreSQL, a real server: what hosts share, and what stays each host's own."""

import threading

import pytest

from ferryline import errors
from ferryline.state import open_state, standing
from tests.conftest import free_port
from tests.unit.state.ground import StillClock

pytestmark = pytest.mark.postgresql


def test_facts_are_remembered_across_openings(postgresql, tmp_path):
    clock = StillClock()
    with open_state(tmp_path, clock, postgresql) as state:
        state.runs.started("r", "s3://a/\0", "b", clock.now())
        state.remember("e", "seen")
        state.remember_mount("p", "disk 1")
        state.remember_mount("p", "disk 2")
        state.runs.ended("r", {"key": "\udcff\0é"})
    with open_state(tmp_path / "elsewhere", clock, postgresql) as state:
        assert state.capabilities("e") == "seen"
        assert state.mount("p") is None, "another host, or another folder, has other disks and ledgers"
        (run,) = state.runs.list()
        assert (run.source, run.document) == ("s3://a/\\x00", {"key": "\udcff\0é"})
    with open_state(tmp_path, clock, postgresql) as state:
        assert state.mount("p") == "disk 2"


LOOPBACK = [
    "http://127.0.0.1:9000|train",
    "https://127.8.9.1:9000|train",
    "http://127.1|train",
    "http://[::1]:9000|train",
    "http://[::ffff:127.0.0.1]:9000|train",
    "http://LOCALHOST:9000|train (SSE-C)",
    "http://s3.localhost.|train",
    "http://0.0.0.0:9000|train",
]


@pytest.mark.parametrize("endpoint", LOOPBACK)
def test_what_a_server_on_one_host_honours_is_no_other_hosts_to_believe(postgresql, tmp_path, endpoint):
    with open_state(tmp_path / "one", StillClock(), postgresql) as state:
        state.remember(endpoint, "honours everything")
        assert state.capabilities(endpoint) == "honours everything"
    with open_state(tmp_path / "another", StillClock(), postgresql) as state:
        assert state.capabilities(endpoint) is None


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example|train", "http://10.0.0.1:9000|train", "http://[fd00::1]|train", "aws|b"]
)
def test_what_a_server_of_all_hosts_honours_is_told_to_all(postgresql, tmp_path, endpoint):
    with open_state(tmp_path / "one", StillClock(), postgresql) as state:
        state.remember(endpoint, "honours everything")
    with open_state(tmp_path / "another", StillClock(), postgresql) as state:
        assert state.capabilities(endpoint) == "honours everything"


def test_the_schema_is_what_the_migrations_make(postgresql, tmp_path):
    import sqlalchemy as sql
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from ferryline.state import migrate, schema

    engine = sql.create_engine(
        postgresql.replace("postgresql:", "postgresql+psycopg:"), poolclass=sql.pool.NullPool
    )
    with engine.begin() as connection:
        migrate.to_newest(connection)
    with engine.connect() as connection:
        assert connection.scalar(sql.select(schema.REVISION.c.version_num)) == standing.NEWEST
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
    open_state(tmp_path, StillClock(), postgresql).remember("e", "seen")


def test_two_hosts_that_make_the_tables_at_once_do_not_collide(postgresql, tmp_path):
    failures = []

    def remember(number):
        try:
            open_state(tmp_path / str(number), StillClock(), postgresql).remember(f"e{number}", "seen")
        except errors.FerrylineError as failure:
            failures.append(failure)

    both = [threading.Thread(target=remember, args=(number,)) for number in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert failures == []
    assert open_state(tmp_path, StillClock(), postgresql).capabilities("e3") == "seen"


def test_a_newer_schema_is_refused(postgresql, tmp_path):
    import psycopg

    open_state(tmp_path, StillClock(), postgresql).remember("e", "seen")
    with psycopg.connect(postgresql) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
    with pytest.raises(errors.BadUsage, match="0042") as refused:
        open_state(tmp_path, StillClock(), postgresql)
    assert "hidden" not in str(refused.value)


def test_a_server_that_is_not_there_stops_the_run_and_tells_no_password(postgresql, tmp_path):
    away = postgresql.rsplit(":", 1)[0] + f":{free_port()}/postgres"
    with pytest.raises(errors.EndpointFailed, match="127.0.0.1") as stopped:
        open_state(tmp_path, StillClock(), away)
    assert "hidden" not in str(stopped.value)
    assert stopped.value.kind == "state-database"


REMEMBERED = {
    "an endpoint": ("INSERT INTO endpoints VALUES ('e', 'old', '2026-11-01T12:00:00+00:00')",
                    lambda state: state.remember("e", "new"),
                    lambda state: state.capabilities("e") == "new"),
    "a run": ("INSERT INTO runs VALUES ('r', 's', 'd', '2026-11-01T12:00:00+00:00', NULL, NULL)",
              lambda state: state.runs.started("r", "a", "b", StillClock().now()),
              lambda state: [one.source for one in state.runs.list()] == ["a"]),
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours", "told"), REMEMBERED.values(), ids=REMEMBERED)
def test_what_another_transaction_is_just_writing_is_waited_for_and_replaced(
    postgresql, tmp_path, theirs, ours, told
):
    import psycopg

    state = open_state(tmp_path, StillClock(), postgresql)
    state.remember("first", "makes the tables")
    failures = []

    def say():
        try:
            ours(state)
        except errors.FerrylineError as failure:
            failures.append(failure)

    with psycopg.connect(postgresql) as other, psycopg.connect(postgresql, autocommit=True) as watching:
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
