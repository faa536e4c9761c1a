"""Disks that are full, over quota, read-only or failing; stale handles; unreadable folders.

Each test shows that its fault fired: by the errno in the message, or by a record of the injection.
"""

import asyncio
import contextlib
import errno
import os
import subprocess

import pytest

from ferryline import errors
from ferryline.model.key import EVERYTHING
from ferryline.model.span import Layout
from ferryline.storage.file import Skip, SkipReason, beneath
from ferryline.storage.store import Completion, Pin, Writing
from tests.unit.storage_file.trees import found, listed, make, open_destination, open_source


@contextlib.contextmanager
def _mounted(folder, options):
    folder.mkdir(exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    with _mounted(tmp_path / "disk", "size=1m") as folder:
        yield folder


@pytest.fixture
async def small(small_disk):
    opened = open_destination(small_disk)
    yield opened
    await opened.close()


@pytest.fixture
async def store(tmp_path):
    opened = open_destination(tmp_path)
    yield opened
    await opened.close()


async def test_a_full_disk_stops_the_run_and_keeps_the_old_version(small_disk, small):
    make(small_disk, b"large")
    with pytest.raises(errors.DiskFailed, match="ENOSPC") as stopped:
        await small.write(b"large", b"x" * 2_000_000, Writing())
    assert stopped.value.key == b"large"
    assert str(small_disk) in str(stopped.value)
    assert found(small_disk) == {b"large": b"large"}


async def test_a_disk_that_fills_in_the_middle_of_parts_keeps_the_old_version(small_disk, small):
    make(small_disk, b"large")
    layout = Layout(2_000_000, 400_000)
    upload = await small.create_upload(b"large", layout, Writing())
    sent = []
    with pytest.raises(errors.DiskFailed, match="ENOSPC"):
        for span in layout.spans():
            sent.append(await small.upload_part(upload, span, b"x" * span.size_bytes))
    assert 0 < len(sent) < layout.count
    assert await small.uploaded_parts(upload) == tuple(sent)
    await small.abort_upload(upload)
    assert found(small_disk) == {b"large": b"large"}


async def test_a_read_only_disk_stops_the_run(small_disk, small):
    make(small_disk, b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(errors.DiskFailed, match="EROFS"):
        await small.write(b"new", b"body", Writing())
    with pytest.raises(errors.DiskFailed, match="EROFS"):
        await small.delete(b"old")
    assert found(small_disk) == {b"old": b"old"}


async def test_a_file_system_mounted_below_the_root_is_refused_by_name(tmp_path, store):
    with _mounted(tmp_path / "inner", "size=1m"):
        with pytest.raises(errors.KeyRefused, match="EXDEV"):
            await store.write(b"inner/x", b"body", Writing())
        assert os.listdir(tmp_path / "inner") == []


async def test_an_unmounted_source_has_another_identity(tmp_path):
    source_path = tmp_path / "data"
    with _mounted(source_path, "size=1m"):
        make(source_path, b"file")
        mounted = open_source(source_path)
        before = await mounted.identity()
        await mounted.close()
    unmounted = open_source(source_path)
    assert await listed(unmounted) == []
    assert await unmounted.identity() != before
    await unmounted.close()


@pytest.mark.parametrize(
    ("number", "call", "reach"),
    [
        pytest.param(errno.ENOSPC, "fsync", errors.DiskFailed, id="full-only-at-fsync"),
        pytest.param(errno.EDQUOT, "write", errors.DiskFailed, id="over-quota-at-write"),
        pytest.param(errno.EDQUOT, "fsync", errors.DiskFailed, id="over-quota-at-fsync"),
        pytest.param(errno.EIO, "fsync", errors.DiskFailed, id="write-back-failed"),
        pytest.param(errno.ENOSPC, "close", errors.DiskFailed, id="full-only-at-close"),
        pytest.param(errno.EIO, "close", errors.DiskFailed, id="write-back-failed-at-close"),
        pytest.param(errno.EMFILE, "open", errors.RetryLater, id="too-many-open-files"),
    ],
)
async def test_a_write_that_fails_late_is_not_reported_as_written(
    tmp_path, store, monkeypatch, number, call, reach
):
    make(tmp_path, b"file")
    await listed(store)
    real, fired, temporary = getattr(os, call), [], []

    def fail(*arguments, **named):
        if call == "close":
            # Only the temporary file: directories are closed too, and must be.
            if arguments[0] not in temporary or fired:
                return real(*arguments, **named)
            real(*arguments, **named)
        fired.append(call)
        raise OSError(number, os.strerror(number))

    if call == "close":
        real_sync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda one: temporary.append(one) or real_sync(one))
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(reach, match=errno.errorcode[number]):
        await store.write(b"file", b"new", Writing())
    monkeypatch.undo()
    assert fired
    assert found(tmp_path) == {b"file": b"file"}


async def test_a_short_write_is_carried_on(tmp_path, store, monkeypatch):
    real, sizes = os.write, []

    def write(descriptor, body):
        sizes.append(real(descriptor, body[:7]))
        return sizes[-1]

    monkeypatch.setattr(os, "write", write)
    await store.write(b"file", b"x" * 100, Writing())
    assert len(sizes) > 10
    assert found(tmp_path) == {b"file": b"x" * 100}


async def test_a_failing_disk_fails_the_object_that_is_read(tmp_path, store, monkeypatch):
    make(tmp_path, b"file")
    token = (await store.head(b"file")).entry.token

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(errors.ObjectFailed, match="EIO") as failed:
        await store.read(b"file", Pin(token))
    assert failed.value.kind == "io-error"


def _stale(monkeypatch, times):
    real, fired = beneath.open_path, []

    def open_path(folder, path, flags):
        if len(fired) < times:
            fired.append(folder)
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(folder, path, flags)

    monkeypatch.setattr(beneath, "open_path", open_path)
    return fired


async def test_a_stale_handle_is_opened_again_once(tmp_path, store, monkeypatch):
    make(tmp_path, b"file")
    token = (await store.head(b"file")).entry.token
    fired = _stale(monkeypatch, 1)
    assert (await store.read(b"file", Pin(token))).body == b"file"
    assert len(fired) == 1
    fired = _stale(monkeypatch, 2)
    with pytest.raises(errors.RetryLater, match="ESTALE"):
        await store.read(b"file", Pin(token))
    assert len(fired) == 2


async def test_a_stale_handle_never_ends_a_listing_early(tmp_path, store, monkeypatch):
    make(tmp_path, b"a", b"b/c", b"d")
    await listed(store)
    fired = _stale(monkeypatch, 1)
    with pytest.raises(errors.RetryLater, match="ESTALE"):
        await listed(store)
    assert fired
    assert await listed(store) == [b"a", b"b/c", b"d"]


@pytest.fixture
def as_nobody(tmp_path):
    """Be somebody whom permissions bind; root is not."""
    if os.geteuid() != 0:
        yield
        return
    folder = tmp_path
    while folder != folder.parent:  # nobody must get as far as the test's folder
        mode = folder.stat().st_mode
        if mode & 0o011 != 0o011:
            folder.chmod(mode & 0o7777 | 0o011)  # group too: only the user id changes
        folder = folder.parent
    # They stay so: another worker may be somebody in a folder beside this one.
    tmp_path.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400], ids=["nothing", "no-names", "no-entry"])
async def test_an_unreadable_folder_is_a_blind_spot_and_the_rest_is_listed(tmp_path, as_nobody, mode):
    make(tmp_path, b"a", b"locked/secret", b"locked-beside", b"z")
    os.chmod(tmp_path / "locked", mode)
    source = open_source(tmp_path)
    try:
        assert await listed(source) == [b"a", b"locked-beside", b"z"]
    finally:
        os.chmod(tmp_path / "locked", 0o700)
        await source.close()
    assert source.blind_spots
    assert all(spot.startswith(b"locked/") for spot in source.blind_spots)
    assert source.skipped.is_blind(b"locked/secret")
    assert not source.skipped.is_blind(b"locked-beside")
    assert source.skipped.totals[SkipReason.UNREADABLE] == 1
    assert source.skipped.excluded == 0


async def test_a_folder_whose_own_key_may_be_hidden_blinds_that_key_too(tmp_path, as_nobody):
    make(tmp_path, b"locked/%self")
    os.chmod(tmp_path / "locked", 0)
    source = open_source(tmp_path)
    assert await listed(source) == []
    os.chmod(tmp_path / "locked", 0o700)
    await source.close()
    assert source.skipped.items == [Skip(b"locked/", SkipReason.UNREADABLE)]
    assert source.skipped.is_blind(b"locked")


async def test_an_unreadable_file_is_listed_and_fails_by_name(tmp_path, as_nobody):
    make(tmp_path, b"locked", b"open")
    os.chmod(tmp_path / "locked", 0)
    source = open_source(tmp_path)
    assert await listed(source) == [b"locked", b"open"]
    token = (await source.head(b"locked")).entry.token
    with pytest.raises(errors.AccessRefused, match="EACCES") as refused:
        await source.read(b"locked", Pin(token))
    assert refused.value.key == b"locked"
    await source.close()


async def test_an_unwritable_destination_fails_by_name(tmp_path, as_nobody):
    make(tmp_path, b"folder/file", b".ferryline/tmp/")
    os.chmod(tmp_path / "folder", 0o500)
    store = open_destination(tmp_path)
    with pytest.raises(errors.AccessRefused, match="EACCES"):
        await store.write(b"folder/new", b"", Writing())
    with pytest.raises(errors.AccessRefused, match="EACCES"):
        await store.delete(b"folder/file")
    os.chmod(tmp_path / "folder", 0o700)
    await store.close()
    assert found(tmp_path) == {b"folder/file": b"folder/file"}


async def test_cancelled_calls_leak_nothing(tmp_path, store):
    make(tmp_path, *(b"%d/%d" % (one, two) for one in range(30) for two in range(30)))
    await listed(store)
    before = len(os.listdir("/proc/self/fd"))

    async def busy():
        while True:
            async for page in store.pages(EVERYTHING):
                assert page.rows.num_rows
            await store.write(b"new/file", b"x" * 1000, Writing())

    for delay in range(12):
        task = asyncio.create_task(busy())
        await asyncio.sleep(delay / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await store.close()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert not (tmp_path / ".ferryline").exists()


async def test_completion_that_cannot_be_placed_can_be_repeated(tmp_path, store, monkeypatch):
    layout = Layout(20, 10)
    upload = await store.create_upload(b"deep/large", layout, Writing())
    parts = tuple([await store.upload_part(upload, span, b"x" * 10) for span in layout.spans()])
    real, fired = os.mkdir, []

    def mkdir(*arguments, **named):
        if not fired:
            fired.append(arguments)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **named)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(errors.DiskFailed, match="ENOSPC"):
        await store.complete_upload(upload, Completion(parts, 20, Writing()))
    assert fired
    assert await store.uploaded_parts(upload) == parts
    await store.complete_upload(upload, Completion(parts, 20, Writing()))
    assert found(tmp_path) == {b"deep/large": b"x" * 20}
