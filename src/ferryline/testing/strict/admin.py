"""The admin path `/-/…`: counters, log, faults and lies over HTTP, for tests that run a process.

Off unless asked for (`World.admin`); never signed, never logged, never hit by faults. Everything is JSON.
`process.StrictProcess` is its client.
"""

import json
from typing import Any

from ferryline.testing.strict import fault as kinds
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.settings import Lie

PREFIX = b"/-/"


def answer(world: World, exchange: Exchange) -> Answer:
    """Answer one admin request; 400 with a reason where it makes no sense."""
    request = exchange.request
    words = request.path[len(PREFIX) :].decode("latin-1").split("/", 1)
    try:
        document = json.loads(bytes(request.body)) if len(request.body) else None
        found = _done(world, request.method, words[0], document)
    except (ValueError, KeyError, TypeError) as cause:
        return Answer.of(json.dumps({"error": str(cause)}).encode(), "application/json", 400)
    return Answer.of(json.dumps(found).encode(), "application/json")


def _done(world: World, method: str, word: str, document: Any) -> Any:
    match method, word:
        case "GET", "counters":
            return world.log.counters()
        case "GET", "seen":
            return [one.document() for one in world.log.entries]
        case "DELETE", "seen":
            world.log.clear()
            return {}
        case "GET", "faults":
            return [one.document() for one in world.faults]
        case "POST", "faults":
            world.faults.append(kinds.from_document(document))
            return {"index": len(world.faults) - 1}
        case "DELETE", "faults":
            world.faults.clear()
            return {}
        case "POST", "lies":
            world.tell(frozenset(Lie(one) for one in document))
            return {}
        case "POST", "corrupt":
            _corrupt(world, document)
            return {}
        case "GET", "uploads":
            return {
                name: [
                    {"key": one.key.decode("utf-8"), "upload_id": one.upload_id, "parts": sorted(one.parts)}
                    for one in bucket.uploads.values()
                ]
                for name, bucket in world.buckets.items()
            }
        case _:
            raise ValueError(f"no such admin request: {method} {word}")


def _corrupt(world: World, document: dict[str, Any]) -> None:
    version = world.buckets[document["bucket"]].visible(document["key"].encode())
    if version is None or version.content is None:
        raise KeyError(document["key"])
    data = bytearray(version.content.whole())
    data[document.get("at", 0)] ^= 1
    version.content = Content.of(data)
