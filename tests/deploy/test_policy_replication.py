"""A policy file deployed as it is: every storage it names, secrets, other accounts, residency."""

import pulumi
import pytest

from ferryline import errors, policy
from tests.deploy import datasync_model
from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run

BUCKETS = """
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  eu: {url: "s3://acme-eu/prod", region: eu-central-1, storage_class: INTELLIGENT_TIERING}
  minio: {url: "s3://train", region: paris-dc, endpoint_url: "https://minio.acme.example"}
regions: {paris-dc: {jurisdiction: FR}}
datasets:
  imagenet:
    source: us/imagenet/
    replicas:
      - {to: eu/imagenet/, engine: datasync}
      - {name: paris, to: minio/imagenet/}
    schedule: cron(0 0 * * ? *)
    options: {preserve_deleted_files: REMOVE}
    include: ["/train*"]
    exclude: ["*.tmp"]
"""

FILES = f"""
version: 1
locations:
  s3: {{url: "s3://acme-train", region: us-east-1}}
  efs:
    url: file:///mnt/efs/train
    region: us-east-1
    aws:
      file_system_arn: "arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0"
      subnet_arn: "arn:aws:ec2:us-east-1:{ACCOUNT}:subnet/subnet-0123456789abcdef0"
      security_group_arns: ["arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-0123456789abcdef0"]
      path: train
  share:
    url: file:///mnt/share
    region: us-east-1
    aws:
      file_system_arn: "arn:aws:fsx:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0"
      file_system_type: WINDOWS
      security_group_arns: ["arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-0123456789abcdef0"]
      user: mover
      password: "${{env:FSX_PASSWORD}}"
      domain: corp.example
datasets:
  tiles: {{source: efs/tiles/, replicas: [s3/tiles/, share/tiles/], engine: datasync}}
"""


def deployed(text, dataset="imagenet", **more):
    def program():
        from ferryline.deploy import PolicyReplication, PolicyReplicationArgs

        made = PolicyReplication("train", PolicyReplicationArgs(policy=text, dataset=dataset, **more))
        pulumi.export("digest", made.policy_digest)
        pulumi.export("tasks", made.task_arns)

    return program


def test_buckets_of_a_policy():
    ran = run(deployed(BUCKETS))
    task = ran.one("Task").inputs

    assert datasync_model.problems(ran) == []
    assert set(ran.exports["tasks"]) == {"eu"}
    assert task["includes"]["value"] == "/train*"
    assert task["excludes"]["value"] == "*/.ferryline|*.tmp"
    assert task["options"]["preserveDeletedFiles"] == "REMOVE"
    replica = next(one for one in ran.all("S3Location") if one.inputs["region"] == "eu-central-1")
    assert replica.inputs["subdirectory"] == "/prod/imagenet/"
    assert replica.inputs["s3StorageClass"] == "INTELLIGENT_TIERING"


def test_the_digest_is_the_policys_own_and_marks_every_task():
    ran = run(deployed(BUCKETS))
    digest = policy.parse(BUCKETS).digest

    assert ran.exports["digest"] == digest
    assert ran.one("Task").inputs["tags"]["ferryline:policy-digest"] == digest


def test_file_systems_of_a_policy(monkeypatch):
    monkeypatch.setenv("FSX_PASSWORD", "not-a-real-one")
    ran = run(deployed(FILES, "tiles"))

    assert datasync_model.problems(ran) == []
    assert ran.one("EfsLocation").inputs["subdirectory"] == "/train/tiles/"
    assert ran.one("LocationFsxWindows").inputs["subdirectory"] == "/tiles/"
    assert "password" in ran.one("LocationFsxWindows").secrets
    assert {one.inputs["taskMode"] for one in ran.all("Task")} == {"ENHANCED", "BASIC"}


def test_a_password_that_is_not_set_is_named_and_not_shown(monkeypatch):
    monkeypatch.delenv("FSX_PASSWORD", raising=False)

    with pytest.raises(errors.BadPolicy, match=r"locations.share.aws.password: .*FSX_PASSWORD"):
        run(deployed(FILES, "tiles"))


def test_existing_buckets_are_asked_for_their_region():
    with pytest.raises(ValueError, match="acme-eu lies in eu-west-1, and is declared in eu-central-1"):
        run(deployed(BUCKETS), regions={"acme-eu": "eu-west-1"})


def changed(text, *pairs):
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


EU = "region: eu-central-1, storage_class: INTELLIGENT_TIERING"

REFUSED = [
    pytest.param(changed(BUCKETS, (EU, f'region: eu-central-1, account_id: "{OTHER_ACCOUNT}"')), "owner_policy", "pending", id="another-account-without-a-policy"),
    pytest.param(changed(BUCKETS, (EU, "region: eu-central-1, aws: {bucket_policy: attached}")), "locations.eu.aws.bucket_policy", "without account_id", id="bucket-policy-without-account"),
    pytest.param(changed(BUCKETS, (", region: us-east-1", "")), "locations.us.region", "missing", id="no-region"),
    pytest.param(changed(BUCKETS, (EU, 'region: eu-central-1, sse: "aws:kms", kms_key_id: "alias/train"')), "locations.eu.kms_key_id", "no ARN", id="key-alias"),
    pytest.param(changed(BUCKETS, (EU, "region: af-south-1")), "replicas.eu.to.region", "opted_in", id="opt-in-region"),
    pytest.param(changed(BUCKETS, ("source: us/imagenet/", "source: us/dt=1/")), "path", "Subdirectory", id="hive"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "what"), REFUSED)
def test_a_policy_that_aws_would_refuse_is_refused_by_field(text, field, what):
    with pytest.raises(errors.BadPolicy) as refused:
        run(deployed(text))

    assert field in str(refused.value)
    assert what in str(refused.value)


def test_an_account_that_is_our_own_is_no_other_account():
    ran = run(deployed(changed(BUCKETS, (EU, f'region: eu-central-1, account_id: "{ACCOUNT}"'))))

    assert ran.all("Task")


def test_a_location_may_say_that_its_region_is_enabled():
    ran = run(deployed(changed(BUCKETS, (EU, "region: af-south-1, aws: {opted_in: true}"))))

    assert ran.one("Task").inputs["region"] == "af-south-1"


def test_residency_is_asked_of_the_whole_dataset_declared_regions_too():
    text = changed(BUCKETS, ("    include:", "    residency: {deny: [FR]}\n    include:"))

    with pytest.raises(errors.GuardRefused, match="minio/imagenet/ in paris-dc"):
        run(deployed(text))


def test_an_unknown_dataset_is_named():
    with pytest.raises(errors.BadUsage, match="imagenet"):
        run(deployed(BUCKETS, "imagenets"))


def test_a_store_outside_aws_is_an_object_storage_location_in_its_partners_region(monkeypatch):
    monkeypatch.setenv("MINIO_KEY", "id")
    monkeypatch.setenv("MINIO_SECRET", "not-a-real-one")
    text = changed(
        BUCKETS,
        ("{name: paris, to: minio/imagenet/}", "{name: paris, to: minio/imagenet/, engine: datasync}"),
        (
            '"https://minio.acme.example"',
            '"https://minio.acme.example:9000", access_key_id: "${env:MINIO_KEY}", secret_access_key: "${env:MINIO_SECRET}"',
        ),
    )
    ran = run(deployed(text))
    made = ran.one("LocationObjectStorage")

    assert made.inputs["region"] == "us-east-1"
    assert (made.inputs["serverHostname"], made.inputs["serverPort"], made.inputs["serverProtocol"]) == (
        "minio.acme.example",
        9000,
        "HTTPS",
    )
    assert "secretKey" in made.secrets
    assert datasync_model.problems(ran) == []
