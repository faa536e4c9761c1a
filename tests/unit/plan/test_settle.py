"""What is found equal by reading keeps the digest that publication would find for the source."""

import contextlib
import hashlib

import pytest

from ferryline.model import span
from ferryline.model.action import Same
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.pair import Both, Remembered
from ferryline.pipeline.syncing.identify import identify
from ferryline.plan.examine import Looks, settle
from ferryline.plan.question import Side
from ferryline.plan.rules import Rules, Traits
from ferryline.policy.filters import EVERYTHING
from ferryline.policy.options import Options
from ferryline.policy.values import OnUnknown
from ferryline.storage.capabilities import Capabilities, Support

SMALL, LARGE = b"small", b"larger than a part"
BUCKET = Capabilities(provider="any", etag_is_md5=Support.HONOURED, stored_checksum=Support.IGNORED)
OPAQUE = Capabilities(provider="any", etag_is_md5=Support.UNSUPPORTED, stored_checksum=Support.IGNORED)
CHECKSUMS = Capabilities(provider="any", etag_is_md5=Support.UNSUPPORTED, stored_checksum=Support.HONOURED)
FILES = Capabilities(provider="file", hashes_locally=True, part_bytes_min=1)


class Place:
    """One object at one end."""

    place = "s3://here/"

    def __init__(self, capabilities, body, etag, stored=None):
        self.capabilities, self.body, self.stored, self.reads = capabilities, body, stored, 0
        self.entry = Entry(b"k", len(body), Token(etag, 1_000_000_000))

    async def head(self, key, version_id=None):
        return Stat(self.entry, Metadata(), stored_checksum=self.stored)

    @contextlib.asynccontextmanager
    async def stream(self, key, pin, span=None):
        self.reads += 1

        async def chunks():
            yield self.body

        yield chunks()


class Report:
    """A store computed SHA256s at one end."""

    def __init__(self, side, body):
        self.side, self.told_of = side, (Digest(Algorithm.SHA256, hashlib.sha256(body).digest()),)

    def told(self, side, seen):
        return self.told_of if side is self.side else ()


def md5(body):
    return hashlib.md5(body).hexdigest().encode()


def in_parts(body, size):
    parts = [hashlib.md5(body[at : at + size]).digest() for at in range(0, len(body), size)]
    return hashlib.md5(b"".join(parts)).hexdigest().encode() + b"-%d" % len(parts)


async def settled(source, destination, remembered=None, reported=None):
    rules = Rules.of(
        Options(), EVERYTHING, OnUnknown.READ_BACK,
        Traits.of(source.capabilities), Traits.of(destination.capabilities),
    )  # fmt: skip
    looks = Looks(source, destination) if reported is None else Looks(source, destination, reported)
    return await settle(Both(source.entry, destination.entry, remembered), rules, looks)


ROWS = {
    "a file and an object": (Place(FILES, SMALL, None), Place(BUCKET, SMALL, md5(SMALL))),
    "a large file and an object": (Place(FILES, LARGE, None), Place(BUCKET, LARGE, md5(LARGE))),
    "an object and a file": (Place(BUCKET, SMALL, md5(SMALL)), Place(FILES, SMALL, None)),
    "one in parts and a file": (Place(BUCKET, LARGE, in_parts(LARGE, len(LARGE))), Place(FILES, LARGE, None)),
    "two in other parts": (Place(BUCKET, LARGE, in_parts(LARGE, 9)), Place(BUCKET, LARGE, in_parts(LARGE, 6))),
    "neither tells a digest": (Place(OPAQUE, SMALL, b"0x1"), Place(OPAQUE, SMALL, b"0x2")),
    "neither tells one of a large object": (Place(OPAQUE, LARGE, b"0x1"), Place(OPAQUE, LARGE, b"0x2")),
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(span, "PART_BUDGET_BYTES", 10)


@pytest.mark.parametrize(("source", "destination"), ROWS.values(), ids=ROWS.keys())
async def test_what_was_read_has_the_digest_that_publication_finds(source, destination):
    done = await settled(source, destination)

    assert isinstance(done, Same)
    expected, _ = await identify(source, source.entry)
    assert done.digest == expected


async def test_a_large_object_whose_etag_may_be_its_md5_is_left_to_a_look():
    done = await settled(Place(BUCKET, LARGE, md5(LARGE)), Place(FILES, LARGE, None))

    assert isinstance(done, Same) and done.digest is None


async def test_what_contradicts_its_etag_is_left_to_a_look():
    done = await settled(Place(BUCKET, SMALL, md5(b"as it was")), Place(BUCKET, SMALL, in_parts(SMALL, 5)))

    assert isinstance(done, Same) and done.evidence is Evidence.READ_BACK and done.digest is None


@pytest.mark.parametrize("side", list(Side))
async def test_a_reported_digest_of_either_side_has_one_read_and_named(side):
    source, destination = Place(OPAQUE, SMALL, b"0x1"), Place(OPAQUE, SMALL, b"0x2")

    done = await settled(source, destination, reported=Report(side, SMALL))

    assert isinstance(done, Same)
    assert done.digest == Digest(Algorithm.MD5, hashlib.md5(SMALL).digest())
    assert (source.reads, destination.reads) == ((0, 1) if side is Side.SOURCE else (1, 0))


async def test_a_touched_source_keeps_it_through_the_look_at_its_metadata():
    remembered = Remembered(None, source_stands=False, destination_stands=True)

    done = await settled(Place(OPAQUE, SMALL, b"0x1"), Place(OPAQUE, SMALL, b"0x2"), remembered)

    assert isinstance(done, Same)
    assert done.digest == Digest(Algorithm.MD5, hashlib.md5(SMALL).digest())


@pytest.mark.parametrize("stands", [True, False])
async def test_a_look_keeps_what_the_ledger_holds_only_while_the_source_stands(stands):
    known, stored = Digest(Algorithm.MD5, b"0" * 16), Digest(Algorithm.CRC64NVME, b"1" * 8)
    remembered = Remembered(known, source_stands=stands, destination_stands=False)
    places = [Place(CHECKSUMS, SMALL, etag, stored) for etag in (b"0x1", b"0x2")]

    done = await settled(*places, remembered)

    assert isinstance(done, Same) and done.evidence is Evidence.STORED_CHECKSUM
    assert done.digest == (known if stands else None)
    assert [one.reads for one in places] == [0, 0]
