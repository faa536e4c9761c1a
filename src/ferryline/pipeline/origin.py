"""Whether one endpoint can copy between both ends of a task by itself, judged by what was declared.

`copying` asks before it transfers. Only sameness that can be read off the locations counts: one endpoint
(or AWS, in one partition) and one identity. Whether the endpoint does it shows when it is asked.
"""

from ferryline.model import place
from ferryline.pipeline.ends import Ends, has_customer_key
from ferryline.pipeline.task import Task
from ferryline.transfer import Origin

_PARTITIONS = ("cn-", "us-gov-", "us-iso-", "us-isob-", "us-isof-", "eu-isoe-", "eusc-")
"""Beginnings of the region names of AWS partitions other than the usual one: they share nothing."""


def origin(task: Task, ends: Ends) -> Origin | None:
    """The source as the destination's endpoint can name it, or None where bytes must go through here: also
    where one end has a customer key, which would have to be told to the endpoint for the other's objects."""
    source, destination = task.source, task.destinations[0]
    if (
        not task.server_side_copy
        or has_customer_key(source)
        or has_customer_key(destination)
        or not isinstance(source, place.S3Location)
        or not isinstance(destination, place.S3Location)
    ):
        return None
    if ends.source.capabilities.provider == ends.destination.capabilities.provider == "aws":
        one_endpoint = _partition(source.access.region) == _partition(destination.access.region)
    else:
        one_endpoint = _same_url(source.access.endpoint_url, destination.access.endpoint_url)
    if not one_endpoint or not _one_identity(source.access, destination.access):
        return None
    return Origin(source.bucket, source.prefix, source.access.account_id)


def _same_url(ours: str | None, theirs: str | None) -> bool:
    return ours is not None and theirs is not None and ours.rstrip("/") == theirs.rstrip("/")


def _partition(region: str | None) -> str:
    """The partition of a region. One that was not declared is taken for the usual one's: credentials
    are good in one partition only, so at worst the endpoint refuses."""
    return next((one for one in _PARTITIONS if (region or "").startswith(one)), "")


def _one_identity(ours: place.S3Access, theirs: place.S3Access) -> bool:
    """The same credentials by the same settings, and both sign. Who pays must be the same too, because a
    copy has one header for both ends."""
    if ours.anonymous or theirs.anonymous or ours.request_payer is not theirs.request_payer:
        return False
    return _credentials(ours) == _credentials(theirs)


def _credentials(access: place.S3Access) -> tuple[str | None, ...]:
    return (
        access.profile,
        access.role_arn,
        access.external_id,
        access.access_key_id,
        access.secret_access_key,
        access.session_token,
    )
