"""What each replica can count on, and which declared fields do nothing yet: plain sentences.

`ferryline check` prints them. They are derived from the policy alone; what endpoints really do is
found by probing them, elsewhere. `NOT_BUILT` shrinks as parts are built.
"""

from dataclasses import dataclass

from ferryline.policy import options, values
from ferryline.policy.options import Engine, OverwriteMode, PreserveDeletedFiles, TransferMode, VerifyMode

ALWAYS_SKIPPED_BY_DATASYNC = (".snapshot", "/.aws-datasync", "/.awssync", "/.zfs")
"""Path endings that DataSync never carries; they bind only `engine: datasync`."""

NOT_BUILT: dict[str, str] = {
    "schedule": "nothing in this release starts runs by itself: let a timer call `ferryline sync --due`",
    "service": "`service` is checked; `serve` is not built yet",
}
"""Fields that are accepted while the part they steer is not there, by field."""


@dataclass(frozen=True, slots=True)
class ReplicaNotes:
    """What holds for one replica of one dataset."""

    dataset: str
    replica: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notes:
    """Everything `check` has to say: per replica, and about the policy as a whole."""

    replicas: tuple[ReplicaNotes, ...]
    general: tuple[str, ...]


_VERIFY = {
    VerifyMode.POINT_IN_TIME_CONSISTENT: "all keys are compared, and two listings in a row must agree, "
    "so the copy is the source as it stood at one moment",
    VerifyMode.ONLY_FILES_TRANSFERRED: "each object that is copied is proven by stated evidence; "
    "objects found the same rest on the ledger or on digests",
    VerifyMode.NONE: "nothing is compared after the transfer, so this replica is never published",
}


def notes(policy: values.Policy) -> Notes:
    """Sentences in the policy's order. Pure; the same policy gives the same text."""
    found = [
        ReplicaNotes(dataset.name, replica.name, tuple(_sentences(policy, dataset, replica)))
        for dataset in policy.datasets.values()
        for replica in dataset.replicas
    ]
    general: list[str] = []
    if policy.service is not None:
        general.append(NOT_BUILT["service"])
    general += [
        f"dataset {name} has no replicas" for name, one in policy.datasets.items() if not one.replicas
    ]
    return Notes(tuple(found), tuple(general))


def _sentences(policy: values.Policy, dataset: values.Dataset, replica: values.ReplicaSpec) -> list[str]:
    chosen = dataset.options
    said = [_VERIFY[chosen.verify_mode], _deletes(dataset)]
    if chosen.overwrite_mode is OverwriteMode.NEVER:
        said.append(
            "objects already there are never replaced; a kept object that differs prevents publication"
        )
    if chosen.transfer_mode is TransferMode.ALL:
        said.append("everything is sent at every run; nothing is compared beforehand")
    if not dataset.filters.everything:
        said.append("filters hide keys on both sides: an excluded key is neither copied nor deleted")
    if not replica.required:
        said.append("a run succeeds without this replica")
    if replica.engine is Engine.FERRYLINE:
        said.append(
            "a snapshot becomes current only when every object of it is proven here; the same id means the "
            "same bytes in every region"
        )
        said.append(
            "one writer at a time is kept by the endpoint where it compares before it writes, else by a "
            "lease among the hosts that share a state database, else by a lock on this host (the run says "
            "which: fencing)"
        )
        said.append(_keeping(dataset))
        said += _ignored(chosen)
    if replica.engine is not Engine.FERRYLINE:
        said += _served(replica.engine)
    if replica.engine is Engine.DATASYNC:
        said.append(f"DataSync never carries paths ending in {', '.join(ALWAYS_SKIPPED_BY_DATASYNC)}")
    if replica.engine is Engine.FERRYLINE:
        said += _under_keys(policy, dataset, replica)
    files = [
        folder.location
        for folder in (dataset.source, replica.to)
        if folder.location in policy.locations and not policy.locations[folder.location].is_s3
    ]
    if files and replica.engine is Engine.FERRYLINE:
        said.append(
            "files: names, bytes and times of modification are kept; empty folders and symlinks are not"
        )
    return said + [f"not yet: {sentence}" for sentence in _not_built(dataset, replica)]


def _served(engine: Engine) -> list[str]:
    """What holds where a service moves the bytes."""
    does = {
        Engine.DATASYNC: "`deploy` puts a DataSync task there; `sync` starts it where something differs and "
        "follows it to its end",
        Engine.S3_REPLICATION: "`deploy` puts S3 replication there, which copies new objects by itself; "
        "`sync` looks at what has arrived",
    }
    return [
        does[engine],
        "its word is not taken: a snapshot becomes current only when `sync` has compared every object itself",
        "it copies in an order of its own: markers are not held back, and what its own schedule writes over "
        "on a replica without versions is not withdrawn from readers first",
        "bytes are compared, metadata is what the service makes of it",
    ]


def _under_keys(policy: values.Policy, dataset: values.Dataset, replica: values.ReplicaSpec) -> list[str]:
    named = {
        folder.location: policy.locations[folder.location].access.sse_customer_key
        for folder in (dataset.source, replica.to)
        if folder.location in policy.locations
    }
    names = " and ".join(name for name, key in named.items() if key is not None)
    if not names:
        return []
    return [
        f"{names}: objects are under a customer key (SSE-C), which goes with every request and is kept "
        "nowhere: no ETag there counts as a digest, no endpoint copies by itself, and whoever reads the "
        "copy needs the key, its snapshot's files included"
    ]


def _keeping(dataset: values.Dataset) -> str:
    keep = dataset.keep_snapshots
    return (
        f"the newest {keep.count} snapshots, and those of the last {keep.days:g} days, stay readable where "
        "the bucket keeps versions; elsewhere an older one ends with the first object that is written over"
    )


def _deletes(dataset: values.Dataset) -> str:
    if dataset.options.preserve_deleted_files is PreserveDeletedFiles.PRESERVE:
        return "nothing is ever deleted here"
    cap = dataset.max_delete
    return (
        f"what the source no longer has is deleted after a second look, never more than {cap.count} objects "
        f"or {cap.percent:g} % of what the ledger holds in one run"
    )


def _ignored(chosen: options.Options) -> list[str]:
    names = [name for name in (*options.POSIX_ONLY, "task_mode") if name in chosen.given]
    return [f"{', '.join(names)}: accepted, without effect for engine ferryline"] if names else []


def _not_built(dataset: values.Dataset, replica: values.ReplicaSpec) -> list[str]:
    waits = dataset.schedule is not None and replica.engine is Engine.FERRYLINE
    return [NOT_BUILT["schedule"]] if waits else []
