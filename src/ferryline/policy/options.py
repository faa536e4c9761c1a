"""A task's options: DataSync's names and values, Ferryline's defaults, and which do not go together.

The policy file (through `fields_dataset`) and the command line's flags (`from_flags`) share the
same readers and the same rules; `plan`, `transfer` and `verify` read the values. Nothing is done here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from ferryline import errors
from ferryline.policy import shape


class VerifyMode(StrEnum):
    """What is compared after the transfer."""

    POINT_IN_TIME_CONSISTENT = "POINT_IN_TIME_CONSISTENT"
    ONLY_FILES_TRANSFERRED = "ONLY_FILES_TRANSFERRED"
    NONE = "NONE"


class OverwriteMode(StrEnum):
    """Whether what is at the destination may be replaced."""

    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


class PreserveDeletedFiles(StrEnum):
    """What happens to keys of the destination that the source lacks."""

    PRESERVE = "PRESERVE"
    REMOVE = "REMOVE"


class TransferMode(StrEnum):
    """Whether only what differs is sent, or everything without looking."""

    CHANGED = "CHANGED"
    ALL = "ALL"


class Atime(StrEnum):
    """Whether the time of last access is kept."""

    NONE = "NONE"
    BEST_EFFORT = "BEST_EFFORT"


class Mtime(StrEnum):
    """Whether the time of last modification is kept."""

    NONE = "NONE"
    PRESERVE = "PRESERVE"


class Owner(StrEnum):
    """How a user or group id is kept (`uid`, `gid`)."""

    NONE = "NONE"
    INT_VALUE = "INT_VALUE"
    NAME = "NAME"
    BOTH = "BOTH"


class PosixPermissions(StrEnum):
    """Whether mode bits are kept."""

    NONE = "NONE"
    PRESERVE = "PRESERVE"


class PreserveDevices(StrEnum):
    """Whether device files are kept, by name and metadata."""

    NONE = "NONE"
    PRESERVE = "PRESERVE"


class SecurityDescriptorCopyFlags(StrEnum):
    """What of an SMB security descriptor is kept."""

    NONE = "NONE"
    OWNER_DACL = "OWNER_DACL"
    OWNER_DACL_SACL = "OWNER_DACL_SACL"


class ObjectTags(StrEnum):
    """Whether an object's tags are kept."""

    PRESERVE = "PRESERVE"
    NONE = "NONE"


class ObjectMetadata(StrEnum):
    """Whether an object's user metadata and content headers are kept."""

    PRESERVE = "PRESERVE"
    NONE = "NONE"


class TaskQueueing(StrEnum):
    """Whether a run waits behind another run of the same task."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class LogLevel(StrEnum):
    """How much of a run is written to its report folder."""

    OFF = "OFF"
    BASIC = "BASIC"
    TRANSFER = "TRANSFER"


class TaskMode(StrEnum):
    """DataSync's kind of task; means something only for `engine: datasync`."""

    BASIC = "BASIC"
    ENHANCED = "ENHANCED"


class Engine(StrEnum):
    """What moves the bytes."""

    FERRYLINE = "ferryline"
    DATASYNC = "datasync"
    S3_REPLICATION = "s3-replication"


UNLIMITED = -1
"""`bytes_per_second` without a limit."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a task copies. Field names and values are DataSync's, in snake case.

    `given` names the fields that the person wrote; the others hold defaults. `task_mode` None lets
    DataSync's driver choose.
    """

    verify_mode: VerifyMode = VerifyMode.ONLY_FILES_TRANSFERRED
    overwrite_mode: OverwriteMode = OverwriteMode.ALWAYS
    preserve_deleted_files: PreserveDeletedFiles = PreserveDeletedFiles.PRESERVE
    transfer_mode: TransferMode = TransferMode.CHANGED
    bytes_per_second: int = UNLIMITED
    mtime: Mtime = Mtime.PRESERVE
    atime: Atime = Atime.BEST_EFFORT
    uid: Owner = Owner.INT_VALUE
    gid: Owner = Owner.INT_VALUE
    posix_permissions: PosixPermissions = PosixPermissions.PRESERVE
    preserve_devices: PreserveDevices = PreserveDevices.NONE
    security_descriptor_copy_flags: SecurityDescriptorCopyFlags = SecurityDescriptorCopyFlags.OWNER_DACL
    object_tags: ObjectTags = ObjectTags.PRESERVE
    object_metadata: ObjectMetadata = ObjectMetadata.PRESERVE
    task_queueing: TaskQueueing = TaskQueueing.ENABLED
    log_level: LogLevel = LogLevel.BASIC
    task_mode: TaskMode | None = None
    given: frozenset[str] = frozenset()


ENUMS: Mapping[str, type[StrEnum]] = {
    "verify_mode": VerifyMode,
    "overwrite_mode": OverwriteMode,
    "preserve_deleted_files": PreserveDeletedFiles,
    "transfer_mode": TransferMode,
    "mtime": Mtime,
    "atime": Atime,
    "uid": Owner,
    "gid": Owner,
    "posix_permissions": PosixPermissions,
    "preserve_devices": PreserveDevices,
    "security_descriptor_copy_flags": SecurityDescriptorCopyFlags,
    "object_tags": ObjectTags,
    "object_metadata": ObjectMetadata,
    "task_queueing": TaskQueueing,
    "log_level": LogLevel,
    "task_mode": TaskMode,
}
"""Every option but `bytes_per_second`, with its values."""

POSIX_ONLY = (
    "atime",
    "uid",
    "gid",
    "posix_permissions",
    "preserve_devices",
    "security_descriptor_copy_flags",
)
"""Options without a meaning between object stores; Ferryline's own engine ignores them."""

_BANDWIDTH_REMEDY = "write -1 for no limit, or bytes per second: 1250000, or 10MiB (1 Gbit/s is 125MB)"


def bytes_per_second(value: object) -> int:
    """-1, or a whole number of bytes from 1; text may carry a unit (`10MiB`, `10MiB/s`).

    Raises ValueError("message|remedy"). Bits (`1 Gbs`, `100Mbit`) are refused: the unit is bytes.
    """
    if isinstance(value, str):
        text = value.strip()
        if text == "-1":
            return UNLIMITED
        if len(text) > 40:
            raise ValueError(f"a text of {len(text)} characters is not a bandwidth|{_BANDWIDTH_REMEDY}")
        plain = text.removesuffix("/s")
        unit = plain.lstrip("0123456789. ")
        if unit.endswith("b"):
            raise ValueError(f"{text!r} counts bits, not bytes|{_BANDWIDTH_REMEDY}")
        value = plain
    elif value == UNLIMITED and isinstance(value, int) and not isinstance(value, bool):
        return UNLIMITED
    try:
        return shape.size_bytes(value)
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} is not a bandwidth|{_BANDWIDTH_REMEDY}") from None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Options that do not go together: which field to point at, what, and what to do."""

    option: str
    message: str
    remedy: str


def conflicts(options: Options, engine: Engine) -> tuple[Conflict, ...]:
    """Every pair of options that `engine` cannot honour together. Source: DataSync's API reference.

    REMOVE with ALL is refused for every engine; the rest binds only `datasync`.
    """
    found: list[Conflict] = []
    removes = options.preserve_deleted_files is PreserveDeletedFiles.REMOVE
    if removes and options.transfer_mode is TransferMode.ALL:
        found.append(
            Conflict(
                "preserve_deleted_files",
                "preserve_deleted_files REMOVE does not go with transfer_mode ALL: ALL never looks at the "
                "destination, so nothing would say what to remove",
                "use transfer_mode CHANGED, or preserve_deleted_files PRESERVE",
            )
        )
    if engine is Engine.DATASYNC:
        found.extend(_of_datasync(options))
    return tuple(found)


def _of_datasync(options: Options) -> list[Conflict]:
    found: list[Conflict] = []
    if options.task_mode is TaskMode.ENHANCED:
        if options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT:
            message = "DataSync has no verify_mode POINT_IN_TIME_CONSISTENT in task_mode ENHANCED"
            found.append(Conflict("verify_mode", message, "use ONLY_FILES_TRANSFERRED, or task_mode BASIC"))
        if options.mtime is Mtime.NONE:
            message = "DataSync has no mtime NONE in task_mode ENHANCED"
            found.append(Conflict("mtime", message, "use mtime PRESERVE, or task_mode BASIC"))
    elif _needs_basic(options) and (options.mtime is Mtime.NONE) is not (options.atime is Atime.NONE):
        message = (
            f"DataSync in task_mode BASIC does not take mtime {options.mtime} with atime {options.atime}"
        )
        remedy = "use mtime PRESERVE with atime BEST_EFFORT, or NONE for both"
        found.append(Conflict("mtime" if options.mtime is Mtime.NONE else "atime", message, remedy))
    for name in ("uid", "gid"):
        if getattr(options, name) in (Owner.NAME, Owner.BOTH):
            message = f"DataSync lists {name} {getattr(options, name)} but does not support it"
            found.append(Conflict(name, message, "use INT_VALUE or NONE"))
    return found


def _needs_basic(options: Options) -> bool:
    """Whether only DataSync's BASIC mode could run this; without a mode, its driver chooses ENHANCED."""
    return (
        options.task_mode is TaskMode.BASIC
        or options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT
        or options.mtime is Mtime.NONE
    )


def from_flags(flags: Mapping[str, str | int | None], engine: Engine = Engine.FERRYLINE) -> Options:
    """Options from flags named as the fields (`verify_mode`), None where a flag was not given.

    Raises `BadUsage` that lists every problem under the flag's name (`--verify-mode`).
    """
    known = {one.name for one in fields(Options)} - {"given"}
    problems: list[str] = []
    values: dict[str, object] = {}
    for name, value in flags.items():
        if name not in known:
            raise errors.BrokenInvariant(f"{name!r} is not an option's name")
        if value is None:
            continue
        try:
            values[name] = (
                bytes_per_second(_number(value)) if name == "bytes_per_second" else _member(name, value)
            )
        except ValueError as error:
            message, _, remedy = str(error).partition("|")
            problems.append(f"{flag(name)}: {message}\n    {remedy}")
    options = Options(**values, given=frozenset(values))  # type: ignore[arg-type]  # names and enums checked above
    found = [f"{flag(one.option)}: {one.message}\n    {one.remedy}" for one in conflicts(options, engine)]
    if problems or found:
        raise errors.BadUsage("\n".join(problems or found))
    return options


def flag(option: str) -> str:
    """The command line's name of an option."""
    return "--" + option.replace("_", "-")


def _number(value: str | int) -> str | int:
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
        else value
    )


def _member(name: str, value: str | int) -> StrEnum:
    accepted = [member.value for member in ENUMS[name]]
    if value in accepted:
        return ENUMS[name](value)
    text = str(value)
    raise ValueError(
        f"{text[:60]!r} is not one of {', '.join(accepted)}|{shape.did_you_mean(text, accepted)}"
    )
