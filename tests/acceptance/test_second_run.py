"""Run it again and nothing is sent, counted at the server; lose the state and still nothing is, where digests tell."""

from pathlib import Path

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Put, StrictServer
from tests.commanding import other_than_listings, picture, url

MIB = 1024 * 1024
PARTS = Put(part_bytes=5 * MIB)


def filled(server):
    bucket = server.bucket("source")
    bucket.put_many({f"data/{number:03}": b"%d" % number * 50 for number in range(40)})
    bucket.put("data/empty", b"")
    bucket.put("data/large", b"x" * (12 * MIB), PARTS)
    return bucket


def silent(server, said):
    assert said.code == 0, said.err
    assert other_than_listings(server) == []
    assert server.count("ListObjectsV2") > 0


def test_from_bucket_to_bucket_with_equal_etags(strict, user):
    filled(strict)
    words = ("copy", url(strict, "source"), url(strict, "destination"), "--json")
    assert user.run(*words).code == 0
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()
    strict.forget()

    said = user.run(*words)

    silent(strict, said)
    assert (said.document["files_same"], said.document["files_transferred"]) == (42, 0)


def test_from_bucket_to_bucket_with_equal_etags_and_no_state(strict, user, tmp_path):
    filled(strict)
    words = ("copy", url(strict, "source"), url(strict, "destination"), "--json")
    assert user.run(*words).code == 0
    strict.forget()

    said = user.run(*words, state=tmp_path / "another host")

    silent(strict, said)


@pytest.fixture
def kms():
    with StrictServer("source", BucketSettings("destination", encryption=Encryption.KMS)) as server:
        yield server


def test_from_bucket_to_a_bucket_whose_etags_are_not_digests(kms, user):
    filled(kms)
    words = ("copy", url(kms, "source"), url(kms, "destination"), "--json")
    assert user.run(*words).code == 0
    assert kms.bucket("destination").contents() == kms.bucket("source").contents()
    kms.forget()

    said = user.run(*words)

    silent(kms, said)
    assert said.document["evidence"]["ledger"] == 42


def test_from_bucket_to_bucket_with_other_part_sizes(strict, user):
    body = bytes(range(256)) * (12 * MIB // 256)
    strict.bucket("source").put("large", body, Put(part_bytes=5 * MIB))
    strict.bucket("destination").put("large", body, Put(part_bytes=7 * MIB))
    words = ("copy", url(strict, "source"), url(strict, "destination"), "--json", "--on-unknown", "read-back")
    first = user.run(*words)
    assert first.code == 0
    assert strict.count("PutObject", "UploadPart") == 0, "equal bytes were sent again"
    strict.forget()

    said = user.run(*words)

    silent(strict, said)
    assert said.document["evidence"] == {"ledger": 1}


def test_from_files_to_a_bucket(strict, user, tmp_path):
    tree(tmp_path / "tree")
    words = ("copy", str(tmp_path / "tree"), url(strict, "destination"), "--json")
    assert user.run(*words).code == 0
    strict.forget()
    before = picture(tmp_path / "tree")

    said = user.run(*words)

    silent(strict, said)
    assert said.document["files_same"] == 23
    assert picture(tmp_path / "tree") == before


def test_from_files_to_a_bucket_without_state(strict, user, tmp_path):
    tree(tmp_path / "tree")
    words = ("copy", str(tmp_path / "tree"), url(strict, "destination"), "--json")
    assert user.run(*words).code == 0
    strict.forget()

    said = user.run(*words, state=tmp_path / "another host")

    silent(strict, said)
    assert said.document["files_same"] == 23


def test_from_a_bucket_to_files(strict, user, tmp_path):
    filled(strict)
    words = ("copy", url(strict, "source"), str(tmp_path / "tree"), "--json")
    assert user.run(*words).code == 0
    strict.forget()
    before = picture(tmp_path / "tree")

    said = user.run(*words)

    silent(strict, said)
    assert said.document["files_same"] == 42
    assert picture(tmp_path / "tree") == before


def test_from_a_bucket_to_files_without_state(strict, user, tmp_path):
    filled(strict)
    words = ("copy", url(strict, "source"), str(tmp_path / "tree"), "--json")
    assert user.run(*words).code == 0
    strict.forget()
    before = picture(tmp_path / "tree")

    said = user.run(*words, state=tmp_path / "another host")

    silent(strict, said)
    assert said.document["files_same"] == 42
    assert picture(tmp_path / "tree") == before


def test_from_files_to_files(user, tmp_path):
    tree(tmp_path / "tree")
    words = ("copy", str(tmp_path / "tree"), str(tmp_path / "there"), "--json")
    assert user.run(*words).code == 0
    before = picture(tmp_path / "there")

    again, elsewhere = user.run(*words), user.run(*words, state=tmp_path / "another host")

    assert (again.code, elsewhere.code) == (0, 0)
    assert again.document["files_same"] == elsewhere.document["files_same"] == 23
    assert picture(tmp_path / "there") == before


def test_point_in_time_is_as_silent_between_buckets(strict, user):
    filled(strict)
    words = (
        "copy",
        url(strict, "source"),
        url(strict, "destination"),
        "--json",
        "--verify-mode",
        "POINT_IN_TIME_CONSISTENT",
    )
    assert user.run(*words).code == 0
    strict.forget()

    said = user.run(*words)

    silent(strict, said)
    assert said.document["consistency"] == "point-in-time"


def tree(root: Path) -> None:
    for number in range(20):
        path = root / f"{number % 4}" / f"{number:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 100)
    (root / "empty").write_bytes(b"")
    (root / "100%").write_bytes(b"percent")
    (root / "large").write_bytes(b"y" * (9 * MIB))
