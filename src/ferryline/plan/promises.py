"""What a bucket's versioning and lifecycle rules mean for what a dataset was promised there. Pure.

`pipeline.online` calls it with what buckets told; the sentences come out as remarks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ferryline.model.key import RESERVED, printable
from ferryline.model.remark import Level, Remark
from ferryline.policy.options import PreserveDeletedFiles
from ferryline.policy.values import KeepSnapshots
from ferryline.storage.lifecycle import ARCHIVES, Rule

LIFECYCLE = "lifecycle"
VERSIONING = "versioning"

_ABORT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Ground:
    """A dataset's folder in a bucket, as the rules see it: `prefix` is that of whole keys.

    `versions` says whether the bucket keeps what is written over; None where that is not known.
    """

    prefix: bytes
    versions: bool | None = None
    keep: KeepSnapshots = KeepSnapshots()

    @property
    def shelf(self) -> bytes:
        """Where Ferryline's own files lie."""
        return self.prefix + RESERVED + b"/"


def of_versioning(ground: Ground) -> Remark | None:
    """What versioning, on or off, means for older snapshots; None where it is not known."""
    if ground.versions is None:
        return None
    if ground.versions:
        return Remark(
            Level.OK,
            VERSIONING,
            "versioning is on: older snapshots stay readable while their versions are kept",
        )
    days = ground.keep.days
    return Remark(
        Level.WARNING,
        VERSIONING,
        "versioning is off: only the newest snapshot is readable, and none is from the first object that a "
        "run writes over until that run publishes",
        "switch versioning on" + (f", and let old versions stay for {days:g} days at least" if days else ""),
    )


def of_replica(rules: Sequence[Rule], ground: Ground) -> list[Remark]:
    """What the rules do to a replica: to its objects, their older versions, and `.ferryline/` in it."""
    found = [one for rule in rules for one in _of_rule(rule, ground)]
    if not any(rule.abort_days is not None and rule.covers(ground.prefix) for rule in rules):
        found.append(
            Remark(
                Level.NOTE,
                LIFECYCLE,
                "no lifecycle rule ends incomplete multipart uploads here; the next run ends those of a run "
                "that died, but where none follows they stay, and are paid for",
                f"a rule with AbortIncompleteMultipartUpload after {_ABORT_DAYS} days does it",
            )
        )
    if all(one.level is Level.NOTE for one in found):
        found.insert(0, Remark(Level.OK, LIFECYCLE, "no lifecycle rule takes away what is kept here"))
    return found


def of_metadata(rules: Iterable[Rule], ground: Ground) -> list[Remark]:
    """What the rules do to a folder that holds nothing but snapshot files."""
    found = []
    for rule in rules:
        if rule.touches(ground.shelf):
            found += [*_expiring(rule, _SHELF, ground.shelf), *_archiving(rule, _SHELF)]
    return found or [Remark(Level.OK, LIFECYCLE, "no lifecycle rule takes away what is kept here")]


def of_source(rules: Iterable[Rule], ground: Ground, deleted: PreserveDeletedFiles) -> list[Remark]:
    """What the rules do to a source: objects that go away, or can no longer be read."""
    found = []
    for rule in rules:
        if not rule.touches(ground.prefix):
            continue
        if rule.expires is not None:
            removes = deleted is PreserveDeletedFiles.REMOVE
            follows = "the next run deletes them at the replicas too" if removes else "the replicas keep them"
            message = f"{_named(rule)} expires source objects {rule.expires}: {follows}"
            found.append(Remark(Level.NOTE, LIFECYCLE, message))
        found += _archiving(rule, "source objects", current_only=True)
    return found or [Remark(Level.OK, LIFECYCLE, "no lifecycle rule touches the source's objects")]


_SHELF = "the snapshot files in .ferryline/"


def _of_rule(rule: Rule, ground: Ground) -> Iterable[Remark]:
    if not rule.touches(ground.prefix):
        return
    what = _chosen(rule, ground)
    yield from _expiring(rule, what, ground.prefix)
    yield from _noncurrent(rule, ground)
    yield from _archiving(rule, what, current_only=ground.versions is False)


def _chosen(rule: Rule, ground: Ground) -> str:
    """Which of a replica's keys a rule reaches, in words."""
    if rule.prefix.startswith(ground.shelf):
        return _SHELF
    if ground.shelf.startswith(rule.prefix):
        return "the replica's objects and .ferryline/"
    return f"the replica's objects below {printable(rule.prefix)}"


def _expiring(rule: Rule, what: str, prefix: bytes) -> Iterable[Remark]:
    if rule.expires is not None:
        yield Remark(
            Level.WARNING,
            LIFECYCLE,
            f"{_named(rule)} expires {what} {rule.expires}: what is proven and published here goes away",
            f"let the rule's filter leave out {printable(prefix)}",
        )


def _noncurrent(rule: Rule, ground: Ground) -> Iterable[Remark]:
    limit, keep = rule.noncurrent_expires, ground.keep
    if limit is None or limit.days is None or ground.versions is False:
        return
    beside = f" beyond the newest {rule.noncurrent_kept} of each key" if rule.noncurrent_kept else ""
    what = f"{_named(rule)} removes noncurrent versions {limit}{beside}"
    if limit.days < keep.days:
        yield Remark(
            Level.WARNING,
            LIFECYCLE,
            f"{what}: keep_snapshots.days promises {keep.days:g} days, and older snapshots lose objects "
            "before that",
            f"let it wait for {keep.days:g} days at least, or lower keep_snapshots.days to {limit.days}",
        )
    else:
        yield Remark(
            Level.NOTE,
            LIFECYCLE,
            f"{what}: of the newest {keep.count} snapshots (keep_snapshots.count) those that were current in "
            f"the last {limit.days} days stay whole, older ones only where nothing was written over since",
        )


def _archiving(rule: Rule, what: str, *, current_only: bool = False) -> Iterable[Remark]:
    for move in rule.moves:
        if move.storage_class not in ARCHIVES or (move.noncurrent and current_only):
            continue
        whose = "noncurrent versions, which older snapshots need," if move.noncurrent else what
        yield Remark(
            Level.WARNING,
            LIFECYCLE,
            f"{_named(rule)} moves {whose} to {move.storage_class} {move.when}: they must be restored before "
            "they can be read",
            "use a class that is read at once (GLACIER_IR, STANDARD_IA), or leave this folder out",
        )


def _named(rule: Rule) -> str:
    name = f"the lifecycle rule {rule.name!r}" if rule.name else "a lifecycle rule without a name"
    return f"{name}, where its tags or sizes match," if rule.narrowed else name
