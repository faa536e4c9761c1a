"""Where signing keys come from: explicit references, botocore's chain, an assumed role, or nobody.

Called by `opening` and the client. Blocking work (files, metadata services, STS) runs in threads,
one at a time. Secrets live in `sign.Keys` only; no repr, log line or exception of ours holds one.
botocore is loaded when it is needed: a tenth of a second of CPU that keys in the environment spare.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ferryline import errors
from ferryline.clock import Clock
from ferryline.model.place import S3Location
from ferryline.storage.s3.sign import Keys

_EARLY = timedelta(minutes=5)
"""Keys are renewed this long before they expire, so that no request under way outlives them."""


@dataclass(frozen=True, slots=True)
class Leased:
    """Keys and when they end; None: they do not, as far as is known."""

    keys: Keys
    expires: datetime | None = None


class Source(Protocol):
    """Credentials of one location over time."""

    @property
    def name(self) -> str:
        """Whose they are, for messages: `profile x`, `role arn:…`; never a secret."""
        ...

    @property
    def current(self) -> Keys | None:
        """The keys to sign with now, or None when there are none yet (or none are wanted)."""
        ...

    def stale(self, clock: Clock) -> bool:
        """Whether the current keys end soon."""
        ...

    async def fetch(self, clock: Clock) -> Keys | None:
        """Current keys, fetched if there are none or they end soon. Raises CredentialsRefused."""
        ...

    async def renew(self, clock: Clock, refused: Keys | None) -> bool:
        """The endpoint called `refused` expired: whether there are other keys now."""
        ...


class Anonymous:
    """No credentials: requests go unsigned."""

    name = "anonymous access"
    current: Keys | None = None

    def stale(self, clock: Clock) -> bool:
        """Nothing can end."""
        return False

    async def fetch(self, clock: Clock) -> Keys | None:
        """Nobody."""
        return None

    async def renew(self, clock: Clock, refused: Keys | None) -> bool:
        """Nothing to renew."""
        return False


class Fetched:
    """Keys obtained by a blocking function, kept until they end or are called expired."""

    def __init__(self, name: str, place: str, obtain: Callable[[], Leased]) -> None:
        self.name = name
        self.current: Keys | None = None
        self._place = place
        self._obtain = obtain
        self._expires: datetime | None = None
        self._lock = asyncio.Lock()

    def stale(self, clock: Clock) -> bool:
        """Whether the keys end within five minutes."""
        return self._expires is not None and clock.now() >= self._expires - _EARLY

    async def fetch(self, clock: Clock) -> Keys | None:
        """Current keys; callers that come at once share one fetch."""
        async with self._lock:
            if self.current is None or self.stale(clock):
                await self._load(clock)
            return self.current

    async def renew(self, clock: Clock, refused: Keys | None) -> bool:
        """Fetch anew, unless somebody did since; false when the keys are still those that were refused."""
        async with self._lock:
            if self.current == refused:
                await self._load(clock)
            return self.current is not None and self.current != refused

    async def _load(self, clock: Clock) -> None:
        try:
            leased = await asyncio.to_thread(self._obtain)
        except Exception as problem:
            if not _is_botocores(problem):
                raise
            still_good = self._expires is None or clock.now() < self._expires
            if self.current is not None and still_good and self.stale(clock):
                return  # renewed early and in vain: the keys in hand still work
            raise errors.CredentialsRefused(
                f"{self.name} gave no credentials: {_reason(problem)}",
                advice="renew the session of this profile or role, or correct the location's credentials",
                place=self._place,
            ) from None  # botocore's own text may quote what a process or file said
        self.current, self._expires = leased.keys, leased.expires


def _is_botocores(problem: Exception) -> bool:
    import botocore.exceptions

    return isinstance(problem, botocore.exceptions.BotoCoreError | botocore.exceptions.ClientError)


def _reason(problem: Exception) -> str:
    import botocore.exceptions

    if isinstance(problem, botocore.exceptions.ClientError):
        error = problem.response.get("Error", {})
        return f"{problem.operation_name} was answered {error.get('Code', 'an error')}"
    return type(problem).__name__


def source_of(location: S3Location, resolve: Callable[[str], str]) -> Source:
    """The credentials a location asks for. Nothing is read before the first request."""
    access, place = location.access, location.url
    if access.anonymous:
        return Anonymous()
    if access.access_key_id is not None or access.secret_access_key is not None:
        obtain, name = _explicit(location, resolve), f"the access key of {location.name or place}"
    else:
        name = f"profile {access.profile}" if access.profile else "the default credentials chain"
        obtain = _chain(location)
    if access.role_arn:
        obtain, name = _assumed(location, obtain), f"role {access.role_arn} (through {name})"
    return Fetched(name, place, obtain)


def _explicit(location: S3Location, resolve: Callable[[str], str]) -> Callable[[], Leased]:
    access = location.access

    def obtain() -> Leased:
        if access.access_key_id is None or access.secret_access_key is None:
            missing = "access_key_id" if access.access_key_id is None else "secret_access_key"
            raise errors.BadLocation(
                f"{location.url} has one half of a key pair", advice=f"add {missing} to the location"
            )
        token = resolve(access.session_token) if access.session_token else None
        return Leased(
            Keys(
                resolve(access.access_key_id).strip(),
                resolve(access.secret_access_key).strip(),
                token or None,
            )
        )

    return obtain


def _chain(location: S3Location) -> Callable[[], Leased]:
    def obtain() -> Leased:
        plain = None if location.access.profile else _plain_environment(os.environ)
        if plain is not None:
            return Leased(plain)
        import botocore.exceptions
        import botocore.session

        # A new session each time: files, environment and metadata are read again, nothing stale stays.
        session = botocore.session.Session(profile=location.access.profile)
        found: Any = session.get_credentials()
        if found is None:
            raise errors.CredentialsRefused(
                f"no credentials were found for {location.url}",
                advice="set a profile, a role, access_key_id, or anonymous: true; or log in with the AWS CLI",
                place=location.url,
            )
        frozen: Any = found.get_frozen_credentials()
        expires = getattr(found, "_expiry_time", None)
        if not frozen.access_key or not frozen.secret_key:
            raise botocore.exceptions.NoCredentialsError
        return Leased(
            Keys(frozen.access_key, frozen.secret_key, frozen.token or None),
            expires.astimezone(UTC) if isinstance(expires, datetime) else None,
        )

    return obtain


def _plain_environment(environment: Mapping[str, str]) -> Keys | None:
    """Keys of the environment, where botocore's chain would begin and end with them: both, and no expiry."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret or environment.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    token = environment.get("AWS_SECURITY_TOKEN") or environment.get("AWS_SESSION_TOKEN")
    return Keys(key, secret, token or None)


def _assumed(location: S3Location, base: Callable[[], Leased]) -> Callable[[], Leased]:
    access = location.access

    def obtain() -> Leased:
        import botocore.session

        keys = base().keys
        session = botocore.session.Session()
        client: Any = session.create_client(
            "sts",
            region_name=access.region or "us-east-1",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
        )
        wish = {"RoleArn": access.role_arn, "RoleSessionName": "ferryline"}
        if access.external_id:
            wish["ExternalId"] = access.external_id
        got = client.assume_role(**wish)["Credentials"]
        return Leased(
            Keys(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]),
            got["Expiration"].astimezone(UTC),
        )

    return obtain
