"""The webhook against real servers: told once, in bounded time, and never the run's undoing."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ferryline import errors
from ferryline.pipeline import webhook
from ferryline.policy.values import OnFailure
from ferryline.report import document
from tests.unit.report import samples

FAILED = document.run_document(samples.run())


@contextmanager
def listening(status=204, location=None):
    """A server that keeps what it was sent."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            told.append((self.path, dict(self.headers), body))
            self.send_response(status)
            if location is not None:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tell(url, timeout=5.0, found=FAILED):
    return webhook.tell(OnFailure("${env:HOOK}", timeout), found, lambda _: url)


def test_the_document_of_the_run_is_posted_once_as_json():
    with listening() as (url, told):
        assert tell(f"{url}/hook/T0?channel=ops") is None

    ((path, headers, body),) = told
    assert path == "/hook/T0?channel=ops"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == url.removeprefix("http://")
    assert json.loads(body) == FAILED


def test_a_document_with_odd_keys_is_plain_ascii_json():
    with listening() as (url, told):
        assert tell(url, found={"key": "\udcff ☃\n"}) is None

    assert told[0][0] == "/"
    assert json.loads(told[0][2]) == {"key": "\udcff ☃\n"}
    assert told[0][2].isascii()


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_another_answer_is_a_warning_that_holds_no_url(status):
    with listening() as (elsewhere, not_told), listening(status, elsewhere) as (url, told):
        warned = tell(f"{url}/SECRET")

    assert len(told) == 1
    assert not_told == []  # no redirect is followed
    assert f"it answered {status}" in warned.message
    assert "127.0.0.1" in warned.message
    assert "SECRET" not in f"{warned}"


def test_nobody_listening_is_a_warning():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        warned = tell(f"http://127.0.0.1:{bound.getsockname()[1]}/SECRET")

    assert "it could not be reached (ConnectionRefusedError)" in warned.message
    assert "SECRET" not in f"{warned}"


def test_an_answer_that_is_no_http_is_a_warning():
    with dripping([b"hello\r\n\r\n"]) as url:
        assert "it could not be reached" in tell(url).message


def test_an_answer_that_drips_for_ever_ends_in_time():
    with dripping([b"HTTP/1.1 200 OK\r\n"] + [b"x-a: b\r\n"] * 200) as url:
        began = time.monotonic()
        warned = tell(url, timeout=0.5)

    assert time.monotonic() - began < 3
    assert "it did not answer within 0.5 s" in warned.message


@contextmanager
def dripping(pieces):
    """A server that sends pieces, a twentieth of a second apart."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            for piece in pieces:
                if over.is_set():
                    return
                try:
                    connection.sendall(piece)
                except OSError:
                    return
                over.wait(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        thread.join()
        listener.close()


def test_what_a_reference_turned_out_to_be_is_checked_before_anything_is_sent():
    for url in ("http://example.com/SECRET", "https://169.254.169.254/SECRET", "SECRET"):
        warned = tell(url)
        assert "was not called" in warned.message
        assert "SECRET" not in f"{warned}"


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "10.1.2.3"])
def test_a_name_that_leads_to_another_address_than_it_may_is_not_called(monkeypatch, address):
    """http to `localhost`, whose name somebody pointed elsewhere."""
    connected = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 80))])
    monkeypatch.setattr(socket, "create_connection", lambda *given, **_: connected.append(given))

    warned = tell("http://localhost/SECRET")

    assert connected == []
    assert "leads to an address that a webhook may not have" in warned.message


def test_a_reference_that_leads_nowhere_is_a_warning():
    def resolve(_):
        raise errors.BadLocation("the variable HOOK is not set", advice="set it")

    warned = webhook.tell(OnFailure("${env:HOOK}"), FAILED, resolve)

    assert "the variable HOOK is not set" in warned.message
    assert warned.advice == "set it"


def test_a_certificate_that_nobody_vouches_for_is_a_warning(tmp_path):
    with listening() as (url, told):  # it speaks no TLS at all
        warned = tell(url.replace("http://", "https://"))

    assert told == []
    assert "it could not be reached" in warned.message
