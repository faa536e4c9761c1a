"""The reference page of the policy file, written from the field tables.

`docs/reference/policy.md` is its output; a test keeps the two equal. It explains nothing that the
tables do not say.
"""

from ferryline.policy import fields_policy
from ferryline.policy.record import Record, records

_OPENING = """# The policy file

This page is generated from the tables that read the file: `python -m ferryline.policy.reference`.

A policy is YAML 1.2 text, by default `ferryline.yaml`. Anchors, aliases and merge keys are allowed;
tags, duplicate fields and unknown fields are refused, but fields that start with `x-` are ignored.
Several files given with `-f` are laid over each other: mappings merge by field, everything else is
replaced by the later file. Relative paths start from the folder of the file that holds them.

`${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` are replaced when a location is first used.
They work in `regions`, `locations`, `state`, `service` and `on_failure`. Secrets can be written in no
other way.

Every problem is reported with file, line, column, field and what to write instead.
"""

_CLOSING = """## How fields are filled

`defaults` gives every dataset what it leaves open. `options`, `max_delete`, `max_transfer`,
`keep_snapshots` and `residency` merge field by field; the other fields are replaced whole.

A location without an `endpoint_url` whose region has an `s3_endpoint_url` uses that endpoint, and
the region's credentials when it has none of its own.

## What is refused although each field is right

- Folders that meet: two datasets on overlapping folders, a replica inside its source or around it,
  two replicas on one folder, datasets that copy over each other.
- `preserve_deleted_files: REMOVE` with `transfer_mode: ALL`.
- With `engine: datasync`: a schedule under one hour, `POINT_IN_TIME_CONSISTENT` with `ENHANCED`,
  pairs of `mtime` and `atime` that DataSync does not take.
- With `engine: s3-replication`: a location that is not an AWS bucket.
- Half an access key, two kinds of credentials, a KMS key without KMS encryption, S3 fields on a
  file location, facts about a built-in region.
- `sse_customer_key` with `sse`, with an endpoint reached by http that is not this machine, or with
  `engine: datasync`, which reads no objects under customer keys.

## Filters

A pattern names paths below the location. `*` stands for any characters, slashes included; `|`
joins patterns; `\\` escapes `*`, `|` and `\\`. Include patterns take a star only as their last
character. `/dir` and `/dir/` both name the folder and all it contains. Patterns are case-sensitive
and hold at most 102,400 characters in each list.

## The credentials file

The file that the variable `FERRYLINE_CREDENTIALS` names replaces the credentials of locations:

```yaml
minio: {access_key_id: "AKIAFAKEEXAMPLE", secret_access_key: "not-a-real-secret"}
eu: {profile: acme-eu}
```
"""


def render() -> str:
    """The whole page, Markdown."""
    tables = [_table(one) for one in records(fields_policy.POLICY).values()]
    return "\n".join([_OPENING, *tables, _CLOSING])


def _table(record: Record) -> str:
    lines = [f"## {record.name}", "", f"{record.about[0].upper()}{record.about[1:]}.", ""]
    if record.shorthand is not None:
        lines += [f"One value alone, {record.shorthand.words()}, is read as `{record.shorthand_field}`.", ""]
    lines += ["| field | holds | meaning | default |", "|---|---|---|---|"]
    for one in record.fields:
        default = "**required**" if one.needed else one.default
        cells = (f"`{one.name}`", one.shape.words(), one.about, default)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(render())
