"""Which engine is advised for which pair, why the others are not, and what each would cost."""

import pytest

from ferryline import errors, policy
from ferryline.plan import engine_cost, engines
from ferryline.plan.fitness import Fits
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine

ACCOUNT = "111122223333"
LOCATIONS = f"""
version: 1
locations:
  us: {{url: "s3://acme-train", region: us-east-1}}
  eu: {{url: "s3://acme-eu", region: eu-central-1}}
  west: {{url: "s3://acme-west", region: us-west-2, egress_usd_per_gb: 0.005}}
  tokyo: {{url: "s3://acme-tokyo", region: ap-northeast-1}}
  moved: {{url: "s3://acme-moved/below", region: us-west-2}}
  nowhere: {{url: "s3://acme-nowhere"}}
  gov: {{url: "s3://acme-gov", region: us-gov-west-1}}
  minio: {{url: "s3://train", region: paris-dc, endpoint_url: "https://minio.acme.example"}}
  disk: {{url: "file:///data", region: paris-dc}}
  host: {{url: "file:///data", region: us-east-1}}
  lost: {{url: "file:///data"}}
  efs:
    url: file:///mnt/efs
    region: us-east-1
    aws: {{file_system_arn: "arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0"}}
  windows:
    url: file:///mnt/share
    region: us-east-1
    aws: {{file_system_arn: "arn:aws:fsx:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0", file_system_type: WINDOWS}}
regions: {{paris-dc: {{jurisdiction: FR}}}}
datasets:
"""

TIB = 2**40
S3, SYNC, OURS = Engine.S3_REPLICATION, Engine.DATASYNC, Engine.FERRYLINE


def advised(source, destination, more="", size=TIB):
    text = f"{LOCATIONS}  one:\n    source: {source}\n    replicas: [{destination}]\n"
    text += "".join(f"    {line}\n" for line in more.splitlines())
    (advice,) = engines.advise(policy.parse(text), "one", size, Sources({}))
    return advice


def of(advice, engine):
    return next(one for one in advice.engines if one.judged.engine is engine)


@pytest.mark.parametrize(
    ("source", "destination", "more", "first_load", "new_objects", "because"),
    [
        pytest.param("us/a/", "eu/a/", "", SYNC, S3, "new objects by itself", id="buckets"),
        pytest.param("us/a/", "eu/b/", "", SYNC, OURS, "cannot do it as declared", id="keys-that-move"),
        pytest.param("us/a/", "moved/a/", "", SYNC, OURS, "cannot do it", id="below-another-prefix"),
        pytest.param("us/a/", "eu/a/", "exclude: ['*.tmp']", SYNC, OURS, "cannot do it", id="filters"),
        pytest.param("us/a/", "eu/a/", "schedule: rate(5 minutes)", SYNC, S3, "two writers", id="often"),
        pytest.param("us/a/", "efs/a/", "", SYNC, SYNC, "file system", id="a-file-system"),
        pytest.param("efs/a/", "eu/a/", "", SYNC, SYNC, "file system", id="from-a-file-system"),
        pytest.param("us/a/", "efs/a/", "schedule: rate(5 minutes)", SYNC, OURS, "not as often", id="often-files"),
        pytest.param("us/a/", "minio/a/", "", OURS, OURS, "minio/a/ is outside AWS", id="another-store"),
        pytest.param("minio/a/", "us/a/", "", OURS, OURS, "minio/a/ is outside", id="from-another-store"),
        pytest.param("disk/a/", "us/a/", "", OURS, OURS, "disk/a/ is outside AWS", id="a-hosts-files"),
        pytest.param("minio/a/", "disk/a/", "", OURS, OURS, "minio/a/ and disk/a/", id="nothing-in-aws"),
        pytest.param("us/a/", "gov/a/", "", OURS, OURS, "cannot do it", id="partitions"),
        pytest.param("us/dt=1/", "eu/x/", "", OURS, OURS, "cannot do it", id="a-path-nobody-else-can-name"),
    ],
)  # fmt: skip
def test_the_engine_for_what_is_there_and_for_what_comes(
    source, destination, more, first_load, new_objects, because
):
    advice = advised(source, destination, more)

    assert (advice.first_load, advice.new_objects) == (first_load, new_objects)
    assert because in advice.because


@pytest.mark.parametrize(
    ("source", "destination", "more", "engine", "fits", "why"),
    [
        pytest.param("us/a/", "eu/a/", "", S3, Fits.NEW_OBJECTS, "both buckets must be versioned", id="s3"),
        pytest.param("us/a/", "eu/a/", "options: {preserve_deleted_files: REMOVE}", S3, Fits.NEW_OBJECTS, "delete markers", id="s3-remove"),
        pytest.param("us/a/", "eu/b/", "", S3, Fits.NEVER, "'a/' cannot become 'b/'", id="s3-keys"),
        pytest.param("us/a/", "us/b/", "", S3, Fits.NEVER, "same bucket", id="s3-one-bucket"),
        pytest.param("us/a/", "eu/a/", "include: [/x]", S3, Fits.NEVER, "copy what the dataset leaves out", id="s3-filters"),
        pytest.param("us/a/", "eu/a/", "options: {overwrite_mode: NEVER}", S3, Fits.NEVER, "always overwrites", id="s3-never"),
        pytest.param("us/a/", "gov/a/", "", S3, Fits.NEVER, "partitions apart", id="s3-partitions"),
        pytest.param("us/a/", "minio/a/", "", S3, Fits.NEVER, "minio/a/ is a bucket outside AWS", id="s3-outside"),
        pytest.param("us/a/", "gov/a/", "", SYNC, Fits.NEVER, "partitions apart", id="datasync-partitions"),
        pytest.param("us/a/", "minio/a/", "", SYNC, Fits.ALWAYS, "verifies what it moved", id="datasync-another-store"),
        pytest.param("us/a/", "disk/a/", "", SYNC, Fits.NEVER, "an agent beside it", id="datasync-a-host"),
        pytest.param("minio/a/", "disk/a/", "", SYNC, Fits.NEVER, "neither end", id="datasync-nothing-in-aws"),
        pytest.param("us/a/", "eu/a/", "schedule: rate(5 minutes)", SYNC, Fits.FIRST_LOAD, "closer than the hour", id="datasync-often"),
        pytest.param("us/dt=1/", "eu/dt=1/", "", SYNC, Fits.ALWAYS, "existing objects too", id="datasync-hive-both"),
        pytest.param("us/dt=1/", "eu/x/", "", SYNC, Fits.NEVER, "cannot name 'dt=1/'", id="datasync-hive"),
        pytest.param("us/a/", "eu/a/", "options: {uid: NAME}", SYNC, Fits.NEVER, "uid NAME", id="datasync-option"),
        pytest.param("us/a/", "efs/a/", "", OURS, Fits.ALWAYS, "must be mounted", id="ferryline-files"),
    ],
)  # fmt: skip
def test_what_an_engine_fits_and_why(source, destination, more, engine, fits, why):
    judged = of(advised(source, destination, more), engine).judged

    assert judged.fits is fits
    assert why in "; ".join(judged.why)


@pytest.mark.parametrize(
    ("engine", "lag"),
    [
        (S3, "99.9 % of new objects within 15 minutes"),
        (SYNC, "at most once an hour (here: rate(2 hours))"),
        (OURS, "no floor: a run starts when it is told to (here: rate(2 hours))"),
    ],
)
def test_the_promised_lag(engine, lag):
    assert lag in of(advised("us/a/", "eu/a/", "schedule: rate(2 hours)"), engine).judged.lag


def lines(source, destination, engine, more="", size=TIB):
    found = of(advised(source, destination, more, size), engine).costs
    return {one.what: one for one in found}, engine_cost.total(found)


def test_the_way_costs_the_same_by_every_engine_and_each_adds_its_own():
    ours, mine = lines("us/a/", "tokyo/a/", OURS, size=5 * TIB)
    theirs, replicated = lines("us/a/", "tokyo/a/", S3, size=5 * TIB)
    synced, moved = lines("us/a/", "tokyo/a/", SYNC, size=5 * TIB)

    assert mine == (pytest.approx(5 * 1024 * 0.02), True)
    assert replicated == (pytest.approx(5 * 1024 * (0.02 + 0.015)), True)
    assert moved == (pytest.approx(5 * 1024 * (0.02 + 0.015) + 0.55), True)
    assert list(ours) == ["bytes from us-east-1 to ap-northeast-1"]
    assert "Replication Time Control" in theirs
    assert "DataSync, task mode ENHANCED" in synced
    assert all(one.source for found in (ours, theirs, synced) for one in found.values())


def test_a_price_without_a_source_is_left_out_with_a_sentence():
    found, (usd, whole) = lines("us/a/", "eu/a/", SYNC)

    assert found["DataSync, task mode ENHANCED"].usd is None
    assert "no source for DataSync's price in eu-central-1" in found["DataSync, task mode ENHANCED"].note
    assert usd == pytest.approx(1024 * 0.02)
    assert not whole


def test_the_policys_own_price_comes_first():
    found, total = lines("west/a/", "eu/a/", OURS)

    assert total == (pytest.approx(1024 * 0.005), True)
    assert found["bytes from us-west-2 to eu-central-1"].source == (
        "the policy's locations.west.egress_usd_per_gb"
    )


@pytest.mark.parametrize(
    ("source", "destination", "usd_per_gb"),
    [
        pytest.param("us/a/", "minio/a/", 0.09, id="to-the-internet"),
        pytest.param("us/a/", "disk/a/", 0.09, id="to-a-host-elsewhere"),
        pytest.param("us/a/", "host/a/", 0.0, id="to-a-host-beside-it"),
        pytest.param("efs/a/", "eu/a/", 0.02, id="from-a-file-system"),
        pytest.param("us/a/", "gov/a/", 0.09, id="to-another-partition"),
    ],
)
def test_where_the_bytes_go_decides_their_price(source, destination, usd_per_gb):
    _, total = lines(source, destination, OURS)

    assert total == (pytest.approx(1024 * usd_per_gb), True)


@pytest.mark.parametrize(
    ("source", "destination", "remedy"),
    [
        pytest.param("minio/a/", "us/a/", "give locations.minio.egress_usd_per_gb", id="another-store"),
        pytest.param("disk/a/", "us/a/", "give locations.disk.egress_usd_per_gb", id="a-host"),
        pytest.param("nowhere/a/", "us/a/", "give locations.nowhere.region", id="no-region"),
        pytest.param("us/a/", "nowhere/a/", "give its location a region", id="to-no-region"),
        pytest.param("us/a/", "lost/a/", "give its location a region", id="to-a-host-anywhere"),
        pytest.param("efs/a/", "us/a/", "no source for the price of bytes from a file system", id="inside"),
    ],
)
def test_what_is_not_known_says_what_would_help(source, destination, remedy):
    found, (usd, whole) = lines(source, destination, OURS)

    (way,) = found.values()
    assert (way.usd, usd, whole) == (None, 0, False)
    assert remedy in way.note


@pytest.mark.parametrize(
    ("destination", "more", "mode"),
    [
        pytest.param("efs/a/", "", "ENHANCED", id="efs"),
        pytest.param("windows/a/", "", "BASIC", id="windows"),
        pytest.param("efs/a/", "options: {task_mode: BASIC}", "BASIC", id="as-told"),
        pytest.param("efs/a/", "options: {verify_mode: POINT_IN_TIME_CONSISTENT}", "BASIC", id="point-in-time"),
        pytest.param("efs/a/", "options: {mtime: NONE, atime: NONE}", "BASIC", id="no-times"),
    ],
)  # fmt: skip
def test_a_task_is_priced_in_the_mode_it_would_run_in(destination, more, mode):
    found, _ = lines("us/a/", destination, SYNC, more)

    assert f"DataSync, task mode {mode}" in found
    assert ("one run of the task" in found) is (mode == "ENHANCED")


def test_a_schedule_says_what_its_runs_cost_before_any_byte():
    found, _ = lines("us/a/", "efs/a/", SYNC, "schedule: rate(1 hour)")

    assert "720 runs in 30 days, $396.00" in found["one run of the task"].note


def test_an_engine_that_fits_nothing_is_not_priced():
    assert of(advised("us/a/", "eu/b/"), S3).costs == ()


def test_an_unknown_dataset_is_named():
    with pytest.raises(errors.BadUsage, match="two"):
        engines.advise(policy.parse(f"{LOCATIONS}  one: {{source: us/a/}}\n"), "two", TIB, Sources({}))
