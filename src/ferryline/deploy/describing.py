"""`LocationArgs` to a `Site`, with every refusal that needs one location alone.

Components call `site` for each location before they make anything. Outputs are left alone: what is
not known yet is checked by AWS.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ferryline.deploy import geography
from ferryline.deploy.args_location import LocationArgs, OwnerPolicy, S3Args
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Kind, Site

KINDS = (
    "s3", "efs", "fsx_windows", "fsx_lustre", "fsx_open_zfs", "fsx_ontap", "nfs", "smb", "object_storage",
    "azure_blob", "hdfs",
)  # fmt: skip

STORAGE_CLASSES = {
    "STANDARD": "STANDARD",
    "STANDARD_IA": "STANDARD_IA",
    "ONEZONE_IA": "ONEZONE_IA",
    "INTELLIGENT_TIERING": "INTELLIGENT_TIERING",
    "GLACIER": "GLACIER",
    "DEEP_ARCHIVE": "DEEP_ARCHIVE",
    "GLACIER_IR": "GLACIER_INSTANT_RETRIEVAL",
    "GLACIER_INSTANT_RETRIEVAL": "GLACIER_INSTANT_RETRIEVAL",
    "OUTPOSTS": "OUTPOSTS",
}
"""S3's names and DataSync's, to DataSync's."""

_HOST = re.compile(r"([a-zA-Z0-9-]*[a-zA-Z0-9]\.)*[A-Za-z0-9:-]*[A-Za-z0-9]")
"""What DataSync takes as the name of a server: the API model's own pattern."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One location being looked at: its field, its region, where refusals go."""

    name: str
    region: str
    refusals: Refusals

    def refuse(self, field: str, message: str, remedy: str) -> None:
        self.refusals.add(f"{self.name}.{field}", message, remedy)

    def arn(self, value: object, field: str, *services: str) -> None:
        expected = geography.Expected(services, self.region)
        geography.check_arn(value, f"{self.name}.{field}", expected, self.refusals)

    def arns(self, values: Sequence[object], field: str, service: str, most: int) -> None:
        if not 1 <= len(values) <= most:
            self.refuse(field, f"{len(values)} given", f"give 1 to {most}")
        for index, value in enumerate(values):
            self.arn(value, f"{field}[{index}]", service)

    def role(self, value: object, field: str) -> None:
        self.arn(value, field, "iam")
        if isinstance(value, str) and value.startswith("arn:") and ":role/" not in value:
            self.refuse(field, f"{value[:120]!r} is no role", "copy the role's ARN: arn:aws:iam::…:role/…")

    def prefix(self, value: str | None) -> None:
        if (value or "").startswith("/"):
            remedy = "leave the slash out; keys that begin with one are only in reach of engine: ferryline"
            self.refuse("prefix", f"{value!r} begins with a slash", remedy)

    def host(self, value: object, field: str) -> None:
        if isinstance(value, str) and not _HOST.fullmatch(value):
            self.refuse(
                field, f"{value[:120]!r} is no host's name", "write a name or an address, without a scheme"
            )

    def secret(self, value: object, field: str, *, needed: bool) -> None:
        if isinstance(value, str):
            remedy = "pass pulumi.Config().require_secret(…); in a policy file, ${env:NAME}"
            self.refuse(field, "is a literal, and would be readable in the program", remedy)
        elif value is None and needed:
            remedy = "pass pulumi.Config().require_secret(…); in a policy file, aws.password: ${env:NAME}"
            self.refuse(field, "is missing", remedy)


def site(args: LocationArgs, name: str, opted_in: Sequence[str], refusals: Refusals) -> Site:
    """What is known of a location. Records every refusal; the answer is then only good for going on."""
    geography.check_region(args.region, f"{name}.region", opted_in, refusals)
    given = [kind for kind in KINDS if getattr(args, kind) is not None]
    if len(given) != 1:
        remedy = f"give exactly one of {', '.join(KINDS)}"
        refusals.add(name, f"{', '.join(given) or 'no kind of location'} given", remedy)
        return Site(name, Kind.S3, args.region)
    look = _Look(f"{name}.{given[0]}", args.region, refusals)
    reader: Callable[[_Look, Any, str], Site] = _READERS[given[0]]
    return reader(look, getattr(args, given[0]), name)


def _s3(look: _Look, args: S3Args, name: str) -> Site:
    expected = geography.Expected(("s3", "s3-outposts"), look.region)
    geography.check_bucket(args.bucket_arn, f"{look.name}.bucket_arn", expected, look.refusals)
    look.prefix(args.prefix)
    look.role(args.role_arn, "role_arn")
    outposts = bool(args.agent_arns)
    if args.agent_arns:
        look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    elif isinstance(args.bucket_arn, str) and args.bucket_arn.split(":")[2:3] == ["s3-outposts"]:
        look.refuse("agent_arns", "a bucket on Outposts is reached through an agent", "give agent_arns")
    storage_class = args.storage_class
    if storage_class is not None and storage_class not in STORAGE_CLASSES:
        accepted = ", ".join(dict.fromkeys(STORAGE_CLASSES.values()))
        look.refuse("storage_class", f"DataSync cannot write {storage_class!r}", f"use one of {accepted}")
    for index, key in enumerate(args.kms_key_arns or ()):
        if isinstance(key, str) and not (key.startswith("arn:") and ":key/" in key):
            remedy = "give the key's whole ARN; other accounts and policies cannot use an id or alias"
            look.refuse(f"kms_key_arns[{index}]", f"{key[:80]!r} is no key's ARN", remedy)
        look.arn(
            key if isinstance(key, str) and key.startswith("arn:") else None, f"kms_key_arns[{index}]", "kms"
        )
    _owner(look, args)
    kind = Kind.S3_OUTPOSTS if outposts else Kind.S3
    place = args.bucket_arn if isinstance(args.bucket_arn, str) else ""
    wanted = STORAGE_CLASSES.get(storage_class or "")
    return Site(name, kind, look.region, folder(args.prefix), place, outposts, wanted)


def _owner(look: _Look, args: S3Args) -> None:
    owner = args.owner_account_id
    if owner is not None and not (owner.isdigit() and len(owner) == 12):
        look.refuse("owner_account_id", f"{owner[:40]!r} is no account", "write twelve digits, as text")
    if owner is not None and args.owner_policy is None:
        look.refuse(
            "owner_policy",
            f"the bucket belongs to account {owner}, whose bucket policy has to name our role first",
            'owner_policy="pending" makes the role and emits the policy (required_bucket_policies); once '
            'that account has attached it, write "attached"',
        )
    if owner is None and args.owner_policy is not None:
        look.refuse("owner_policy", "means nothing without owner_account_id", "give the owning account")


def is_pending(args: LocationArgs) -> bool:
    """Whether another account still has to attach its policy before anything can reach the bucket."""
    return args.s3 is not None and args.s3.owner_policy is OwnerPolicy.PENDING


def folder(path: str | None) -> str:
    """A path as a folder below its root: no leading slash, one trailing slash unless empty."""
    plain = (path or "").removeprefix("/")
    return plain if not plain or plain.endswith("/") else plain + "/"


def _efs(look: _Look, args: Any, name: str) -> Site:
    look.arn(args.file_system_arn, "file_system_arn", "elasticfilesystem")
    look.arn(args.subnet_arn, "subnet_arn", "ec2")
    look.arns(args.security_group_arns, "security_group_arns", "ec2", 5)
    look.arn(args.access_point_arn, "access_point_arn", "elasticfilesystem")
    look.role(args.file_system_access_role_arn, "file_system_access_role_arn")
    encryption = args.in_transit_encryption
    if encryption not in (None, "NONE", "TLS1_2"):
        look.refuse("in_transit_encryption", f"{encryption!r} is unknown", "write TLS1_2 or NONE")
    needs = [
        one for one in ("access_point_arn", "file_system_access_role_arn") if getattr(args, one) is not None
    ]
    if needs and encryption != "TLS1_2":
        look.refuse(
            "in_transit_encryption", f"{needs[0]} needs TLS1_2", "write in_transit_encryption: TLS1_2"
        )
    return _plain(look, Kind.EFS, args, name)


def _fsx_windows(look: _Look, args: Any, name: str) -> Site:
    _fsx(look, args)
    look.secret(args.password, "password", needed=True)
    return _plain(look, Kind.FSX_WINDOWS, args, name)


def _fsx_lustre(look: _Look, args: Any, name: str) -> Site:
    _fsx(look, args)
    return _plain(look, Kind.FSX_LUSTRE, args, name)


def _fsx_open_zfs(look: _Look, args: Any, name: str) -> Site:
    _fsx(look, args)
    below = folder(args.path)
    below = below if below.startswith("fsx/") else "fsx/" + below
    return Site(name, Kind.FSX_OPENZFS, look.region, below, _text(args.file_system_arn))


def _fsx(look: _Look, args: Any) -> None:
    look.arn(args.file_system_arn, "file_system_arn", "fsx")
    look.arns(args.security_group_arns, "security_group_arns", "ec2", 5)


def _fsx_ontap(look: _Look, args: Any, name: str) -> Site:
    look.arn(args.storage_virtual_machine_arn, "storage_virtual_machine_arn", "fsx")
    look.arns(args.security_group_arns, "security_group_arns", "ec2", 5)
    if args.user is not None:
        look.secret(args.password, "password", needed=True)
    elif args.password is not None:
        look.refuse("user", "a password without a user", "give the SMB user, or neither for NFS")
    kind = Kind.FSX_ONTAP_NFS if args.user is None else Kind.FSX_ONTAP_SMB
    return Site(name, kind, look.region, folder(args.path), _text(args.storage_virtual_machine_arn))


_NFS_VERSIONS = ("AUTOMATIC", "NFS3", "NFS4_0", "NFS4_1", "NFS4_2")
_SMB_VERSIONS = ("AUTOMATIC", "SMB1", "SMB2_0", "SMB2", "SMB3")


def _version(look: _Look, version: str | None, accepted: tuple[str, ...]) -> None:
    if version is not None and version not in accepted:
        look.refuse("version", f"{version!r} is unknown", f"write one of {', '.join(accepted)}")


def _nfs(look: _Look, args: Any, name: str) -> Site:
    look.host(args.server_hostname, "server_hostname")
    look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    _version(look, args.version, _NFS_VERSIONS)
    place = _text(args.server_hostname)
    return Site(name, Kind.NFS, look.region, folder(args.path), place, agents=True, nfs_version=args.version)


def _smb(look: _Look, args: Any, name: str) -> Site:
    look.host(args.server_hostname, "server_hostname")
    look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    _version(look, args.version, _SMB_VERSIONS)
    look.secret(args.password, "password", needed=True)
    return Site(name, Kind.SMB, look.region, folder(args.path), _text(args.server_hostname), agents=True)


def _object_storage(look: _Look, args: Any, name: str) -> Site:
    look.host(args.server_hostname, "server_hostname")
    look.prefix(args.prefix)
    if args.agent_arns:
        look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    if (args.access_key is None) is not (args.secret_key is None):
        look.refuse("secret_key", "access_key and secret_key belong together", "give both, or neither")
    look.secret(args.secret_key, "secret_key", needed=False)
    if args.server_protocol not in (None, "HTTPS", "HTTP"):
        look.refuse("server_protocol", f"{args.server_protocol!r} is unknown", "write HTTPS or HTTP")
    if args.server_port is not None and not 1 <= args.server_port <= 65536:
        look.refuse("server_port", f"{args.server_port} is no port", "write 1 to 65536")
    place = _text(args.bucket_name)
    return Site(name, Kind.OBJECT_STORAGE, look.region, folder(args.prefix), place, bool(args.agent_arns))


def _azure_blob(look: _Look, args: Any, name: str) -> Site:
    look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    look.secret(args.sas_token, "sas_token", needed=False)
    if args.access_tier not in (None, "HOT", "COOL", "ARCHIVE"):
        look.refuse("access_tier", f"{args.access_tier!r} is unknown", "write HOT, COOL or ARCHIVE")
    return Site(name, Kind.AZURE_BLOB, look.region, folder(args.path), _text(args.container_url), agents=True)


def _hdfs(look: _Look, args: Any, name: str) -> Site:
    look.host(args.name_node_hostname, "name_node_hostname")
    look.arns(args.agent_arns, "agent_arns", "datasync", 8)
    if (args.simple_user is None) is (args.kerberos_principal is None):
        remedy = "give simple_user, or kerberos_principal with its keytab and krb5.conf"
        look.refuse("simple_user", "one way to authenticate is needed, and only one", remedy)
    if args.kerberos_principal is not None:
        look.secret(args.kerberos_keytab_base64, "kerberos_keytab_base64", needed=True)
        if args.kerberos_krb5_conf_base64 is None:
            look.refuse("kerberos_krb5_conf_base64", "is missing", "Kerberos needs the krb5.conf too")
    return Site(name, Kind.HDFS, look.region, folder(args.path), _text(args.name_node_hostname), agents=True)


def _plain(look: _Look, kind: Kind, args: Any, name: str) -> Site:
    return Site(name, kind, look.region, folder(args.path), _text(args.file_system_arn))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_READERS: dict[str, Callable[[_Look, Any, str], Site]] = {
    "s3": _s3,
    "efs": _efs,
    "fsx_windows": _fsx_windows,
    "fsx_lustre": _fsx_lustre,
    "fsx_open_zfs": _fsx_open_zfs,
    "fsx_ontap": _fsx_ontap,
    "nfs": _nfs,
    "smb": _smb,
    "object_storage": _object_storage,
    "azure_blob": _azure_blob,
    "hdfs": _hdfs,
}
