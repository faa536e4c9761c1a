"""Every crash point of a real copy, with a real kill -9; then the same command, with its state and without.

The counts are the server's: what had arrived is not sent again, nothing of ours is left behind, and
somebody else's upload is not touched.
"""

import signal

import pytest

from ferryline.testing.strict import Put, StrictServer
from tests.commanding import data_bytes, url

PART = 5 * 1024 * 1024
LARGE = b"".join(bytes([number]) * PART for number in range(2)) + b"the rest"


@pytest.fixture
def server():
    with StrictServer("source", "destination") as running:
        yield running


class Scene:
    """A copy with everything in it: new, overwritten, in parts, equal, gone, and somebody else's uploads."""

    def __init__(self, server, user) -> None:
        self.server, self.user = server, user
        self.here, self.there = server.bucket("source"), server.bucket("destination")
        self.words = (
            "copy", url(server, "source"), url(server, "destination"),
            "--preserve-deleted-files", "REMOVE", "--max-delete-percent", "100",
        )  # fmt: skip
        self.theirs: list[str] = []

    def set_up(self) -> None:
        self.here.clear()
        self.there.clear()
        self.here.put_many(
            {"new/1": b"new 1", "new/2": b"new 2", "changed": b"the new state", "equal": b"equal"}
        )
        self.here.put("large", LARGE, Put(part_bytes=PART))
        self.there.put_many({"changed": b"the old state", "equal": b"equal", "gone": b"not at the source"})
        self.theirs = [
            self.there.open_upload("large", b"x" * PART, initiated=1.0),
            self.there.open_upload("other"),
        ]
        self.server.forget()

    def arrived(self) -> tuple[set[int], set[bytes]]:
        """Parts and objects that the server has taken whole."""
        parts = {one.part_number for one in self.server.requests("UploadPart", "large") if one.status == 200}
        puts = {one.key for one in self.server.requests("PutObject") if one.status == 200}
        return {one for one in parts if one}, {key for key in puts if not key.startswith(b".ferryline/")}

    def check(self) -> None:
        assert self.there.contents() == self.here.contents()
        assert sorted(one.upload_id for one in self.there.uploads()) == sorted(self.theirs)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_point_is_survived_with_the_state_and_without_it(server, user, tmp_path):
    scene = Scene(server, user)
    scene.set_up()
    record = tmp_path / "points"
    assert user.crash(None, *scene.words, record=record) == 0
    scene.check()
    names = record.read_text("utf-8").split()
    died = set()
    for number, at in enumerate(chosen(names)):
        scene.set_up()
        state = tmp_path / f"state-{at}"

        assert user.crash(at, *scene.words, state=state) == -signal.SIGKILL, f"point {at}"

        died.add(names[at - 1])
        parts, objects = scene.arrived()
        server.forget()
        again = user.run(*scene.words, state=state if number % 2 else tmp_path / f"empty-{at}")
        where = f"killed at {at}, about {names[at - 1]}: {again.out}{again.err}"
        assert again.code == 0, where
        scene.check()
        parts_again, objects_again = scene.arrived()
        assert not parts & parts_again, where
        assert not objects & objects_again, where
        server.forget()
        assert user.run(*scene.words, state=state).code == 0
        assert (data_bytes(server), server.count("PutObject", "DeleteObject")) == (0, 0), where
    assert died == set(names)


def chosen(names: list[str]) -> list[int]:
    """The first and the last time that each point is passed (1-based), those of another state in between."""
    first = {name: number for number, name in reversed(list(enumerate(names, start=1)))}
    last = {name: number for number, name in enumerate(names, start=1)}
    return sorted({*first.values(), *last.values()})
