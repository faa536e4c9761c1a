"""Locations of every kind, with well-formed names that belong to nobody. Imported when Pulumi is there."""

import pulumi

from ferryline import deploy as d
from tests.deploy.ground import ACCOUNT

ARN = "arn:aws:"


def bucket(region="us-east-1", name="acme-train", prefix=None, **more):
    return d.LocationArgs(region=region, s3=d.S3Args(bucket_arn=f"{ARN}s3:::{name}", prefix=prefix, **more))


def group(region):
    return f"{ARN}ec2:{region}:{ACCOUNT}:security-group/sg-0123456789abcdef0"


def agent(region):
    return f"{ARN}datasync:{region}:{ACCOUNT}:agent/agent-0123456789abcdef0"


def efs(region="us-east-2", **more):
    settings = dict(
        file_system_arn=f"{ARN}elasticfilesystem:{region}:{ACCOUNT}:file-system/fs-0123456789abcdef0",
        subnet_arn=f"{ARN}ec2:{region}:{ACCOUNT}:subnet/subnet-0123456789abcdef0",
        security_group_arns=[group(region)],
        path="train",
    )
    return d.LocationArgs(region=region, efs=d.EfsArgs(**(settings | more)))


def file_system(region):
    return f"{ARN}fsx:{region}:{ACCOUNT}:file-system/fs-0123456789abcdef0"


def windows(region="us-east-1", **more):
    settings = dict(
        file_system_arn=file_system(region),
        security_group_arns=[group(region)],
        user="mover",
        password=pulumi.Output.secret("not-a-real-one"),
        domain="corp.example",
        path="share/train",
    )
    return d.LocationArgs(region=region, fsx_windows=d.FsxWindowsArgs(**(settings | more)))


def lustre(region="us-east-1"):
    args = d.FsxLustreArgs(
        file_system_arn=file_system(region), security_group_arns=[group(region)], path="scratch"
    )
    return d.LocationArgs(region=region, fsx_lustre=args)


def open_zfs(region="us-east-1"):
    args = d.FsxOpenZfsArgs(
        file_system_arn=file_system(region), security_group_arns=[group(region)], path="vol"
    )
    return d.LocationArgs(region=region, fsx_open_zfs=args)


def ontap(region="us-east-1", **more):
    machine = (
        f"{ARN}fsx:{region}:{ACCOUNT}:storage-virtual-machine/fs-0123456789abcdef0/svm-0123456789abcdef0"
    )
    args = d.FsxOntapArgs(
        storage_virtual_machine_arn=machine, security_group_arns=[group(region)], path="vol1", **more
    )
    return d.LocationArgs(region=region, fsx_ontap=args)


def nfs(region="us-east-1", **more):
    settings = dict(server_hostname="nas.corp.example", path="/export/train", agent_arns=[agent(region)])
    return d.LocationArgs(region=region, nfs=d.NfsArgs(**(settings | more)))


def smb(region="us-east-1"):
    args = d.SmbArgs(
        server_hostname="files.corp.example", path="train", agent_arns=[agent(region)], user="mover",
        password=pulumi.Output.secret("not-a-real-one"),
    )  # fmt: skip
    return d.LocationArgs(region=region, smb=args)


def object_storage(region="us-east-1", **more):
    settings = dict(
        server_hostname="storage.other.example", bucket_name="train", prefix="imagenet",
        access_key="id", secret_key=pulumi.Output.secret("not-a-real-one"),
    )  # fmt: skip
    return d.LocationArgs(region=region, object_storage=d.ObjectStorageArgs(**(settings | more)))


def azure(region="us-east-1"):
    args = d.AzureBlobArgs(
        container_url="https://acme.blob.core.example/train", agent_arns=[agent(region)], access_tier="HOT",
        sas_token=pulumi.Output.secret("sv=not-a-real-one"), path="imagenet",
    )  # fmt: skip
    return d.LocationArgs(region=region, azure_blob=args)


def hdfs(region="us-east-1"):
    args = d.HdfsArgs(
        name_node_hostname="hdfs.corp.example", agent_arns=[agent(region)], simple_user="hadoop", path="train"
    )
    return d.LocationArgs(region=region, hdfs=args)
