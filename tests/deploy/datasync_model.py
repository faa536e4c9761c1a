"""What AWS would say to a program's DataSync resources, by the installed API model and the documented rules.

`problems(ran)` translates every location and task to the request its provider sends, holds it
against the shapes of botocore's model (required, unknown, type, enum, min, max and pattern; botocore's own
validator leaves out the last four), and tasks against the rules of combinations. It shares no code with
the room it judges.
"""

import functools
import re

import botocore.loaders

from ferryline.policy import schedule
from tests.deploy.ground import Made, Ran

REQUESTS = {
    "S3Location": "CreateLocationS3Request",
    "EfsLocation": "CreateLocationEfsRequest",
    "LocationFsxWindows": "CreateLocationFsxWindowsRequest",
    "LocationFsxLustre": "CreateLocationFsxLustreRequest",
    "FsxOpenZfsFileSystem": "CreateLocationFsxOpenZfsRequest",
    "LocationFsxOntapFileSystem": "CreateLocationFsxOntapRequest",
    "NfsLocation": "CreateLocationNfsRequest",
    "LocationSmb": "CreateLocationSmbRequest",
    "LocationHdfs": "CreateLocationHdfsRequest",
    "LocationObjectStorage": "CreateLocationObjectStorageRequest",
    "LocationAzureBlob": "CreateLocationAzureBlobRequest",
    "Task": "CreateTaskRequest",
}

NAMES = {
    "efsFileSystemArn": "EfsFilesystemArn",
    "nfs": "NFS",
    "smb": "SMB",
    "s3Destination": "S3Destination",
    "cloudwatchLogGroupArn": "CloudWatchLogGroupArn",
    "kerberosKeytabBase64": "KerberosKeytab",
    "kerberosKrb5ConfBase64": "KerberosKrb5Conf",
    "s3ObjectVersioning": "ObjectVersionIds",
}

OBJECTS = {"S3Location", "LocationObjectStorage", "LocationAzureBlob"}
BASIC_ONLY = {"LocationFsxWindows", "FsxOpenZfsFileSystem", "LocationFsxOntapFileSystem"}
AGENTS = {"NfsLocation", "LocationSmb", "LocationHdfs", "LocationAzureBlob", "LocationObjectStorage"}


@functools.cache
def shapes():
    return botocore.loaders.Loader().load_service_model("datasync", "service-2")["shapes"]


def request(made: Made) -> dict:
    """The request that the provider would send for a resource."""
    body = {
        key: value
        for key, value in made.inputs.items()
        if key not in ("region", "tags") and value is not None
    }
    found = _pascal(body)
    if made.inputs.get("tags"):
        found["Tags"] = [{"Key": key, "Value": value} for key, value in made.inputs["tags"].items()]
    if made.kind == "Task":
        for name in ("Includes", "Excludes"):
            if name in found:
                found[name] = [found[name]]
        if "TaskReportConfig" in found:
            found["TaskReportConfig"]["Destination"] = {"S3": found["TaskReportConfig"].pop("S3Destination")}
    return found


def _pascal(value):
    if isinstance(value, dict):
        return {
            NAMES.get(key) or key[0].upper() + key[1:]: _pascal(one)
            for key, one in value.items()
            if one is not None
        }
    if isinstance(value, list):
        return [_pascal(one) for one in value]
    return value


def check(shape_name: str, value, path: str) -> list[str]:
    """Everything in a value that its shape forbids."""
    shape = shapes()[shape_name]
    kind = shape["type"]
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: not a structure: {value!r}"]
        found = [f"{path}.{name}: required" for name in shape.get("required", ()) if name not in value]
        for name, one in value.items():
            if name not in shape["members"]:
                found.append(f"{path}.{name}: unknown")
            else:
                found += check(shape["members"][name]["shape"], one, f"{path}.{name}")
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: not a list: {value!r}"]
        found = _size(shape, len(value), path)
        for index, one in enumerate(value):
            found += check(shape["member"]["shape"], one, f"{path}[{index}]")
        return found
    if kind == "string":
        if not isinstance(value, str):
            return [f"{path}: not a string: {value!r}"]
        found = _size(shape, len(value), path)
        if "enum" in shape and value not in shape["enum"]:
            found.append(f"{path}: {value!r} not one of {shape['enum']}")
        if "pattern" in shape and not re.search(_pattern(shape["pattern"]), value):
            found.append(f"{path}: {value!r} does not match {shape['pattern']}")
        return found
    if kind in ("long", "integer"):
        if isinstance(value, bool) or value != int(value):
            return [f"{path}: not a number: {value!r}"]
        return _size(shape, value, path)
    if kind == "blob":
        return _size(shape, len(value), path)
    raise AssertionError(kind)


def _size(shape, size, path):
    if "min" in shape and size < shape["min"]:
        return [f"{path}: {size} below {shape['min']}"]
    if "max" in shape and size > shape["max"]:
        return [f"{path}: {size} above {shape['max']}"]
    return []


def _pattern(text: str) -> str:
    r"""Python's words for the properties that the model's patterns use."""
    text = text.replace(r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}\p{C}]", r"[\s\S]")
    text = text.replace(r"\p{Zs}", " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000")
    assert r"\p{" not in text, text
    return text


def problems(ran: Ran) -> list[str]:
    """Everything AWS would refuse. Empty only if there was something to judge."""
    found: list[str] = []
    judged = [one for one in ran.made if one.type.startswith("aws:datasync/")]
    assert judged, "the program made no DataSync resource"
    arns, locations = ran.arns(), {}
    for one in judged:
        found += check(REQUESTS[one.kind], request(one), f"{one.kind} {one.name}")
        if one.kind != "Task":
            locations[arns[one.urn]] = one
    for one in ran.all("Task"):
        found += [f"Task {one.name}: {text}" for text in _combinations(one, locations)]
    for one in locations.values():
        found += [f"{one.kind} {one.name}: {text}" for text in _location(one)]
    return found


def _location(one: Made) -> list[str]:
    region, found = one.inputs.get("region"), []
    if not region:
        found.append("no region: it would land wherever the provider is")
    for arn in _arns(one.inputs):
        parts = arn.split(":")
        if parts[2] in ("elasticfilesystem", "fsx", "ec2", "datasync") and parts[3] != region:
            found.append(f"{arn} is outside {region}")
    if one.kind == "EfsLocation" and (
        one.inputs.get("accessPointArn") or one.inputs.get("fileSystemAccessRoleArn")
    ):
        if one.inputs.get("inTransitEncryption") != "TLS1_2":
            found.append("access point or role without TLS1_2")
    if one.kind == "FsxOpenZfsFileSystem" and not one.inputs["subdirectory"].startswith("/fsx"):
        found.append("OpenZFS paths start with /fsx")
    return found


def _arns(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from _arns(one)
    elif isinstance(value, list):
        for one in value:
            yield from _arns(one)
    elif isinstance(value, str) and value.startswith("arn:"):
        yield value


def _combinations(task: Made, locations: dict[str, Made]) -> list[str]:
    body, found = request(task), []
    options, mode = body.get("Options", {}), body.get("TaskMode", "BASIC")
    source, destination = (locations.get(body[f"{side}LocationArn"]) for side in ("Source", "Destination"))
    region = task.inputs.get("region")
    ends = [body["SourceLocationArn"].split(":")[3], body["DestinationLocationArn"].split(":")[3]]
    if region not in ends:
        found.append(f"made in {region}, where neither location is")
    if region != ends[1]:
        found.append("not in the destination's region")
    if body["SourceLocationArn"].split(":")[4] != body["DestinationLocationArn"].split(":")[4]:
        found.append("locations of two accounts")
    kinds = {one.kind for one in (source, destination) if one is not None}
    if (
        kinds
        and kinds <= OBJECTS
        and any(options.get(name, "PRESERVE") != "NONE" for name in ("Uid", "Gid", "PosixPermissions"))
    ):
        found.append("POSIX options between object stores")
    if kinds & AGENTS and ends[0] != ends[1]:
        found.append("an agent's location with a partner in another region")
    if mode == "ENHANCED":
        if kinds & BASIC_ONLY:
            found.append(f"ENHANCED with {kinds & BASIC_ONLY}")
        if options.get("VerifyMode", "POINT_IN_TIME_CONSISTENT") == "POINT_IN_TIME_CONSISTENT":
            found.append("ENHANCED with POINT_IN_TIME_CONSISTENT")
        if options.get("Mtime") == "NONE":
            found.append("ENHANCED with Mtime NONE")
    else:
        times = (options.get("Atime", "BEST_EFFORT") == "NONE", options.get("Mtime", "PRESERVE") == "NONE")
        if times[0] is not times[1]:
            found.append("BASIC with one time of two")
    if options.get("TransferMode") == "ALL" and options.get("PreserveDeletedFiles") == "REMOVE":
        found.append("REMOVE with ALL")
    if (
        "Schedule" in body
        and schedule.parse(body["Schedule"]["ScheduleExpression"]).shortest_gap_seconds < 3600
    ):
        found.append("more often than once an hour")
    values = [rule["Value"] for name in ("Includes", "Excludes") for rule in body.get(name, ())]
    if sum(map(len, values)) > 102_400:
        found.append("filters over 102,400 characters")
    for rule in body.get("Includes", ()):
        if any("*" in re.sub(r"\\.", "", one)[:-1] for one in re.split(r"(?<!\\)\|", rule["Value"])):
            found.append("a star before the end of an include")
    if not any(".ferryline" in rule["Value"] for rule in body.get("Excludes", ())):
        found.append(".ferryline is not excluded")
    if mode == "BASIC" and options.get("LogLevel", "OFF") != "OFF" and "CloudWatchLogGroupArn" not in body:
        found.append("logs that go nowhere")
    return found
