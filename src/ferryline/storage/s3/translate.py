"""The border: HTTP statuses, S3 error codes and broken exchanges become the errors of `ferryline.errors`.

Called by the client and the verbs. One table, no retry, no decision beyond how far the damage
reaches. Every failure names the operation, the key or bucket, and what to do.
"""

import re
from collections.abc import Callable
from datetime import datetime

from ferryline import errors
from ferryline.model.key import printable
from ferryline.storage.s3 import answer_time, customer_key
from ferryline.storage.s3.http_message import Answer, Cause, ExchangeFailed
from ferryline.storage.s3.refusal import Asked, Effect, Refusal, read_refusal

_SKEW_MINUTES = 15
"""S3 refuses requests whose time is further off than this."""

_KMS_KEY = re.compile(r"\barn:aws[a-z-]*:kms:[\w-]+:\d{12}:(?:key|alias)/[\w/-]+")
Maker = Callable[[Asked, Refusal, Answer, datetime], errors.FerrylineError]


def failure(asked: Asked, answer: Answer, now: datetime) -> errors.FerrylineError:
    """The error for an answer that is no success. `now` is this host's time, for clock skew."""
    return of_refusal(asked, read_refusal(answer), answer, now)


def of_refusal(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    """The error for a refusal already read (also one found in the body of a 200)."""
    if (of_key := customer_key.refused(asked, refusal)) is not None:
        return of_key
    maker = _BY_CODE.get(refusal.code)
    if maker is None and refusal.code.startswith(("KMS.", "Kms")):
        maker = _kms
    if maker is None:
        maker = _BY_STATUS.get(refusal.status)
    if maker is None:
        maker = _retry if refusal.status >= 500 or 200 <= refusal.status < 300 else _refused
        if 300 <= refusal.status < 400:
            maker = _redirected
    return maker(asked, refusal, answer, now)


def broken(asked: Asked, problem: ExchangeFailed) -> errors.FerrylineError:
    """The error for an exchange without a whole answer."""
    message = f"{asked.what}: {problem.message}"
    if problem.cause is Cause.CERTIFICATE:
        advice = "check the endpoint's certificate, its name and ca_bundle; there is no insecure mode"
        return errors.EndpointFailed(message, advice=advice, place=asked.place, kind="tls")
    if problem.cause is Cause.FORBIDDEN_ADDRESS:
        advice = "check endpoint_url and the name service"
        return errors.EndpointFailed(message, advice=advice, place=asked.place, kind="forbidden-address")
    connected = problem.cause not in (Cause.NAME, Cause.REFUSED, Cause.CONNECT_TIMEOUT)
    return errors.RetryLater(
        message,
        key=asked.key,
        place=asked.place,
        kind=problem.cause.value,
        effect_possible=asked.effect is Effect.WRITE and connected and (problem.sent or problem.answered),
    )


def retry_later(
    asked: Asked, what: str, *, kind: str = "", effect_possible: bool = False
) -> errors.RetryLater:
    """This attempt's answer cannot be used; `what` says why."""
    return errors.RetryLater(
        f"{asked.what}: {what}", key=asked.key, place=asked.place, kind=kind, effect_possible=effect_possible
    )


# -- makers, by how far the damage reaches ------------------------------------------------------


def _said(asked: Asked, refusal: Refusal) -> str:
    said = ": ".join(part for part in (refusal.code, refusal.message) if part)
    return f"{asked.what} was answered {refusal.status}" + (f" ({said})" if said else "")


def _retry(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    # 500 and the gateways' answers may come after the effect; so may a 200 that turned into an error.
    possible = asked.effect is Effect.WRITE and refusal.status in (200, 500, 502, 504)
    return errors.RetryLater(
        _said(asked, refusal),
        key=asked.key,
        place=asked.place,
        delay_seconds=answer_time.delay(answer, now),
        effect_possible=possible,
    )


def _again(kind: str = "") -> Maker:
    """A repetition of what certainly had no effect."""

    def make(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
        delay = answer_time.delay(answer, now)
        said = _said(asked, refusal)
        return errors.RetryLater(said, key=asked.key, place=asked.place, kind=kind, delay_seconds=delay)

    return make


_retry_without_effect = _again()
_conflict = _again("write-conflict")
_damaged = _again("digest-mismatch")


def _slow_down(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.SlowDown(
        _said(asked, refusal), key=asked.key, place=asked.place, delay_seconds=answer_time.delay(answer, now)
    )


def _missing(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    if asked.operation in ("PutObject", "CreateMultipartUpload"):
        # Nothing need be there for these: an endpoint that cannot take the key (moto: a line break) says so.
        return _refused(asked, refusal, answer, now)
    return errors.ObjectMissing(_said(asked, refusal), key=asked.key, place=asked.place)


def _upload_missing(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.ObjectMissing(
        _said(asked, refusal),
        key=asked.key,
        place=asked.place,
        kind="upload-missing",
        advice="look whether the object is complete, else start its upload again",
    )


def _no_bucket(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.EndpointFailed(
        f"there is no bucket {asked.bucket} ({_said(asked, refusal)})",
        advice="check the bucket's name, account, region and endpoint; buckets are never created here",
        place=asked.place,
        kind="no-bucket",
    )


def _not_found(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    maker = _missing if asked.key is not None else _no_bucket
    return maker(asked, refusal, answer, now)


def _method(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    if answer.text(b"x-amz-delete-marker") == "true":
        return _missing(asked, refusal, answer, now)
    return _unsupported(asked, refusal, answer, now)


def _unsupported(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.Unsupported(
        _said(asked, refusal),
        key=asked.key,
        place=asked.place,
        advice="this endpoint does not offer the operation, or one of the headers sent with it",
    )


def _precondition(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    if asked.effect is Effect.READ or "copy-source" in refusal.condition.lower():
        return _changed(asked, refusal, answer, now)
    return errors.DestinationChanged(
        _said(asked, refusal),
        key=asked.key,
        place=asked.place,
        advice="somebody else wrote this key; it was left as it is, run again to compare",
    )


def _changed(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    # The endpoint itself said no, which the probe must tell from our own comparison of ETags.
    return errors.ObjectChanged(
        _said(asked, refusal), key=asked.key, place=asked.place, kind="precondition-failed"
    )


def _access(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    if not refusal.code and abs(answer_time.minutes_off(answer, now) or 0) >= _SKEW_MINUTES:
        return _skewed(asked, refusal, answer, now)  # HEAD has no body to say so in
    if asked.key is not None and " kms:" in refusal.message:
        return _kms(asked, refusal, answer, now)
    permission = asked.permission or f"s3:{asked.operation}"
    if asked.key is None:
        return errors.CredentialsRefused(
            _said(asked, refusal),
            advice=f"allow {permission} on the bucket; if its requesters pay, set request_payer: requester",
            place=asked.place,
            kind="access-refused",
        )
    advice = f"allow {permission} for this key"
    if asked.operation in ("HeadObject", "GetObject"):
        # S3 answers 403 for keys that do not exist when the caller may not list the bucket.
        advice += ", and s3:ListBucket, without which a missing key is answered 403 too"
        advice += "; if the bucket's requesters pay, set request_payer: requester"
    return errors.AccessRefused(_said(asked, refusal), key=asked.key, place=asked.place, advice=advice)


def _kms(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    said = _KMS_KEY.search(refusal.message)  # `not authorized to perform: kms:Decrypt on resource: arn:…`
    name = (said[0] if said else asked.kms_key_id) or "the object's KMS key"
    name = answer.text(b"x-amz-server-side-encryption-aws-kms-key-id") or name
    return errors.AccessRefused(
        f"{_said(asked, refusal)}; the key is {name}",
        key=asked.key,
        place=asked.place,
        advice=f"allow kms:Decrypt and kms:GenerateDataKey on {name}, and see that it is enabled",
        kind="kms-refused",
    )


def _credentials(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    whose = asked.credentials_from or "the credentials"
    return errors.CredentialsRefused(
        f"{whose} were refused: {_said(asked, refusal)}",
        advice="check the access key, its secret, the profile or the role of this location",
        place=asked.place,
    )


def _expired(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    whose = asked.credentials_from or "the credentials"
    return errors.CredentialsRefused(
        f"{whose} have expired and could not be renewed: {_said(asked, refusal)}",
        advice="renew the session of this profile or role, then run the same command again",
        place=asked.place,
        kind="credentials-expired",
    )


def _skewed(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    minutes = answer_time.minutes_off(answer, now)
    off = "too far from the endpoint's"
    if minutes is not None:
        off = f"{abs(minutes)} minutes {'ahead of' if minutes > 0 else 'behind'} the endpoint's"
    return errors.EndpointFailed(
        f"this host's clock is off: {off}; {_said(asked, refusal)}",
        advice="set this host's clock (NTP), then run again",
        place=asked.place,
        kind="clock-skew",
    )


def _region(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    where = f"region {refusal.region}" if refusal.region else "another region"
    return errors.EndpointFailed(
        f"bucket {asked.bucket} belongs to {where}: {_said(asked, refusal)}",
        advice=f"set region: {refusal.region}" if refusal.region else "set the location's region",
        place=asked.place,
        kind="wrong-region",
    )


def _redirected(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    target = answer.text(b"location") or ""
    host = re.sub(r"^[a-z]+://([^/?#@]*@)?", "", target, flags=re.IGNORECASE).split("/")[0].split("?")[0]
    to = f" to {printable(host.encode('utf-8', 'replace'), 100)}" if host else ""
    return errors.EndpointFailed(
        f"{_said(asked, refusal)}: a redirect{to}, which is never followed",
        advice="give the endpoint or region that serves the bucket; no credentials were sent elsewhere",
        place=asked.place,
        kind="redirect",
    )


def _archived(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.ObjectArchived(
        _said(asked, refusal),
        key=asked.key,
        place=asked.place,
        advice="restore the object first, or exclude it",
    )


def _bad_key(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    return errors.KeyRefused(
        _said(asked, refusal), key=asked.key, place=asked.place, advice="the endpoint cannot hold this key"
    )


def _refused(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
    if asked.key is None:
        return errors.EndpointFailed(
            _said(asked, refusal), place=asked.place, advice="check the location's settings", kind="refused"
        )
    return errors.ObjectFailed(_said(asked, refusal), key=asked.key, place=asked.place, kind="refused")


def _object(kind: str, advice: str) -> Maker:
    def make(asked: Asked, refusal: Refusal, answer: Answer, now: datetime) -> errors.FerrylineError:
        if asked.key is None:
            return _refused(asked, refusal, answer, now)
        return errors.ObjectFailed(
            _said(asked, refusal), key=asked.key, place=asked.place, kind=kind, advice=advice
        )

    return make


_BY_CODE: dict[str, Maker] = {
    "RequestTimeout": _retry_without_effect,
    "RequestTimeoutException": _retry_without_effect,
    "IncompleteBody": _retry_without_effect,
    "InternalError": _retry,
    "OperationAborted": _conflict,
    "ConditionalRequestConflict": _conflict,
    "SlowDown": _slow_down,
    "ServiceUnavailable": _slow_down,
    "Busy": _slow_down,
    "Throttling": _slow_down,
    "ThrottlingException": _slow_down,
    "TooManyRequests": _slow_down,
    "RequestLimitExceeded": _slow_down,
    "BandwidthLimitExceeded": _slow_down,
    "KMS.ThrottlingException": _slow_down,
    "KMS.KMSInternalException": _retry,
    "BadDigest": _damaged,
    "InvalidDigest": _damaged,
    "XAmzContentSHA256Mismatch": _damaged,
    "XAmzContentChecksumMismatch": _damaged,
    "NoSuchKey": _missing,
    "NoSuchVersion": _missing,
    "NoSuchLifecycleConfiguration": _missing,
    "NoSuchUpload": _upload_missing,
    "NoSuchBucket": _no_bucket,
    "MethodNotAllowed": _method,
    "NotImplemented": _unsupported,
    "PreconditionFailed": _precondition,
    "InvalidRange": _changed,
    "AccessDenied": _access,
    "AllAccessDisabled": _credentials,
    "AccountProblem": _credentials,
    "NotSignedUp": _credentials,
    "InvalidAccessKeyId": _credentials,
    "SignatureDoesNotMatch": _credentials,
    "InvalidToken": _credentials,
    "InvalidSecurity": _credentials,
    "AuthorizationQueryParametersError": _credentials,
    "ExpiredToken": _expired,
    "TokenRefreshRequired": _expired,
    "RequestExpired": _skewed,
    "RequestTimeTooSkewed": _skewed,
    "AuthorizationHeaderMalformed": _region,
    "IllegalLocationConstraintException": _region,
    "PermanentRedirect": _redirected,
    "TemporaryRedirect": _redirected,
    "Redirect": _redirected,
    "InvalidObjectState": _archived,
    "KeyTooLongError": _bad_key,
    "InvalidURI": _bad_key,
    "InvalidObjectName": _bad_key,
    "InvalidPart": _object("invalid-part", "a part is not there as it was sent; start the upload again"),
    "InvalidPartOrder": _object("invalid-part", "parts must be named in ascending order"),
    "EntityTooSmall": _object("part-too-small", "every part but the last must have at least 5 MiB"),
    "EntityTooLarge": _object("too-large", "the endpoint takes no object or part of this size"),
    "MaxMessageLengthExceeded": _object("too-large", "the endpoint takes no request of this size"),
    "MetadataTooLarge": _object("metadata-too-large", "user metadata is limited to 2 KB"),
    "InvalidArgument": _object("refused-argument", "the endpoint does not take one of the values sent"),
    "InvalidRequest": _object("refused-argument", "the endpoint does not take this request as sent"),
    "InvalidStorageClass": _object("refused-argument", "choose a storage class that the endpoint offers"),
    "MissingContentLength": _object("refused-length", "a proxy removed Content-Length from the request"),
}
"""S3's error codes, from the error list of the S3 API reference; a code wins over its status."""

_BY_STATUS: dict[int, Maker] = {
    401: _credentials,
    403: _access,
    404: _not_found,
    405: _method,
    408: _retry_without_effect,
    409: _conflict,
    411: _object("refused-length", "a proxy removed Content-Length from the request"),
    412: _precondition,
    413: _object("too-large", "the endpoint or a proxy takes no request of this size"),
    414: _bad_key,
    416: _changed,
    425: _retry_without_effect,
    429: _slow_down,
    501: _unsupported,
    503: _slow_down,
}
"""For answers without a known code: HEAD has no body, and proxies answer in HTML."""
