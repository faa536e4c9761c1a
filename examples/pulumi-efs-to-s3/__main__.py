"""A folder of an EFS file system, copied to a bucket in another region every six hours, deletions included.

Configuration: `fileSystemArn`, `subnetArn`, `securityGroupArn`, all of us-east-2.
"""

import pulumi

from ferryline.deploy import (
    Bucket,
    BucketArgs,
    EfsArgs,
    LocationArgs,
    OptionsArgs,
    PreserveDeletedFiles,
    ReplicaArgs,
    Replication,
    ReplicationArgs,
)

config = pulumi.Config()

checkpoints = LocationArgs(
    region="us-east-2",
    efs=EfsArgs(
        file_system_arn=config.require("fileSystemArn"),
        subnet_arn=config.require("subnetArn"),
        security_group_arns=[config.require("securityGroupArn")],
        path="checkpoints",
    ),
)
archive = Bucket("checkpoints", BucketArgs(region="us-west-2", noncurrent_days=30))
kept = Replication(
    "checkpoints",
    ReplicationArgs(
        source=checkpoints,
        replicas={"west": ReplicaArgs(to=archive.folder("checkpoints"))},
        options=OptionsArgs(preserve_deleted_files=PreserveDeletedFiles.REMOVE),
        exclude=["*.tmp"],
        schedule="rate(6 hours)",
    ),
)

pulumi.export("taskArn", kept.task_arns["west"])
pulumi.export("readerPolicy", kept.reader_policy)
