"""PutBucketLifecycleConfiguration as S3 checks it, and rules as documents. No rule has any effect here.

From the S3 API reference ("PutBucketLifecycleConfiguration") and the user guide's page on the elements of
lifecycle rules. `buckets` gives back what was put.
"""

from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from ferryline.testing.strict import documents
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.refusal import Refusal

NAME: Final = "LifecycleConfiguration"
_RULES_MAX: Final = 1000
_ID_MAX: Final = 255
_REPEATED: Final = {
    "Transitions": "Transition",
    "NoncurrentVersionTransitions": "NoncurrentVersionTransition",
    "Tags": "Tag",
}
_ACTIONS: Final = frozenset(
    {
        "Expiration",
        "Transition",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionTransition",
        "AbortIncompleteMultipartUpload",
    }
)
_DAYS: Final = {
    "Expiration": ("Days", 1),
    "Transition": ("Days", 0),
    "NoncurrentVersionExpiration": ("NoncurrentDays", 1),
    "NoncurrentVersionTransition": ("NoncurrentDays", 0),
    "AbortIncompleteMultipartUpload": ("DaysAfterInitiation", 1),
}
"""Where an action says after how many days, and the fewest it may say."""

Rule = Mapping[str, Any]
"""A rule as boto3 takes it."""


def put(world: World, exchange: Exchange) -> Answer:
    """Keep the rules, or say what S3 does not take about them."""
    body = exchange.body.content.whole()
    tree = documents.parse(body, NAME)
    rules = [node for name, node in documents.children(tree) if name == "Rule"]
    if not 1 <= len(rules) <= _RULES_MAX:
        raise Refusal("MalformedXML", f"A configuration has 1 to {_RULES_MAX} rules")
    names = [name for rule in rules if (name := documents.text_of(rule, "ID"))]
    if len(set(names)) != len(names):
        raise Refusal("InvalidArgument", "Rule ID must be unique")
    if any(len(name) > _ID_MAX for name in names):
        raise Refusal("InvalidArgument", f"ID length should not exceed allowed limit of {_ID_MAX}")
    for rule in rules:
        _check(rule)
    exchange.bucket.documents[NAME] = body
    return Answer(200)


def _check(rule: etree._Element) -> None:
    parts = documents.children(rule)
    names = [name for name, _ in parts]
    if documents.text_of(rule, "Status") not in ("Enabled", "Disabled"):
        raise Refusal("MalformedXML", "Status is Enabled or Disabled")
    if names.count("Filter") + names.count("Prefix") != 1:
        raise Refusal("MalformedXML", "A rule has either a Filter or, as of old, a Prefix")
    actions = [(name, node) for name, node in parts if name in _ACTIONS]
    if not actions:
        raise Refusal("InvalidRequest", "At least one action needs to be specified in a rule")
    tagged = any(etree.QName(node).localname == "Tag" for node in rule.iter(etree.Element))
    for name, node in actions:
        element, least = _DAYS[name]
        days = documents.text_of(node, element)
        if days is not None and (not days.isdecimal() or int(days) < least):
            raise Refusal("InvalidArgument", f"'{element}' for {name} action must be a positive integer")
        if name in ("Expiration", "Transition"):
            ways = ("Days", "Date", "ExpiredObjectDeleteMarker")
            if sum(documents.text_of(node, one) is not None for one in ways) != 1:
                raise Refusal("MalformedXML", f"{name} says either after how many days or at which date")
        elif days is None:
            raise Refusal("MalformedXML", f"{name} says after how many days")
        if tagged and name == "AbortIncompleteMultipartUpload":
            raise Refusal("InvalidRequest", f"{name} cannot be specified with Tags")


def document(*rules: Rule) -> bytes:
    """The rules as S3 gives them back."""
    return documents.document(NAME, [_element("Rule", one) for one in rules])


def _element(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return documents.element(name, str(value).lower())
    if not isinstance(value, Mapping):
        return documents.element(name, value)
    inner = "".join(
        "".join(_element(_REPEATED[key], each) for each in one) if key in _REPEATED else _element(key, one)
        for key, one in value.items()
    )
    return f"<{name}>{inner}</{name}>"
