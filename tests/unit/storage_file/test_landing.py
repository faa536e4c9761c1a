"""Writes and deletes on a file system: beneath the root, beside each other, and nothing left behind."""

import errno
import os
import stat

import pytest

from ferryline import crash, errors
from ferryline.storage.file import beneath, twins
from ferryline.storage.store import Condition, Pin, Writing
from tests.unit.storage_file.trees import found, listed, make, open_destination


@pytest.fixture
async def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
async def store(root):
    opened = open_destination(root)
    yield opened
    await opened.close()


async def put(store, key, body=b"new"):
    return await store.write(key, body, Writing())


async def test_a_missing_root_is_made_by_the_first_write(tmp_path):
    store = open_destination(tmp_path / "not" / "yet" / "there")
    await put(store, b"a")
    await store.close()
    assert found(tmp_path) == {b"not/yet/there/a": b"new"}


async def test_a_file_makes_room_for_a_directory_of_its_name(root, store):
    make(root, b"a")
    before = os.stat(root / "a")
    await put(store, b"a/b")
    assert found(root) == {b"a/%self": b"a", b"a/b": b"new"}
    after = os.stat(root / "a" / "%self")
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, 1)


async def test_a_key_whose_directory_is_there_goes_inside(root, store):
    make(root, b"a/b")
    await put(store, b"a")
    await put(store, b"a", b"newer")
    assert found(root) == {b"a/%self": b"newer", b"a/b": b"a/b"}


async def test_an_empty_directory_gives_way_to_a_file(root, store):
    make(root, b"a/")
    await put(store, b"a")
    assert found(root) == {b"a": b"new"}


async def test_deleting_removes_the_directories_it_empties_and_no_other(root, store):
    make(root, b"a/b/c/file", b"a/kept/", b"other/")
    await store.delete(b"a/b/c/file")
    assert sorted(os.listdir(root)) == ["a", "other"]
    assert os.listdir(root / "a") == ["kept"]


async def test_deleting_the_last_key_keeps_the_root(root, store):
    make(root, b"a")
    await store.delete(b"a")
    assert os.listdir(root) == []


async def test_deleting_a_key_beside_its_directory(root, store):
    make(root, b"a/%self", b"a/b")
    await store.delete(b"a")
    assert found(root) == {b"a/b": b"a/b"}
    await store.delete(b"a/b")
    assert os.listdir(root) == []


@pytest.mark.parametrize("key", [b"link/x", b"link", b"folder/link/deep/x"])
async def test_a_link_in_the_way_is_neither_followed_nor_replaced(tmp_path, root, store, key):
    make(tmp_path, b"outside/deep/kept", b"outside/x")
    make(root, b"folder/file")
    os.symlink(tmp_path / "outside", root / "link")
    os.symlink(tmp_path / "outside", root / "folder" / "link")
    before = found(tmp_path / "outside")
    with pytest.raises(errors.KeyRefused) as refused:
        await put(store, key)
    assert refused.value.key == key
    assert await store.head(key) is None
    await store.delete(key)
    assert found(tmp_path / "outside") == before
    assert (root / "link").is_symlink()


@pytest.mark.parametrize("one_call", [True, False], ids=["openat2", "name-by-name"])
async def test_a_link_swapped_in_after_mkdir_does_not_lead_out(tmp_path, root, store, monkeypatch, one_call):
    if one_call and not beneath.one_call:
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(beneath, "one_call", one_call)
    make(tmp_path, b"outside/")
    swapped = []

    def swap(name):
        if name == "file.directory.made" and not swapped:
            swapped.append(name)
            os.rmdir(root / "folder")
            os.symlink(tmp_path / "outside", root / "folder")

    monkeypatch.setattr(crash, "hook", swap)
    with pytest.raises(errors.KeyRefused, match="symbolic link"):
        await put(store, b"folder/file")
    assert swapped
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("key", [b"../escaped", b"a/../../escaped", b"/etc/escaped", b"..", b"."])
async def test_no_key_leads_out_of_the_root(tmp_path, root, store, key):
    await put(store, key)
    assert sorted(os.listdir(tmp_path)) == ["root"]
    assert not os.path.exists("/etc/escaped")
    assert await listed(store) == [key]


async def test_a_fifo_is_never_opened_or_replaced(root, store):
    make(root, b"file")
    token = (await store.head(b"file")).entry.token
    os.unlink(root / "file")
    os.mkfifo(root / "file")
    assert await store.head(b"file") is None
    with pytest.raises(errors.ObjectMissing):
        await store.read(b"file", Pin(token))
    with pytest.raises(errors.KeyRefused, match="special file"):
        await put(store, b"file")
    await store.delete(b"file")
    assert stat.S_ISFIFO(os.lstat(root / "file").st_mode)


async def test_a_file_that_becomes_a_link_is_a_change(tmp_path, root, store):
    make(tmp_path, b"secret")
    make(root, b"file")
    token = (await store.head(b"file")).entry.token
    os.unlink(root / "file")
    os.symlink(tmp_path / "secret", root / "file")
    with pytest.raises(errors.ObjectChanged, match="symbolic link"):
        await store.read(b"file", Pin(token))


@pytest.mark.parametrize("size", ["longer", "shorter", "same-size"])
async def test_a_file_that_changes_while_it_is_read_is_noticed(root, store, monkeypatch, size):
    make(root, b"file")
    token = (await store.head(b"file")).entry.token
    changed = []
    real = os.pread

    def pread(descriptor, count, offset):
        piece = real(descriptor, 2, offset)
        if not changed:
            changed.append(size)
            with open(root / "file", "r+b") as file:
                if size == "shorter":
                    file.truncate(1)
                else:
                    file.write(b"x" * (9 if size == "longer" else 4))
            os.utime(root / "file")
        return piece

    monkeypatch.setattr(os, "pread", pread)
    with pytest.raises(errors.ObjectChanged):
        await store.read(b"file", Pin(token))
    assert changed == [size]


async def test_an_etag_condition_is_unsupported_and_writes_nothing(root, store):
    make(root, b"a")
    with pytest.raises(errors.Unsupported):
        await store.write(b"a", b"new", Writing(condition=Condition(etag=b"0" * 32)))
    with pytest.raises(errors.Unsupported):
        await store.delete(b"a", Condition(etag=b"0" * 32))
    assert found(root) == {b"a": b"a"}


class TestFolding:
    """A file system that takes `Case` for `case`, and NFD for NFC."""

    @pytest.fixture(autouse=True)
    def _folds(self, monkeypatch):
        import unicodedata

        def fold(name):
            return unicodedata.normalize("NFC", os.fsdecode(name)).casefold()

        def look(folder, name):
            parent, _, last = name.rpartition(b"/")
            for one in os.listdir(folder) if not parent else ():
                if fold(one) == fold(last):
                    name = os.fsencode(one)
            try:
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None

        monkeypatch.setattr(beneath, "look", look)

    @pytest.mark.parametrize(
        ("there", "key"),
        [
            pytest.param(b"case", b"Case", id="case"),
            pytest.param(b"CaSe", b"case", id="mixed-case"),
            pytest.param(b"folder/x", b"Folder/x", id="case-of-a-folder"),
            pytest.param(b"folder/x", b"FOLDER/y", id="case-of-a-folder-with-other-files"),
            pytest.param("\u00e4".encode(), "a\u0308".encode(), id="nfd-over-nfc"),
            pytest.param("a\u0308".encode(), "\u00e4".encode(), id="nfc-over-nfd"),
        ],
    )
    async def test_a_twin_is_refused_by_name(self, root, store, there, key):
        make(root, there)
        with pytest.raises(errors.KeyRefused, match="cannot be told from") as refused:
            await put(store, key)
        assert refused.value.key == key
        assert found(root) == {there: there}

    async def test_a_twin_is_not_deleted(self, root, store):
        make(root, b"case")
        with pytest.raises(errors.KeyRefused):
            await store.delete(b"CASE")
        assert found(root) == {b"case": b"case"}

    async def test_the_same_name_is_overwritten(self, root, store):
        make(root, b"folder/case")
        await put(store, b"folder/case")
        assert found(root) == {b"folder/case": b"new"}


async def test_hard_links_that_differ_in_case_are_two_names(root, store):
    make(root, b"case")
    os.link(root / "case", root / "CASE")
    await put(store, b"CASE")
    assert found(root) == {b"case": b"case", b"CASE": b"new"}


def test_twins_are_other_spellings_only():
    assert twins.twins(b"123") == ()
    assert twins.twins(b"\xff") == ()
    assert twins.twins(b"aB") == (b"Ab",)
    assert set(twins.twins("\u00e4".encode())) == {"\u00c4".encode(), "a\u0308".encode()}


async def test_without_hard_links_nothing_is_lost(root, store, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(beneath, "_renameat2", refuse)
    make(root, b"a")
    await put(store, b"a/b")
    assert found(root) == {b"a/%self": b"a", b"a/b": b"new"}
