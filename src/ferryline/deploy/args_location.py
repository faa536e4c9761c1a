"""What a program says of a location: one class for each kind that DataSync knows, and `LocationArgs`.

Regions and paths are plain values, so that refusals come when the program runs; ARNs, names and
secrets may be Outputs. `location` reads them. Nothing is checked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi


class OwnerPolicy(StrEnum):
    """Whether another account's bucket policy already names our role."""

    ATTACHED = "attached"
    PENDING = "pending"
    """Make the role and the document for the other account, and no location or task yet."""


@dataclass(frozen=True, kw_only=True)
class S3Args:
    """A folder of an S3 bucket, access point or bucket on Outposts."""

    bucket_arn: pulumi.Input[str]
    """The bucket's or access point's ARN."""
    prefix: str | None = None
    """The folder inside the bucket; the whole bucket when left out."""
    storage_class: str | None = None
    """The storage class of what is written, by S3's or DataSync's name; STANDARD when left out."""
    kms_key_arns: Sequence[pulumi.Input[str]] | None = None
    """The KMS keys of the bucket's objects, as whole ARNs."""
    role_arn: pulumi.Input[str] | None = None
    """A role that exists already; by default one of least privilege is made."""
    owner_account_id: str | None = None
    """The account that owns the bucket, where it is not the program's own."""
    owner_policy: OwnerPolicy | None = None
    """Whether that account's bucket policy already names our role: attached or pending."""
    agent_arns: Sequence[pulumi.Input[str]] | None = None
    """Agents, for a bucket on Outposts only."""
    look_up: bool | None = None
    """Ask AWS where the bucket lies and refuse another region than the declared one; it has to exist."""


@dataclass(frozen=True, kw_only=True)
class EfsArgs:
    """A folder of an EFS file system."""

    file_system_arn: pulumi.Input[str]
    """The file system's ARN."""
    subnet_arn: pulumi.Input[str]
    """A subnet of its VPC, in an availability zone with a mount target."""
    security_group_arns: Sequence[pulumi.Input[str]]
    """One to five security groups that reach the mount target."""
    access_point_arn: pulumi.Input[str] | None = None
    """An access point to mount through; needs TLS1_2."""
    file_system_access_role_arn: pulumi.Input[str] | None = None
    """A role to mount with; needs TLS1_2."""
    in_transit_encryption: str | None = None
    """NONE or TLS1_2."""
    path: str | None = None
    """The folder; the root when left out."""


@dataclass(frozen=True, kw_only=True)
class FsxWindowsArgs:
    """A folder of an FSx for Windows File Server file system."""

    file_system_arn: pulumi.Input[str]
    """The file system's ARN."""
    security_group_arns: Sequence[pulumi.Input[str]]
    """One to five security groups that reach it."""
    user: pulumi.Input[str]
    """The Windows user who can read, or write, the folder."""
    password: pulumi.Input[str] | None = None
    """That user's password: a secret of the configuration, never a literal."""
    domain: pulumi.Input[str] | None = None
    """The user's Windows domain."""
    path: str | None = None
    """The folder, starting with the share."""


@dataclass(frozen=True, kw_only=True)
class FsxLustreArgs:
    """A folder of an FSx for Lustre file system."""

    file_system_arn: pulumi.Input[str]
    """The file system's ARN."""
    security_group_arns: Sequence[pulumi.Input[str]]
    """One to five security groups that reach it."""
    path: str | None = None
    """The folder; the root when left out."""


@dataclass(frozen=True, kw_only=True)
class FsxOpenZfsArgs:
    """A folder of an FSx for OpenZFS file system."""

    file_system_arn: pulumi.Input[str]
    """The file system's ARN."""
    security_group_arns: Sequence[pulumi.Input[str]]
    """One to five security groups that reach it."""
    path: str | None = None
    """The folder below `/fsx`."""


@dataclass(frozen=True, kw_only=True)
class FsxOntapArgs:
    """A volume of an FSx for NetApp ONTAP file system, over NFS, or over SMB where a user is given."""

    storage_virtual_machine_arn: pulumi.Input[str]
    """The storage virtual machine's ARN."""
    security_group_arns: Sequence[pulumi.Input[str]]
    """One to five security groups that reach it."""
    user: pulumi.Input[str] | None = None
    """The user, which makes it SMB."""
    password: pulumi.Input[str] | None = None
    """That user's password: a secret of the configuration, never a literal."""
    domain: pulumi.Input[str] | None = None
    """The user's domain."""
    path: str | None = None
    """The junction path, at most 255 characters."""


@dataclass(frozen=True, kw_only=True)
class NfsArgs:
    """An export of an NFS server, reached through agents."""

    server_hostname: pulumi.Input[str]
    """The server's name or address, as the agent resolves it."""
    path: str
    """The exported folder."""
    agent_arns: Sequence[pulumi.Input[str]]
    """One to eight agents, activated in the location's region."""
    version: str | None = None
    """AUTOMATIC, NFS3, NFS4_0, NFS4_1 or NFS4_2."""


@dataclass(frozen=True, kw_only=True)
class SmbArgs:
    """A share of an SMB server, reached through agents."""

    server_hostname: pulumi.Input[str]
    """The server's name or address, as the agent resolves it."""
    path: str
    """The share and folder."""
    agent_arns: Sequence[pulumi.Input[str]]
    """One to eight agents, activated in the location's region."""
    user: pulumi.Input[str]
    """The user who can mount the share."""
    password: pulumi.Input[str] | None = None
    """That user's password: a secret of the configuration, never a literal."""
    domain: pulumi.Input[str] | None = None
    """The user's domain."""
    version: str | None = None
    """AUTOMATIC, SMB1, SMB2_0, SMB2 or SMB3."""


@dataclass(frozen=True, kw_only=True)
class ObjectStorageArgs:
    """A bucket of another S3-compatible store; Google Cloud Storage is one, over its XML API."""

    server_hostname: pulumi.Input[str]
    """The endpoint's host name."""
    bucket_name: pulumi.Input[str]
    """The bucket."""
    prefix: str | None = None
    """The folder inside the bucket."""
    access_key: pulumi.Input[str] | None = None
    """The access key's id."""
    secret_key: pulumi.Input[str] | None = None
    """The secret key: a secret of the configuration, never a literal."""
    server_protocol: str | None = None
    """HTTPS (the default) or HTTP."""
    server_port: int | None = None
    """The port; 443 or 80 when left out."""
    server_certificate: pulumi.Input[str] | None = None
    """A PEM chain of at most 32 KiB, where the certificate is not publicly trusted."""
    agent_arns: Sequence[pulumi.Input[str]] | None = None
    """Agents, where the store is not reached from AWS itself."""


@dataclass(frozen=True, kw_only=True)
class AzureBlobArgs:
    """A container of Azure Blob Storage, reached through agents."""

    container_url: pulumi.Input[str]
    """The container's URL."""
    agent_arns: Sequence[pulumi.Input[str]]
    """One to eight agents, activated in the location's region."""
    sas_token: pulumi.Input[str] | None = None
    """The shared access signature: a secret of the configuration. Without it the container is public."""
    access_tier: str | None = None
    """HOT, COOL or ARCHIVE."""
    path: str | None = None
    """The folder inside the container."""


@dataclass(frozen=True, kw_only=True)
class HdfsArgs:
    """A folder of a Hadoop file system, reached through agents."""

    name_node_hostname: pulumi.Input[str]
    """The name node."""
    agent_arns: Sequence[pulumi.Input[str]]
    """One to eight agents, activated in the location's region."""
    name_node_port: int | None = None
    """The name node's port; 8020 when left out."""
    simple_user: pulumi.Input[str] | None = None
    """The user, for simple authentication."""
    kerberos_principal: pulumi.Input[str] | None = None
    """The principal, for Kerberos."""
    kerberos_keytab_base64: pulumi.Input[str] | None = None
    """The keytab, for Kerberos: a secret of the configuration."""
    kerberos_krb5_conf_base64: pulumi.Input[str] | None = None
    """The krb5.conf, for Kerberos."""
    path: str | None = None
    """The folder."""


@dataclass(frozen=True, kw_only=True)
class LocationArgs:
    """Where bytes live: a region, and exactly one of the kinds below."""

    region: str
    """The region the bucket, file system or agent is in."""
    s3: S3Args | None = None
    """A bucket."""
    efs: EfsArgs | None = None
    """An EFS file system."""
    fsx_windows: FsxWindowsArgs | None = None
    """An FSx for Windows file system."""
    fsx_lustre: FsxLustreArgs | None = None
    """An FSx for Lustre file system."""
    fsx_open_zfs: FsxOpenZfsArgs | None = None
    """An FSx for OpenZFS file system."""
    fsx_ontap: FsxOntapArgs | None = None
    """An FSx for ONTAP file system."""
    nfs: NfsArgs | None = None
    """An NFS server."""
    smb: SmbArgs | None = None
    """An SMB server."""
    object_storage: ObjectStorageArgs | None = None
    """Another S3-compatible store."""
    azure_blob: AzureBlobArgs | None = None
    """A container of Azure Blob Storage."""
    hdfs: HdfsArgs | None = None
    """A Hadoop file system."""
    location_arn: pulumi.Input[str] | None = None
    """A DataSync location of this place that exists already, made in this region."""
