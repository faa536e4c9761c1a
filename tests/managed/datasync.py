"""A DataSync that lives for one test: the JSON API on loopback, moving real objects between strict buckets.

Requests are held against botocore's model, errors are AWS's, an execution advances with every look at it and
copies while it is TRANSFERRING. It shares no code with the room it serves.
"""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ferryline.policy.filters import Filters
from ferryline.testing.strict import Put, StrictServer
from tests.deploy.datasync_model import check

ACCOUNT = "111122223333"
STEPS = ("QUEUED", "LAUNCHING", "PREPARING", "TRANSFERRING", "VERIFYING")


@dataclass
class Task:
    arn: str
    body: dict[str, Any]
    tags: dict[str, str]
    status: str = "AVAILABLE"
    current: str | None = None
    schedule_details: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None


@dataclass
class Execution:
    arn: str
    task: Task
    options: dict[str, Any]
    excludes: Any = ()
    status: str = "QUEUED"
    counts: dict[str, int] = field(default_factory=dict)
    started: float = 1_790_000_000.0


class DataSync:
    """Every region's DataSync. `with DataSync(strict) as service:`; then change its attributes to script it."""

    def __init__(self, strict: StrictServer | None = None) -> None:
        self.strict = strict
        self.locations: dict[str, str] = {}
        self.tasks: dict[str, Task] = {}
        self.executions: dict[str, Execution] = {}
        self.calls: Counter[str] = Counter()
        self.failing: dict[str, list[tuple[int, str, str]]] = {}
        """Answers that strike before anything is done, by operation; one is used up by each call."""
        self.loses_answer_of: str | None = None
        """An operation that is carried out, and whose answer is then lost once."""
        self.skips: set[bytes] = set()
        self.spoils: set[bytes] = set()
        self.ending = ("SUCCESS", "", "")
        self.part_bytes: int | None = None
        self.stands = False
        """Whether executions stay where they are."""
        self.before_copy: Any = None
        self.report: dict[str, Any] | None = None
        self.strangers: set[str] = set()
        """Tasks that the caller may not look at."""
        self.mounted: dict[str, Path] = {}
        """File systems by the beginning of their LocationUri, where this host has them mounted."""
        self._counter = 0

    # -- what tests make ----------------------------------------------------------------------------

    def location(self, region: str, uri: str) -> str:
        self._counter += 1
        arn = f"arn:aws:datasync:{region}:{ACCOUNT}:location/loc-{self._counter:017x}"
        self.locations[arn] = uri
        return arn

    def task(self, region: str, source: str, destination: str, **body: Any) -> Task:
        self._counter += 1
        tags = body.pop("Tags", {})
        body.setdefault("Options", {"VerifyMode": "ONLY_FILES_TRANSFERRED"})
        body.setdefault("Excludes", [{"FilterType": "SIMPLE_PATTERN", "Value": "*/.ferryline"}])
        body |= {"SourceLocationArn": source, "DestinationLocationArn": destination}
        request = {**body, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        problems = check("CreateTaskRequest", request, "Task")
        assert not problems, problems
        arn = f"arn:aws:datasync:{region}:{ACCOUNT}:task/task-{self._counter:017x}"
        self.tasks[arn] = Task(arn, body, tags)
        return self.tasks[arn]

    # -- the server ---------------------------------------------------------------------------------

    def __enter__(self) -> "DataSync":
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self._lock = threading.Lock()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["Content-Length"])) or b"{}")
        operation = http.headers["X-Amz-Target"].partition(".")[2]
        region = http.headers["Authorization"].split("Credential=")[1].split("/")[2]
        with self._lock:
            self.calls[operation] += 1
            status, answer = self._do(operation, region, body)
            if self.loses_answer_of == operation:
                self.loses_answer_of = None
                http.close_connection = True
                http.connection.close()
                return
        payload = json.dumps(answer).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/x-amz-json-1.1")
        http.send_header("Content-Length", str(len(payload)))
        http.end_headers()
        http.wfile.write(payload)

    def _do(self, operation: str, region: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        scripted = self.failing.get(operation)
        if scripted:
            status, code, message = scripted.pop(0)
            return status, {"__type": code, "message": message}
        problems = check(f"{operation}Request", body, operation)
        if problems:
            return 400, {"__type": "ValidationException", "message": "; ".join(problems)}
        try:
            return 200, getattr(self, f"_{operation}")(region, body)
        except PermissionError as problem:
            return 400, {"__type": "AccessDeniedException", "message": f"not authorized on {problem}"}
        except (KeyError, ValueError) as problem:
            return 400, {"__type": "InvalidRequestException", "message": str(problem)}

    def _page(self, name: str, found: list[Any], body: dict[str, Any]) -> dict[str, Any]:
        """Two at a time, whatever was asked for: nobody may forget the next page."""
        start = int(body.get("NextToken", "0"))
        more = {"NextToken": str(start + 2)} if start + 2 < len(found) else {}
        return {name: found[start : start + 2], **more}

    def _ListLocations(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        here = [
            {"LocationArn": arn, "LocationUri": uri}
            for arn, uri in self.locations.items()
            if arn.split(":")[3] == region
        ]
        return self._page("Locations", here, body)

    def _ListTasks(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        wanted = {value for one in body.get("Filters", ()) for value in one["Values"]}
        here = [
            {"TaskArn": one.arn, "Name": one.body.get("Name", ""), "Status": one.status}
            for one in self.tasks.values()
            if one.arn.split(":")[3] == region
            and (not wanted or wanted & {one.body["SourceLocationArn"], one.body["DestinationLocationArn"]})
        ]
        return self._page("Tasks", here, body)

    def _DescribeTask(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        task = self._of_region(self.tasks, body["TaskArn"], region)
        if task.arn in self.strangers:
            raise PermissionError(task.arn)
        status = task.status
        if task.current in self.executions and self.executions[task.current].status in STEPS:
            status = "RUNNING"
        found = {"TaskArn": task.arn, "Status": status, **task.body}
        if task.current is not None:
            found["CurrentTaskExecutionArn"] = task.current
        if task.schedule_details:
            found["ScheduleDetails"] = task.schedule_details
        if task.error is not None:
            found["ErrorCode"], found["ErrorDetail"] = task.error
        return found

    def _ListTagsForResource(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        tags = self._of_region(self.tasks, body["ResourceArn"], region).tags
        return self._page("Tags", [{"Key": key, "Value": value} for key, value in tags.items()], body)

    def _StartTaskExecution(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        task = self._of_region(self.tasks, body["TaskArn"], region)
        if task.status == "UNAVAILABLE":
            raise ValueError("Task is unavailable")
        self._counter += 1
        arn = f"{task.arn}/execution/exec-{self._counter:017x}"
        options = {**task.body["Options"], **body.get("OverrideOptions", {})}
        excludes = body.get("Excludes", task.body.get("Excludes", ()))
        self.executions[arn] = Execution(arn, task, options, excludes)
        task.current = arn
        return {"TaskExecutionArn": arn}

    def _DescribeTaskExecution(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        one = self._of_region(self.executions, body["TaskExecutionArn"], region)
        found: dict[str, Any] = {
            "TaskExecutionArn": one.arn,
            "Status": one.status,
            "StartTime": one.started,
            "Options": one.options,
            "TaskMode": one.task.body.get("TaskMode", "BASIC"),
            **{name: value for name, value in one.counts.items() if "." not in name},
        }
        if one.status in ("SUCCESS", "ERROR"):
            found["EndTime"] = one.started + 60
            found["Result"] = {"TotalDuration": 60_000}
            if one.status == "ERROR":
                found["Result"] |= {"ErrorCode": self.ending[1], "ErrorDetail": self.ending[2]}
            if self.report is not None:
                found["ReportResult"] = {"Status": "SUCCESS"}
        if not self.stands:
            self._advance(one)
        return found

    def _of_region(self, known: dict[str, Any], arn: str, region: str) -> Any:
        if arn.split(":")[3] != region:
            raise ValueError(f"{arn} is not of {region}")
        return known[arn]

    # -- what it does -------------------------------------------------------------------------------

    def _advance(self, one: Execution) -> None:
        if one.status not in STEPS:
            return
        if one.status == "TRANSFERRING":
            self._copy(one)
        position = STEPS.index(one.status) + 1
        one.status = STEPS[position] if position < len(STEPS) else self.ending[0]
        if one.status not in STEPS and self.report is not None:
            self._write_report(one)

    def _copy(self, one: Execution) -> None:
        """What DataSync does with CHANGED: whatever differs in size or bytes goes over, extras go with REMOVE."""
        if self.before_copy is not None:
            self.before_copy()
        if self.strict is None:
            return
        mount = self._mount(one.task.body["DestinationLocationArn"])
        if mount is not None:
            self._copy_to_files(one, mount)
            return
        source, source_prefix = self._place(one.task.body["SourceLocationArn"])
        target, target_prefix = self._place(one.task.body["DestinationLocationArn"])
        includes = [rule["Value"] for rule in one.task.body.get("Includes", ())]
        filters = Filters.parse(includes, [rule["Value"] for rule in one.excludes])

        def seen(bucket: str, prefix: bytes) -> dict[bytes, bytes]:
            whole = self.strict.bucket(bucket).contents()
            found = {key.removeprefix(prefix): body for key, body in whole.items() if key.startswith(prefix)}
            return {key: body for key, body in found.items() if filters.selects(key)}

        wanted, there = seen(source, source_prefix), seen(target, target_prefix)
        moved = size = 0
        for key, body in wanted.items():
            if there.get(key) == body or key in self.skips:
                continue
            if key in there and one.options.get("OverwriteMode") == "NEVER":
                continue
            sent = body[:-1] + b"!" if key in self.spoils else body
            how = Put(part_bytes=self.part_bytes if len(sent) > (self.part_bytes or 0) else None)
            self.strict.bucket(target).put(target_prefix + key, sent, how)
            moved, size = moved + 1, size + len(body)
        gone = 0
        if one.options.get("PreserveDeletedFiles") == "REMOVE":
            for key in there.keys() - wanted.keys():
                self.strict.bucket(target).delete(target_prefix + key)
                gone += 1
        one.counts = {
            "EstimatedFilesToTransfer": moved,
            "EstimatedBytesToTransfer": size,
            "FilesTransferred": moved,
            "BytesTransferred": size,
            "BytesWritten": size,
            "FilesDeleted": gone,
        }

    def _mount(self, arn: str) -> Path | None:
        uri = self.locations[arn]
        for beginning, folder in self.mounted.items():
            if uri.startswith(beginning):
                return folder / uri.removeprefix(beginning).strip("/")
        return None

    def _copy_to_files(self, one: Execution, folder: Path) -> None:
        assert self.strict is not None
        source, prefix = self._place(one.task.body["SourceLocationArn"])
        moved = 0
        for key, body in self.strict.bucket(source).contents().items():
            path = folder / key.removeprefix(prefix).decode()
            if key.startswith(prefix) and not (path.exists() and path.read_bytes() == body):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
                moved += 1
        one.counts = {"FilesTransferred": moved}

    def _place(self, arn: str) -> tuple[str, bytes]:
        bucket, _, prefix = self.locations[arn].removeprefix("s3://").partition("/")
        return bucket, prefix.encode()

    def _write_report(self, one: Execution) -> None:
        config = one.task.body["TaskReportConfig"]["Destination"]["S3"]
        bucket = config["S3BucketArn"].rpartition(":")[2]
        prefix = config["Subdirectory"].strip("/")
        task, execution = one.task.arn.rpartition("/")[2], one.arn.rpartition("/")[2]
        key = (
            f"{prefix}/Detailed-Reports/{task}/{execution}/{task}-{execution}.files-transferred-v1-0001.json"
        )
        assert self.strict is not None and self.report is not None
        self.strict.bucket(bucket).put(
            key, json.dumps({"TaskExecutionId": execution, **self.report}).encode()
        )
