"""What a run asks of both ends, request by request, reckoned from its actions before any is sent.

`planning` folds every action into a `Reckoning`; `cost` turns the `Work` that comes out into money. It
follows the lanes of `transfer`, the deletes' second look and what `verify` looks at afterwards: where
one of them changes what it asks, this changes with it (a test compares it with servers' own counts).
Repetitions after failures are not in it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from ferryline.model import digest, span
from ferryline.model.action import Action, Copy, Delete, Reason, Same
from ferryline.model.digest import Evidence
from ferryline.model.entry import Entry
from ferryline.plan.question import Side
from ferryline.policy.options import Options, VerifyMode
from ferryline.storage.capabilities import Capabilities, Support

LISTED_KEYS = 1000
"""Keys of one page of a listing, on AWS and nearly everywhere."""

STANDARD = "STANDARD"
"""The storage class of an object whose listing names none, and the one by which listings are billed."""

LIST = "ListObjectsV2"

_OPENED = {"ListMultipartUploads": 2, "PutObject": 2, "CreateMultipartUpload": 1}
"""An upload before its first part: what was open before and what is open after, its intent twice."""

_CLOSED = {"CompleteMultipartUpload": 1, "HeadObject": 1, "DeleteObject": 1}
"""An upload after its last part: Complete, what lies there now, its intent away."""

_PROBED = {
    "PutObject": 16,
    "CopyObject": 6,
    "HeadObject": 8,
    "GetObject": 1,
    "GetObjectTagging": 1,
    "DeleteObject": 20,
    "CreateMultipartUpload": 7,
    "UploadPart": 7,
    "CompleteMultipartUpload": 7,
    "AbortMultipartUpload": 7,
    "ListMultipartUploads": 1,
    "ListParts": 3,
    LIST: 1,
}
"""What `storage.probe` asks of a destination that nobody probed yet, before the first write there."""

_CONTRADICTED = (Support.IGNORED, Support.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class Habits:
    """What decides how many requests an object takes. Files are asked for nothing that is billed."""

    source_asks: bool = True
    destination_asks: bool = True
    buffer_bytes_max: int = span.PART_BUDGET_BYTES
    """The largest object that goes in one piece."""
    part_bytes: int = 16 * span.MIB
    bound_by_s3: bool = True
    """Whether the destination has S3's rules for parts."""
    whole_always: bool = False
    """The destination's ETags of uploads are none, so the source's parts are not kept."""
    etags_travel: bool = True
    """An object written here gets the source's ETag, so that nobody needs to look at it again."""
    source_etags_told: bool = True
    """Nothing says that the source's ETags are other than MD5s."""
    head_is_exact: bool = True
    """A HEAD tells the state as a listing does, so that an upload needs no further look."""
    proves: bool = True
    reads_back: bool = False
    """Nothing that the destination says proves the bytes."""
    probes_source: bool = False
    probes_destination: bool = False
    passes: int = 1
    """How often both sides are listed when all goes well."""
    storage_class: str = STANDARD
    """What is written to the destination is billed by this class."""

    @staticmethod
    def of(
        source: Capabilities,
        destination: Capabilities,
        options: Options,
        memory_bytes: int,
        writing: "Writes",
    ) -> "Habits":
        """The habits of a run between two ends, as far as they are known."""
        asks = not destination.hashes_locally
        known_etags = destination.etag_is_md5 not in _CONTRADICTED
        return Habits(
            source_asks=not source.hashes_locally,
            destination_asks=asks,
            buffer_bytes_max=min(span.PART_BUDGET_BYTES, memory_bytes, destination.single_write_bytes_max),
            bound_by_s3=destination.part_bytes_min > 1,
            whole_always=destination.etag_is_md5 is Support.UNSUPPORTED,
            etags_travel=not source.hashes_locally and known_etags and not writing.encrypted,
            source_etags_told=source.etag_is_md5 not in _CONTRADICTED and not writing.source_encrypted,
            head_is_exact=destination.provider == "aws",
            proves=options.verify_mode is not VerifyMode.NONE,
            reads_back=asks and not known_etags and destination.stored_checksum in _CONTRADICTED,
            probes_source=_unprobed(source) and source.read_if_match is Support.UNKNOWN,
            probes_destination=_unprobed(destination) and destination.write_if_none_match is Support.UNKNOWN,
            passes=2 if options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT else 1,
            storage_class=writing.storage_class or STANDARD,
        )

    def parts(self, entry: Entry) -> int:
        """Into how many parts an object is cut; 0 for one that goes in one piece."""
        etag = entry.token.etag
        count = digest.part_count(etag) if etag is not None and entry.size_bytes else None
        if entry.size_bytes <= self.buffer_bytes_max and (count is None or self.whole_always):
            return 0
        if count is not None and -(-entry.size_bytes // count) <= self.buffer_bytes_max:
            return count
        if not self.bound_by_s3:
            return max(1, -(-entry.size_bytes // self.part_bytes))
        return span.our_layout(min(entry.size_bytes, span.OBJECT_BYTES_MAX), self.part_bytes).count


@dataclass(frozen=True, slots=True)
class Writes:
    """How objects are written at both ends, as far as it changes requests or their price."""

    storage_class: str | None = None
    encrypted: bool = False
    """By KMS, or under a customer key: ETags are no digests then."""
    source_encrypted: bool = False
    """What lies at the source already, likewise."""


def _unprobed(known: Capabilities) -> bool:
    return known.provider not in ("aws", "memory", "file")


@dataclass(frozen=True, slots=True)
class Work:
    """What a run asks and moves. Requests by side, operation (S3's name) and storage class.

    `read_bytes`: bytes of objects out of the source by storage class; all of them are written at the
    destination but for `again_bytes`, which are compared only. `back_bytes`: out of the destination, read
    to be proven. `listing_bytes`: of listings, by side. `direct_bytes`: from one to the other inside the
    endpoint that holds both.
    """

    requests: Mapping[tuple[Side, str, str], int] = field(default_factory=dict)
    read_bytes: Mapping[str, int] = field(default_factory=dict)
    again_bytes: int = 0
    back_bytes: int = 0
    listing_bytes: Mapping[Side, int] = field(default_factory=dict)
    direct_bytes: int = 0

    @property
    def by_operation(self) -> dict[str, int]:
        """Requests by operation, both sides together, as a run's document counts them."""
        total: Counter[str] = Counter()
        for (_, operation, _), count in self.requests.items():
            total[operation] += count
        return {name: total[name] for name in sorted(total) if total[name]}

    def plus(self, other: "Work") -> "Work":
        """Both together."""
        return Work(
            Counter(self.requests) + Counter(other.requests),
            Counter(self.read_bytes) + Counter(other.read_bytes),
            self.again_bytes + other.again_bytes,
            self.back_bytes + other.back_bytes,
            Counter(self.listing_bytes) + Counter(other.listing_bytes),
            self.direct_bytes + other.direct_bytes,
        )


class Reckoning:
    """One destination's work in the making. Mutable: every action is folded once, copies by their shape."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._asked: Counter[tuple[Side, str, str]] = Counter()
        self._listing_bytes: Counter[Side] = Counter()
        self._copies: Counter[tuple[int, str]] = Counter()
        self._read: Counter[str] = Counter()
        self._read_again: Counter[str] = Counter()
        self._doubted: Counter[str] = Counter()
        self._read_doubted: Counter[str] = Counter()
        self._back_bytes = 0
        self._looks = 0
        self._new = 0
        self._first: Entry | None = None

    def asked(self, side: Side, operation: str, count: int = 1, size_bytes: int = 0) -> None:
        """Requests that the plan's own scan made, answered in so many bytes: the run's scan asks again."""
        self._asked[side, operation, STANDARD] += count
        if operation == LIST:
            self._listing_bytes[side] += size_bytes

    def action(self, action: Action) -> None:
        """Fold one decided action."""
        habits = self._habits
        if isinstance(action, Copy):
            self._copy(action)
        elif isinstance(action, Delete):
            if habits.source_asks:
                self._asked[Side.SOURCE, "HeadObject", STANDARD] += 1
            if habits.destination_asks:
                self._asked[Side.DESTINATION, "DeleteObject", STANDARD] += 1
        elif isinstance(action, Same) and action.evidence is Evidence.READ_BACK:
            # The requests were asked by the scan; only the bytes are not known from them.
            self._read_again[class_of(action.source)] += action.source.size_bytes
            if habits.destination_asks:
                self._back_bytes += action.destination.size_bytes

    def copies(self) -> Work:
        """The copies alone, without what a run asks for all of them together."""
        habits = self._habits
        requests: Counter[tuple[Side, str, str]] = Counter()
        for (parts, storage_class), count in self._copies.items():
            for (side, operation), each in _of_copy(parts).items():
                asks = habits.source_asks if side is Side.SOURCE else habits.destination_asks
                if asks:
                    billed_by = storage_class if side is Side.SOURCE else habits.storage_class
                    requests[side, operation, billed_by] += each * count
        back_bytes = 0
        if habits.reads_back and habits.proves:
            requests[Side.DESTINATION, "GetObject", habits.storage_class] += self._copies.total()
            back_bytes = self._read.total()
        return Work(requests, self._read, back_bytes=back_bytes)

    def proof(self, destination_listed: int) -> Work:
        """Where a service moves the bytes: both sides compared before, and again after it has ended.

        A HEAD at the source for the digest of each object, and on the other side for what no ETag can prove.
        What is read where those tell nothing is in `doubt`.
        """
        habits, once = self._habits, Counter(self._asked)
        moved = self._copies.total()
        if habits.destination_asks:
            once[Side.DESTINATION, LIST, STANDARD] += 1  # the sweep for what a dead run left
        for side, asks in (
            (Side.SOURCE, habits.source_asks),
            (Side.DESTINATION, habits.destination_asks),
        ):
            again = self._asked[side, LIST, STANDARD]
            if side is Side.DESTINATION:
                again = max(again, pages_of(destination_listed + self._new))
            once[side, LIST, STANDARD] += again * (habits.passes if moved else habits.passes - 1) * asks
        for (_, storage_class), count in self._copies.items():
            once[Side.SOURCE, "HeadObject", storage_class] += count * habits.source_asks
        once[Side.DESTINATION, "HeadObject", habits.storage_class] += (
            self._doubted.total() * habits.destination_asks
        )
        passes = habits.passes + (moved > 0)
        listed_bytes = {side: count * passes for side, count in self._listing_bytes.items()}
        again_bytes = self._read_again.total()
        return Work(once, self._read_again, again_bytes, self._back_bytes, listed_bytes)

    def doubt(self) -> tuple[int, Work]:
        """What a service may bring such that no digest tells its bytes: so many objects, read on both sides.

        As far as ETags and the policy tell: what a service stores beside the bytes, and how a bucket encrypts
        what is written there, is known once they are there.
        """
        habits, doubted = self._habits, self._doubted.total()
        requests: Counter[tuple[Side, str, str]] = Counter()
        for storage_class, count in self._doubted.items():
            requests[Side.SOURCE, "GetObject", storage_class] = count * habits.source_asks
        requests[Side.DESTINATION, "GetObject", habits.storage_class] = doubted * habits.destination_asks
        size_bytes = self._read_doubted.total()
        back_bytes = size_bytes if habits.destination_asks else 0
        return doubted, Work(requests, self._read_doubted, size_bytes, back_bytes)

    def _doubts(self, copy: Copy) -> bool:
        """Whether a service's copy may have another ETag than its source, or is to be read in any case."""
        etag = copy.source.token.etag
        told = etag is not None and digest.is_md5_form(etag) and self._habits.source_etags_told
        return not (told and self._habits.etags_travel) or copy.reason is Reason.DISTRUSTED

    def work(self, listed: int, destination_listed: int) -> Work:
        """All of a run. `listed` and `destination_listed` are the objects of both listings."""
        habits, once = self._habits, Counter(self._asked)
        after = destination_listed + self._new
        if habits.destination_asks:
            # The sweep for what a dead run left, at every start; then what nothing proved at once.
            once[Side.DESTINATION, LIST, STANDARD] += 1 + min(self._looks, pages_of(after))
        for _ in range(habits.passes - 1):
            for side, asks, count in (
                (Side.SOURCE, habits.source_asks, listed),
                (Side.DESTINATION, habits.destination_asks, after),
            ):
                if asks:
                    once[side, LIST, STANDARD] += max(pages_of(count), self._asked[side, LIST, STANDARD])
        if self._first is not None:
            self._probe(once, self._first)
        listed_bytes = {side: count * habits.passes for side, count in self._listing_bytes.items()}
        again = self._read_again.total()
        return self.copies().plus(Work(once, self._read_again, again, self._back_bytes, listed_bytes))

    def _copy(self, copy: Copy) -> None:
        habits, source = self._habits, copy.source
        parts, storage_class = habits.parts(source), class_of(source)
        self._copies[parts, storage_class] += 1
        self._read[storage_class] += source.size_bytes
        if self._doubts(copy):
            self._doubted[storage_class] += 1
            self._read_doubted[storage_class] += source.size_bytes
        self._first = self._first or source
        self._new += copy.replaces is None
        if habits.proves and not (parts and habits.head_is_exact):
            etag = source.token.etag
            kept = not parts or (etag is not None and digest.part_count(etag) == parts)
            self._looks += copy.replaces is not None or not (habits.etags_travel and kept)

    def _probe(self, once: Counter[tuple[Side, str, str]], first: Entry) -> None:
        habits = self._habits
        if habits.probes_source and first.token.etag is not None:
            once[Side.SOURCE, "GetObject", class_of(first)] += 1
            if digest.part_count(first.token.etag) is not None:
                once[Side.SOURCE, "HeadObject", class_of(first)] += 1
        if habits.probes_destination:
            for operation, count in _PROBED.items():
                once[Side.DESTINATION, operation, habits.storage_class] += count


@cache
def _of_copy(parts: int) -> Mapping[tuple[Side, str], int]:
    """What one copy asks of both ends: `parts` 0 is the small lane's GET and PUT."""
    if not parts:
        return {(Side.SOURCE, "GetObject"): 1, (Side.DESTINATION, "PutObject"): 1}
    there = {**_OPENED, "UploadPart": parts, **_CLOSED}
    return {
        (Side.SOURCE, "HeadObject"): 1,
        (Side.SOURCE, "GetObject"): parts,
        **{(Side.DESTINATION, operation): count for operation, count in there.items()},
    }


def pages_of(objects: int) -> int:
    """Pages of a listing of so many objects; an empty one has a page too."""
    return max(1, -(-objects // LISTED_KEYS))


def class_of(entry: Entry) -> str:
    """The storage class by which requests for an object are billed."""
    return entry.storage_class or STANDARD
