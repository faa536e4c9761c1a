"""Location URLs: every form, byte for byte, and every refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryline import errors
from ferryline.policy import endpoint, location


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        pytest.param("s3://abc", "abc", b"", id="bucket"),
        pytest.param("s3://abc/", "abc", b"", id="bucket-with-slash"),
        pytest.param("s3://abc/p", "abc", b"p/", id="folder-without-slash"),
        pytest.param("s3://abc/p/", "abc", b"p/", id="folder-with-slash"),
        pytest.param("s3://abc//p", "abc", b"/p/", id="empty-first-segment-kept"),
        pytest.param("s3://abc/p//", "abc", b"p//", id="empty-last-segment-kept"),
        pytest.param("s3://abc/a%20b+c", "abc", b"a%20b+c/", id="nothing-is-percent-decoded"),
        pytest.param("s3://abc/a b#c", "abc", b"a b#c/", id="space-and-hash-belong-to-the-key"),
        pytest.param("s3://abc/../x", "abc", b"../x/", id="dots-are-a-key"),
        pytest.param("s3://abc/é", "abc", "é/".encode(), id="utf-8"),
        pytest.param("s3://abc/q?x=1", "abc", b"q?x=1/", id="unknown-name-belongs-to-the-key"),
        pytest.param("s3://abc/q?region=us-east-1&x=1", "abc", b"q?region=us-east-1&x=1/", id="one-unknown-name-is-enough"),
        pytest.param("s3://abc/q?", "abc", b"q?/", id="bare-question-mark"),
        pytest.param("s3://abc/q?a/b?region=us-east-1", "abc", b"q?a/b/", id="only-the-last-question-mark-starts-options"),
        pytest.param("s3://ABC_d/p?endpoint_url=http://127.0.0.1:9", "ABC_d", b"p/", id="other-servers-other-names"),
    ],
)  # fmt: skip
def test_s3_urls(text, bucket, prefix):
    parsed = location.parse(text)
    assert (parsed.bucket, parsed.prefix) == (bucket, prefix)


def test_s3_options_are_read():
    parsed = location.parse(
        "s3://abc/p?endpoint_url=http://127.0.0.1:9000&region=x&profile=p&request_payer=requester&anonymous=true"
    )
    access = parsed.access
    assert (access.endpoint_url, access.region, access.profile) == ("http://127.0.0.1:9000", "x", "p")
    assert (access.request_payer, access.anonymous) == (True, True)
    assert access.addressing_style == "auto"


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("/a/b", "/a/b"), ("/a/b/", "/a/b"), ("//a", "/a"), ("file:///a/b/", "/a/b"), ("file://localhost/a", "/a"),
        ("file:///", "/"), ("file:///a%20b?x=1#y", "/a%20b?x=1#y"), ("./x", "/data dir/x"), (".", "/data dir"),
        ("../x", "/x"), ("/a/./b/../c", "/a/c"),
    ],
)  # fmt: skip
def test_file_locations(text, root):
    assert location.parse(text, "/data dir").root == root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://", "not a bucket"), ("s3:///x", "not a bucket"), ("s3://ab", "not a bucket"), ("s3://A_b", "not a bucket"),
        ("s3://a..b", "not a bucket"), ("s3://user:hunter22@abc/x", "no user"), ("s3://abc:9000/x", "no user"),
        ("s3://arn:aws:s3:us-east-1:1:accesspoint/x", "alias"), ("http://abc/x", "not a kind of location"),
        ("smb://h/x", "not supported yet"), ("nfs://h/x", "not supported yet"), ("file://a/b", "three slashes"),
        ("abc/x", "policy"), ("", "not a location"), ("~/x", "not a location"), ("s3://abc/a\nb", "line break"),
        ("/a\x00b", "NUL"), ("s3://abc?region=us-esat-1", "us-east-1"), ("s3://abc?region=", "no value"),
        ("s3://abc?profile", "no value"), ("s3://abc?anonymous=yes", "true or false"), ("s3://abc?request_payer=me", "requester"),
        ("s3://abc?profile=a&profile=b", "twice"), ("s3://abc?endpoint_url=file:///x", "http or https"),
        ("s3://abc/" + "x" * 1024, "1024"),
    ],
)  # fmt: skip
def test_what_is_no_location_is_refused_with_a_remedy(text, said):
    with pytest.raises(errors.BadLocation) as caught:
        location.parse(text)
    assert said in str(caught.value)
    assert caught.value.advice
    assert "hunter22" not in str(caught.value)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\n\r?"), max_size=100))
def test_a_prefix_is_kept_byte_for_byte(key):
    parsed = location.parse(f"s3://abc/{key}")
    wanted = key.encode()
    assert parsed.prefix == (wanted if not wanted or wanted.endswith(b"/") else wanted + b"/")


@pytest.mark.parametrize(
    ("text", "folder", "key"),
    [
        ("s3://abc/k", b"", b"k"), ("s3://abc/p/k%20?", b"p/", b"k%20?"), ("s3://abc/p/k?region=us-east-1", b"p/", b"k"),
        ("s3://abc//k", b"/", b"k"),
    ],
)  # fmt: skip
def test_a_single_object_is_a_folder_and_a_key(text, folder, key):
    parsed, name = location.parse_object(text)
    assert (parsed.prefix, name) == (folder, key)


def test_a_single_file_is_a_folder_and_a_name():
    parsed, name = location.parse_object("./a/b.txt", "/data")
    assert (parsed.root, name) == ("/data/a", b"b.txt")


@pytest.mark.parametrize("text", ["s3://abc", "s3://abc/", "s3://abc/p/", "/a/", "./a/..", "x"])
def test_a_folder_is_no_single_object(text):
    with pytest.raises(errors.BadLocation):
        location.parse_object(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000", "http://localhost", "https://minio.acme.example/", "http://10.0.0.1", "http://192.168.1.1:80",
        "http://[::1]:9000", "http://[fd00::1]", "https://host/storage/v1/s3", "https://s3.eu-central-1.amazonaws.com",
        "http://[::ffff:10.0.0.1]", "http://a_b:9000", "http://host.:80",
    ],
)  # fmt: skip
def test_endpoints_that_are_fine(url):
    assert endpoint.check(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///", "file:///etc/passwd", "ftp://h", "s3://h", "gopher://h", "//h", "h:9000", "", "http://", "http:///x",
        "http://169.254.169.254", "http://169.254.169.254:80/latest", "http://169.254.1.1", "http://[::ffff:169.254.169.254]",
        "http://[::ffff:a9fe:a9fe]", "http://[0:0:0:0:0:ffff:a9fe:a9fe]", "http://[::169.254.169.254]",
        "http://[64:ff9b::169.254.169.254]", "http://[2002:a9fe:a9fe::1]", "http://[fe80::1]", "http://[fe80::1%25eth0]",
        "http://[fd00:ec2::254]", "http://2852039166", "http://0xA9FEA9FE", "http://0xa9.0xfe.0xa9.0xfe",
        "http://0251.0376.0251.0376", "http://169.254.43518", "http://169.16689662", "http://025177524776",
        "http://169.254.169.254.", "http://0xa9fea9fe.", "http://017700000001", "http://127.1", "http://010.0.0.1",
        "http://metadata.google.internal", "http://METADATA.google.internal.", "http://１６９.254.169.254",
        "http://169。254。169。254", "http://%31%36%39.254.169.254", "http://0.0.0.0", "http://[::]", "http://224.0.0.1",
        "http://u:p@h", "http://u@h", "http://@h", "http://h?x=1", "http://h?", "http://h#f", "http://h#", "http://h:0",
        "http://h:99999", "http://h:x", "http://h:", "http://h x", "http://h\\@169.254.169.254", "http://h\t", "http://[::1",
        "http://[x]", "http://-h", "http://h$",
    ],
)  # fmt: skip
def test_endpoints_that_are_refused(url):
    with pytest.raises(ValueError, match=r".+\|.+"):
        endpoint.check(url)


def test_a_password_in_an_endpoint_is_not_repeated():
    with pytest.raises(errors.BadLocation) as caught:
        location.parse("s3://abc?endpoint_url=http://u:hunter22@h")
    assert "hunter22" not in str(caught.value)
