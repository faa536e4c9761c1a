"""Facts of runs and verifications as a pipeline would build them."""

from collections import Counter
from datetime import UTC, datetime

from ferryline import errors
from ferryline.model import event
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.outcome import Failed
from ferryline.model.run import Consistency, Counts, Coverage, Phase
from ferryline.report.facts import DestinationFacts, RunFacts, VerifyFacts

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOSTILE = (
    b"plain/key.txt",
    b"new\nline",
    b"\x1b[31mred\x1b[0m",
    b"not utf-8 \xff\xfe",
    b"back\\slash",
    "bidi \u202egnp.exe".encode(),
    "line\u2028separator".encode(),
    b"nul\x00tab\tcr\rend",
    "emoji 🚢 é e\u0301".encode(),
    b"",
    b"x" * 1024,
    b"{'json': \"quote\"}",
)


def counts(**changes: int) -> Counts:
    found = Counts(
        listed=110, transferred=12, same=88, kept=2, excluded=3, reserved=1, vanished=1, source_failed=3,
        deleted=4, verified=11, delete_failed=2, kept_orphans=5, destination_listed=100,
        bytes_transferred=3_000_000, bytes_written=3_100_000, source_bytes_read=3_050_000,
        evidence=Counter({"etag-md5": 90, "read-back": 9}),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def clean() -> Counts:
    return counts(
        listed=100, transferred=12, same=88, kept=0, excluded=0, reserved=0, vanished=0, source_failed=0,
        delete_failed=0, deleted=0, verified=12,
    )  # fmt: skip


def failures(count: int = 5) -> tuple[Failed, ...]:
    return tuple(
        Failed(
            HOSTILE[number % len(HOSTILE)],
            "access-refused" if number % 2 else "digest-mismatch",
            f"403 for object\n{number}\x1b[2J",
            "grant s3:GetObject\r\nto the role",
            phase="transfer",
        )
        for number in range(count)
    )


def destination(**changes: object) -> DestinationFacts:
    given: dict[str, object] = {
        "url": "s3://there/prefix/",
        "counts": counts(),
        "failures": failures(),
        "failure_kinds": {"access-refused": 2, "digest-mismatch": 3},
        "coverage": (Coverage("(start, m]", True, True), Coverage("(m, end]", True, False)),
    }
    return DestinationFacts(**{**given, **changes})  # type: ignore[arg-type]


def good() -> DestinationFacts:
    return destination(
        counts=clean(), failures=(), failure_kinds={}, consistency=Consistency.POINT_IN_TIME,
        coverage=(Coverage("(start, end]", True, True),),
    )  # fmt: skip


def run(*destinations: DestinationFacts, **changes: object) -> RunFacts:
    given: dict[str, object] = {
        "run_id": "20260301T120000Z-3f9a1c07",
        "source": "s3://here/",
        "destinations": destinations or (destination(),),
        "began_at": BEGAN,
        "duration_seconds": 75.4321,
        "phases": {Phase.VERIFYING: 3.0, Phase.PREPARING: 1.25, Phase.TRANSFERRING: 71.0},
        "requests": {"GetObject": 12, "ListObjectsV2": 2, "PutObject": 13},
        "warnings": (event.Warned("the clock is off\nby a minute", "set it"),),
        "report": "/var/reports/20260301T120000Z-3f9a1c07",
        "policy_digest": "blake3:00ff",
    }
    return RunFacts(**{**given, **changes})  # type: ignore[arg-type]


def stopped(**changes: object) -> RunFacts:
    failure = errors.EndpointFailed(
        "no answer from\nthe endpoint",
        advice="look at the network",
        key=b"a\xffb",
        place="s3://there/prefix/",
    )
    return run(destination(counts=counts(listed=500)), stopped=failure, **changes)


def verification(**changes: object) -> VerifyFacts:
    given: dict[str, object] = {
        "run_id": "20260301T120000Z-3f9a1c07",
        "source": "s3://here/",
        "destination": "file:///there/",
        "began_at": BEGAN,
        "duration_seconds": 5.0,
        "source_objects": 104,
        "destination_objects": 102,
        "excluded": 1,
        "reserved": 1,
        "equal": 97,
        "evidence": {"etag-md5": 90, "read-back": 7},
        "troubles": {
            Trouble.DIFFERS: 2,
            Trouble.MISSING: 1,
            Trouble.EXTRA: 3,
            Trouble.UNCHECKED: 1,
            Trouble.SOURCE_CHANGED: 1,
        },
        "findings": tuple(
            Mismatch(key, list(Trouble)[number % len(Trouble)], "it\ndiffers", "run copy")
            for number, key in enumerate(HOSTILE[:8])
        ),
        "deep_percent": 12.5,
        "seed": 7,
        "deep_checked": 13,
        "phases": {Phase.VERIFYING: 5.0},
        "requests": {"ListObjectsV2": 2},
    }
    return VerifyFacts(**{**given, **changes})  # type: ignore[arg-type]


def equal_verification() -> VerifyFacts:
    return verification(equal=102, troubles={}, findings=(), evidence={"ledger": 102})
