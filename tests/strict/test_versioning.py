"""Versions and delete markers by boto3."""

from tests.strict.conftest import refused


def versions_of(s3):
    return s3.list_object_versions(Bucket="bucket")


def turn(s3, status):
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": status})


def test_versioning_has_no_status_until_it_was_set(s3):
    assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")
    turn(s3, "Enabled")
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
    turn(s3, "Suspended")
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Suspended"


def test_a_bucket_without_versioning_tells_no_version(s3):
    assert "VersionId" not in s3.put_object(Bucket="bucket", Key="key", Body=b"x")
    assert "VersionId" not in s3.head_object(Bucket="bucket", Key="key")
    assert versions_of(s3)["Versions"][0]["VersionId"] == "null"


def test_each_write_keeps_the_versions_before_it(s3):
    turn(s3, "Enabled")
    ids = [s3.put_object(Bucket="bucket", Key="key", Body=body)["VersionId"] for body in (b"1", b"2")]

    assert len(set(ids)) == 2
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"2"
    assert s3.get_object(Bucket="bucket", Key="key", VersionId=ids[0])["Body"].read() == b"1"
    assert refused(s3.get_object, Bucket="bucket", Key="key", VersionId="0" * 32) == ("NoSuchVersion", 404)


def test_an_object_from_before_versioning_is_the_null_version(s3):
    s3.put_object(Bucket="bucket", Key="key", Body=b"old")
    turn(s3, "Enabled")
    s3.put_object(Bucket="bucket", Key="key", Body=b"new")

    assert s3.get_object(Bucket="bucket", Key="key", VersionId="null")["Body"].read() == b"old"


def test_a_delete_makes_a_marker_and_removing_the_marker_undeletes(s3):
    turn(s3, "Enabled")
    s3.put_object(Bucket="bucket", Key="key", Body=b"x")
    gone = s3.delete_object(Bucket="bucket", Key="key")

    assert gone["DeleteMarker"] is True
    assert refused(s3.get_object, Bucket="bucket", Key="key") == ("NoSuchKey", 404)
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
    assert len(versions_of(s3)["DeleteMarkers"]) == 1
    removed = s3.delete_object(Bucket="bucket", Key="key", VersionId=gone["VersionId"])
    assert removed["DeleteMarker"] is True
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"x"


def test_a_marker_answers_404_by_key_and_405_by_version(s3, raw, open_server):
    bucket = open_server.bucket("bucket")
    bucket.set_versioning("Enabled")
    bucket.put("key", b"x")
    bucket.delete("key")
    marker = bucket.versions("key")[0].version_id
    for method in ("GET", "HEAD"):
        by_key = raw.ask(method, "/bucket/key")
        by_version = raw.ask(method, f"/bucket/key?versionId={marker}")
        assert (by_key.status, by_key.headers["x-amz-delete-marker"]) == (404, "true")
        assert by_key.headers["x-amz-version-id"] == marker
        assert (by_version.status, by_version.headers["x-amz-delete-marker"]) == (405, "true")
        assert by_version.headers["allow"] == "DELETE"


def test_deleting_a_version_removes_it_for_good(s3):
    turn(s3, "Enabled")
    first = s3.put_object(Bucket="bucket", Key="key", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket="bucket", Key="key", Body=b"2")["VersionId"]
    s3.delete_object(Bucket="bucket", Key="key", VersionId=second)

    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"1"
    s3.delete_object(Bucket="bucket", Key="key", VersionId=first)
    assert "Versions" not in versions_of(s3)


def test_suspended_writes_replace_the_null_version_only(s3):
    turn(s3, "Enabled")
    kept = s3.put_object(Bucket="bucket", Key="key", Body=b"kept")["VersionId"]
    turn(s3, "Suspended")
    for body in (b"1", b"2"):
        s3.put_object(Bucket="bucket", Key="key", Body=body)
    found = {one["VersionId"] for one in versions_of(s3)["Versions"]}

    assert found == {kept, "null"}
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"2"
    s3.delete_object(Bucket="bucket", Key="key")
    assert [one["VersionId"] for one in versions_of(s3)["DeleteMarkers"]] == ["null"]
    assert {one["VersionId"] for one in versions_of(s3)["Versions"]} == {kept}


def test_deleting_many_tells_markers_and_takes_versions(s3):
    turn(s3, "Enabled")
    version = s3.put_object(Bucket="bucket", Key="a", Body=b"x")["VersionId"]
    marked = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "a"}]})["Deleted"][0]
    assert marked["DeleteMarker"] is True
    gone = [{"Key": "a", "VersionId": version}, {"Key": "a", "VersionId": marked["DeleteMarkerVersionId"]}]
    s3.delete_objects(Bucket="bucket", Delete={"Objects": gone})

    assert "Versions" not in versions_of(s3)
    assert "DeleteMarkers" not in versions_of(s3)


def test_a_copy_names_the_source_s_version(s3):
    turn(s3, "Enabled")
    old = s3.put_object(Bucket="bucket", Key="key", Body=b"old")["VersionId"]
    s3.put_object(Bucket="bucket", Key="key", Body=b"new")
    source = {"Bucket": "bucket", "Key": "key", "VersionId": old}
    answer = s3.copy_object(Bucket="bucket", Key="to", CopySource=source)

    assert answer["CopySourceVersionId"] == old
    assert s3.get_object(Bucket="bucket", Key="to")["Body"].read() == b"old"


def test_a_locked_version_is_not_deleted_but_may_be_hidden(s3, bucket):
    import datetime

    turn(s3, "Enabled")
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    version = s3.put_object(
        Bucket="bucket", Key="key", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until,
        ChecksumAlgorithm="CRC32",
    )["VersionId"]  # fmt: skip

    assert refused(s3.delete_object, Bucket="bucket", Key="key", VersionId=version) == ("AccessDenied", 403)
    assert s3.head_object(Bucket="bucket", Key="key")["ObjectLockMode"] == "COMPLIANCE"
    s3.delete_object(Bucket="bucket", Key="key")
    s3.put_object(Bucket="bucket", Key="key", Body=b"y")
    assert bucket.get("key", version) == b"x"


def test_a_legal_hold_is_kept_until_it_is_taken_off(s3):
    turn(s3, "Enabled")
    version = s3.put_object(Bucket="bucket", Key="key", Body=b"x")["VersionId"]
    s3.put_object_legal_hold(
        Bucket="bucket", Key="key", LegalHold={"Status": "ON"}, ChecksumAlgorithm="CRC32"
    )
    assert refused(s3.delete_object, Bucket="bucket", Key="key", VersionId=version) == ("AccessDenied", 403)
    s3.put_object_legal_hold(
        Bucket="bucket", Key="key", LegalHold={"Status": "OFF"}, ChecksumAlgorithm="CRC32"
    )
    s3.delete_object(Bucket="bucket", Key="key", VersionId=version)
