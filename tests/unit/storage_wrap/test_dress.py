"""A dressed store over a memory store that fails on script: each verb goes on where it stopped."""

import asyncio
import contextlib

import pytest

from ferryline import errors
from ferryline.model.entry import Token
from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import Page
from ferryline.model.span import Layout, Span
from ferryline.storage.memory import Bucket, MemoryStore
from ferryline.storage.store import Completion, Condition, Pin, Store, Upload, Writing
from ferryline.storage.wrap.pace import Pace
from ferryline.storage.wrap.retry import Patience
from ferryline.storage.wrap.stack import dress
from tests.unit.storage_wrap.ground import VirtualClock, harness

LOST = errors.RetryLater("lost", key=b"key", kind="connection-lost")
BUSY = errors.SlowDown("slow down", key=b"key")
MISSING = errors.ObjectMissing("gone", key=b"key")


class Failing(MemoryStore):
    """Verbs raise what is scripted for them, then work. Streams and listings break after some pieces."""

    def __init__(self, page_rows=2):
        super().__init__(Bucket("scripted"), None, page_rows)
        self.script = {}
        self.asked = []
        self.closed_listings = 0

    def fail(self, verb, *failures):
        self.script.setdefault(verb, []).extend(failures)

    def _strike(self, verb):
        self.asked.append(verb)
        if self.script.get(verb):
            raise self.script[verb].pop(0)

    async def pages(self, keys):
        try:
            pieces = self.script.get("pages")
            after = pieces.pop(0) if pieces else None
            self.asked.append(("pages", keys.after))
            if after is None:
                async for page in super().pages(keys):
                    yield page
                return
            count, failure = after
            async for page in super().pages(keys):
                if count == 0:
                    raise failure
                count -= 1
                yield page
            raise failure
        finally:
            self.closed_listings += 1

    @contextlib.asynccontextmanager
    async def stream(self, key, pin, span=None):
        pieces = self.script.get("stream")
        after = pieces.pop(0) if pieces else None
        self.asked.append(("stream", span))
        received = await super().read(key, pin, span)

        async def chunks():
            for start in range(0, len(received.body), 10):
                if after is not None and start >= after[0]:
                    raise after[1]
                yield received.body[start : start + 10]
            if after is not None:
                raise after[1]

        yield chunks()


def _scripted(verb):
    real = getattr(MemoryStore, verb)

    async def run(self, *words):
        self._strike(verb)
        return await real(self, *words)

    return run


for _verb in (
    "head", "read", "write", "delete", "create_upload", "upload_part", "uploaded_parts",
    "complete_upload", "abort_upload", "open_uploads",
):  # fmt: skip
    setattr(Failing, _verb, _scripted(_verb))


@pytest.fixture
def bare():
    return Failing()


def dressed(bare, **words):
    made, seen = harness(**words)
    return dress(bare, "http://there", made), made, seen


async def put(bare, *keys, body=b"body"):
    for key in keys:
        await MemoryStore.write(bare, key, body, Writing())
    stat = await MemoryStore.head(bare, keys[-1])
    return Pin(stat.entry.token)


async def keys_of(store, wanted=EVERYTHING):
    found = []
    async for page in store.pages(wanted):
        found += page.rows["key"].to_pylist()
    return found


def test_it_is_a_store_and_passes_on_what_it_does_not_wrap(bare):
    store, _, _ = dressed(bare)
    bare.identity = "the same"
    assert isinstance(store, Store)
    assert store.place == bare.place
    assert store.capabilities is bare.capabilities
    assert store.identity == "the same"
    assert store.bare is bare
    assert not hasattr(store, "sweep_temporaries")


# -- listings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pages_before", [0, 1, 2])
async def test_a_broken_listing_goes_on_behind_the_last_page(bare, pages_before):
    await put(bare, *(b"%d" % number for number in range(7)))
    bare.fail("pages", (pages_before, LOST), (1, LOST))
    store, _, _ = dressed(bare)
    assert await keys_of(store) == [b"%d" % number for number in range(7)]
    first, second, third = [after for _, after in bare.asked]
    assert second == (first if pages_before == 0 else b"%d" % (2 * pages_before - 1))
    assert third == b"%d" % (2 * pages_before + 1)
    assert bare.closed_listings == 3


async def test_a_listing_of_a_range_keeps_its_end_when_it_goes_on(bare):
    await put(bare, *(b"%d" % number for number in range(9)))
    bare.fail("pages", (1, LOST))
    store, _, _ = dressed(bare)
    assert await keys_of(store, KeyRange(b"1", b"6")) == [b"2", b"3", b"4", b"5", b"6"]


async def test_progress_renews_the_attempts_of_a_listing(bare):
    await put(bare, *(b"%02d" % number for number in range(40)))
    bare.fail("pages", *[(1, LOST)] * 15)
    store, _, _ = dressed(bare)
    assert len(await keys_of(store)) == 40


async def test_a_listing_that_never_advances_ends_as_an_endpoint_that_failed(bare):
    await put(bare, b"a", b"b", b"c")
    bare.fail("pages", *[(0, LOST)] * 50)
    store, _, _ = dressed(bare)
    with pytest.raises(errors.EndpointFailed):
        await keys_of(store)
    assert len(bare.asked) == Patience().attempts


async def test_a_listing_is_patient_with_slow_down_and_shrinks_its_window(bare):
    await put(bare, b"a", b"b", b"c")
    bare.fail("pages", *[(0, BUSY)] * 20)
    store, made, seen = dressed(bare)
    assert await keys_of(store) == [b"a", b"b", b"c"]
    assert {one.requests for one in seen} == {"list"}


async def test_what_a_listing_cannot_repair_is_raised_and_its_iterator_closed(bare):
    await put(bare, b"a", b"b", b"c")
    bare.fail("pages", (1, errors.ListingUnbelievable("an HTML page")))
    store, _, _ = dressed(bare)
    with pytest.raises(errors.ListingUnbelievable):
        await keys_of(store)
    assert bare.closed_listings == 1


async def test_a_listing_left_early_closes_the_one_below_and_frees_its_place(bare):
    await put(bare, b"a", b"b", b"c", b"d", b"e")
    store, made, _ = dressed(bare)
    async with contextlib.aclosing(store.pages(EVERYTHING)) as pages:
        assert isinstance(await anext(pages), Page)
    assert bare.closed_listings == 1
    assert made.windows.of("http://there", "list", "").in_use == 0


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [None, Span(1, 5, 60)])
@pytest.mark.parametrize("before", [0, 10, 30])
async def test_a_broken_stream_goes_on_with_the_bytes_that_are_missing(bare, span, before):
    body = bytes(range(100))
    pin = await put(bare, b"key", body=body)
    bare.fail("stream", (before, LOST), (10, LOST))
    store, _, _ = dressed(bare)
    async with store.stream(b"key", pin, span) as chunks:
        found = b"".join([chunk async for chunk in chunks])
    assert found == (body if span is None else body[5:65])
    if span is not None and before:
        assert bare.asked[1] == ("stream", Span(1, 5 + before, 60 - before))


async def test_a_span_that_came_whole_before_its_stream_broke_is_not_asked_for_again(bare):
    body = bytes(range(100))
    pin = await put(bare, b"key", body=body)
    bare.fail("stream", (10**9, LOST))
    store, _, _ = dressed(bare)
    async with store.stream(b"key", pin, Span(1, 0, 50)) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == body[:50]
    assert len(bare.asked) == 1


async def test_bytes_that_were_handed_out_damaged_are_never_called_whole(bare):
    pin = await put(bare, b"key", body=bytes(100))
    bare.fail("stream", (10**9, errors.RetryLater("another CRC", key=b"key", kind="digest-mismatch")))
    store, _, _ = dressed(bare)
    with pytest.raises(errors.RetryLater, match="another CRC"):
        async with store.stream(b"key", pin) as chunks:
            async for _ in chunks:
                pass


async def test_a_stream_of_an_object_that_changed_meanwhile_does_not_mix_two_states(bare):
    pin = await put(bare, b"key", body=bytes(100))
    bare.fail("stream", (30, LOST))
    store, made, _ = dressed(bare)
    with pytest.raises(errors.ObjectChanged):
        async with store.stream(b"key", pin) as chunks:
            async for _ in chunks:
                await put(bare, b"key", body=bytes(99) + b"x")
    assert made.windows.of("http://there", "read", "").in_use == 0


async def test_a_stream_left_early_frees_its_place(bare):
    pin = await put(bare, b"key", body=bytes(100))
    store, made, _ = dressed(bare)
    async with store.stream(b"key", pin) as chunks:
        await anext(chunks)
    assert made.windows.of("http://there", "read", "").in_use == 0


async def test_reads_and_streams_are_paced_by_their_bytes(bare):
    clock = VirtualClock()
    pin = await put(bare, b"key", body=bytes(1000))
    store, _, _ = dressed(bare, clock=clock, pace=Pace(100, clock))
    for _ in range(3):
        await store.read(b"key", pin)
        await store.read(b"key", pin, Span(1, 0, 500))
        async with store.stream(b"key", pin) as chunks:
            async for _ in chunks:
                pass
    assert clock.seconds == pytest.approx(75, abs=12)


# -- every other verb ---------------------------------------------------------------------------


async def everything(store, bare):
    """Call each verb once; the name of the verb with what it returned."""
    pin = await put(bare, b"key")
    yield "head", lambda: store.head(b"key")
    yield "read", lambda: store.read(b"key", pin)
    yield "write", lambda: store.write(b"other", b"body", Writing())
    yield "open_uploads", lambda: store.open_uploads(b"")
    layout = Layout(4, 4)
    upload = await MemoryStore.create_upload(bare, b"up", layout, Writing())
    part = await MemoryStore.upload_part(bare, upload, layout.span(1), b"body")
    yield "create_upload", lambda: store.create_upload(b"up", layout, Writing())
    yield "upload_part", lambda: store.upload_part(upload, layout.span(1), b"body")
    yield "uploaded_parts", lambda: store.uploaded_parts(upload)
    yield "complete_upload", lambda: store.complete_upload(upload, Completion((part,), 4, Writing()))
    yield "abort_upload", lambda: store.abort_upload(upload)
    yield "delete", lambda: store.delete(b"key")


async def test_every_verb_is_repeated(bare):
    store, _, _ = dressed(bare)
    async for verb, call in everything(store, bare):
        bare.fail(verb, LOST, BUSY, LOST)
        bare.asked.clear()
        await call()
        assert bare.asked == [verb] * 4


async def test_no_verb_repeats_what_only_this_object_suffers_from(bare):
    store, _, _ = dressed(bare)
    async for verb, call in everything(store, bare):
        bare.fail(verb, MISSING)
        bare.asked.clear()
        with pytest.raises(errors.ObjectMissing):
            await call()
        assert bare.asked == [verb]
        await call()


async def test_an_endpoint_that_is_dead_is_given_up_by_every_verb(bare):
    async for verb, _ in everything(bare, bare):
        store, _, _ = dressed(bare)
        bare.script[verb] = [LOST] * 100
        calls = {name: call async for name, call in everything(store, bare)}
        with pytest.raises(errors.EndpointFailed):
            await calls[verb]()
        bare.script[verb] = []


async def test_a_bad_object_among_good_ones_stays_an_attempt_that_failed(bare):
    pin = await put(bare, b"good", b"bad")
    store, made, _ = dressed(bare)
    bare.fail("write", *[errors.RetryLater("500", key=b"bad")] * 8)

    async def others():
        for _ in range(30):
            await store.head(b"good")
            await asyncio.sleep(0)

    async def bad():
        with pytest.raises(errors.RetryLater, match="500"):
            await store.write(b"bad", b"", Writing())

    real = made.clock.sleep

    async def sleep(seconds):
        await real(seconds)
        await asyncio.sleep(0)

    made.clock.sleep = sleep
    await asyncio.gather(others(), bad())
    assert pin


async def test_a_write_that_is_repeated_after_a_lost_reply_leaves_the_412_to_its_caller(bare):
    store, _, _ = dressed(bare)
    real = MemoryStore.write

    async def lost_once(*words):
        await real(bare, *words)
        bare.write = lambda *again: real(bare, *again)
        raise errors.RetryLater("lost", effect_possible=True)

    bare.write = lost_once
    with pytest.raises(errors.DestinationChanged):
        await store.write(b"key", b"body", Writing(condition=Condition(absent=True)))


async def test_the_window_bounds_what_is_out_at_once(bare):
    store, _, _ = dressed(bare, ceiling=3)
    out = {"now": 0, "most": 0}

    async def head(key, version_id=None):
        out["now"] += 1
        out["most"] = max(out["most"], out["now"])
        await asyncio.sleep(0)
        out["now"] -= 1

    bare.head = head
    await asyncio.gather(*(store.head(b"key") for _ in range(50)))
    assert out == {"now": 0, "most": 3}


async def test_stores_on_one_endpoint_share_what_is_known_of_it(bare):
    made, _ = harness(patience=Patience(attempts=3))
    first, second = dress(bare, "http://there", made), dress(Failing(), "http://there", made)
    bare.fail("head", LOST, LOST, LOST)
    real = made.clock.sleep

    async def sleep(seconds):
        await real(seconds)
        await second.head(b"key")

    made.clock.sleep = sleep
    with pytest.raises(errors.RetryLater):
        await first.head(b"key")


async def test_verbs_that_only_some_stores_have_are_repeated_too(bare):
    failures = [LOST, BUSY]

    async def delete_version(key, version):
        if failures:
            raise failures.pop()
        return key, version

    bare.delete_version = delete_version
    store, _, _ = dressed(bare)
    assert await store.delete_version(b"key", "1") == (b"key", "1")


async def test_a_streamed_part_is_sent_once_and_inside_the_window(bare):
    store, made, _ = dressed(bare)
    writes = made.windows.of("http://there", "write", "")
    out = []

    async def upload_part_stream(upload, span, chunks):
        out.append(writes.in_use)
        raise BUSY

    bare.upload_part_stream = upload_part_stream
    with pytest.raises(errors.SlowDown):
        await store.upload_part_stream(Upload(b"key", "1"), None, None)
    assert out == [1]
    assert (writes.in_use, writes.size) == (0, 8)


async def test_head_part_is_none_where_the_store_has_no_such_verb(bare):
    store, _, _ = dressed(bare)
    assert await store.head_part(b"key", Pin(Token(b"", 0)), 1) is None
