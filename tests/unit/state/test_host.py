"""Who may be taken for dead: a process of this very host that is no more, and nobody who cannot be seen."""

import os
import socket
import subprocess
import sys

import pytest

from ferryline.state import host

APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")


def run(*words, apart=False):
    """What a Python program says; `apart` it has this host's name and a process table of its own."""
    before = APART if apart else ()
    done = subprocess.run(
        [*before, sys.executable, "-c", *words], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


@pytest.fixture
def apart():
    try:
        said = run("import socket; print(socket.gethostname())", apart=True)
    except FileNotFoundError:
        said = ""
    if said != socket.gethostname():
        # A container may forbid it, CI's too; what is asked of /proc is tested without it as well.
        pytest.skip("unshare gives no process table of its own here")


@pytest.fixture
def ended():
    return int(run("import os; print(os.getpid())"))


def test_a_process_of_this_host_that_is_no_more_has_ended(ended):
    assert host.has_ended(host.name(), ended)


@pytest.mark.parametrize(
    ("where", "process"),
    [
        (None, os.getpid()),
        (None, os.getppid()),
        (None, 1),
        (None, 10**30),
        ("another-host", None),
        (socket.gethostname(), None),
        (f"{socket.gethostname()}/0123456789ab", None),
    ],
    ids=["ours", "our parent", "the first", "no number of a process", "of another host", "of a namesake",
         "of a namesake with another process table"],
)  # fmt: skip
def test_in_any_doubt_nobody_has_ended(where, process, ended):
    assert not host.has_ended(where or host.name(), process or ended)


def test_the_name_begins_with_what_people_know_and_stays_the_same():
    assert host.name().split("/")[0] == socket.gethostname()
    assert host.name() == host.name() == run("from ferryline.state import host; print(host.name())")


def test_a_living_process_is_not_taken_for_dead_from_a_container_of_the_same_name(apart):
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from ferryline.pipeline.syncing import holding\n"
        "from ferryline.snapshot.lock import Lock\n"
        "now = datetime.now(UTC)\n"
        "print(holding.is_gone(Lock('x', sys.argv[1], int(sys.argv[2]), 'run', 1, now, now)))\n"
        "from ferryline.state import host\n"
        "print(host.name())\n"
    )

    gone, name = run(program, host.name(), str(os.getpid()), apart=True).splitlines()

    assert gone == "False"
    assert name.split("/")[0] == socket.gethostname()
    assert name != host.name()


def test_where_the_kernel_tells_nothing_it_is_the_plain_name(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "_BOOT", tmp_path / "missing")

    assert host.name() == socket.gethostname()
