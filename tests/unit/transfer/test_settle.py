"""Writes whose outcome is open: a look decides, and only what was really sent counts as success."""

import pytest

from ferryline import errors
from ferryline.model.digest import Evidence
from ferryline.model.outcome import Failed, Transferred
from ferryline.storage.capabilities import Support
from tests.unit.transfer.ground import Scripted, bodies, copied, copies, outcomes, put

LOST = errors.RetryLater("no answer came", effect_possible=True, advice="try again")
SOMEBODY = errors.DestinationChanged("412", advice="look")


@pytest.mark.parametrize("error", [LOST, SOMEBODY])
async def test_a_write_that_landed_without_an_answer_is_success(error):
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes")
    fault = destination.fail("write", error, after=True)
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert isinstance(one, Transferred)
    assert one.proof is Evidence.ETAG_MD5
    assert one.destination.size_bytes == 5
    assert destination.calls == {"write": 1, "head": 1}


@pytest.mark.parametrize(
    ("etag", "stored", "evidence", "read_back"),
    [
        (Support.HONOURED, Support.HONOURED, Evidence.ETAG_MD5, 0),
        (Support.UNKNOWN, Support.HONOURED, Evidence.STORED_CHECKSUM, 0),
        (Support.UNKNOWN, Support.IGNORED, Evidence.READ_BACK, 1),
    ],
)
async def test_the_strongest_thing_the_endpoint_honours_settles_it(etag, stored, evidence, read_back):
    source, destination = Scripted(), Scripted().can(etag_is_md5=etag, stored_checksum=stored)
    await put(source, b"a", b"bytes")
    destination.fail("write", LOST, after=True)
    (one,) = (await copied(source, destination)).values()
    assert one.proof is evidence
    assert destination.calls["read"] == read_back  # the memory store streams from one read


async def test_the_same_object_written_by_somebody_else_is_success_too():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes", owner="ml")
    planned = await copies(source)
    await put(destination, b"a", b"bytes", owner="ml")
    found = await outcomes(planned, source, destination)
    assert isinstance(found[b"a"], Transferred)


@pytest.mark.parametrize("theirs", [b"other bytes", b"BYTES"])
@pytest.mark.parametrize("honoured", [Support.HONOURED, Support.UNKNOWN])
async def test_other_bytes_of_somebody_else_stay_and_fail_the_object(theirs, honoured):
    source = Scripted()
    destination = Scripted().can(etag_is_md5=honoured, stored_checksum=honoured)
    await put(source, b"a", b"bytes")
    planned = await copies(source)
    await put(destination, b"a", theirs)
    found = await outcomes(planned, source, destination)
    assert found[b"a"].kind == "destination-changed"
    assert found[b"a"].advice
    assert bodies(destination) == {b"a": theirs}


async def test_the_right_bytes_with_other_metadata_are_not_what_was_sent():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes", owner="ml")
    planned = await copies(source)
    await put(destination, b"a", b"bytes", owner="somebody")
    found = await outcomes(planned, source, destination)
    assert found[b"a"].kind == "destination-changed"


async def test_metadata_an_endpoint_forgets_is_not_asked_for():
    source, destination = Scripted(), Scripted().can(keeps_metadata=False)
    await put(source, b"a", b"bytes", owner="ml")
    planned = await copies(source)
    await put(destination, b"a", b"bytes")
    found = await outcomes(planned, source, destination)
    assert isinstance(found[b"a"], Transferred)


async def test_a_write_that_never_landed_fails_for_what_it_met():
    source, destination = Scripted(), Scripted()
    await put(source, b"new", b"bytes")
    await put(source, b"over", b"newer")
    await put(destination, b"over", b"older")
    fault = destination.fail("write", LOST, times=2)
    found = await copied(source, destination)
    assert fault.fired == 2
    assert found[b"new"] == Failed(b"new", "transient", LOST.message, LOST.advice)
    assert found[b"over"] == Failed(b"over", "transient", LOST.message, LOST.advice)
    assert bodies(destination) == {b"over": b"older"}


async def test_a_look_that_fails_leaves_the_first_failure_to_be_told():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes")
    destination.fail("write", SOMEBODY)
    fault = destination.fail("head", errors.AccessRefused("no HEAD for you"))
    (one,) = (await copied(source, destination)).values()
    assert fault.fired == 1
    assert one.kind == "destination-changed"


async def test_writing_the_same_bytes_again_within_a_second_is_settled_as_success():
    source, destination = Scripted(), Scripted()
    await put(source, b"a", b"bytes")
    await put(destination, b"a", b"bytes")
    destination.fail("write", LOST, after=True)
    (one,) = (await copied(source, destination)).values()
    assert isinstance(one, Transferred)
