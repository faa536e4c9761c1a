"""What the process was started with: the environment, the working directory, the state folder.

The only reader of `os.environ` besides botocore's own credential chain.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryline import errors

POLICY_FILE = "ferryline.yaml"


@dataclass(frozen=True, slots=True)
class Environment:
    """The process's surroundings, read once."""

    variables: Mapping[str, str]
    working_directory: Path

    @property
    def credentials_file(self) -> Path | None:
        """`FERRYLINE_CREDENTIALS`: a file that overrides credentials by location name."""
        text = self.variables.get("FERRYLINE_CREDENTIALS")
        return self.working_directory / text if text else None

    def state_folder(self, wanted: str | None) -> Path:
        """Where this host remembers: `--state`, else `FERRYLINE_STATE`, else the user's state folder.

        Raises BadUsage for a URL: state in a bucket belongs to the dataset commands.
        """
        text = wanted or self.variables.get("FERRYLINE_STATE")
        if text is None:
            home = self.variables.get("XDG_STATE_HOME") or str(
                Path(self.variables.get("HOME", "/")) / ".local/state"
            )
            return Path(home) / "ferryline"
        if "://" in text and not text.startswith("file:///"):
            raise errors.BadUsage(
                # The rest of such a URL may hold a password.
                f"--state {text.partition('://')[0]}://…: copy, plan and verify keep their state in a folder "
                "of this host",
                advice="give a local folder; nothing in it is needed to carry on elsewhere",
            )
        return self.working_directory / text.removeprefix("file://")


def read() -> Environment:
    """The environment of this process, copied. Raises BadUsage where the working directory is gone."""
    try:
        here = Path.cwd()
    except OSError as problem:
        raise errors.BadUsage(
            f"the working directory cannot be used: {problem.strerror}", advice="change to one that exists"
        ) from problem
    return Environment(dict(os.environ), here)
