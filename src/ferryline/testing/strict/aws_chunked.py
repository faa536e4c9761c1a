"""The two framings of a body: HTTP chunks, and `aws-chunked` with its signatures and trailers. Pure.

`wire` takes HTTP chunks off with `HttpChunks`, `intake` takes aws-chunks off with `decode`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryline.testing.strict.content import Buffer
from ferryline.testing.strict.refusal import Refusal

_LINE_BYTES_MAX = 16 * 1024


@dataclass(slots=True)
class HttpChunks:
    """Takes bytes of a chunked body as they come; `done` when the last chunk and trailers came."""

    body: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    _left: int = 0
    _in_trailer: bool = False
    _skip: int = 0

    def feed(self, data: bytearray) -> int:
        """How many bytes of `data` were taken. ValueError where it is no chunked body."""
        at = 0
        while not self.done:
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    break
                self.body += piece
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._skip = 2
                continue
            if self._skip:
                if len(data) - at < self._skip:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise ValueError("a chunk does not end where its size says")
                at, self._skip = at + 2, 0
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _LINE_BYTES_MAX:
                    raise ValueError("a chunk line without an end")
                break
            line = bytes(data[at:end])
            at = end + 2
            self._line(line)
        return at

    def _line(self, line: bytes) -> None:
        if self._in_trailer:
            if not line:
                self.done = True
                return
            name, _, value = line.partition(b":")
            self.trailers[name.strip().decode("latin-1").lower()] = value.strip().decode("latin-1")
            return
        self._left = int(line.partition(b";")[0], 16)
        self._in_trailer = self._left == 0


Verify = Callable[[bytes, str], None]
"""Called with each chunk's bytes (b"" for the last) and its signature text; raises where it is wrong."""


def decode(body: Buffer, expected: int | None, verify: Verify | None) -> tuple[bytearray, dict[str, str]]:
    """The bytes and trailers of an aws-chunked body; IncompleteBody where it is cut or of another length."""
    view = bytes(body)
    out = bytearray()
    at = 0
    while True:
        end = view.find(b"\r\n", at)
        if end < 0:
            raise Refusal("IncompleteBody")
        size_text, _, extension = view[at:end].partition(b";")
        try:
            size = int(size_text, 16)
        except ValueError:
            raise Refusal("InvalidRequest", "The body is not aws-chunked") from None
        at = end + 2
        chunk = view[at : at + size]
        if len(chunk) < size:
            raise Refusal("IncompleteBody")
        if verify is not None:
            _, _, signature = extension.partition(b"chunk-signature=")
            verify(chunk, signature.decode("latin-1"))
        if not size:
            break
        out += chunk
        at += size + 2
    trailers: dict[str, str] = {}
    for line in view[at:].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            trailers[name.strip().decode("latin-1").lower()] = value.strip().decode("latin-1")
    if expected is not None and expected != len(out):
        raise Refusal("IncompleteBody", f"{len(out)} bytes came, {expected} were announced")
    return out, trailers
