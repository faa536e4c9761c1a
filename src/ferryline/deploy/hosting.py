"""The components for other languages: which there are, and their schema as the provider host infers it.

`plugin/__main__.py` hosts them; a test keeps `plugin/schema.json` equal to what is inferred. The host
reads annotations and attribute docstrings, so arguments have no unions and every output is declared.
"""

import json
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pulumi
from pulumi.provider.experimental import component_provider_host
from pulumi.provider.experimental.component import ComponentProvider

from ferryline.deploy.access import Access
from ferryline.deploy.bucket import Bucket
from ferryline.deploy.bucket_replication import BucketReplication
from ferryline.deploy.datasync_task import DataSyncTask
from ferryline.deploy.logs import Logs
from ferryline.deploy.policy_replication import PolicyReplication
from ferryline.deploy.replication import Replication
from ferryline.deploy.watch import Watch

NAME = "ferryline"

COMPONENTS: list[type[pulumi.ComponentResource]] = [
    Access,
    Bucket,
    BucketReplication,
    DataSyncTask,
    Logs,
    PolicyReplication,
    Replication,
    Watch,
]


def version() -> str:
    """The package's version as a plugin's: three numbers."""
    numbers = metadata.version("ferryline").split(".")
    return ".".join([*(one for one in numbers if one.isdigit()), "0", "0", "0"][:3])


def schema() -> dict[str, Any]:
    """The package schema, as the provider host would answer it."""
    found: dict[str, Any] = json.loads(ComponentProvider(COMPONENTS, NAME, None, version()).schema or "{}")
    return found


def rendered() -> str:
    """The text of the file that is checked in."""
    return json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def shipped() -> str:
    """The text that the installed package holds."""
    return resources.files("ferryline.deploy.plugin").joinpath("schema.json").read_text("utf-8")


def write() -> None:
    """Write the schema into the checkout that this module was loaded from: `make reference`."""
    (Path(__file__).parent / "plugin" / "schema.json").write_text(rendered(), "utf-8")


def host() -> None:
    """Serve the components to the Pulumi engine that started this process; returns when it is done."""
    component_provider_host(components=COMPONENTS, name=NAME, version=version())
