"""403 for some keys is their failure; 403 for everything stops the run."""

import pytest

from ferryline import errors
from ferryline.model.outcome import Failed, Transferred
from tests.unit.transfer.ground import Scripted, bodies, copied, put

NO = errors.AccessRefused("GetObject was answered 403", advice="allow s3:GetObject", place="memory://x/")


async def filled(*keys):
    source = Scripted()
    for key in keys:
        await put(source, key, key)
    return source


async def test_one_folder_without_permission_fails_its_keys_and_the_others_arrive():
    closed = [b"closed/%d/%03d" % (number % 3, number) for number in range(60)]
    source, destination = await filled(*closed, b"open/a", b"open/b"), Scripted()
    source.fail("read", NO, times=999, key=lambda key: key.startswith(b"closed/"))
    found = await copied(source, destination)
    assert {found[key].kind for key in closed} == {"access-refused"}
    assert isinstance(found[b"open/a"], Transferred)
    assert set(bodies(destination)) == {b"open/a", b"open/b"}


async def test_no_permission_anywhere_stops_the_run():
    source, destination = (
        await filled(*[b"%d/%d" % (number % 5, number) for number in range(200)]),
        Scripted(),
    )
    fault = source.fail("read", NO, times=999)
    with pytest.raises(errors.CredentialsRefused, match="keys in a row") as stopped:
        await copied(source, destination)
    assert "allow s3:GetObject" in str(stopped.value)
    assert fault.fired < 100


async def test_no_permission_for_a_single_folder_that_is_everything_stops_at_its_end():
    source, destination = await filled(*[b"all/%d" % number for number in range(60)]), Scripted()
    source.fail("read", NO, times=999)
    with pytest.raises(errors.CredentialsRefused):
        await copied(source, destination)


async def test_a_destination_that_takes_nothing_stops_the_run_too():
    source, destination = await filled(*[b"%d/%d" % (number % 5, number) for number in range(60)]), Scripted()
    destination.fail("write", NO, times=999)
    with pytest.raises(errors.CredentialsRefused):
        await copied(source, destination)


async def test_a_few_refused_keys_are_their_own_failures():
    source, destination = await filled(b"a", b"b"), Scripted()
    source.fail("read", NO, times=999)
    found = await copied(source, destination)
    assert all(isinstance(one, Failed) for one in found.values())


async def test_scattered_refusals_after_a_success_never_stop_a_run():
    keys = [b"%d/%d" % (number % 7, number) for number in range(200)]
    source, destination = await filled(b"+", *keys), Scripted()
    source.fail("read", NO, times=999, key=lambda key: key != b"+")
    found = await copied(source, destination)
    assert sum(isinstance(one, Failed) for one in found.values()) == 200
