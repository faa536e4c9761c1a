"""Death at every durable step of a transfer; the next run, on any host, ends in the same state.

In this process death is an exception that no code may handle, at every crash point in turn, with the
store's objects surviving. With files it is SIGKILL's equal, `os._exit`, in a process of its own.
"""

import json
import os
import subprocess
import sys

import pytest

from ferryline import crash
from ferryline.model.outcome import Transferred
from ferryline.model.span import Layout
from ferryline.storage.memory import Bucket, MemoryStore
from ferryline.storage.store import Upload, Writing
from ferryline.transfer import sweep
from tests.unit.transfer.ground import MIB, Scripted, bodies, copies, manner, outcomes, put, put_in_parts

BODY = bytes(range(256)) * 4096 * 4 + b"tail"


class Death(BaseException):
    """What no code may handle."""


class Reaper:
    """Dies at the `at`th crash point, and at every later one: the dead do not go on."""

    def __init__(self, at=None):
        self.at = at
        self.passed = []

    def __call__(self, name):
        self.passed.append(name)
        if self.at is not None and len(self.passed) >= self.at:
            raise Death(name)


@pytest.fixture
def reaper():
    def install(at=None):
        crash.hook = Reaper(at)
        return crash.hook

    yield install
    crash.hook = None


async def scene():
    source = Scripted(Bucket("source"))
    await put_in_parts(source, b"large", BODY, MIB, owner="ml")
    await put(source, b"small", b"x")
    return source, Bucket("destination")


def s3_like(held):
    return Scripted(held).can(hashes_locally=False)


async def one_run(source, held, **changes):
    destination = s3_like(held)
    how = manner(**changes)
    leftovers = await sweep(destination, how)
    planned = [one for one in await copies(source, destination) if not _same(source, destination, one.key)]
    found = await outcomes(planned, source, destination, how, leftovers)
    await leftovers.clear()
    return destination, found


def _same(source, destination, key):
    there = destination.held.objects.get(key)
    return there is not None and there.etag == source.held.objects[key].etag


async def test_every_point_is_survived_and_no_sent_part_is_sent_again(reaper):
    source, held = await scene()
    clean = reaper()
    await one_run(source, held, objects=1)
    points = list(clean.passed)
    assert {
        "object.writing",
        "object.written",
        "upload.intending",
        "upload.intended",
        "upload.created",
        "upload.noted",
        "part.sending",
        "part.sent",
        "upload.completing",
        "upload.completed",
        "intent.removing",
        "intent.removed",
    } <= set(points)
    for at in range(1, len(points) + 1):
        source, held = await scene()
        first = reaper(at)
        with pytest.raises(Death):
            await one_run(source, held, objects=1)
        assert len(first.passed) >= at
        sent_before = {
            part.number
            for name in held.uploads
            for part in await MemoryStore(held).uploaded_parts(_upload(held, name))
        }
        noted = _noted(held)
        reaper()
        destination, found = await one_run(source, held)
        assert all(isinstance(one, Transferred) for one in found.values()), points[at - 1]
        assert bodies(destination) == bodies(source), points[at - 1]
        assert destination.held.objects[b"large"].metadata.user == {"owner": "ml"}
        assert not held.uploads, points[at - 1]
        if noted and b"large" in found:
            assert found[b"large"].bytes_written == len(BODY) - sum(_size(n) for n in sent_before)
            assert found[b"large"].bytes_read == len(BODY)
        reaper()
        destination, found = await one_run(source, held)
        assert not found
        assert not destination.calls  # nothing left to do, or to sweep


def _upload(held, name):
    return Upload(held.uploads[name].key, name)


def _noted(held):
    return [
        json.loads(one.body)["upload_id"]
        for key, one in held.objects.items()
        if key.startswith(b".ferryline/uploads/") and json.loads(one.body)["upload_id"]
    ]


def _size(number):
    return Layout(len(BODY), MIB).span(number).size_bytes


async def test_death_between_creates_reply_and_the_note_leaves_no_upload_and_touches_no_other(reaper):
    source, held = await scene()
    theirs_before = await MemoryStore(held).create_upload(b"large", Layout(5, 5), Writing())
    theirs_elsewhere = await MemoryStore(held).create_upload(b"larger", Layout(5, 5), Writing())
    points = []
    crash.hook = lambda name: points.append(name) if name != "upload.created" else _die(name)
    with pytest.raises(Death):
        await one_run(source, held)
    assert len(held.uploads) == 3
    theirs_since = await MemoryStore(held).create_upload(b"other", Layout(5, 5), Writing())
    reaper()
    destination, _ = await one_run(source, held)
    assert bodies(destination) == bodies(source)
    assert set(held.uploads) == {theirs_before.upload_id, theirs_elsewhere.upload_id, theirs_since.upload_id}


async def test_in_doubt_which_upload_was_ours_none_is_touched(reaper):
    source, held = await scene()
    crash.hook = lambda name: _die(name) if name == "upload.created" else None
    with pytest.raises(Death):
        await one_run(source, held)
    await MemoryStore(held).create_upload(b"large", Layout(5, 5), Writing())
    reaper()
    await one_run(source, held)
    assert len(held.uploads) == 2


def _die(name):
    raise Death(name)


# -- files, in a process that really ends ---------------------------------------------------------

SCENE = """
import asyncio, os, shutil, sys
from tests.unit.transfer.ground import copies, entries, manner, outcomes
from tests.unit.storage_file.trees import found as files_found
from tests.unit.storage_file.trees import open_destination, open_source
from ferryline import crash
from ferryline.transfer import sweep

source_path, folder = sys.argv[1:3]

async def run(destination_path):
    source, destination = open_source(source_path), open_destination(destination_path)
    how = manner(objects=1, memory_bytes=1 << 20, part_bytes=1 << 20)
    left = await sweep(destination, how)
    there = await entries(destination)
    planned = [one for one in await copies(source, destination) if one.key not in there]
    await outcomes(planned, source, destination, how, left)
    await left.clear()
    await destination.close()
    await source.close()

def in_a_process_of_its_own(destination_path, at, record=None):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    passed = []
    def hook(name):
        passed.append(name)
        if len(passed) == at:
            os._exit(77)
    crash.hook = hook
    try:
        asyncio.run(run(destination_path))
        if record:
            with open(record, "w") as lines:
                lines.write(" ".join(passed))
        os._exit(0)
    finally:
        os._exit(1)

record = os.path.join(folder, "points")
assert in_a_process_of_its_own(os.path.join(folder, "clean"), 0, record) == 0
points = open(record).read().split()
expected = files_found(source_path)
assert files_found(os.path.join(folder, "clean")) == expected
for at in range(1, len(points) + 1):
    to = os.path.join(folder, f"at-{at}")
    assert in_a_process_of_its_own(to, at) == 77, points[at - 1]
    assert in_a_process_of_its_own(to, 0) == 0, points[at - 1]
    assert files_found(to) == expected, points[at - 1]
    assert os.stat(os.path.join(to, "large")).st_mtime_ns == 1_600_000_000_123_456_789, points[at - 1]
    assert not os.path.exists(os.path.join(to, ".ferryline")), points[at - 1]
    shutil.rmtree(to)
print(" ".join(points))
"""


def test_a_process_that_dies_at_any_step_of_a_file_copy_is_carried_on(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(os.urandom(2 * MIB + 17))
    (source / "small").write_bytes(b"x")
    os.utime(source / "large", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    done = subprocess.run(
        [sys.executable, "-c", SCENE, str(source), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"upload.noted", "file.part.written", "part.sent", "file.upload.placed"} <= set(
        done.stdout.split()
    )
