"""A copy that is already there is accepted by the evidence found, and no byte of data moves for it."""

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Put, StrictServer
from tests.acceptance.test_sync import fill
from tests.datasets import NAME, data, own, read_whole, s3, write_policy

MIB = 1024 * 1024


@pytest.fixture
def kms():
    with StrictServer("source", BucketSettings("eu", encryption=Encryption.KMS)) as server:
        yield server


def declare(user, server, **dataset):
    places = {name: s3(server, name) for name in ("source", "eu")}
    write_policy(user.folder, places, ["eu/data/"], **dataset)


def moved(server):
    """Bytes of objects that went either way."""
    verbs = ("GetObject", "PutObject", "UploadPart", "CopyObject")
    return sum(
        one.bytes_in if one.operation != "GetObject" else one.bytes_out
        for one in server.seen
        if one.operation in verbs and not own(one.key)
    )


def test_a_copy_under_other_keys_and_in_other_parts_is_adopted_without_a_byte_moved(kms, user):
    fill(kms)
    for key, body in kms.bucket("source").contents().items():
        kms.bucket("eu").put(key, body, Put(part_bytes=6 * MIB) if len(body) > MIB else Put())
    declare(user, kms)

    said = user.run("adopt", NAME, "--replica", "eu", "--json")

    assert said.code == 0, said.err
    assert moved(kms) < 500, "but for one small object, by which an endpoint is known that is not AWS"
    run = said.document
    assert run["destinations"][0]["published"] and run["files_same"] == 63
    assert run["evidence"] == {"stored-checksum": 63}
    whole = {key.removeprefix(b"data/"): body for key, body in kms.bucket("source").contents().items()}
    assert read_whole(kms, "eu") == whole
    kms.forget()
    again = user.run("sync", NAME, "--json")
    assert again.code == 0 and again.document["runs"][0]["snapshot"] == run["snapshot"]
    assert moved(kms) == 0


def test_what_cannot_be_proven_is_named_and_nothing_is_published(kms, user):
    fill(kms)
    for key, body in kms.bucket("source").contents().items():
        kms.bucket("eu").put(key, body)
    kms.bucket("eu").put("data/0003", b"3" * 49 + b"4")
    kms.bucket("eu").delete("data/0004")
    declare(user, kms)

    said = user.run("adopt", NAME, "--replica", "eu", "--json")

    assert said.code == 1, said.err
    assert {one["key"] for one in said.document["failures"]} == {"0003", "0004"}
    assert said.document["snapshot"] is None
    assert not [key for key in kms.bucket("eu").keys() if own(key)]
    repaired = user.run("sync", NAME, "--json").document["runs"][0]
    assert (repaired["files_transferred"], repaired["exit_code"]) == (2, 0)
    assert data(kms.bucket("eu").contents()) == kms.bucket("source").contents()


def test_adopt_deletes_nothing(kms, user):
    fill(kms)
    for key, body in kms.bucket("source").contents().items():
        kms.bucket("eu").put(key, body)
    kms.bucket("eu").put("data/extra", b"mine")
    declare(user, kms, options={"preserve_deleted_files": "REMOVE"})

    assert user.run("adopt", NAME, "--replica", "eu").code == 0

    assert kms.bucket("eu").get("data/extra") == b"mine"


def test_an_unknown_replica_is_a_mistake(kms, user):
    fill(kms)
    declare(user, kms)

    said = user.run("adopt", NAME, "--replica", "mars")

    assert said.code == 2 and "it has: eu" in said.err
