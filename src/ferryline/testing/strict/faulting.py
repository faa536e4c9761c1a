"""Lets armed faults strike: reads them into an exchange's script, acts on the world, reshapes answers.

`service` calls `strike` when a request's head came, `before` ahead of the verb, `after` behind it.
"""

import math
from collections.abc import Callable
from typing import Final

from ferryline.testing.strict import deleting
from ferryline.testing.strict import fault as kinds
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.describing import http_date
from ferryline.testing.strict.exchange import FOR_EVER, Exchange, Script, World
from ferryline.testing.strict.fault import Fault, Phase
from ferryline.testing.strict.message import UNANNOUNCED, Answer
from ferryline.testing.strict.refusal import CODES, Refusal
from ferryline.testing.strict.shelf import Version

_SHAPES: Final = (
    kinds.Truncate, kinds.Extra, kinds.Flip, kinds.Header, kinds.Replace, kinds.Short, kinds.Trickle,
)  # fmt: skip
"""These hit the answer whatever their phase says."""


def strike(world: World, exchange: Exchange) -> None:
    """Choose the faults that hit this request, and note what they ask of verb and wire."""
    request = exchange.request
    exchange.faults = [
        one for one in world.faults if one.strikes(exchange.operation, request.bucket, request.key)
    ]
    for fault in exchange.faults:
        _note(exchange, fault)


def _carries_body(exchange: Exchange) -> bool:
    return bool(exchange.request.length) or exchange.request.chunked


def _note(exchange: Exchange, fault: Fault) -> None:
    script: Script = exchange.script
    in_request = fault.phase is Phase.BODY and _carries_body(exchange)
    match fault.what:
        case kinds.List(how):
            script.listing = how
        case kinds.Range(shift):
            script.range_shift = shift
        case kinds.PartsRemain():
            script.keep_parts = True
        case kinds.Clock(offset):
            script.clock_offset_seconds = offset
            exchange.now += offset
            exchange.fire(fault)
        case kinds.Close() | kinds.Reset() if in_request:
            script.intake_end = fault.what
            exchange.fire(fault)
        case kinds.Stall(seconds, after_bytes) if in_request:
            script.intake_stall = (after_bytes, FOR_EVER if seconds is None else seconds)
            exchange.fire(fault)
        case kinds.Stall(seconds) if fault.phase is Phase.BEFORE:
            script.wait_seconds = FOR_EVER if seconds is None else seconds
            exchange.fire(fault)


def before(world: World, exchange: Exchange) -> Answer | None:
    """Faults that strike before the effect; an answer takes the verb's place."""
    answer: Answer | None = None
    for fault in exchange.faults:
        if fault.phase is Phase.BEFORE:
            answer = _instead(exchange, fault) or answer
            _meddle(world, exchange, fault)
    if answer is None and exchange.script.hang_up is not None:
        answer = Answer(0)
    return answer


def after(world: World, exchange: Exchange, answer: Answer) -> Answer:
    """Faults that strike after the effect, or hit the answer's body."""
    for fault in exchange.faults:
        match fault.phase:
            case Phase.AFTER:
                answer = _instead(exchange, fault) or answer
                _meddle(world, exchange, fault)
                if isinstance(fault.what, kinds.Stall):
                    seconds = fault.what.seconds
                    exchange.script.wait_after_seconds = FOR_EVER if seconds is None else seconds
                    exchange.fire(fault)
            case Phase.BODY:
                _in_the_body(exchange, fault)
        if isinstance(fault.what, _SHAPES):
            answer = _reshaped(exchange, fault, answer)
    return answer


def _instead(exchange: Exchange, fault: Fault) -> Answer | None:
    """An answer in place of the verb's own, or a hang-up."""
    match fault.what:
        case kinds.Status(code, status, headers, message):
            exchange.fire(fault)
            refusal = Refusal(code, message, headers=headers)
            refusal.status = status or CODES.get(code, (500, ""))[0]
            raise refusal
        case kinds.Page(body, content_type, status):
            exchange.fire(fault)
            return Answer.of(body, content_type, status)
        case kinds.RedirectTo(location, status, region):
            exchange.fire(fault)
            code = "PermanentRedirect" if status == 301 else "TemporaryRedirect"
            request = exchange.request
            own = f"http://{request.headers.get('host', '')}{request.target.decode('latin-1')}"
            where = location or own
            refusal = Refusal(code, headers={"Location": where}, fields={"Endpoint": where})
            if region is not None:
                refusal.headers["x-amz-bucket-region"] = region
            refusal.status = status
            raise refusal
        case kinds.Close() | kinds.Reset():
            exchange.fire(fault)
            exchange.script.hang_up = fault.what
    return None


def _meddle(world: World, exchange: Exchange, fault: Fault) -> None:
    """Change the world behind the client's back."""
    bucket, request = exchange.found, exchange.request
    if bucket is None:
        return
    match fault.what:
        case kinds.Overwrite(body):
            content = Content.of(body)
            version = Version(
                request.key, bucket.next_version_id(), world.now(), content, content.md5().hex()
            )
            version.headers = {"content-type": "binary/octet-stream"}
            bucket.store(version)
            exchange.fire(fault)
        case kinds.Remove():
            deleting.remove(bucket, request.key, None, world.now())
            exchange.fire(fault)
        case kinds.UploadVanishes():
            if bucket.uploads.pop(request.params.get("uploadId", ""), None) is not None:
                exchange.fire(fault)


def _in_the_body(exchange: Exchange, fault: Fault) -> None:
    script = exchange.script
    if _carries_body(exchange):
        return  # it struck while the request's body came
    match fault.what:
        case kinds.Close() | kinds.Reset():
            script.body_end = fault.what
            exchange.fire(fault)
        case kinds.Stall(seconds, after_bytes):
            script.body_stall = (after_bytes, FOR_EVER if seconds is None else seconds)
            exchange.fire(fault)


def _reshaped(exchange: Exchange, fault: Fault, answer: Answer) -> Answer:
    headers = dict(answer.headers)
    size = answer.content.size
    match fault.what:
        case kinds.Truncate(keep_percent) if size:
            exchange.fire(fault)
            return Answer(answer.status, headers, answer.content.cut(0, size * keep_percent // 100))
        case kinds.Extra(body):
            exchange.fire(fault)
            return Answer(answer.status, headers, Content.joined([answer.content, Content.of(body)]))
        case kinds.Flip(at, checksum) if size:
            exchange.fire(fault)
            data = bytearray(answer.content.whole())
            data[at % size if at < 0 else min(at, size - 1)] ^= 1
            if not checksum:
                headers = {name: value for name, value in headers.items() if "checksum" not in name.lower()}
            return Answer(answer.status, headers, Content.of(data))
        case kinds.Header(name, value):
            exchange.fire(fault)
            headers = {one: text for one, text in headers.items() if one.lower() != name.lower()}
            if value is not None:
                headers[name] = value
            return Answer(answer.status, headers, answer.content, answer.length)
        case kinds.Replace(old, new) if old in (body := answer.content.whole()):
            exchange.fire(fault)
            return Answer(answer.status, headers, Content.of(body.replace(old, new)))
        case kinds.Short(keep_bytes, announced) if size > keep_bytes:
            exchange.fire(fault)
            exchange.script.body_end = kinds.Close(keep_bytes)
            length = size if announced else UNANNOUNCED
            return Answer(answer.status, headers, answer.content.cut(0, keep_bytes), length)
        case kinds.Trickle(bytes_per_second) if size:
            exchange.fire(fault)
            exchange.script.bytes_per_second = bytes_per_second
    return answer


def date_of(exchange: Exchange) -> str:
    """The Date header of this answer."""
    return http_date(exchange.now)


def is_for_ever(seconds: float) -> bool:
    """Whether a stall has no end of its own."""
    return math.isinf(seconds)


Hook = Callable[[Exchange], None]
