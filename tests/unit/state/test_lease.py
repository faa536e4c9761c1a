"""One writer per destination among hosts that share a database, whatever becomes of host, server or network."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from ferryline import errors
from ferryline.state import host, lease, open_state, server
from ferryline.state.lock import Holder
from ferryline.state.server import ServerDatabase
from tests.unit.state.ground import StillClock

pytestmark = pytest.mark.postgresql

ELSEWHERE = Holder(4711, "another-host", "run-1", "2026-11-01T12:00:00+00:00")


class Monotone(StillClock):
    """Both clocks move together."""

    def __init__(self):
        super().__init__()
        self.begun = self.moment

    def monotonic(self):
        return (self.moment - self.begun).total_seconds()


@pytest.fixture
def clock():
    return Monotone()


@pytest.fixture
def database(postgresql, tmp_path):
    made = ServerDatabase(postgresql)
    with made.change():
        pass
    return made


def expire(database):
    with database.change() as change:
        change.execute("UPDATE leases SET until_ms = 0", {})


def one(database, clock, me=ELSEWHERE):
    return lease.Lease(database, "s3://there/", me, clock)


def test_the_second_of_two_hosts_is_refused_and_told_who_holds_it(database, clock):
    one(database, clock).take()

    with pytest.raises(errors.LockHeld, match="process 4711 on another-host .run run-1.*its lease ends in 1"):
        one(database, clock, replace(ELSEWHERE, host="third")).take()


def test_another_destination_is_free(database, clock):
    one(database, clock).take()

    lease.Lease(database, "s3://elsewhere/", ELSEWHERE, clock).take()


def test_a_folder_is_another_one_on_every_host(database, clock):
    def at(host):
        return lease.Lease(database, "file:///scratch/data/", replace(ELSEWHERE, host=host), clock)

    at("one").take()
    at("another").take()

    with pytest.raises(errors.LockHeld, match="holds file:///scratch/data/: process 4711 on one"):
        at("one").take()


def test_what_is_given_back_can_be_taken(database, clock):
    first = one(database, clock)
    first.take()
    first.give_back()

    one(database, clock).take()


def test_a_lease_that_ended_is_taken_and_its_old_holder_is_told(database, clock):
    old, new = one(database, clock), one(database, clock)
    old.take()
    expire(database)

    new.take()

    old.renew()
    with pytest.raises(errors.LockHeld, match="another run took it"):
        old.check()
    new.renew()
    new.check()
    old.give_back()
    with pytest.raises(errors.LockHeld):
        one(database, clock).take()


def test_a_lease_that_ended_cannot_be_renewed(database, clock):
    mine = one(database, clock)
    mine.take()
    expire(database)

    mine.renew()

    with pytest.raises(errors.LockHeld, match="nothing more was written"):
        mine.check()


async def test_who_cannot_renew_stops_long_before_another_may_begin(database, clock):
    mine = one(database, clock)
    mine.take()
    await clock.sleep(lease.BELIEVED_SECONDS - 1)
    mine.check()

    await clock.sleep(2)

    with pytest.raises(errors.LockHeld, match="could not be renewed for 90 seconds"):
        mine.check()
    assert lease.BELIEVED_SECONDS * 2 <= lease.LEASE_SECONDS


async def test_a_renewal_counts_from_before_it_was_asked_for(database, clock):
    mine = one(database, clock)
    mine.take()
    await clock.sleep(80)
    mine.renew()
    await clock.sleep(80)

    mine.check()


def test_a_process_of_this_host_that_died_holds_nobody_up(database, clock, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    dead = replace(ELSEWHERE, host=host.name(), pid=int(done.stdout))
    one(database, clock, dead).take()

    one(database, clock).take()


def test_a_process_that_cannot_be_seen_from_here_is_waited_for_though_its_host_has_our_name(database, clock):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    namesake = replace(ELSEWHERE, host=f"{socket.gethostname()}/another-table", pid=int(done.stdout))
    one(database, clock, namesake).take()

    with pytest.raises(errors.LockHeld):
        one(database, clock).take()


def test_a_process_of_this_host_that_lives_does(database, clock):
    one(database, clock, replace(ELSEWHERE, host=host.name(), pid=os.getppid())).take()

    with pytest.raises(errors.LockHeld):
        one(database, clock).take()


def test_two_folders_of_two_hosts_meet_in_the_database(postgresql, tmp_path):
    here = open_state(tmp_path / "here", StillClock(), postgresql)
    there = open_state(tmp_path / "there", StillClock(), postgresql)
    assert here.keeps_one_writer("s3://there/")

    with here.lock("s3://a/") as still_ours:
        still_ours()
        with pytest.raises(errors.LockHeld), there.lock("s3://a/"):
            pass
        with there.lock("s3://b/"), there.lock_on_host("s3://a/"):
            pass

    with there.lock("s3://a/"):
        pass


def test_a_run_ends_although_somebody_holds_the_leases_row(database, clock, postgresql, monkeypatch):
    import psycopg

    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(server, "STATEMENT_SECONDS", 0.2)
    held, asked, ended = one(database, clock), threading.Event(), threading.Event()

    def renew(_was=held.renew):
        asked.set()
        _was()

    monkeypatch.setattr(held, "renew", renew)

    def run(other):
        with lease.held(held):
            other.execute("SELECT * FROM leases FOR UPDATE")
            asked.clear()
            asked.wait()
        ended.set()

    with psycopg.connect(postgresql) as other:
        threading.Thread(target=run, args=(other,), daemon=True).start()
        assert ended.wait(60), "neither the renewal nor the giving back came to an end"


def test_a_renewal_that_fails_is_tried_again_until_nobody_believes_in_it(database, clock, monkeypatch):
    class Away:
        """The database of a host that has lost its network."""

        def change(self):
            raise errors.EndpointFailed("the state database: no answer", kind="state-database")

    asked = []
    mine = one(database, clock)
    mine.take()
    monkeypatch.setattr(mine, "_database", Away())

    class Over:
        """An end that comes after three renewals."""

        def wait(self, seconds):
            asked.append(seconds)
            return len(asked) > 3

    lease._renew(mine, Over())

    assert asked == [lease.RENEW_SECONDS] * 4
    mine.check()
