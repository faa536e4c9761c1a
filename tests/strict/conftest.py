"""Servers and clients for judging the strict server: boto3 without retries, and raw sockets."""

import socket
from dataclasses import dataclass, field

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ferryline.testing.strict import StrictServer


def client_of(server, **config):
    arguments = server.client_arguments()
    for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region_name"):
        if name in config:
            arguments[name] = config.pop(name)
    settings = {
        "retries": {"total_max_attempts": 1},
        "s3": {"addressing_style": "path"},
        "read_timeout": 10,
        "request_checksum_calculation": "when_required",
        **config,
    }
    return boto3.client("s3", config=Config(**settings), **arguments)


def refused(call, *arguments, **named):
    """(code, status) of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def server():
    with StrictServer("bucket") as server:
        yield server


@pytest.fixture
def bucket(server):
    return server.bucket("bucket")


@pytest.fixture
def s3(server):
    return client_of(server)


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes
    ended: str = "whole"


@dataclass
class RawClient:
    """HTTP by hand, to see exactly what the wire carries."""

    port: int
    socket: object = field(init=False)

    def __post_init__(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, target, *, headers=(), body=b""):
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
        if body or method == "PUT":
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.answer(head_only=method == "HEAD")

    def answer(self, *, head_only=False):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._receive()
            if not piece:
                return RawAnswer(0, {}, data, "reset" if piece is None else "closed")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        status = int(lines[0].split(" ")[1])
        length = headers.get("content-length")
        if head_only or status in (204, 304):
            return RawAnswer(status, headers, body)
        ended = "whole"
        while length is None or len(body) < int(length):
            piece = self._receive()
            if not piece:
                ended = "reset" if piece is None else "closed"
                break
            body += piece
        return RawAnswer(status, headers, body, ended)

    def _receive(self):
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return None

    def close(self):
        self.socket.close()


@pytest.fixture
def open_server():
    """A server that looks at no signature, for raw requests."""
    from ferryline.testing.strict import Settings

    with StrictServer("bucket", settings=Settings(verify_signatures=False)) as server:
        yield server


@pytest.fixture
def raw(open_server):
    client = RawClient(open_server.port)
    yield client
    client.close()
