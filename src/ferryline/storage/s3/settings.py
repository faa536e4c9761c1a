"""How patient and how wide the S3 backend is: frozen numbers, read once by whoever opens a store.

Used by the whole package; decides nothing. Defaults are for a healthy endpoint anywhere on the
internet: every limit here turns a silent hang or a memory bomb into a named error.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Limits of one opened S3 location."""

    connect_timeout_seconds: float = 10.0
    """TCP and TLS together."""
    read_timeout_seconds: float = 60.0
    """No byte moved in either direction, or no answer began after the request was sent."""
    server_work_timeout_seconds: float = 600.0
    """The same for CompleteMultipartUpload and copies, where the server works before it answers."""
    minimum_bytes_per_second: int = 1024
    """A body slower than this over a whole speed window is given up; 0 turns the rule off."""
    speed_window_seconds: float = 30.0
    keep_alive_seconds: float = 15.0
    """Idle connections older than this are not used again: S3 closes idle ones by itself soon after."""
    connections: int = 64
    """Most connections to one endpoint at once, unless the location says otherwise."""
    page_keys: int = 1000
    listing_bytes_max: int = 16 * 1024**2
    """Largest listing page: 1,000 keys of 1,024 bytes, each byte escaped, with room to spare."""
    buffered_bytes_max: int = 1024**3
    """Largest body that `read` buffers; larger ones must be streamed or read in spans."""
