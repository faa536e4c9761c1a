"""Verbs of the service and of buckets, and sub-resources that are only kept and given back."""

import re
from dataclasses import replace

from ferryline.testing.strict import documents
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.reading import found
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import BucketSettings, Encryption
from ferryline.testing.strict.shelf import Bucket
from ferryline.testing.strict.uploads import owner

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LABELS = re.compile(r"\.\.|-\.|\.-")
_NEVER_SET = {
    "Tagging": "NoSuchTagSet",
    "Policy": "NoSuchBucketPolicy",
    "Cors": "NoSuchCORSConfiguration",
    "OwnershipControls": "OwnershipControlsNotFoundError",
    "Replication": "ReplicationConfigurationNotFoundError",
    "PublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
}
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def list_buckets(world: World, exchange: Exchange) -> Answer:
    """ListBuckets, in pages where they are asked for. A token is the name of the last bucket told."""
    params = exchange.request.params
    prefix, token = params.get("prefix", ""), params.get("continuation-token", "")
    most = int(params.get("max-buckets") or 10_000)
    names = [one for one in sorted(world.buckets) if one.startswith(prefix) and one > token]
    inner = "".join(
        f"<Bucket>{documents.element('Name', name)}"
        f"{documents.element('CreationDate', documents.moment(world.buckets[name].created))}</Bucket>"
        for name in names[:most]
    )
    pieces = [owner(world, "Owner"), f"<Buckets>{inner}</Buckets>"]
    if len(names) > most:
        pieces.append(documents.element("ContinuationToken", names[most - 1]))
    return Answer.of(documents.document("ListAllMyBucketsResult", pieces))


def create(world: World, exchange: Exchange) -> Answer:
    """CreateBucket. Creating one's own again is 200 in us-east-1 and 409 elsewhere, as on AWS."""
    name = exchange.request.bucket
    if not _NAME.fullmatch(name) or _LABELS.search(name) or _ADDRESS.fullmatch(name):
        raise Refusal("InvalidBucketName", fields={"BucketName": name})
    region = None
    body = exchange.body.content.whole()
    if body.strip():
        tree = documents.parse(body, "CreateBucketConfiguration")
        region = documents.text_of(tree, "LocationConstraint") or None
    if name in world.buckets:
        if world.settings.region != "us-east-1":
            raise Refusal("BucketAlreadyOwnedByYou", fields={"BucketName": name})
    else:
        world.buckets[name] = Bucket(BucketSettings(name, region=region), exchange.now)
    return Answer(200, {"Location": f"/{name}"})


def head(world: World, exchange: Exchange) -> Answer:
    """HeadBucket."""
    region = exchange.bucket.settings.region or world.settings.region
    return Answer(200, {"x-amz-bucket-region": region, "Content-Type": "application/xml"})


def delete(world: World, exchange: Exchange) -> Answer:
    """DeleteBucket: only an empty one."""
    if exchange.bucket.keys:
        raise Refusal("BucketNotEmpty", fields={"BucketName": exchange.bucket.name})
    del world.buckets[exchange.bucket.name]
    return Answer(204)


def location(world: World, exchange: Exchange) -> Answer:
    """GetBucketLocation: empty for us-east-1."""
    region = exchange.bucket.settings.region or world.settings.region
    return Answer.of(
        documents.document("LocationConstraint", [] if region == "us-east-1" else [documents.escape(region)])
    )


def get_versioning(world: World, exchange: Exchange) -> Answer:
    """GetBucketVersioning: no Status where versioning was never on."""
    status = documents.optional("Status", exchange.bucket.versioning)
    return Answer.of(documents.document("VersioningConfiguration", [status]))


def put_versioning(world: World, exchange: Exchange) -> Answer:
    """PutBucketVersioning."""
    tree = documents.parse(exchange.body.content.whole(), "VersioningConfiguration")
    status = documents.text_of(tree, "Status")
    if status not in ("Enabled", "Suspended"):
        raise Refusal("IllegalVersioningConfigurationException")
    exchange.bucket.versioning = status
    return Answer(200)


def get_acl(world: World, exchange: Exchange) -> Answer:
    """GetBucketAcl and GetObjectAcl: ACLs are off, the owner has full control."""
    if exchange.request.key:
        found(exchange, exchange.bucket, exchange.request.key, exchange.request.params.get("versionId"))
    who = owner(world, "Owner").removeprefix("<Owner>").removesuffix("</Owner>")
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
    grant = f"<Grant><Grantee {schema}>{who}</Grantee><Permission>FULL_CONTROL</Permission></Grant>"
    pieces = [owner(world, "Owner"), f"<AccessControlList>{grant}</AccessControlList>"]
    return Answer.of(documents.document("AccessControlPolicy", pieces))


def put_acl(world: World, exchange: Exchange) -> Answer:
    """PutBucketAcl and PutObjectAcl: as on every bucket made since 2023, only `private` is taken."""
    if exchange.request.headers.get("x-amz-acl", "") not in ("private", "bucket-owner-full-control"):
        raise Refusal("AccessControlListNotSupported")
    return Answer(200)


def get_encryption(world: World, exchange: Exchange) -> Answer:
    """GetBucketEncryption: every bucket has some."""
    algorithm = documents.element("SSEAlgorithm", exchange.bucket.settings.encryption.value)
    default = f"<ApplyServerSideEncryptionByDefault>{algorithm}</ApplyServerSideEncryptionByDefault>"
    rule = f"<Rule>{default}</Rule>"
    return Answer.of(documents.document("ServerSideEncryptionConfiguration", [rule]))


def put_encryption(world: World, exchange: Exchange) -> Answer:
    """PutBucketEncryption, with effect on writes from now on."""
    tree = documents.parse(exchange.body.content.whole(), "ServerSideEncryptionConfiguration")
    said = [node.text for node in tree.iter() if str(node.tag).endswith("SSEAlgorithm")]
    if len(said) != 1 or said[0] not in (Encryption.SSE_S3.value, Encryption.KMS.value):
        raise Refusal("MalformedXML")
    exchange.bucket.settings = replace(exchange.bucket.settings, encryption=Encryption(said[0]))
    return Answer(200)


def delete_encryption(world: World, exchange: Exchange) -> Answer:
    """DeleteBucketEncryption: back to SSE-S3."""
    exchange.bucket.settings = replace(exchange.bucket.settings, encryption=Encryption.SSE_S3)
    return Answer(204)


def get_kept(world: World, exchange: Exchange) -> Answer:
    """A sub-resource that was put, as it came; a 404 code of its own where there is none."""
    name = exchange.operation.removeprefix("GetBucket")
    kept = exchange.bucket.documents.get(name)
    if kept is None:
        code = _NEVER_SET.get(name, f"NoSuch{name}")
        refusal = Refusal(code, "It was never set")
        refusal.status = 404
        raise refusal
    return Answer.of(kept)


def put_kept(world: World, exchange: Exchange) -> Answer:
    """Keep a sub-resource's document; it has no effect."""
    name = exchange.operation.removeprefix("PutBucket")
    exchange.bucket.documents[name] = exchange.body.content.whole()
    return Answer(200)


def delete_kept(world: World, exchange: Exchange) -> Answer:
    """Forget a sub-resource's document."""
    exchange.bucket.documents.pop(exchange.operation.removeprefix("DeleteBucket"), None)
    return Answer(204)
