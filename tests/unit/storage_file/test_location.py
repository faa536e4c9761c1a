"""The door to the backends: which store a location becomes, and how another backend takes part."""

from dataclasses import dataclass

import pytest

from ferryline import errors
from ferryline.model.place import FileLocation, MemoryLocation, S3Access, S3Location
from ferryline.storage import location, memory
from ferryline.storage.store import Writing
from tests.unit.storage_file.trees import listed


async def test_a_file_location_is_refused_or_empty_by_its_side(tmp_path):
    missing = FileLocation(str(tmp_path / "missing"))
    source = await location.open_store(missing, location.OpenContext())
    destination = await location.open_store(missing, location.OpenContext(), location.Side.DESTINATION)
    with pytest.raises(errors.DiskFailed):
        await listed(source)
    assert await listed(destination) == []
    await source.close()
    await destination.close()


async def test_memory_locations_share_by_label():
    first = await location.open_store(MemoryLocation("door"), location.OpenContext())
    second = await location.open_store(MemoryLocation("door"), location.OpenContext())
    await first.write(b"a", b"", Writing())
    assert await listed(second) == [b"a"]
    memory.forget("door")


async def test_an_s3_location_opens_without_a_request():
    place = S3Location("bucket", access=S3Access(region="us-east-1", anonymous=True))
    store = await location.open_store(place, location.OpenContext())
    assert store.place.startswith("s3://bucket")
    await store.close()


@dataclass(frozen=True, slots=True)
class ToyLocation:
    label: str


async def test_another_backend_takes_part_once_it_is_registered(monkeypatch):
    monkeypatch.setattr(location, "_openers", dict(location._openers))
    with pytest.raises(errors.BadLocation, match="ToyLocation"):
        await location.open_store(ToyLocation("toy"), location.OpenContext())

    async def open_toy(place, context, side):
        return memory.MemoryStore(memory.Bucket(f"{place.label}-{side.value}"), context.clock)

    location.register(ToyLocation, open_toy)
    store = await location.open_store(ToyLocation("toy"), location.OpenContext(), location.Side.DESTINATION)
    assert store.place == "memory://toy-destination/"
