"""What was asked and how it was refused: the two values from which `translate` makes an error.

Built by the verbs (`Asked`) and read from answers (`Refusal`). Secrets and signed material that
servers echo (StringToSign and kin) are never read out of an error body.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ferryline.model.key import printable
from ferryline.storage.s3 import answer_xml
from ferryline.storage.s3.http_message import Answer


class Effect(StrEnum):
    """What a request does at the endpoint, which says what a failed condition or a lost reply means."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for messages: `key` is relative, None for requests about the bucket."""

    operation: str
    place: str
    bucket: str
    key: bytes | None = None
    effect: Effect = Effect.READ
    kms_key_id: str | None = None
    permission: str = ""
    credentials_from: str = ""
    customer_key: bool = False
    """Whether the location has a customer key (SSE-C)."""

    @property
    def what(self) -> str:
        """`GetObject of dir/name in s3://bucket/prefix`."""
        of = "" if self.key is None else f" of {printable(self.key) or '(the folder itself)'}"
        return f"{self.operation}{of} in {self.place}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed answer as the server explained it: `code` is S3's, or empty where it gave none."""

    status: int
    code: str = ""
    message: str = ""
    region: str = ""
    condition: str = ""


def read_refusal(answer: Answer) -> Refusal:
    """What an answer's error body says. A body that is no S3 error leaves only the status."""
    body = bytes(answer.body[: answer_xml.ERROR_BYTES_MAX])
    region = answer.text(b"x-amz-bucket-region") or ""
    plain = Refusal(answer.status, region=region)
    if answer.cut or not body.strip():
        return plain
    try:
        root = answer_xml.parse_carrying(bytes(body))
    except answer_xml.NotXml:
        return plain
    if answer_xml.name_of(root) == "ErrorResponse":
        root = next(iter(answer_xml.children(root, "Error")), root)
    if answer_xml.name_of(root) != "Error":
        return plain
    return Refusal(
        status=answer.status,
        code=_word(answer_xml.child_text(root, "Code")),
        message=_sentence(answer_xml.child_text(root, "Message")),
        region=region or _word(answer_xml.child_text(root, "Region")),
        condition=_word(answer_xml.child_text(root, "Condition")),
    )


def _word(text: str | None) -> str:
    return re.sub(r"[^A-Za-z0-9._:-]", "", text or "")[:80]


def _sentence(text: str | None) -> str:
    return printable((text or "").strip().encode("utf-8", "replace"), 300)
