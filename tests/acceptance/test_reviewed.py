"""What a reviewer broke once: modes that contradicted each other, words that were misread, streams that failed."""

import json
import os
import signal
import subprocess
import sys

import pytest

import ferryline
from ferryline import errors
from ferryline.pipeline import loop
from ferryline.testing.strict import Fault, Lie, Settings, StrictServer
from ferryline.testing.strict.fault import Stall, Status
from tests.acceptance.test_interrupted import until
from tests.commanding import url
from tests.conftest import free_port

PIT = ("--verify-mode", "POINT_IN_TIME_CONSISTENT")


def folder(user, name, **files):
    root = user.folder / name
    root.mkdir()
    for leaf, body in files.items():
        (root / leaf).write_bytes(body)
    return root


def test_what_never_keeps_is_no_failure_of_point_in_time_and_what_was_copied_is_still_audited(user):
    source = folder(user, "source", kept=b"1", copied=b"22")
    destination = folder(user, "destination", kept=b"X")

    said = user.run("copy", str(source), str(destination), *PIT, "--overwrite-mode", "NEVER", "--json")

    told = said.document
    assert (said.code, told["consistency"]) == (0, "point-in-time"), said.err
    counts = [told[f"files_{one}"] for one in ("listed", "transferred", "same", "kept", "failed")]
    assert counts == [2, 1, 0, 1, 0]
    assert (destination / "kept").read_bytes() == b"X"
    seen = (destination / "copied").stat()
    (destination / "copied").write_bytes(b"33")
    os.utime(destination / "copied", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    again = user.run("copy", str(source), str(destination), *PIT, "--json")
    assert again.document["files_transferred"] == 2


def test_transfer_mode_all_sends_everything_once_and_then_reaches_a_point_in_time(strict, user):
    strict.bucket("source").put_many({"a": b"1", "b": b"2"})
    strict.bucket("destination").put_many({"a": b"1", "b": b"2"})

    said = user.run(
        "copy", url(strict, "source"), url(strict, "destination"), *PIT, "--transfer-mode", "ALL", "--json"
    )

    told = said.document
    assert (said.code, told["consistency"], told["files_transferred"]) == (0, "point-in-time", 2), said.err
    assert len([one for one in strict.requests("PutObject") if not one.key.startswith(b".ferryline/")]) == 2


@pytest.mark.parametrize("where", ["", "deeper/"])
def test_a_single_object_goes_into_a_folder_whose_url_has_options(strict, user, where):
    strict.bucket("source").put("a", b"1")

    said = user.run("copy", "--object", url(strict, "source", "a"), url(strict, "destination", where))

    assert said.code == 0, said.err
    assert strict.bucket("destination").keys() == [f"{where}a".encode()]


@pytest.mark.parametrize("written", ["./there", "{folder}/there", "file://{folder}/there"])
def test_a_single_object_goes_into_a_folder_that_is_there_as_with_cp(strict, user, written):
    strict.bucket("source").put("a", b"1")
    (user.folder / "there").mkdir()

    said = user.run("copy", "--object", url(strict, "source", "a"), written.format(folder=user.folder))

    assert said.code == 0, said.err
    assert (user.folder / "there" / "a").read_bytes() == b"1"


def test_a_location_alone_is_a_folder_for_a_single_object_and_no_object(strict, user):
    (user.folder / "ferryline.yaml").write_text(
        'version: 1\nlocations: {here: {url: "file:///' + str(user.folder)[1:] + '/there"}}\n', "utf-8"
    )
    source = folder(user, "source", a=b"1")

    into = user.run("copy", "--object", str(source / "a"), "here")
    out_of = user.run("copy", "--object", "here", "./elsewhere/")

    assert (into.code, out_of.code) == (0, 2), into.err
    assert (user.folder / "there" / "a").read_bytes() == b"1"
    assert "names a folder" in out_of.err


def test_nothing_is_copied_out_of_or_into_a_reserved_folder_by_naming_it(strict, user):
    strict.bucket("source").put_many({"a": b"1", ".ferryline/x": b"2"})
    source, destination = url(strict, "source", "a"), url(strict, "destination", ".ferryline/a")
    words = [
        ("--object", source, destination),
        ("--object", url(strict, "source", ".ferryline/x"), url(strict, "destination")),
        (url(strict, "source"), url(strict, "destination", "b/.ferryline/uploads")),
        (url(strict, "source", ".ferryline"), url(strict, "destination")),
    ]

    said = [user.run("copy", *some) for some in words]

    assert [one.code for one in said] == [2, 2, 2, 2]
    assert all(".ferryline folder" in one.err for one in said)
    assert strict.seen == []


def test_patterns_beside_a_single_object_are_refused_rather_than_ignored(strict, user):
    said = user.run(
        "copy", "--object", url(strict, "source", "a"), url(strict, "destination"), "--exclude", "a"
    )

    assert said.code == 2
    assert "--object" in said.err


def test_a_symbolic_link_into_the_source_is_seen_as_an_overlap(user):
    source = folder(user, "source", a=b"1")
    (user.folder / "link").symlink_to(source)

    said = user.run("copy", "./source", "./link/inside")

    assert (said.code, list(source.iterdir())) == (2, [source / "a"])
    assert "overlap" in said.err


@pytest.mark.parametrize("command", ["copy", "plan", "verify"])
def test_the_password_of_a_state_url_is_not_repeated(user, command):
    folder(user, "source")

    nobody = f"postgresql://me:hidden-word@127.0.0.1:{free_port()}/db"
    said = user.run(command, "./source", "./there", state=nobody)

    assert said.code == 4
    assert "hidden-word" not in said.out + said.err


@pytest.mark.parametrize("command", ["copy", "plan", "verify"])
def test_a_state_folder_with_an_impossible_name_is_told_in_words(user, command):
    folder(user, "source")

    said = user.run(command, "./source", "./there", state=user.folder / ("x" * 300))

    assert said.code == 4
    assert "state folder" in said.err


def test_an_events_file_that_fills_its_disk_is_one_note_and_no_failed_run(user):
    folder(user, "source", a=b"1")

    said = user.run("copy", "./source", "./there", "--events", "/dev/full", "--json")

    assert (said.code, said.document["files_transferred"]) == (0, 1)
    assert "--events /dev/full could not be written" in said.err
    assert "Traceback" not in said.err


def test_a_share_that_is_no_number_is_wrong_usage(user):
    folder(user, "source", a=b"1")

    said = user.run("verify", "./source", "./source2", "--deep", "nan")

    assert said.code == 2
    assert "percent" in said.err
    with pytest.raises(errors.BadUsage):
        ferryline.verify("./source", "./source2", deep=200, state=str(user.state))


def test_the_functions_of_the_package_stay_functions_after_rooms_of_their_names_were_imported(user):
    folder(user, "source", a=b"1")
    program = (
        "import ferryline, ferryline.plan.guard, ferryline.verify.sample\n"
        "for work in (ferryline.plan, ferryline.copy, ferryline.verify, ferryline.plan):\n"
        "    document = work('./source', './there', state='./state')\n"
        "    print(document['schema'])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=user.folder,
    )

    schemas = ["ferryline.plan/1", "ferryline.run/1", "ferryline.verify/1", "ferryline.plan/1"]
    assert done.stdout.split() == schemas, done.stderr


def test_a_guard_that_stops_a_local_run_leaves_no_trace_of_generators(user):
    folder(user, "source", **{f"f{one}": b"1" for one in range(3)})

    process = user.start("copy", "./source", "./there", "--max-transfer", "0", "--json")
    out, err = process.communicate(timeout=30)

    assert (process.returncode, json.loads(out)["stopped"]["kind"]) == (3, "max-transfer")
    assert "Traceback" not in err
    assert "asynchronous generator" not in err


def test_a_local_path_that_is_no_utf8_is_copied_reported_and_verified(user):
    name = os.fsdecode(b"odd-\xff")
    folder(user, name, a=b"1")
    words = (f"./{name}", "./there", "--json", "--report", f"./report-{name}", "--log-level", "TRANSFER")

    copied = user.run("copy", *words, "--events", "./events")
    verified = user.run("verify", *words)

    assert (copied.code, verified.code) == (0, 0), copied.err + verified.err
    assert copied.document["source"].endswith("odd-\\xff/")
    copied.out.encode("utf-8")
    summary = next((user.folder / f"report-{name}").glob("*/summary.json"))
    assert json.loads(summary.read_text("utf-8"))["report"].endswith(summary.parent.name)


def test_what_is_not_carried_counts_as_excluded_in_verify_as_in_copy(user):
    source = folder(user, "source", a=b"1")
    (source / "link").symlink_to("a")
    user.run("copy", "./source", "./there")

    said = user.run("verify", "./source", "./there", "--json")

    told = said.document
    assert (said.code, told["files_listed"], told["files_excluded"], told["files_equal"]) == (0, 2, 1, 1)
    assert "symbolic-link" in told["warnings"][0]["message"]


def test_verify_tells_its_events_from_start_to_end(user):
    folder(user, "source", a=b"1")

    user.run("verify", "./source", "./there", "--events", "./events")

    names = [json.loads(line)["event"] for line in (user.folder / "events").read_text("utf-8").splitlines()]
    assert (names[0], names[-1]) == ("run-started", "run-ended")


def test_two_ends_that_both_list_out_of_order_are_both_sorted(user):
    unordered = Settings(lies=frozenset({Lie.LISTS_UNORDERED}))
    with (
        StrictServer("source", settings=unordered) as here,
        StrictServer("destination", settings=unordered) as there,
    ):
        here.bucket("source").put_many({f"a{one}": b"%d" % one for one in range(20)})
        there.bucket("destination").put_many({f"a{one}": b"x%d" % one for one in range(10)})
        words = (url(here, "source"), url(there, "destination"))

        said = [user.run(command, *words) for command in ("plan", "verify", "copy", "verify")]

        assert [one.code for one in said] == [0, 1, 0, 0], [one.err for one in said]
        assert there.bucket("destination").contents() == here.bucket("source").contents()


def test_what_a_probe_left_that_was_killed_is_removed_by_the_next_one(strict, user):
    strict.bucket("source").put("a", b"1")
    strict.bucket("destination").put("b/.ferryline/probe/mine", b"a reserved key of somebody's own folder")
    stall = strict.arm(Fault("AbortMultipartUpload", Stall()))
    process = user.start("copy", url(strict, "source"), url(strict, "destination"))
    until(lambda: stall.fired, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    strict.disarm()
    destination = strict.bucket("destination")
    assert [key for key in destination.keys() if key.startswith(b".ferryline/probe/")]

    said = user.run("copy", url(strict, "source"), url(strict, "destination"))

    assert said.code == 0, said.err
    assert destination.keys() == [b"a", b"b/.ferryline/probe/mine"]
    assert destination.uploads() == []


def test_what_a_stopped_verification_found_bad_stays_distrusted(strict, user, hasty):
    strict.bucket("source").put_many({f"k{one}": b"%d" % one for one in range(4)})
    words = (url(strict, "source"), url(strict, "destination"))
    assert user.run("copy", *words).code == 0
    strict.bucket("destination").corrupt("k0")
    fault = strict.arm(Fault("GetObject", Status("SignatureDoesNotMatch"), key="k3", times=None))
    one_by_one = ferryline.Pressure(objects=1)

    told = ferryline.verify(*words, deep=100, state=str(user.state), pressure=one_by_one)

    assert fault.fired
    assert (told["exit_code"], [one["key"] for one in told["findings"]]) == (5, ["k0"])
    strict.disarm()
    strict.forget()
    assert user.run("copy", *words).code == 0
    assert [one.key for one in strict.requests("PutObject") if one.key.startswith(b"k")] == [b"k0"]
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()


def test_a_signal_outranks_what_breaks_while_the_run_is_being_stopped():
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await loop.asyncio.sleep(60)
        finally:
            raise errors.EndpointFailed("the endpoint went away meanwhile")

    with pytest.raises(errors.Interrupted) as caught:
        loop.run(work())

    assert caught.value.signal_number == signal.SIGTERM


@pytest.mark.parametrize("json_mode", [(), ("--json",)], ids=["words", "json"])
@pytest.mark.parametrize(("redirect", "code"), [(">/dev/full", 4), (">&-", 0), ("2>&-", 0)])
def test_a_standard_stream_that_is_full_or_closed_makes_no_traceback(user, json_mode, redirect, code):
    folder(user, "source", a=b"1")
    command = [sys.executable, "-m", "ferryline", "copy", "./source", "./there", "--state", str(user.state)]

    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirect}', "sh", *command, *json_mode],
        capture_output=True, text=True, timeout=60, check=False, cwd=user.folder,
    )  # fmt: skip

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (user.folder / "there" / "a").read_bytes() == b"1"


def test_a_working_directory_that_is_gone_is_told_in_words(user, monkeypatch):
    gone = user.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    folder(user, "source")

    said = user.run("copy", str(user.folder / "source"), str(user.folder / "there"))

    assert said.code == 2
    assert "working directory" in said.err
