"""Once the loss of a place is known no attempt that changes an object there goes out, however it was waiting."""

import asyncio
from dataclasses import dataclass, field

import pytest

from ferryline import errors
from ferryline.model.entry import Token
from ferryline.model.span import Layout, Span
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import Completion, CopySource, Upload, Version, Writing
from ferryline.storage.wrap.stack import dress
from tests.unit.storage_wrap.ground import harness

OURS = b"deep/.ferryline/lock.json"
BUSY = errors.SlowDown("slow down", key=b"key")


@dataclass
class Hold:
    """A place that can be lost."""

    lost: bool = False
    asked: int = 0

    def still_ours(self):
        self.asked += 1
        if self.lost:
            raise errors.LockHeld("another run took it", kind="fenced")


@dataclass
class Recording:
    """A store all of whose verbs only say that they were asked; `busy` of them are told to slow down first."""

    place: str = "memory:"
    busy: int = 0
    asked: list = field(default_factory=list)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        async def verb(*words):
            self.asked.append(name)
            if self.busy:
                self.busy -= 1
                raise BUSY

        return verb


def changes(key):
    upload, version = Upload(key, "1"), Version(key, "2")
    source = CopySource("bucket", b"key", Token(b"", 0), 1)
    return {
        "write": (key, b"body", Writing()),
        "delete": (key,),
        "create_upload": (key, Layout(1, 1), Writing()),
        "upload_part": (upload, Span(1, 0, 1), b"x"),
        "upload_part_stream": (upload, Span(1, 0, 1), None),
        "complete_upload": (upload, Completion((), 0, Writing())),
        "copy_from": (key, source, Writing()),
        "copy_part_from": (upload, Span(1, 0, 1), source),
        "set_tags": (key, {}),
        "delete_version": (key, "2"),
        "delete_marking": (key,),
        "delete_many": ((OURS, key),),
        "delete_versions": ((version,),),
    }


def fenced():
    bare, hold = Recording(), Hold()
    made, _ = harness()
    return dress(bare, "http://there", made), bare, hold, made


@pytest.mark.parametrize("verb", changes(b"key"))
async def test_what_changes_an_object_does_not_go_out_once_the_place_is_lost(verb):
    store, bare, hold, _ = fenced()
    with store.fence.asking(hold.still_ours):
        await getattr(store, verb)(*changes(b"key")[verb])
        hold.lost = True
        with pytest.raises(errors.LockHeld):
            await getattr(store, verb)(*changes(b"key")[verb])
    assert bare.asked == [verb]
    assert hold.asked == 2


@pytest.mark.parametrize("verb", sorted(changes(b"key").keys() - {"upload_part_stream"}))
async def test_nor_is_it_repeated(verb):
    store, bare, hold, made = fenced()
    bare.busy = 1
    real = made.clock.sleep

    async def lose(seconds):
        await real(seconds)
        hold.lost = True

    made.clock.sleep = lose
    with store.fence.asking(hold.still_ours), pytest.raises(errors.LockHeld):
        await getattr(store, verb)(*changes(b"key")[verb])
    assert bare.asked == [verb]


async def test_nor_does_what_waited_for_its_turn():
    made, _ = harness(ceiling=1)
    bare, hold = MemoryStore(), Hold()
    store = dress(bare, "http://there", made)
    under_way, go_on = asyncio.Event(), asyncio.Event()
    real = bare.write

    async def slow(*words):
        under_way.set()
        await go_on.wait()
        return await real(*words)

    bare.write = slow
    with store.fence.asking(hold.still_ours):
        first = asyncio.create_task(store.write(b"first", b"", Writing()))
        await under_way.wait()
        second = asyncio.create_task(store.write(b"second", b"", Writing()))
        await asyncio.sleep(0)
        hold.lost = True
        go_on.set()
        await first
        with pytest.raises(errors.LockHeld):
            await second
    assert await bare.head(b"first") is not None
    assert await bare.head(b"second") is None
    assert made.windows.of("http://there", "write", "").in_use == 0


@pytest.mark.parametrize("verb", changes(OURS))
async def test_what_ferryline_keeps_beside_the_objects_passes_unasked(verb):
    store, bare, hold, _ = fenced()
    hold.lost = True
    with store.fence.asking(hold.still_ours):
        words = ((OURS,),) if verb == "delete_many" else changes(OURS)[verb]
        await getattr(store, verb)(*words)
    assert bare.asked == [verb]
    assert hold.asked == 0


async def test_looks_and_the_ends_of_unfinished_uploads_pass_unasked():
    store, bare, hold, _ = fenced()
    hold.lost = True
    with store.fence.asking(hold.still_ours):
        await store.head(b"key")
        await store.uploaded_parts(Upload(b"key", "1"))
        await store.abort_upload(Upload(b"key", "1"))
    assert bare.asked == ["head", "uploaded_parts", "abort_upload"]
    assert hold.asked == 0


async def test_nobody_is_asked_before_and_afterwards():
    store, bare, hold, _ = fenced()
    hold.lost = True
    await store.delete(b"key")
    with store.fence.asking(hold.still_ours):
        pass
    await store.delete(b"key")
    assert bare.asked == ["delete", "delete"]
