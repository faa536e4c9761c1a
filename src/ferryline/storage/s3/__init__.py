"""The S3 backend: bare verbs over a thin HTTP client of its own. One attempt per call, no decision.

Opened by `storage.location` with `open_store`; everything else in this folder is private to it.
Reading order: store, then listing, objects, writes, uploads, copies; below them client (one signed
request), sign, address, credentials, translate; at the bottom http_pool and http_connection.
"""

from ferryline.storage.s3.opening import open_store
from ferryline.storage.s3.settings import S3Settings
from ferryline.storage.s3.store import S3Store

__all__ = ["S3Settings", "S3Store", "open_store"]
