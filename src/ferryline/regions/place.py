"""Where a region of the catalog is: its country and its approximate coordinates, each with its source.

`residency` takes countries from here, `reader` and `plan` distances. It reads no policy: a declared
region's place is in the policy.
"""

import math
from dataclasses import dataclass

from ferryline.regions.record import Datum, Known, Unknown, read, source_of

EARTH_RADIUS_KM = 6371.0
"""Mean radius (IUGG); a sphere is good to half a per cent, far better than the coordinates."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Degrees, north and east positive; `town` is what they are the centre of."""

    latitude: float
    longitude: float
    town: str = ""


def country(region: str) -> Datum[str]:
    """The ISO 3166-1 code of the country a catalog region lies in."""
    table = read("aws")["country"]
    if region in table["of"]:
        return Known(table["of"][region], source_of(table))
    return Unknown(table["unknown"].get(region, f"{region} is not in the catalog"))


def coordinates(region: str) -> Datum[Coordinates]:
    """Roughly where a catalog region is."""
    table = read("aws")["coordinates"]
    if region in table["of"]:
        entry = table["of"][region]
        latitude, longitude = entry["at"]
        return Known(Coordinates(latitude, longitude, entry["town"]), source_of(table))
    return Unknown(table["unknown"].get(region, f"{region} is not in the catalog"))


def distance_km(left: Coordinates, right: Coordinates) -> float:
    """Great-circle distance (haversine)."""
    north, south = math.radians(left.latitude), math.radians(right.latitude)
    turned = math.radians(right.longitude - left.longitude)
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(turned / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))
