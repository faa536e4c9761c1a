"""Buckets by boto3: made, listed, looked at, located, removed."""

import pytest

from ferryline.testing.strict import BucketSettings, Redirect, Settings, StrictServer
from tests.strict.conftest import RawClient, client_of, refused


def test_a_bucket_is_made_listed_and_removed(s3):
    s3.create_bucket(Bucket="another")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["another", "bucket"]
    s3.delete_bucket(Bucket="another")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["bucket"]


def test_a_bucket_that_holds_something_is_not_removed(s3, bucket):
    bucket.put("key", b"x")

    assert refused(s3.delete_bucket, Bucket="bucket") == ("BucketNotEmpty", 409)


def test_making_one_s_own_bucket_again_is_fine_in_us_east_1_only(s3):
    s3.create_bucket(Bucket="bucket")
    with StrictServer("bucket", settings=Settings(region="eu-west-1")) as elsewhere:
        where = {"LocationConstraint": "eu-west-1"}
        refusal = refused(
            client_of(elsewhere).create_bucket, Bucket="bucket", CreateBucketConfiguration=where
        )
        assert refusal == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("name", ["Upper", "with_underscore", "-dash", "two..dots", "dot.-dash", "127.0.0.1"])
def test_bad_names_are_refused(raw, name):
    answer = raw.ask("PUT", f"/{name}")

    assert answer.status == 400
    assert b"InvalidBucketName" in answer.body


def test_a_head_of_a_bucket_tells_its_region(s3):
    assert s3.head_bucket(Bucket="bucket")["BucketRegion"] == "us-east-1"
    assert refused(s3.head_bucket, Bucket="no-bucket") == ("404", 404)


def test_a_head_tells_the_region_also_to_who_may_not_look(server):
    client = RawClient(server.port)
    with client.socket:
        answer = client.ask("HEAD", "/bucket")

    assert (answer.status, answer.headers["x-amz-bucket-region"]) == (403, "us-east-1")


def test_a_location_is_empty_in_us_east_1(s3, server):
    server.bucket(BucketSettings("far", region="eu-central-1"))

    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-central-1"


def test_buckets_are_listed_in_pages_when_asked(s3):
    for name in ("one", "two", "three"):
        s3.create_bucket(Bucket=f"page-{name}")
    pages = s3.get_paginator("list_buckets").paginate(Prefix="page-", PaginationConfig={"PageSize": 2})

    assert [one["Name"] for page in pages for one in page["Buckets"]] == [
        "page-one",
        "page-three",
        "page-two",
    ]


def test_a_request_signed_for_another_region_is_redirected(server):
    server.bucket(BucketSettings("far", region="eu-central-1")).put("key", b"x")
    wrong, right = client_of(server), client_of(server, region_name="eu-central-1")

    assert right.get_object(Bucket="far", Key="key")["Body"].read() == b"x"
    # botocore follows the redirect by itself, signed anew
    assert wrong.get_object(Bucket="far", Key="key")["Body"].read() == b"x"
    assert [(one.status, one.error) for one in server.requests("GetObject")] == [
        (200, ""),
        (301, "PermanentRedirect"),
        (200, ""),
    ]


def test_a_wrong_region_may_also_be_a_malformed_header(server):
    from dataclasses import replace

    server.settings = replace(server.settings, redirect=Redirect.MALFORMED)
    server.bucket(BucketSettings("far", region="eu-central-1")).put("key", b"x")
    client_of(server).head_object(Bucket="far", Key="key")

    assert server.seen[0].status == 400
    assert server.seen[0].error == "AuthorizationHeaderMalformed"


def test_bucket_documents_are_kept_without_effect(s3):
    rule = {
        "ID": "a",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    missing = refused(s3.get_bucket_lifecycle_configuration, Bucket="bucket")
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})

    assert missing == ("NoSuchLifecycleConfiguration", 404)
    assert s3.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"] == [rule]


EXPIRES = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([{**EXPIRES, "Status": "On"}], "MalformedXML"),
        ([{**EXPIRES, "Prefix": "x/"}], "MalformedXML"),
        ([{**EXPIRES, "Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}], "MalformedXML"),
        ([{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}}], "InvalidRequest"),
        ([{**EXPIRES, "Expiration": {"Days": 0}}], "InvalidArgument"),
        ([EXPIRES, EXPIRES], "InvalidArgument"),
        ([{**EXPIRES, "ID": "a" * 256}], "InvalidArgument"),
        ([], "MalformedXML"),
    ],
)
def test_lifecycle_rules_that_s3_does_not_take(s3, rules, code):
    refusal = refused(
        s3.put_bucket_lifecycle_configuration, Bucket="bucket", LifecycleConfiguration={"Rules": rules}
    )

    assert refusal == (code, 400)


def test_unfinished_uploads_cannot_be_chosen_by_tags(s3):
    chosen = {"Tag": {"Key": "k", "Value": "v"}}
    rule = {
        "Status": "Enabled",
        "Filter": chosen,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    refusal = refused(
        s3.put_bucket_lifecycle_configuration, Bucket="bucket", LifecycleConfiguration={"Rules": [rule]}
    )

    assert refusal == ("InvalidRequest", 400)


def test_a_test_sets_lifecycle_rules_as_boto3_writes_them(s3, bucket):
    rules = [
        EXPIRES,
        {
            "ID": "b",
            "Status": "Disabled",
            "Filter": {"And": {"Prefix": "y", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [
                {"Days": 1, "StorageClass": "GLACIER"},
                {"Days": 9, "StorageClass": "DEEP_ARCHIVE"},
            ],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        },
    ]
    bucket.set_lifecycle(*rules)
    assert s3.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"] == rules

    s3.delete_bucket_lifecycle(Bucket="bucket")
    missing = refused(s3.get_bucket_lifecycle_configuration, Bucket="bucket")
    assert missing == ("NoSuchLifecycleConfiguration", 404)


def test_what_is_not_built_answers_501(s3):
    assert refused(s3.get_bucket_website, Bucket="bucket") == ("NotImplemented", 501)


def test_a_bucket_s_default_encryption_is_for_writes_from_then_on(s3):
    def default():
        answer = s3.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]
        return answer["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]

    assert default() == "AES256"
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert default() == s3.put_object(Bucket="bucket", Key="key")["ServerSideEncryption"] == "aws:kms"
    s3.delete_bucket_encryption(Bucket="bucket")
    assert default() == s3.put_object(Bucket="bucket", Key="key")["ServerSideEncryption"] == "AES256"
