"""The saboteurs: each is one mistake that somebody might make, and the test of the law it breaks.

`line` stands once in `file` (below `src/ferryline/`); `sabotage` takes its place; `test` must turn red.
A saboteur needs a test that is narrow and quick: it runs in a process of its own.
"""

from dataclasses import dataclass

LAWS = "tests/laws/test_laws.py::"


@dataclass(frozen=True)
class Saboteur:
    """One mutation of one line, and the law's own test."""

    name: str
    law: int
    file: str
    line: str
    sabotage: str
    test: str


SABOTEURS = (
    # 1: no loss
    Saboteur(
        "drop-a-page",
        1,
        "listing/survey.py",
        "                    deliveries.put_nowait(page)\n",
        "                    deliveries.put_nowait(page) if page.complete else room.release()\n",
        LAWS + "test_every_key_of_every_page_and_range_arrives",
    ),
    Saboteur(
        "forget-a-range",
        1,
        "listing/survey.py",
        "    waiting = deque(ranges)\n",
        "    waiting = deque(ranges[1:] or ranges)\n",
        LAWS + "test_every_key_of_every_page_and_range_arrives",
    ),
    Saboteur(
        "unknown-is-equal",
        1,
        "plan/decide.py",
        "def _unknown(pair: Both, rules: Rules) -> Action | Question:\n",
        "def _unknown(pair: Both, rules: Rules) -> Action | Question:\n"
        "    return Same(pair.source, pair.destination, Evidence.ETAG_MD5)\n",
        LAWS + "test_bytes_that_differ_under_an_equal_size_are_sent_where_nothing_tells",
    ),
    Saboteur(
        "compare-without-size",
        1,
        "plan/classify.py",
        '    candidates = pc.and_(_spread(both, rows), _equal(size, rows.column("destination_size")))\n',
        "    candidates = _spread(both, rows)\n",
        LAWS + "test_equal_etags_of_unequal_sizes_are_not_equal",
    ),
    Saboteur(
        "believe-a-checksum-report-of-another-state",
        1,
        "pipeline/reports.py",
        "            same = one.etag == seen.token.etag and one.version_id in (None, seen.token.version_id)\n",
        "            same = True\n",
        "tests/acceptance/test_adopt_reports.py::test_what_was_written_after_the_report_is_not_proven_by_it",
    ),
    Saboteur(
        "take-an-etag-under-a-customer-key-for-an-md5",
        1,
        "storage/s3/headers.py",
        '        return "SSE-C"\n',
        "        return None\n",
        "tests/acceptance/test_customer_keys.py::test_an_etag_under_a_key_is_no_digest_of_an_adopted_object",
    ),
    Saboteur(
        "trust-completes-etag",
        1,
        "transfer/parts.py",
        "        return await settle.look(passage.ends.destination, sent)\n",
        "        from ferryline.model.digest import Evidence\n"
        "        from ferryline.model.entry import Token\n\n"
        "        entry = Entry(sent.key, sent.size_bytes, Token(written.etag, 0))\n"
        "        return Found(entry, Evidence.ETAG_PARTS)\n",
        LAWS + "test_an_answer_to_complete_proves_nothing",
    ),
    Saboteur(
        "believe-that-if-match-was-honoured",
        1,
        "storage/s3/objects.py",
        "    if pin.token.etag is not None and etag != pin.token.etag:\n",
        "    if False:\n",
        LAWS + "test_a_source_that_is_replaced_between_two_ranges_is_never_mixed",
    ),
    # 2: accounting
    Saboteur(
        "count-wrong",
        2,
        "pipeline/tally.py",
        "        self.counts.vanished += 1\n",
        "        self.counts.transferred += 1\n",
        LAWS + "test_every_listed_object_is_counted_once_whatever_became_of_it",
    ),
    Saboteur(
        "believe-any-sum",
        2,
        "pipeline/run.py",
        "        if stopped is None and not counts.balanced:\n",
        "        if False:\n",
        LAWS + "test_a_sum_that_does_not_hold_fails_the_run",
    ),
    # 3: no destruction in doubt
    Saboteur(
        "skip-the-second-look",
        3,
        "transfer/deletes.py",
        "        if await self._source.head(candidate.key) is not None:\n",
        "        if False:\n",
        LAWS + "test_what_still_exists_is_never_deleted_however_a_listing_loses_it",
    ),
    Saboteur(
        "delete-without-the-cap",
        3,
        "pipeline/copying.py",
        "        self.delete_guard(ledger_rows, state).check(state.candidates.count, place)\n",
        "",
        LAWS + "test_more_deletes_than_the_cap_delete_nothing",
    ),
    Saboteur(
        "believe-an-empty-source",
        3,
        "pipeline/copying.py",
        "        guard.check_source(facts, ends.source.place)\n",
        "",
        LAWS + "test_an_empty_source_deletes_nothing",
    ),
    Saboteur(
        "filter-one-side-only",
        3,
        "plan/classify.py",
        "    return rows.filter(selected), excluded, reserved\n",
        '    return rows.filter(pc.or_(selected, pc.is_null(rows.column("source_size")))), excluded, reserved\n',
        LAWS + "test_an_excluded_key_is_invisible_and_stays",
    ),
    Saboteur(
        "write-without-a-precondition",
        3,
        "transfer/passage.py",
        "        return Condition(absent=True) if absent.honoured else ALWAYS\n",
        "        return ALWAYS\n",
        LAWS + "test_somebody_elses_write_between_listing_and_ours_is_kept",
    ),
    Saboteur(
        "ignore-412",
        3,
        "transfer/settle.py",
        "    if not possible or not await _reads_the_same(destination, stat.entry, sent):\n",
        "    if False:\n",
        LAWS + "test_somebody_elses_write_between_listing_and_ours_is_kept",
    ),
    # 4: idempotence
    Saboteur(
        "never-flush-the-ledger",
        4,
        "pipeline/remembering.py",
        "            self._update.put(ledger_rows(self._matches))\n            self._matches = []\n        self._flush_gone()\n",
        "            self._matches = []\n        self._flush_gone()\n",
        LAWS + "test_a_second_run_sends_nothing_where_only_the_ledger_tells",
    ),
    Saboteur(
        "never-commit-the-ledger",
        4,
        "state/update.py",
        "    def put(self, rows: pa.RecordBatch) -> None:\n",
        "    def put(self, rows: pa.RecordBatch) -> None:\n        return\n",
        LAWS + "test_a_second_run_sends_nothing_where_only_the_ledger_tells",
    ),
    # 5: resume
    Saboteur(
        "resume-nothing",
        5,
        "transfer/leftovers.py",
        "        return self._by_key.pop(key, [])\n",
        "        return []\n",
        LAWS + "test_parts_that_arrived_are_not_sent_again_after_death",
    ),
    Saboteur(
        "send-parts-that-are-there",
        5,
        "transfer/sending.py",
        "            there = self._opened.have.get(span.number)\n",
        "            there = None\n",
        LAWS + "test_parts_that_arrived_are_not_sent_again_after_death",
    ),
    # 6: no partial
    Saboteur(
        "skip-the-sweep",
        6,
        "pipeline/copying.py",
        "                    await self.leftovers.clear()\n",
        "                    pass\n",
        LAWS + "test_nothing_of_a_dead_run_is_left_when_its_object_is_not_wanted_any_more",
    ),
    Saboteur(
        "open-before-intending",
        6,
        "transfer/uploads.py",
        "        await _note(passage, wanted)\n",
        "        pass\n",
        LAWS + "test_nothing_of_a_dead_run_is_left_when_its_object_is_not_wanted_any_more",
    ),
    Saboteur(
        "end-somebody-elses-upload",
        6,
        "transfer/leftovers.py",
        "        return candidates[0] if len(candidates) == 1 else None\n",
        "        return candidates[0] if candidates else None\n",
        "tests/faults/test_transfer_crash.py::test_in_doubt_which_upload_was_ours_none_is_touched",
    ),
    Saboteur(
        "skip-fsync",
        6,
        "storage/file/temporary.py",
        "        os.fsync(self.descriptor)\n",
        "        pass\n",
        "tests/faults/test_file_order.py",
    ),
    Saboteur(
        "end-the-oldest-upload-first",
        6,
        "transfer/leftovers.py",
        "    return -one.modified_ns, -len(one.intent.before or ())\n",
        "    return one.modified_ns, len(one.intent.before or ())\n",
        "tests/unit/transfer/test_leftovers.py",
    ),
    # 7: bounded
    Saboteur(
        "ignore-the-budget",
        7,
        "transfer/budget.py",
        "        if size_bytes <= self.free_bytes and not self._waiting:\n",
        "        if not self._waiting:\n",
        "tests/property/test_transfer_budget.py",
    ),
    Saboteur(
        "name-every-failure",
        7,
        "pipeline/tally.py",
        "        if len(self.failures) < FAILURES_MAX:\n",
        "        if True:\n",
        LAWS + "test_a_document_names_a_thousand_failures_and_counts_the_rest",
    ),
    Saboteur(
        "hold-what-lies-between",
        7,
        "snapshot/rollback.py",
        "            taken.append(passed.filter(wanted))\n",
        "            taken.append(passed)\n",
        "tests/unit/pipeline/test_bounded.py",
    ),
    Saboteur(
        "never-go-to-disk",
        7,
        "pipeline/pile.py",
        "            if self._held_rows >= HELD_ROWS:\n",
        "            if False:\n",
        "tests/unit/pipeline/test_bounded.py",
    ),
    # 10: fencing
    Saboteur(
        "delete-without-asking-for-the-lock",
        10,
        "transfer/deletes.py",
        "        await self._may_write()\n",
        "",
        "tests/unit/transfer/test_deletes.py",
    ),
    Saboteur(
        "believe-the-last-renewal",
        10,
        "snapshot/lock.py",
        "                self.lost = self.lost or _taken(there)\n",
        "                pass\n",
        "tests/unit/snapshot/test_lock.py",
    ),
    Saboteur(
        "believe-in-a-lock-by-one-clock",
        10,
        "snapshot/lock.py",
        "        if not self.lost and (clock.monotonic() > monotonic or clock.now() > wall):\n",
        "        if not self.lost and clock.now() > wall:\n",
        "tests/unit/snapshot/test_lock.py",
    ),
    Saboteur(
        "leave-no-witness-of-an-overwrite",
        10,
        "snapshot/publish.py",
        "    return await announce(shelf, writer, lambda head: history.withdrawn(head, why), always=True)\n",
        "    return await announce(shelf, writer, lambda head: history.withdrawn(head, why))\n",
        "tests/unit/snapshot/test_publish.py",
    ),
    Saboteur(
        "believe-in-a-lease-for-ever",
        10,
        "state/lease.py",
        "        if not self._lost and (self._clock.monotonic() > monotonic or self._clock.now() > wall):\n",
        "        if False:\n",
        "tests/unit/state/test_lease.py::test_who_cannot_renew_stops_long_before_another_may_begin",
    ),
    Saboteur(
        "complete-without-asking-for-the-lock",
        10,
        "transfer/parts.py",
        "    await passage.manner.may_write()\n",
        "",
        "tests/faults/test_fence.py::test_an_upload_is_not_completed_once_a_person_removed_the_lock",
    ),
    Saboteur(
        "repeat-a-write-whatever-became-of-the-lock",
        10,
        "storage/wrap/fence.py",
        "            if _is_data(target):\n",
        "            if False:\n",
        "tests/unit/storage_wrap/test_fence.py",
    ),
    Saboteur(
        "hold-a-replica-without-saying-so",
        10,
        "pipeline/syncing/tenure.py",
        "        self._closing.enter_context(self.there.store.fence.asking(self.check))\n",
        "",
        "tests/faults/test_fence.py",
    ),
    Saboteur(
        "hold-a-destination-without-saying-so",
        10,
        "pipeline/copying.py",
        "                    with ends.destination.fence.asking(still_ours):\n",
        "                    with contextlib.nullcontext():\n",
        "tests/faults/test_fence.py",
    ),
    # 11: secrets
    Saboteur(
        "show-a-secret",
        11,
        "storage/s3/sign.py",
        '        return f"Keys(…{self.access_key_id[-4:]})"\n',
        '        return f"Keys({self.access_key_id}, {self.secret_access_key})"\n',
        LAWS + "test_keys_to_sign_with_do_not_show_themselves",
    ),
    # 12: byte-exact keys
    Saboteur(
        "normalise-a-key",
        12,
        "storage/s3/sign.py",
        '    return quote(key, safe="/~")\n',
        "    import unicodedata\n\n"
        '    return quote(unicodedata.normalize("NFC", key.decode()).encode(), safe="/~")\n',
        LAWS + "test_every_key_arrives_byte_for_byte",
    ),
    Saboteur(
        "read-a-plus-as-a-plus",
        12,
        "storage/s3/listing_xml.py",
        '    return unquote_to_bytes(text.replace(b"+", b" "))\n',
        "    return unquote_to_bytes(text)\n",
        LAWS + "test_every_key_arrives_byte_for_byte",
    ),
    Saboteur(
        "print-a-key-as-it-is",
        12,
        "model/key.py",
        '        elif character == " " or (character.isprintable() and not _is_override(code)):\n',
        "        elif True:\n",
        LAWS + "test_no_key_can_break_out_of_its_line",
    ),
    Saboteur(
        "leave-a-file-name-that-reads-as-an-escape",
        12,
        "storage/file/names.py",
        '            return b"%25" + component[1:]\n',
        "            return component\n",
        "tests/unit/storage_file/test_names.py",
    ),
)  # fmt: skip
