"""GetObjectAttributes, tagging, locks and restore: what is known about an object besides its bytes."""

from datetime import datetime

from ferryline.testing.strict import describing, documents
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.reading import check_customer_key, found
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import Version

_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


def _tagged(world: World, exchange: Exchange) -> Version:
    """The version whose tags are meant."""
    if world.lies(Lie.REFUSES_TAGGING):
        raise Refusal("NotImplemented", "Object tagging is not implemented")
    return _version(exchange)


def _version(exchange: Exchange) -> Version:
    return found(exchange, exchange.bucket, exchange.request.key, exchange.request.params.get("versionId"))


def get_attributes(world: World, exchange: Exchange) -> Answer:
    """GetObjectAttributes: only those asked for."""
    headers = exchange.request.headers
    asked = {one.strip() for one in headers.get("x-amz-object-attributes", "").split(",") if one.strip()}
    if not asked or asked - _ATTRIBUTES:
        raise Refusal("InvalidArgument", "Invalid attribute name specified.")
    version = _version(exchange)
    check_customer_key(version, headers)
    pieces = []
    if "ETag" in asked:
        pieces.append(documents.element("ETag", version.etag))
    stored = None if world.lies(Lie.IGNORES_CHECKSUMS) else version.checksum
    if "Checksum" in asked and stored is not None:
        inner = documents.element(stored.algorithm.element, stored.text)
        pieces.append(f"<Checksum>{inner}{documents.element('ChecksumType', stored.type)}</Checksum>")
    if "ObjectParts" in asked and version.parts:
        pieces.append(_parts(version, headers))
    if "StorageClass" in asked:
        pieces.append(documents.element("StorageClass", version.storage_class))
    if "ObjectSize" in asked:
        pieces.append(documents.element("ObjectSize", version.size))
    answer = Answer.of(documents.document("GetObjectAttributesResponse", pieces))
    answer.headers["Last-Modified"] = describing.http_date(version.modified)
    answer.headers |= describing.version_header(exchange.bucket, version)
    return answer


def _parts(version: Version, headers: dict[str, str]) -> str:
    pieces = documents.element("PartsCount", len(version.parts))
    if not version.parts_named:
        return f"<ObjectParts>{pieces}</ObjectParts>"
    most = min(int(headers.get("x-amz-max-parts") or 1000), 1000)
    after = int(headers.get("x-amz-part-number-marker") or 0)
    rest = [one for one in version.parts if one.number > after]
    shown = rest[:most]
    pieces += documents.element("PartNumberMarker", after)
    pieces += documents.element("NextPartNumberMarker", shown[-1].number if shown else 0)
    pieces += documents.element("MaxParts", most)
    pieces += documents.element("IsTruncated", str(len(rest) > len(shown)).lower())
    for one in shown:
        inner = documents.element("PartNumber", one.number) + documents.element("Size", one.content.size)
        if one.checksum is not None:
            inner += documents.element(one.checksum.algorithm.element, one.checksum.text)
        pieces += f"<Part>{inner}</Part>"
    return f"<ObjectParts>{pieces}</ObjectParts>"


def get_tagging(world: World, exchange: Exchange) -> Answer:
    """GetObjectTagging."""
    version = _tagged(world, exchange)
    inner = "".join(
        f"<Tag>{documents.element('Key', name)}{documents.element('Value', value)}</Tag>"
        for name, value in sorted(version.tags.items())
    )
    answer = Answer.of(documents.document("Tagging", [f"<TagSet>{inner}</TagSet>"]))
    answer.headers |= describing.version_header(exchange.bucket, version)
    return answer


def put_tagging(world: World, exchange: Exchange) -> Answer:
    """PutObjectTagging: all tags at once. Neither ETag nor Last-Modified change."""
    tree = documents.parse(exchange.body.content.whole(), "Tagging")
    pairs = [
        (documents.text_of(tag, "Key") or "", documents.text_of(tag, "Value") or "")
        for _, tag_set in documents.children(tree)
        for _, tag in documents.children(tag_set)
    ]
    version = _tagged(world, exchange)
    tags = describing.check_tags(pairs)
    version.tags = {} if world.lies(Lie.IGNORES_TAGGING) else tags
    return Answer(200, describing.version_header(exchange.bucket, version))


def delete_tagging(world: World, exchange: Exchange) -> Answer:
    """DeleteObjectTagging."""
    version = _tagged(world, exchange)
    version.tags = {}
    return Answer(204, describing.version_header(exchange.bucket, version))


def put_retention(world: World, exchange: Exchange) -> Answer:
    """PutObjectRetention: this version may not be deleted before that time."""
    tree = documents.parse(exchange.body.content.whole(), "Retention")
    until = documents.text_of(tree, "RetainUntilDate")
    if until is None:
        raise Refusal("MalformedXML")
    version = _version(exchange)
    moment = datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp()
    if moment < version.locked_until:
        raise Refusal("AccessDenied", "A retention may not be shortened")
    version.locked_until = moment
    return Answer(200)


def put_legal_hold(world: World, exchange: Exchange) -> Answer:
    """PutObjectLegalHold."""
    tree = documents.parse(exchange.body.content.whole(), "LegalHold")
    _version(exchange).legal_hold = documents.text_of(tree, "Status") == "ON"
    return Answer(200)


def restore(world: World, exchange: Exchange) -> Answer:
    """RestoreObject: done at once."""
    version = _version(exchange)
    if not version.archived:
        raise Refusal("InvalidObjectState", "Restore is not allowed for the object's current storage class")
    version.restored = True
    return Answer(202)
