"""A disk that fails, fills, is read-only or is not the one it was: what a copy by hand makes of it."""

import os
import subprocess

import pytest

from ferryline.testing.strict import Fault, StrictServer, fault
from tests.commanding import deletes, url
from tests.faults.test_file_disk import as_nobody  # noqa: F401 - a fixture
from tests.faults.test_state_disk import fill, mounted

MIB = 1024 * 1024


@pytest.fixture
def loaded(user, tmp_path):
    """Every module that a copy needs: who may not read the interpreter's own folder cannot load them later."""
    folder = tmp_path / "loading"
    folder.mkdir()
    (folder / "one").write_bytes(b"")
    with StrictServer("elsewhere") as server:
        words = ("copy", str(folder), url(server, "elsewhere"), "--json")
        assert user.run(*words, state=tmp_path / "loading-state").code == 0
        (folder / "one").unlink()
        (folder / "two").write_bytes(b"")
        removing = ("--preserve-deleted-files", "REMOVE", "--max-delete-percent", "100")
        assert user.run(*words, *removing, state=tmp_path / "loading-state").code == 0


@pytest.fixture
def small_disk(tmp_path):
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


def tree(root, count=10):
    for number in range(count):
        (root / f"{number:02}").write_bytes(b"bytes of %d" % number)


# -- a source that is not the disk it was ---------------------------------------------------------


def test_an_unmounted_source_stops_the_run_and_nothing_is_deleted(strict, user, tmp_path):
    data = tmp_path / "data"
    words = ("copy", str(data), url(strict, "destination"), "--json", "--preserve-deleted-files", "REMOVE")
    with mounted(data, "size=1m"):
        tree(data)
        assert user.run(*words).code == 0
    assert os.listdir(data) == [], "an unmounted disk leaves an empty folder"
    strict.forget()

    said = user.run(*words, "--max-delete-percent", "100")

    assert said.code == 4
    assert said.document["stopped"]["kind"] == "mount-changed"
    assert "--accept-new-mount" in said.document["stopped"]["advice"]
    assert strict.seen == [] or deletes(strict) == []
    assert len(strict.bucket("destination").keys()) == 10


def test_another_folder_in_its_place_stops_the_run_until_a_person_accepts_it(strict, user, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    tree(data)
    words = ("copy", str(data), url(strict, "destination"), "--json")
    assert user.run(*words).code == 0
    data.rename(tmp_path / "away")
    data.mkdir()
    tree(data, 3)

    refused, accepted, after = user.run(*words), user.run(*words, "--accept-new-mount"), user.run(*words)

    assert (refused.code, accepted.code, after.code) == (4, 0, 0)
    assert len(strict.bucket("destination").keys()) == 10


def test_what_lies_below_a_folder_that_cannot_be_read_is_not_deleted(
    strict,
    user,
    tmp_path,
    loaded,
    as_nobody,  # noqa: F811 - the fixture that was imported
):
    for name in ("a", "locked/secret", "locked/deep/secret", "z"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"bytes")
    words = (
        "copy", str(tmp_path / "data"), url(strict, "destination"), "--json",
        "--preserve-deleted-files", "REMOVE", "--max-delete-percent", "100",
    )  # fmt: skip
    state = tmp_path / "state"
    assert user.run(*words, state=state).code == 0
    (tmp_path / "data" / "a").unlink()
    os.chmod(tmp_path / "data" / "locked", 0)

    said = user.run(*words, state=state)

    os.chmod(tmp_path / "data" / "locked", 0o700)
    assert said.code == 1
    assert deletes(strict) == [b"a"]
    assert {b"locked/secret", b"locked/deep/secret"} <= set(strict.bucket("destination").keys())
    assert [(one["key"], one["kind"]) for one in said.document["failures"]] == [("locked/", "unreadable")]


def test_a_file_that_cannot_be_read_fails_by_name_and_the_others_are_copied(
    strict,
    user,
    tmp_path,
    loaded,
    as_nobody,  # noqa: F811 - the fixture that was imported
):
    (tmp_path / "data").mkdir()
    tree(tmp_path / "data", 4)
    os.chmod(tmp_path / "data" / "02", 0)

    said = user.run(
        "copy", str(tmp_path / "data"), url(strict, "destination"), "--json", state=tmp_path / "state"
    )

    assert said.code == 1
    assert [one["key"] for one in said.document["failures"]] == ["02"]
    assert strict.bucket("destination").keys() == [b"00", b"01", b"03"]


# -- a destination's disk -------------------------------------------------------------------------


def files(root) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".ferryline" not in path.parts
    }


def test_a_full_disk_stops_the_run_with_4_and_the_old_version_stays(strict, user, small_disk):
    (small_disk / "large").write_bytes(b"the old version")
    strict.bucket("source").put("large", b"n" * (6 * MIB))
    words = ("copy", url(strict, "source"), str(small_disk), "--json")

    said = user.run(*words)

    assert said.code == 4
    assert "ENOSPC" in said.document["stopped"]["message"]
    assert files(small_disk) == {"large": b"the old version"}
    strict.bucket("source").put("large", b"n" * MIB)
    assert user.run(*words).code == 0, "room again: the same command carries on"
    assert files(small_disk) == {"large": b"n" * MIB}
    assert [path for path in small_disk.rglob("*") if ".ferryline" in path.parts and path.is_file()] == []


def test_a_read_only_disk_stops_the_run_with_4(strict, user, small_disk):
    (small_disk / "old").write_bytes(b"old")
    strict.bucket("source").put("new", b"new")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    said = user.run("copy", url(strict, "source"), str(small_disk), "--json")

    assert said.code == 4
    assert "EROFS" in said.document["stopped"]["message"]
    assert files(small_disk) == {"old": b"old"}


# -- the state's disk -----------------------------------------------------------------------------


def test_a_full_state_folder_stops_the_run_with_4_before_anything_is_sent(strict, user, small_disk):
    strict.bucket("source").put("a", b"a")
    state = small_disk / "state"
    words = ("copy", url(strict, "source"), url(strict, "destination"))
    assert user.run(*words, state=state).code == 0
    strict.bucket("source").put("b", b"b")
    fill(small_disk)
    strict.forget()

    said = user.run(*words, state=state)

    assert said.code == 4
    assert "--state" in said.out + said.err or "space" in said.out + said.err
    assert strict.bucket("destination").keys() == [b"a"]
    (small_disk / "ballast").unlink()
    assert user.run(*words, state=state).code == 0
    assert strict.bucket("destination").keys() == [b"a", b"b"]


def test_a_state_folder_that_fills_while_the_run_works_loses_nothing(strict, user, small_disk):
    strict.bucket("source").put_many({f"{number:03}": b"%d" % number for number in range(30)})
    state = small_disk / "state"
    words = ("copy", url(strict, "source"), str(small_disk.parent / "there"))
    strict.before("GetObject", lambda _: fill(small_disk))

    said = user.run(*words, state=state)

    assert said.code == 4, said.out + said.err
    (small_disk / "ballast").unlink()
    strict.service.before.clear()
    assert user.run(*words, state=state).code == 0
    assert len(files(small_disk.parent / "there")) == 30


def test_a_read_only_state_folder_is_refused_at_the_door(strict, user, small_disk):
    strict.bucket("source").put("a", b"a")
    state = small_disk / "state"
    words = ("copy", url(strict, "source"), url(strict, "destination"))
    assert user.run(*words, state=state).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    strict.forget()

    said = user.run(*words, state=state)

    assert said.code == 4
    assert "EROFS" in said.err
    assert strict.seen == []


def test_a_damaged_state_is_refused_with_what_to_do_and_a_new_one_copies_nothing_again(strict, user):
    strict.bucket("source").put("a", b"a")
    words = ("copy", url(strict, "source"), url(strict, "destination"))
    assert user.run(*words).code == 0
    (user.state / "ferryline.db").write_bytes(b"<html>it works</html>" * 500)
    strict.forget()

    refused = user.run(*words)

    assert refused.code == 4
    assert "move" in refused.err
    assert strict.seen == []
    (user.state / "ferryline.db").unlink()
    assert user.run(*words).code == 0
    assert {one.operation for one in strict.seen} == {"ListObjectsV2"}


def test_a_state_from_an_older_backup_deletes_nothing_wrong(strict, user, tmp_path):
    """Rows that remember another time are rows whose tokens do not stand: the stores are compared."""
    strict.bucket("source").put_many({f"{number}": b"old %d" % number for number in range(9)})
    words = (
        "copy",
        url(strict, "source"),
        str(tmp_path / "there"),
        "--json",
        "--preserve-deleted-files",
        "REMOVE",
    )
    assert user.run(*words).code == 0
    subprocess.run(["cp", "-a", str(user.state), str(tmp_path / "backup")], check=True)
    strict.bucket("source").put("3", b"new 3")
    strict.bucket("source").put("more", b"more")
    assert user.run(*words).code == 0

    said = user.run(*words, state=tmp_path / "backup")

    assert said.code == 0
    assert said.document["files_deleted"] == said.document["files_transferred"] == 0
    assert files(tmp_path / "there")["3"] == b"new 3"


def test_a_destination_that_vanishes_stops_the_run_and_nothing_is_made_anew(strict, user, hasty):
    strict.bucket("source").put("a", b"a")
    gone = strict.arm(Fault("*", fault.Status("NoSuchBucket"), bucket="destination", times=None))

    said = user.run("copy", url(strict, "source"), url(strict, "destination"), "--json")

    assert gone.fired
    assert said.code in {2, 4}
    assert strict.count("CreateBucket") == 0
