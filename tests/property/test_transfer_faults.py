"""Any faults in any order, death included: never mixed bytes, one outcome for each, and quiet converges."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryline import crash, errors
from ferryline.model.outcome import Failed, Transferred, Vanished
from ferryline.storage.memory import Bucket
from ferryline.transfer import sweep
from tests.unit.transfer.ground import Scripted, bodies, copies, manner, outcomes, put, put_in_parts

PART = 64 * 1024
SMALL = [b"s/%d" % number for number in range(3)]
LARGE = [b"l/%d" % number for number in range(2)]
READS = ["read", "head"]
WRITES = [
    "write",
    "create_upload",
    "upload_part",
    "uploaded_parts",
    "complete_upload",
    "abort_upload",
    "open_uploads",
    "delete",
    "head",
    "read",
]


class Death(BaseException):
    pass


def error(kind):
    return {
        "lost": errors.RetryLater("lost", effect_possible=True),
        "reset": errors.RetryLater("reset"),
        "conflict": errors.RetryLater("409", kind="write-conflict"),
        "refused": errors.AccessRefused("403"),
        "precondition": errors.DestinationChanged("412"),
        "missing": errors.ObjectMissing("404"),
        "broken": errors.ObjectFailed("500", kind="refused"),
        "unsupported": errors.Unsupported("501"),
    }[kind]


DESTINATION_FAULTS = st.tuples(
    st.sampled_from(WRITES),
    st.sampled_from(
        ["lost", "reset", "conflict", "refused", "precondition", "missing", "broken", "unsupported"]
    ),
    st.booleans(),
    st.integers(1, 3),
)
BLINDING = {("open_uploads", "unsupported"), ("uploaded_parts", "missing")}
"""Answers after which no client can know of an upload that was opened without an answer."""
SOURCE_FAULTS = st.tuples(
    st.sampled_from(READS),
    st.sampled_from(["reset", "refused", "broken", "rewrite", "remove"]),
    st.booleans(),
    st.integers(1, 2),
)


class World:
    def __init__(self):
        self.source = Scripted(Bucket("source"))
        self.held = Bucket("destination")
        self.versions = {key: set() for key in SMALL + LARGE}
        self.count = 0

    async def write(self, key):
        self.count += 1
        stamp = b"%08d" % self.count
        if key in SMALL:
            body = stamp * 10
            await put(self.source, key, body, stamp=stamp.decode())
        else:
            body = stamp * (PART // 8 * 2 + 10)
            await put_in_parts(self.source, key, body, PART, stamp=stamp.decode())
        self.versions[key].add((body, stamp.decode()))

    def destination(self):
        return Scripted(self.held).can(hashes_locally=False)

    def safe(self):
        """Every object at the destination is whole: bytes and metadata of one state the source had."""
        for key, held in self.held.objects.items():
            if not key.startswith(b".ferryline/"):
                assert (held.body, held.metadata.user["stamp"]) in self.versions[key]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(DESTINATION_FAULTS, max_size=4),
    st.lists(SOURCE_FAULTS, max_size=2),
    st.one_of(st.none(), st.integers(1, 40)),
    st.booleans(),
)
def test_whatever_fails_nothing_is_mixed_and_a_quiet_run_converges(there, here, death, overwrites):
    asyncio.run(_exercise(there, here, death, overwrites))


async def _exercise(faults, here, death, overwrites):
    world = World()
    for key in SMALL + LARGE:
        await world.write(key)
    if overwrites:
        await _run(world, world.destination())
        for key in SMALL[:1] + LARGE[:1]:
            await world.write(key)
    destination = world.destination()
    for verb, kind, after, times in faults:
        destination.fail(verb, error(kind), after=after, times=times, key=lambda _: True)
    for verb, kind, after, times in here:
        _trouble(world, verb, kind, after, times)
    try:
        crash.hook = _reaper(death)
        found = await _run(world, destination)
        assert all(isinstance(one, Transferred | Failed | Vanished) for one in found.values())
    except (Death, errors.CredentialsRefused):
        pass
    except (errors.ObjectFailed, errors.RetryLater):
        pass  # the sweep itself met a fault: the caller stops the run
    finally:
        crash.hook = None
    world.safe()
    world.source.faults.clear()
    found = await _run(world, world.destination())
    assert all(isinstance(one, Transferred) for one in found.values()), found
    world.safe()
    there, here = bodies(world.destination()), bodies(world.source)
    assert {key: there.get(key) for key in here} == here
    assert set(there) <= set(world.versions)  # no intent of ours is left
    if not BLINDING & {(verb, kind) for verb, kind, *_ in faults}:
        assert not world.held.uploads
    assert not await _run(world, world.destination())


def _trouble(world, verb, kind, after, times):
    if kind == "rewrite":

        def rewrite():
            for key in (SMALL[0], LARGE[0]):
                if key in world.source.held.objects:
                    asyncio.get_running_loop().create_task(world.write(key))

        world.source.when(verb, rewrite, after=after, times=times)
    elif kind == "remove":
        world.source.when(
            verb, lambda: world.source.held.objects.pop(SMALL[1], None), after=after, times=times
        )
    else:
        world.source.fail(verb, error(kind), after=after, times=times)


def _reaper(at):
    if at is None:
        return None
    passed = 0

    def hook(name):
        nonlocal passed
        passed += 1
        if passed >= at:
            raise Death(name)

    return hook


async def _run(world, destination):
    how = manner(memory_bytes=PART * 2, part_bytes=PART, objects=2)
    leftovers = await sweep(destination, how)
    planned = [one for one in await copies(world.source, destination) if _differs(world, one.key)]
    found = await outcomes(planned, world.source, destination, how, leftovers)
    await leftovers.clear()
    return found


def _differs(world, key):
    there = world.held.objects.get(key)
    return there is None or there.etag != world.source.held.objects[key].etag
