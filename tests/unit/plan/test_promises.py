"""What lifecycle rules mean for a dataset, one rule at a time."""

import pytest

from ferryline.model.remark import Level
from ferryline.plan import promises
from ferryline.plan.promises import Ground
from ferryline.policy.options import PreserveDeletedFiles
from ferryline.policy.values import KeepSnapshots
from ferryline.storage.lifecycle import Move, Rule, When

GROUND = Ground(b"data/", versions=True, keep=KeepSnapshots(5, 30.0))
OFF = Ground(b"data/", versions=False, keep=KeepSnapshots(5, 30.0))
ABORTS = Rule("abort", abort_days=7)
DAYS = When(7)


def levels(rule, ground=GROUND):
    return [one.level.value for one in promises.of_replica([ABORTS, rule], ground)]


@pytest.mark.parametrize(
    ("rule", "ground", "said"),
    [
        (Rule("all", expires=DAYS), GROUND, ["warning"]),
        (Rule("date", expires=When(date="2027-01-01T00:00:00Z")), GROUND, ["warning"]),
        (Rule("above", b"da", expires=DAYS), GROUND, ["warning"]),
        (Rule("beside", b"database/", expires=DAYS), GROUND, ["ok"]),
        (Rule("below", b"data/tmp/", expires=DAYS), GROUND, ["warning"]),
        (Rule("shelf", b"data/.ferryline/", expires=DAYS), GROUND, ["warning"]),
        (Rule("short", noncurrent_expires=When(29)), GROUND, ["warning"]),
        (Rule("long enough", noncurrent_expires=When(30)), GROUND, ["ok", "note"]),
        (Rule("short", noncurrent_expires=When(1)), OFF, ["ok"]),
        (Rule("not known", noncurrent_expires=When(1)), Ground(b"data/", None), ["warning"]),
        (Rule("cold", moves=(Move("DEEP_ARCHIVE", DAYS),)), GROUND, ["warning"]),
        (Rule("cool", moves=(Move("GLACIER_IR", DAYS), Move("STANDARD_IA", DAYS))), GROUND, ["ok"]),
        (Rule("old cold", moves=(Move("GLACIER", DAYS, noncurrent=True),)), GROUND, ["warning"]),
        (Rule("old cold", moves=(Move("GLACIER", DAYS, noncurrent=True),)), OFF, ["ok"]),
    ],
)
def test_what_a_rule_does_to_a_replica(rule, ground, said):
    assert levels(rule, ground) == said


@pytest.mark.parametrize(
    "rule", [Rule("below", b"data/x", abort_days=7), Rule("tags", narrowed=True, abort_days=7), Rule("none")]
)
def test_only_a_rule_for_the_whole_folder_ends_its_unfinished_uploads(rule):
    assert any("AbortIncomplete" in one.advice for one in promises.of_replica([rule], GROUND))


def test_a_rule_says_how_many_versions_it_spares_and_that_tags_choose():
    rule = Rule("spares", narrowed=True, noncurrent_expires=When(1), noncurrent_kept=3)

    said = promises.of_replica([ABORTS, rule], GROUND)[0].message

    assert ["newest 3" in said, "tags or sizes" in said, "after 1 day:" not in said] == [True, True, True]


def test_the_folder_of_snapshot_files_cares_for_its_own_files_only():
    rules = [Rule("old", noncurrent_expires=When(1)), Rule("other", b"x/", expires=DAYS)]
    assert [one.level for one in promises.of_metadata(rules, Ground(b"meta/"))] == [Level.OK]

    gone = promises.of_metadata([Rule("gone", b"meta/.ferryline/", expires=DAYS)], Ground(b"meta/"))
    assert [one.level for one in gone] == [Level.WARNING]


@pytest.mark.parametrize(
    ("deleted", "words"),
    [(PreserveDeletedFiles.REMOVE, "deletes them"), (PreserveDeletedFiles.PRESERVE, "keep them")],
)
def test_what_expires_at_a_source_is_a_note(deleted, words):
    (said,) = promises.of_source([Rule("gone", expires=DAYS)], GROUND, deleted)

    assert (said.level, words in said.message) == (Level.NOTE, True)


def test_versioning_that_is_not_known_promises_nothing():
    assert promises.of_versioning(Ground(b"")) is None
