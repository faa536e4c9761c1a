"""Tags from bucket to bucket: carried where both ends have them, and never lost without a word."""

import contextlib
import dataclasses
import os

import pytest

from ferryline.model.outcome import Failed, Transferred
from ferryline.model.place import S3Writing
from ferryline.storage import capabilities, probe
from ferryline.storage.capabilities import Support
from ferryline.storage.memory import Bucket
from ferryline.storage.store import Writing
from ferryline.testing.strict import Credential, Fault, Lie, Put, Refused, StrictServer, fault
from ferryline.transfer import TagsKept
from tests.faults.s3_ground import dressed
from tests.unit.transfer.ground import MIB, Scripted, StillClock, copied, copies, manner, outcomes

TAGS = {"team": "ml", "owner": "José 中文", "a b": "c+d=e", "empty": ""}
LARGE = os.urandom(6 * MIB)
SOURCES = {
    "small": (b"x" * 100, Put(tags=TAGS)),
    "claimed": (os.urandom(128 * 1024), Put(tags=TAGS)),
    "large": (LARGE, Put(tags=TAGS, part_bytes=5 * MIB)),
    "plain": (b"no tag", Put()),
}
STRANGER = dataclasses.replace(capabilities.AWS, provider="s3")
"""An endpoint that honours what AWS honours, and is not believed as blindly."""


@pytest.fixture
def origin():
    with StrictServer("source") as running:
        for key, (body, how) in SOURCES.items():
            running.bucket("source").put(key, body, how)
        yield running


@pytest.fixture
def target():
    with StrictServer("destination") as running:
        yield running


@contextlib.asynccontextmanager
async def ends(origin, target, known=STRANGER, own=None, **access):
    async with (
        dressed(origin, "source", access=access) as source,
        dressed(target, "destination", known=known) as destination,
    ):
        if own is not None:
            client = destination.bare._client
            client.location = dataclasses.replace(client.location, writing=S3Writing(tags=own))
        yield source, destination


def tags_of(target):
    bucket = target.bucket("destination")
    return {key.decode(): bucket.version(key).tags for key in bucket.keys()}


def complete(origin, target):
    assert target.bucket("destination").contents() == origin.bucket("source").contents()
    assert target.bucket("destination").uploads() == []


async def test_tags_arrive_with_small_and_large_objects_and_cost_a_request_only_where_there_are_any(
    origin, target
):
    async with ends(origin, target) as (source, destination):
        found = await copied(source, destination)
    assert all(isinstance(one, Transferred) for one in found.values())
    complete(origin, target)
    assert tags_of(target) == {"small": TAGS, "claimed": TAGS, "large": TAGS, "plain": {}}
    assert sorted(one.key for one in origin.requests("GetObjectTagging")) == [b"claimed", b"large", b"small"]
    assert target.count("PutObjectTagging") == 0


async def test_with_none_no_tag_is_asked_for_or_carried(origin, target):
    async with ends(origin, target) as (source, destination):
        await copied(source, destination, manner(tags=TagsKept.NO))
    complete(origin, target)
    assert not any(tags_of(target).values())
    assert origin.count("GetObjectTagging") == 0


async def test_the_location_s_own_tags_win(origin, target):
    async with ends(origin, target, own={"team": "storage", "copy": "yes"}) as (source, destination):
        await copied(source, destination)
    mixed = TAGS | {"team": "storage", "copy": "yes"}
    own = {"team": "storage", "copy": "yes"}
    assert tags_of(target) == {"small": mixed, "claimed": mixed, "large": mixed, "plain": own}


async def test_more_than_ten_tags_together_fail_the_object_by_name(origin, target):
    own = {f"own {number}": "" for number in range(7)}
    async with ends(origin, target, own=own) as (source, destination):
        found = await copied(source, destination)
    failed = {key: one.kind for key, one in found.items() if isinstance(one, Failed)}
    assert failed == dict.fromkeys((b"small", b"claimed", b"large"), "too-many-tags")
    assert "object_tags NONE" in found[b"small"].advice
    assert target.bucket("destination").keys() == [b"plain"]


WITHOUT = {
    "seen to forget them": (Support.IGNORED, ()),
    "seen to have none": (Support.UNSUPPORTED, ()),
    "refuses them, not known before": (Support.UNKNOWN, (Lie.REFUSES_TAGGING,)),
}


@pytest.mark.parametrize("name", WITHOUT)
async def test_where_the_destination_has_no_tags_that_is_said_once(origin, target, name):
    support, lies = WITHOUT[name]
    target.lie(*lies)
    events = []
    async with ends(origin, target, dataclasses.replace(STRANGER, tagging=support)) as (source, destination):
        found = await copied(source, destination, manner(events=events))
    assert all(isinstance(one, Transferred) for one in found.values())
    complete(origin, target)
    assert not any(tags_of(target).values())
    warned = [one for one in events if one.kind == "warning"]
    assert len(warned) == 1
    assert "tags are not kept" in warned[0].message
    assert "object_tags NONE" in warned[0].advice


@pytest.mark.parametrize("name", WITHOUT)
async def test_where_tags_were_asked_for_by_name_their_objects_fail(origin, target, name):
    support, lies = WITHOUT[name]
    target.lie(*lies)
    async with ends(origin, target, dataclasses.replace(STRANGER, tagging=support)) as (source, destination):
        found = await copied(source, destination, manner(tags=TagsKept.ALWAYS))
    failed = {key: one.kind for key, one in found.items() if isinstance(one, Failed)}
    assert failed == dict.fromkeys((b"small", b"claimed", b"large"), "tags-not-kept")
    assert "object_tags NONE" in found[b"large"].advice
    assert target.bucket("destination").contents() == {b"plain": b"no tag"}
    assert target.bucket("destination").uploads() == []


async def test_a_source_that_will_not_tell_its_tags(origin, target):
    armed = origin.arm(Fault("GetObjectTagging", fault.Status("NotImplemented"), times=None))
    events = []
    async with ends(origin, target) as (source, destination):
        await copied(source, destination, manner(events=events))
        complete(origin, target)
        target.bucket("destination").clear()
        found = await copied(source, destination, manner(tags=TagsKept.ALWAYS))
    assert armed.fired == 6
    assert len([one for one in events if one.kind == "warning"]) == 1
    assert [one.kind for one in found.values() if isinstance(one, Failed)] == ["tags-not-kept"] * 3


async def test_tags_that_may_not_be_read_fail_their_objects_and_name_the_permission(origin, target):
    armed = origin.arm(Fault("GetObjectTagging", fault.Status("AccessDenied"), times=None))
    async with ends(origin, target) as (source, destination):
        found = await copied(source, destination)
    assert armed.fired == 3
    failed = found[b"small"]
    assert isinstance(failed, Failed)
    assert "s3:GetObjectTagging" in failed.advice
    assert "object_tags NONE" in failed.advice
    assert isinstance(found[b"plain"], Transferred)


async def test_who_may_not_see_tags_is_not_told_of_any_and_copies_without(origin, target):
    origin.credential("BLIND", Credential("secret", refused=(Refused("GetObjectTagging"),)))
    access = {"access_key_id": "BLIND", "secret_access_key": "secret"}
    async with ends(origin, target, **access) as (source, destination):
        await copied(source, destination)
    complete(origin, target)
    assert not any(tags_of(target).values())
    assert origin.count("GetObjectTagging") == 0


async def test_who_may_not_set_tags_is_told_which_permission_is_missing(origin, target):
    target.credential(
        target.access_key, Credential(target.secret_key, refused=(Refused("PutObjectTagging"),))
    )
    async with ends(origin, target) as (source, destination):
        found = await copied(source, destination)
    for key in (b"small", b"large"):
        assert isinstance(found[key], Failed)
        assert "s3:PutObjectTagging" in found[key].advice
    assert isinstance(found[b"plain"], Transferred)


async def test_the_tags_of_a_listed_version_are_its_own(origin, target):
    bucket = origin.bucket("source")
    bucket.clear()
    bucket.set_versioning("Enabled")
    bucket.put("key", b"first", Put(tags={"state": "first"}))
    origin.before(
        "GetObjectTagging",
        lambda exchange: exchange.bucket.store(_next(exchange)) if exchange.bucket.settings else None,
    )
    async with ends(origin, target) as (source, destination):
        found = await copied(source, destination)
    assert isinstance(found[b"key"], Transferred)
    assert target.bucket("destination").get("key") == b"first"
    assert tags_of(target) == {"key": {"state": "first"}}


def _next(exchange):
    current = exchange.bucket.current(exchange.request.key)
    return dataclasses.replace(current, version_id=exchange.bucket.next_version_id(), tags={"state": "next"})


async def test_tags_that_an_upload_forgot_are_set_afterwards(origin, target):
    def forget(exchange):
        for upload in exchange.bucket.uploads.values():
            upload.like.tags = {}

    target.after("CreateMultipartUpload", forget)
    async with ends(origin, target, own={"copy": "yes"}) as (source, destination):
        await copied(source, destination)
    assert tags_of(target)["large"] == TAGS | {"copy": "yes"}
    assert [one.key for one in target.requests("PutObjectTagging")] == [b"large"]


async def test_an_upload_of_other_tags_is_not_resumed():
    """What was begun with the tags of another moment is ended, and begun again with those of now."""
    clock = StillClock()
    source, destination = Scripted(time=clock), Scripted(held=Bucket("there"), time=clock)
    await source.write(b"large", LARGE, Writing(tags={"state": "old"}))
    how = manner(memory_bytes=MIB, part_bytes=MIB)
    destination.fail("complete_upload", RuntimeError("the run dies"))
    with pytest.raises(RuntimeError):
        await copied(source, destination, how)
    assert len(destination.held.uploads) == 1
    await source.set_tags(b"large", {"state": "new"})
    from ferryline.transfer import sweep

    left = await sweep(destination, how)
    assert len(left) == 1
    await outcomes(await copies(source, destination), source, destination, how, left)
    assert destination.held.objects[b"large"].tags == {"state": "new"}
    assert not destination.held.uploads


@pytest.mark.radosgw
async def test_on_radosgw_small_and_large_objects_have_their_tags(origin, radosgw):
    """radosgw 16 forgets the tags that CreateMultipartUpload names: they are set afterwards."""
    bucket, client = radosgw.bucket(), radosgw.client()
    async with dressed(origin, "source") as source, dressed(radosgw, bucket, known=STRANGER) as destination:
        destination.learn(await probe.probe_destination(destination.bare))
        assert destination.capabilities.tagging.honoured
        found = await copied(source, destination)
    assert all(isinstance(one, Transferred) for one in found.values())
    for key, (_, how) in SOURCES.items():
        told = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        assert {one["Key"]: one["Value"] for one in told} == how.tags, key
