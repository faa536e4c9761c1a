"""One S3 request as the verbs speak of it, before it is signed and sent.

Verbs (listing, objects, uploads, copies) make it, `client` sends it. It asks nothing by itself.
"""

from dataclasses import dataclass, field

from ferryline.storage.s3 import sign
from ferryline.storage.s3.http_message import Body, Delivery
from ferryline.storage.s3.refusal import Effect

_XML_BYTES_MAX = 4 * 1024**2


@dataclass(slots=True)
class Call:
    """One S3 request as the verbs speak of it. `key` is relative to the location's folder.

    `headers` have lower-case names; values are text (surrogate escapes stand for raw bytes). `md5`
    (raw) makes the body's signature UNSIGNED-PAYLOAD, because Content-MD5 is signed instead; a body
    that comes in pieces cannot be hashed beforehand and is unsigned too.
    """

    operation: str
    method: str
    key: bytes | None = None
    query: sign.Query = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = b""
    md5: bytes | None = None
    body_bytes_max: int = _XML_BYTES_MAX
    effect: Effect = Effect.READ
    works_long: bool = False
    moves_data: bool = False
    delivery: Delivery = Delivery.COLLECT
    permission: str = ""
    signed_with: sign.Keys | None = None
    keyless: bool = False
    """Sent without the location's customer key: the object may have none."""
