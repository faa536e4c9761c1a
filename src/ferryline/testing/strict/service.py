"""Moves one exchange through the server: head, signature, faults, permission, verb, answer, log.

Called by `wire` on the server's thread: `begin` when the head came, `answer` when the body was taken in.
Holds the table of verbs; each verb lives in a module of its own.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from ferryline.testing.strict import (
    admin,
    attributes,
    buckets,
    completing,
    copying,
    deleting,
    documents,
    faulting,
    lifecycle,
    limits,
    listing,
    permission,
    reading,
    route,
    uploads,
    writing,
)
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.faulting import Hook
from ferryline.testing.strict.message import Answer, Request
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.seen import Seen
from ferryline.testing.strict.signature import Verifier

ADMIN: Final = "Admin"
Verb = Callable[[World, Exchange], Answer]

VERBS: Final[Mapping[str, Verb]] = (
    {
        "ListBuckets": buckets.list_buckets,
        "CreateBucket": buckets.create,
        "HeadBucket": buckets.head,
        "DeleteBucket": buckets.delete,
        "GetBucketLocation": buckets.location,
        "GetBucketVersioning": buckets.get_versioning,
        "PutBucketVersioning": buckets.put_versioning,
        "ListObjectsV2": listing.list_v2,
        "ListObjects": listing.list_v1,
        "ListObjectVersions": listing.list_versions,
        "GetObject": reading.read_object,
        "HeadObject": reading.read_object,
        "PutObject": writing.put_object,
        "DeleteObject": deleting.delete_object,
        "DeleteObjects": deleting.delete_objects,
        "CopyObject": copying.copy_object,
        "CreateMultipartUpload": uploads.create,
        "UploadPart": uploads.upload_part,
        "UploadPartCopy": copying.upload_part_copy,
        "ListParts": uploads.list_parts,
        "CompleteMultipartUpload": completing.complete,
        "AbortMultipartUpload": uploads.abort,
        "ListMultipartUploads": uploads.list_uploads,
        "GetObjectAttributes": attributes.get_attributes,
        "GetObjectTagging": attributes.get_tagging,
        "PutObjectTagging": attributes.put_tagging,
        "DeleteObjectTagging": attributes.delete_tagging,
        "PutObjectRetention": attributes.put_retention,
        "PutObjectLegalHold": attributes.put_legal_hold,
        "GetBucketAcl": buckets.get_acl,
        "GetObjectAcl": buckets.get_acl,
        "PutBucketAcl": buckets.put_acl,
        "PutObjectAcl": buckets.put_acl,
        "GetBucketEncryption": buckets.get_encryption,
        "PutBucketEncryption": buckets.put_encryption,
        "DeleteBucketEncryption": buckets.delete_encryption,
        "RestoreObject": attributes.restore,
    }
    | {
        f"{verb}Bucket{name}": function
        for name in (
            "LifecycleConfiguration",
            "Tagging",
            "Policy",
            "Cors",
            "PublicAccessBlock",
            "OwnershipControls",
            "Replication",
            "Notification",
        )
        for verb, function in (
            ("Get", buckets.get_kept),
            ("Put", buckets.put_kept),
            ("Delete", buckets.delete_kept),
        )
    }
    | {"PutBucketLifecycleConfiguration": lifecycle.put}
)


class Service:
    """One server's behaviour over one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before: defaultdict[str, list[Hook]] = defaultdict(list)
        self.after: defaultdict[str, list[Hook]] = defaultdict(list)
        self._verifier = Verifier()
        self._ids = itertools.count(1)

    def begin(self, request: Request) -> Exchange:
        """The head came: route it, let faults choose it, and look at its signature."""
        world = self.world
        route.address(request, world.settings.domain)
        operation = route.operation(request)
        seen = Seen(operation, request.bucket, request.key, request.method, request.params, request.headers)
        exchange = Exchange(request, operation, seen, world.now(), f"{next(self._ids):016X}")
        if world.admin and request.path.startswith(admin.PREFIX):
            exchange.operation = ADMIN
            return exchange
        world.log.add(seen)
        exchange.found = world.buckets.get(request.bucket)
        faulting.strike(world, exchange)
        try:
            if request.head_bytes > limits.HEADERS_BYTES_MAX:
                raise Refusal("RequestHeaderSectionTooLarge")
            if world.settings.verify_signatures:
                exchange.caller = self._verifier.caller(request, world.settings, exchange.now)
                seen.access_key = exchange.caller.access_key
            self._looked_up(exchange)
        except Refusal as refusal:
            exchange.refusal = refusal
        return exchange

    def answer(self, exchange: Exchange) -> Answer:
        """The body was taken in: do the verb, and say what came of it. `Answer.status` 0 is a hang-up."""
        if exchange.operation == ADMIN:
            return admin.answer(self.world, exchange)
        try:
            answer = self._acted(exchange)
        except Refusal as refusal:
            answer = self._refused(exchange, refusal)
        except Exception as cause:  # noqa: BLE001 - kept, and raised again when the server stops
            self.world.broken.append(cause)
            answer = self._refused(exchange, Refusal("InternalError", repr(cause)))
        try:
            answer = faulting.after(self.world, exchange, answer)
        except Refusal as refusal:
            answer = self._refused(exchange, refusal)
        if exchange.script.hang_up is not None:
            answer = Answer(0)
        answer.headers.setdefault("Content-Type", "application/xml")
        if answer.status in (204, 304):
            del answer.headers["Content-Type"]
        exchange.seen.status = answer.status
        for hook in self.after[exchange.operation] + self.after["*"]:
            hook(exchange)
        return answer

    def _acted(self, exchange: Exchange) -> Answer:
        for hook in self.before[exchange.operation] + self.before["*"]:
            hook(exchange)
        instead = faulting.before(self.world, exchange)
        if instead is not None:
            return instead
        if exchange.refusal is not None:
            raise exchange.refusal
        verb = VERBS.get(exchange.operation)
        if verb is None:
            code = "NotImplemented" if exchange.operation != route.UNKNOWN else "MethodNotAllowed"
            raise Refusal(code, fields={"Method": exchange.request.method})
        self._looked_up(exchange)
        return verb(self.world, exchange)

    def _looked_up(self, exchange: Exchange) -> None:
        """The bucket is there, and the caller may. Asked at the head, and again when the verb acts."""
        exchange.found = self.world.buckets.get(exchange.request.bucket)
        if exchange.request.bucket and exchange.operation != "CreateBucket":
            _ = exchange.bucket
        permission.check(self.world, exchange)

    def _refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        exchange.seen.error = refusal.code
        if refusal.status == 304:
            return Answer(304, refusal.headers)
        resource = exchange.request.path.decode("latin-1")
        body = documents.error(refusal, resource, exchange.request_id)
        answer = Answer.of(body, status=refusal.status)
        answer.headers |= refusal.headers
        return answer
