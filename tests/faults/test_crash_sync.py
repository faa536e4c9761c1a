"""Every crash point of a sync, with a real kill -9, and readers beside it: one snapshot's bytes or a named error.

Afterwards the same command, on a host that remembers or on one that does not, publishes the new snapshot and
leaves nothing of ours behind but what belongs there.
"""

import signal
import threading

import pytest

from ferryline import errors
from ferryline.testing.strict import Put, StrictServer
from tests.datasets import NAME, data, own, read_whole, s3, write_policy
from tests.faults.test_crash_copy import chosen

PART = 5 * 1024 * 1024


class Scene:
    """A dataset with a published snapshot, and a source that has moved on in every way."""

    def __init__(self, server, user, replicas):
        self.server, self.user, self.replicas = server, user, replicas
        places = {name: s3(server, name) for name in ("source", *replicas)}
        write_policy(
            user.folder, places, [f"{one}/data/" for one in replicas],
            options={"preserve_deleted_files": "REMOVE"}, max_delete={"count": 100, "percent": 100},
        )  # fmt: skip
        self.here = server.bucket("source")
        self.words = ("sync", NAME)

    def begin(self, state):
        self.here.clear()
        for one in self.replicas:
            self.server.bucket(one).clear()
        self.here.put_many({f"data/{number}": b"old %d" % number for number in range(6)})
        self.here.put("data/index.json", b"old index")
        self.here.put("data/large", b"a" * PART + b"old", Put(part_bytes=PART))
        said = self.user.run(*self.words, state=state)
        assert said.code == 0, said.err
        self.old = self.source()
        self.here.put("data/1", b"new 1")
        self.here.put("data/added", b"added")
        self.here.put("data/index.json", b"new index")
        self.here.put("data/large", b"b" * PART + b"new", Put(part_bytes=PART))
        self.here.delete("data/2")
        self.new = self.source()
        self.server.forget()

    def source(self):
        return {key.removeprefix(b"data/"): body for key, body in data(self.here.contents()).items()}

    def read(self, replica):
        """What a reader gets now: a snapshot's bytes, or None where it was told by name why not."""
        try:
            return read_whole(self.server, replica)
        except (errors.ObjectChanged, errors.ObjectMissing, errors.DigestMismatch):
            return None


class Reader(threading.Thread):
    """Reads whole snapshots until stopped, and keeps what was neither the old one nor the new."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene, self.stopping, self.wrong, self.good = scene, threading.Event(), [], 0

    def run(self):
        while not self.stopping.is_set():
            for one in self.scene.replicas:
                found = self.scene.read(one)
                if found is not None and found not in (self.scene.old, self.scene.new):
                    self.wrong.append(one)
                self.good += found is not None


@pytest.fixture
def server():
    with StrictServer("source", "versioned", "plain") as running:
        running.bucket("versioned").set_versioning("Enabled")
        yield running


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_at_every_point_readers_get_one_snapshot_and_the_next_run_publishes(server, user, tmp_path):
    scene = Scene(server, user, ("versioned", "plain"))
    scene.begin(tmp_path / "first")
    record = tmp_path / "points"
    assert user.crash(None, *scene.words, record=record, state=tmp_path / "first") == 0
    names = record.read_text("utf-8").split()
    assert {"snapshot.head.writing", "replica_lock.taken", "snapshot.manifest.written"} <= set(names)
    good = 0
    for number, at in enumerate(chosen(names)):
        state = tmp_path / f"state-{at}"
        scene.begin(state)
        reader = Reader(scene)
        reader.start()

        died = user.crash(at, *scene.words, state=state)

        reader.stopping.set()
        reader.join()
        assert reader.wrong == [], f"point {at}, {names[at - 1]}"
        good += reader.good
        assert died in (-signal.SIGKILL, 0), f"point {at}"
        for one in scene.replicas:
            assert scene.read(one) in (None, scene.old, scene.new), f"{one} after point {at}, {names[at - 1]}"
        assert scene.read("versioned") is not None, "where versions are kept something can always be read"
        again = user.run(*scene.words, state=state if number % 2 else tmp_path / f"empty-{at}")
        assert again.code == 0, f"point {at}, {names[at - 1]}: {again.err}"
        for one in scene.replicas:
            assert scene.read(one) == scene.new, f"{one}, point {at}"
            left = [key for key in server.bucket(one).keys() if own(key)]
            assert not [key for key in left if b"/uploads/" in key or b"/probe/" in key or b"lock" in key], (
                left
            )
            assert server.bucket(one).uploads() == []
    assert good > 50, "the readers must have read something"
