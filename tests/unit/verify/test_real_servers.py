"""Re-listing from the place before a key, and proof over HTTP: against a strict server and one that is not ours."""

import dataclasses
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import pytest

from ferryline.clock import SystemClock
from ferryline.model import place
from ferryline.model.finding import Match, Trouble
from ferryline.storage.capabilities import Support
from ferryline.storage.s3.opening import open_store
from ferryline.storage.s3.settings import S3Settings
from ferryline.storage.wrap import limit, stack
from ferryline.testing import hostile
from ferryline.testing.strict import Fault, StrictServer, fault
from ferryline.verify import reading
from ferryline.verify.prove import prove
from tests.unit.verify.stores import all_of, arrival, checking, source_entry, stream

KEYS = sorted({one.key for one in hostile.KEYS})


async def opened(endpoint, access_key, secret_key, prefix=b""):
    access = place.S3Access(
        region="us-east-1", endpoint_url=endpoint, access_key_id=access_key, secret_access_key=secret_key
    )
    trace = []
    store = await open_store(
        place.S3Location("bucket", prefix, access),
        resolve=lambda text: text,
        trace=trace.append,
        clock=SystemClock(),
        settings=S3Settings(page_keys=10),
    )
    store.learn(dataclasses.replace(store.capabilities, etag_is_md5=Support.HONOURED))
    harness = stack.Harness(
        SystemClock(), random.Random(1), lambda fact: None, limit.Windows(16, lambda fact: None)
    )
    return stack.dress(store, endpoint, harness), trace


def bodies():
    return {key: b"body of %d" % number for number, key in enumerate(KEYS)}


@pytest.fixture
def strict():
    with StrictServer("bucket") as server:
        for key, body in bodies().items():
            server.bucket("bucket").put(key.decode(), body)
        yield server


def operations(trace):
    return [one.operation for one in trace]


async def test_every_hostile_key_is_found_by_relisting_a_strict_server(strict):
    store, trace = await opened(strict.endpoint_url, strict.access_key, strict.secret_key)
    arrivals = [arrival(source_entry(key, body), body) for key, body in bodies().items()]

    found = await all_of(prove(stream(arrivals), store, store, checking()))
    await store.close()

    assert {key: type(one) for key, one in found.items()} == dict.fromkeys(KEYS, Match)
    assert "GetObject" not in operations(trace)
    assert len(trace) <= len(KEYS) / 10 + 3


@pytest.mark.parametrize("every", [3, 7])
async def test_hostile_keys_far_apart_cost_at_most_one_request_each(strict, every):
    store, trace = await opened(strict.endpoint_url, strict.access_key, strict.secret_key)
    arrivals = [arrival(source_entry(key, bodies()[key]), bodies()[key]) for key in KEYS[::every]]

    found = await all_of(prove(stream(arrivals), store, store, checking()))
    await store.close()

    assert [one for one in found.values() if not isinstance(one, Match)] == []
    assert len(trace) <= len(arrivals)


async def test_a_bit_that_flips_on_the_way_back_is_found(strict):
    armed = strict.arm(Fault("GetObject", fault.Flip(3)))
    store, _ = await opened(strict.endpoint_url, strict.access_key, strict.secret_key)
    store.bare.learn(dataclasses.replace(store.capabilities, etag_is_md5=Support.UNKNOWN))
    body = bodies()[KEYS[5]]

    found = await all_of(
        prove(stream([arrival(source_entry(KEYS[5], body), body, proof=None)]), store, store, checking())
    )
    await store.close()

    assert armed.fired
    assert found[KEYS[5]].trouble is Trouble.DIFFERS


@pytest.fixture
def moto():
    program = shutil.which("moto_server") or str(
        __import__("pathlib").Path(__import__("sys").executable).parent / "moto_server"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url + "/moto-api/", timeout=1).read()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


async def test_plain_keys_are_found_by_relisting_moto(moto):
    client = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="bucket")
    given = {b"shard-%03d/\xc3\xa9" % number: b"%d" % number for number in range(60)}
    for key, body in given.items():
        client.put_object(Bucket="bucket", Key="folder/" + key.decode(), Body=body)
    client.close()
    store, trace = await opened(moto, "a", "b", b"folder/")

    found = await all_of(
        prove(
            stream([arrival(source_entry(key, body), body) for key, body in given.items()]),
            store,
            store,
            checking(),
        )
    )
    await store.close()

    assert [one for one in found.values() if not isinstance(one, Match)] == []
    assert set(operations(trace)) == {"ListObjectsV2"}
    assert len(trace) <= 8


async def test_dropping_the_page_cache_reaches_a_file_store_through_the_wrappers(tmp_path):
    from ferryline.storage.file.store import FileStore, Setting

    bare = FileStore(str(tmp_path), Setting())
    harness = stack.Harness(
        SystemClock(), random.Random(1), lambda fact: None, limit.Windows(16, lambda fact: None)
    )
    store = stack.dress(bare, "file", harness)

    assert reading.forget_cached_of(store) == bare.forget_cached
    await store.close()
