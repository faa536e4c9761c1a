"""Location URLs: text to a `Location`. Nothing is opened, nothing percent-decoded.

The command line and the policy file call it. `s3://bucket/prefix`, `file:///path`, `/path` and
`./path`; an S3 URL's query is read as options only when all of its names are options, else it
belongs to the key. A folder written without its trailing slash is the same folder.
"""

import os
import re
from enum import Enum
from typing import NoReturn

from ferryline import errors
from ferryline.model import place
from ferryline.policy import endpoint
from ferryline.regions import catalog

OPTIONS = ("endpoint_url", "region", "profile", "request_payer", "anonymous")
"""What an S3 URL's query may set."""

KEY_BYTES_MAX = 1024

_ACCEPTED = "write s3://bucket/prefix, file:///path, /path or ./path"
_AWS_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ANY_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class Buckets(Enum):
    """Which bucket names are taken: AWS's unless the URL names an endpoint, or any that S3 servers have."""

    BY_ENDPOINT = "by-endpoint"
    ANY = "any"


S3OrFile = place.S3Location | place.FileLocation


def parse(text: str, working_directory: str = ".", buckets: Buckets = Buckets.BY_ENDPOINT) -> S3OrFile:
    """The folder that `text` names. Raises `BadLocation` with a remedy.

    A relative path is relative to `working_directory`. S3 options left out of the URL are left
    unset, to be found by botocore's own rules.
    """
    if "\x00" in text or "\n" in text or "\r" in text:
        _refuse(text, "a location holds a NUL or line break", "put such a name in a policy's filters instead")
    if text.startswith("s3://"):
        return _s3(text, buckets)
    if text.startswith("file://"):
        rest = text.removeprefix("file://").removeprefix("localhost")
        if not rest.startswith("/"):
            _refuse(text, "a file URL needs an absolute path", "write file:///path, with three slashes")
        return place.FileLocation(_absolute(rest, "/"))
    if text in (".", "..") or text.startswith(("/", "./", "../")):
        return place.FileLocation(_absolute(text, working_directory))
    if match := _SCHEME.match(text):
        later = match[1].lower() in ("smb", "nfs")
        _refuse(
            text, f"{match[1]}:// is {'not supported yet' if later else 'not a kind of location'}", _ACCEPTED
        )
    remedy = f"{_ACCEPTED}; a name from the policy file needs the policy (-f FILE)"
    raise errors.BadLocation(f"{text[:200]!r}: not a location", advice=remedy, place=text[:200])


def parse_object(text: str, working_directory: str = ".") -> tuple[S3OrFile, bytes]:
    """A single object: the folder that holds it and its key there. Raises `BadLocation` for a folder."""
    body, query = _split_query(text) if text.startswith("s3://") else (text, "")
    head, slash, name = body.rpartition("/")
    if not name or not slash or head in ("s3:/", "s3:", "file:/", "file:") or name in (".", ".."):
        _refuse(text, "names a folder, not a single object", "write the whole key, without a trailing slash")
    folder = parse(head + "/" + query, working_directory)
    return folder, name.encode("utf-8", "surrogateescape")


def names_folder(text: str) -> bool:
    """Whether `text` can only be a folder: its path ends with a slash, or it is a whole bucket."""
    body, _ = _split_query(text)
    return body.endswith("/") or body in (".", "..") or re.fullmatch(r"s3://[^/]+", body) is not None


def _absolute(path: str, working_directory: str) -> str:
    absolute = os.path.normpath(os.path.join(os.path.abspath(working_directory), path))
    return "/" + absolute.lstrip("/")


def _split_query(text: str) -> tuple[str, str]:
    """The URL and its option query (with `?`), or the whole text and nothing."""
    body, mark, query = text.rpartition("?")
    names = [one.partition("=")[0] for one in query.split("&")]
    if not mark or not body.startswith("s3://") or any(name not in OPTIONS for name in names):
        return text, ""
    return body, mark + query


def _s3(text: str, buckets: Buckets) -> place.S3Location:
    body, query = _split_query(text)
    bucket, _, prefix = body.removeprefix("s3://").partition("/")
    access = _access(text, query.removeprefix("?"))
    any_name = buckets is Buckets.ANY or access.endpoint_url is not None
    _check_bucket(text, bucket, _ANY_BUCKET if any_name else _AWS_BUCKET)
    key = prefix.encode("utf-8", "surrogateescape")
    if key and not key.endswith(b"/"):
        key += b"/"
    if len(key) > KEY_BYTES_MAX:
        _refuse(text, f"a prefix of {len(key)} bytes", f"S3 keys hold {KEY_BYTES_MAX} bytes; shorten it")
    return place.S3Location(bucket, key, access)


def _check_bucket(text: str, bucket: str, names: re.Pattern[str]) -> None:
    if bucket.startswith("arn:"):
        _refuse(
            text, "an ARN cannot stand for a bucket here", "use the bucket's name or the access point's alias"
        )
    if "@" in bucket or ":" in bucket:
        remedy = "name the bucket alone; credentials belong to a profile, the environment or the policy"
        raise errors.BadLocation("a bucket's name holds no user, password or port", advice=remedy)
    if not names.fullmatch(bucket) or ".." in bucket:
        remedy = "S3 bucket names are 3 to 63 lower-case letters, digits, dots and hyphens"
        _refuse(text, f"{bucket[:80]!r} is not a bucket's name", remedy)


def _access(text: str, query: str) -> place.S3Access:
    values: dict[str, str] = {}
    for one in query.split("&") if query else ():
        name, equals, value = one.partition("=")
        if not equals or not value:
            _refuse(text, f"the option {name!r} has no value", f"write {name}=…, or remove it")
        if name in values:
            _refuse(text, f"the option {name!r} is given twice", "keep one")
        values[name] = value
    endpoint_url = values.get("endpoint_url")
    if endpoint_url is not None:
        try:
            endpoint_url = endpoint.check(endpoint_url)
        except ValueError as error:
            message, _, remedy = str(error).partition("|")
            raise errors.BadLocation(message, advice=remedy) from None
    region = values.get("region")
    if region is not None and endpoint_url is None and not catalog.is_known(region):
        # An S3-compatible endpoint may call its region anything.
        close = catalog.nearest(region)
        _refuse(
            text,
            f"{region[:60]!r} is not an AWS region",
            f"did you mean {close}?" if close else "check its name",
        )
    return place.S3Access(
        region=region,
        endpoint_url=endpoint_url,
        profile=values.get("profile"),
        anonymous=_flag(text, "anonymous", values.get("anonymous")),
        request_payer=_payer(text, values.get("request_payer")),
    )


def _flag(text: str, name: str, value: str | None) -> bool:
    if value not in (None, "true", "false"):
        _refuse(text, f"the option {name!r} is true or false", f"write {name}=true")
    return value == "true"


def _payer(text: str, value: str | None) -> bool:
    if value not in (None, "requester"):
        _refuse(text, "the option 'request_payer' has one value", "write request_payer=requester")
    return value is not None


def _refuse(text: str, message: str, remedy: str) -> NoReturn:
    raise errors.BadLocation(f"{text[:200]!r}: {message}", advice=remedy, place=text[:200])
