"""One bucket, copied every night to a bucket in another region: what the commonly published program meant."""

import pulumi

from ferryline.deploy import Bucket, BucketArgs, ReplicaArgs, Replication, ReplicationArgs

source = Bucket("train", BucketArgs(region="us-east-1"))
replica = Bucket("train-eu", BucketArgs(region="eu-central-1"))
replicas = {"eu": ReplicaArgs(to=replica.folder("imagenet"))}
train = Replication(
    "imagenet",
    ReplicationArgs(source=source.folder("imagenet"), replicas=replicas, schedule="cron(0 0 * * ? *)"),
)

pulumi.export("sourceLocationArn", train.location_arns["source"])
pulumi.export("destinationLocationArn", train.location_arns["eu"])
pulumi.export("replicationTaskArn", train.task_arns["eu"])
