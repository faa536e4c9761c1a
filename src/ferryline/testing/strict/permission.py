"""Who may do what: refused operations, anonymous callers, requester pays, regions. Asked by `service`.

Also makes the answer for what is missing: 404, or 403 for who may not list (S3 does not tell then).
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Redirect
from ferryline.testing.strict.shelf import Bucket

_PUBLIC: Final = frozenset(
    {"GetObject", "HeadObject", "ListObjects", "ListObjectsV2", "HeadBucket", "GetBucketLocation"}
)


def refused(exchange: Exchange, operation: str, key: bytes) -> bool:
    """Whether the caller's credential is refused this operation on this key."""
    credential = exchange.caller.credential
    if credential is None:
        return False
    text = key.decode("utf-8", "surrogateescape")
    return any(
        fnmatchcase(operation, one.operation) and fnmatchcase(text, one.key) for one in credential.refused
    )


def missing(exchange: Exchange, code: str, key: bytes, headers: Mapping[str, str] | None = None) -> Refusal:
    """The refusal for a key or version that is not there."""
    if refused(exchange, "ListObjectsV2", key):
        return Refusal("AccessDenied")
    return Refusal(code, headers=headers, fields={"Key": key.decode("utf-8", "surrogateescape")})


def check(world: World, exchange: Exchange) -> None:
    """Refuse what this caller may not do."""
    request, bucket = exchange.request, exchange.found
    if bucket is not None and exchange.operation != "GetBucketLocation":
        _check_region(world, exchange, bucket)
    if not world.settings.verify_signatures:
        return
    if not exchange.caller.access_key:
        public = bucket is not None and bucket.settings.public_read and exchange.operation in _PUBLIC
        if not public:
            raise Refusal("AccessDenied", headers=_region_told(world, exchange))
        return
    key = request.key
    if exchange.operation.startswith("List") and not key:
        key = request.params.get("prefix", "").encode("utf-8", "surrogateescape")
    if refused(exchange, exchange.operation, key):
        said = f"Not allowed: {exchange.operation}"
        raise Refusal("AccessDenied", said, headers=_region_told(world, exchange))
    pays = bucket is not None and bucket.settings.requester_pays
    if pays and request.headers.get("x-amz-request-payer") != "requester":
        raise Refusal("AccessDenied", "This bucket is requester pays")


def _region_told(world: World, exchange: Exchange) -> dict[str, str]:
    """S3 tells a bucket's region to anybody who asks for its head, the refused included."""
    if exchange.operation != "HeadBucket" or exchange.found is None:
        return {}
    return {"x-amz-bucket-region": exchange.found.settings.region or world.settings.region}


def _check_region(world: World, exchange: Exchange, bucket: Bucket) -> None:
    lives_in = bucket.settings.region or world.settings.region
    signed_for = exchange.caller.region or world.settings.region
    if signed_for == lives_in:
        return
    headers = {"x-amz-bucket-region": lives_in}
    if world.settings.redirect is Redirect.MALFORMED or lives_in == world.settings.region:
        message = (
            f"The authorization header is malformed; expecting the region '{lives_in}', not '{signed_for}'"
        )
        raise Refusal("AuthorizationHeaderMalformed", message, headers=headers, fields={"Region": lives_in})
    endpoint = f"{bucket.name}.s3.{lives_in}.amazonaws.com"
    raise Refusal("PermanentRedirect", headers=headers, fields={"Endpoint": endpoint, "Bucket": bucket.name})
