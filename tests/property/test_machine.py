"""A user, a source that lives, an endpoint that fails, death, and a second runner, in any order.

A machine drives the real pipeline over HTTP against the strict server. Safety holds after every step:
what lies at the destination is whole and was once at the source (or was put there by somebody else),
and what is somebody else's is untouched. When all is quiet one run succeeds, both sides are equal,
nothing of ours is left, and a second run sends nothing.

`FERRYLINE_MACHINE=300` lets it work through so many examples, and longer ones.
"""

import contextlib
import dataclasses
import os
import random
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryline.config import environment, request
from ferryline.pipeline import door
from ferryline.pipeline import task as tasks
from ferryline.storage.wrap import retry
from ferryline.testing.strict import BucketSettings, Encryption, Fault, Lie, Phase, Put, StrictServer, fault
from ferryline.testing.strict.settings import ACCESS_KEY, REGION, SECRET_KEY
from tests.commanding import LISTINGS, url
from tests.laws.dying import Death, dying

PART = 5 * 1024 * 1024
SMALL = ("a", "b", "dir/c", "dir/é +%20")
PARTED = "parted"
"""Small, but with the ETag of an upload in parts: it takes the part lane."""
LARGE = "large"
KEYS = (*SMALL, PARTED, LARGE)
THEIRS = "theirs/object"
SURPRISE = b"overwritten while it was read"
ERROR = fault.Status("InternalError")

SOURCE_FAULTS = {
    "read-slow-down": ("GetObject", fault.Status("SlowDown"), Phase.BEFORE),
    "read-error": ("GetObject", ERROR, Phase.BEFORE),
    "read-refused": ("GetObject", fault.Status("AccessDenied"), Phase.BEFORE),
    "read-cut": ("GetObject", fault.Close(3), Phase.BODY),
    "read-reset": ("GetObject", fault.Reset(), Phase.BODY),
    "read-short": ("GetObject", fault.Short(2, announced=False), Phase.BEFORE),
    # No "read-flipped": see test_flipped_read, which says what is missing.
    "read-login-page": ("GetObject", fault.Page(), Phase.BEFORE),
    "source-overwritten": ("GetObject", fault.Overwrite(SURPRISE), Phase.BEFORE),
    "source-overwritten-after": ("GetObject", fault.Overwrite(SURPRISE), Phase.AFTER),
    "source-removed": ("GetObject", fault.Remove(), Phase.BEFORE),
    "look-error": ("HeadObject", ERROR, Phase.BEFORE),
    "list-error": ("ListObjectsV2", ERROR, Phase.BEFORE),
    "list-login-page": ("ListObjectsV2", fault.Page(), Phase.BEFORE),
    "list-loses-keys": ("ListObjectsV2", fault.List(fault.Listing.KEYS_LOST), Phase.BEFORE),
    "list-is-empty": ("ListObjectsV2", fault.List(fault.Listing.EMPTY), Phase.BEFORE),
}
DESTINATION_FAULTS = {
    "write-error": ("PutObject", ERROR, Phase.BEFORE),
    "write-answer-lost": ("PutObject", fault.Close(), Phase.AFTER),
    "write-answer-error": ("PutObject", ERROR, Phase.AFTER),
    "write-slow-down": ("PutObject", fault.Status("SlowDown"), Phase.BEFORE),
    "create-error": ("CreateMultipartUpload", ERROR, Phase.BEFORE),
    "part-error": ("UploadPart", ERROR, Phase.BEFORE),
    "part-answer-lost": ("UploadPart", fault.Close(), Phase.AFTER),
    "upload-vanishes": ("UploadPart", fault.UploadVanishes(), Phase.BEFORE),
    "complete-error": ("CompleteMultipartUpload", ERROR, Phase.BEFORE),
    "complete-answer-lost": ("CompleteMultipartUpload", fault.Close(), Phase.AFTER),
    "complete-late-error": (
        "CompleteMultipartUpload",
        fault.Status("InternalError", status=200),
        Phase.BEFORE,
    ),
    "abort-error": ("AbortMultipartUpload", ERROR, Phase.BEFORE),
    "delete-error": ("DeleteObject", ERROR, Phase.BEFORE),
    "delete-answer-lost": ("DeleteObject", fault.Close(), Phase.AFTER),
    "there-look-error": ("HeadObject", ERROR, Phase.BEFORE),
    "there-list-error": ("ListObjectsV2", ERROR, Phase.BEFORE),
    "there-list-loses-keys": ("ListObjectsV2", fault.List(fault.Listing.KEYS_LOST), Phase.BEFORE),
}
WORLDS = {
    "plain": ((), Encryption.SSE_S3),
    "kms": ((), Encryption.KMS),
    "ignores-conditions": (
        (Lie.IGNORES_READ_IF_MATCH, Lie.IGNORES_WRITE_PRECONDITIONS, Lie.IGNORES_COMPLETE_PRECONDITIONS,
         Lie.IGNORES_DELETE_PRECONDITIONS, Lie.IGNORES_CHECKSUMS), Encryption.SSE_S3,
    ),
    "no-part-numbers": ((Lie.IGNORES_PART_NUMBER, Lie.IGNORES_CHECKSUMS, Lie.COMPLETE_WITHOUT_ETAG), Encryption.SSE_S3),
}  # fmt: skip


class Machine(RuleBasedStateMachine):
    @initialize(world=st.sampled_from(sorted(WORLDS)))
    def begin(self, world):
        lies, encryption = WORLDS[world]
        self.folder = Path(tempfile.mkdtemp(prefix="ferryline-machine-"))
        self.server = StrictServer("source", BucketSettings("destination", encryption=encryption)).start()
        self.server.lie(*lies)
        self.here, self.there = self.server.bucket("source"), self.server.bucket("destination")
        self.armed: list[Fault] = []
        self.count = 0
        self.folders = 0
        self.once: dict[bytes, set[bytes]] = {key.encode(): {SURPRISE} for key in (*KEYS, "anchor")}
        self.write("anchor")
        self.there.put(THEIRS, b"theirs")
        self.uploads = {self.there.open_upload(LARGE, b"x" * 10, initiated=1.0)}

    def teardown(self):
        if hasattr(self, "server"):
            try:
                self.quiet()
            finally:
                self.server.stop()
                shutil.rmtree(self.folder, ignore_errors=True)

    # -- the source, and somebody else at the destination ------------------------------------------

    def body(self, key):
        self.count += 1
        stamp = b"%08d" % self.count
        return stamp * (PART // 8 + 3) if key == LARGE else stamp * 300

    def write(self, key, body=None):
        body = self.body(key) if body is None else body
        how = {LARGE: Put(part_bytes=PART), PARTED: Put(part_bytes=700)}.get(key, Put())
        self.once[key.encode()].add(body)
        self.here.put(key, body, how)

    @rule(key=st.sampled_from(KEYS))
    def put(self, key):
        """New, or over what is there with other bytes of the same size."""
        self.write(key)

    @rule(key=st.sampled_from(SMALL))
    def put_another_size(self, key):
        self.write(key, self.body(key)[: 8 * random.Random(self.count).randrange(300)])

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key):
        self.here.delete(key)

    @rule(key=st.sampled_from(SMALL))
    def somebody_writes_at_the_destination(self, key):
        body = self.body(key)
        self.once[key.encode()].add(body)
        self.there.put(key, body)

    @rule(key=st.sampled_from((LARGE, PARTED, "a")))
    def somebody_opens_an_upload(self, key):
        self.uploads.add(self.there.open_upload(key, b"a part of theirs", initiated=2.0))

    # -- faults ------------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(sorted(SOURCE_FAULTS)), nth=st.integers(1, 4), times=st.sampled_from((1, 2, 20))
    )
    def arm_at_the_source(self, name, nth, times):
        operation, what, phase = SOURCE_FAULTS[name]
        times = 1 if isinstance(what, fault.Overwrite | fault.Remove) else times
        self.arm(
            Fault(
                operation, what, key=self.reach(operation), bucket="source", nth=nth, times=times, phase=phase
            )
        )

    @rule(
        name=st.sampled_from(sorted(DESTINATION_FAULTS)),
        nth=st.integers(1, 4),
        times=st.sampled_from((1, 2, 20)),
    )
    def arm_at_the_destination(self, name, nth, times):
        operation, what, phase = DESTINATION_FAULTS[name]
        self.arm(Fault(operation, what, bucket="destination", nth=nth, times=times, phase=phase))

    def arm(self, one):
        self.armed.append(self.server.arm(one))

    @staticmethod
    def reach(operation):
        return "*" if operation.startswith("List") else "[!a]*"

    @rule()
    def disarm(self):
        self.server.disarm()
        self.armed.clear()

    # -- runs --------------------------------------------------------------------------------------

    @rule(removes=st.booleans(), lost=st.booleans())
    def run(self, removes, lost):
        before = self.here.contents()
        facts = self.copied(removes, self.state(lost))
        assert facts.exit_code in {0, 1, 3, 4, 7}, facts.stopped
        self.keeps_its_word(facts, before)

    @rule(removes=st.booleans(), lost=st.booleans(), at=st.integers(1, 45))
    def run_and_die(self, removes, lost, at):
        with contextlib.suppress(Death, BaseExceptionGroup), dying_at(at):
            self.copied(removes, self.state(lost))

    @rule(removes=st.booleans())
    def two_runs_at_once(self, removes):
        """From two hosts: no lock that both could see keeps them apart."""
        broken = []

        def other(state):
            try:
                self.copied(removes, state)
            except BaseException as problem:
                broken.append(problem)

        runners = [
            threading.Thread(target=other, args=(state,)) for state in (self.state(False), self.state(True))
        ]
        for one in runners:
            one.start()
        for one in runners:
            one.join()
        assert not broken

    def state(self, lost):
        self.folders += lost
        return self.folder / (f"lost-{self.folders}" if lost else "kept")

    def copied(self, removes, state):
        around = environment.Environment({}, self.folder)
        flags = {
            "exclude": ("/theirs*",),
            "preserve_deleted_files": "REMOVE" if removes else "PRESERVE",
            "max_delete_percent": 100.0,
            "log_level": "OFF",
        }
        words = request.words(url(self.server, "source"), (url(self.server, "destination"),), flags)
        surroundings = request.surroundings(
            str(state),
            around,
            request.Listeners(lambda _: None),
            tasks.Pressure(retry_attempts=3, throttle_patience_seconds=5),
        )
        surroundings = dataclasses.replace(surroundings, chance=random.Random(self.count))
        return door.copy(request.task(words, around), surroundings)

    def keeps_its_word(self, facts, before):
        """Law 1: SUCCESS means that what was listed is there, if the source stood still and told the truth."""
        listings_lied = any(isinstance(one.what, fault.List) and one.fired for one in self.armed)
        if facts.exit_code or listings_lied or self.here.contents() != before:
            return
        there = self.there.contents()
        assert {key: there.get(key) for key in before} == before

    # -- what always holds -------------------------------------------------------------------------

    @precondition(lambda self: hasattr(self, "server"))
    @invariant()
    def nothing_is_mixed_and_nothing_of_others_is_touched(self):
        there = self.there.contents()
        assert there.pop(THEIRS.encode()) == b"theirs"
        for key, body in there.items():
            if not key.startswith(b".ferryline/"):
                assert body in self.once[key], f"{key!r} holds {body[:40]!r}, which never was at the source"
        assert self.uploads <= {one.upload_id for one in self.there.uploads()}

    def quiet(self):
        """No faults any more: the next run succeeds, both sides are equal, and then nothing is to do."""
        self.server.disarm()
        facts = self.copied(True, self.state(False))
        assert facts.exit_code == 0, (facts.stopped, facts.destinations[0].failures)
        there = self.there.contents()
        assert there.pop(THEIRS.encode()) == b"theirs"
        assert there == self.here.contents()
        assert {one.upload_id for one in self.there.uploads()} == self.uploads
        self.server.forget()
        assert self.copied(True, self.state(False)).exit_code == 0
        assert [one.operation for one in self.server.seen if one.operation not in LISTINGS] == []


@contextlib.contextmanager
def dying_at(nth):
    """Death at the nth point of any name."""
    with dying("", nth) as passed:
        from ferryline import crash

        hook = crash.hook

        def counting(point):
            if len(passed) + 1 >= nth:
                passed.append(point)
                raise Death(point)
            hook(point)

        crash.hook = counting
        yield


EXAMPLES = int(os.environ.get("FERRYLINE_MACHINE", "0"))
LONG = EXAMPLES > 0
Machine.TestCase.settings = settings(
    max_examples=EXAMPLES or 12,
    stateful_step_count=30 if LONG else 12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not LONG,
    phases=tuple(Phases) if LONG else (Phases.explicit, Phases.generate),
    print_blob=True,
)


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 170)
class TestMachine(Machine.TestCase):
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        for name, value in {
            "ACCESS_KEY_ID": ACCESS_KEY,
            "SECRET_ACCESS_KEY": SECRET_KEY,
            "REGION": REGION,
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setattr(retry.Retry, "delay", lambda _self, _times, _asked: 0.0)
