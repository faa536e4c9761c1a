"""Whether one endpoint may be asked to copy between two locations, by what was declared of them."""

from types import SimpleNamespace

import pytest

from ferryline.model.place import FileLocation, S3Access, S3Location
from ferryline.pipeline.origin import origin
from ferryline.pipeline.task import Task
from ferryline.storage import capabilities
from ferryline.transfer import Origin

AWS = SimpleNamespace(capabilities=capabilities.AWS)
OTHER = SimpleNamespace(capabilities=capabilities.Capabilities(provider="s3"))
MINE = {"endpoint_url": "https://s3.example.org"}


def asked(here, there, *, server_side_copy=True):
    """The origin of a task between two buckets whose accesses have these fields."""
    on_aws = [AWS if "amazonaws" in one.get("endpoint_url", "amazonaws") else OTHER for one in (here, there)]
    source = S3Location("source", b"data/", S3Access(**here))
    task = Task(source, (S3Location("target", b"", S3Access(**there)),), server_side_copy=server_side_copy)
    return origin(task, SimpleNamespace(source=on_aws[0], destination=on_aws[1]))


SAME = {
    "AWS without a word": ({}, {}),
    "two regions of one partition": ({"region": "us-east-1"}, {"region": "eu-central-1"}),
    "a region that was not declared": ({}, {"region": "eu-central-1"}),
    "two regions of China": ({"region": "cn-north-1"}, {"region": "cn-northwest-1"}),
    "AWS by its name": ({"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, {}),
    "one profile": ({"profile": "ml"}, {"profile": "ml"}),
    "one role": ({"role_arn": "arn:r", "external_id": "x"}, {"role_arn": "arn:r", "external_id": "x"}),
    "one endpoint": (MINE, MINE),
    "one endpoint, with a slash": (MINE, {"endpoint_url": "https://s3.example.org/"}),
    "one endpoint, two regions": (MINE | {"region": "a"}, MINE | {"region": "b"}),
    "one pair of keys": (
        MINE | {"access_key_id": "${env:K}", "secret_access_key": "${env:S}"},
        MINE | {"access_key_id": "${env:K}", "secret_access_key": "${env:S}"},
    ),
    "both pay": ({"request_payer": True}, {"request_payer": True}),
}
OTHERS = {
    "two partitions": ({"region": "cn-north-1"}, {"region": "eu-central-1"}),
    "the partition of a government": ({"region": "us-gov-west-1"}, {"region": "us-west-1"}),
    "two endpoints": (MINE, {"endpoint_url": "https://other.example.org"}),
    "two ports": (MINE, {"endpoint_url": "https://s3.example.org:444"}),
    "AWS and another": ({}, MINE),
    "two profiles": ({"profile": "ml"}, {"profile": "ops"}),
    "a profile and none": ({"profile": "ml"}, {}),
    "two roles": ({"role_arn": "arn:r"}, {"role_arn": "arn:s"}),
    "a role with and without an external id": ({"role_arn": "r", "external_id": "x"}, {"role_arn": "r"}),
    "two keys": (MINE | {"access_key_id": "${env:A}"}, MINE | {"access_key_id": "${env:B}"}),
    "anonymous at the source": (MINE | {"anonymous": True}, MINE),
    "anonymous at both": (MINE | {"anonymous": True}, MINE | {"anonymous": True}),
    "one pays": ({"request_payer": True}, {}),
}


@pytest.mark.parametrize("name", SAME)
def test_one_endpoint_and_one_identity(name):
    assert asked(*SAME[name]) == Origin("source", b"data/")


@pytest.mark.parametrize("name", OTHERS)
def test_two_endpoints_or_two_identities(name):
    assert asked(*OTHERS[name]) is None


def test_the_declared_owner_of_the_source_travels_along():
    assert asked({"account_id": "111122223333"}, {}) == Origin("source", b"data/", "111122223333")


def test_a_person_may_say_no():
    assert asked({}, {}, server_side_copy=False) is None


def test_files_are_no_endpoint():
    task = Task(FileLocation("/data"), (S3Location("target"),), server_side_copy=True)
    assert origin(task, SimpleNamespace(source=OTHER, destination=AWS)) is None
