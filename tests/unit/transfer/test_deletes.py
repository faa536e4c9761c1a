"""Deletes: a second look for each, a condition where it is honoured, and in doubt nothing."""

import pytest

from ferryline import errors
from ferryline.model.outcome import Deleted, Failed, Spared
from ferryline.storage.capabilities import Support
from tests.unit.transfer.ground import Scripted, bodies, delete_candidates, deletions, manner, put


async def both(*keys):
    source, destination = Scripted(), Scripted()
    for key in keys:
        await put(destination, key, key)
    return source, destination, await delete_candidates(destination, *keys)


async def test_what_is_gone_at_the_source_is_deleted_after_one_look():
    source, destination, candidates = await both(b"a", b"b")
    found = await deletions(candidates, source, destination)
    assert all(isinstance(one, Deleted) for one in found.values())
    assert bodies(destination) == {}
    assert source.calls == {"head": 2}
    assert destination.calls == {"delete": 2}


async def test_what_the_listing_missed_and_the_second_look_finds_is_spared():
    source, destination, candidates = await both(b"a", b"b")
    await put(source, b"a", b"still here")
    found = await deletions(candidates, source, destination)
    assert isinstance(found[b"a"], Spared)
    assert found[b"a"].why
    assert isinstance(found[b"b"], Deleted)
    assert bodies(destination) == {b"a": b"a"}


@pytest.mark.parametrize(
    "error",
    [errors.AccessRefused("403", advice="allow it"), errors.RetryLater("reset"), errors.Unsupported("501")],
)
async def test_a_second_look_in_doubt_deletes_nothing(error):
    source, destination, candidates = await both(b"a")
    fault = source.fail("head", error)
    found = await deletions(candidates, source, destination)
    assert fault.fired == 1
    assert found[b"a"] == Failed(b"a", error.kind, error.message, error.advice, phase="delete")
    assert bodies(destination) == {b"a": b"a"}


async def test_what_changed_at_the_destination_is_spared_where_conditions_are_honoured():
    source, destination, candidates = await both(b"a")
    await put(destination, b"a", b"newer")
    found = await deletions(candidates, source, destination)
    assert isinstance(found[b"a"], Spared)
    assert bodies(destination) == {b"a": b"newer"}


async def test_an_endpoint_that_ignores_conditions_is_sent_none():
    class Noting(Scripted):
        async def delete(self, key, *condition):
            self.condition = condition
            return await super().delete(key, *condition)

    source, destination = Scripted(), Noting().can(delete_if_match=Support.IGNORED, hashes_locally=False)
    await put(destination, b"a", b"a")
    candidates = await delete_candidates(destination, b"a")
    found = await deletions(candidates, source, destination)
    assert isinstance(found[b"a"], Deleted)
    assert destination.condition[0].etag is None


async def test_a_delete_that_is_refused_is_that_keys_failure():
    source, destination, candidates = await both(b"a", b"b")
    destination.fail("delete", errors.AccessRefused("retention", advice="wait"), key=b"a")
    found = await deletions(candidates, source, destination)
    assert found[b"a"].kind == "access-refused"
    assert found[b"a"].phase == "delete"
    assert isinstance(found[b"b"], Deleted)


async def test_a_source_that_refuses_every_look_stops_the_run_with_nothing_deleted():
    keys = [b"%d/%03d" % (number % 3, number) for number in range(60)]
    source, destination, candidates = await both(*keys)
    source.fail("head", errors.AccessRefused("403"), times=999)
    with pytest.raises(errors.CredentialsRefused):
        await deletions(candidates, source, destination)
    assert len(bodies(destination)) == 60


class Lost:
    """A lock that is lost after it was asked so often."""

    def __init__(self, after):
        self.left = after

    async def __call__(self):
        self.left -= 1
        if self.left < 0:
            raise errors.LockHeld("another run took it", kind="fenced")


async def test_who_has_lost_the_lock_stops_before_the_next_delete():
    keys = [b"%02d" % number for number in range(30)]
    source, destination, candidates = await both(*keys)

    with pytest.raises(errors.LockHeld):
        await deletions(candidates, source, destination, manner(objects=1, may_write=Lost(after=3)))

    assert destination.calls == {"delete": 3}
    assert sorted(bodies(destination)) == keys[3:]
