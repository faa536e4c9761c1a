"""The toy backend keeps the contract, and a whole copy runs over it."""

import pytest

from ferryline.clock import SystemClock
from ferryline.model.place import FileLocation
from ferryline.pipeline import door
from ferryline.pipeline.task import Surroundings, Task
from ferryline.storage import location
from ferryline.testing.contract import StoreContract
from tests.extension.toy_backend import RowsLocation, RowsStore, open_rows


class TestRowsStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path):
        opened = RowsStore(tmp_path / "rows.db")
        yield opened
        await opened.close()

    @pytest.fixture
    async def reopened(self, store):
        async def reopen():
            return store

        return reopen


def test_a_copy_goes_to_rows_and_is_silent_the_second_time(tmp_path):
    location.register(RowsLocation, open_rows)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"the bytes of a")
    task = Task(FileLocation(str(tmp_path / "source")), (RowsLocation(tmp_path / "rows.db"),))
    around = Surroundings(tmp_path / "state", lambda text: text, lambda event: None, clock=SystemClock())

    first, second = door.copy(task, around), door.copy(task, around)

    counts = [facts.destinations[0].counts for facts in (first, second)]
    assert [facts.exit_code for facts in (first, second)] == [0, 0]
    assert [(one.transferred, one.same) for one in counts] == [(1, 0), (0, 1)]
    assert RowsStore(tmp_path / "rows.db").held.objects[b"a"].body == b"the bytes of a"
