"""A policy file as it is: one dataset in three regions, by two engines, inside its residency rules."""

from pathlib import Path

import pulumi

from ferryline.deploy import PolicyReplication, PolicyReplicationArgs

policy = (Path(__file__).parent / "ferryline.yaml").read_text("utf-8")
imagenet = PolicyReplication("imagenet", PolicyReplicationArgs(policy=policy, dataset="imagenet"))

pulumi.export("taskArns", imagenet.task_arns)
pulumi.export("replicationConfiguration", imagenet.replication_configuration)
pulumi.export("moverPolicy", imagenet.mover_policy)
