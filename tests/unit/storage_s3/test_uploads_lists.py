"""Lists of uploads, parts and versions, as servers of different upbringing write them."""

import pytest

from ferryline.model.span import MIB, Layout
from ferryline.storage.store import Writing
from ferryline.testing import hostile
from ferryline.testing.strict import Fault, StrictServer, fault
from tests.faults.s3_ground import dressed

LAYOUT = Layout(10, 5 * MIB)
UNSAID = fault.Replace(b"<EncodingType>url</EncodingType>", b"")


@pytest.fixture
def server():
    with StrictServer("destination") as running:
        yield running


async def opened(store, keys):
    return {(key, (await store.create_upload(key, LAYOUT, Writing())).upload_id) for key in keys}


async def listed(store, prefix=b""):
    return {(one.key, one.upload_id) for one in await store.open_uploads(prefix)}


async def test_uploads_of_hostile_keys_are_found_by_their_own_names(server):
    async with dressed(server, "destination") as store:
        made = await opened(store, [one.key for one in hostile.KEYS])
        assert await listed(store) == made


@pytest.mark.parametrize("key", [b"a b/plus+percent%20", b"100%", b"line\x01break", "ü/\U0001f980".encode()])
async def test_keys_that_are_encoded_without_saying_so_are_read_as_they_are(server, key):
    async with dressed(server, "destination") as store:
        made = await opened(store, [key, b"plain"])
        armed = server.arm(Fault("ListMultipartUploads", UNSAID, times=None))
        assert await listed(store) == made
    assert armed.fired


async def test_a_server_that_never_encodes_is_taken_at_its_word(server):
    async with dressed(server, "destination") as store:
        made = await opened(store, [b"percent%20stays"])
        server.arm(Fault("ListMultipartUploads", UNSAID, times=None))
        server.arm(
            Fault("ListMultipartUploads", fault.Replace(b"percent%2520stays", b"percent%20stays"), times=None)
        )
        assert await listed(store) == made


async def test_more_uploads_than_a_page_holds_are_all_found(server):
    async with dressed(server, "destination") as store:
        made = {
            (f"{number:04}".encode(), server.bucket("destination").open_upload(f"{number:04}"))
            for number in range(1003)
        }
        assert await listed(store) == made
    assert server.count("ListMultipartUploads") == 2


async def test_parts_by_another_name_are_parts(server):
    async with dressed(server, "destination") as store:
        upload = await store.create_upload(b"key", LAYOUT, Writing())
        await store.upload_part(upload, LAYOUT.span(1), b"0123456789")
        armed = server.arm(Fault("ListParts", fault.Replace(b"ListPartsResult", b"ListPartsResponse")))
        assert [part.number for part in await store.uploaded_parts(upload)] == [1]
    assert armed.fired == 1


async def test_every_version_and_marker_below_a_prefix_is_listed(server):
    server.bucket("destination").set_versioning("Enabled")
    async with dressed(server, "destination") as store:
        for key in (b"a/one", b"a/one", b"b/other", b"a/line\nbreak"):
            await store.write(key, b"x", Writing())
        await store.delete(b"a/one")
        found = await store.bare.versions(b"a/")
        assert sorted(key for key, _ in found) == [b"a/line\nbreak", b"a/one", b"a/one", b"a/one"]
        for key, version_id in found:
            await store.bare.delete_version(key, version_id)
        assert await store.bare.versions(b"a/") == ()
    assert server.bucket("destination").versions("a/one") == []
    assert server.bucket("destination").keys() == [b"b/other"]
