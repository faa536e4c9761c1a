"""A Pulumi engine of our own making: programs run against it, and everything they registered is kept.

No CLI, no account, no network. What a program registered is a list of `Made`, with inputs as the
provider would get them (camel case), parents and dependencies as URNs, and secrets seen as secrets.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.settings import SETTINGS, set_root_resource

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"


@dataclass(frozen=True)
class Made:
    """One registered resource."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    dependencies: frozenset[str]
    protect: bool
    retain: bool
    secrets: frozenset[str] = frozenset()
    urn: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type: `Task`, `S3Location`."""
        return self.type.rpartition(":")[2]


@dataclass
class Ran:
    """What a program did."""

    made: list[Made] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def all(self, kind: str) -> list[Made]:
        """Every resource of a kind, in the order of names."""
        return sorted((one for one in self.made if one.kind == kind), key=lambda one: one.name)

    def one(self, kind: str, name: str | None = None) -> Made:
        """The only one of a kind (and name)."""
        found = [one for one in self.all(kind) if name is None or one.name == name]
        assert len(found) == 1, f"{kind} {name}: {[one.name for one in self.all(kind)]}"
        return found[0]

    def arns(self) -> dict[str, str]:
        """The ARN of every resource that has one, by URN."""
        return dict(self.states)

    def by_urn(self, urn: str) -> Made:
        return next(one for one in self.made if one.urn == urn)

    def waits_for(self, later: Made, earlier: Made) -> bool:
        """Whether `later` is made after `earlier`, directly or through others."""
        waiting, seen = [later], set()
        while waiting:
            one = waiting.pop()
            for urn in one.dependencies - seen:
                seen.add(urn)
                if urn == earlier.urn:
                    return True
                waiting.append(self.by_urn(urn))
        return False


class _Answers(mocks.Mocks):
    """What AWS would answer: ARNs of the right shape, in the region that was asked for."""

    def __init__(self, ran: Ran, regions: Mapping[str, str]) -> None:
        self.ran, self.regions, self.number = ran, regions, 0

    def call(self, args):
        self.ran.calls.append((args.token, args.args))
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            return {
                "accountId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:root",
                "id": ACCOUNT,
                "userId": "AIDA",
            }
        if args.token == "aws:s3/getBucket:getBucket":
            bucket = args.args["bucket"]
            return {
                "bucket": bucket,
                "id": bucket,
                "bucketRegion": self.regions.get(bucket, args.args["region"]),
            }
        raise AssertionError(args.token)

    def new_resource(self, args):
        self.number += 1
        kind = args.typ.rpartition(":")[2]
        region = args.inputs.get("region", "")
        name = args.inputs.get("name") or args.inputs.get("bucket") or f"{args.name}-a1b2c3d"
        arns = {
            "Task": f"arn:aws:datasync:{region}:{ACCOUNT}:task/task-{self.number:017x}",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "LogGroup": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{name}",
            "Topic": f"arn:aws:sns:{region}:{ACCOUNT}:{name}",
            "EventRule": f"arn:aws:events:{region}:{ACCOUNT}:rule/{name}",
            "MetricAlarm": f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}",
            "Bucket": f"arn:aws:s3:::{name}",
        }
        state = {"name": name, "bucket": name} | dict(args.inputs)
        if args.typ.startswith("aws:datasync/") and kind != "Task":
            state["arn"] = f"arn:aws:datasync:{region}:{ACCOUNT}:location/loc-{self.number:017x}"
        elif kind in arns:
            state["arn"] = arns[kind]
        return f"{name}-{self.number}" if kind != "Bucket" else name, state


class _Monitor(mocks.MockMonitor):
    """The mock monitor, writing down what a resource was registered with."""

    def __init__(self, answers: _Answers, ran: Ran) -> None:
        super().__init__(answers)
        self.ran = ran

    def RegisterResource(self, request):
        answer = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            if "arn" in self.resources[answer.urn].state:
                self.ran.states[answer.urn] = self.resources[answer.urn].state["arn"]
            raw = rpc.deserialize_properties(request.object, keep_unknowns=True)
            inputs, secrets = _plain(raw)
            self.ran.made.append(
                Made(
                    request.type,
                    request.name,
                    inputs,
                    request.parent,
                    frozenset(request.dependencies),
                    request.protect,
                    request.retainOnDelete,
                    frozenset(secrets),
                    answer.urn,
                )
            )
        return answer

    def RegisterResourceOutputs(self, request):
        outputs, _ = _plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self.ran.exports.update(outputs)
        else:
            self.ran.outputs[request.urn] = outputs
        return super().RegisterResourceOutputs(request)


def _plain(value: Any, path: str = "") -> tuple[Any, set[str]]:
    """A value without secret wrappers, and the paths of those there were."""
    if rpc.is_rpc_secret(value):
        inner, found = _plain(rpc.unwrap_rpc_secret(value), path)
        return inner, found | {path}
    if isinstance(value, Mapping):
        parts = {key: _plain(one, f"{path}.{key}" if path else key) for key, one in value.items()}
        return {key: one for key, (one, _) in parts.items()}, set().union(
            *(found for _, found in parts.values()), set()
        )
    if isinstance(value, list):
        items = [_plain(one, path) for one in value]
        return [one for one, _ in items], set().union(*(found for _, found in items), set())
    return value, set()


def run(
    program: Callable[[], None],
    regions: Mapping[str, str] | None = None,
    config: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program to its end, in an event loop of its own that is closed again.

    `regions` says where existing buckets lie, by name; `config` is the stack's configuration.
    """
    ran = Ran()
    answers = _Answers(ran, regions or {})
    loop, threads = asyncio.new_event_loop(), _Threads()
    loop.set_default_executor(threads.pool)
    asyncio.set_event_loop(loop)
    try:
        set_root_resource(None)
        mocks.set_mocks(answers, project="ferry", stack="test", preview=False, monitor=_Monitor(answers, ran))
        ran.made.clear()
        set_root_resource(None)
        pulumi.runtime.set_all_config({f"ferry:{key}": value for key, value in (config or {}).items()}, [])
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()
        loop.run_until_complete(stack.run_in_stack(program))
    finally:
        set_root_resource(None)
        _finish(loop)
        threads.close()
    return ran


class _Threads:
    """The threads that the mock monitor answers in; Pulumi needs an event loop in each, and closes none."""

    def __init__(self) -> None:
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.pool = ThreadPoolExecutor(4, initializer=self._started)

    def _started(self) -> None:
        self.loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(self.loops[-1])

    def close(self) -> None:
        self.pool.shutdown()
        for loop in self.loops:
            loop.close()


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Let nothing of a failed program go on, and close the loop.

    The program's first error was raised already; what waited for it failed with the same one, and
    would be logged again whenever it is collected: Python 3.11's parser breaks when that happens
    while it works.
    """
    loop.set_exception_handler(lambda loop, context: None)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.set_event_loop(None)
