"""The contract's chapter on single objects: head, read, stream, write, delete, and conditions.

Inherited through `contract.StoreContract`; see there how to use it.
"""
# Tests by nature: they assert.
# ruff: noqa: S101

import asyncio
import contextlib
import dataclasses
import hashlib

import pytest

from ferryline import errors
from ferryline.model.entry import Token
from ferryline.model.span import Span
from ferryline.storage.store import Condition, Deletes, Heads, Pin, Reads, Store, Writes, Writing
from ferryline.testing import contract_ground as ground
from ferryline.testing import hostile

BODY = bytes(range(256)) * 5
GONE_OR_CHANGED = (errors.ObjectMissing, errors.ObjectChanged)


class ObjectContract(ground.Ground):
    """`Heads`, `Reads`, `Writes`, `Deletes`."""

    async def test_a_store_has_the_verbs(self, store: Store) -> None:
        """A store has the verbs."""
        for verb in (Heads, Reads, Writes, Deletes):
            assert isinstance(store, verb)

    async def test_head_of_what_is_not_there_is_none(self, store: Store) -> None:
        """Head of what is not there is none."""
        await ground.put(store, b"folder/there")
        for key in (b"absent", b"folder", b"folder/", b"folder/there/below", b"folder/the"):
            assert await store.head(key) is None

    async def test_what_was_written_is_read(self, store: Store) -> None:
        """What was written is read."""
        await ground.put(store, b"one", BODY)
        received = await store.read(b"one", Pin(await ground.token_of(store, b"one")))
        assert received.body == BODY
        assert received.stat.entry.key == b"one"
        assert received.stat.entry.size_bytes == len(BODY)

    @pytest.mark.parametrize(
        "body", [b"", b"\0", b"x" * 100_000, bytearray(b"array"), memoryview(b"a view")[2:]]
    )
    async def test_any_buffer_of_any_size_is_written(self, store: Store, body: bytes) -> None:
        """Any buffer of any size is written."""
        await ground.put(store, b"one", body)
        assert await ground.get(store, b"one") == bytes(body)
        stat = await store.head(b"one")
        assert stat is not None
        assert stat.entry.size_bytes == len(body)

    async def test_the_answer_to_a_write_names_the_state_written(self, store: Store) -> None:
        """The answer to a write names the state written."""
        written = await store.write(b"one", BODY, Writing())
        token = await ground.token_of(store, b"one")
        if written.token is not None:
            assert written.token == token
        else:
            assert written.etag == token.etag
        if store.capabilities.etag_is_md5.honoured:
            assert written.etag == hashlib.md5(BODY).hexdigest().encode()

    async def test_an_overwrite_replaces_and_changes_the_token(self, store: Store) -> None:
        """An overwrite replaces and changes the token."""
        await ground.put(store, b"one", b"older")
        before = await ground.token_of(store, b"one")
        await ground.put(store, b"one", b"newer")
        assert await ground.get(store, b"one") == b"newer"
        assert await ground.token_of(store, b"one") != before

    @pytest.mark.parametrize("one", hostile.KEYS, ids=lambda one: one.name)
    async def test_a_hostile_key_goes_there_and_back(self, store: Store, one: hostile.HostileKey) -> None:
        """A hostile key goes there and back."""
        if why := self.refuses(store, one.key):
            with pytest.raises(errors.KeyRefused) as refused:
                await ground.put(store, one.key)
            assert refused.value.key == one.key
            assert await store.head(one.key) is None
            pytest.skip(f"refused by name: {why}")
        await ground.put(store, one.key, ground.body_of(one.key))
        assert await ground.get(store, one.key) == ground.body_of(one.key)
        assert await ground.keys_of(store) == [one.key]
        await store.delete(one.key)
        assert await store.head(one.key) is None

    @pytest.mark.parametrize(
        "span",
        [
            pytest.param(Span(1, 0, 1), id="the-first-byte"),
            pytest.param(Span(3, 500, 300), id="the-middle"),
            pytest.param(Span(9, len(BODY) - 1, 1), id="the-last-byte"),
            pytest.param(Span(1, 0, len(BODY)), id="everything"),
        ],
    )
    async def test_a_span_is_read(self, store: Store, span: Span) -> None:
        """A span is read."""
        await ground.put(store, b"one", BODY)
        pin = Pin(await ground.token_of(store, b"one"))
        wanted = BODY[span.offset : span.offset + span.size_bytes]
        received = await store.read(b"one", pin, span)
        assert received.body == wanted
        assert received.stat.entry.size_bytes == len(BODY)
        async with store.stream(b"one", pin, span) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == wanted

    @pytest.mark.parametrize("size_bytes", [0, 1, 3_000_000])
    async def test_a_stream_gives_every_byte(self, store: Store, size_bytes: int) -> None:
        """A stream gives every byte."""
        body = (BODY * (size_bytes // len(BODY) + 1))[:size_bytes]
        await ground.put(store, b"one", body)
        pin = Pin(await ground.token_of(store, b"one"))
        async with store.stream(b"one", pin) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == body

    async def test_a_stream_may_be_left_early(self, store: Store) -> None:
        """A stream may be left early."""
        await ground.put(store, b"one", BODY * 2000)
        pin = Pin(await ground.token_of(store, b"one"))
        async with store.stream(b"one", pin) as chunks:
            assert BODY.startswith((await anext(chunks))[:100])
        assert await ground.get(store, b"one") == BODY * 2000

    async def test_a_read_pinned_to_an_older_state_is_refused(self, store: Store) -> None:
        """A read pinned to an older state is refused."""
        await ground.put(store, b"one", b"older")
        pin = Pin(await ground.token_of(store, b"one"))
        await ground.put(store, b"one", b"newer")
        if pin.token.version_id is not None:  # the older state is still there, and is what was asked for
            assert (await store.read(b"one", pin)).body == b"older"
            return
        with pytest.raises(errors.ObjectChanged) as changed:
            await store.read(b"one", pin)
        assert changed.value.key == b"one"
        with pytest.raises(errors.ObjectChanged):
            async with store.stream(b"one", pin) as chunks:
                _ = [chunk async for chunk in chunks]

    async def test_a_read_of_what_is_gone_says_so(self, store: Store) -> None:
        """A read of what is gone says so."""
        await ground.put(store, b"one")
        pin = Pin(dataclasses.replace(await ground.token_of(store, b"one"), version_id=None))
        await store.delete(b"one")
        with pytest.raises(errors.ObjectMissing):
            await store.read(b"one", pin)
        with pytest.raises(errors.ObjectMissing):
            async with store.stream(b"one", pin) as chunks:
                _ = [chunk async for chunk in chunks]

    async def test_removing_what_is_not_there_is_success(self, store: Store) -> None:
        """Removing what is not there is success."""
        await ground.put(store, b"folder/kept")
        for key in (b"absent", b"folder", b"folder/", b"absent/below", b"folder/kept/below"):
            await store.delete(key)
        assert await ground.keys_of(store) == [b"folder/kept"]

    async def test_removing_one_leaves_its_neighbours(self, store: Store) -> None:
        """Removing one leaves its neighbours."""
        await ground.put_all(store, [b"a", b"a/b", b"a/b/c", b"ab"])
        await store.delete(b"a/b")
        assert await ground.keys_of(store) == [b"a", b"a/b/c", b"ab"]
        await store.delete(b"a")
        assert await ground.keys_of(store) == [b"a/b/c", b"ab"]

    async def test_metadata_is_kept(self, store: Store) -> None:
        """Metadata is kept."""
        if not store.capabilities.keeps_metadata:
            pytest.skip("the store's capabilities say that it keeps no metadata")
        await ground.put(store, b"one", BODY, Writing(metadata=ground.metadata()))
        stat = await store.head(b"one")
        assert stat is not None
        assert dict(stat.metadata.user) == dict(ground.metadata().user)
        assert dict(ground.metadata().system).items() <= dict(stat.metadata.system).items()
        received = await store.read(b"one", Pin(stat.entry.token))
        assert dict(received.stat.metadata.user) == dict(ground.metadata().user)

    async def test_a_files_time_is_set(self, store: Store) -> None:
        """A file's time is set."""
        if store.capabilities.keeps_metadata:
            pytest.skip("only files have a time that a writer sets")
        await ground.put(store, b"one", BODY, Writing(modified_ns=ground.MODIFIED_NS))
        assert (await ground.token_of(store, b"one")).modified_ns == ground.MODIFIED_NS

    async def test_a_wrong_md5_is_refused(self, store: Store) -> None:
        """A wrong MD5 is refused."""
        ground.need(store.capabilities.content_md5, "Content-MD5")
        with pytest.raises((errors.DigestMismatch, errors.RetryLater)):
            await ground.put(store, b"one", BODY, Writing(md5=hashlib.md5(b"other").digest()))
        assert await store.head(b"one") is None
        await ground.put(store, b"one", BODY, Writing(md5=hashlib.md5(BODY).digest()))
        assert await ground.get(store, b"one") == BODY

    async def test_a_wrong_checksum_is_refused_and_the_right_one_is_kept(self, store: Store) -> None:
        """A wrong checksum is refused and the right one is kept."""
        ground.need(store.capabilities.stored_checksum, "stored checksums")
        with pytest.raises((errors.DigestMismatch, errors.RetryLater)):
            await ground.put(store, b"one", BODY, Writing(crc64nvme=b"\0" * 8))
        assert await store.head(b"one") is None
        # The catalogue's check value of CRC-64/NVME.
        right = bytes.fromhex("ae8b14860a799888")
        await ground.put(store, b"one", b"123456789", Writing(crc64nvme=right))
        stat = await store.head(b"one")
        assert stat is not None
        assert stat.stored_checksum is not None
        assert stat.stored_checksum.value == right

    async def test_a_write_that_must_be_first_is_refused_when_it_is_not(self, store: Store) -> None:
        """A write that must be first is refused when it is not."""
        ground.need(store.capabilities.write_if_none_match, "If-None-Match on writes")
        for key in (b"one", b"folder/two"):
            await ground.put(store, key, b"first", Writing(condition=Condition(absent=True)))
            with pytest.raises(errors.DestinationChanged):
                await ground.put(store, key, b"second", Writing(condition=Condition(absent=True)))
            assert await ground.get(store, key) == b"first"
        # `folder` is a key of its own, whatever lies below it.
        await ground.put(store, b"folder", b"first", Writing(condition=Condition(absent=True)))
        with pytest.raises(errors.DestinationChanged):
            await ground.put(store, b"folder", b"second", Writing(condition=Condition(absent=True)))
        assert await ground.get(store, b"folder") == b"first"

    async def test_a_write_over_another_state_is_refused(self, store: Store) -> None:
        """A write over another state is refused."""
        ground.need(store.capabilities.write_if_match, "If-Match on writes")
        await ground.put(store, b"one", b"older")
        older = (await ground.token_of(store, b"one")).etag
        await ground.put(store, b"one", b"newer", Writing(condition=Condition(etag=older)))
        with pytest.raises(errors.DestinationChanged):
            await ground.put(store, b"one", b"third", Writing(condition=Condition(etag=older)))
        assert await ground.get(store, b"one") == b"newer"

    async def test_a_delete_of_another_state_is_refused(self, store: Store) -> None:
        """A delete of another state is refused."""
        ground.need(store.capabilities.delete_if_match, "If-Match on deletes")
        await ground.put(store, b"one", b"older")
        older = (await ground.token_of(store, b"one")).etag
        await ground.put(store, b"one", b"newer")
        with pytest.raises(errors.DestinationChanged):
            await store.delete(b"one", Condition(etag=older))
        assert await ground.get(store, b"one") == b"newer"
        await store.delete(b"one", Condition(etag=(await ground.token_of(store, b"one")).etag))
        assert await store.head(b"one") is None

    async def test_only_one_of_many_first_writers_wins(self, store: Store) -> None:
        """Only one of many first writers wins."""
        ground.need(store.capabilities.write_if_none_match, "If-None-Match on writes")

        async def first(number: int) -> int | None:
            # Some stores answer 409 while another conditional write is under way.
            with contextlib.suppress(errors.DestinationChanged, errors.RetryLater):
                await ground.put(store, b"one", b"%d" % number, Writing(condition=Condition(absent=True)))
                return number
            return None

        won = [one for one in await asyncio.gather(*map(first, range(8))) if one is not None]
        assert len(won) == 1
        assert await ground.get(store, b"one") == b"%d" % won[0]

    async def test_concurrent_writers_leave_one_whole_body(self, store: Store) -> None:
        """Concurrent writers leave one whole body."""
        bodies = [bytes([number]) * 70_000 for number in range(8)]
        await asyncio.gather(*(store.write(b"deep/er/one", body, Writing()) for body in bodies))
        assert await ground.get(store, b"deep/er/one") in bodies

    async def test_concurrent_writers_of_a_key_and_keys_below_it(self, store: Store) -> None:
        """Concurrent writers of a key and keys below it."""
        keys = [b"a", b"a/b", b"a/b/c", b"a/", b"a/b/", *(b"a/%d" % number for number in range(8))]
        for _ in range(3):
            await asyncio.gather(*(store.write(key, ground.body_of(key), Writing()) for key in keys))
            assert await ground.keys_of(store) == sorted(keys)
            for key in keys:
                assert await ground.get(store, key) == ground.body_of(key)
            await asyncio.gather(*map(store.delete, keys))
            assert await ground.keys_of(store) == []

    async def test_a_reader_never_sees_half_a_write(self, store: Store) -> None:
        """A reader never sees half a write."""
        bodies = [bytes([number]) * 200_000 for number in range(2)]
        await ground.put(store, b"one", bodies[0])
        done = asyncio.Event()

        async def write() -> None:
            for number in range(10):
                await ground.put(store, b"one", bodies[number % 2])
            done.set()

        async def read() -> None:
            while not done.is_set():
                with contextlib.suppress(*GONE_OR_CHANGED):
                    assert await ground.get(store, b"one") in bodies
                await asyncio.sleep(0)

        await asyncio.gather(write(), read(), read())

    async def test_a_second_store_object_sees_the_same(self, store: Store, reopened: ground.Reopen) -> None:
        """A second store object sees the same."""
        await ground.put(store, b"one", BODY)
        second = await reopened()
        assert await ground.keys_of(second) == [b"one"]
        assert await ground.get(second, b"one") == BODY

    async def test_closing_twice_is_safe(self, reopened: ground.Reopen) -> None:
        """Closing twice is safe."""
        second = await reopened()
        await second.close()
        await second.close()

    async def test_a_pin_names_one_state_only(self, store: Store) -> None:
        """A pin names one state only."""
        await ground.put(store, b"one", BODY)
        token = await ground.token_of(store, b"one")
        other = Token(
            etag=b"0" * 32 if token.etag is not None else None,
            modified_ns=token.modified_ns + (1 if token.etag is None else 0),
            change_ns=token.change_ns,
            inode=token.inode,
        )
        with pytest.raises(errors.ObjectChanged):
            await store.read(b"one", Pin(other))
