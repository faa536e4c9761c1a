"""Signals and a second process: an orderly end, an exit code that tells, and a run that carries on."""

import json
import signal
import time

import pytest

from ferryline.testing.strict import Fault, Put
from ferryline.testing.strict.fault import Stall
from tests.commanding import other_than_listings, url

MIB = 1024 * 1024
LARGE = bytes(range(256)) * (24 * MIB // 256)


def until(happened, process, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def ours(bucket) -> list[bytes]:
    return [key for key in bucket.keys() if b".ferryline" in key]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_the_same_command_carries_on(strict, user, number, code):
    strict.bucket("source").put_many({f"a/{one}": b"%d" % one for one in range(20)})
    strict.bucket("source").put("large", LARGE, Put(part_bytes=6 * MIB))
    words = ("copy", url(strict, "source"), url(strict, "destination"), "--json")
    stall = strict.arm(Fault("UploadPart", Stall(), key="large", nth=4))
    process = user.start(*words)
    until(lambda: stall.fired and strict.bucket("destination").uploads(), process)
    until(lambda: sum(one.status == 200 for one in strict.requests("UploadPart", "large")) == 3, process)

    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert process.returncode == code, err
    told = json.loads(out)
    assert (told["status"], told["exit_code"]) == ("ERROR", code)
    assert "Traceback" not in err
    assert strict.bucket("destination").get("large") is None
    had = {one.part_number for one in strict.requests("UploadPart", "large") if one.status == 200}
    strict.disarm()
    strict.forget()

    again = user.run(*words)

    destination = strict.bucket("destination")
    assert again.code == 0, again.err
    assert destination.contents() == strict.bucket("source").contents()
    assert (ours(destination), destination.uploads()) == ([], [])
    sent = [one.part_number for one in strict.requests("UploadPart", "large")]
    assert (len(had), {*had, *sent}, len(sent)) == (3, {1, 2, 3, 4}, 1), "what was there is not sent again"
    assert not [one for one in strict.requests("PutObject") if one.key.startswith(b"a/")]
    strict.forget()
    assert user.run(*words).code == 0
    assert other_than_listings(strict) == []


@pytest.mark.parametrize("phase", ["ListObjectsV2", "GetObject", "HeadObject"])
def test_a_signal_in_any_phase_ends_in_good_order(strict, user, phase):
    strict.bucket("source").put_many({f"a/{one}": b"%d" % one for one in range(5)})
    strict.bucket("destination").put("gone", b"x")
    stall = strict.arm(Fault(phase, Stall(), bucket="source", nth=1))
    process = user.start(
        "copy", url(strict, "source"), url(strict, "destination"), "--json",
        "--preserve-deleted-files", "REMOVE", "--max-delete-percent", "100",
    )  # fmt: skip
    until(lambda: stall.fired, process)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 143, err
    assert json.loads(out)["exit_code"] == 143
    assert strict.bucket("destination").get("gone") == b"x"


def test_a_second_process_is_refused_with_6_while_the_first_works(strict, user):
    strict.bucket("source").put("a", b"a")
    words = ("copy", url(strict, "source"), url(strict, "destination"))
    stall = strict.arm(Fault("GetObject", Stall(), key="a"))
    first = user.start(*words)
    until(lambda: stall.fired, first)
    strict.forget()

    second = user.start(*words, "--json")
    out, err = second.communicate(timeout=30)

    assert second.returncode == 6, err
    assert json.loads(out)["exit_code"] == 6
    assert str(first.pid) in out + err
    assert strict.seen == []
    first.kill()
    first.communicate()
    strict.disarm()
    third = user.run(*words)
    assert third.code == 0, "a lock goes with its process"
    assert strict.bucket("destination").get("a") == b"a"
