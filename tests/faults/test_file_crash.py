"""kill at every durable step of the file store: whole old or whole new, and nothing of ours left after.

A process performs one scene and exits without cleaning up at a named crash point; the test then
looks at the disk as the next run would find it.
"""

import subprocess
import sys

import pytest

from ferryline.model.span import Layout
from ferryline.storage.store import Completion, Pin, Writing
from tests.unit.storage_file.trees import found, listed, make, open_destination

DIED = 77
LAYOUT = Layout(25, 10)

SCENE = """
import asyncio, errno, os, sys
from ferryline import crash
from ferryline.model.span import Layout
from ferryline.storage.file import FileStore, MissingRoot, Setting, beneath
from ferryline.storage.store import Completion, Writing

root, scene, point, nth, flags = sys.argv[1:6]
seen = 0

def hook(name):
    global seen
    if name == point:
        seen += 1
        if seen == int(nth):
            os._exit(77)

def refuse(source, target, flags):
    raise OSError(errno.EINVAL, "Invalid argument")

async def main():
    store = FileStore(root, Setting(MissingRoot.EMPTY))
    crash.hook = hook
    if flags == "without-renameat2":
        beneath._renameat2 = refuse
    if scene == "write":
        await store.write(b"deep/file", b"newer", Writing())
    elif scene == "below":
        await store.write(b"deep/file/below", b"newer", Writing())
    elif scene == "delete":
        await store.delete(b"deep/file")
    else:
        layout = Layout(25, 10)
        upload = await store.create_upload(b"deep/file", layout, Writing())
        parts = [await store.upload_part(upload, span, bytes([span.number]) * span.size_bytes) for span in layout.spans()]
        await store.complete_upload(upload, Completion(tuple(parts), 25, Writing()))
    await store.close()

asyncio.run(main())
"""


def die(root, scene, point, nth=1, flags="with-renameat2"):
    done = subprocess.run(
        [sys.executable, "-c", SCENE, str(root), scene, point, str(nth), flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == DIED, f"{point} was not reached: {done.stderr}"


async def _next_run(root, keep=frozenset()):
    """What the next run does first: sweep, then list and read."""
    store = open_destination(root)
    await store.sweep_temporaries(set(keep))
    bodies = {}
    for key in await listed(store):
        stat = await store.head(key)
        bodies[key] = (await store.read(key, Pin(stat.entry.token))).body
    return store, bodies


@pytest.mark.parametrize(
    ("point", "body"),
    [
        ("file.temp.written", b"older"),
        ("file.temp.synced", b"older"),
        ("file.renamed", b"newer"),
        ("file.directory.synced", b"newer"),
    ],
)
async def test_a_write_is_whole_or_not_there(tmp_path, point, body):
    make(tmp_path, b"deep/file")
    (tmp_path / "deep" / "file").write_bytes(b"older")
    die(tmp_path, "write", point)
    store, bodies = await _next_run(tmp_path)
    await store.close()
    assert bodies == {b"deep/file": body}
    assert set(found(tmp_path)) == {b"deep/file"}
    assert not (tmp_path / ".ferryline").exists()


@pytest.mark.parametrize(
    ("flags", "point"),
    [
        ("with-renameat2", "file.moving.linked"),
        ("with-renameat2", "file.moving.exchanged"),
        ("without-renameat2", "file.moving.linked"),
        ("without-renameat2", "file.moving.aside"),
        ("with-renameat2", "file.renamed"),
    ],
)
async def test_a_file_that_makes_room_for_a_directory_is_never_lost(tmp_path, flags, point):
    make(tmp_path, b"deep/file")
    die(tmp_path, "below", point, flags=flags)
    store, bodies = await _next_run(tmp_path)
    assert bodies.pop(b"deep/file") == b"deep/file"
    assert bodies in ({}, {b"deep/file/below": b"newer"})
    await store.write(b"deep/file/below", b"newer", Writing())
    await store.close()
    assert found(tmp_path) == {b"deep/file/%self": b"deep/file", b"deep/file/below": b"newer"}
    assert not (tmp_path / ".ferryline").exists()


async def test_a_delete_cut_short_is_done(tmp_path):
    make(tmp_path, b"deep/file", b"other")
    die(tmp_path, "delete", "file.unlinked")
    store, bodies = await _next_run(tmp_path)
    await store.close()
    assert bodies == {b"other": b"other"}


@pytest.mark.parametrize(
    ("point", "nth", "have"),
    [
        ("file.upload.created", 1, []),
        ("file.part.written", 1, []),
        ("file.part.recorded", 1, [1]),
        ("file.part.written", 3, [1, 2]),
        ("file.part.recorded", 3, [1, 2, 3]),
        ("file.temp.synced", 1, [1, 2, 3]),
    ],
)
async def test_parts_are_resumed_and_none_recorded_is_sent_again(tmp_path, point, nth, have):
    die(tmp_path, "parts", point, nth)
    looking = open_destination(tmp_path)
    (upload,) = await looking.open_uploads(b"")
    await looking.close()
    store, bodies = await _next_run(tmp_path, {upload.upload_id})
    assert bodies == {}
    parts = {part.number: part for part in await store.uploaded_parts(upload)}
    assert list(parts) == have
    if point != "file.temp.synced":  # by then it was about to be placed, and is only placed again
        for span in LAYOUT.spans():
            if span.number not in parts:
                parts[span.number] = await store.upload_part(
                    upload, span, bytes([span.number]) * span.size_bytes
                )
    completion = Completion(tuple(parts[number] for number in sorted(parts)), 25, Writing())
    await store.complete_upload(upload, completion)
    await store.close()
    assert found(tmp_path) == {b"deep/file": b"\1" * 10 + b"\2" * 10 + b"\3" * 5}
    assert not (tmp_path / ".ferryline").exists()


@pytest.mark.parametrize("point", ["file.renamed", "file.upload.placed"])
async def test_an_upload_that_was_placed_is_completed_again_without_a_byte(tmp_path, point):
    die(tmp_path, "parts", point)
    store = open_destination(tmp_path)
    (upload,) = await store.open_uploads(b"")
    await store.complete_upload(upload, Completion((), 25, Writing()))
    assert await store.open_uploads(b"") == ()
    await store.sweep_temporaries(set())
    await store.close()
    assert found(tmp_path) == {b"deep/file": b"\1" * 10 + b"\2" * 10 + b"\3" * 5}
    assert not (tmp_path / ".ferryline").exists()
