"""The field tables of datasets: replicas, options, filters, guards and rules.

`fields_policy` joins them. A dataset is first read as a `Draft`, because the policy's `defaults`
fill what it leaves open; `complete` makes the frozen value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ferryline.policy import cron_field, filters, interpolation, schedule, values, webhook
from ferryline.policy import options as options_
from ferryline.policy.fields_location import JURISDICTION_PATTERN, TAGS, StorageClass, folder_of
from ferryline.policy.record import NAME_PATTERN, Field, ListOf, MapOf, Record
from ferryline.policy.shape import BAD, Bad, Choice, Flag, Interpolating, Number, Reading, Size, Spot, Text
from ferryline.policy.tree import Scalar


@dataclass(frozen=True, slots=True)
class Draft:
    """A dataset, or the policy's defaults, as read: only what was written."""

    name: str
    found: Mapping[str, Any]
    spot: Spot


_FOLDER_REMEDY = "write a declared location's name, then a path below it: us/imagenet/"


def folder_text(text: str) -> str:
    """Check `location/path`. Raises ValueError("message|remedy")."""
    if "://" in text or text.startswith(("/", "./")):
        raise ValueError(f"{text[:80]!r} is a URL or path|declare it under locations; {_FOLDER_REMEDY}")
    name, _, path = text.partition("/")
    segments = path.split("/")[: -1 if path.endswith("/") else None] if path else []
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError(f"{text[:80]!r} has an empty, `.` or `..` segment|{_FOLDER_REMEDY}")
    if ".ferryline" in segments:
        raise ValueError("the folder .ferryline is reserved|choose another folder")
    if not _is_name(name):
        raise ValueError(f"{name[:80]!r} is not a location's name|{_FOLDER_REMEDY}")
    return text


def _is_name(text: str) -> bool:
    plain = text.replace(".", "").replace("_", "").replace("-", "")
    return len(text) <= 64 and text[:1].isalnum() and plain.isalnum() and text.isascii()


class FolderShape(Text):
    """`location/path`, read as a `Folder`."""

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The folder; its path is empty or ends with a slash."""
        found = super().read(spot, reading)
        if found is BAD:
            return BAD
        name, _, path = found.partition("/")
        return values.Folder(name, path if not path or path.endswith("/") else path + "/")


FOLDER = FolderShape("a folder of a declared location", check=folder_text, remedy=_FOLDER_REMEDY)


class ScheduleShape(Text):
    """`cron(…)` or `rate(…)`, read as a schedule."""

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The schedule."""
        found = super().read(spot, reading)
        if found is BAD:
            return BAD
        try:
            return schedule.parse(found)
        except cron_field.BadSchedule as error:
            return reading.refuse(spot.where, error.message, error.remedy)


class Bandwidth:
    """`bytes_per_second`: -1, or a whole number of bytes, or text with a unit of bytes."""

    def read(self, spot: Spot, reading: Reading) -> int | Bad:
        """Bytes per second, -1 for no limit."""
        value = spot.node.value if isinstance(spot.node, Scalar) else None
        try:
            return options_.bytes_per_second(value)
        except ValueError as error:
            message, _, remedy = str(error).partition("|")
            return reading.refuse(spot.where, message, remedy)

    def schema(self) -> dict[str, Any]:
        """-1, a positive integer, or a string with a unit of bytes."""
        unit = r"([kKmMgGtTpPeE]([iI]?B?)?|B)?"
        return {
            "anyOf": [
                {"const": -1},
                {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
                {
                    "type": "string",
                    "pattern": rf"^\s*(-1|[0-9]+(\.[0-9]+)?\s*{unit}(/s)?)\s*$",
                    "maxLength": 40,
                },
            ]
        }

    def words(self) -> str:
        """The description."""
        return "`-1` (no limit), bytes per second, or text such as `10MiB`"


_OPTION_ABOUT = {
    "verify_mode": "what is compared after the transfer",
    "overwrite_mode": "whether objects at the destination may be replaced",
    "preserve_deleted_files": "keep or remove what the source no longer has",
    "transfer_mode": "send what differs, or everything",
    "mtime": "keep the time of modification",
    "atime": "keep the time of last access (POSIX)",
    "uid": "keep the owner (POSIX)",
    "gid": "keep the group (POSIX)",
    "posix_permissions": "keep mode bits (POSIX)",
    "preserve_devices": "keep device files (POSIX)",
    "security_descriptor_copy_flags": "keep SMB security descriptors",
    "object_tags": "keep object tags",
    "object_metadata": "keep user metadata and content headers",
    "task_queueing": "wait behind a run of the same task",
    "log_level": "how much is written to the report folder",
    "task_mode": "kind of DataSync task; only for `engine: datasync`",
}


def _default(name: str) -> str:
    default = next(one.default for one in fields(options_.Options) if one.name == name)
    return "" if default is None else str(default)


OPTIONS = Record(
    "options",
    "how the task copies: DataSync's options and values",
    (
        *(
            Field(name, Choice(enum), _OPTION_ABOUT[name], default=_default(name))
            for name, enum in options_.ENUMS.items()
        ),
        Field("bytes_per_second", Bandwidth(), "bandwidth limit", default="-1"),
    ),
    lambda found, spot, reading: dict(found),
)

_CODES = ListOf(
    Text("a jurisdiction or group", JURISDICTION_PATTERN, "write codes such as EU, US, FR"), "codes", most=300
)


def _residency(found: Mapping[str, Any], spot: Spot, reading: Reading) -> Any:
    allow = found.get("allow")
    if allow == ():
        return reading.refuse(spot.where, "an empty allow list allows nothing", "list codes, or remove allow")
    both = sorted(set(allow or ()) & set(found.get("deny", ())))
    if both:
        return reading.refuse(spot.where, f"{', '.join(both)} both allowed and denied", "keep it in one list")
    return dict(found)


RESIDENCY = Record(
    "residency",
    "where bytes may lie",
    (
        Field("allow", _CODES, "the only jurisdictions allowed"),
        Field("deny", _CODES, "jurisdictions never allowed"),
    ),
    _residency,
)


MAX_DELETE = Record(
    "max_delete",
    "the most deletes per destination and run; either one refuses",
    (
        Field("count", Number("a count", 0, 2**53, whole=True), "objects", default="1000"),
        Field("percent", Number("percent", 0, 100), "of what the ledger holds", default="10"),
    ),
    lambda found, spot, reading: dict(found),
)

MAX_TRANSFER = Record(
    "max_transfer",
    "the most that one run may send",
    (
        Field("bytes", Size(), "bytes"),
        Field("usd", Number("US dollars", 0.01, 1_000_000_000), "estimated cost"),
    ),
    lambda found, spot, reading: dict(found),
)

KEEP_SNAPSHOTS = Record(
    "keep_snapshots",
    "how long published snapshots stay",
    (
        Field("count", Number("a count", 1, 100_000, whole=True), "snapshots", default="5"),
        Field("days", Number("days", 0, 36_500), "days at least", default="30"),
    ),
    lambda found, spot, reading: dict(found),
)


def _replica(found: Mapping[str, Any], spot: Spot, reading: Reading) -> dict[str, Any]:
    to: values.Folder = found["to"]
    return {"name": to.location} | dict(found) | {"spot": spot}


REPLICA = Record(
    "replica",
    "one copy of a dataset",
    (
        Field("to", FOLDER, "location/path", needed=True),
        Field("name", Text("a name", NAME_PATTERN, "use letters, digits, `.`, `_`, `-`"), "its name",
              default="the location's name"),
        Field("engine", Choice(options_.Engine), "what moves the bytes", default="the dataset's engine"),
        Field("required", Flag(), "whether a run fails when this replica does", default="true"),
        Field("storage_class", Choice(StorageClass), "instead of the location's"),
        Field("tags", TAGS, "instead of the location's"),
    ),
    _replica,
    shorthand=FOLDER,
    shorthand_field="to",
)  # fmt: skip


class HookText(Text):
    """A webhook's URL. Messages never show what was written: its path may be a secret."""

    def schema(self) -> dict[str, Any]:
        """A string; what is interpolated is checked when it is known."""
        here = r"^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?(/[^?#\s]*)?$"
        patterns = (r"^https://[^?#\s@]+$", here, r"\$\{")
        return super().schema() | {"anyOf": [{"pattern": one} for one in patterns]}


_HOOK = HookText(
    "an https URL, http to this machine, or a reference to either",
    remedy=webhook.REMEDY,
    check=webhook.written,
    interpolating=Interpolating.YES,
)


def _on_failure(found: Mapping[str, Any], spot: Spot, reading: Reading) -> values.OnFailure:
    url = interpolation.anchored(found["url"], folder_of(spot.where.file))
    return values.OnFailure(url, **{name: found[name] for name in ("timeout_seconds",) if name in found})


ON_FAILURE = Record(
    "on_failure",
    "who is told when a run ends in ERROR",
    (
        Field("url", _HOOK, "gets the run's document as JSON by POST; one that is secret is a reference",
              needed=True),
        Field("timeout_seconds", Number("seconds", 0.1, 300), "how long all of it may take", default="10"),
    ),
    _on_failure,
)  # fmt: skip

_PATTERNS = ListOf(Text("a pattern", length_max=102_400), "patterns", single=True)
_MARKER = Text("a marker", r"[^/*].*", "write a name such as index.json, or a path such as _delta_log/")

_SHARED = (
    Field("schedule", ScheduleShape("a schedule", length_max=100_000, remedy=schedule.ACCEPTED),
          "`cron(min hour dom month dow year)` or `rate(n unit)`, UTC"),
    Field("options", OPTIONS, "how the task copies"),
    Field("include", _PATTERNS, "only these keys; a star only at the end"),
    Field("exclude", _PATTERNS, "none of these keys; stars anywhere"),
    Field("markers", ListOf(_MARKER, "names", most=1000), "objects copied last, besides the well-known ones"),
    Field("max_delete", MAX_DELETE, "cap on deletes"),
    Field("max_transfer", MAX_TRANSFER, "cap on what is sent"),
    Field("on_unknown", Choice(values.OnUnknown), "when equality cannot be known cheaply", default="copy"),
    Field("keep_snapshots", KEEP_SNAPSHOTS, "how long snapshots stay"),
    Field("residency", RESIDENCY, "where bytes may lie"),
    Field("engine", Choice(options_.Engine), "what moves the bytes", default="ferryline"),
    Field("on_failure", ON_FAILURE, "who is told when a run fails"),
)  # fmt: skip


def _draft(found: Mapping[str, Any], spot: Spot, reading: Reading) -> Draft:
    _, problems = filters.read(found.get("include", ()), found.get("exclude", ()))
    for name, index, message, remedy in problems:
        where = reading.places.get(f"{spot.path}.{name}[{index}]") or reading.places.get(
            f"{spot.path}.{name}"
        )
        reading.refuse(where or spot.where, message, remedy)
    return Draft(spot.path.removeprefix("datasets."), found, spot)


DATASET = Record(
    "dataset",
    "a named tree of objects, where it comes from and where it goes",
    (
        Field("source", FOLDER, "location/path, read and never written", needed=True),
        Field("replicas", ListOf(REPLICA, "replicas", most=1000), "location/path, or objects"),
        *_SHARED,
        Field("metadata", FOLDER, "where `.ferryline/` lives if not in each replica"),
    ),
    _draft,
)
DEFAULTS = Record("defaults", "what every dataset gets unless it says otherwise", _SHARED, _draft)
DATASETS = MapOf(DATASET, "datasets")


def complete(draft: Draft, defaults: Mapping[str, Any]) -> values.Dataset:
    """Fill a draft from the defaults. Mappings merge by field, everything else replaces."""

    def merged(name: str) -> dict[str, Any]:
        return {**defaults.get(name, {}), **draft.found.get(name, {})}

    def one(name: str, otherwise: Any) -> Any:
        return draft.found.get(name, defaults.get(name, otherwise))

    written = merged("options")
    engine = one("engine", options_.Engine.FERRYLINE)
    replicas = tuple(
        values.ReplicaSpec(
            **({"engine": engine} | {key: value for key, value in found.items() if key != "spot"})
        )
        for found in draft.found.get("replicas", ())
    )
    selected, _ = filters.read(one("include", ()), one("exclude", ()))
    return values.Dataset(
        name=draft.name,
        source=draft.found["source"],
        replicas=replicas,
        schedule=one("schedule", None),
        options=options_.Options(**written, given=frozenset(written)),
        filters=selected,
        markers=one("markers", ()),
        max_delete=values.MaxDelete(**merged("max_delete")),
        max_transfer=values.MaxTransfer(**merged("max_transfer")),
        on_unknown=one("on_unknown", values.OnUnknown.COPY),
        keep_snapshots=values.KeepSnapshots(**merged("keep_snapshots")),
        metadata=draft.found.get("metadata"),
        residency=values.Residency(**merged("residency")),
        engine=engine,
        on_failure=one("on_failure", None),
    )
