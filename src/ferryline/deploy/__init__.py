"""The policy in AWS, with Pulumi: components for DataSync, S3 replication, buckets, access and watching.

A Pulumi program imports the names below (the extra `[deploy]`); the command line exports, previews and
applies such a program. Nothing is loaded before it is asked for. It never moves a byte and asks AWS
nothing by itself: that is Pulumi's part.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ferryline import errors

if TYPE_CHECKING:
    from ferryline.deploy.access import (
        Access,
        AccessArgs,
        Use,
    )
    from ferryline.deploy.args_location import (
        AzureBlobArgs,
        EfsArgs,
        FsxLustreArgs,
        FsxOntapArgs,
        FsxOpenZfsArgs,
        FsxWindowsArgs,
        HdfsArgs,
        LocationArgs,
        NfsArgs,
        ObjectStorageArgs,
        OwnerPolicy,
        S3Args,
        SmbArgs,
    )
    from ferryline.deploy.args_task import (
        DataSyncTaskArgs,
        OptionsArgs,
        PolicyReplicationArgs,
        ReplicaArgs,
        ReplicationArgs,
        ReportArgs,
        ResidencyArgs,
        WatchingArgs,
    )
    from ferryline.deploy.bucket import (
        Bucket,
        BucketArgs,
        LockMode,
    )
    from ferryline.deploy.bucket_replication import (
        BucketReplication,
        BucketReplicationArgs,
    )
    from ferryline.deploy.datasync_task import (
        DataSyncTask,
    )
    from ferryline.deploy.logs import (
        Logs,
        LogsArgs,
    )
    from ferryline.deploy.policy_replication import (
        PolicyReplication,
    )
    from ferryline.deploy.replication import (
        Replication,
    )
    from ferryline.deploy.watch import (
        Watch,
        WatchArgs,
    )
    from ferryline.policy.options import (
        Atime,
        Engine,
        LogLevel,
        Mtime,
        ObjectMetadata,
        ObjectTags,
        OverwriteMode,
        Owner,
        PosixPermissions,
        PreserveDeletedFiles,
        PreserveDevices,
        SecurityDescriptorCopyFlags,
        TaskMode,
        TaskQueueing,
        TransferMode,
        VerifyMode,
    )

_NAMES = {
    "access": (
        "Access",
        "AccessArgs",
        "Use",
    ),
    "args_location": (
        "AzureBlobArgs",
        "EfsArgs",
        "FsxLustreArgs",
        "FsxOntapArgs",
        "FsxOpenZfsArgs",
        "FsxWindowsArgs",
        "HdfsArgs",
        "LocationArgs",
        "NfsArgs",
        "ObjectStorageArgs",
        "OwnerPolicy",
        "S3Args",
        "SmbArgs",
    ),
    "args_task": (
        "DataSyncTaskArgs",
        "OptionsArgs",
        "PolicyReplicationArgs",
        "ReplicaArgs",
        "ReplicationArgs",
        "ReportArgs",
        "ResidencyArgs",
        "WatchingArgs",
    ),
    "bucket": (
        "Bucket",
        "BucketArgs",
        "LockMode",
    ),
    "bucket_replication": (
        "BucketReplication",
        "BucketReplicationArgs",
    ),
    "datasync_task": ("DataSyncTask",),
    "logs": (
        "Logs",
        "LogsArgs",
    ),
    "policy_replication": ("PolicyReplication",),
    "replication": ("Replication",),
    "watch": (
        "Watch",
        "WatchArgs",
    ),
}

_OPTIONS = (
    "Atime",
    "Engine",
    "LogLevel",
    "Mtime",
    "ObjectMetadata",
    "ObjectTags",
    "OverwriteMode",
    "Owner",
    "PosixPermissions",
    "PreserveDeletedFiles",
    "PreserveDevices",
    "SecurityDescriptorCopyFlags",
    "TaskMode",
    "TaskQueueing",
    "TransferMode",
    "VerifyMode",
)

_HOMES = {name: f"ferryline.deploy.{module}" for module, names in _NAMES.items() for name in names}
_HOMES |= dict.fromkeys(_OPTIONS, "ferryline.policy.options")

__all__ = [
    "Access",
    "AccessArgs",
    "Atime",
    "AzureBlobArgs",
    "Bucket",
    "BucketArgs",
    "BucketReplication",
    "BucketReplicationArgs",
    "DataSyncTask",
    "DataSyncTaskArgs",
    "EfsArgs",
    "Engine",
    "FsxLustreArgs",
    "FsxOntapArgs",
    "FsxOpenZfsArgs",
    "FsxWindowsArgs",
    "HdfsArgs",
    "LocationArgs",
    "LockMode",
    "LogLevel",
    "Logs",
    "LogsArgs",
    "Mtime",
    "NfsArgs",
    "ObjectMetadata",
    "ObjectStorageArgs",
    "ObjectTags",
    "OptionsArgs",
    "OverwriteMode",
    "Owner",
    "OwnerPolicy",
    "PolicyReplication",
    "PolicyReplicationArgs",
    "PosixPermissions",
    "PreserveDeletedFiles",
    "PreserveDevices",
    "ReplicaArgs",
    "Replication",
    "ReplicationArgs",
    "ReportArgs",
    "ResidencyArgs",
    "S3Args",
    "SecurityDescriptorCopyFlags",
    "SmbArgs",
    "TaskMode",
    "TaskQueueing",
    "TransferMode",
    "Use",
    "VerifyMode",
    "Watch",
    "WatchArgs",
    "WatchingArgs",
]

MISSING = 'install the extra: pip install "ferryline[deploy]"'


def __getattr__(name: str) -> Any:
    """Load a public name. Raises `BadUsage` naming the extra where Pulumi is not installed."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryline.deploy' has no attribute {name!r}")
    return getattr(load(home), name)


def load(module: str) -> Any:
    """Import a module of this room that needs Pulumi. Raises `BadUsage` where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("pulumi", "pulumi_aws"):
            raise
        raise errors.BadUsage(f"deploying needs {missing}, which is not installed", advice=MISSING) from error
