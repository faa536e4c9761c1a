"""Reports that were not made by any job: they take no more memory than others."""

import io
import itertools

import pytest

from ferryline import errors
from ferryline.listing import checksum_report
from ferryline.listing.checksum_report import Census, Folder
from tests import reporting

MIB = 1024 * 1024


class Endless(io.RawIOBase):
    """The same bytes again and again."""

    def __init__(self, start: bytes, piece: bytes):
        self._pieces = itertools.chain([start], itertools.repeat(piece))
        self.given = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.given > 64 * MIB:
            return 0
        piece = next(self._pieces)[: len(buffer)]
        buffer[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


ENDLESS = {
    "a line": (b"x", b"x" * 8000),
    "a field of many lines": (b'"', b"x\n" * 4000),
    "a row of many fields": (b"x", b"x," * 4000),
    "a row of many fields of two lines": (b"x,", b'"x\n",' * 1600),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_does_not_end_is_refused_early(name):
    endless, census = Endless(*ENDLESS[name]), Census()

    with pytest.raises(errors.BadUsage, match="r.csv, line "):
        checksum_report.read(io.BufferedReader(endless), "r.csv", [Folder("b", b"")], print, census)

    assert endless.given < 4 * MIB


def test_of_strange_buckets_only_the_first_are_held():
    rows = [reporting.row(f"bucket-{number}", b"k", "x", b"0" * 16) for number in range(5_000)]
    census = Census()

    stream = io.BytesIO(reporting.text(rows).encode())
    checksum_report.read(stream, "r.csv", [Folder("b", b"")], print, census)

    assert (census.rows, census.strangers) == (5_000, 5_000)
    assert 5 <= len(census.buckets) <= 100


def test_of_reasons_only_the_first_are_held():
    rows = [
        reporting.row("b", b"k", "x", b"0" * 16, checksumAlgorithm=f"SHA{number}9") for number in range(1_000)
    ]
    census = Census()

    stream = io.BytesIO(reporting.text(rows).encode())
    checksum_report.read(stream, "r.csv", [Folder("b", b"")], print, census)

    assert census.passed_over.total() == 1_000
    assert len(census.first) <= 101
