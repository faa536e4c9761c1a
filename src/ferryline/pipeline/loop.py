"""One run in an event loop of its own: signals become an orderly stop, groups become one error.

Called by `cli` and `door`. SIGINT and SIGTERM cancel the run: work in flight is dropped where it is
resumable, and the caller gets `Interrupted`. Nothing here knows what a run does.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from ferryline import errors

Answer = TypeVar("Answer")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run `work` to its end. Raises our own errors singly, and Interrupted after a signal."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        try:
            return runner.run(_guarded(work))
        except BaseExceptionGroup as group:
            raise first(group) from group


def _factory() -> Any:
    try:
        import uvloop
    except ImportError:  # Windows: uvloop does not exist there; the standard loop is slower, not wrong
        return None
    return uvloop.new_event_loop


async def _guarded(work: Coroutine[Any, Any, Answer]) -> Answer:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()

    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, stop, number)
        except (ValueError, NotImplementedError, RuntimeError):
            break  # not the main thread: whoever owns the process owns its signals
    try:
        return await task
    except errors.BrokenInvariant:
        raise
    except (asyncio.CancelledError, Exception) as end:
        if caught:  # whatever else went wrong while the run was being stopped
            raise errors.Interrupted(caught[0]) from end
        raise
    finally:
        for number in SIGNALS:
            try:
                loop.remove_signal_handler(number)
            except (ValueError, NotImplementedError, RuntimeError):
                break


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of a group that a person should hear of: the most serious, then the earliest."""
    flat = list(_flatten(group))
    for kind in (errors.BrokenInvariant, errors.UserMistake, errors.RunStopped, errors.FerrylineError):
        for one in flat:
            if isinstance(one, kind):
                return one
    for one in flat:
        if not isinstance(one, asyncio.CancelledError):
            return one
    return flat[0]


def _flatten(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [one for inner in error.exceptions for one in _flatten(inner)]
    return [error]
