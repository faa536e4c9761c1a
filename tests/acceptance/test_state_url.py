"""`--state URL`: several hosts share a PostgreSQL database, or one host names its SQLite file."""

import json
from pathlib import Path

import pytest

from ferryline.clock import SystemClock
from ferryline.config import environment
from ferryline.state import open_state
from ferryline.testing.strict import Lie, Put
from tests.commanding import url
from tests.conftest import free_port
from tests.datasets import NAME, s3, write_policy

HIDDEN = "hidden"


@pytest.fixture
def pair(strict):
    strict.bucket("source").put_many({f"data/{number}": b"bytes %d" % number for number in range(5)})
    return url(strict, "source"), url(strict, "destination")


@pytest.fixture
def shared(postgresql):
    return postgresql.replace("postgresql:", "postgresql+psycopg:")


def rows(postgresql, question):
    import psycopg

    with psycopg.connect(postgresql) as connection:
        return connection.execute(question).fetchall()


def everything_below(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


COMMANDS = {
    "copy": ("copy", "SRC", "DST", "--json"),
    "plan": ("plan", "SRC", "DST", "--json"),
    "verify": ("verify", "SRC", "DST", "--json"),
    "sync": ("sync", NAME, "--json"),
    "plan dataset": ("plan", NAME, "--json"),
    "adopt": ("adopt", NAME, "--replica", "there", "--json"),
    "verify dataset": ("verify", NAME, "--json"),
    "status": ("status", NAME, "--json"),
    "snapshots": ("snapshots", "list", NAME, "--json"),
    "check": ("check", "--online", "--json"),
    "unlock": ("unlock", NAME, "--replica", "there", "--json"),
}  # fmt: skip


def words(name, pair):
    return [dict(zip(("SRC", "DST"), pair, strict=True)).get(word, word) for word in COMMANDS[name]]


@pytest.fixture
def policy(strict, user):
    strict.bucket("source").put("data/a", b"x")
    places = {"source": s3(strict, "source"), "there": s3(strict, "destination")}
    write_policy(user.folder, places, ["there/data/"])


@pytest.mark.postgresql
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_a_server_and_none_tells_its_password(user, pair, policy, shared, name):
    if name in ("verify", "adopt", "verify dataset", "status", "snapshots"):
        assert user.run("sync", NAME, state=shared).code == 0

    said = user.run(*words(name, pair), state=shared)

    assert said.code == 0, said.err
    assert HIDDEN not in said.out + said.err
    assert HIDDEN.encode() not in everything_below(user.folder)


@pytest.mark.postgresql
@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_cannot_be_reached_ends_every_command_with_4(user, pair, policy, name):
    away = f"postgresql+psycopg://ferry:{HIDDEN}@127.0.0.1:{free_port()}/state?application_name={HIDDEN}"

    said = user.run(*words(name, pair), state=away)

    assert said.code == 4, said.err + said.out
    assert "the state database postgresql://ferry@127.0.0.1" in said.err
    assert HIDDEN not in said.out + said.err


@pytest.mark.postgresql
def test_what_one_host_did_another_one_knows_and_its_own_servers_stay_its_own(
    user, strict, pair, shared, postgresql
):
    assert user.run("copy", *pair, state=shared).code == 0
    strict.forget()
    for path in sorted((user.folder / ".local").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    strict.bucket("source").put("data/new", b"new")

    again = user.run("copy", *pair, "--json", state=shared)

    assert again.document["files_transferred"] == 1
    assert [one for one in strict.seen if b"/probe/" in one.key], "the loopback of another host is another"
    assert len(rows(postgresql, "SELECT * FROM runs")) == 2
    assert rows(postgresql, "SELECT * FROM leases") == []
    documents = json.dumps(rows(postgresql, "SELECT document FROM runs"))
    assert HIDDEN not in documents


@pytest.mark.postgresql
@pytest.mark.parametrize(("command", "folder"), [("copy", ""), ("sync", "data/")])
def test_two_hosts_never_write_to_one_destination(
    user, strict, pair, policy, shared, command, folder, tmp_path
):
    destination = f"{strict.endpoint_url}|s3://destination/{folder}"
    with open_state(tmp_path / "other-host", SystemClock(), shared) as other, other.lock(destination):
        refused = user.run(*words(command, pair), state=shared)
        asked = strict.count("PutObject", "CreateMultipartUpload", "DeleteObject")

    free = user.run(*words(command, pair), state=shared)

    assert refused.code == 6, refused.err
    assert "its lease ends in" in refused.err
    assert asked == 0
    assert free.code == 0, free.err
    run = free.document["runs"][0] if command == "sync" else free.document
    assert run["fencing"] == ("conditional" if command == "sync" else "database")


@pytest.mark.postgresql
def test_two_hosts_may_each_write_to_a_folder_of_one_name(user, pair, shared, monkeypatch, tmp_path):
    destination = f"file://{user.folder}/scratch/"
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("socket.gethostname", lambda: "another-host")
        other = open_state(tmp_path / "other-host", SystemClock(), shared)
        held = other.lock(destination)
        held.__enter__()
    try:
        said = user.run("copy", pair[0], f"{user.folder}/scratch", "--json", state=shared)
    finally:
        held.__exit__(None, None, None)

    assert said.code == 0, said.err
    assert said.document["fencing"] == "local"


@pytest.mark.postgresql
def test_a_run_whose_lease_was_taken_writes_nothing_more(user, strict, pair, shared, postgresql):
    import psycopg

    from ferryline.state import lease

    strict.bucket("source").put_many({f"more/{number:04}": b"x" * 100 for number in range(300)})
    taken = []

    def take(_seen):
        if not taken:
            taken.append(1)
            with psycopg.connect(postgresql) as connection:
                connection.execute("UPDATE leases SET token = 'another', host = 'another-host'")
            for one in leases:
                one.renew()

    leases = []
    original = lease.Lease.take

    def remembered(self):
        original(self)
        leases.append(self)

    strict.before("PutObject", take)
    lease.Lease.take = remembered
    try:
        said = user.run("copy", *pair, "--json", state=shared)
    finally:
        lease.Lease.take = original

    assert taken
    assert said.code == 6, said.err
    assert said.document["stopped"]["kind"] == "lease-lost"
    assert said.document["files_transferred"] < 305


@pytest.mark.postgresql
@pytest.mark.parametrize("command", ["copy", "sync"])
def test_an_upload_whose_lease_was_lost_meanwhile_is_not_completed(
    user, strict, pair, policy, shared, postgresql, monkeypatch, command
):
    import psycopg

    from ferryline.state import lease

    strict.bucket("source").put("data/large", b"x" * (30 * 1024 * 1024), Put(part_bytes=5 * 1024 * 1024))
    leases, taken = [], []
    take = lease.Lease.take

    def remembered(self):
        take(self)
        leases.append(self)

    def lose(exchange):
        if exchange.request.key == b"data/large" and not taken:
            taken.append(1)
            with psycopg.connect(postgresql) as connection:
                connection.execute("UPDATE leases SET token = 'another', host = 'another-host'")
            for one in leases:
                one.renew()

    monkeypatch.setattr(lease.Lease, "take", remembered)
    strict.before("UploadPart", lose)

    said = user.run(*words(command, pair), state=shared)

    assert taken
    assert said.code == 6, said.err
    assert not [one for one in strict.requests("CompleteMultipartUpload") if one.key == b"data/large"]
    assert strict.bucket("destination").get("data/large") is None


@pytest.mark.postgresql
def test_where_the_endpoint_compares_nothing_a_tag_says_that_the_database_kept_one_writer(
    user, strict, policy, shared
):
    strict.lie(Lie.IGNORES_WRITE_PRECONDITIONS, Lie.IGNORES_COMPLETE_PRECONDITIONS)
    snapshot = user.run("sync", NAME, "--json", state=shared).document["runs"][0]["snapshot"]

    told = user.run("snapshots", "tag", NAME, "v1", snapshot, state=shared)
    document = user.run("snapshots", "tag", NAME, "v2", snapshot, "--json", state=shared).document
    alone = user.run("snapshots", "tag", NAME, "v3", snapshot)

    assert "fencing: database, by a lease among the hosts that share it" in told.out
    assert [one["fencing"] for one in document["replicas"]] == ["database"]
    assert "fencing: local, by this host's lock alone" in alone.out


@pytest.mark.postgresql
def test_a_newer_schema_is_refused_by_name(user, pair, shared, postgresql):
    import psycopg

    assert user.run("copy", *pair, state=shared).code == 0
    with psycopg.connect(postgresql) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")

    said = user.run("copy", *pair, state=shared)

    assert said.code == 2
    assert "a newer version of Ferryline wrote" in said.err and "0042" in said.err
    assert HIDDEN not in said.err


@pytest.mark.postgresql
def test_a_plan_makes_no_table(user, pair, shared, postgresql):
    assert user.run("plan", *pair, state=shared).code == 0

    assert (
        rows(postgresql, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        == []
    )


def test_without_the_driver_the_extra_is_named(user, pair, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    said = user.run("copy", *pair, state=f"postgresql://ferry:{HIDDEN}@127.0.0.1/d")

    assert said.code == 2
    assert "pip install 'ferryline[postgres]'" in said.err
    assert HIDDEN not in said.err


@pytest.mark.parametrize("relative", [True, False])
def test_a_sqlite_file_may_be_named(user, pair, relative, tmp_path):
    path = user.folder / "kept/mine.db" if relative else tmp_path / "kept/mine.db"
    place = "sqlite:///kept/mine.db" if relative else f"sqlite:///{path}"

    assert user.run("copy", *pair, state=place).code == 0

    assert path.is_file()
    assert (path.parent / "ledgers").is_dir()
    assert not (path.parent / "ferryline.db").exists()
    assert user.run("plan", *pair, "--json", state=place).document["changes"] == 0


REFUSED = [
    "s3://bucket/state",
    f"mysql://u:{HIDDEN}@h/d",
    f"postgres://u:{HIDDEN}@h/d",
    "sqlite://",
    "sqlite:///",
    "sqlite:///:memory:",
    f"sqlite:///a.db?key={HIDDEN}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_other_urls_are_refused_without_their_secrets(user, pair, text):
    said = user.run("copy", *pair, state=text)

    assert said.code == 2
    assert "postgresql+psycopg://USER@HOST/DATABASE" in said.err
    assert HIDDEN not in said.err


UNREADABLE = {
    "a port that is a word": (f"127.0.0.1:{HIDDEN}/d", 2, "postgresql+psycopg://USER@HOST/DATABASE"),
    "half an address": (f"[::1/{HIDDEN}", 2, "postgresql+psycopg://USER@HOST/DATABASE"),
    "a password with @": (f"{HIDDEN}@127.0.0.1:1/d", 2, "percent-encode the password"),
    "a password with @ and :": (f"x:{HIDDEN}@127.0.0.1:1/d", 2, "percent-encode the password"),
    "a password with @ and /": (f"x/{HIDDEN}@127.0.0.1:1/d", 2, "percent-encode the password"),
    "a password with @ and ?": (f"{HIDDEN}?x@127.0.0.1:1/d", 2, "percent-encode the password"),
    "ports of other hosts": (
        f"h/d?host=a:1,b:2&port=1,2,{HIDDEN}",
        2,
        "postgresql+psycopg://USER@HOST/DATABASE",
    ),
    "an option that is none": (f"127.0.0.1:1/d?{HIDDEN}={HIDDEN}", 4, "as its URL asks"),
    "a value that is none": (f"127.0.0.1:1/d?sslmode={HIDDEN}", 4, "as its URL asks"),
    "a time that is none": (f"127.0.0.1:1/d?connect_timeout={HIDDEN}", 4, "as its URL asks"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_wrong_in_a_servers_url_is_said_without_it(user, pair, name):
    rest, code, words = UNREADABLE[name]

    said = user.run("copy", *pair, state=f"postgresql://u:{HIDDEN}@{rest}")

    assert said.code == code, said.err
    assert words in said.err
    assert HIDDEN not in said.out + said.err


@pytest.mark.postgresql
def test_what_a_server_says_of_a_connection_is_told_by_its_code_where_the_url_has_a_query(user, pair, shared):
    said = user.run("copy", *pair, state=f"{shared}?dbname={HIDDEN}")

    assert said.code == 4, said.err
    assert "SQLSTATE 3D000" in said.err or "as its URL asks" in said.err
    assert HIDDEN not in said.err


SERVER = f"postgresql+psycopg://u:{HIDDEN}@h/d"


@pytest.mark.parametrize(
    ("flag", "variable", "folder", "database"),
    [
        (None, None, "/home/me/.local/state/ferryline", None),
        ("here", "/var/other", "/work-dir/here", None),
        (None, "/var/other", "/var/other", None),
        ("file:///var/lib", None, "/var/lib", None),
        (SERVER, None, "/home/me/.local/state/ferryline", SERVER),
        (None, SERVER, "/home/me/.local/state/ferryline", SERVER),
        (SERVER, "/var/other", "/var/other", SERVER),
        ("/var/other", SERVER, "/var/other", None),
        ("sqlite:////var/a.db", SERVER, "/var", "sqlite:///a.db"),
        ("sqlite:///a.db", None, "/work-dir", "sqlite:///a.db"),
    ],
)
def test_the_flag_wins_over_the_variable(flag, variable, folder, database):
    variables = {"HOME": "/home/me"} | ({"FERRYLINE_STATE": variable} if variable else {})
    around = environment.Environment(variables, Path("/work-dir"))

    found = around.state(flag)

    assert (str(found.folder), found.database_url) == (folder, database)
    assert HIDDEN not in repr(found)
