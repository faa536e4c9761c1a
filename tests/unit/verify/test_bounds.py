"""Memory and tasks stay bounded however long the stream and however slow the caller."""

import asyncio
import dataclasses

from ferryline.model.digest import Evidence
from ferryline.verify.gathering import WAITING_MAX, gathered
from ferryline.verify.prove import BATCHES_MAX, prove
from ferryline.verify.trouble import missing
from tests.unit.verify.stores import FOREIGN, HONEST, ScriptedStore, arrival, checking, source_entry


def endless(store, taken, **changes):
    async def arrivals():
        while True:
            key = b"k%09d" % len(taken)
            taken.append(key)
            store.put(key, key)
            yield dataclasses.replace(arrival(source_entry(key, key), key), **changes)

    return arrivals()


async def settle():
    for _ in range(3_000):
        await asyncio.sleep(0)


async def test_arrivals_are_taken_no_faster_than_findings_are():
    store, taken = ScriptedStore(HONEST), []
    findings = prove(endless(store, taken), store, store, checking(batch=100))
    await anext(findings)
    await settle()

    assert len(taken) <= WAITING_MAX + (BATCHES_MAX + 2) * 100 + 1
    await findings.aclose()


async def test_arrivals_wait_while_as_many_are_read_back_as_allowed():
    store, taken = ScriptedStore(FOREIGN), []
    going = asyncio.Event()
    under_way, most = 0, 0
    read = store.read

    async def slow(key, pin, span=None):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await going.wait()
        under_way -= 1
        return await read(key, pin, span)

    store.read = slow
    findings = prove(endless(store, taken, proof=None), store, store, checking(objects=3, batch=10))
    first = asyncio.ensure_future(anext(findings))
    await settle()

    assert most <= 3
    assert len(taken) <= (BATCHES_MAX + 2) * 10
    going.set()
    assert (await first).evidence is Evidence.READ_BACK
    await findings.aclose()


async def test_a_look_that_fails_stops_the_leader_and_the_other_looks():
    started, ended = [], []

    async def lead(gathering):
        async def look(number):
            started.append(number)
            try:
                await asyncio.sleep(0)
                if number == 2:
                    raise RuntimeError("stop")
                await asyncio.Event().wait()
            finally:
                ended.append(number)

        await gathering.put(missing(b"k"))
        for number in range(100):
            await gathering.start(look(number))

    found = []
    try:
        async for one in gathered(lead, 4):
            found.append(one)
    except RuntimeError as problem:
        assert str(problem) == "stop"

    assert [one.key for one in found] == [b"k"]
    assert sorted(started) == sorted(ended)
    assert len(started) <= 5


async def test_cancelling_the_caller_cancels_the_looks():
    ended = asyncio.Event()

    async def lead(gathering):
        async def look():
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        await gathering.start(look())

    async def read():
        async for _ in gathered(lead, 4):
            pass

    reading = asyncio.ensure_future(read())
    await settle()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)

    assert ended.is_set()
