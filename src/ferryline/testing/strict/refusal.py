"""S3's error codes with their status, and the exception by which a verb refuses. Holds data, decides nothing.

Raised by the verbs and the checks before them, turned into an answer by `service` only. Messages are
ours; clients of S3 may lean on the code and the status, never on the wording.
"""

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "You may not do that"),
    "AuthorizationHeaderMalformed": (400, "The authorization header names another region"),
    "AuthorizationQueryParametersError": (400, "The presigned query is not complete"),
    "BadDigest": (400, "The bytes received do not have the digest that was announced"),
    "BadRequest": (400, "The request is not valid"),
    "BucketAlreadyOwnedByYou": (409, "The bucket exists and is yours"),
    "BucketNotEmpty": (409, "The bucket still holds objects or versions"),
    "ConditionalRequestConflict": (409, "A conflicting operation ran during this conditional request"),
    "EntityTooLarge": (400, "More bytes than one request may carry"),
    "EntityTooSmall": (400, "A part that is not the last one is smaller than 5 MiB"),
    "ExpiredToken": (400, "The security token has expired"),
    "IllegalVersioningConfigurationException": (400, "The versioning status is not Enabled or Suspended"),
    "IncompleteBody": (400, "Fewer bytes came than were announced"),
    "InternalError": (500, "Something went wrong on this side; try again"),
    "InvalidAccessKeyId": (403, "The access key is not known here"),
    "InvalidArgument": (400, "An argument is not valid"),
    "InvalidBucketName": (400, "The bucket's name is not valid"),
    "InvalidDigest": (400, "The Content-MD5 is not a base64 MD5"),
    "InvalidObjectState": (403, "The object is archived and not restored"),
    "InvalidPart": (400, "A part is not there, or its ETag or checksum is another"),
    "InvalidPartNumber": (416, "The object has no such part"),
    "InvalidPartOrder": (400, "The parts are not in ascending order"),
    "InvalidRange": (416, "The range lies outside the object"),
    "InvalidRequest": (400, "The request is not valid"),
    "InvalidStorageClass": (400, "There is no such storage class"),
    "InvalidURI": (400, "The URI is not valid"),
    "InvalidTag": (400, "A tag is not valid"),
    "InvalidToken": (400, "The security token is not valid"),
    "KeyTooLongError": (400, "The key has more than 1,024 bytes"),
    "KMS.DisabledException": (400, "The KMS key is disabled"),
    "MalformedXML": (400, "The document is not well-formed or not what this verb takes"),
    "MalformedTrailerError": (400, "The trailer is not what was announced"),
    "MaxMessageLengthExceeded": (400, "The request is too large"),
    "MetadataTooLarge": (400, "User metadata is larger than 2 KB"),
    "MethodNotAllowed": (405, "The method is not allowed on this resource"),
    "MissingContentLength": (411, "A Content-Length is needed"),
    "MissingSecurityHeader": (400, "A header is missing"),
    "NoSuchBucket": (404, "The bucket does not exist"),
    "NoSuchKey": (404, "The key does not exist"),
    "NoSuchTagSet": (404, "There are no tags"),
    "NoSuchUpload": (404, "The upload does not exist; it may have been aborted or completed"),
    "NoSuchVersion": (404, "The version does not exist"),
    "NotImplemented": (501, "This is not implemented"),
    "OperationAborted": (409, "A conflicting operation is under way; try again"),
    "PermanentRedirect": (301, "The bucket lives in another region"),
    "PreconditionFailed": (412, "A precondition does not hold"),
    "RequestHeaderSectionTooLarge": (400, "The request's headers are larger than 8 KB"),
    "RequestTimeTooSkewed": (403, "The request's time and this server's differ by more than 15 minutes"),
    "RequestTimeout": (400, "The request's bytes did not come in time"),
    "ServiceUnavailable": (503, "Not available just now"),
    "SignatureDoesNotMatch": (403, "The signature is another; check the secret and how it was signed"),
    "SlowDown": (503, "Too many requests; send fewer"),
    "TemporaryRedirect": (307, "Ask the other endpoint for now"),
    "TooManyRequests": (429, "Too many requests; send fewer"),
    "XAmzContentSHA256Mismatch": (400, "The bytes received do not have the SHA-256 that was signed"),
}


class Refusal(Exception):
    """A verb says no: an S3 error code, its status, headers to send along and further XML fields."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.status, standard = CODES.get(code, (400, code))
        self.message = message or standard
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})
        super().__init__(f"{code}: {self.message}")
