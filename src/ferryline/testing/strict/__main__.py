"""The strict server as a process: prints one JSON line when ready, stops on SIGTERM or SIGINT.

Run by subprocess tests, benchmarks and the demo::

    python -m ferryline.testing.strict --port 0 --bucket source --bucket destination --admin
"""

import argparse
import json
import os
import signal
import sys
import threading

from ferryline.testing.strict.fill import Fill
from ferryline.testing.strict.server import StrictServer
from ferryline.testing.strict.settings import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    BucketSettings,
    Credential,
    Encryption,
    Lie,
    Settings,
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m ferryline.testing.strict", description="A strict S3 server."
    )
    made.add_argument("--port", type=int, default=0, help="0 takes a free one")
    made.add_argument("--bucket", action="append", default=[], help="a bucket to make; may be repeated")
    made.add_argument("--versioned", action="append", default=[], help="a bucket to make, with versioning on")
    made.add_argument("--kms", action="append", default=[], help="a bucket to make whose ETags are not MD5")
    made.add_argument("--region", default=REGION)
    made.add_argument("--access-key", default=ACCESS_KEY)
    made.add_argument("--secret-key", default=os.environ.get("STRICT_SECRET_KEY", SECRET_KEY))
    made.add_argument("--no-signatures", action="store_true", help="look at no signature")
    made.add_argument("--lie", action="append", default=[], type=Lie, help="a Lie's value; may be repeated")
    made.add_argument("--server-header", default=Settings().server_header)
    made.add_argument("--page-keys", type=int, default=1000)
    made.add_argument("--clock-offset", type=float, default=0.0, help="seconds")
    made.add_argument(
        "--fill", action="append", default=[], type=Fill.parse, help="BUCKET:COUNT:BYTES[:PREFIX]"
    )
    made.add_argument("--admin", action="store_true", help="serve counters, log and faults under /-/")
    made.add_argument("--no-log", action="store_true", help="keep sums instead of a request log")
    return made


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    chosen = parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    settings = Settings(
        region=chosen.region,
        credentials={chosen.access_key: Credential(chosen.secret_key)},
        verify_signatures=not chosen.no_signatures,
        lies=frozenset(chosen.lie),
        server_header=chosen.server_header,
        page_keys=chosen.page_keys,
        clock_offset_seconds=chosen.clock_offset,
    )
    buckets = [BucketSettings(name) for name in (*chosen.bucket, *chosen.versioned)]
    buckets += [BucketSettings(name, encryption=Encryption.KMS) for name in chosen.kms]
    server = StrictServer(*buckets, settings=settings, port=chosen.port)
    server.open_admin(keeps_log=not chosen.no_log, admin=chosen.admin)
    for name in chosen.versioned:
        server.bucket(name).set_versioning("Enabled")
    for wanted in chosen.fill:
        server.fill(wanted)
    with server:
        line = {"endpoint_url": server.endpoint_url, "port": server.port, "pid": os.getpid()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
