"""The contract's chapter on parts: large objects that appear whole or not at all, and survive a crash.

Inherited through `contract.StoreContract`; see there how to use it.
"""
# Tests by nature: they assert.
# ruff: noqa: S101

import asyncio
import contextlib
import hashlib

import pytest

from ferryline import errors
from ferryline.model.digest import etag_of_parts
from ferryline.model.span import Layout, Span
from ferryline.storage.store import Completion, Condition, Part, Parts, Store, Upload, Writing, Written
from ferryline.testing import contract_ground as ground
from ferryline.testing import hostile

_NAMES = {
    "double-slash", "leading-slash", "dot-dot-in-the-middle", "percent-20", "percent-alone", "plus", "space",
    "newline", "carriage-return", "control-01", "control-7f", "ampersand", "question-mark", "emoji",
    "umlaut-nfd", "noncharacter", "xml-end",
}  # fmt: skip
IN_PARTS = [one for one in hostile.KEYS if one.name in _NAMES]
"""Keys whose way through multipart answers is worth a test each."""

UNFINISHABLE = (errors.ObjectFailed, errors.RetryLater)


def _layout(store: Store) -> Layout:
    """Three parts, the last one smaller, as small as the store takes them."""
    part_bytes = max(store.capabilities.part_bytes_min, 1000)
    return Layout(part_bytes * 2 + 17, part_bytes)


def _body(span: Span, salt: int = 0) -> bytes:
    return bytes([span.number + salt]) * span.size_bytes


async def _send(store: Store, upload: Upload, layout: Layout, salt: int = 0) -> tuple[Part, ...]:
    return tuple([await store.upload_part(upload, span, _body(span, salt)) for span in layout.spans()])


async def _finish(
    store: Store, upload: Upload, layout: Layout, parts: tuple[Part, ...], writing: Writing | None = None
) -> Written:
    return await store.complete_upload(upload, Completion(parts, layout.size_bytes, writing or Writing()))


def _whole(layout: Layout, salt: int = 0) -> bytes:
    return b"".join(_body(span, salt) for span in layout.spans())


class PartContract(ground.Ground):
    """`Parts`."""

    async def test_a_store_takes_parts(self, store: Store) -> None:
        """A store takes parts."""
        assert isinstance(store, Parts)

    async def test_an_object_in_parts_appears_whole(self, store: Store) -> None:
        """An object in parts appears whole."""
        layout = _layout(store)
        upload = await store.create_upload(b"deep/large", layout, Writing())
        assert await ground.keys_of(store) == []
        parts = await _send(store, upload, layout)
        assert await ground.keys_of(store) == []
        assert await store.head(b"deep/large") is None
        written = await _finish(store, upload, layout, parts)
        assert await ground.keys_of(store) == [b"deep/large"]
        assert await ground.get(store, b"deep/large") == _whole(layout)
        assert await store.open_uploads(b"") == ()
        token = await ground.token_of(store, b"deep/large")
        if written.token is not None:
            assert written.token == token
        if store.capabilities.etag_is_md5.honoured:
            assert token.etag == etag_of_parts(hashlib.md5(_body(span)).digest() for span in layout.spans())

    async def test_parts_may_come_in_any_order_and_at_once(self, store: Store) -> None:
        """Parts may come in any order and at once."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        spans = list(layout.spans())[::-1]
        sent = await asyncio.gather(*(store.upload_part(upload, span, _body(span)) for span in spans))
        await _finish(store, upload, layout, tuple(sorted(sent, key=lambda part: part.number)))
        assert await ground.get(store, b"large") == _whole(layout)

    async def test_a_part_sent_again_replaces_the_first(self, store: Store) -> None:
        """A part sent again replaces the first."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        await _send(store, upload, layout, salt=10)
        parts = await _send(store, upload, layout)
        assert await store.uploaded_parts(upload) == parts
        await _finish(store, upload, layout, parts)
        assert await ground.get(store, b"large") == _whole(layout)

    async def test_the_store_tells_which_parts_it_has(self, store: Store) -> None:
        """The store tells which parts it has."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        assert await store.uploaded_parts(upload) == ()
        third = await store.upload_part(upload, layout.span(3), _body(layout.span(3)))
        first = await store.upload_part(upload, layout.span(1), _body(layout.span(1)))
        found = await store.uploaded_parts(upload)
        assert [(one.number, one.size_bytes, one.etag) for one in found] == [
            (one.number, one.size_bytes, one.etag) for one in (first, third)
        ]
        assert first.etag.strip(b'"') == first.etag
        await store.abort_upload(upload)

    async def test_another_store_object_carries_on(self, store: Store, reopened: ground.Reopen) -> None:
        """Another store object carries on."""
        layout = _layout(store)
        begun = await store.create_upload(b"large", layout, Writing())
        await store.upload_part(begun, layout.span(1), _body(layout.span(1)))
        second = await reopened()
        (upload,) = [one for one in await second.open_uploads(b"") if one.upload_id == begun.upload_id]
        assert upload.key == b"large"
        have = {part.number: part for part in await second.uploaded_parts(upload)}
        assert list(have) == [1]
        for number in (2, 3):
            span = layout.span(number)
            have[number] = await second.upload_part(upload, span, _body(span))
        await _finish(second, upload, layout, tuple(have[number] for number in (1, 2, 3)))
        assert await ground.get(store, b"large") == _whole(layout)

    async def test_open_uploads_are_found_by_prefix(self, store: Store) -> None:
        """Open uploads are found by prefix."""
        layout = _layout(store)
        uploads = [await store.create_upload(key, layout, Writing()) for key in (b"a/1", b"a/2", b"b/1")]
        found = await store.open_uploads(b"a/")
        assert [(one.key, one.upload_id) for one in found] == [
            (one.key, one.upload_id) for one in uploads[:2]
        ]
        for upload in uploads:
            await store.abort_upload(upload)
        assert await store.open_uploads(b"") == ()

    @pytest.mark.parametrize("one", IN_PARTS, ids=lambda one: one.name)
    async def test_a_hostile_key_is_sent_in_parts(self, store: Store, one: hostile.HostileKey) -> None:
        """A hostile key is sent in parts."""
        if why := self.refuses(store, one.key):
            pytest.skip(f"refused by name: {why}")
        layout = Layout(10, max(store.capabilities.part_bytes_min, 10))
        upload = await store.create_upload(one.key, layout, Writing())
        found = await store.open_uploads(b"")
        assert [(each.key, each.upload_id) for each in found] == [(one.key, upload.upload_id)]
        part = await store.upload_part(upload, layout.span(1), b"0123456789")
        assert [each.number for each in await store.uploaded_parts(upload)] == [1]
        await _finish(store, upload, layout, (part,))
        assert await ground.get(store, one.key) == b"0123456789"

    async def test_an_aborted_upload_leaves_nothing(self, store: Store) -> None:
        """An aborted upload leaves nothing."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        parts = await _send(store, upload, layout)
        await store.abort_upload(upload)
        await store.abort_upload(upload)
        assert await ground.keys_of(store) == []
        assert await store.open_uploads(b"") == ()
        with pytest.raises(errors.ObjectMissing):
            await store.uploaded_parts(upload)
        with pytest.raises(UNFINISHABLE):
            await _finish(store, upload, layout, parts)
        assert await store.head(b"large") is None

    async def test_an_upload_that_never_was_is_gone(self, store: Store) -> None:
        """An upload that never was is gone."""
        layout = _layout(store)
        real = await store.create_upload(b"large", layout, Writing())
        for name in ("0" * len(real.upload_id), "../../escape", "nothing"):
            unknown = Upload(b"large", name)
            with pytest.raises(errors.ObjectMissing):
                await store.uploaded_parts(unknown)
            await store.abort_upload(unknown)
        assert len(await store.open_uploads(b"")) == 1
        await store.abort_upload(real)

    async def test_completing_twice_harms_nothing(self, store: Store) -> None:
        """Completing twice harms nothing."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        parts = await _send(store, upload, layout)
        await _finish(store, upload, layout, parts)
        # ObjectMissing is as good an answer as success: the object is there, the upload is not.
        with contextlib.suppress(errors.ObjectMissing):
            await _finish(store, upload, layout, parts)
        assert await ground.get(store, b"large") == _whole(layout)

    async def test_a_part_that_is_not_there_cannot_be_completed(self, store: Store) -> None:
        """A part that is not there cannot be completed."""
        layout = _layout(store)
        upload = await store.create_upload(b"large", layout, Writing())
        one = await store.upload_part(upload, layout.span(1), _body(layout.span(1)))
        invented = Part(2, layout.span(2).size_bytes, b"0" * 32)
        with pytest.raises(UNFINISHABLE):
            await _finish(store, upload, layout, (one, invented))
        assert await store.head(b"large") is None
        await store.abort_upload(upload)

    async def test_parts_replace_an_older_object_only_at_the_end(self, store: Store) -> None:
        """Parts replace an older object only at the end."""
        layout = _layout(store)
        await ground.put(store, b"large", b"older")
        upload = await store.create_upload(b"large", layout, Writing())
        parts = await _send(store, upload, layout)
        assert await ground.get(store, b"large") == b"older"
        await _finish(store, upload, layout, parts)
        assert await ground.get(store, b"large") == _whole(layout)

    async def test_two_uploads_of_one_key_do_not_mix(self, store: Store) -> None:
        """Two uploads of one key do not mix."""
        layout = _layout(store)
        uploads = [await store.create_upload(b"large", layout, Writing()) for _ in range(2)]
        parts = [await _send(store, upload, layout, salt) for salt, upload in enumerate(uploads)]
        await _finish(store, uploads[1], layout, parts[1])
        assert await ground.get(store, b"large") == _whole(layout, salt=1)
        await store.abort_upload(uploads[0])
        assert await ground.get(store, b"large") == _whole(layout, salt=1)

    async def test_metadata_and_time_travel_with_parts(self, store: Store) -> None:
        """Metadata and time travel with parts."""
        layout = _layout(store)
        writing = Writing(metadata=ground.metadata(), modified_ns=ground.MODIFIED_NS)
        upload = await store.create_upload(b"large", layout, writing)
        await _finish(store, upload, layout, await _send(store, upload, layout), writing)
        stat = await store.head(b"large")
        assert stat is not None
        if store.capabilities.keeps_metadata:
            assert dict(stat.metadata.user) == dict(ground.metadata().user)
        else:
            assert stat.entry.token.modified_ns == ground.MODIFIED_NS

    async def test_completing_over_an_object_that_must_be_absent_is_refused(self, store: Store) -> None:
        """Completing over an object that must be absent is refused."""
        ground.need(store.capabilities.complete_if_none_match, "If-None-Match on completion")
        layout = _layout(store)
        await ground.put(store, b"large", b"older")
        upload = await store.create_upload(b"large", layout, Writing())
        parts = await _send(store, upload, layout)
        with pytest.raises(errors.DestinationChanged):
            await _finish(store, upload, layout, parts, Writing(condition=Condition(absent=True)))
        assert await ground.get(store, b"large") == b"older"
        await store.abort_upload(upload)
        assert await store.open_uploads(b"") == ()
