"""What the policy says of one managed replica, resolved: what a task is looked for by, and compared with.

`config.movers` makes it. Frozen values; nothing is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryline.model import place
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.options import Options


@dataclass(frozen=True, slots=True)
class End:
    """One end of a replica as a location of DataSync names it.

    `schemes` are those that its LocationUri may have, `authority` what follows them: the bucket, or
    `REGION.FILE-SYSTEM-ID`. `path` is the folder below, empty or ending with a slash.
    """

    schemes: tuple[str, ...]
    authority: str
    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Declared:
    """One replica of one dataset. `region` is the one its task lives in: the destination's.

    `identity` is who asks AWS: the replica's location, or None for the default credentials (where the
    location belongs to another account, whose tasks are not ours). `resolve` turns references into values.
    """

    policy: str
    dataset: str
    replica: str
    region: str
    source: End
    destination: End
    identity: place.S3Location | None
    resolve: Callable[[str], str] = field(repr=False)
    options: Options = field(default_factory=Options)
    overrides: frozenset[str] = frozenset()
    """Options that the command line gave for this run alone."""
    filters: Filters = EVERYTHING
    schedule: str | None = None
    policy_digest: str | None = None

    @property
    def label(self) -> str:
        """The replica for people."""
        return f"{self.dataset}/{self.replica}"
