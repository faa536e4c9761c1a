"""Declared locations as `Location` values, made when a location is first used.

The command line and the pipeline call it. References in URLs, endpoints and profiles are resolved
here; secrets stay references in the `Location`, for the storage backend to resolve at signing.
Nothing is opened.
"""

import dataclasses
import os
from typing import Any

from ferryline import errors
from ferryline.model import place
from ferryline.policy import endpoint, interpolation, location, overlap, values
from ferryline.policy.interpolation import Sources, looks_interpolated
from ferryline.policy.location import S3OrFile
from ferryline.policy.shape import Reading


def of_folder(policy: values.Policy, folder: values.Folder, sources: Sources) -> S3OrFile:
    """Where `folder` lies. Raises `BadPolicy` when a reference leads nowhere or to no location."""
    spec = policy.locations[folder.location]
    path = folder.path.encode("utf-8", "surrogateescape")
    url = _resolved(policy, spec, "url", spec.url, sources)
    try:
        parsed = location.parse(url, spec.folder, _names(policy, spec))
    except errors.BadLocation as error:
        raise _refused(policy, spec, "url", "once resolved this is no location", error.advice) from None
    if isinstance(parsed, place.FileLocation):
        root = os.path.join(parsed.root, folder.path).rstrip("/") or "/"
        return place.FileLocation(root, spec.region, spec.name)
    if parsed.access != place.S3Access():
        raise _refused(
            policy, spec, "url", "once resolved this holds options", "write them as fields beside url"
        )
    key = parsed.prefix + path
    if len(key) > location.KEY_BYTES_MAX:
        remedy = f"S3 keys hold {location.KEY_BYTES_MAX} bytes; shorten it"
        raise _refused(policy, spec, "url", f"a prefix of {len(key)} bytes", remedy)
    access = _access(policy, spec, sources)
    return place.S3Location(
        parsed.bucket, key, access, _writing(policy, spec, sources), spec.limits.connections, spec.name
    )


def of_replica(policy: values.Policy, replica: values.ReplicaSpec, sources: Sources) -> S3OrFile:
    """Where a replica lies, with its own storage class and tags. Raises `BadPolicy`."""
    there = of_folder(policy, replica.to, sources)
    if isinstance(there, place.FileLocation):
        return there
    writing = dataclasses.replace(
        there.writing,
        storage_class=replica.storage_class or there.writing.storage_class,
        tags=replica.tags or there.writing.tags,
    )
    return dataclasses.replace(there, writing=writing)


def find(text: str, policy: values.Policy | None, sources: Sources, working_directory: str = ".") -> S3OrFile:
    """A location as a person names it on the command line: a URL, a path, or `location/path`.

    Raises `BadLocation`, or `BadPolicy` for a declared location that cannot be resolved.
    """
    if "://" in text or text.startswith(("/", "./", "../")) or text in (".", ".."):
        return location.parse(text, working_directory)
    name, _, path = text.partition("/")
    if policy is None or name not in policy.locations:
        known = ", ".join(policy.locations) if policy is not None else ""
        remedy = "write s3://bucket/prefix, or a path that starts with / or ./"
        if known:
            remedy += f"; the policy declares {known}"
        raise errors.BadLocation(f"no location is called {name[:80]!r}", advice=remedy, place=text[:200])
    folder = values.Folder(name, path if not path or path.endswith("/") else path + "/")
    if any(segment in (".", "..") for segment in path.split("/")):
        remedy = "write the plain path below the location"
        raise errors.BadLocation(f"{text[:200]!r} has a `.` or `..` segment", advice=remedy, place=text[:200])
    return of_folder(policy, folder, sources)


def resolved(policy: values.Policy, dataset: values.Dataset, sources: Sources) -> values.Policy:
    """The policy with the URLs and endpoints of `dataset` resolved, checked again for overlaps.

    References can hide that two folders are one; a run calls this before its first request. Raises
    `BadPolicy`. Other datasets keep their references.
    """
    used = {dataset.source.location, *(replica.to.location for replica in dataset.replicas)}
    locations = dict(policy.locations)
    for name in used & locations.keys():
        spec = locations[name]
        access = spec.access
        if access.endpoint_url is not None:
            access = dataclasses.replace(access, endpoint_url=_access(policy, spec, sources).endpoint_url)
        url = _resolved(policy, spec, "url", spec.url, sources)
        locations[name] = dataclasses.replace(spec, url=url, access=access)
    known = dataclasses.replace(policy, locations=locations)
    reading = Reading(places=dict(policy.places))
    overlap.check(known, reading)
    if reading.problems:
        raise errors.BadPolicy(tuple(reading.problems))
    return known


def _access(policy: values.Policy, spec: values.LocationSpec, sources: Sources) -> place.S3Access:
    """The location's access, its region's filling what it leaves open."""
    own = spec.access
    region = policy.regions.get(spec.region or "")
    folder = spec.folder
    if region is not None and region.s3_endpoint_url is not None and own.endpoint_url is None:
        own = dataclasses.replace(own, endpoint_url=region.s3_endpoint_url)
        if own.addressing_style is place.AddressingStyle.AUTO:
            own = dataclasses.replace(own, addressing_style=region.addressing_style)
        if own.ca_bundle is None and region.ca_bundle is not None:
            ca_bundle = os.path.join(os.path.abspath(region.folder), region.ca_bundle)
            own = dataclasses.replace(own, ca_bundle=ca_bundle)
        if own.profile is None and own.access_key_id is None and not own.anonymous:
            own = _signed_by(own, region.credentials)
            folder = region.folder
    plain = {
        name: _resolved(policy, spec, name, value, sources)
        for name in ("endpoint_url", "profile", "role_arn", "external_id", "account_id", "ca_bundle")
        if (value := getattr(own, name)) is not None
    }
    if "ca_bundle" in plain:
        plain["ca_bundle"] = os.path.join(os.path.abspath(spec.folder), plain["ca_bundle"])
    if "endpoint_url" in plain:
        try:
            plain["endpoint_url"] = endpoint.check(plain["endpoint_url"])
        except ValueError as error:
            remedy = str(error).partition("|")[2]
            raise _refused(
                policy, spec, "endpoint_url", "once resolved this is no endpoint", remedy
            ) from None
    secret = {
        name: interpolation.anchored(value, spec.folder if name == "sse_customer_key" else folder)
        for name in ("access_key_id", "secret_access_key", "session_token", "sse_customer_key")
        if (value := getattr(own, name)) is not None
    }
    texts: dict[str, Any] = plain | secret
    return dataclasses.replace(own, **texts)


def _names(policy: values.Policy, spec: values.LocationSpec) -> location.Buckets:
    on_aws = overlap.endpoint_of(policy, spec) == "aws"
    return location.Buckets.BY_ENDPOINT if on_aws else location.Buckets.ANY


def _signed_by(access: place.S3Access, credentials: values.Credentials) -> place.S3Access:
    return dataclasses.replace(
        access,
        profile=credentials.profile,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        session_token=credentials.session_token,
    )


def _writing(policy: values.Policy, spec: values.LocationSpec, sources: Sources) -> place.S3Writing:
    key = spec.writing.kms_key_id
    if key is None:
        return spec.writing
    return dataclasses.replace(spec.writing, kms_key_id=_resolved(policy, spec, "kms_key_id", key, sources))


def _resolved(
    policy: values.Policy, spec: values.LocationSpec, name: str, text: str, sources: Sources
) -> str:
    if not looks_interpolated(text):
        return text
    try:
        return interpolation.resolve(interpolation.anchored(text, spec.folder), sources)
    except interpolation.Unresolved as error:
        raise _refused(
            policy, spec, name, str(error), "set it, or give a default: ${env:NAME:-default}"
        ) from None


def _refused(
    policy: values.Policy, spec: values.LocationSpec, name: str, message: str, remedy: str
) -> errors.BadPolicy:
    where = policy.where(f"locations.{spec.name}.{name}")
    return errors.BadPolicy((errors.Problem(where, message, remedy),))
