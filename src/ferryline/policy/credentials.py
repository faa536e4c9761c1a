"""The credentials file (FERRYLINE_CREDENTIALS): keys by location name, outside the policy.

`document` validates it and puts references to its entries into the policy; `reader` gives the
function that looks an entry up when a location is first used. No secret is kept or shown.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ferryline import errors
from ferryline.model import place
from ferryline.policy import interpolation, shape, tree, values, yaml_reader
from ferryline.policy.record import Field, MapOf, Record
from ferryline.policy.shape import BAD, Bad, Interpolating, Reading, Spot, Text


class Hidden:
    """A secret that may stand literally, here and nowhere else. Messages never show it."""

    def read(self, spot: Spot, reading: Reading) -> str | Bad:
        """The text, or the reference as written."""
        node = spot.node
        if (
            isinstance(node, tree.Scalar)
            and isinstance(node.value, str)
            and node.value
            and "\n" not in node.value
        ):
            try:
                interpolation.parts(node.value)
            except ValueError:
                return reading.refuse(
                    spot.where, "an interpolation that is not known", interpolation.ACCEPTED
                )
            return node.value
        return reading.refuse(spot.where, "expected text on one line", 'put the value in quotes: "…"')

    def schema(self) -> dict[str, Any]:
        """A string."""
        return {"type": "string", "minLength": 1}

    def words(self) -> str:
        """The description."""
        return "text"


def _entry(found: Mapping[str, Any], spot: Spot, reading: Reading) -> Any:
    key = [name for name in ("access_key_id", "secret_access_key") if name in found]
    if len(key) == 1 or ("session_token" in found and not key):
        remedy = "give access_key_id and secret_access_key together"
        return reading.refuse(spot.where, "half an access key", remedy)
    if ("profile" in found) is bool(key):
        return reading.refuse(spot.where, "no credentials, or two kinds", "give a profile or an access key")
    return dict(found)


ENTRY = Record(
    "credentials_entry",
    "the credentials of one location",
    (
        Field("profile", Text("a profile's name", interpolating=Interpolating.YES), "a profile"),
        Field("access_key_id", Hidden(), "the access key's id"),
        Field("secret_access_key", Hidden(), "the secret key"),
        Field("session_token", Hidden(), "the token of temporary credentials"),
    ),
    _entry,
)
FILE = MapOf(ENTRY, "credentials by location name")


def _found(text: bytes, file: str) -> Mapping[str, Mapping[str, str]]:
    spot, reading = Spot(yaml_reader.read(text, file), ""), Reading()
    found = FILE.read(spot, reading)
    if reading.problems or found is BAD:
        raise errors.BadPolicy(tuple(reading.problems))
    result: Mapping[str, Mapping[str, str]] = found
    return result


def read(text: bytes, file: str) -> Mapping[str, values.Credentials]:
    """Validate the file; what comes back holds references to its entries and no value of it."""
    entries: dict[str, values.Credentials] = {}
    for name, found in _found(text, file).items():
        references = {one: interpolation.credential(name, one) for one in found if one != "profile"}
        entries[name] = values.Credentials(**references, profile=found.get("profile"))
    return entries


def apply(
    policy: values.Policy, entries: Mapping[str, values.Credentials], reading: Reading
) -> values.Policy:
    """The policy with the credentials of the named locations replaced, role and anonymous included."""
    locations = dict(policy.locations)
    for name, entry in entries.items():
        if name not in locations:
            remedy = "use a declared location's name"
            if policy.locations:
                remedy = shape.did_you_mean(name, list(policy.locations))
            reading.refuse(None, f"the credentials file names an unknown location {name!r}", remedy)
            continue
        access: place.S3Access = dataclasses.replace(
            locations[name].access,
            profile=entry.profile,
            access_key_id=entry.access_key_id,
            secret_access_key=entry.secret_access_key,
            session_token=entry.session_token,
            anonymous=False,
        )
        locations[name] = dataclasses.replace(locations[name], access=access)
    return dataclasses.replace(policy, locations=locations)


def reader(path: Path, sources: interpolation.Sources) -> Callable[[str, str], str]:
    """A look-up (location, field) -> value that reads the file anew at each use and keeps nothing.

    References inside the file are resolved from `sources`. Raises `Unresolved`.
    """

    def look_up(location: str, name: str) -> str:
        try:
            data = sources.read(str(path))
        except OSError as error:
            raise interpolation.Unresolved(f"the credentials file cannot be read: {error.strerror}") from None
        value = _found(data, str(path)).get(location, {}).get(name)
        if value is None:
            raise interpolation.Unresolved(f"the credentials file has no {name} for {location!r} any more")
        return interpolation.resolve(value, sources)

    return look_up
