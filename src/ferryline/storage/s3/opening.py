"""Opens an S3 location: credentials, TLS and client are put together here and nowhere else.

Called by `storage.location`. Sends no request: the first verb does.
"""

from collections.abc import Callable

from ferryline.clock import Clock
from ferryline.model import event
from ferryline.model.place import S3Location
from ferryline.storage import capabilities
from ferryline.storage.s3 import address, credentials, customer_key
from ferryline.storage.s3.client import Client, Surroundings
from ferryline.storage.s3.settings import S3Settings
from ferryline.storage.s3.store import S3Store


async def open_store(
    location: S3Location,
    *,
    resolve: Callable[[str], str],
    trace: Callable[[event.RequestMade], None] | None,
    clock: Clock,
    settings: S3Settings,
) -> S3Store:
    """A store on `location`, bound to the running event loop. Raises BadLocation; the caller closes it.

    `resolve` turns `${env:NAME}` and `${file:PATH}` texts into values: a customer key's now, others when
    keys are first needed and again when they expired; `trace` is told of every request attempt.
    """
    client = Client(
        Surroundings(
            location=location,
            settings=settings,
            clock=clock,
            credentials=credentials.source_of(location, resolve),
            tls=None
            if address.is_plain(location)
            else address.tls_context(location.access.ca_bundle, location.url),
            trace=trace,
            customer_key=customer_key.headers_of(location, resolve),
        )
    )
    known = capabilities.AWS if client.is_aws else capabilities.Capabilities(provider="s3")
    return S3Store(client, known)
