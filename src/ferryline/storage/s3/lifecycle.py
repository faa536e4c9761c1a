"""GetBucketLifecycleConfiguration: the rules that are switched on, as values.

Called through `S3Store.lifecycle`. Reads the XML as the S3 API reference documents it, the rules of before
`Filter` included; what it does not know of a rule it passes over.
"""

from ferryline import errors
from ferryline.storage.lifecycle import Move, Rule, When
from ferryline.storage.s3 import answer_xml
from ferryline.storage.s3.answer_xml import Element
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.writes import result_of

_IGNORED = "ListBucketResult"
"""What an endpoint answers that looks at no query but that of listings (rclone)."""

_NARROWING = ("Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


async def rules(client: Client) -> tuple[Rule, ...]:
    """The bucket's rules; none where it never had any. Raises CredentialsRefused, and Unsupported where
    the endpoint has no such rules at all."""
    call = Call(
        "GetBucketLifecycleConfiguration",
        "GET",
        query=(("lifecycle", None),),
        permission="s3:GetLifecycleConfiguration",
    )
    try:
        answer = await client.send(call)
    except errors.ObjectMissing:
        return ()
    root = result_of(client, call, answer, "LifecycleConfiguration", _IGNORED)
    if answer_xml.name_of(root) == _IGNORED:
        raise errors.Unsupported(
            f"{client.place} answered a request for its lifecycle rules with a listing",
            advice="this endpoint does not offer the operation",
            place=client.place,
        )
    return tuple(
        _rule(one)
        for one in answer_xml.children(root, "Rule")
        if answer_xml.child_text(one, "Status") == "Enabled"
    )


def _rule(rule: Element) -> Rule:
    prefix, narrowed = _chosen(rule)
    expires = next(iter(answer_xml.children(rule, "Expiration")), None)
    older = next(iter(answer_xml.children(rule, "NoncurrentVersionExpiration")), None)
    abort = next(iter(answer_xml.children(rule, "AbortIncompleteMultipartUpload")), None)
    return Rule(
        name=answer_xml.child_text(rule, "ID") or "",
        prefix=prefix,
        narrowed=narrowed,
        # An Expiration may also only remove delete markers that nothing is left behind: that loses nothing.
        expires=_when(expires, "Days") if expires is not None else None,
        noncurrent_expires=_when(older, "NoncurrentDays") if older is not None else None,
        noncurrent_kept=(_number(older, "NewerNoncurrentVersions") or 0) if older is not None else 0,
        moves=(
            *_moves(rule, "Transition", "Days"),
            *_moves(rule, "NoncurrentVersionTransition", "NoncurrentDays"),
        ),
        abort_days=_number(abort, "DaysAfterInitiation") if abort is not None else None,
    )


def _chosen(rule: Element) -> tuple[bytes, bool]:
    """The prefix, and whether anything else chooses among its keys."""
    chooser = rule
    for name in ("Filter", "And"):
        chooser = next(iter(answer_xml.children(chooser, name)), chooser)
    narrowed = any(answer_xml.children(chooser, name) for name in _NARROWING)
    return (answer_xml.child_text(chooser, "Prefix") or "").encode("utf-8", "surrogateescape"), narrowed


def _moves(rule: Element, name: str, days: str) -> list[Move]:
    found = []
    for one in answer_xml.children(rule, name):
        when = _when(one, days)
        if when is not None:
            found.append(
                Move(answer_xml.child_text(one, "StorageClass") or "", when, name.startswith("Noncurrent"))
            )
    return found


def _when(element: Element, days: str) -> When | None:
    number, date = _number(element, days), answer_xml.child_text(element, "Date") or ""
    return When(number, date) if number is not None or date else None


def _number(element: Element, name: str) -> int | None:
    text = (answer_xml.child_text(element, name) or "").strip()
    return int(text) if text.isdecimal() else None
