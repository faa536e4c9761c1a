"""Signature Version 4, verified: header and presigned, payloads signed, unsigned or signed in chunks.

Asked by `service` before any verb. Written from "Authenticating Requests (AWS Signature Version 4)" in
the S3 API reference; knows nothing of the client's signer.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from ferryline.testing.strict.limits import SKEW_SECONDS_MAX
from ferryline.testing.strict.message import Request
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Credential, Settings

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_STREAMING: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_UNSIGNED: Final = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
PRESIGNED_SECONDS_MAX: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request turned out to come from. `anonymous` has an empty access key."""

    access_key: str = ""
    credential: Credential | None = None
    region: str = ""
    payload: str = _UNSIGNED[0]
    """What x-amz-content-sha256 said."""
    chunks: "ChunkSigner | None" = None

    @property
    def payload_sha256(self) -> str | None:
        """The hex digest the body must have, where one was signed."""
        return None if self.payload in _UNSIGNED or self.payload.startswith("STREAMING-") else self.payload


@dataclass(slots=True)
class ChunkSigner:
    """Verifies the signatures of chunks, each of which signs the one before."""

    key: bytes
    moment: str
    scope: str
    previous: str

    def verify(self, chunk: bytes, signature: str) -> None:
        """Raises SignatureDoesNotMatch unless this chunk's signature is right."""
        text = "\n".join(
            (
                f"{_ALGORITHM}-PAYLOAD",
                self.moment,
                self.scope,
                self.previous,
                _EMPTY,
                hashlib.sha256(chunk).hexdigest(),
            )
        )
        wanted = hmac.digest(self.key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(wanted, signature):
            raise Refusal("SignatureDoesNotMatch", "A chunk's signature is another")
        self.previous = wanted


class Verifier:
    """Verifies requests; keeps the signing keys it derived."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def caller(self, request: Request, settings: Settings, now: float) -> Caller:
        """Who signed this request; a Refusal where that cannot be believed."""
        authorization = request.headers.get("authorization", "")
        if authorization:
            return self._by_header(request, authorization, settings, now)
        if "X-Amz-Signature" in request.params or "X-Amz-Algorithm" in request.params:
            return self._by_query(request, settings, now)
        if "Signature" in request.params or "AWSAccessKeyId" in request.params:
            raise Refusal("InvalidRequest", "Only Signature Version 4 is taken")
        return Caller()

    def _by_header(self, request: Request, authorization: str, settings: Settings, now: float) -> Caller:
        kind, _, rest = authorization.partition(" ")
        if kind != _ALGORITHM:
            raise Refusal("InvalidRequest", "Only Signature Version 4 is taken")
        fields = dict(piece.strip().partition("=")[::2] for piece in rest.split(","))
        payload = request.headers.get("x-amz-content-sha256")
        if payload is None:
            raise Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        moment = request.headers.get("x-amz-date", "")
        signed = _Signed(
            fields.get("Credential", ""), fields.get("SignedHeaders", ""), fields.get("Signature", ""), moment
        )
        stamp = _time(moment)
        if stamp is None:
            raise Refusal("AccessDenied", "AWS authentication requires a valid x-amz-date header")
        if abs(now - stamp) > SKEW_SECONDS_MAX:
            raise _skewed(moment, now)
        token = request.headers.get("x-amz-security-token")
        return self._checked(request, signed, (payload, token), settings)

    def _by_query(self, request: Request, settings: Settings, now: float) -> Caller:
        params = request.params
        names = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
        if params.get("X-Amz-Algorithm") != _ALGORITHM or any(name not in params for name in names):
            raise Refusal("AuthorizationQueryParametersError")
        moment, expires = params["X-Amz-Date"], params["X-Amz-Expires"]
        stamp = _time(moment)
        if stamp is None or not expires.isdigit() or not 1 <= int(expires) <= PRESIGNED_SECONDS_MAX:
            raise Refusal("AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires is not valid")
        if stamp - now > SKEW_SECONDS_MAX:
            raise _skewed(moment, now)
        if now > stamp + int(expires):
            raise Refusal("AccessDenied", "Request has expired")
        signed = _Signed(
            params["X-Amz-Credential"], params["X-Amz-SignedHeaders"], params["X-Amz-Signature"], moment
        )
        payload = params.get("X-Amz-Content-Sha256") or request.headers.get(
            "x-amz-content-sha256", _UNSIGNED[0]
        )
        return self._checked(request, signed, (payload, params.get("X-Amz-Security-Token")), settings)

    def _checked(
        self,
        request: Request,
        signed: "_Signed",
        payload_and_token: tuple[str, str | None],
        settings: Settings,
    ) -> Caller:
        payload, token = payload_and_token
        try:
            access_key, day, region, service, terminator = signed.credential.rsplit("/", 4)
        except ValueError:
            raise Refusal("AuthorizationHeaderMalformed", "The credential scope is not complete") from None
        if service != "s3" or terminator != "aws4_request" or not signed.moment.startswith(day):
            raise Refusal("AuthorizationHeaderMalformed", "The credential scope is for something else")
        credential = settings.credentials.get(access_key)
        if credential is None:
            raise Refusal("InvalidAccessKeyId", fields={"AWSAccessKeyId": access_key})
        if credential.expired:
            raise Refusal("ExpiredToken")
        if (token or None) != credential.session_token:
            raise Refusal("InvalidToken")
        scope = f"{day}/{region}/s3/aws4_request"
        key = self._key(day, region, credential.secret)
        canonical = canonical_request(request, signed.headers, payload)
        digest = hashlib.sha256(canonical).hexdigest()
        text = f"{_ALGORITHM}\n{signed.moment}\n{scope}\n{digest}"
        wanted = hmac.digest(key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(wanted, signed.signature):
            raise Refusal(
                "SignatureDoesNotMatch",
                fields={
                    "AWSAccessKeyId": access_key,
                    "StringToSign": text,
                    "CanonicalRequest": canonical.decode("latin-1"),
                },
            )
        unsigned = [
            name
            for name in request.headers
            if name.startswith("x-amz-") and name not in signed.headers.split(";")
        ]
        if unsigned:
            raise Refusal("AccessDenied", f"There were headers present which were not signed: {unsigned}")
        streaming = payload.startswith(_STREAMING)
        chunks = ChunkSigner(key, signed.moment, scope, wanted) if streaming else None
        return Caller(access_key, credential, region, payload, chunks)

    def _key(self, day: str, region: str, secret: str) -> bytes:
        known = self._keys.get((day, region, secret))
        if known is None:
            known = f"AWS4{secret}".encode()
            for piece in (day, region, "s3", "aws4_request"):
                known = hmac.digest(known, piece.encode(), "sha256")
            self._keys[(day, region, secret)] = known
        return known


@dataclass(frozen=True, slots=True)
class _Signed:
    credential: str
    headers: str
    signature: str
    moment: str


def canonical_request(request: Request, signed_headers: str, payload: str) -> bytes:
    """The canonical request, from what came on the wire."""
    path = quote(unquote_to_bytes(request.path), safe="/~")
    pairs = sorted(
        (
            quote(name.encode("utf-8", "surrogateescape"), safe="~"),
            quote(value.encode("utf-8", "surrogateescape"), safe="~"),
        )
        for name, value in request.query
        if name != "X-Amz-Signature"
    )
    query = "&".join(f"{name}={value}" for name, value in pairs)
    names = signed_headers.split(";")
    lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    text = f"{request.method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{payload}"
    return text.encode("latin-1")


def _time(moment: str) -> float | None:
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _skewed(moment: str, now: float) -> Refusal:
    server_time = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Refusal(
        "RequestTimeTooSkewed",
        fields={
            "RequestTime": moment,
            "ServerTime": server_time,
            "MaxAllowedSkewMilliseconds": str(SKEW_SECONDS_MAX * 1000),
        },
    )
