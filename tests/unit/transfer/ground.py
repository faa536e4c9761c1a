"""Ground for the transfer tests: a manner, runs to their end, and a memory store that fails on script."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ferryline.model.action import Copy, Delete, Reason
from ferryline.model.entry import Entry, Metadata, Token
from ferryline.model.key import EVERYTHING
from ferryline.storage.memory import Bucket, MemoryStore
from ferryline.storage.store import Upload, Writing
from ferryline.transfer import Ends, Manner, delete, transfer

MIB = 1024 * 1024


class StillClock:
    """Time that moves only when somebody sleeps, and a little at every look at the wall."""

    def __init__(self):
        self.moment = datetime(2026, 11, 1, tzinfo=UTC)
        self.seconds = 0.0
        self.slept = []

    def now(self):
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds
        self.moment += timedelta(seconds=seconds)


@dataclass
class Fault:
    verb: str
    error: BaseException | None
    after: bool
    times: int
    match: Callable[[bytes], bool]
    act: Callable[[], None] | None = None
    fired: int = 0


def _key_of(arguments):
    first = arguments[0]
    return first.key if isinstance(first, Upload) else first


class Scripted(MemoryStore):
    """A memory store whose verbs fail on script, before or after their effect; counts every call."""

    def __init__(self, held=None, time=None, capabilities=None, label="scripted"):
        super().__init__(
            held if held is not None else Bucket(label), time if time is not None else StillClock()
        )
        self.calls = Counter()
        self.faults = []
        self.bytes_in = 0
        self._capabilities = capabilities

    @property
    def capabilities(self):
        return self._capabilities or super().capabilities

    def can(self, **changes):
        self._capabilities = replace(self.capabilities, **changes)
        return self

    def fail(self, verb, error, *, after=False, times=1, key=None):
        return self._add(Fault(verb, error, after, times, _matcher(key)))

    def when(self, verb, act, *, after=False, times=1, key=None):
        """Do something (not a failure) around a call."""
        return self._add(Fault(verb, None, after, times, _matcher(key), act))

    def _add(self, fault):
        self.faults.append(fault)
        return fault

    async def _play(self, verb, arguments):
        self.calls[verb] += 1
        key = _key_of(arguments)
        fault = next(
            (one for one in self.faults if one.verb == verb and one.times > one.fired and one.match(key)),
            None,
        )
        if fault is not None:
            fault.fired += 1
            if not fault.after:
                if fault.act:
                    fault.act()
                if fault.error:
                    raise fault.error
        answer = await getattr(super(), verb)(*arguments)
        if fault is not None and fault.after:
            if fault.act:
                fault.act()
            if fault.error:
                raise fault.error
        return answer

    async def head(self, key, version_id=None):
        return await self._play("head", (key, version_id))

    async def read(self, key, pin, span=None):
        return await self._play("read", (key, pin, span))

    async def write(self, key, body, writing):
        if not key.startswith(b".ferryline/"):
            self.bytes_in += len(body)
        return await self._play("write", (key, body, writing))

    async def delete(self, key, *condition):
        return await self._play("delete", (key, *condition))

    async def create_upload(self, key, layout, writing):
        return await self._play("create_upload", (key, layout, writing))

    async def upload_part(self, upload, span, body, md5=None):
        self.bytes_in += len(body)
        return await self._play("upload_part", (upload, span, body, md5))

    async def uploaded_parts(self, upload):
        return await self._play("uploaded_parts", (upload,))

    async def complete_upload(self, upload, completion):
        return await self._play("complete_upload", (upload, completion))

    async def abort_upload(self, upload):
        held = self.held.uploads.get(upload.upload_id)
        if held is not None and held.key != upload.key:
            return None  # S3 knows an upload only by key and id together
        return await self._play("abort_upload", (upload,))

    async def open_uploads(self, prefix):
        return await self._play("open_uploads", (prefix,))


def _matcher(key):
    if key is None:
        return lambda seen: not seen.startswith(b".ferryline/")
    if callable(key):
        return key
    return lambda seen: seen == key


def intents_only(seen):
    return seen.startswith(b".ferryline/uploads/")


def manner(**changes):
    events = changes.pop("events", None)
    given = dict(
        run_id="run-1",
        clock=StillClock(),
        chance=random.Random(7),
        emit=(events.append if events is not None else lambda _: None),
        memory_bytes=64 * MIB,
        objects=8,
    )
    return Manner(**{**given, **changes})


async def each(items):
    for one in items:
        yield one


async def entries(store):
    found = {}
    async for page in store.pages(EVERYTHING):
        names = ("key", "size", "etag", "modified_ns", "change_ns", "inode")
        for key, size, *token in zip(*(page.rows.column(name).to_pylist() for name in names)):
            found[key] = Entry(key, size, Token(*token))
    return found


async def copies(source, destination=None):
    """A Copy for everything at the source, as a plan would make it."""
    there = {} if destination is None else await entries(destination)
    return [
        Copy(entry, Reason.CONTENT if key in there else Reason.NEW, there.get(key))
        for key, entry in (await entries(source)).items()
        if not key.startswith(b".ferryline/")
    ]


async def outcomes(actions, source, destination, how=None, leftovers=None, origin=None):
    """Every outcome by key; each copy must have exactly one."""
    actions = list(actions)
    found = {}
    ends = Ends(source, destination, origin)
    async with aclosing(
        transfer(each(actions), ends, how if how is not None else manner(), leftovers)
    ) as stream:
        async for one in stream:
            assert one.key not in found
            found[one.key] = one
    assert set(found) == {one.key for one in actions}
    return found


async def copied(source, destination, how=None, leftovers=None, origin=None):
    return await outcomes(await copies(source, destination), source, destination, how, leftovers, origin)


async def deletions(candidates, source, destination, how=None):
    found = {}
    async with aclosing(
        delete(each(candidates), Ends(source, destination), how if how is not None else manner())
    ) as stream:
        async for one in stream:
            found[one.key] = one
    return found


async def delete_candidates(destination, *keys):
    there = await entries(destination)
    return [Delete(there[key], Reason.GONE_AT_SOURCE) for key in keys]


async def put(store, key, body, **user):
    await MemoryStore.write(store, key, body, Writing(metadata=Metadata(user=user)))


async def put_in_parts(store, key, body, part_bytes, **user):
    """An object uploaded in parts, as somebody else would do it."""
    from ferryline.model.span import Layout
    from ferryline.storage.store import Completion

    layout = Layout(len(body), part_bytes)
    plain = MemoryStore(store.held)
    upload = await plain.create_upload(key, layout, Writing(metadata=Metadata(user=user)))
    parts = [
        await plain.upload_part(upload, span, body[span.offset : span.offset + span.size_bytes])
        for span in layout.spans()
    ]
    await plain.complete_upload(upload, Completion(tuple(parts), len(body), Writing()))


def bodies(store):
    return {key: held.body for key, held in store.held.objects.items()}


@asynccontextmanager
async def closing(store):
    try:
        yield store
    finally:
        await store.close()
