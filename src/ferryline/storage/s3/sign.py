"""AWS Signature Version 4 for S3: pure functions over bytes, with the day's signing key kept.

Called only by the client, once per attempt. Keys are percent-encoded once and never normalised, as
S3 (unlike other services) wants it. Everything that is sent is signed but for the user agent, so a
proxy that rewrites a header is noticed. Source: "Authenticating Requests (AWS Signature Version 4)"
in the S3 API reference; the oracle in the tests is botocore's signer.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

UNSIGNED = b"UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they sign. Never shown: repr and str hold the access key's last letters only."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Keys(…{self.access_key_id[-4:]})"


Query = tuple[tuple[str, bytes | str | None], ...]
Headers = list[tuple[bytes, bytes]]


def encode_path(key: bytes) -> str:
    """A key (or a bucket's name before it) as it stands in a request line: `/` stays, no dot is touched."""
    return quote(key, safe="/~")


def encode_query(query: Query) -> tuple[str, str]:
    """The query as sent and as signed: sorted, and `uploads` is sent bare but signed as `uploads=`."""
    if not query:
        return "", ""
    pairs = sorted(
        (quote(name, safe="~"), None if value is None else quote(value, safe="~")) for name, value in query
    )
    sent = "&".join(name if value is None else f"{name}={value}" for name, value in pairs)
    signed = "&".join(f"{name}={value or ''}" for name, value in pairs)
    return sent, signed


class Signer:
    """Signs for one region. Keeps the signing key of one (day, region, secret)."""

    def __init__(self, region: str, service: str = "s3") -> None:
        self.region = region
        self._service = service
        self._cached_for: tuple[str, str] | None = None
        self._cached_key = b""

    def authorization(
        self, request_line: tuple[str, str, str], headers: Headers, payload_hash: bytes, keys: Keys
    ) -> bytes:
        """The Authorization header's value.

        `request_line` is (method, encoded path, signed query); `headers` are lower-case, sorted by
        name, and hold `host`, `x-amz-date` and `x-amz-content-sha256` already.
        """
        method, path, query = request_line
        moment = next(value for name, value in headers if name == b"x-amz-date")
        names = b";".join([name for name, _ in headers])
        lines = b"".join([b"%b:%b\n" % (name, _trim(value)) for name, value in headers])
        canonical = b"%b\n%b\n%b\n%b\n%b\n%b" % (
            method.encode(),
            path.encode(),
            query.encode(),
            lines,
            names,
            payload_hash,
        )
        day = moment[:8].decode()
        scope = f"{day}/{self.region}/{self._service}/aws4_request".encode()
        digest = hashlib.sha256(canonical).hexdigest().encode()
        text = b"AWS4-HMAC-SHA256\n%b\n%b\n%b" % (moment, scope, digest)
        signature = hmac.digest(self._signing_key(day, keys.secret_access_key), text, "sha256").hex().encode()
        return b"AWS4-HMAC-SHA256 Credential=%b/%b, SignedHeaders=%b, Signature=%b" % (
            keys.access_key_id.encode(),
            scope,
            names,
            signature,
        )

    def _signing_key(self, day: str, secret: str) -> bytes:
        wanted = (day, secret)
        if self._cached_for != wanted:
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._cached_for, self._cached_key = wanted, key
        return self._cached_key


def _trim(value: bytes) -> bytes:
    return (
        b" ".join(value.split())
        if b"  " in value or b"\t" in value or value[:1].isspace() or value[-1:].isspace()
        else value
    )
