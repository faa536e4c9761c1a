"""The state's database fails over in the middle of a commit, and nobody knows what became of it.

A proxy between Ferryline and a real PostgreSQL cuts the connection at a commit: before the server sees it,
or after it has, with its answer lost.
"""

import socket
import threading
from contextlib import suppress

import pytest

from ferryline import errors
from ferryline.state import open_state
from ferryline.testing.strict import StrictServer
from tests.datasets import NAME, read_whole, s3, write_policy
from tests.unit.state.ground import StillClock

pytestmark = pytest.mark.postgresql

COMMIT = b"COMMIT"


class Failover:
    """A proxy that cuts every connection at the `nth` commit that passes it, and is well again afterwards."""

    def __init__(self, port, *, answered):
        self.port = port
        self.answered = answered
        self.nth = 0
        self.passed = 0
        self.struck = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    @property
    def own_port(self):
        return self._listener.getsockname()[1]

    def strike(self, nth):
        self.nth, self.passed, self.struck = nth, 0, 0

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._threads:
            one.join()

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            one = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(one)
            one.start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            back = threading.Thread(target=self._back, args=(server, client))
            back.start()
            with suppress(OSError):
                while asked := client.recv(65536):
                    if COMMIT in asked:
                        self.passed += 1
                        if self.passed == self.nth:
                            self.struck += 1
                            self._cut(client, server, asked)
                            break
                    server.sendall(asked)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _cut(self, client, server, asked):
        """The client hears nothing more; the server is asked to commit or is not."""
        client.shutdown(socket.SHUT_RDWR)
        if self.answered:
            server.sendall(asked)
            server.shutdown(socket.SHUT_WR)  # it commits what it was sent, then sees the end

    def _back(self, server, client):
        with suppress(OSError):
            while answer := server.recv(65536):
                with suppress(OSError):
                    client.sendall(answer)


@pytest.fixture(params=[True, False], ids=["committed, and the answer lost", "not committed"])
def failover(postgresql, request):
    port = int(postgresql.rsplit(":", 1)[1].split("/")[0])
    proxy = Failover(port, answered=request.param)
    try:
        yield proxy
    finally:
        proxy.close()


def through(url, proxy):
    """The URL by way of the proxy."""
    start, _, rest = url.rpartition(":")
    return f"{start}:{proxy.own_port}/{rest.split('/')[1]}"


def rows(url):
    """The run ids that are on record, as often as they are."""
    import psycopg

    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()]


def test_a_run_that_is_recorded_again_after_a_commit_nobody_knows_of_is_on_record_once(
    postgresql, failover, tmp_path
):
    clock = StillClock()
    open_state(tmp_path, clock, postgresql).remember("e", "seen")
    state = open_state(tmp_path, clock, through(postgresql, failover))
    for act in (
        lambda: state.runs.started("r", "a", "b", clock.now()),
        lambda: state.runs.ended("r", {"status": "SUCCESS"}),
        lambda: state.remember("e", "other"),
    ):
        failover.strike(1)
        with pytest.raises(errors.EndpointFailed) as stopped:
            act()
        assert failover.struck == 1 and stopped.value.kind == "state-database"
        act()

    assert rows(postgresql) == ["r"]
    (run,) = state.runs.list()
    assert run.document == {"status": "SUCCESS"}
    assert state.capabilities("e") == "other"


def test_a_sync_through_a_failover_at_any_commit_loses_nothing(postgresql, failover, user):
    with StrictServer("source", "eu") as world:
        world.bucket("eu").set_versioning("Enabled")
        source = world.bucket("source")
        source.put_many({f"data/{number}": b"first" for number in range(5)})
        write_policy(user.folder, {name: s3(world, name) for name in ("source", "eu")}, ["eu/data/"])
        shared = through(postgresql, failover).replace("postgresql:", "postgresql+psycopg:")
        assert user.run("sync", NAME, state=shared).code == 0
        stopped = struck = nth = 0
        while struck == nth:
            nth += 1
            source.put("data/3", b"change %d" % nth)
            failover.strike(nth)
            run = user.start("sync", NAME, "--json", state=shared)
            _, told = run.communicate(timeout=60)
            struck += failover.struck
            # The lease is given back last: nothing is lost where only that is not heard.
            assert run.returncode in ((0, 4) if failover.struck else (0,)), told
            stopped += run.returncode == 4
            failover.strike(0)
            again = user.run("sync", NAME, "--json", state=shared)
            assert again.code == 0, again.err
            assert read_whole(world, "eu")[b"3"] == b"change %d" % nth
        assert struck >= 2, "a lease is taken, and given back"
        assert stopped >= 1
        known = rows(postgresql)
        assert len(known) == len(set(known))
