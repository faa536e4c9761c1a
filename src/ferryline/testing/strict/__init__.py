"""A strict S3 server for tests and benchmarks, written from a documented table of AWS behaviour.

It believes nothing: signatures, digests, checksums, preconditions, sizes and names are checked as AWS
checks them, and only a switch makes it lie. Faults are scripted as data and count how often they struck::

    with StrictServer("source") as server:
        server.bucket("source").put("key", b"bytes")
        fault = server.arm(Fault("GetObject", Status("SlowDown")))
        ...
        assert fault.fired

It imports nothing of `ferryline.storage`, so that no mistake of the client can hide in it. The table is in
`docs/reference/strict-server.md`.
"""

from ferryline.testing.strict import fault
from ferryline.testing.strict.access import BucketAccess, Put
from ferryline.testing.strict.fault import Fault, Listing, Phase
from ferryline.testing.strict.fill import Fill
from ferryline.testing.strict.process import StrictProcess
from ferryline.testing.strict.seen import Seen
from ferryline.testing.strict.server import StrictServer
from ferryline.testing.strict.settings import (
    READ_ONLY,
    BucketSettings,
    Credential,
    Encryption,
    Lie,
    Redirect,
    Refused,
    Settings,
)
from ferryline.testing.strict.shelf import Version

__all__ = [
    "READ_ONLY",
    "BucketAccess",
    "BucketSettings",
    "Credential",
    "Encryption",
    "Fault",
    "Fill",
    "Lie",
    "Listing",
    "Phase",
    "Put",
    "Redirect",
    "Refused",
    "Seen",
    "Settings",
    "StrictProcess",
    "StrictServer",
    "Version",
    "fault",
]
