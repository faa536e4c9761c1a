"""What `check` says of each replica."""

import pytest

from ferryline import policy
from tests.unit.policy.marked import dataset, location


def said(body, replica="eu/a"):
    (only,) = policy.notes(policy.parse(dataset(body, replica=replica))).replicas
    assert (only.dataset, only.replica) == ("d", replica.partition("/")[0])
    return "\n".join(only.sentences)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "nothing is ever deleted here"),
        ("", "each object that is copied is proven"),
        ("", "the run says which: fencing"),
        ("", "a lease among the hosts that share a state database"),
        (
            "options: {preserve_deleted_files: REMOVE}\nmax_delete: {count: 7, percent: 2.5}",
            "never more than 7 objects or 2.5 %",
        ),
        ("options: {verify_mode: NONE}", "never published"),
        ("options: {verify_mode: POINT_IN_TIME_CONSISTENT}", "as it stood at one moment"),
        ("options: {overwrite_mode: NEVER}", "never replaced"),
        ("options: {transfer_mode: ALL}", "sent at every run"),
        ("options: {uid: NONE, posix_permissions: NONE}", "uid, posix_permissions: accepted, without effect"),
        ("exclude: ['*.tmp']", "neither copied nor deleted"),
        ("schedule: rate(2 hours)", "not yet: nothing in this release starts runs by itself"),
        ("keep_snapshots: {count: 9}", "the newest 9 snapshots"),
        ("engine: datasync", "/.aws-datasync"),
        ("engine: datasync", "`sync` starts it where something differs"),
        ("engine: datasync", "only when `sync` has compared every object itself"),
        ("engine: s3-replication", "`sync` looks at what has arrived"),
    ],
)
def test_a_replica_is_told_what_holds(body, sentence):
    assert sentence in said(body)


def test_file_replicas_are_told_what_files_keep():
    assert "empty folders and symlinks are not" in said("", "disk/a")
    assert "empty folders" not in said("")


def test_options_of_posix_are_silent_unless_written():
    assert "without effect" not in said("")


def test_the_policy_as_a_whole():
    read = policy.parse(location('url: "s3://abc"') + "\nservice: {}\n")
    assert len(policy.notes(read).general) == 1
