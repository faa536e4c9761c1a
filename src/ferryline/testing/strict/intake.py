"""Takes a request's body in: framing off, lengths, digests and announcements compared. Thread-safe and pure.

Called by `wire` once per request with a body, in a worker thread when the body is large (hashing lets
other threads run).
"""

import base64
import binascii
import hashlib

from awscrt import checksums

from ferryline.testing.strict import aws_chunked, checksum
from ferryline.testing.strict.checksum import Stored
from ferryline.testing.strict.content import Buffer, Content
from ferryline.testing.strict.exchange import Exchange, Intake
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie

STORES = frozenset({"PutObject", "UploadPart"})
"""Operations whose bytes are kept, and therefore hashed whether or not a digest was announced."""


def take(exchange: Exchange, lies: frozenset[Lie]) -> None:
    """Fill `exchange.intake`, or `exchange.refusal` where the body is not what was announced."""
    if exchange.refusal is not None:
        return
    try:
        exchange.intake = _measured(exchange, lies)
    except Refusal as refusal:
        exchange.refusal = refusal


def _measured(exchange: Exchange, lies: frozenset[Lie]) -> Intake:
    request = exchange.request
    body = _unframed(exchange)
    request.body = body
    exchange.seen.bytes_in = len(body)
    signed = exchange.caller.payload_sha256
    if signed is not None and hashlib.sha256(body).hexdigest() != signed.lower():
        raise Refusal("XAmzContentSHA256Mismatch", fields={"ClientComputedContentSHA256": signed})
    md5 = b""
    stores = exchange.operation in STORES
    announced_md5 = request.headers.get("content-md5")
    if stores or announced_md5 is not None:
        md5 = hashlib.md5(body).digest()
    if announced_md5 is not None and Lie.IGNORES_CONTENT_MD5 not in lies:
        _compare_md5(announced_md5, md5)
    crc64nvme = checksums.crc64nvme(body).to_bytes(8, "big") if stores else b""
    return Intake(Content.of(body), md5, crc64nvme, _announced(exchange, body, crc64nvme, lies))


def _unframed(exchange: Exchange) -> Buffer:
    request = exchange.request
    decoded_text = request.headers.get("x-amz-decoded-content-length")
    expected = int(decoded_text) if decoded_text and decoded_text.isdigit() else None
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload.startswith("STREAMING-") and decoded_text is None:
        return request.body
    if request.trailers and (expected is None or expected == len(request.body)):
        return request.body  # the HTTP chunks were the aws-chunks
    signer = exchange.caller.chunks
    body, trailers = aws_chunked.decode(request.body, expected, signer.verify if signer else None)
    request.trailers.update(trailers)
    return body


def _compare_md5(text: str, actual: bytes) -> None:
    try:
        wanted = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        wanted = b""
    if len(wanted) != 16:
        raise Refusal("InvalidDigest")
    if wanted != actual:
        raise Refusal(
            "BadDigest",
            fields={"ExpectedDigest": text, "CalculatedDigest": base64.b64encode(actual).decode()},
        )


def _announced(exchange: Exchange, body: Buffer, crc64nvme: bytes, lies: frozenset[Lie]) -> Stored | None:
    if Lie.IGNORES_CHECKSUMS in lies or exchange.operation == "CompleteMultipartUpload":
        return None
    found = checksum.announced(exchange.request.headers, exchange.request.trailers)
    if found is None:
        return None
    wanted = checksum.decode(found.algorithm, found.text or "")
    if Lie.ECHOES_CHECKSUMS in lies:
        return Stored(found.algorithm, wanted)
    known = crc64nvme if found.algorithm is checksum.DEFAULT else b""
    actual = known or found.algorithm.compute(body)
    if actual != wanted:
        raise Refusal(
            "BadDigest", f"The {found.algorithm.name} you specified did not match the calculated checksum"
        )
    return Stored(found.algorithm, wanted)
