"""The walk: order, ranges, what is passed over, what cannot be seen, and what changes meanwhile."""

import os
import shutil
import socket
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryline import errors
from ferryline.model.key import EVERYTHING, KeyRange, cut
from ferryline.storage.file import Skip, SkipReason, beneath, names, walk
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import Pin, Writing
from tests.unit.storage_file.trees import found, listed, make, open_destination, open_source


@pytest.fixture
async def source(tmp_path):
    opened = open_source(tmp_path)
    yield opened
    await opened.close()


async def test_names_are_listed_in_the_order_of_their_keys(tmp_path, source):
    make(tmp_path, b"a/b", b"a/%self", b"a-b", b"a.b", b"a0", b"a/%empty", b"%2E%2E/x", b"%empty/y", b"z%20")
    assert await listed(source) == sorted(
        [b"a", b"a-b", b"a.b", b"a/", b"a/b", b"a0", b"../x", b"/y", b"z%20"]
    )


async def test_empty_directories_are_not_carried(tmp_path, source):
    make(tmp_path, b"full/file", b"empty/", b"empty/in/empty/")
    assert await listed(source) == [b"full/file"]
    assert source.skipped.total == 0


async def test_a_row_holds_what_lstat_says(tmp_path, source):
    make(tmp_path, b"one")
    os.utime(tmp_path / "one", ns=(1, 1_234_567_890_123_456_789))
    (page,) = [page async for page in source.pages(EVERYTHING)]
    seen = os.lstat(tmp_path / "one")
    assert page.rows.to_pylist() == [
        {
            "key": b"one",
            "size": 3,
            "etag": None,
            "modified_ns": 1_234_567_890_123_456_789,
            "change_ns": seen.st_ctime_ns,
            "inode": seen.st_ino,
            "storage_class": None,
        }
    ]


async def test_special_files_and_links_are_passed_over_and_counted(tmp_path, source):
    make(tmp_path, b"file", b"folder/file")
    os.symlink("file", tmp_path / "link")
    os.symlink("nowhere", tmp_path / "broken")
    os.symlink("/etc/shadow", tmp_path / "folder" / "outside")
    os.symlink("..", tmp_path / "folder" / "loop")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        assert await listed(source) == [b"file", b"folder/file"]
    assert source.skipped.items == [
        Skip(b"broken", SkipReason.SYMLINK),
        Skip(b"fifo", SkipReason.FIFO),
        Skip(b"folder/loop", SkipReason.SYMLINK),
        Skip(b"folder/outside", SkipReason.SYMLINK),
        Skip(b"link", SkipReason.SYMLINK),
        Skip(b"socket", SkipReason.SOCKET),
    ]
    assert source.skipped.excluded == source.skipped.total == 6


async def test_hard_links_are_separate_files(tmp_path, source):
    make(tmp_path, b"one")
    os.link(tmp_path / "one", tmp_path / "two")
    assert await listed(source) == [b"one", b"two"]


async def test_ranges_that_tile_count_each_skip_once(tmp_path, source):
    make(tmp_path, b"a/b", b"a/%self/x", b"c/d", b"%self")
    os.symlink("b", tmp_path / "a" / "link")
    os.symlink("b", tmp_path / "c" / "link")
    for keys in cut([b"a/", b"a/b", b"c", b"c/link"]):
        await listed(source, keys)
    assert source.skipped.totals == {SkipReason.SYMLINK: 2, SkipReason.NAME: 2}


async def test_names_that_are_not_canonical_are_refused_by_name(tmp_path, source):
    make(tmp_path, b"%self", b"a/%self/b", b"ok/%self", b"ok/file")
    assert await listed(source) == [b"ok", b"ok/file"]
    assert set(source.skipped.items) == {
        Skip(b"%self", SkipReason.NAME),
        Skip(b"a/%self", SkipReason.NAME),
    }
    assert source.skipped.excluded == 0


async def test_our_temporary_folder_is_not_listed_and_the_rest_of_ours_is(tmp_path, source):
    make(tmp_path, b".ferryline/tmp/x", b".ferryline/uploads/y", b"a/.ferryline/tmp/z")
    assert await listed(source) == [b".ferryline/uploads/y", b"a/.ferryline/tmp/z"]
    assert await listed(source, KeyRange(prefix=b".ferryline/tmp/")) == []


async def test_a_listing_below_a_link_is_empty_and_says_why(tmp_path, source):
    make(tmp_path, b"real/file")
    os.symlink("real", tmp_path / "link")
    assert await listed(source, KeyRange(prefix=b"link/")) == []
    assert source.skipped.items == [Skip(b"link", SkipReason.SYMLINK)]


async def test_a_missing_source_is_an_error_and_a_missing_destination_is_empty(tmp_path):
    with pytest.raises(errors.DiskFailed, match="does not exist"):
        await listed(open_source(tmp_path / "missing"))
    assert await listed(open_destination(tmp_path / "missing")) == []
    make(tmp_path, b"file")
    with pytest.raises(errors.DiskFailed, match="not a directory"):
        await listed(open_source(tmp_path / "file"))


async def test_the_mount_has_an_identity(tmp_path, source):
    make(tmp_path, b"other/")
    other = open_source(tmp_path / "other")
    assert await source.identity() == await source.identity()
    assert str(await source.identity()) != str(await other.identity())
    with pytest.raises(errors.DiskFailed):
        await open_source(tmp_path / "missing").identity()


async def test_pages_are_bounded_and_say_how_far_they_prove(tmp_path, source, monkeypatch):
    monkeypatch.setattr(walk, "PAGE_ROWS", 3)
    make(tmp_path, *(b"f%d/%d" % (number % 3, number) for number in range(8)))
    pages = [page async for page in source.pages(EVERYTHING)]
    assert [page.rows.num_rows for page in pages] == [3, 3, 2]
    assert [page.upto for page in pages] == [b"f0/6", b"f1/7", None]


async def test_what_vanishes_while_walking_is_no_error(tmp_path, source, monkeypatch):
    monkeypatch.setattr(walk, "PAGE_ROWS", 1)
    make(tmp_path, b"a", b"b/1", b"b/2", b"c/d/e", b"f", b"g")
    pages = source.pages(EVERYTHING)
    assert (await anext(pages)).rows.column("key").to_pylist() == [b"a"]
    shutil.rmtree(tmp_path / "b")
    os.unlink(tmp_path / "f")
    rest = [key async for page in pages for key in page.rows.column("key").to_pylist()]
    assert rest == [b"c/d/e", b"g"]
    assert source.skipped.vanished == 2
    assert source.blind_spots == []


async def test_a_file_that_becomes_a_directory_while_walking_keeps_its_key(tmp_path, source, monkeypatch):
    monkeypatch.setattr(walk, "PAGE_ROWS", 1)
    make(tmp_path, b"a", b"m")
    pages = source.pages(EVERYTHING)
    await anext(pages)
    writer = open_destination(tmp_path)
    await writer.write(b"m/below", b"new", Writing())
    await writer.close()
    rest = [key async for page in pages for key in page.rows.column("key").to_pylist()]
    assert rest == [b"m"]


async def test_a_directory_swapped_for_a_link_is_not_followed(tmp_path, monkeypatch):
    make(tmp_path, b"root/a", b"root/b/inside", b"outside/secret")
    source = open_source(tmp_path / "root")
    monkeypatch.setattr(walk, "PAGE_ROWS", 1)
    pages = source.pages(EVERYTHING)
    await anext(pages)
    shutil.rmtree(tmp_path / "root" / "b")
    os.symlink(tmp_path / "outside", tmp_path / "root" / "b")
    assert [key async for page in pages for key in page.rows.column("key").to_pylist()] == []
    assert source.skipped.items == [Skip(b"b", SkipReason.SYMLINK)]


async def test_a_tree_deeper_than_a_path_may_be_is_walked(tmp_path, source):
    depth, name = 50, b"d" * 100  # 5,050 bytes
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    assert await listed(source) == [b"/".join([name] * depth + [b"file"])]
    shutil.rmtree(tmp_path / os.fsdecode(name))


def test_large_inodes_and_far_times_fit_the_columns(tmp_path):
    class Seen:
        st_ino = 2**64 - 1

    assert walk.inode_number(Seen()) == -1
    assert walk.nanoseconds(2**70) == 2**63 - 1
    assert walk.nanoseconds(-(2**70)) == -(2**63) + 1


async def test_open_descriptors_stay_few_and_are_given_back(tmp_path, source):
    make(tmp_path, b"/".join([b"d"] * 60 + [b"file"]), b"z")
    before = len(os.listdir("/proc/self/fd"))
    pages = source.pages(EVERYTHING)
    await anext(pages)
    await pages.aclose()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the root stays open
    await source.close()
    assert len(os.listdir("/proc/self/fd")) <= before


_component = st.lists(st.sampled_from([b"a", b"b", b"-", b".", b"0", b"%", b"", b".."]), max_size=2).map(
    b"".join
)
_keys = st.lists(_component, min_size=1, max_size=3).map(b"/".join)
_edges = st.none() | _keys


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(_keys, max_size=14), _edges, _edges, st.just(b"") | _keys)
async def test_any_range_of_any_keys_lists_as_the_oracle_does(
    tmp_path_factory, monkeypatch, keys, after, upto, prefix
):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    root = tmp_path_factory.mktemp("oracle")
    wanted = KeyRange(after, upto, prefix)
    oracle, store = MemoryStore(), open_destination(root)
    for key in keys:
        await oracle.write(key, key, Writing())
        await store.write(key, key, Writing())
    assert await listed(store, wanted) == await listed(oracle, wanted)
    await store.close()
    shutil.rmtree(root)


_name = (
    st.one_of(
        st.sampled_from(
            [b"%empty", b"%2E", b"%2E%2E", b"%00", b"%2500", b"100%", b"a%20b", b"a", b"b", b"\xff", b"%self"]
        ),
        st.binary(min_size=1, max_size=6),
    )
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in {b".", b".."})
)
_trees = st.lists(st.lists(_name, min_size=1, max_size=3).map(tuple), min_size=1, max_size=8)


def _consistent(paths):
    """The paths that can be files of one tree: no file is also a directory."""
    kept = []
    for path in paths:
        if path[0] == b".ferryline":
            continue
        clash = any(path[: len(one)] == one or one[: len(path)] == path for one in kept)
        if not clash:
            kept.append(path)
    return kept


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_trees)
async def test_a_tree_goes_to_keys_and_back_exactly_or_is_refused_by_name(
    tmp_path_factory, monkeypatch, paths
):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    root, copied = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("copied")
    make(root, *(b"/".join(path) for path in _consistent(paths)))
    source, bucket, destination = open_source(root), MemoryStore(), open_destination(copied)
    for key in await listed(source):
        stat_seen = await source.head(key)
        await bucket.write(key, (await source.read(key, Pin(stat_seen.entry.token))).body, Writing())
    for key in await listed(bucket):
        await destination.write(key, bucket.held.objects[key].body, Writing())
    await destination.close()
    before, after = found(root), found(copied)
    refused = {skip.key for skip in source.skipped.items}
    for path in before:
        if path in after or any(path == one or path.startswith(one + b"/") for one in refused):
            continue
        # A `%self` with nothing beside it: the key is the same, and no directory is needed for it.
        folder, _, name = path.rpartition(b"/")
        assert name == names.SELF
        assert folder in after
    assert sorted(after.values()) == sorted(body for path, body in before.items() if body in after.values())
    assert len(after) + sum(
        any(path == one or path.startswith(one + b"/") for one in refused) for path in before
    ) == len(before)
    shutil.rmtree(root)
    shutil.rmtree(copied)


def test_the_portable_way_refuses_links_too(tmp_path, monkeypatch):
    monkeypatch.setattr(beneath, "one_call", False)
    make(tmp_path, b"real/below/file")
    os.symlink("real", tmp_path / "link")
    folder = os.open(tmp_path, os.O_RDONLY)
    opened = beneath.open_path(folder, (b"real", b"below", b"file"), os.O_RDONLY)
    assert stat.S_ISREG(os.fstat(opened).st_mode)
    for path in ((b"link", b"below", b"file"), (b"link", b"below")):
        with pytest.raises(OSError, match="symbolic links"):
            beneath.open_path(folder, path, os.O_RDONLY)
    os.close(opened)
    os.close(folder)
