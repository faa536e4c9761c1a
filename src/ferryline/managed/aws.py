"""Clients of AWS's control planes, under a location's identity, and their errors in our own words.

`service`, `reports` and `s3_replication` call it; blocking work runs in threads. Endpoints, profiles and
signing are botocore's (`AWS_ENDPOINT_URL_DATASYNC` leads it elsewhere). No object's byte passes here.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ferryline import errors
from ferryline.managed.declared import Declared
from ferryline.model import place

ATTEMPTS = 6

EXPIRED = "credentials-expired"
"""The kind of a refusal that new credentials of the same identity may mend."""

_ENDED = frozenset({"ExpiredToken", "ExpiredTokenException"})

_LATER = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "InternalException",
        "InternalFailure",
        "ServiceUnavailable",
        "SlowDown",
        "RequestTimeout",
        "500",
        "502",
        "503",
        "504",
    }
)
_WRONG = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        *_ENDED,
    }
)
_REFUSED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired", "403", *_WRONG}
)


async def connect(name: str, declared: Declared, region: str, attempts: int = ATTEMPTS) -> "Client":
    """A client of the service `name` in `region`, as the replica's identity. Raises CredentialsRefused."""
    made = await asyncio.to_thread(_made, name, declared, region, attempts)
    return Client(made, f"{name} in {region}")


class Client:
    """One client. `call` is one request, repeated by botocore as often as it was made for."""

    def __init__(self, made: Any, label: str) -> None:
        self._made = made
        self._label = label

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer. Raises CredentialsRefused, RetryLater, and EndpointFailed for what AWS refuses."""
        return await asyncio.to_thread(self._called, operation, arguments)

    async def body(self, operation: str, **arguments: Any) -> bytes:
        """The whole body of an answer that comes as a stream: for small documents only."""
        return await asyncio.to_thread(self._read, operation, arguments)

    def _called(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        import botocore.exceptions as botocore

        try:
            answer: dict[str, Any] = self._made._make_api_call(operation, arguments)
        except botocore.ClientError as problem:
            raise self._refused(operation, problem.response) from problem
        except (botocore.HTTPClientError, botocore.ConnectionError) as problem:
            raise self._unreached(operation, problem) from problem
        except botocore.BotoCoreError as problem:
            raise errors.CredentialsRefused(
                f"{self._label} could not be asked for {operation}: {type(problem).__name__}",
                advice="set or renew the profile, the keys or the role of the replica's location, or log "
                "in with the AWS CLI",
                place=self._label,
            ) from None  # botocore's own text may quote what a process or file said
        return answer

    def _read(self, operation: str, arguments: dict[str, Any]) -> bytes:
        import botocore.exceptions as botocore
        import urllib3.exceptions

        answer = self._called(operation, arguments)
        try:
            return bytes(answer["Body"].read())
        except (
            botocore.HTTPClientError,
            botocore.ConnectionError,
            botocore.IncompleteReadError,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as problem:
            raise self._unreached(operation, problem) from problem

    def _unreached(self, operation: str, problem: Exception) -> errors.RetryLater:
        return errors.RetryLater(
            f"{self._label} could not be reached for {operation}: {type(problem).__name__}",
            advice="run again",
            place=self._label,
            effect_possible=True,
        )

    def _refused(self, operation: str, response: Any) -> errors.FerrylineError:
        error = response.get("Error", {})
        code, said = str(error.get("Code", "")), _first_line(str(error.get("Message", "")))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        what = f"{self._label} answered {operation} with {code or status}"
        if code in _REFUSED or status in (401, 403):
            advice = f"grant {_permission(self._label, operation)} to whoever runs this"
            if code in _WRONG:
                # Such an answer may quote what was signed, a session's token with it.
                advice, said = "correct or renew the credentials of the replica's location", ""
            return errors.CredentialsRefused(
                f"{what}: {said}" if said else what,
                advice=advice,
                place=self._label,
                kind=EXPIRED if code in _ENDED else "",
            )
        if code in _LATER or status >= 500 or status == 429:
            return errors.RetryLater(what, advice="run again", place=self._label, effect_possible=True)
        return errors.EndpointFailed(
            f"{what}: {said}" if said else what,
            advice="see what AWS says is wrong, then run again",
            place=self._label,
            kind=code or "endpoint",
        )


def _first_line(said: str) -> str:
    return said.strip().partition("\n")[0][:500]


def _permission(label: str, operation: str) -> str:
    return f"{label.partition(' ')[0]}:{operation}"


def _made(name: str, declared: Declared, region: str, attempts: int) -> Any:
    import botocore.config
    import botocore.exceptions
    import botocore.session

    identity, resolve = declared.identity, declared.resolve
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=60
    )
    access = identity.access if identity is not None else place.S3Access()
    try:
        session = botocore.session.Session(profile=access.profile)
        keys = _keys(access, resolve)
        if access.role_arn is not None:
            keys = _assumed(session, access, keys, region)
        return session.create_client(name, region_name=region, config=config, **keys)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as problem:
        raise errors.CredentialsRefused(
            f"{name} in {region} cannot be asked as {declared.label} is declared: {type(problem).__name__}",
            advice="correct the profile, the keys or the role of the replica's location",
            place=declared.label,
        ) from None  # botocore's own text may quote what a process or file said


def _keys(access: place.S3Access, resolve: Callable[[str], str]) -> dict[str, Any]:
    if access.access_key_id is None or access.secret_access_key is None:
        return {}
    return {
        "aws_access_key_id": resolve(access.access_key_id),
        "aws_secret_access_key": resolve(access.secret_access_key),
        "aws_session_token": resolve(access.session_token) if access.session_token else None,
    }


def _assumed(session: Any, access: place.S3Access, keys: dict[str, Any], region: str) -> dict[str, Any]:
    wish = {"RoleArn": access.role_arn, "RoleSessionName": "ferryline"}
    if access.external_id:
        wish["ExternalId"] = access.external_id
    got = session.create_client("sts", region_name=region, **keys).assume_role(**wish)["Credentials"]
    return {
        "aws_access_key_id": got["AccessKeyId"],
        "aws_secret_access_key": got["SecretAccessKey"],
        "aws_session_token": got["SessionToken"],
    }
