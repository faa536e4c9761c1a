"""The document of `status` told to people: a block a dataset, a line a replica. Pure."""

from collections.abc import Mapping
from typing import Any

from ferryline.model import units
from ferryline.report import layout, snapshots_text


def status(document: Mapping[str, Any]) -> str:
    """How the datasets stand."""
    lines: list[str] = []
    for dataset in document["datasets"]:
        lines += ["", *_dataset(dataset, document)] if lines else _dataset(dataset, document)
    return "\n".join(lines)


def _dataset(dataset: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    agree = "replicas agree" if dataset["agree"] else "replicas do not agree"
    lines = [f"{layout.safe(dataset['dataset'])}  {layout.safe(dataset['source'])}  {agree}"]
    if dataset["problem"] is not None:
        lines += snapshots_text.problem(dataset["problem"])
    lines += snapshots_text.table([_row(one, document) for one in dataset["replicas"]])
    for one in dataset["replicas"]:
        if one["behind"] is not None:
            lines += _behind(one)
        elif one["lag_note"]:
            lines += layout.wrapped(f"{layout.safe(one['replica'])}: {layout.safe(one['lag_note'])}")
        elif one["problem"] is not None:
            lines.append(f"{layout.INDENT}{layout.safe(one['replica'])}")
            lines += snapshots_text.problem(one["problem"])
        if one["service"] is not None:
            lines += _service(one)
    lines.append(f"{layout.INDENT}last run  {_last_run(dataset['last_run'])}")
    unreadable = dataset["unreadable_documents"]
    if unreadable:
        what = layout.counted(len(unreadable), "run document")
        lines += layout.wrapped(f"note: {what} cannot be read: {layout.safe(unreadable[0])}")
    return lines


def _row(one: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[str, ...]:
    name = layout.safe(one["replica"])
    if one["problem"] is not None:
        return (name, "-", layout.safe(one["problem"]["kind"]), "", "")
    if one["current"] is None:
        return (name, "-", "nothing is published", _lag(one, document), _held(one))
    readable = "eligible" if one["current"] in one["eligible"] else "not eligible"
    return (name, snapshots_text.short(one["current"]), readable, _lag(one, document), _held(one))


def _lag(one: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    seconds, most = one["lag_seconds"], document["max_lag_seconds"]
    late = " (too much)" if most is not None and (seconds is None or seconds > most) else ""
    if seconds is None:
        return f"lag not known{late}"
    bound = "at most " if one["lag_is_upper_bound"] else ""
    return f"lag {bound}{units.show_seconds(seconds)}{late}"


def _held(one: Mapping[str, Any]) -> str:
    held = one["lock"]
    if held is None:
        return ""
    return f"{'held by' if held['counts'] else 'left by'} {layout.safe(held['holder'])}"


def _last_run(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "none is remembered"
    ended = f", ended {snapshots_text.moment(run['ended_at'])}" if run["ended_at"] else ""
    return f"{layout.safe(run['run_id'])} {layout.safe(run['status'])}{ended}"


def _behind(one: Mapping[str, Any]) -> list[str]:
    behind = one["behind"]
    since = f" since {snapshots_text.moment(behind['since'])}" if behind["since"] else ""
    lines = layout.wrapped(f"{layout.safe(one['replica'])} is behind{since}: {layout.safe(behind['cause'])}")
    lines += [
        f"{layout.INDENT * 2}{layout.safe(key['change'])} {layout.key(key['key'])}" for key in behind["keys"]
    ]
    return [*lines, *layout.wrapped(f"next: {layout.safe(behind['next'])}", layout.INDENT * 2)]


def _service(one: Mapping[str, Any]) -> list[str]:
    """How the service stands that moves a replica's bytes: its last run, and what to see to."""
    told, name = one["service"], layout.safe(one["replica"])
    if told["problem"] is not None:
        return [f"{layout.INDENT}{name}  {told['service']}", *snapshots_text.problem(told["problem"])]
    if told["service"] == "s3-replication":
        rules = (
            ", ".join(f"{rule['id'] or 'unnamed'} {rule['status']}" for rule in told["rules"]) or "no rule"
        )
        return layout.wrapped(f"{name}: S3 replication, {layout.safe(rules)}")
    last = told["last_execution"]
    said = (
        f"{name}: DataSync task {layout.safe(told['name'] or told['task'])} {layout.safe(told['status'])}, "
    )
    if last is None:
        said += "never run"
    else:
        at = last["ended_at"] or last["began_at"]
        said += f"last execution {layout.safe(last['status'])}"
        said += f" {snapshots_text.moment(at)}" if at else ""
        said += f": {layout.safe(last['trouble'])}" if last["trouble"] else ""
    lines = layout.wrapped(said)
    notes = [f"trouble: {told['trouble']}"] if told["trouble"] else []
    schedule = told["schedule"]
    notes += [schedule["told"]] if schedule is not None and schedule["told"] else []
    notes += [
        f"deployed {each['field']} is {each['deployed'] or 'not set'}, "
        f"the policy says {each['policy'] or 'none'}"
        for each in told["differs"]
    ]
    if told["policy_changed"] and not told["differs"]:
        notes.append("the policy file has changed since it was deployed, though nothing that the task shows")
    for note in notes:
        lines += layout.wrapped(layout.safe(note), layout.INDENT * 2)
    return lines
