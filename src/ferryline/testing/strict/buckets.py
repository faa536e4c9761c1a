"""Verbs of the service and of buckets, and sub-resources that are only kept and given back."""

import re

from ferryline.testing.strict import documents
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import BucketSettings
from ferryline.testing.strict.shelf import Bucket
from ferryline.testing.strict.uploads import owner

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def list_buckets(world: World, exchange: Exchange) -> Answer:
    """ListBuckets."""
    inner = "".join(
        f"<Bucket>{documents.element('Name', one.name)}"
        f"{documents.element('CreationDate', documents.moment(one.created))}</Bucket>"
        for _, one in sorted(world.buckets.items())
    )
    pieces = [owner(world, "Owner"), f"<Buckets>{inner}</Buckets>"]
    return Answer.of(documents.document("ListAllMyBucketsResult", pieces))


def create(world: World, exchange: Exchange) -> Answer:
    """CreateBucket. Creating one's own again is 200 in us-east-1 and 409 elsewhere, as on AWS."""
    name = exchange.request.bucket
    if not _NAME.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
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


def get_kept(world: World, exchange: Exchange) -> Answer:
    """A sub-resource that was put, as it came; a 404 code of its own where there is none."""
    name = exchange.operation.removeprefix("GetBucket")
    kept = exchange.bucket.documents.get(name)
    if kept is None:
        code = {
            "Tagging": "NoSuchTagSet",
            "Policy": "NoSuchBucketPolicy",
            "Cors": "NoSuchCORSConfiguration",
        }.get(name, f"NoSuch{name}")
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
