"""The identities, byte by byte: as docs/reference/snapshot-format.md writes them down."""

import struct

import pyarrow as pa
import pytest
from blake3 import blake3

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry, Token
from ferryline.snapshot import canonical, rows

from .made import md5

A_ROW = (b"a/b", 5, md5(b"hello"))


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def maybe(value: bytes | None) -> bytes:
    return b"\0" if value is None else b"\1" + value


def test_a_content_row_is_key_size_and_digest_each_self_delimiting():
    encoded = canonical.encode(rows.content_rows([A_ROW])).to_pylist()

    assert encoded == [
        b"\x03\0\0\0a/b" b"\x05\0\0\0\0\0\0\0" b"\x24\0\0\0md5:5d41402abc4b2a76b9719d911017c592"
    ]  # fmt: skip


def test_a_chunk_is_its_domain_and_its_rows():
    table = rows.content_rows([A_ROW, (b"b", 0, Digest(Algorithm.CRC64NVME, bytes(8)))])
    spelled = b"ferryline rows 1\n" + b"".join(
        text(key) + struct.pack("<q", size) + text(str(digest).encode())
        for key, size, digest in [A_ROW, (b"b", 0, Digest(Algorithm.CRC64NVME, bytes(8)))]
    )

    assert canonical.chunk_id(rows.CONTENT, table) == blake3(spelled).hexdigest()


def test_a_root_is_its_domain_and_the_raw_identities_of_its_chunks():
    one, two = "11" * 32, "ab" * 32
    spelled = b"ferryline root of rows 1\n" + bytes.fromhex(one) + bytes.fromhex(two)

    assert canonical.root_id(rows.CONTENT, [one, two]) == blake3(spelled).hexdigest()


def test_a_proof_marks_what_is_absent():
    whole = Entry(b"k", 1, Token(b"e" * 32, 7, version_id="v9"))
    file = Entry(b"l", 1, Token(None, 8, change_ns=-1, inode=3))
    encoded = canonical.encode(rows.proof_rows([(whole, "etag-md5"), (file, "read-back")])).to_pylist()

    number = struct.Struct("<q").pack
    assert encoded == [
        text(b"k")
        + maybe(text(b"e" * 32))
        + number(7)
        + maybe(None) * 2
        + maybe(text(b"v9"))
        + text(b"etag-md5"),
        text(b"l")
        + maybe(None)
        + number(8)
        + maybe(number(-1))
        + maybe(number(3))
        + maybe(None)
        + text(b"read-back"),
    ]


def test_identities_never_change():
    """Whoever turns this red has broken every snapshot that was ever published."""
    table = rows.content_rows([(b"%03d" % n, n, md5(b"%d" % n)) for n in range(100)])

    chunk = canonical.chunk_id(rows.CONTENT, table)
    assert chunk == "cb38e08e0e9f424e5f2822b4f1e21f6c1fcfe447c2f671148aa36ceeffc8f7e2"
    assert (
        canonical.root_id(rows.CONTENT, [chunk])
        == "c6e542d1893a87ce0351b42d933309ff342e8a3b380e31085eae35e73c20221d"
    )
    assert (
        canonical.root_id(rows.CONTENT, [])
        == "778f00f34181d06f5710ec7642a4e86713fa403b66bd5006ddf44bd583a92c46"
    )


def test_slices_of_a_larger_table_encode_as_if_alone():
    table = rows.content_rows([(b"%03d" % n, n, md5(b"%d" % n)) for n in range(50)])
    proofs = rows.proof_rows(
        [(Entry(b"%03d" % n, n, Token(b"e" if n % 2 else None, n)), "ledger") for n in range(50)]
    )

    for one in (table, proofs):
        assert canonical.encode(one.slice(7, 9)).to_pylist() == canonical.encode(one).to_pylist()[7:16]


def content_table(**columns) -> pa.RecordBatch:
    base = {"key": [b"a", b"b"], "size": [1, 2], "digest": [str(md5(b"")).encode()] * 2}
    return pa.RecordBatch.from_pydict(base | columns, schema=rows.CONTENT.schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": [b"b", b"a"]},
        {"key": [b"a", b"a"]},
        {"size": [1, -1]},
        {"digest": [b"md5:" + b"0" * 32, b"md5:" + b"A" * 32]},
        {"digest": [b"md5:" + b"0" * 32, b"sha256:" + b"0" * 64]},
        {"digest": [b"md5:" + b"0" * 32, b"md5:" + b"0" * 32 + b"\n"]},
    ],
)
def test_rows_that_no_snapshot_may_hold_are_our_bug(wrong):
    rows.check(rows.CONTENT, content_table(), None)
    with pytest.raises(errors.BrokenInvariant):
        rows.check(rows.CONTENT, content_table(**wrong), None)
    with pytest.raises(errors.BrokenInvariant):
        rows.check(rows.CONTENT, content_table(), b"a")


def test_an_unknown_evidence_is_our_bug():
    table = rows.proof_rows([(Entry(b"a", 1, Token(None, 1)), "hearsay")])
    with pytest.raises(errors.BrokenInvariant, match="hearsay"):
        rows.check(rows.PROOFS, table, None)
