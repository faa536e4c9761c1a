"""What a place is like, as it tells on being asked: the values of `S3Store.greet` and `FileStore.premises`.

`pipeline.online` reads them. Nothing here was found out by writing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greeting:
    """An endpoint's answer to a listing of at most one key.

    `clock_ahead_seconds` is how far this host's clock is ahead of the endpoint's, None where it does not
    tell the time; `first_key` is some key of the folder, None where there is none.
    """

    clock_ahead_seconds: float | None
    first_key: bytes | None


@dataclass(frozen=True, slots=True)
class Premises:
    """A folder of a file system. What is not there yet is told of `nearest`, the folder above it that is."""

    exists: bool
    is_folder: bool
    nearest: str
    readable: bool
    writable: bool
    free_bytes: int
    identity: str
    """Of the file system and the folder, as `identity()` tells it; empty where the folder is not there."""
    device: int
    """Of the file system: equal for two folders on one."""
