"""Where a ledger lies, and which pair of places it speaks of: written down beside it for people.

`opening` names it. The folder is made at the first write, never by looking.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ferryline.state import disk, identity, lock

_IDENTITY = "identity.json"
_LOCK = "writer.lock"


@dataclass(frozen=True, slots=True)
class Home:
    """A ledger's folder, its pair, and the name under which this process locks it."""

    folder: Path
    source: str
    destination: str
    me: lock.Holder

    @classmethod
    def below(cls, state_folder: Path, source: str, destination: str, me: lock.Holder) -> "Home":
        """The home of a pair's ledger in a state folder."""
        folder = state_folder / "ledgers" / identity.hash_of(source, destination)
        return cls(folder, source, destination, me)

    @property
    def lock_path(self) -> Path:
        """The file that a writer locks."""
        return self.folder / _LOCK

    @property
    def what(self) -> str:
        """The ledger in a message."""
        return f"the ledger of {self.destination}"

    def settle(self) -> None:
        """Make the folder and say in it whose ledger it is. What is there already stays."""
        disk.make_folder(self.folder)
        path = self.folder / _IDENTITY
        if not path.exists():
            pair = {
                "source": identity.storable(self.source),
                "destination": identity.storable(self.destination),
            }
            disk.replace(path, (json.dumps(pair, indent=1) + "\n").encode(), "identity")
