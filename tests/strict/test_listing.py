"""Listings by boto3: order, pages, prefixes, folders, markers, encodings, versions."""

import pytest

from ferryline.testing.strict import Lie
from tests.strict.conftest import refused


def keys_of(answer):
    return [entry["Key"] for entry in answer.get("Contents", [])]


def folders_of(answer):
    return [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]


def test_keys_are_listed_in_the_order_of_their_utf_8_bytes(s3, bucket):
    # U+1F680 is above U+FF41 in UTF-8 and below it in UTF-16
    keys = ["a", "B", "a/b", "a-b", "a0", "é", "\uff41", "\U0001f680"]
    bucket.put_many(dict.fromkeys(keys, b"x"))

    assert keys_of(s3.list_objects_v2(Bucket="bucket")) == sorted(keys, key=str.encode)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("call", ["list_objects", "list_objects_v2"])
def test_pages_of_every_size_tell_every_key_once(s3, bucket, size, call):
    keys = [f"k{number:02d}" for number in range(20)]
    bucket.put_many(dict.fromkeys(keys, b"x"))
    pages = list(s3.get_paginator(call).paginate(Bucket="bucket", PaginationConfig={"PageSize": size}))

    assert [key for page in pages for key in keys_of(page)] == keys
    assert len(pages) == -(-20 // size)


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("call", ["list_objects", "list_objects_v2"])
def test_a_delimiter_rolls_up_and_pages_do_not_repeat_a_folder(s3, bucket, size, call):
    bucket.put_many(dict.fromkeys(["a", "b/1", "b/2", "b/3", "b0", "c/1/2", "d"], b"x"))
    pages = s3.get_paginator(call).paginate(
        Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": size}
    )
    pages = list(pages)

    assert [key for page in pages for key in keys_of(page)] == ["a", "b0", "d"]
    assert [folder for page in pages for folder in folders_of(page)] == ["b/", "c/"]


def test_a_prefix_with_a_delimiter_looks_below_it(s3, bucket):
    bucket.put_many(dict.fromkeys(["a/", "a/1", "a/b/1", "a/b/2", "b/1"], b"x"))
    answer = s3.list_objects_v2(Bucket="bucket", Prefix="a/", Delimiter="/")

    assert keys_of(answer) == ["a/", "a/1"]
    assert folders_of(answer) == ["a/b/"]
    assert answer["KeyCount"] == 3


def test_any_text_may_be_a_delimiter(s3, bucket):
    bucket.put_many(dict.fromkeys(["foo%bar", "foo--baz", "cab"], b"x"))

    assert folders_of(s3.list_objects_v2(Bucket="bucket", Delimiter="--")) == ["foo--"]
    assert folders_of(s3.list_objects_v2(Bucket="bucket", Delimiter="%")) == ["foo%"]


def test_start_after_is_exclusive_and_need_not_exist(s3, bucket):
    bucket.put_many(dict.fromkeys(["a", "b", "c"], b"x"))

    assert keys_of(s3.list_objects_v2(Bucket="bucket", StartAfter="a")) == ["b", "c"]
    assert keys_of(s3.list_objects_v2(Bucket="bucket", StartAfter="bb")) == ["c"]
    assert keys_of(s3.list_objects(Bucket="bucket", Marker="b")) == ["c"]


def test_a_made_up_token_is_refused(s3):
    refusal = refused(s3.list_objects_v2, Bucket="bucket", ContinuationToken="made-up")

    assert refusal == ("InvalidArgument", 400)


def test_no_keys_asked_for_is_an_answer_without_keys(s3, bucket):
    bucket.put("a", b"x")
    answer = s3.list_objects_v2(Bucket="bucket", MaxKeys=0)

    assert (keys_of(answer), answer["IsTruncated"]) == ([], False)


def test_more_than_a_thousand_is_a_thousand(s3, bucket):
    bucket.put_many({f"{number:04d}": b"" for number in range(1001)})
    answer = s3.list_objects_v2(Bucket="bucket", MaxKeys=5000)

    assert (answer["KeyCount"], answer["MaxKeys"], answer["IsTruncated"]) == (1000, 1000, True)


@pytest.mark.parametrize("text", ["-1", "many"])
def test_a_max_keys_that_is_no_number_is_refused(raw, text):
    assert raw.ask("GET", f"/bucket?list-type=2&max-keys={text}").status == 400


def test_url_encoding_keeps_slashes_and_writes_a_space_as_plus(raw, open_server):
    open_server.bucket("bucket").put("a b/+~\n%", b"x")
    answer = raw.ask("GET", "/bucket?list-type=2&encoding-type=url")

    assert b"<Key>a+b/%2B%7E%0A%25</Key>" in answer.body
    assert raw.ask("GET", "/bucket?list-type=2&encoding-type=xml").status == 400


def test_without_url_encoding_a_control_character_is_a_reference_that_xml_1_0_forbids(raw, open_server):
    open_server.bucket("bucket").put("a\x01b", b"x")

    assert b"<Key>a&#x1;b</Key>" in raw.ask("GET", "/bucket?list-type=2").body


def test_the_owner_is_told_when_asked_for(s3, bucket):
    bucket.put("a", b"x")

    assert "Owner" not in s3.list_objects_v2(Bucket="bucket")["Contents"][0]
    assert s3.list_objects_v2(Bucket="bucket", FetchOwner=True)["Contents"][0]["Owner"]["ID"]


def test_an_entry_tells_size_etag_time_and_checksum(s3, bucket):
    version = bucket.put("a", b"12345")
    entry = s3.list_objects_v2(Bucket="bucket")["Contents"][0]

    assert (entry["Size"], entry["ETag"]) == (5, f'"{version.etag}"')
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["CRC64NVME"], "FULL_OBJECT")
    assert entry["LastModified"] == s3.head_object(Bucket="bucket", Key="a")["LastModified"]


def test_versions_are_listed_newest_first_in_pages(s3, bucket):
    bucket.set_versioning("Enabled")
    for key in ("a", "b"):
        for body in (b"1", b"2", b"3"):
            bucket.put(key, body)
    bucket.delete("a")
    expected = [(one.key.decode(), one.version_id) for key in ("a", "b") for one in bucket.versions(key)]
    for size in (1, 2, 3, 100):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket="bucket", PaginationConfig={"PageSize": size}
        )
        entries = [
            entry for page in pages for kind in ("DeleteMarkers", "Versions") for entry in page.get(kind, [])
        ]
        assert sorted((one["Key"], one["VersionId"]) for one in entries) == sorted(expected)
        latest = [(one["Key"], one["VersionId"]) for one in entries if one["IsLatest"]]
        assert sorted(latest) == [expected[0], expected[4]]


def test_an_unordered_listing_is_a_lie_that_can_be_told(s3, server, bucket):
    bucket.put_many(dict.fromkeys(["a1", "b0", "c2"], b"x"))
    server.lie(Lie.LISTS_UNORDERED)

    assert keys_of(s3.list_objects_v2(Bucket="bucket")) == ["b0", "a1", "c2"]
