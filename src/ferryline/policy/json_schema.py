"""The policy file's JSON Schema, generated from the field tables that also read it.

Editors and CI of users read the shipped `policy.schema.json`; a test keeps it equal to `schema()`.
What needs two fields at once (overlaps, option pairs) is beyond it and only in the reader.
"""

import json
from importlib import resources
from typing import Any

from ferryline.policy import fields_policy
from ferryline.policy.record import records

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12. A file that the reader takes is valid by it."""
    definitions = {name: one.definition() for name, one in records(fields_policy.POLICY).items()}
    return {
        "$schema": DIALECT,
        "title": "Ferryline policy",
        "$ref": "#/$defs/policy",
        "$defs": dict(sorted(definitions.items())),
    }


def rendered() -> str:
    """The text of the shipped file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The text that the installed package holds."""
    return resources.files("ferryline.policy").joinpath("policy.schema.json").read_text("utf-8")


if __name__ == "__main__":
    import sys

    sys.stdout.write(rendered())
