"""Temporary names, the sweep, and part records: ours go, others' stay, a torn line promises nothing."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from ferryline import errors
from ferryline.model.span import Layout, Span
from ferryline.storage.store import Completion, Condition, Writing
from tests.unit.storage_file.trees import found, listed, make, open_destination, open_source

LAYOUT = Layout(25, 10)
NAME = b"0123456789abcdef" * 2


@pytest.fixture
async def store(tmp_path):
    opened = open_destination(tmp_path)
    yield opened
    await opened.close()


async def send(store, upload, *numbers):
    return tuple(
        [
            await store.upload_part(
                upload, LAYOUT.span(number), bytes([number]) * LAYOUT.span(number).size_bytes
            )
            for number in numbers
        ]
    )


async def test_the_sweep_removes_what_has_our_form_and_nothing_else(tmp_path, store):
    ours = [b".ferryline/tmp/" + NAME + end for end in (b".write", b".part", b".parts", b".moveto")]
    others = [b".ferryline/tmp/notes", b".ferryline/tmp/" + NAME, b".ferryline/tmp/" + NAME[1:] + b".write"]
    make(tmp_path, *ours, *others)
    assert await store.sweep_temporaries(set()) == len(ours)
    assert set(found(tmp_path)) == set(others)


async def test_the_sweep_keeps_uploads_that_will_be_resumed(tmp_path, store):
    kept = await store.create_upload(b"kept", LAYOUT, Writing())
    dropped = await store.create_upload(b"dropped", LAYOUT, Writing())
    await store.sweep_temporaries({kept.upload_id})
    assert [one.key for one in await store.open_uploads(b"")] == [b"kept"]
    with pytest.raises(errors.ObjectMissing):
        await store.uploaded_parts(dropped)
    await store.abort_upload(kept)


async def test_the_sweep_leaves_what_is_younger_than_the_moment_given(tmp_path, store):
    make(tmp_path, b".ferryline/tmp/" + NAME + b".write")
    os.utime(tmp_path / ".ferryline/tmp" / (NAME + b".write").decode(), ns=(0, 0))  # mtime says nothing
    assert await store.sweep_temporaries(set(), datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.sweep_temporaries(set(), datetime.now(UTC) + timedelta(hours=1)) == 1
    assert os.listdir(tmp_path) == []


async def test_the_sweep_removes_our_folders_when_they_are_empty(tmp_path, store):
    make(tmp_path, b".ferryline/tmp/", b".ferryline/uploads/", b".ferryline/probe/", b"data")
    await store.sweep_temporaries(set())
    assert os.listdir(tmp_path) == ["data"]


async def test_a_source_is_left_as_it_is(tmp_path):
    make(tmp_path, b".ferryline/tmp/", b"data")
    source = open_source(tmp_path)
    await listed(source)
    await source.close()
    assert sorted(os.listdir(tmp_path)) == [".ferryline", "data"]


async def test_a_box_with_a_second_name_of_a_file_goes(tmp_path, store):
    make(tmp_path, b"a", b".ferryline/tmp/" + NAME + b".move/")
    os.link(tmp_path / "a", tmp_path / ".ferryline/tmp" / (NAME + b".move").decode() / "%self")
    assert await store.sweep_temporaries(set()) == 1
    assert found(tmp_path) == {b"a": b"a"}


async def test_a_move_cut_short_is_finished(tmp_path, store):
    box = b".ferryline/tmp/" + NAME
    make(tmp_path, box + b".move/%self", b"folder/other")
    (tmp_path / (box + b".moveto").decode()).write_bytes(b"folder/a")
    await store.sweep_temporaries(set())
    assert found(tmp_path) == {b"folder/a/%self": box + b".move/%self", b"folder/other": b"folder/other"}
    assert await listed(store) == [b"folder/a", b"folder/other"]


async def test_a_move_cut_short_into_a_directory_made_since(tmp_path, store):
    box = b".ferryline/tmp/" + NAME
    make(tmp_path, box + b".move/%self", b"a/b")
    (tmp_path / (box + b".moveto").decode()).write_bytes(b"a")
    await store.sweep_temporaries(set())
    assert found(tmp_path) == {b"a/%self": box + b".move/%self", b"a/b": b"a/b"}


@pytest.mark.parametrize("where", [b"..", b"../../escaped", b"", b"/etc/x", b"%self"])
async def test_a_record_that_leads_nowhere_moves_nothing(tmp_path, where):
    root = tmp_path / "root"
    box = b".ferryline/tmp/" + NAME
    make(root, box + b".move/%self")
    (root / (box + b".moveto").decode()).write_bytes(where)
    store = open_destination(root)
    await store.sweep_temporaries(set())
    await store.close()
    assert os.listdir(tmp_path) == ["root"]
    assert box + b".move/%self" in found(root)  # the last name of bytes is not removed


async def test_parts_that_are_recorded_survive_a_torn_line(tmp_path, store):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    await send(store, upload, 1)
    record = tmp_path / ".ferryline" / "tmp" / f"{upload.upload_id}.parts"
    record.write_bytes(record.read_bytes() + b'{"number":2,"size_by')
    again = open_destination(tmp_path)
    assert [part.number for part in await again.uploaded_parts(upload)] == [1]
    parts = await send(again, upload, 2, 3)
    assert [part.number for part in await again.uploaded_parts(upload)] == [1, 2, 3]
    first = (await again.uploaded_parts(upload))[0]
    await again.complete_upload(upload, Completion((first, *parts), 25, Writing()))
    await again.close()
    assert found(tmp_path) == {b"large": b"\1" * 10 + b"\2" * 10 + b"\3" * 5}


async def test_a_part_being_sent_again_is_not_promised_meanwhile(tmp_path, store, monkeypatch):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    await send(store, upload, 1, 2)

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(errors.DiskFailed, match="EIO"):
        await send(store, upload, 2)
    assert [part.number for part in await store.uploaded_parts(upload)] == [1]
    await store.abort_upload(upload)


@pytest.mark.parametrize(
    ("span", "size_bytes"),
    [
        pytest.param(Span(2, 10, 10), 9, id="too-few-bytes"),
        pytest.param(Span(2, 11, 10), 10, id="another-offset"),
        pytest.param(Span(9, 80, 10), 10, id="a-part-behind-the-last"),
    ],
)
async def test_a_part_that_does_not_fit_is_refused(store, span, size_bytes):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    with pytest.raises(errors.ObjectFailed):
        await store.upload_part(upload, span, b"x" * size_bytes)
    assert await store.uploaded_parts(upload) == ()
    await store.abort_upload(upload)


async def test_completing_after_a_crash_between_rename_and_record(tmp_path, store, monkeypatch):
    upload = await store.create_upload(b"large", LAYOUT, Writing())
    parts = await send(store, upload, 1, 2, 3)
    completion = Completion(parts, 25, Writing(condition=Condition(absent=True)))
    record = tmp_path / ".ferryline" / "tmp" / f"{upload.upload_id}.parts"
    inode = os.stat(record.with_suffix(".part")).st_ino
    before = record.read_bytes()
    written = await store.complete_upload(upload, completion)
    record.write_bytes(before + b'{"placing_inode":%d}\n' % inode)
    again = await store.complete_upload(upload, completion)
    assert again.token == written.token
    assert not record.exists()


async def test_an_upload_refuses_a_key_that_cannot_be_a_file(tmp_path, store):
    with pytest.raises(errors.KeyRefused):
        await store.create_upload(b"x" * 300, LAYOUT, Writing())
    assert os.listdir(tmp_path) == []
