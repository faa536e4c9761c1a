"""The digest of an object is one and the same, whoever read its bytes and for what."""

import contextlib
import hashlib
import itertools

import pytest

from ferryline.model import span
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.fingerprint import Hashing
from ferryline.pipeline.syncing.identify import identify
from ferryline.storage.capabilities import Capabilities, Support

BODIES = (b"", b"small", b"larger than a part")
FORMS = ("plain", "opaque", "parts", None)


class Source:
    """One object, and what its endpoint says of it."""

    place = "s3://source/"

    def __init__(self, entry, body, encryption, etag_is_md5):
        self.entry, self.body, self.encryption = entry, body, encryption
        self.capabilities = Capabilities(provider="any", etag_is_md5=etag_is_md5)

    async def head(self, key, version_id=None):
        return Stat(self.entry, Metadata(), encryption=self.encryption)

    @contextlib.asynccontextmanager
    async def stream(self, key, pin, span=None):
        async def chunks():
            yield self.body

        yield chunks()


def etag_of(form, body, honest):
    if form is None:
        return None
    md5 = hashlib.md5(body if honest else b"another").hexdigest().encode()
    return {"plain": md5, "opaque": b"0x8DA", "parts": md5 + b"-2"}[form]


@pytest.mark.parametrize(("body", "form"), list(itertools.product(BODIES, FORMS)))
@pytest.mark.parametrize("encryption", [None, "AES256", "aws:kms", "SSE-C"])
@pytest.mark.parametrize("support", list(Support))
@pytest.mark.parametrize("honest", [True, False])
async def test_a_comparison_that_read_the_bytes_gives_it_as_publication_does(
    monkeypatch, body, form, encryption, support, honest
):
    monkeypatch.setattr(span, "PART_BUDGET_BYTES", 10)
    entry = Entry(b"k", len(body), Token(etag_of(form, body, honest), 1))
    hashing = Hashing()
    hashing.take(body)

    told = hashing.fingerprint().identifying(entry)

    expected, _ = await identify(Source(entry, body, encryption, support), entry)
    assert told in (expected, None)
    assert (told is None) == (form == "plain" and (len(body) > 10 or not honest))
