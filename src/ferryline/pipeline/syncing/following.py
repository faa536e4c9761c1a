"""The executions of one service during one run: told of while they last, counted when they ended.

`DrivenLane` has one; it compares nothing and writes nowhere.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ferryline import errors
from ferryline.model import event
from ferryline.model.execution import Execution
from ferryline.model.run import Phase
from ferryline.pipeline.dataset import Mover
from ferryline.pipeline.recorder import Recorder
from ferryline.plan import cost

_PHASES = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True)
class Service:
    """Who moves the bytes, and what that asks for so many of them."""

    mover: Mover
    asks: Callable[[int], cost.Estimate] | None = None


class Following:
    """What was heard of a service. `execution` is the newest; a run that it joined is not one it started."""

    def __init__(self, service: Service, recorder: Recorder, place: str) -> None:
        self.execution: Execution | None = None
        self._service = service
        self._recorder = recorder
        self._place = place
        self._started: dict[str, Execution] = {}

    async def follow(self) -> Execution | None:
        """Have the service work to the end of an execution; None where there is nothing to start."""
        self.execution = None
        try:
            done = await self._service.mover.move(self._hear)
        except (asyncio.CancelledError, errors.FerrylineError):
            self._warn_of_what_goes_on()
            raise
        if done is not None:
            self._keep(done)
        return done

    def _warn_of_what_goes_on(self) -> None:
        seen = self.execution
        if seen is not None and not seen.ended:
            self._recorder.warn(
                f"the execution {seen.arn} goes on",
                "run the same command again to follow it; to end it: aws datasync "
                f"cancel-task-execution --region {seen.region} --task-execution-arn {seen.arn}",
            )

    def asked(self, moved_bytes: int) -> cost.Estimate | None:
        """What was asked for the executions that were started; `moved_bytes` where one told no bytes."""
        asks = self._service.asks
        if asks is None or not self._started:
            return None
        sizes = [one.counters.get("bytes_transferred", moved_bytes) for one in self._started.values()]
        return cost.Estimate(tuple(item for size in sizes for item in asks(size).items))

    def total(self, counter: str, otherwise: int) -> int:
        """The sum of one of the service's counters; `otherwise` where none told it."""
        told = [one.counters[counter] for one in self._started.values() if counter in one.counters]
        return sum(told) if told else otherwise

    def _keep(self, seen: Execution) -> None:
        self.execution = seen
        if not seen.joined:
            self._started[seen.arn] = seen

    def _hear(self, seen: Execution) -> None:
        """The service told how far it is."""
        if seen.joined and self.execution is None:
            self._recorder.warn(
                f"{seen.arn} was running already, and is followed",
                "what it had listed before this run began, and by which options, is its own; where something "
                "still differs after it, another one is started",
            )
        self._keep(seen)
        if seen.status in _PHASES:
            self._recorder.enter(_PHASES[seen.status])
        counters = seen.counters
        self._recorder.emit(
            event.ExecutionSeen(
                self._place,
                seen.arn,
                seen.status,
                counters.get("files_transferred", 0),
                counters.get("estimated_files_to_transfer"),
                counters.get("bytes_transferred", 0),
                counters.get("estimated_bytes_to_transfer"),
            )
        )
