"""The versions that a receipt pins, looked for in one walk over the replica's versions.

`proofreading` asks it chunk by chunk, in key order. A version that the walk did not show is only a
suspicion: whoever asks looks at that one by its id. It looks at no object, and repairs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from ferryline import errors
from ferryline.snapshot.receipt import Keeping, Receipt
from ferryline.storage.store import Version, VersionsPage
from ferryline.storage.wrap.stack import DressedStore


class Pins:
    """One walk. Memory holds the pins of a chunk and one page of versions, however many there are.

    `warn` is told once where the versions cannot be walked: then nothing is suspected.
    """

    def __init__(self, store: DressedStore, receipt: Receipt, warn: Callable[[str, str], None]) -> None:
        self._store: Any = store
        self._warn = warn
        pinned = receipt.keeping is Keeping.VERSIONS and hasattr(store, "versions_page")
        self._walking = pinned
        self._ended = False
        self._after: tuple[bytes, str] | None = None
        self._held: Sequence[Version] = ()
        self._last = b""

    async def unseen(self, proof: pa.RecordBatch) -> frozenset[bytes]:
        """The keys of this chunk of the receipt whose pinned version the walk did not show."""
        if not self._walking:
            return frozenset()
        columns = (proof.column(name).to_pylist() for name in ("key", "version_id"))
        wanted = {(key, version) for key, version in zip(*columns, strict=True) if version is not None}
        upto = proof.column("key")[-1].as_py()
        while await self._more(upto):
            passed = [one for one in self._held if one.key <= upto]
            wanted.difference_update((one.key, one.version_id) for one in passed if not one.is_marker)
            self._held = [one for one in self._held if one.key > upto]
            if self._held:
                break
        return frozenset(key for key, _ in wanted) if self._walking else frozenset()

    async def _more(self, upto: bytes) -> bool:
        """Hold a page with something up to this key; False once the walk is beyond it."""
        if self._held:
            return min(one.key for one in self._held) <= upto
        if self._ended:
            return False
        try:
            page: VersionsPage = await self._store.versions_page(b"", self._after)
        except errors.Unsupported:
            return self._give_up("the endpoint does not list versions")
        except (errors.CredentialsRefused, errors.AccessRefused) as refusal:
            if refusal.kind != "access-refused":
                raise
            return self._give_up(refusal.message, "allow s3:ListBucketVersions on the replica's bucket")
        keys = [one.key for one in page.versions]
        if keys and min(keys) < self._last:
            return self._give_up("its versions are not listed in the order of their keys")
        self._last = max(keys, default=self._last)
        self._held, self._after = page.versions, page.following
        self._ended = page.following is None
        return bool(self._held) or not self._ended

    def _give_up(self, why: str, advice: str = "a reader who finds one gone is told by its key") -> bool:
        self._walking = False
        message = f"whether every pinned version is still in {self._store.place} was not looked at: {why}"
        self._warn(message, advice)
        return False
