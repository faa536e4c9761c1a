"""Copies within one endpoint as their user meets them: no byte here, proof stated, and a flag to turn it off."""

import os

import pytest

from ferryline.testing import hostile
from ferryline.testing.strict import Credential, Lie, Put, StrictServer
from tests.commanding import data_bytes, url

MIB = 1024 * 1024
TREE = {"a/small": b"small", "empty": b"", "a/large": os.urandom(12 * MIB)}


@pytest.fixture
def person(user):
    user.server_side = True
    return user


def filled(strict):
    for key, body in TREE.items():
        how = Put(part_bytes=5 * MIB) if len(body) > MIB else Put(tags={"team": "ml"})
        strict.bucket("source").put(key, body, how)
    strict.forget()


def words(strict, *more):
    return ("copy", url(strict, "source"), url(strict, "destination"), "--json", *more)


def through_here(server):
    verbs = {"GetObject", "PutObject", "UploadPart"}
    return {
        one.key
        for one in server.seen
        if one.operation in verbs and one.status < 300 and not one.key.startswith(b".ferryline/")
    }


def test_the_document_says_that_all_arrived_and_no_byte_came_here(person, strict):
    filled(strict)
    done = person.run(*words(strict))
    assert done.code == 0, done.err
    told = done.document
    assert (told["files_transferred"], told["files_verified"]) == (3, 3)
    assert told["bytes_transferred"] == sum(len(body) for body in TREE.values())
    assert (told["source_bytes_read"], told["bytes_written"]) == (0, 0)
    assert through_here(strict) == set()
    assert set(told["evidence"]) <= {"server-copy", "stored-checksum"}
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()
    assert strict.bucket("destination").version("a/small").tags == {"team": "ml"}


@pytest.mark.parametrize("lies", [(), (Lie.IGNORES_CHECKSUMS, Lie.COPIES_MULTIPART_ETAG)])
def test_the_next_run_is_silent_verify_believes_the_ledger_and_deep_reads(person, strict, lies):
    strict.lie(*lies)
    filled(strict)
    first = person.run(*words(strict))
    assert first.document["evidence"] == {"server-copy" if lies else "stored-checksum": 3}
    second = person.run(*words(strict))
    assert second.document["evidence"] == {"ledger": 3}
    assert set(second.document["requests"]) == {"ListObjectsV2"}

    ends = (url(strict, "source"), url(strict, "destination"))
    shallow = person.run("verify", *ends, "--json")
    assert (shallow.code, shallow.document["evidence"]) == (0, {"ledger": 3})
    strict.bucket("destination").corrupt("a/large")
    deep = person.run("verify", *ends, "--deep", "100", "--json")
    assert (deep.code, deep.document["files_read"]) == (1, 3)
    assert [one["key"] for one in deep.document["findings"]] == ["a/large"]
    repaired = person.run(*words(strict))
    assert (repaired.code, repaired.document["files_transferred"]) == (0, 1)
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()


def test_the_flag_moves_bytes_through_this_host(person, strict):
    filled(strict)
    done = person.run(*words(strict, "--disable-server-side-copy"))
    assert done.code == 0
    assert strict.count("UploadPartCopy") == 0
    assert through_here(strict) == {key.encode() for key in TREE}
    assert done.document["source_bytes_read"] == sum(len(body) for body in TREE.values())


def test_two_endpoints_never_copy_by_themselves(person, strict):
    filled(strict)
    with StrictServer("destination") as other:
        done = person.run("copy", url(strict, "source"), url(other, "destination"), "--json")
        assert (done.code, done.document["warnings"]) == (0, [])
        assert through_here(other) == {key.encode() for key in TREE}


def test_two_identities_never_copy_by_themselves(person, strict, monkeypatch):
    filled(strict)
    strict.credential("READER", Credential("secret"))
    profiles = person.folder / "profiles"
    profiles.write_text("[reader]\naws_access_key_id = READER\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
    source = f"{url(strict, 'source')}&profile=reader"
    done = person.run("copy", source, url(strict, "destination"), "--json")
    assert done.code == 0, done.err
    assert through_here(strict) == {key.encode() for key in TREE}


def test_within_one_bucket_and_to_another_name(person, strict):
    filled(strict)
    inside = person.run("copy", url(strict, "source", "a/"), url(strict, "source", "b/"), "--json")
    assert (inside.code, inside.document["source_bytes_read"]) == (0, 0)
    assert strict.bucket("source").get("b/large") == TREE["a/large"]
    named = person.run(
        "copy", "--object", url(strict, "source", "a/small"), url(strict, "destination", "x y/ü"), "--json"
    )
    assert (named.code, named.document["source_bytes_read"]) == (0, 0)
    assert strict.bucket("destination").contents() == {"x y/ü".encode(): b"small"}


def test_every_odd_key_is_copied_byte_for_byte(person, strict):
    for one in hostile.KEYS:
        if not one.key.startswith(b".ferryline/") and b"/.ferryline/" not in one.key:
            strict.bucket("source").put(one.key, b"bytes of " + one.key)
    strict.forget()
    done = person.run(*words(strict))
    assert (done.code, done.document["warnings"]) == (0, []), done.out
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()
    assert through_here(strict) == set()


def test_an_endpoint_that_copies_nothing_is_one_warning(person, strict):
    strict.lie(Lie.REFUSES_COPIES)
    filled(strict)
    done = person.run(*words(strict))
    assert done.code == 0
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()
    (warning,) = done.document["warnings"]
    assert "does not copy by itself" in warning["message"]
    assert data_bytes(strict) > 0


@pytest.mark.radosgw
@pytest.mark.slow
def test_on_radosgw_an_etag_that_was_carried_along_is_no_proof(person, radosgw, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", radosgw.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", radosgw.secret_key)
    source, target, client = radosgw.bucket(), radosgw.bucket(), radosgw.client()
    client.put_object(Bucket=source, Key="small", Body=b"small", Tagging="team=ml", Metadata={"owner": "ml"})
    client.put_object(Bucket=source, Key="a b/ü+%20", Body=b"odd")
    upload = {"Bucket": source, "Key": "parts"}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": client.upload_part(**upload, PartNumber=n, Body=b"x" * 5 * MIB)["ETag"]}
        for n in (1, 2)
    ]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    copy = ("copy", url(radosgw, source), url(radosgw, target), "--json")

    done = person.run(*copy)

    assert done.code == 0, done.out + done.err
    told = done.document
    assert (told["evidence"], told["warnings"]) == ({"server-copy": 3}, [])
    assert (told["source_bytes_read"], told["bytes_written"]) == (0, 0)
    etags = [client.head_object(Bucket=bucket, Key="parts")["ETag"] for bucket in (source, target)]
    assert etags[0] == etags[1], "radosgw no longer carries it: then this test proves nothing"
    assert client.get_object(Bucket=target, Key="a b/ü+%20")["Body"].read() == b"odd"
    assert client.head_object(Bucket=target, Key="small")["Metadata"] == {"owner": "ml"}
    tags = client.get_object_tagging(Bucket=target, Key="small")["TagSet"]
    assert tags == [{"Key": "team", "Value": "ml"}]
    second = person.run(*copy)
    assert set(second.document["requests"]) == {"ListObjectsV2"}
    assert second.document["evidence"] == {"ledger": 3}
