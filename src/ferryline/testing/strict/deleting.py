"""DeleteObject and DeleteObjects: markers where there is versioning, preconditions, locks."""

from ferryline.testing.strict import conditions, describing, documents, limits
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.permission import refused
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import NULL, Bucket, Version


def delete_object(world: World, exchange: Exchange) -> Answer:
    """DeleteObject."""
    request = exchange.request
    headers = request.headers
    asked = (
        headers.get("if-match"),
        headers.get("x-amz-if-match-last-modified-time"),
        headers.get("x-amz-if-match-size"),
    )
    if world.lies(Lie.REFUSES_WRITE_PRECONDITIONS) and any(one is not None for one in asked):
        raise Refusal("NotImplemented", "Conditional deletes are not implemented")
    version_id = request.params.get("versionId")
    target = _target(exchange.bucket, request.key, version_id)
    if not world.lies(Lie.IGNORES_DELETE_PRECONDITIONS):
        conditions.delete(target, *asked)
    gone = remove(exchange.bucket, request.key, version_id, exchange.now)
    answer = {}
    if gone is not None:
        if gone.is_marker:
            answer["x-amz-delete-marker"] = "true"
        answer |= describing.version_header(exchange.bucket, gone)
    return Answer(204, answer)


def _target(bucket: Bucket, key: bytes, version_id: str | None) -> Version | None:
    return bucket.visible(key) if version_id is None else bucket.version(key, version_id)


def remove(bucket: Bucket, key: bytes, version_id: str | None, now: float) -> Version | None:
    """Delete a version, or the current one; the version or marker to tell about, if any."""
    if version_id is not None:
        there = bucket.version(key, version_id)
        if there is not None and (there.locked_until > now or there.legal_hold):
            raise Refusal("AccessDenied", "Access Denied because object protected by object lock")
        if there is None and version_id != NULL and not version_id.isalnum():
            raise Refusal("InvalidArgument", "Invalid version id specified")
        return bucket.drop(key, version_id)
    if bucket.versioning is None:
        bucket.drop(key, NULL)
        return None
    marker = Version(key, bucket.next_version_id(), now)
    bucket.store(marker)
    return marker


def delete_objects(world: World, exchange: Exchange) -> Answer:
    """DeleteObjects: up to 1,000 keys, each with its own outcome."""
    headers = exchange.request.headers
    announced = "content-md5" in headers or (
        exchange.body.checksum is not None and not world.lies(Lie.REFUSES_DELETE_OBJECTS_WITHOUT_MD5)
    )
    if not announced:
        raise Refusal(
            "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        )
    tree = documents.parse(exchange.body.content.whole(), "Delete")
    entries = [child for name, child in documents.children(tree) if name == "Object"]
    if not 0 < len(entries) <= limits.DELETES_MAX:
        raise Refusal("MalformedXML")
    quiet = (documents.text_of(tree, "Quiet") or "").lower() == "true"
    pieces = []
    for entry in entries:
        key_text = documents.text_of(entry, "Key")
        if not key_text:
            raise Refusal("MalformedXML")
        wanted = {
            name: documents.text_of(entry, name) for name in ("VersionId", "ETag", "LastModifiedTime", "Size")
        }
        pieces.append(_one(world, exchange, key_text.encode(), wanted, quiet=quiet))
    return Answer.of(documents.document("DeleteResult", pieces))


def _one(world: World, exchange: Exchange, key: bytes, wanted: dict[str, str | None], *, quiet: bool) -> str:
    bucket, version_id = exchange.bucket, wanted["VersionId"]
    named = documents.element("Key", key.decode()) + documents.optional("VersionId", version_id)
    try:
        if refused(exchange, "DeleteObject", key):
            raise Refusal("AccessDenied")
        if not world.lies(Lie.IGNORES_DELETE_PRECONDITIONS):
            target = _target(bucket, key, version_id)
            conditions.delete(target, wanted["ETag"], wanted["LastModifiedTime"], wanted["Size"])
        gone = remove(bucket, key, version_id, exchange.now)
    except Refusal as refusal:
        code = documents.element("Code", refusal.code) + documents.element("Message", refusal.message)
        return f"<Error>{named}{code}</Error>"
    if quiet:
        return ""
    if gone is not None and gone.is_marker:
        named += documents.element("DeleteMarker", "true")
        named += documents.element("DeleteMarkerVersionId", gone.version_id)
    return f"<Deleted>{named}</Deleted>"
