"""One DataSync location as a Pulumi resource, in its own region, of the kind that was declared.

`DataSyncTask` and `Replication` call `location` after everything was checked. Passwords, keys and
tokens go in as secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import datasync

from ferryline import errors
from ferryline.deploy.args_location import (
    AzureBlobArgs,
    EfsArgs,
    FsxOntapArgs,
    FsxWindowsArgs,
    HdfsArgs,
    LocationArgs,
    NfsArgs,
    ObjectStorageArgs,
    S3Args,
    SmbArgs,
)
from ferryline.deploy.given import given
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Kind, Site

HDFS_PORT = 8020


@dataclass(frozen=True, slots=True)
class Placing:
    """What every location resource gets: its Subdirectory, tags and, for S3, the role and the ARN to use."""

    subdirectory: str
    tags: Mapping[str, str] | None = None
    role_arn: pulumi.Input[str] | None = None
    bucket_arn: pulumi.Input[str] | None = None


def location(
    name: str, args: LocationArgs, site: Site, placing: Placing, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The ARN of the location, made now, or of the one that exists already."""
    if args.location_arn is not None:
        return pulumi.Output.from_input(args.location_arn)
    everywhere: dict[str, Any] = {
        "region": args.region,
        "subdirectory": placing.subdirectory,
        "tags": placing.tags,
        "opts": opts,
    }
    if args.s3 is not None:
        return _s3(name, args.s3, site, placing, everywhere)
    if args.efs is not None:
        return _efs(name, args.efs, everywhere)
    if args.fsx_windows is not None:
        return _fsx_windows(name, args.fsx_windows, everywhere)
    if args.fsx_lustre is not None:
        lustre = args.fsx_lustre
        return datasync.LocationFsxLustre(
            name,
            fsx_filesystem_arn=lustre.file_system_arn,
            security_group_arns=list(lustre.security_group_arns),
            **everywhere,
        ).arn
    if args.fsx_open_zfs is not None:
        zfs = args.fsx_open_zfs
        mounting = datasync.FsxOpenZfsFileSystemProtocolNfsMountOptionsArgs(version="AUTOMATIC")
        return datasync.FsxOpenZfsFileSystem(
            name,
            fsx_filesystem_arn=zfs.file_system_arn,
            security_group_arns=list(zfs.security_group_arns),
            protocol=datasync.FsxOpenZfsFileSystemProtocolArgs(
                nfs=datasync.FsxOpenZfsFileSystemProtocolNfsArgs(mount_options=mounting)
            ),
            **everywhere,
        ).arn
    if args.fsx_ontap is not None:
        return _fsx_ontap(name, args.fsx_ontap, everywhere)
    if args.nfs is not None:
        return _nfs(name, args.nfs, everywhere)
    if args.smb is not None:
        return _smb(name, args.smb, everywhere)
    if args.object_storage is not None:
        return _object_storage(name, args.object_storage, everywhere)
    if args.azure_blob is not None:
        return _azure_blob(name, args.azure_blob, everywhere)
    return _hdfs(name, given(args.hdfs), everywhere)


def secret(value: pulumi.Input[str] | None) -> pulumi.Output[str] | None:
    """The value kept out of state and output, or None."""
    return None if value is None else pulumi.Output.secret(value)


def _s3(
    name: str, args: S3Args, site: Site, placing: Placing, everywhere: dict[str, Any]
) -> pulumi.Output[str]:
    role = placing.role_arn if placing.role_arn is not None else args.role_arn
    if role is None:
        raise errors.BrokenInvariant("an S3 location was to be made without a role")
    return datasync.S3Location(
        name,
        s3_bucket_arn=placing.bucket_arn if placing.bucket_arn is not None else args.bucket_arn,
        s3_config=datasync.S3LocationS3ConfigArgs(bucket_access_role_arn=role),
        s3_storage_class=site.storage_class,
        agent_arns=list(args.agent_arns) if args.agent_arns is not None else None,
        **everywhere,
    ).arn


def _efs(name: str, args: EfsArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    return datasync.EfsLocation(
        name,
        efs_file_system_arn=args.file_system_arn,
        ec2_config=datasync.EfsLocationEc2ConfigArgs(
            subnet_arn=args.subnet_arn, security_group_arns=list(args.security_group_arns)
        ),
        access_point_arn=args.access_point_arn,
        file_system_access_role_arn=args.file_system_access_role_arn,
        in_transit_encryption=args.in_transit_encryption,
        **everywhere,
    ).arn


def _fsx_windows(name: str, args: FsxWindowsArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    password = given(secret(args.password))
    return datasync.LocationFsxWindows(
        name,
        fsx_filesystem_arn=args.file_system_arn,
        security_group_arns=list(args.security_group_arns),
        user=args.user,
        password=password,
        domain=args.domain,
        **everywhere,
    ).arn


def _fsx_ontap(name: str, args: FsxOntapArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    if args.user is None:
        nfs = datasync.LocationFsxOntapFileSystemProtocolNfsArgs(
            mount_options=datasync.LocationFsxOntapFileSystemProtocolNfsMountOptionsArgs(version="NFS3")
        )
        protocol = datasync.LocationFsxOntapFileSystemProtocolArgs(nfs=nfs)
    else:
        password = given(secret(args.password))
        smb = datasync.LocationFsxOntapFileSystemProtocolSmbArgs(
            user=args.user,
            password=password,
            domain=args.domain,
            mount_options=datasync.LocationFsxOntapFileSystemProtocolSmbMountOptionsArgs(version="AUTOMATIC"),
        )
        protocol = datasync.LocationFsxOntapFileSystemProtocolArgs(smb=smb)
    return datasync.LocationFsxOntapFileSystem(
        name,
        storage_virtual_machine_arn=args.storage_virtual_machine_arn,
        security_group_arns=list(args.security_group_arns),
        protocol=protocol,
        **everywhere,
    ).arn


def _nfs(name: str, args: NfsArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    return datasync.NfsLocation(
        name,
        server_hostname=args.server_hostname,
        on_prem_config=datasync.NfsLocationOnPremConfigArgs(agent_arns=list(args.agent_arns)),
        mount_options=datasync.NfsLocationMountOptionsArgs(version=args.version or "AUTOMATIC"),
        **everywhere,
    ).arn


def _smb(name: str, args: SmbArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    password = given(secret(args.password))
    return datasync.LocationSmb(
        name,
        server_hostname=args.server_hostname,
        agent_arns=list(args.agent_arns),
        user=args.user,
        password=password,
        domain=args.domain,
        mount_options=datasync.LocationSmbMountOptionsArgs(version=args.version or "AUTOMATIC"),
        **everywhere,
    ).arn


def _object_storage(name: str, args: ObjectStorageArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    return datasync.LocationObjectStorage(
        name,
        server_hostname=args.server_hostname,
        bucket_name=args.bucket_name,
        access_key=args.access_key,
        secret_key=secret(args.secret_key),
        server_protocol=args.server_protocol or "HTTPS",
        server_port=args.server_port,
        server_certificate=args.server_certificate,
        agent_arns=list(args.agent_arns) if args.agent_arns is not None else None,
        **everywhere,
    ).arn


def _azure_blob(name: str, args: AzureBlobArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    token = secret(args.sas_token)
    signature = datasync.LocationAzureBlobSasConfigurationArgs(token=token) if token is not None else None
    return datasync.LocationAzureBlob(
        name,
        container_url=args.container_url,
        agent_arns=list(args.agent_arns),
        authentication_type="NONE" if token is None else "SAS",
        sas_configuration=signature,
        access_tier=args.access_tier,
        blob_type="BLOCK",
        **everywhere,
    ).arn


def _hdfs(name: str, args: HdfsArgs, everywhere: dict[str, Any]) -> pulumi.Output[str]:
    port = args.name_node_port if args.name_node_port is not None else HDFS_PORT
    return datasync.LocationHdfs(
        name,
        agent_arns=list(args.agent_arns),
        name_nodes=[datasync.LocationHdfsNameNodeArgs(hostname=args.name_node_hostname, port=port)],
        authentication_type="SIMPLE" if args.kerberos_principal is None else "KERBEROS",
        simple_user=args.simple_user,
        kerberos_principal=args.kerberos_principal,
        kerberos_keytab_base64=secret(args.kerberos_keytab_base64),
        kerberos_krb5_conf_base64=args.kerberos_krb5_conf_base64,
        **everywhere,
    ).arn


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a looked-up bucket is compared with."""

    name: str
    region: str


def bucket_arn(args: LocationArgs, site: Site, parent: pulumi.Resource) -> pulumi.Input[str]:
    """The bucket's ARN, once AWS confirmed its region where that was asked for."""
    s3 = given(args.s3)
    if not s3.look_up or site.kind is not Kind.S3:
        return s3.bucket_arn
    bucket = pulumi.Output.from_input(s3.bucket_arn).apply(lambda arn: arn.rpartition(":")[2])
    found = aws.s3.get_bucket_output(
        bucket=bucket, region=args.region, opts=pulumi.InvokeOutputOptions(parent=parent)
    )
    declared = _Declared(site.name, args.region)
    return pulumi.Output.all(s3.bucket_arn, found.bucket_region).apply(
        lambda known: _confirmed(declared, known[0], known[1])
    )


def _confirmed(declared: _Declared, bucket_arn: str, region: str) -> str:
    if region != declared.region:
        refusals = Refusals("the bucket's own region")
        refusals.add(
            f"{declared.name}.region",
            f"{bucket_arn} lies in {region}, and is declared in {declared.region}",
            f"declare region {region!r}: a location is made in its bucket's region",
        )
        refusals.stop()
    return bucket_arn
