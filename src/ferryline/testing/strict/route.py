"""Which operation of S3 a request asks for: from method, bucket, key, query and headers. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from ferryline.testing.strict.message import Request

UNKNOWN: Final = "Unknown"

_SUBRESOURCES: Final = {
    "location": "Location", "versioning": "Versioning", "tagging": "Tagging", "encryption": "Encryption",
    "lifecycle": "LifecycleConfiguration", "policy": "Policy", "cors": "Cors", "acl": "Acl",
    "publicAccessBlock": "PublicAccessBlock", "requestPayment": "RequestPayment",
    "object-lock": "ObjectLockConfiguration", "replication": "Replication",
    "ownershipControls": "OwnershipControls", "policyStatus": "PolicyStatus", "logging": "Logging",
    "notification": "Notification", "website": "Website", "accelerate": "Accelerate",
}  # fmt: skip
_VERBS: Final = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}


def address(request: Request, domain: str) -> None:
    """Take the bucket from the Host header where that names one below `domain`."""
    host = request.headers.get("host", "").partition(":")[0]
    if domain and host.endswith(f".{domain}"):
        request.bucket = host.removesuffix(f".{domain}")
        request.key = unquote_to_bytes(request.path[1:])


def operation(request: Request) -> str:
    """S3's API name of the operation, or `Unknown`."""
    params = request.params
    if not request.bucket:
        return "ListBuckets" if request.method == "GET" else UNKNOWN
    if not request.key:
        return _of_bucket(request.method, params)
    return _of_object(request.method, params, request.headers)


def _of_bucket(method: str, params: Mapping[str, str]) -> str:
    if method == "POST":
        return "DeleteObjects" if "delete" in params else UNKNOWN
    if method == "HEAD":
        return "HeadBucket"
    for name, word in _SUBRESOURCES.items():
        if name in params:
            verb = _VERBS.get(method)
            return f"{verb}Bucket{word}" if verb else UNKNOWN
    if method == "GET":
        if "uploads" in params:
            return "ListMultipartUploads"
        if "versions" in params:
            return "ListObjectVersions"
        return "ListObjectsV2" if params.get("list-type") == "2" else "ListObjects"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, UNKNOWN)


def _of_object(method: str, params: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if "uploadId" in params:
        if method == "PUT" and "partNumber" in params:
            return "UploadPartCopy" if "x-amz-copy-source" in headers else "UploadPart"
        return {
            "GET": "ListParts",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }.get(method, UNKNOWN)
    if method == "POST":
        if "uploads" in params:
            return "CreateMultipartUpload"
        return "RestoreObject" if "restore" in params else UNKNOWN
    if method == "GET" and "attributes" in params:
        return "GetObjectAttributes"
    for name, word in (
        ("tagging", "Tagging"),
        ("acl", "Acl"),
        ("retention", "Retention"),
        ("legal-hold", "LegalHold"),
    ):
        if name in params:
            verb = _VERBS.get(method)
            return f"{verb}Object{word}" if verb else UNKNOWN
    if method == "PUT":
        return "CopyObject" if "x-amz-copy-source" in headers else "PutObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, UNKNOWN)
