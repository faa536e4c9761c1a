"""A toy backend passes the shipped contract and takes part in a whole run, and no file of ours changed."""

import pytest

from ferryline.config import environment, request
from ferryline.model import place
from ferryline.pipeline import door
from ferryline.pipeline import task as tasks
from ferryline.storage import location
from ferryline.testing.contract import StoreContract
from tests.extension import toy_backend
from tests.extension.toy_backend import DrawerLocation, DrawerStore


class TestDrawerStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return DrawerStore(str(tmp_path / "drawer"))

    @pytest.fixture
    def reopened(self, tmp_path):
        async def reopen():
            return DrawerStore(str(tmp_path / "drawer"))

        return reopen


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(location, "_openers", dict(location._openers))
    location.register(DrawerLocation, toy_backend.open_drawer)


def test_a_registered_backend_is_copied_to_and_from(registered, tmp_path):
    (tmp_path / "tree").mkdir()
    for name in ("a", "100%", "empty"):
        (tmp_path / "tree" / name).write_bytes(b"" if name == "empty" else b"bytes of " + name.encode())
    drawer = DrawerLocation(str(tmp_path / "drawer"))
    files = place.FileLocation(str(tmp_path / "tree"))

    there = door.copy(tasks.Task(files, (drawer,)), surroundings(tmp_path))
    back = door.copy(
        tasks.Task(drawer, (place.FileLocation(str(tmp_path / "back")),)), surroundings(tmp_path)
    )
    again = door.copy(tasks.Task(files, (drawer,)), surroundings(tmp_path))

    assert (there.exit_code, back.exit_code, again.exit_code) == (0, 0, 0)
    toy_backend._drawers.clear()  # as another process would: from the disk
    assert sorted(DrawerStore(drawer.path).held.objects) == [b"100%", b"a", b"empty"]
    assert (tmp_path / "back" / "100%").read_bytes() == b"bytes of 100%"
    assert again.destinations[0].counts.same == 3


def surroundings(folder):
    around = environment.Environment({}, folder)
    return request.surroundings(
        str(folder / "state"), around, request.Listeners(lambda _: None), tasks.Pressure()
    )
