"""Names of folders, files and rows that stand for places: hashes, and text that every database can hold."""

import hashlib


def hash_of(*identities: str) -> str:
    """A name for one place or a pair of places: 24 hex digits, the same on every host."""
    joined = "\0".join(identities).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=12).hexdigest()


def storable(text: str) -> str:
    r"""The text with undecodable bytes as `\xNN` and NUL as `\x00`: what SQL and JSON files can hold."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return clean.replace("\0", "\\x00")
