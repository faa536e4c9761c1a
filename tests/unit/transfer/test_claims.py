"""When an ETag of the source stands for our own MD5, and what happens when it is none."""

import hashlib
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Token
from ferryline.model.outcome import Transferred
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Received
from ferryline.transfer import digesting
from tests.unit.transfer.ground import Scripted, bodies, copied, manner, put

LARGE = 200_000


@pytest.fixture
def hashed(monkeypatch):
    """How many MD5s of large bodies were computed."""
    seen = Counter()
    plain = digesting.sums_of

    def counting(body):
        seen["md5"] += 1
        return plain(body)

    monkeypatch.setattr(digesting, "sums_of", counting)
    return seen


async def filled(store, count, size=LARGE):
    for number in range(count):
        await put(store, b"%d" % number, b"%09d" % number * (size // 9))
    return store


class Renaming(Scripted):
    """A source whose ETags look like MD5s and are none, for some keys."""

    def __init__(self, *keys, encryption=None):
        super().__init__()
        self.odd = keys
        self.encryption = encryption

    def _etag(self, key, etag):
        return hashlib.md5(b"odd" + etag).hexdigest().encode() if key in self.odd else etag

    async def pages(self, keys):
        async for page in super().pages(keys):
            names = page.rows.column("key").to_pylist()
            etags = [
                self._etag(key, etag)
                for key, etag in zip(names, page.rows.column("etag").to_pylist(), strict=True)
            ]
            place = page.rows.schema.get_field_index("etag")
            yield replace(
                page,
                rows=page.rows.set_column(place, page.rows.schema.field(place), pa.array(etags, "binary")),
            )

    async def read(self, key, pin, span=None):
        true = self.held.objects[key].token
        received = await super().read(key, replace(pin, token=true), span)
        token = replace(true, etag=self._etag(key, true.etag))
        assert isinstance(token, Token)
        stat = replace(
            received.stat, entry=replace(received.stat.entry, token=token), encryption=self.encryption
        )
        return Received(received.body, stat)


async def test_only_the_first_large_object_is_hashed_where_claims_hold(hashed):
    source, destination = await filled(Scripted(), 12), Scripted()
    found = await copied(source, destination)
    assert bodies(destination) == bodies(source)
    assert hashed == {"md5": 1}
    for key, one in found.items():
        md5 = hashlib.md5(source.held.objects[key].body)
        assert one.proof is Evidence.ETAG_MD5
        assert one.digest == Digest(Algorithm.MD5, md5.digest())
        assert one.etag == md5.hexdigest().encode()


async def test_small_objects_are_always_hashed_and_settle_the_question_too(hashed):
    source, destination = await filled(Scripted(), 5, 900), Scripted()
    await put(source, b"9", b"x" * LARGE)
    await copied(source, destination, manner(objects=1))
    assert hashed == {"md5": 5}


@pytest.mark.parametrize("missing", ["content_md5", "etag_is_md5"])
async def test_nothing_is_claimed_where_the_destination_would_not_find_out(hashed, missing):
    source, destination = await filled(Scripted(), 4), Scripted().can(**{missing: Support.UNKNOWN})
    await copied(source, destination)
    assert hashed == {"md5": 4}


async def test_nothing_is_claimed_under_kms(hashed):
    source, destination = Renaming(encryption="aws:kms"), Scripted()
    await filled(source, 4)
    source.can(etag_is_md5=Support.HONOURED)
    await copied(source, destination)
    assert bodies(destination) == bodies(source)
    assert hashed == {"md5": 4}


async def test_a_claim_that_fails_ends_all_claims_and_the_object_arrives_nevertheless(hashed):
    source, destination = Renaming(b"1"), Scripted()
    source.can(etag_is_md5=Support.UNKNOWN)
    await filled(source, 4)
    found = await copied(source, destination, manner(objects=1))
    assert all(isinstance(one, Transferred) for one in found.values())
    assert bodies(destination) == bodies(source)
    assert hashed == {"md5": 5}  # the first, the one that failed (twice, to be sure), and those after it
    assert source.calls["read"] == 6
    assert destination.calls["write"] == 5
    assert found[b"1"].digest == Digest(Algorithm.MD5, hashlib.md5(source.held.objects[b"1"].body).digest())


async def test_bytes_damaged_on_the_way_are_refused_by_the_destination_and_read_again(hashed):
    class Damaging(Scripted):
        damaged = 0

        async def read(self, key, pin, span=None):
            received = await super().read(key, pin, span)
            if key == b"1" and not self.damaged:
                self.damaged += 1
                return Received(b"!" + received.body[1:], received.stat)
            return received

    source, destination = await filled(Damaging(), 3), Scripted()
    found = await copied(source, destination, manner(objects=1))
    assert source.damaged == 1
    assert all(one.proof is Evidence.ETAG_MD5 for one in found.values())
    assert bodies(destination) == bodies(source)


async def test_a_lost_answer_to_a_claimed_write_is_settled_by_a_head():
    source, destination = await filled(Scripted(), 3), Scripted()
    lost = destination.fail("write", errors.RetryLater("lost", effect_possible=True), after=True, key=b"1")
    found = await copied(source, destination, manner(objects=1))
    assert lost.fired == 1
    assert found[b"1"].proof is Evidence.ETAG_MD5
    assert destination.calls["head"] == 1


async def test_an_answer_without_an_etag_makes_us_hash(hashed):
    class Silent(Scripted):
        async def write(self, key, body, writing):
            return replace(await super().write(key, body, writing), etag=None)

    source, destination = await filled(Scripted(), 3), Silent()
    found = await copied(source, destination, manner(objects=1))
    assert all(isinstance(one, Transferred) for one in found.values())
    assert hashed == {"md5": 3}
