"""The mode and the options of a task, settled for one pair of locations.

Everything is always sent: the provider sends every option as soon as one is set, with defaults that
AWS refuses for S3 to S3 and for ENHANCED. `pairing` calls it. Pure. Sources: the API reference's
text of each option, and the provider's own defaults.
"""

import dataclasses
from dataclasses import dataclass

from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import BASIC_ONLY, POSIX, WINDOWS, Kind, Site
from ferryline.policy import options as options_
from ferryline.policy.options import (
    Atime,
    Engine,
    Mtime,
    ObjectMetadata,
    Options,
    Owner,
    PosixPermissions,
    PreserveDevices,
    SecurityDescriptorCopyFlags,
    TaskMode,
    VerifyMode,
)

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Settled:
    """What CreateTask gets. `security_descriptor_copy_flags` is None where it means nothing."""

    task_mode: TaskMode
    options: Options
    security_descriptor_copy_flags: SecurityDescriptorCopyFlags | None


def settle(wished: Options, source: Site, destination: Site, refusals: Refusals) -> Settled:
    """The options for this pair. Records a refusal for what cannot go together."""
    if wished.bytes_per_second < 1 and wished.bytes_per_second != options_.UNLIMITED:
        remedy = "write -1 for no limit, or at least 1"
        refusals.add("options.bytes_per_second", f"{wished.bytes_per_second} bytes a second", remedy)
    mode = _mode(wished, source, destination, refusals)
    posix = _keeps_posix(source, destination)
    chosen = dataclasses.replace(
        wished,
        task_mode=mode,
        uid=wished.uid if posix else Owner.NONE,
        gid=wished.gid if posix else Owner.NONE,
        posix_permissions=wished.posix_permissions if posix else PosixPermissions.NONE,
        preserve_devices=wished.preserve_devices if posix else PreserveDevices.NONE,
    )
    if mode is TaskMode.BASIC:
        chosen = _both_times(chosen)
    for conflict in options_.conflicts(chosen, Engine.DATASYNC):
        refusals.add(f"options.{conflict.option}", conflict.message, conflict.remedy)
    _refuse_pairs(chosen, source, destination, refusals)
    windows = source.kind in WINDOWS and destination.kind in WINDOWS
    return Settled(mode, chosen, chosen.security_descriptor_copy_flags if windows else None)


def _mode(wished: Options, source: Site, destination: Site, refusals: Refusals) -> TaskMode:
    basic = next((one for one in (source, destination) if one.kind in BASIC_ONLY), None)
    modern = next((one for one in (source, destination) if one.nfs_version == "NFS4_2"), None)
    if wished.task_mode is TaskMode.ENHANCED and basic is not None:
        refusals.add(
            "options.task_mode",
            f"{basic.kind} ({basic.name}) is not open to task_mode ENHANCED",
            "leave task_mode out, or write BASIC",
        )
    if modern is not None and (basic is not None or wished.task_mode is TaskMode.BASIC):
        remedy = "mount it with NFS4_1 or AUTOMATIC, or use task_mode ENHANCED"
        refusals.add(f"{modern.name}.version", "NFS4_2 needs task_mode ENHANCED", remedy)
    if wished.task_mode is not None:
        return wished.task_mode
    if basic is not None or wished.mtime is Mtime.NONE:
        return TaskMode.BASIC
    if wished.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT:
        return TaskMode.BASIC
    return TaskMode.ENHANCED


def _keeps_posix(source: Site, destination: Site) -> bool:
    """Whether owners and mode bits mean anything: a POSIX side, and no Windows side to lose them on.

    Between two object stores AWS refuses anything but NONE.
    """
    kinds = {source.kind, destination.kind}
    return bool(kinds & POSIX) and not kinds & WINDOWS


def _both_times(chosen: Options) -> Options:
    """BASIC takes both times or none; the one that was not asked for follows the one that was."""
    off = (chosen.mtime is Mtime.NONE, chosen.atime is Atime.NONE)
    if off[0] is off[1] or {"mtime", "atime"} <= chosen.given:
        return chosen
    if "mtime" in chosen.given:
        return dataclasses.replace(chosen, atime=Atime.NONE if off[0] else Atime.BEST_EFFORT)
    return chosen


def _refuse_pairs(chosen: Options, source: Site, destination: Site, refusals: Refusals) -> None:
    if chosen.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT and destination.storage_class in ARCHIVES:
        refusals.add(
            "options.verify_mode",
            f"POINT_IN_TIME_CONSISTENT reads everything back, which {destination.storage_class} forbids",
            "use ONLY_FILES_TRANSFERRED, or another storage class",
        )
    if chosen.preserve_devices is PreserveDevices.PRESERVE and destination.kind is Kind.EFS:
        refusals.add("options.preserve_devices", "EFS holds no devices", "use NONE")
    if chosen.object_metadata is ObjectMetadata.NONE:
        refusals.add(
            "options.object_metadata",
            "pulumi-aws cannot send object_metadata, and DataSync would keep metadata",
            "use PRESERVE, or engine: ferryline",
        )
