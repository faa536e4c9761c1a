"""The strict server in a process of its own, and its admin path as methods. For tests and benchmarks.

`with StrictProcess("--bucket", "source") as server:` starts `python -m ferryline.testing.strict`, waits for
its ready line, and stops it by SIGTERM. The calls block; use them from tests, not from an event loop.
"""

import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Any, Self

from ferryline.testing.strict.fault import Fault
from ferryline.testing.strict.settings import ACCESS_KEY, SECRET_KEY, Lie

STOP_SECONDS = 10.0


class StrictProcess:
    """One server process, with its admin path open."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.endpoint_url = ""
        self.pid = 0

    def start(self) -> Self:
        """Start it; returns when it takes requests."""
        command = [sys.executable, "-m", "ferryline.testing.strict", "--admin", *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        assert self._process.stdout is not None  # noqa: S101 - asked for a pipe
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the strict server did not start: exit {self._process.wait()}")
        ready = json.loads(line)
        self.endpoint_url, self.pid = ready["endpoint_url"], ready["pid"]
        return self

    def stop(self) -> int:
        """Stop it; its exit status."""
        process = self._process
        if process is None:
            return 0
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def counters(self) -> dict[str, dict[str, int]]:
        """Requests, bytes in and bytes out per operation."""
        return self._ask("GET", "counters")  # type: ignore[no-any-return]

    def seen(self) -> list[dict[str, Any]]:
        """The request log."""
        return self._ask("GET", "seen")  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Empty the log."""
        self._ask("DELETE", "seen")

    def arm(self, fault: Fault) -> int:
        """Arm a copy of this fault; its index among `faults`."""
        return int(self._ask("POST", "faults", fault.document())["index"])

    def faults(self) -> list[dict[str, Any]]:
        """The armed faults, with `fired`."""
        return self._ask("GET", "faults")  # type: ignore[no-any-return]

    def fired(self, index: int) -> int:
        """How often a fault struck."""
        return int(self.faults()[index]["fired"])

    def disarm(self) -> None:
        """Take all faults away."""
        self._ask("DELETE", "faults")

    def lie(self, *lies: Lie) -> None:
        """Tell exactly these lies from now on."""
        self._ask("POST", "lies", [one.value for one in lies])

    def corrupt(self, bucket: str, key: str, at: int = 0) -> None:
        """Flip one bit of an object behind the client's back."""
        self._ask("POST", "corrupt", {"bucket": bucket, "key": key, "at": at})

    def uploads(self) -> dict[str, list[dict[str, Any]]]:
        """Uploads under way, per bucket."""
        return self._ask("GET", "uploads")  # type: ignore[no-any-return]

    def client_arguments(self, region: str = "us-east-1") -> dict[str, Any]:
        """Keyword arguments for `boto3.client("s3", …)`."""
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": region,
        }

    def _ask(self, method: str, word: str, document: Any = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint_url}/-/{word}", data=data, method=method)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())
