"""A Windows share on FSx, copied to a bucket every night; the password comes from the stack's secrets.

Configuration: `fileSystemArn`, `securityGroupArn`, both of us-east-1, and
`pulumi config set --secret moverPassword`.
"""

import pulumi

from ferryline.deploy import (
    Bucket,
    BucketArgs,
    FsxWindowsArgs,
    LocationArgs,
    ReplicaArgs,
    Replication,
    ReplicationArgs,
)

config = pulumi.Config()

share = LocationArgs(
    region="us-east-1",
    fsx_windows=FsxWindowsArgs(
        file_system_arn=config.require("fileSystemArn"),
        security_group_arns=[config.require("securityGroupArn")],
        user="mover",
        password=config.require_secret("moverPassword"),
        domain="corp.example",
        path="share/labels",
    ),
)
labels = Bucket("labels", BucketArgs(region="us-east-1"))
copied = Replication(
    "labels",
    ReplicationArgs(
        source=share,
        replicas={"bucket": ReplicaArgs(to=labels.folder("labels"))},
        schedule="cron(30 1 * * ? *)",
    ),
)

pulumi.export("taskArn", copied.task_arns["bucket"])
pulumi.export("logGroup", copied.log_groups["bucket"])
