"""Names of child resources that stay inside AWS's limits when Pulumi adds its random end.

IAM roles and EventBridge rules may have 64 characters. Components call `fit` for those; a long name
keeps its beginning and gets a digest, so that it is stable and different names stay different.
"""

from blake3 import blake3

CHARACTERS_MAX = 56
"""64, less the eight that Pulumi adds."""


def fit(name: str) -> str:
    """The name itself, or a shorter one that stands for it."""
    if len(name) <= CHARACTERS_MAX:
        return name
    return f"{name[: CHARACTERS_MAX - 9]}-{blake3(name.encode()).hexdigest()[:8]}"
