"""A small evaluator of IAM documents: may this principal do this to that, under these circumstances?

Default deny, explicit deny wins, stars and question marks match, the conditions that our documents
use. An unknown element or operator is an error, never a yes.
"""

import json
import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ask:
    """One request."""

    action: str
    resource: str
    principal: str = ""
    context: dict = field(default_factory=dict)


def allowed(ask: Ask, *documents: str) -> bool:
    """Whether the documents together allow the request."""
    effects = {effect for text in documents for effect in _effects(ask, json.loads(text))}
    return "Allow" in effects and "Deny" not in effects


def _effects(ask: Ask, document: dict):
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}, statement
        if all(
            (_acts(ask, statement), _touches(ask, statement), _speaks(ask, statement), _holds(ask, statement))
        ):
            yield statement["Effect"]


def _acts(ask, statement):
    return any(_matches(one.lower(), ask.action.lower()) for one in _list(statement["Action"]))


def _touches(ask, statement):
    return "Resource" not in statement or any(
        _matches(one, ask.resource) for one in _list(statement["Resource"])
    )


def _speaks(ask, statement):
    if "Principal" not in statement or statement["Principal"] == "*":
        return True
    return any(ask.principal in _list(one) for one in statement["Principal"].values())


OPERATORS = {
    "StringEquals": lambda wanted, found: found is not None and found in wanted,
    "StringNotEquals": lambda wanted, found: found not in wanted,
    "StringLike": lambda wanted, found: found is not None and any(_matches(one, found) for one in wanted),
    "Null": lambda wanted, found: ("true" in wanted) == (found is None),
    "ArnLike": lambda wanted, found: found is not None and any(_matches(one, found) for one in wanted),
}


def _holds(ask, statement):
    return all(
        OPERATORS[operator](_list(wanted), ask.context.get(key))
        for operator, tests in statement.get("Condition", {}).items()
        for key, wanted in tests.items()
    )


def _list(value):
    return value if isinstance(value, list) else [value]


def _matches(pattern, text):
    return (
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None
    )
