"""A listing of at most one key: the smallest request that tells whether a folder may be listed, and the time.

Called through `S3Store.greet`. What comes back must be a listing of the bucket that was asked.
"""

from datetime import UTC
from email.utils import parsedate_to_datetime

from ferryline.storage.premises import Greeting
from ferryline.storage.s3 import answer_xml
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.writes import result_of


async def greet(client: Client) -> Greeting:
    """ListObjectsV2 with `max-keys=1` below the location's folder. Raises as every verb does."""
    prefix = client.location.prefix
    query = (("list-type", "2"), ("encoding-type", "url"), ("max-keys", "1"), ("prefix", prefix))
    call = Call("ListObjectsV2", "GET", query=query, permission="s3:ListBucket")
    asked = client.now()
    answer = await client.send(call)
    now = asked + (client.now() - asked) / 2
    root = result_of(client, call, answer, "ListBucketResult")
    encoded = answer_xml.child_text(root, "EncodingType") == "url"
    keys = [answer_xml.key_of(one, "Key", encoded=encoded) for one in answer_xml.children(root, "Contents")]
    first = next((key[len(prefix) :] for key in keys if key.startswith(prefix) and key != prefix), None)
    try:
        theirs = parsedate_to_datetime(answer.text(b"date") or "")
    except (ValueError, TypeError):
        return Greeting(None, first)
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    return Greeting((now - theirs).total_seconds(), first)
