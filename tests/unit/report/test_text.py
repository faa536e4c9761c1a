"""Texts for people: what happened, where, why believed, what failed, what to do; whatever the keys hold."""

import copy
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryline import errors
from ferryline.report import document, layout, text
from tests.unit.report import samples
from tests.unit.report.test_documents import RUNS, VERIFICATIONS, dataset_document, plan_document

TEXTS = {
    **{f"run-{name}": text.summary(document.run_document(facts)) for name, facts in RUNS.items()},
    **{
        f"verify-{name}": text.verification(document.verify_document(facts))
        for name, facts in VERIFICATIONS.items()
    },
    "plan": text.plan(plan_document()),
    "plan-unpriced": text.plan(plan_document(None)),
    "plan-dataset": text.plan_dataset(dataset_document()),
    "plan-dataset-unpriced": text.plan_dataset(dataset_document(None)),
}


@pytest.mark.parametrize("told", TEXTS.values(), ids=TEXTS)
def test_a_text_fits_a_terminal_and_holds_no_terminal_code(told):
    for line in told.split("\n"):
        assert line.isprintable()
        assert not any(unicodedata.bidirectional(one) in {"RLO", "LRO"} for one in line)
        assert len(line) <= 100 or " " not in line.strip()
    assert len(told.split("\n")) <= 60


def test_a_good_run_says_so_at_once():
    assert TEXTS["run-good"] == (
        "SUCCESS: 12 objects (2.86 MiB) copied and proven in 1 min 15 s\n"
        "  from      s3://here/\n"
        "  to        s3://there/prefix/\n"
        "  listed    100 objects = 12 transferred + 88 same\n"
        "  proof     90 etag-md5, 9 read-back\n"
        "  as of     one moment: two listings agreed\n"
        "  moved     2.91 MiB read, 2.96 MiB written\n"
        "  requests  27: 13 PutObject, 12 GetObject, 2 ListObjectsV2\n"
        "  report    /var/reports/20260301T120000Z-3f9a1c07\n"
        "\n"
        "note: the clock is off\\x0aby a minute\n"
        "  → set it"
    )


def test_a_run_with_failures_names_them_with_advice_and_what_to_do_next():
    told = TEXTS["run-failed"]

    assert told.startswith("ERROR: 5 objects failed, 12 (2.86 MiB) copied in 1 min 15 s")
    assert "listed      110 objects = 12 transferred + 88 same + 2 kept + 3 excluded + 1 reserved" in told
    assert "vanished + 3 failed" in told
    assert "not listed  1 of 2 key ranges to the end; nothing was deleted there" in told
    assert "5 objects failed (3 digest-mismatch, 2 access-refused)" in told
    assert "→ grant s3:GetObject\\x0d\\x0ato the role" in told
    assert "all of them: /var/reports/20260301T120000Z-3f9a1c07/failed.jsonl" in told
    assert "next: see to what failed, then run the same command again" in told


def test_a_stopped_run_says_what_stopped_it_where_and_what_to_do():
    told = TEXTS["run-stopped"]

    assert told.startswith("ERROR: stopped after 1 min 15 s with 12 objects (2.86 MiB) copied")
    assert "stopped, endpoint: s3://there/prefix/: no answer from\\x0athe endpoint (a\\xffb)" in told
    assert "→ look at the network" in told
    assert "500 objects so far: 88 same, 12 transferred" in told


def test_a_run_without_changes_says_that_there_was_nothing_to_do():
    counts = samples.clean()
    counts.transferred, counts.same, counts.bytes_transferred = 0, 100, 0
    facts = samples.run(
        samples.destination(counts=counts, failures=(), failure_kinds={}), duration_seconds=0.5
    )

    assert text.summary(document.run_document(facts)).startswith(
        "SUCCESS: nothing to do in 0.5 s; all 100 objects are the same"
    )


@pytest.mark.parametrize(
    "stopped",
    [errors.GuardRefused("more deletes than allowed", advice="raise --max-delete"), errors.Interrupted(2)],
)
def test_every_way_to_stop_leads_on(stopped):
    told = text.summary(document.run_document(samples.run(stopped=stopped)))

    assert "run the same command again" in told.rsplit("next: ", 1)[1]


def test_a_plan_names_actions_reasons_and_first_keys():
    told = TEXTS["plan"]

    assert told.startswith("plan: copy 13 objects")
    assert "copy 12 objects, 36 B: the destination does not have it" in told
    assert "  plain/key.txt" in told
    assert "… and 9 more" in told
    assert "delete 1 object" in told
    assert "requests  about" in told
    assert "next: run copy with the same arguments" in told


def test_a_plan_says_what_it_costs_and_how_long_it_takes():
    told = TEXTS["plan"]

    assert "  money     about $0.00" in told
    assert ": requests $0.00" in told
    assert "  time      about 12.3 s (assumed: 10 bytes a second)" in told
    unpriced = " ".join(TEXTS["plan-unpriced"].split())
    assert (
        "money not known: the region of s3://there/ is not known: declare locations.NAME.region" in unpriced
    )


def test_the_plan_of_a_dataset_tells_each_replica_and_the_whole():
    told = TEXTS["plan-dataset"]

    assert told.startswith("plan of images: copy 26 objects")
    assert "residency  allowed: here/ (us-east-1)" in told
    assert "moved by  datasync" in told
    assert "\neu: copy 13 objects" in told
    assert "\nspare (not required): copy 13 objects" in told
    assert "would be refused at eu: too many\n  → raise it" in told
    assert "next: ferryline sync images" in told


def test_a_plan_shows_what_a_guard_would_refuse():
    refusal = {
        "kind": "guard",
        "message": "4,000 deletes are more than 1,000",
        "advice": "raise --max-delete",
    }
    told = text.plan({**plan_document(), "refusals": [refusal], "not_carried": {"socket": 2}})

    assert "would be refused: 4,000 deletes are more than 1,000\n  → raise --max-delete" in told
    assert "not carried  2 socket" in told


def test_an_empty_plan_has_nothing_to_do():
    found = {**plan_document(), "changes": 0, "files_refused": 0, "actions": []}

    assert text.plan(found).startswith("plan: nothing to do")


def test_a_verification_names_what_differs_and_repairs_nothing():
    told = TEXTS["verify-differing"]

    assert told.startswith(
        "ERROR: 2 differing, 1 missing at the destination, 3 only at the destination, 1 could not"
    )
    assert "read         13 objects on both sides (12.5 % by seed 7)" in told
    assert "8 keys not proven equal" in told
    assert "next: run copy, then verify again; nothing was repaired" in told


def test_an_equal_verification_says_by_what():
    told = TEXTS["verify-equal"]

    assert told.startswith("SUCCESS: 102 objects equal in 5.0 s")
    assert "equal by     102 ledger" in told


hostile = st.text(max_size=40) | st.sampled_from(
    [key.decode("utf-8", "surrogateescape") for key in samples.HOSTILE]
)


@given(hostile)
def test_no_text_of_a_document_can_break_a_line(text_given):
    """Even a document that was tampered with cannot reach the terminal."""

    def poison(found):
        if isinstance(found, dict):
            return {key: poison(value) if key not in FIXED else value for key, value in found.items()}
        if isinstance(found, list):
            return [poison(one) for one in found]
        return text_given if isinstance(found, str) else found

    for tell, name in ((text.summary, "run"), (text.verification, "verify"), (text.plan, "plan")):
        for line in tell(poison(copy.deepcopy(DOCUMENTS[name]))).split("\n"):
            assert line.isprintable()


FIXED = {"status", "consistency"}
DOCUMENTS = {
    "run": document.run_document(samples.stopped()),
    "verify": document.verify_document(samples.verification()),
    "plan": plan_document(),
}


def test_a_long_key_keeps_its_start_and_its_end():
    assert layout.key("a/" + "x" * 100 + "/end.bin", 30) == "a/xxxxxxxxxxxx…xxxxxxx/end.bin"
    assert layout.key("") == "(the folder itself)"
