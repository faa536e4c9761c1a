"""PutObject, and what every write has in common: preconditions first, then the bytes become a version."""

from ferryline.testing.strict import conditions, describing, limits
from ferryline.testing.strict.checksum import DEFAULT, Stored
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.reading import checksum_headers
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import Bucket, Version


def put_object(world: World, exchange: Exchange) -> Answer:
    """PutObject."""
    bucket, body = exchange.bucket, exchange.body
    if body.content.size > limits.WRITE_BYTES_MAX:
        raise Refusal("EntityTooLarge", fields={"MaxSizeAllowed": str(limits.WRITE_BYTES_MAX)})
    version = describing.described(world, exchange)
    check_preconditions(world, exchange, Lie.IGNORES_WRITE_PRECONDITIONS)
    version.content = body.content
    version.etag = describing.etag_of(world, version, body.md5)
    version.checksum = body.checksum or Stored(DEFAULT, body.crc64nvme)
    store(bucket, version)
    return Answer(200, written_headers(world, bucket, version))


def check_preconditions(world: World, exchange: Exchange, ignoring: Lie) -> None:
    """If-Match and If-None-Match of a write, unless this server ignores or refuses them."""
    headers = exchange.request.headers
    if world.lies(Lie.REFUSES_WRITE_PRECONDITIONS) and ("if-match" in headers or "if-none-match" in headers):
        raise Refusal("NotImplemented", "Conditional writes are not implemented")
    if not world.lies(ignoring):
        conditions.write(headers, exchange.bucket.visible(exchange.request.key))


def store(bucket: Bucket, version: Version) -> None:
    """Give the version its id and make it current."""
    version.version_id = bucket.next_version_id()
    bucket.store(version)


def written_headers(world: World, bucket: Bucket, version: Version) -> dict[str, str]:
    """What the answer to a write tells."""
    return {
        "ETag": f'"{version.etag}"',
        **version.encryption,
        **describing.written_version_header(bucket, version),
        **checksum_headers(world, version),
    }
