"""What the process was started with: the environment, the working directory, the state folder.

The only reader of `os.environ` besides botocore's own credential chain.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferryline import errors

POLICY_FILE = "ferryline.yaml"

_SERVERS = ("postgresql", "postgresql+psycopg")


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
        """The folder in which this host remembers; see `state`."""
        return self.state(wanted).folder

    def state(self, wanted: str | None) -> "StatePlace":
        """Where this host remembers: `--state`, else `FERRYLINE_STATE`, else the user's state folder.

        A server's URL in `--state` leaves the folder to `FERRYLINE_STATE`. Raises BadUsage for what is
        neither a folder nor a database.
        """
        variable = self.variables.get("FERRYLINE_STATE") or None
        text = wanted or variable
        if text is None:
            return StatePlace(self._usual_folder())
        kind, separator, rest = text.partition("://")
        if not separator or text.startswith("file:///"):
            return StatePlace(self.working_directory / text.removeprefix("file://"))
        if kind in _SERVERS:
            folder = variable if wanted and variable and "://" not in variable else None
            return StatePlace(self.working_directory / folder if folder else self._usual_folder(), text)
        if kind == "sqlite" and rest.startswith("/") and rest[1:] and not set(rest) & set("?:"):
            path = self.working_directory / rest[1:]
            return StatePlace(path.parent, f"sqlite:///{path.name}")
        raise errors.BadUsage(
            # The rest of such a URL may hold a password.
            f"--state {kind}://…: no state can be kept there",
            advice="give a local folder, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE; run "
            "documents go where the policy's `state` says",
        )

    def _usual_folder(self) -> Path:
        home = self.variables.get("XDG_STATE_HOME") or str(
            Path(self.variables.get("HOME", "/")) / ".local/state"
        )
        return Path(home) / "ferryline"


@dataclass(frozen=True, slots=True)
class StatePlace:
    """A folder, and the database behind it where that is not the folder's own: it may hold a password."""

    folder: Path
    database_url: str | None = field(default=None, repr=False)


def read() -> Environment:
    """The environment of this process, copied. Raises BadUsage where the working directory is gone."""
    try:
        here = Path.cwd()
    except OSError as problem:
        raise errors.BadUsage(
            f"the working directory cannot be used: {problem.strerror}", advice="change to one that exists"
        ) from problem
    return Environment(dict(os.environ), here)
