"""A listing page's XML becomes the same columns whether its entries match one pattern or need the tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryline.storage.s3 import answer_xml, listing_xml

TIME = b"2025-03-01T10:20:30.000Z"
MD5 = b"0123456789abcdef0123456789abcdef"


def entry(key=b"a", time=TIME, etag=b"&quot;" + MD5 + b"&quot;", size=b"7", storage=b"STANDARD", more=b""):
    kind = b"" if storage is None else b"<StorageClass>%b</StorageClass>" % storage
    return (
        b"<Contents><Key>%b</Key><LastModified>%b</LastModified><ETag>%b</ETag>%b<Size>%b</Size>%b</Contents>"
        % (key, time, etag, more, size, kind)
    )


def page(*entries, encoded=True):
    kind = b"<EncodingType>url</EncodingType>" if encoded else b""
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Name>b</Name><Prefix></Prefix><KeyCount>%d</KeyCount><MaxKeys>1000</MaxKeys>%b"
        b"<IsTruncated>false</IsTruncated>%b</ListBucketResult>" % (len(entries), kind, b"".join(entries))
    )


def by_tree(monkeypatch, body, folder=b""):
    with monkeypatch.context() as patched:
        patched.setattr(listing_xml, "_columns_by_pattern", lambda _: None)
        return listing_xml.read(body, folder)


def fast(body):
    return listing_xml._columns_by_pattern(body) is not None


ROW = entry()
CHECKSUM = b"<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"

EVEN = {
    "one entry": [ROW],
    "many even entries": [entry(b"k%d" % number, size=b"%d" % number) for number in range(50)],
    "no storage class at all": [entry(storage=None), entry(b"b", storage=None)],
    "an empty storage class": [entry(storage=b""), entry(b"b", storage=b"")],
    "mixed storage classes": [entry(), entry(b"b", storage=b"GLACIER"), entry(b"c", storage=b"")],
    "ETags of multipart uploads beside others": [entry(), entry(b"b", etag=b"&quot;" + MD5 + b"-12&quot;")],
    "ETags without quotes": [entry(etag=MD5), entry(b"b", etag=MD5 + b"-2")],
    "ETags with decimal entities": [entry(etag=b"&#34;" + MD5 + b"&#34;")] * 2,
    "ETags with plain quotes": [entry(etag=b'"' + MD5 + b'"')] * 2,
    "times of other precisions": [entry(time=b"2025-03-01T10:20:30Z"), entry(b"b")],
    "newer objects with checksums beside older ones": [entry(), entry(b"b", more=CHECKSUM)],
    "percent and plus in keys": [entry(b"a%20b+c%2B"), entry(b"%E2%82%AC")],
    "raw text outside of ASCII": [entry("é/ü".encode())],
    "a key that starts like an entity's end": [entry(b"a;b")],
}

UNEVEN = {
    "an owner inside": [entry(more=b"<Owner><ID>x</ID></Owner>")],
    "white space between entries": [ROW, b"\n  ", entry(b"b")],
    "an entity in a key": [entry(b"a&amp;b"), entry(b"b")],
    "a quote in a key": [entry(b'a"b'), entry(b"b")],
    "other children in the second entry": [ROW, entry(b"b", storage=None)],
    "quotes around some ETags only": [ROW, entry(b"b", etag=MD5)],
    "common prefixes between entries": [
        ROW,
        b"<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes>",
        entry(b"z"),
    ],
}


@pytest.mark.parametrize("entries", EVEN.values(), ids=EVEN)
def test_an_even_page_needs_no_tree_and_says_what_the_tree_says(monkeypatch, entries):
    body = page(*entries)
    assert fast(body)
    assert listing_xml.read(body, b"") == by_tree(monkeypatch, body)


@pytest.mark.parametrize("entries", UNEVEN.values(), ids=UNEVEN)
def test_any_other_page_goes_through_the_tree(monkeypatch, entries):
    body = page(*entries)
    assert not fast(body)
    assert listing_xml.read(body, b"") == by_tree(monkeypatch, body)


def test_the_folder_is_cut_from_every_key():
    raw = listing_xml.read(page(entry(b"f/a"), entry(b"f/b")), b"f/")
    assert raw.rows.column("key").to_pylist() == [b"a", b"b"]


@pytest.mark.parametrize(
    "broken",
    [
        page(entry(size=b"-1")),
        page(entry(size=b"0x10"), entry(size=b"1")),
        page(entry(size=b""), entry()),
        page(entry(time=b"yesterday at noon, maybe.")),
        page(ROW).replace(b"IsTruncated", b"IsTrunkated"),
        page(entry(b"outside")),
    ],
)
def test_what_cannot_be_read_is_refused(broken):
    with pytest.raises(ValueError):
        listing_xml.read(broken, b"f/" if b"outside" in broken else b"")


@pytest.mark.parametrize(
    "cut",
    [
        page(ROW, ROW)[:-30],
        page(ROW, entry(b"b")).replace(b"</Key><LastModified>", b"</Kez><LastModified>", 1),
        page(ROW, entry(b"b")).replace(b"<Size>7</Size>", b"<Size>7</Size", 1),
        page(ROW, ROW).replace(b"<Contents>", b"<!-- <Contents>", 1),
    ],
)
def test_what_is_not_well_formed_is_not_xml(cut):
    with pytest.raises(answer_xml.NotXml):
        listing_xml.read(cut, b"")


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="<&>"), min_size=1)


@given(
    st.lists(
        st.tuples(
            TEXT,
            st.sampled_from([TIME, b"2025-03-01T10:20:30Z"]),
            st.sampled_from([b"&quot;" + MD5 + b"&quot;", b"&quot;" + MD5 + b"-9&quot;", MD5, b""]),
            st.integers(0, 10**12),
            st.sampled_from([None, b"", b"STANDARD", b"GLACIER_IR"]),
            st.sampled_from([b"", b"", CHECKSUM, b"<Type>Normal</Type>"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_both_ways_agree_on_any_page(rows, encoded):
    entries = [
        entry(key.encode(), time, etag, b"%d" % size, kind, more)
        for key, time, etag, size, kind, more in rows
    ]
    body = page(*entries, encoded=encoded)
    found = listing_xml._columns_by_pattern(body)
    if found is not None:
        whole = listing_xml.answer_xml.parse(body)
        one = listing_xml._batch(found[0], b"", encoded=encoded)
        other = listing_xml._batch(listing_xml._columns_by_tree(whole), b"", encoded=encoded)
        assert one == other
