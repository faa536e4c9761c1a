"""Who may do what: read-only and blind credentials, requester pays."""

from ferryline.testing.strict import READ_ONLY, Credential, Put, Refused
from tests.strict.conftest import client_of, refused

DENIED = ("AccessDenied", 403)


def as_somebody(server, *refusals):
    server.credential("SOMEBODY", Credential("secret", refused=refusals))
    return client_of(server, aws_access_key_id="SOMEBODY", aws_secret_access_key="secret")


def test_a_read_only_credential_reads_and_lists_and_writes_nothing(server, bucket):
    bucket.put("key", b"x")
    upload = bucket.open_upload("key", b"part")
    s3 = as_somebody(server, *READ_ONLY)
    named = {"Bucket": "bucket", "Key": "key"}

    assert s3.get_object(**named)["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 1
    for call, more in (
        (s3.put_object, {}),
        (s3.delete_object, {}),
        (s3.copy_object, {"CopySource": {"Bucket": "bucket", "Key": "key"}}),
        (s3.create_multipart_upload, {}),
        (s3.upload_part, {"UploadId": upload, "PartNumber": 1, "Body": b"x"}),
        (s3.abort_multipart_upload, {"UploadId": upload}),
        (s3.put_object_tagging, {"Tagging": {"TagSet": []}}),
    ):
        assert refused(call, **named, **more) == DENIED
    assert bucket.get("key") == b"x"
    assert len(bucket.uploads()) == 1


def test_a_prefix_may_be_refused_per_verb(server, bucket):
    bucket.put_many({"open/a": b"x", "secret/a": b"x"})
    s3 = as_somebody(server, Refused("*Object", "secret/*"))

    s3.get_object(Bucket="bucket", Key="open/a")
    assert refused(s3.get_object, Bucket="bucket", Key="secret/a") == DENIED
    assert refused(s3.put_object, Bucket="bucket", Key="secret/b") == DENIED
    answer = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "open/a"}, {"Key": "secret/a"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["open/a"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("secret/a", "AccessDenied")]


def test_who_may_not_list_is_not_told_what_is_missing(server, bucket):
    bucket.put("key", b"x")
    s3 = as_somebody(server, Refused("List*"))

    assert s3.head_object(Bucket="bucket", Key="key")["ContentLength"] == 1
    assert refused(s3.get_object, Bucket="bucket", Key="missing") == DENIED
    assert refused(s3.head_object, Bucket="bucket", Key="missing")[1] == 403
    assert refused(s3.list_objects_v2, Bucket="bucket") == DENIED


def test_a_copy_needs_the_source_to_be_readable(server, bucket):
    bucket.put("secret/a", b"x")
    s3 = as_somebody(server, Refused("GetObject", "secret/*"))
    source = {"Bucket": "bucket", "Key": "secret/a"}

    assert refused(s3.copy_object, Bucket="bucket", Key="copy", CopySource=source) == DENIED


def test_requester_pays_needs_the_header(server, s3, bucket):
    bucket.put("key", b"x")
    bucket.change(requester_pays=True)

    assert refused(s3.get_object, Bucket="bucket", Key="key") == DENIED
    assert refused(s3.list_objects_v2, Bucket="bucket") == DENIED
    assert s3.get_object(Bucket="bucket", Key="key", RequestPayer="requester")["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket="bucket", RequestPayer="requester")["KeyCount"] == 1


def test_tags_need_permissions_of_their_own(server, bucket):
    bucket.put("key", b"x", Put(tags={"team": "ml"}))
    blind = as_somebody(server, Refused("GetObjectTagging"))
    named = {"Bucket": "bucket", "Key": "key"}

    assert "TagCount" not in blind.head_object(**named)
    assert "TagCount" not in blind.get_object(**named)
    assert refused(blind.get_object_tagging, **named) == DENIED
    source = {"Bucket": "bucket", "Key": "key"}
    assert refused(blind.copy_object, Bucket="bucket", Key="to", CopySource=source) == DENIED
    blind.copy_object(Bucket="bucket", Key="to", CopySource=source, TaggingDirective="REPLACE")
    assert bucket.version("to").tags == {}

    mute = as_somebody(server, Refused("PutObjectTagging"))
    assert mute.head_object(**named)["TagCount"] == 1
    assert refused(mute.put_object, Bucket="bucket", Key="new", Body=b"x", Tagging="a=b") == DENIED
    assert refused(mute.create_multipart_upload, Bucket="bucket", Key="new", Tagging="a=b") == DENIED
    assert refused(mute.copy_object, Bucket="bucket", Key="to", CopySource=source) == DENIED
    mute.put_object(Bucket="bucket", Key="new", Body=b"x")
    assert bucket.version("new").tags == {}
