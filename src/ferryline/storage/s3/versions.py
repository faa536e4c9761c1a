"""Versions: whether a bucket keeps them, and every version and delete marker below a prefix.

Called through `S3Store`: `versions` for a handful of objects (a probe's, a lock's), `page` for a bucket.
"""

from ferryline import errors
from ferryline.storage.s3 import answer_xml
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.writes import result_of
from ferryline.storage.store import Version, VersionsPage

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
    found: list[tuple[bytes, str]] = []
    after: tuple[bytes, str] | None = None
    for _ in range(_PAGES_MAX):
        one = await page(client, prefix, after)
        found += [(each.key, each.version_id) for each in one.versions]
        if one.following is None:
            return tuple(found)
        after = one.following
    raise _endless(client)


async def page(client: Client, prefix: bytes, after: tuple[bytes, str] | None) -> VersionsPage:
    """One page; `after` is the `following` of the one before."""
    folder = client.location.prefix
    query: list[tuple[str, bytes | str | None]] = [
        ("versions", None),
        ("prefix", folder + prefix),
        ("encoding-type", "url"),
    ]
    if after is not None:
        query += [("key-marker", folder + after[0]), ("version-id-marker", after[1])]
    call = Call("ListObjectVersions", "GET", query=tuple(query), permission="s3:ListBucketVersions")
    root = result_of(client, call, await client.send(call), "ListVersionsResult")
    encoded = answer_xml.child_text(root, "EncodingType") == "url"
    found: list[Version] = []
    for name in ("Version", "DeleteMarker"):
        for one in answer_xml.children(root, name):
            key = answer_xml.key_of(one, "Key", encoded=encoded)
            version_id = answer_xml.child_text(one, "VersionId")
            if key.startswith(folder + prefix) and version_id:
                size = answer_xml.child_text(one, "Size") or "0"
                found.append(
                    Version(
                        key[len(folder) :],
                        version_id,
                        int(size) if size.isdigit() else 0,
                        is_marker=name == "DeleteMarker",
                    )
                )
    if answer_xml.child_text(root, "IsTruncated") != "true":
        return VersionsPage(tuple(found))
    marker = answer_xml.key_of(root, "NextKeyMarker", encoded=encoded)
    following = (marker[len(folder) :], answer_xml.child_text(root, "NextVersionIdMarker") or "")
    if not marker.startswith(folder) or following == after:
        raise _endless(client)
    return VersionsPage(tuple(found), following)


def _endless(client: Client) -> errors.EndpointFailed:
    return errors.EndpointFailed(
        f"the list of versions in {client.place} does not end",
        advice="check the endpoint",
        place=client.place,
        kind="listing",
    )
