"""The order that survives a power cut: bytes, then the name, then the directory; seen at the system calls."""

import os

import pytest

from ferryline.model.span import Layout
from ferryline.storage.file import beneath
from ferryline.storage.store import Completion, Writing
from tests.unit.storage_file.trees import make, open_destination


@pytest.fixture
def calls(monkeypatch):
    """Every sync, close and rename, with the path it was about, in order."""
    seen = []

    def path_of(descriptor):
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def watch(module, name, about):
        real = getattr(module, name)

        def call(*arguments, **named):
            seen.append((name.strip("_"), about(*arguments)))
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    watch(os, "fsync", path_of)
    watch(os, "fdatasync", path_of)
    watch(os, "close", path_of)
    watch(os, "rename", lambda _, target: os.fsdecode(target))
    watch(beneath, "_renameat2", lambda _, target, __: os.fsdecode(target[1]))
    return seen


def _index(calls, name, ending):
    found = [number for number, one in enumerate(calls) if one[0] == name and one[1].endswith(ending)]
    assert found, f"no {name} of {ending} among {calls}"
    return found


@pytest.mark.parametrize("there", [False, True], ids=["new-key", "overwrite"])
async def test_a_file_is_synced_and_closed_before_it_has_its_name_and_its_directory_after(
    tmp_path, calls, there
):
    if there:
        make(tmp_path, b"folder/file")
    store = open_destination(tmp_path)
    await store.write(b"folder/file", b"body", Writing())
    (synced,), (closed,) = _index(calls, "fsync", ".write"), _index(calls, "close", ".write")
    (named,) = _index(calls, "rename" if there else "renameat2", "file")
    assert synced < closed < named < _index(calls, "fsync", "/folder")[-1]
    if not there:
        assert _index(calls, "fsync", tmp_path.name)[0] < named
    await store.close()


async def test_a_part_is_synced_before_the_record_promises_it(tmp_path, calls):
    store = open_destination(tmp_path)
    layout = Layout(10, 10)
    upload = await store.create_upload(b"file", layout, Writing())
    calls.clear()
    part = await store.upload_part(upload, layout.span(1), b"x" * 10)
    assert _index(calls, "fdatasync", ".part")[0] < _index(calls, "fsync", ".parts")[0]
    calls.clear()
    await store.complete_upload(upload, Completion((part,), 10, Writing()))
    (named,) = _index(calls, "renameat2", "file")
    assert _index(calls, "fsync", ".part")[-1] < named < _index(calls, "fsync", tmp_path.name)[-1]
    await store.close()


async def test_a_delete_syncs_the_directory(tmp_path, calls):
    make(tmp_path, b"folder/file", b"folder/other")
    store = open_destination(tmp_path)
    await store.delete(b"folder/file")
    assert _index(calls, "fsync", "/folder")
    await store.close()
