"""Tags of an object that is there: GetObjectTagging and PutObjectTagging.

Called through `S3Store.tags` and `set_tags`. HEAD and GET tell only how many there are, and a new object
brings its tags in a header of its write (`headers.of_tags`).
"""

import hashlib
from collections.abc import Mapping

from ferryline.storage.s3 import answer_xml, headers
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.refusal import Effect
from ferryline.storage.s3.writes import escaped, not_a_page, result_of


async def tags(client: Client, key: bytes, version_id: str | None) -> Mapping[str, str]:
    """Every tag by its name. Raises ObjectMissing, and Unsupported where the endpoint has no tags."""
    version = () if version_id is None else (("versionId", version_id),)
    call = Call(
        "GetObjectTagging",
        "GET",
        key,
        query=(("tagging", None), *version),
        permission="s3:GetObjectTagging" if version_id is None else "s3:GetObjectVersionTagging",
    )
    root = result_of(client, call, await client.send(call), "Tagging")
    return {
        answer_xml.child_text(tag, "Key") or "": answer_xml.child_text(tag, "Value") or ""
        for tag_set in answer_xml.children(root, "TagSet")
        for tag in answer_xml.children(tag_set, "Tag")
    }


async def set_tags(client: Client, key: bytes, tags: Mapping[str, str]) -> None:
    """Give the object these tags and the location's own, which win, in place of all it has."""
    every = {**tags, **client.location.writing.tags}
    listed = "".join(
        f"<Tag><Key>{escaped(name)}</Key><Value>{escaped(value)}</Value></Tag>"
        for name, value in every.items()
    )
    body = (
        f'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>{listed}</TagSet></Tagging>'
    ).encode()
    call = Call(
        "PutObjectTagging",
        "PUT",
        key,
        query=(("tagging", None),),
        headers={
            "content-md5": headers.base64_of(hashlib.md5(body).digest()),
            "content-type": "application/xml",
        },
        body=body,
        effect=Effect.WRITE,
        permission="s3:PutObjectTagging",
    )
    not_a_page(client, call, await client.send(call))
