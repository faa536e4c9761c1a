"""Files as either end, with real files: bytes, names, times, parts, and a clean folder afterwards."""

import os

import pytest

from ferryline.model.outcome import Deleted, Failed, Spared, Transferred
from ferryline.transfer import sweep
from tests.unit.storage_file.trees import found as files_found
from tests.unit.storage_file.trees import make, open_destination, open_source
from tests.unit.transfer.ground import (
    MIB,
    Scripted,
    bodies,
    closing,
    copied,
    copies,
    delete_candidates,
    deletions,
    manner,
    outcomes,
    put,
    put_in_parts,
)

LARGE = os.urandom(3 * MIB + 5)
TIME = 1_600_000_000_123_456_789


@pytest.fixture
def tree(tmp_path):
    source = tmp_path / "source"
    make(source, b"a", b"deep/er/b", b"100%", b"%41", b"sp ace", b"\xe2\x82\xac")
    (source / "empty").write_bytes(b"")
    (source / "large").write_bytes(LARGE)
    for folder, _, names in os.walk(source):
        for name in names:
            os.utime(os.path.join(folder, name), ns=(TIME, TIME))
    return source


def cut():
    return manner(memory_bytes=MIB, part_bytes=MIB)


async def test_files_go_to_s3_and_come_back_with_bytes_names_and_times(tree, tmp_path):
    bucket = Scripted()
    async with closing(open_source(tree)) as source:
        there = await copied(source, bucket, cut())
    assert all(isinstance(one, Transferred) for one in there.values())
    assert {one.metadata.user["file-mtime"] for one in bucket.held.objects.values()} == {f"{TIME}ns"}
    async with closing(open_destination(tmp_path / "back")) as destination:
        back = await copied(bucket, destination, cut())
    assert all(isinstance(one, Transferred) for one in back.values())
    assert files_found(tmp_path / "back") == files_found(tree)
    for folder, _, names in os.walk(tmp_path / "back"):
        for name in names:
            assert os.stat(os.path.join(folder, name)).st_mtime_ns == TIME
    assert not (tmp_path / "back" / ".ferryline").exists()


async def test_files_go_to_files_and_the_answer_tells_the_new_tokens(tree, tmp_path):
    async with (
        closing(open_source(tree)) as source,
        closing(open_destination(tmp_path / "to")) as destination,
    ):
        found = await copied(source, destination, cut())
        for one in found.values():
            stat = await destination.head(one.key)
            assert one.destination == stat.entry
            assert one.proof is None  # files are always read back by whoever verifies
            assert one.digest is not None
    assert files_found(tmp_path / "to") == files_found(tree)
    assert (tmp_path / "to" / "large").stat().st_mtime_ns == TIME
    assert not (tmp_path / "to" / ".ferryline").exists()


async def test_objects_of_s3_land_as_files_with_their_last_modified(tmp_path):
    bucket = Scripted()
    await put(bucket, b"a", b"x")
    await put(bucket, b"a/b", b"y")
    await put(bucket, b"c//d", b"z")
    await put_in_parts(bucket, b"parts", b"p" * 100, 10)
    async with closing(open_destination(tmp_path / "to")) as destination:
        found = await copied(bucket, destination)
    assert all(isinstance(one, Transferred) for one in found.values())
    assert files_found(tmp_path / "to") == {
        b"a/%self": b"x",
        b"a/b": b"y",
        b"c/%empty/d": b"z",
        b"parts": b"p" * 100,
    }
    expected = bucket.held.objects[b"parts"].modified_ns
    assert (tmp_path / "to" / "parts").stat().st_mtime_ns == expected


async def test_names_no_file_can_have_fail_before_a_byte_is_read(tmp_path):
    bucket = Scripted()
    await put(bucket, b"x" * 256, b"x")
    await put(bucket, b"fine", b"x")
    async with closing(open_destination(tmp_path / "to")) as destination:
        found = await copied(bucket, destination)
    assert found[b"x" * 256].kind == "key-refused"
    assert bucket.calls["read"] == 1
    assert files_found(tmp_path / "to") == {b"fine": b"x"}


async def test_hostile_keys_stay_below_the_root(tmp_path):
    bucket = Scripted()
    keys = [b"../../etc/x", b"..", b".", b"/abs", b"a/../b", b"nul\x00", b"\n", b"\x1b[2J"]
    for key in keys:
        await put(bucket, key, key)
    root = tmp_path / "inner" / "to"
    async with closing(open_destination(root)) as destination:
        found = await copied(bucket, destination)
        assert all(isinstance(one, Transferred) for one in found.values())
        back = Scripted()
        await copied(destination, back)
    assert bodies(back) == {key: key for key in keys}
    assert [one.name for one in tmp_path.iterdir()] == ["inner"]
    assert [one.name for one in (tmp_path / "inner").iterdir()] == ["to"]


async def test_a_file_that_changes_while_it_is_read_is_read_again_or_fails_by_name(tree):
    async with closing(open_source(tree)) as source:
        planned = [one for one in await copies(source) if one.key == b"a"]
        (tree / "a").write_bytes(b"grown meanwhile")
        bucket = Scripted()
        found = await outcomes(planned, source, bucket)
        assert isinstance(found[b"a"], Transferred)
        assert bucket.held.objects[b"a"].body == b"grown meanwhile"
        planned = [one for one in await copies(source) if one.key == b"large"]
        real = source.read
        writes = 0

        async def restless(key, pin, span=None):
            nonlocal writes
            writes += 1
            (tree / "large").write_bytes(os.urandom(3 * MIB + writes))
            return await real(key, pin, span)

        source.read = restless
        found = await outcomes(planned, source, bucket, cut())
    assert isinstance(found[b"large"], Failed)
    assert found[b"large"].kind == "source-changed"
    assert b"large" not in bucket.held.objects
    assert not bucket.held.uploads


async def test_deletes_take_files_and_spare_what_changed(tmp_path):
    make(tmp_path / "to", b"gone", b"touched", b"deep/gone")
    bucket = Scripted()
    async with closing(open_destination(tmp_path / "to")) as destination:
        candidates = await delete_candidates(destination, b"gone", b"touched", b"deep/gone")
        (tmp_path / "to" / "touched").write_bytes(b"by hand")
        found = await deletions(candidates, bucket, destination)
    assert isinstance(found[b"gone"], Deleted)
    assert isinstance(found[b"deep/gone"], Deleted)
    assert isinstance(found[b"touched"], Spared)
    assert files_found(tmp_path / "to") == {b"touched": b"by hand"}


async def test_a_sweep_removes_temporaries_of_dead_runs_and_keeps_a_users_files(tmp_path):
    root = tmp_path / "to"
    make(root, b".ferryline/tmp/" + b"a" * 32 + b".write", b".ferryline/tmp/mine.txt")
    async with closing(open_destination(root)) as destination:
        leftovers = await sweep(destination, manner())
        await leftovers.clear()
    assert set(files_found(root)) == {b".ferryline/tmp/mine.txt"}
