"""Whole-object writes and deletes. One attempt each; what a lost reply may have done is said.

Called through `S3Store.write`, `delete`, `delete_version` and `delete_many`.
"""

import hashlib
from collections.abc import Mapping, Sequence

from ferryline import errors
from ferryline.model.key import printable
from ferryline.storage.s3 import answer_xml, headers, translate
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.http_message import Answer
from ferryline.storage.s3.refusal import Effect, Refusal
from ferryline.storage.store import Buffer, Condition, Writing, Written

DELETE_KEYS_MAX = 1000


async def write(
    client: Client, key: bytes, body: Buffer, writing: Writing, *, takes_checksum: bool
) -> Written:
    """PUT the whole body."""
    call = Call(
        "PutObject",
        "PUT",
        key,
        headers=headers.of_object(writing, client.location.writing),
        body=body,
        md5=writing.md5,
        effect=Effect.WRITE,
        moves_data=True,
    )
    call.permission = permission_of(call)
    call.headers.update(headers.of_condition(writing.condition))
    if writing.md5 is not None:
        call.headers["content-md5"] = headers.base64_of(writing.md5)
    if writing.crc64nvme is not None and takes_checksum:
        call.headers["x-amz-checksum-crc64nvme"] = headers.base64_of(writing.crc64nvme)
    answer = await client.send(call)
    not_a_page(client, call, answer)
    return written_of(answer)


def permission_of(call: Call) -> str:
    """What a write needs: setting tags is a permission of its own."""
    return "s3:PutObject and s3:PutObjectTagging" if "x-amz-tagging" in call.headers else "s3:PutObject"


async def delete(
    client: Client, key: bytes, condition: Condition, version_id: str | None = None
) -> str | None:
    """DELETE; what is not there is success. The version id of the delete marker that was made, if one was."""
    query = () if version_id is None else (("versionId", version_id),)
    call = Call(
        "DeleteObject",
        "DELETE",
        key,
        query=query,
        headers=headers.of_condition(condition),
        effect=Effect.WRITE,
    )
    try:
        answer = await client.send(call)
    except errors.ObjectMissing:
        return None
    not_a_page(client, call, answer)
    marked = version_id is None and answer.text(b"x-amz-delete-marker") == "true"
    return answer.text(b"x-amz-version-id") if marked else None


Target = tuple[bytes, str | None]
"""A key, and a version of it; None for whatever is current."""


async def delete_many(client: Client, keys: Sequence[bytes]) -> Mapping[bytes, errors.FerrylineError]:
    """DeleteObjects of at most 1,000 keys: the keys that were not deleted, each with its error.

    Keys that XML cannot carry (control characters) are deleted one by one.
    """
    failed = await _delete(client, [(key, None) for key in keys])
    return {key: failure for (key, _), failure in failed.items()}


async def delete_versions(
    client: Client, versions: Sequence[tuple[bytes, str]]
) -> Mapping[tuple[bytes, str], errors.FerrylineError]:
    """The same for versions of keys, which then are gone for good; markers of deletes are versions too."""
    failed = await _delete(client, versions)
    return {(key, version_id or ""): failure for (key, version_id), failure in failed.items()}


async def _delete(client: Client, targets: Sequence[Target]) -> dict[Target, errors.FerrylineError]:
    if len(targets) > DELETE_KEYS_MAX:
        raise errors.BrokenInvariant(f"{len(targets)} keys in one DeleteObjects; S3 takes {DELETE_KEYS_MAX}")
    failed: dict[Target, errors.FerrylineError] = {}
    batch: dict[Target, Target] = {}
    for target in targets:
        key, version_id = target
        try:
            whole = client.absolute(key)
            if _fits_xml(whole):
                batch[whole, version_id] = target
            else:
                await delete(client, key, Condition(), version_id)
        except errors.ObjectFailed as problem:
            failed[target] = problem
    if batch:
        failed.update(await _delete_batch(client, batch))
    return failed


def escaped(text: str) -> str:
    """Text for an XML element. (`xml.sax.saxutils` loads `urllib.request` with it.)"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _object(whole: bytes, version_id: str | None) -> str:
    version = "" if version_id is None else f"<VersionId>{escaped(version_id)}</VersionId>"
    return f"<Object><Key>{escaped(whole.decode())}</Key>{version}</Object>"


async def _delete_batch(
    client: Client, batch: Mapping[Target, Target]
) -> Mapping[Target, errors.FerrylineError]:
    objects = "".join(_object(whole, version_id) for whole, version_id in batch)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Quiet>false</Quiet>{objects}</Delete>"
    ).encode()
    call = Call(
        "DeleteObjects",
        "POST",
        query=(("delete", None),),
        headers={
            "content-md5": headers.base64_of(hashlib.md5(body).digest()),
            "content-type": "application/xml",
        },
        body=body,
        effect=Effect.WRITE,
        permission="s3:DeleteObject",
    )
    answer = await client.send(call)
    root = result_of(client, call, answer, "DeleteResult")
    failed: dict[Target, errors.FerrylineError] = {}
    unseen = dict(batch)
    for one in answer_xml.children(root, "Deleted"):
        _told(unseen, one)
    for one in answer_xml.children(root, "Error"):
        target = _told(unseen, one)
        code, message = answer_xml.child_text(one, "Code") or "", answer_xml.child_text(one, "Message") or ""
        if target is not None and code not in ("NoSuchKey", "NoSuchVersion"):
            asked = client.asked(Call("DeleteObjects", "POST", target[0], effect=Effect.WRITE))
            said = Refusal(200, code[:80], printable(message.encode(), 300))
            failed[target] = translate.of_refusal(asked, said, answer, client.now())
    for target in unseen.values():
        failed[target] = errors.RetryLater(
            f"DeleteObjects in {client.place} said nothing about {printable(target[0])}",
            key=target[0],
            place=client.place,
            effect_possible=True,
        )
    return failed


def _told(unseen: dict[Target, Target], element: answer_xml.Element) -> Target | None:
    """The target that an answer's element is about, taken out of `unseen`. Not all servers name `null`."""
    key = (answer_xml.child_text(element, "Key") or "").encode()
    version_id = answer_xml.child_text(element, "VersionId") or None
    names = ((key, version_id), (key, None), (key, "null" if version_id is None else version_id))
    return next((unseen.pop(name) for name in names if name in unseen), None)


def _fits_xml(key: bytes) -> bool:
    return not any(byte < 0x20 for byte in key) and b"\xef\xbf\xbe" not in key and b"\xef\xbf\xbf" not in key


def not_a_page(client: Client, call: Call, answer: Answer) -> None:
    """Raise for a 2xx that holds an error, or a page of somebody else, instead of an S3 answer."""
    if not bytes(answer.body).strip():
        return
    client.refuse_body(call, answer)
    kind = (answer.text(b"content-type") or "").lower()
    if "html" in kind or bytes(answer.body[:64]).lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise translate.retry_later(
            client.asked(call),
            "an HTML page came instead of an answer",
            kind="malformed-answer",
            effect_possible=True,
        )


def result_of(client: Client, call: Call, answer: Answer, *names: str) -> answer_xml.Element:
    """The root element of an answer that must have one of these names.

    An error in a 200, an empty or cut body, or anything else raises, with `effect_possible` for writes.
    """
    possible = call.effect is Effect.WRITE
    client.refuse_body(call, answer)
    try:
        root = answer_xml.parse_carrying(bytes(answer.body))
    except answer_xml.NotXml as problem:
        raise translate.retry_later(
            client.asked(call), str(problem), kind="malformed-answer", effect_possible=possible
        ) from problem
    if answer_xml.name_of(root) not in names:
        what = f"{answer_xml.name_of(root)[:60]} came instead of {names[0]}"
        raise translate.retry_later(
            client.asked(call), what, kind="malformed-answer", effect_possible=possible
        )
    return root


def written_of(answer: Answer, etag: bytes | None = None) -> Written:
    """What an answer to a write tells. An ETag that is missing or empty is None: look by HEAD."""
    found = etag if etag is not None else answer_xml.bare_etag(answer.headers.get(b"etag"))
    version = answer.text(b"x-amz-version-id")
    return Written(
        etag=found or None,
        version_id=None if version in (None, "null") else version,
        stored_checksum=headers.checksum_of(answer.headers),
    )
