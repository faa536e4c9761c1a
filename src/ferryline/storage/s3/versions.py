"""Versions: whether a bucket keeps them, and every version and delete marker below a prefix.

Called through `S3Store`. The list is meant for a handful of objects (those of a probe), not for a bucket.
"""

from ferryline import errors
from ferryline.storage.s3 import answer_xml
from ferryline.storage.s3.client import Call, Client
from ferryline.storage.s3.writes import result_of

_PAGES_MAX = 1000


async def enabled(client: Client) -> bool:
    """Whether versioning is on: Suspended, never on, and not known to the endpoint all count as off."""
    call = Call(
        "GetBucketVersioning", "GET", query=(("versioning", None),), permission="s3:GetBucketVersioning"
    )
    try:
        answer = await client.send(call)
    except errors.Unsupported:
        return False
    # moto answers with a root element of its own, and the same in it
    root = result_of(client, call, answer, "VersioningConfiguration", "GetBucketVersioningResponse")
    return answer_xml.child_text(root, "Status") == "Enabled"


async def versions(client: Client, prefix: bytes) -> tuple[tuple[bytes, str], ...]:
    """(key, version id) of every version and marker whose key starts with `prefix`; `null` is an id too."""
    folder = client.location.prefix
    found: list[tuple[bytes, str]] = []
    markers: tuple[tuple[str, bytes | str | None], ...] = ()
    for _ in range(_PAGES_MAX):
        query = (("versions", None), ("prefix", folder + prefix), ("encoding-type", "url"), *markers)
        call = Call("ListObjectVersions", "GET", query=query, permission="s3:ListBucketVersions")
        root = result_of(client, call, await client.send(call), "ListVersionsResult")
        encoded = answer_xml.child_text(root, "EncodingType") == "url"
        for name in ("Version", "DeleteMarker"):
            for one in answer_xml.children(root, name):
                key = answer_xml.key_of(one, "Key", encoded=encoded)
                version_id = answer_xml.child_text(one, "VersionId")
                if key.startswith(folder + prefix) and version_id:
                    found.append((key[len(folder) :], version_id))
        if answer_xml.child_text(root, "IsTruncated") != "true":
            return tuple(found)
        key_marker = answer_xml.key_of(root, "NextKeyMarker", encoded=encoded)
        following = (
            ("key-marker", key_marker),
            ("version-id-marker", answer_xml.child_text(root, "NextVersionIdMarker") or ""),
        )
        if following == markers:
            break
        markers = following
    raise errors.EndpointFailed(
        f"the list of versions in {client.place} does not end",
        advice="check the endpoint",
        place=client.place,
        kind="listing",
    )
