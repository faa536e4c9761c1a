"""A checksum that comes without being asked for, from an endpoint that is not believed, counts for nothing."""

import dataclasses

import pytest

from ferryline.storage import capabilities
from ferryline.testing.strict import Fault, StrictServer, fault
from tests.faults.s3_ground import dressed, pinned

UNTRUSTED = dataclasses.replace(capabilities.AWS, stored_checksum=capabilities.Support.IGNORED)


@pytest.fixture
def server():
    with StrictServer("source") as running:
        running.bucket("source").put("key", b"the bytes")
        for operation in ("GetObject", "HeadObject"):
            running.arm(
                Fault(operation, fault.Header("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="), times=None)
            )
        yield running


async def test_it_is_not_shown_and_fails_no_read(server):
    pin = pinned(server.bucket("source").version("key"))
    async with dressed(server, known=UNTRUSTED) as store:
        assert (await store.head(b"key")).stored_checksum is None
        received = await store.read(b"key", pin)
        assert (received.body, received.stat.stored_checksum) == (b"the bytes", None)
        async with store.stream(b"key", pin) as chunks:
            assert b"".join([chunk async for chunk in chunks]) == b"the bytes"
