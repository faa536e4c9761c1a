"""What S3 Batch Operations computed of a copy adopts it where neither ETags nor stored checksums can tell."""

import json

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Lie, Put, StrictServer
from tests import reporting
from tests.acceptance.test_sync import fill
from tests.datasets import NAME, own, read_whole, s3, write_policy

MIB = 1024 * 1024


@pytest.fixture
def world():
    """The source's ETags are MD5s; the replica's are KMS's, and nobody keeps checksums."""
    with StrictServer("source", BucketSettings("eu", encryption=Encryption.KMS), "reports") as server:
        server.lie(Lie.IGNORES_CHECKSUMS)
        bucket = server.bucket("source")
        bucket.put_many({f"data/{number:04}": b"%d" % number * 50 for number in range(60)})
        bucket.put("data/a b+c%20d", b"odd")
        bucket.put("data/large", b"x" * (11 * MIB))
        for key, body in bucket.contents().items():
            server.bucket("eu").put(key, body, Put(part_bytes=6 * MIB) if len(body) > MIB else Put())
        yield server


@pytest.fixture
def adopt(world, user):
    places = {name: s3(world, name) for name in ("source", "eu", "reports")}
    write_policy(user.folder, places, ["eu/data/"])

    def run(*reports, more=()):
        words = []
        for number, report in enumerate(reports):
            name = f"report-{number}.csv"
            (user.folder / name).write_text(report if isinstance(report, str) else reporting.text(report))
            words += ["--checksum-report", f"./{name}"]
        return user.run("adopt", NAME, "--replica", "eu", *words, *more, "--json")

    return run


def data_read(server, bucket):
    return {one.key for one in server.requests("GetObject") if one.bucket == bucket and not own(one.key)}


def test_without_a_report_nothing_proves_this_copy(world, adopt):
    assert adopt().code == 1


def test_a_report_of_the_replica_proves_it_and_no_byte_is_read(world, user, adopt):
    said = adopt(reporting.rows(world, "eu"))

    assert said.code == 0, said.err
    assert said.document["evidence"] == {"stored-checksum": 62}
    assert said.document["warnings"] == []
    assert data_read(world, "eu") == set()
    assert len(data_read(world, "source")) == 1, "the one small object by which the endpoint is known"
    whole = {key.removeprefix(b"data/"): body for key, body in world.bucket("source").contents().items()}
    assert read_whole(world, "eu") == whole
    world.forget()
    assert user.run("sync", NAME, "--json").document["runs"][0]["files_same"] == 62
    assert data_read(world, "source") == data_read(world, "eu") == set()


def test_reports_of_both_sides_are_told_apart_by_their_bucket(world, adopt):
    for key, body in world.bucket("source").contents().items():
        world.bucket("source").put(key, body, Put(part_bytes=5 * MIB))

    alone = adopt(reporting.rows(world, "eu", algorithm="CRC64NVME"))
    both = adopt(
        reporting.rows(world, "eu", algorithm="CRC64NVME"),
        reporting.rows(world, "source", algorithm="CRC64NVME"),
    )

    assert alone.code == 1, "the source tells no digest by itself"
    assert both.code == 0, both.err
    assert both.document["source_bytes_read"] == 0, "the manifest's digests come from the report too"


def test_a_report_may_lie_in_a_bucket(world, user, adopt):
    text = reporting.text(reporting.rows(world, "eu"))
    world.bucket("reports").put("job-1/results/a.csv", text.encode())

    assert adopt(more=("--checksum-report", "reports/job-1/results/a.csv")).code == 0


def test_a_report_may_be_given_in_pieces_and_more_than_once(world, adopt):
    rows = reporting.rows(world, "eu")

    assert adopt(rows[:20], rows[15:], rows[:3]).code == 0


def test_what_was_written_after_the_report_is_not_proven_by_it(world, adopt):
    rows = reporting.rows(world, "eu")
    world.bucket("eu").put("data/0003", b"3" * 49 + b"4")

    said = adopt(rows)

    assert said.code == 1
    assert [one["key"] for one in said.document["failures"]] == ["0003"]
    (warned,) = said.document["warnings"]
    assert "1 object of the destination is no longer as it was hashed" in warned["message"]


def test_an_object_that_is_looked_at_twice_is_counted_once(world, adopt):
    rows = reporting.rows(world, "eu")
    for key in ("0003", "0004"):
        world.bucket("eu").put(f"data/{key}", b"3" * 50)

    said = adopt(rows, more=("--read-back",))

    (warned,) = [one for one in said.document["warnings"] if "hashed" in one["message"]]
    assert "2 objects of the destination are no longer as they were hashed" in warned["message"]


def test_what_a_report_says_reaches_no_terminal_as_a_command(world, adopt):
    said = adopt([reporting.row("\x1b[2Jevil\nferryline: all is well", b"data/0001", "x", b"0" * 16)])

    assert said.code == 2
    assert "\\x1b[2Jevil\\x0aferryline: all is well" in said.err
    assert "\x1b" not in said.err


def test_another_version_than_the_one_that_was_hashed_is_not_proven(world, adopt):
    world.bucket("eu").set_versioning("Enabled")
    world.bucket("eu").put("data/0003", b"3" * 50)
    rows = reporting.rows(world, "eu")
    version = world.bucket("eu").version("data/0003").version_id
    keys = [one[1] for one in rows]
    rows[keys.index("data%2F0003")][2] = version
    rows[keys.index("data%2F0004")][2] = "another-version"

    said = adopt(rows)

    assert [one["key"] for one in said.document["failures"]] == ["0004"]


def test_bytes_that_rotted_under_a_standing_etag_are_found(world, adopt):
    world.bucket("eu").corrupt("data/0005")

    both = [reporting.rows(world, name, algorithm="CRC64NVME") for name in ("source", "eu")]

    said = adopt(*both)

    assert said.code == 1
    (failure,) = said.document["failures"]
    assert (failure["key"], failure["kind"]) == ("0005", "not-adopted")
    assert "content" in failure["message"]


@pytest.mark.parametrize("algorithm", ["SHA256", "MD5"])
def test_with_read_back_only_the_source_is_read(world, adopt, algorithm):
    for key, body in world.bucket("source").contents().items():
        world.bucket("source").put(key, body, Put(part_bytes=5 * MIB))

    said = adopt(reporting.rows(world, "eu", algorithm=algorithm), more=("--read-back",))

    assert said.code == 0, said.err
    assert said.document["evidence"] == {"stored-checksum": 62}
    assert data_read(world, "eu") == set()


def test_rows_that_prove_nothing_are_counted_with_the_first_place_of_each(world, adopt):
    rows = reporting.rows(world, "eu")
    rows[0][3:6] = ["failed", "403", "AccessDenied"]
    rows[1][6] = rows[1][6].replace("FULL_OBJECT", "COMPOSITE")
    rows[2][6] = rows[2][6].replace("MD5", "XXHASH64")
    rows[3][6] = rows[3][6].replace('"etag"', '"other"')

    said = adopt([*rows, reporting.row("elsewhere", b"data/x", "0" * 32, b"0" * 16)])

    assert said.code == 1
    assert said.document["failures_total"] == 4
    told = "\n".join(one["message"] for one in said.document["warnings"])
    assert "task failed (first: ./report-0.csv, line 1: data/0000: 403 AccessDenied" in told
    assert "checksum of type COMPOSITE, not FULL_OBJECT (first: ./report-0.csv, line 2)" in told
    assert "algorithm XXHASH64 is not one of MD5, CRC64NVME, SHA256" in told
    assert "no ETag" in told


GOOD = reporting.row("eu", b"data/0001", "0" * 32, b"0" * 16)
MISTAKES = {
    "no such file": (None, "cannot be read"),
    "a manifest": (json.dumps({"Format": "Report_CSV_20180820", "Results": []}, indent=1), "this is JSON"),
    "too few columns": (["eu,data/0001,,succeeded\n"], "line 1: 4 columns, and a completion report has 7"),
    "no CSV": (['eu,"data\n'], "line 1: this is no CSV"),
    "binary": (["PAR1\x00\x01\n"], "line 1: 1 columns"),
    "a wrong line further down": ([reporting.text([GOOD]), "x\n"], "line 2: 1 columns"),
    "another operation's report": (
        [reporting.text([reporting.row("eu", b"data/1", "", b"", message="Successful")])],
        "line 1: its ResultMessage is no JSON",
    ),
    "a result that is no object": (
        [reporting.text([reporting.row("eu", b"data/1", "", b"", message="[]")])],
        "is no JSON object",
    ),
    "a checksum of the wrong length": (
        [reporting.text([reporting.row("eu", b"data/1", "0" * 32, b"0" * 8)])],
        "has 8 bytes, and this algorithm gives 16",
    ),
    "a checksum that contradicts itself": (
        [reporting.text([reporting.row("eu", b"data/1", "0" * 32, b"0" * 16, checksum_hex="11" * 16)])],
        "checksum_hex and checksum_base64 are not the same",
    ),
    "other buckets only": (
        [reporting.text([reporting.row("us-copy", b"data/1", "0" * 32, b"0" * 16)])],
        "no row of ./report-0.csv is about s3://source/data/ or s3://eu/data/: "
        "their rows are about the bucket us-copy",
    ),
    "nothing": ([""], "they hold no row"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_no_report_is_refused_with_file_and_line(world, user, adopt, name):
    report, words = MISTAKES[name]
    if report is None:
        said = adopt(more=("--checksum-report", "./gone.csv"))
    else:
        said = adopt("".join(report))

    assert said.code == 2
    assert words in said.err
    assert world.seen == [] or not [one for one in world.seen if one.operation.startswith("Put")]


def test_files_are_compared_with_a_report_of_the_bucket(world, user):
    folder = user.folder / "here/data"
    folder.mkdir(parents=True)
    (folder / "large").write_bytes(b"x" * (11 * MIB))
    world.bucket("eu").clear()
    world.bucket("eu").put("data/large", b"x" * (11 * MIB), Put(part_bytes=6 * MIB + 1))
    write_policy(
        user.folder, {"source": {"url": f"file://{user.folder}/here"}, "eu": s3(world, "eu")}, ["eu/data/"]
    )
    (user.folder / "r.csv").write_text(reporting.text(reporting.rows(world, "eu")))

    said = user.run("adopt", NAME, "--replica", "eu", "--checksum-report", "./r.csv", "--json")

    assert said.code == 0, said.err
    assert said.document["evidence"] == {"stored-checksum": 1}


def test_two_folders_have_nothing_for_a_report(world, user):
    for name in ("here/data", "there/data"):
        (user.folder / name).mkdir(parents=True)
    places = {
        "source": {"url": f"file://{user.folder}/here"},
        "eu": {"url": f"file://{user.folder}/there"},
    }
    write_policy(user.folder, places, ["eu/data/"])
    (user.folder / "r.csv").write_text(reporting.text([GOOD]))

    said = user.run("adopt", NAME, "--replica", "eu", "--checksum-report", "./r.csv")

    assert said.code == 2
    assert "neither the source nor the replica" in said.err


@pytest.mark.parametrize("written", ["data/a%20b%2Bc%2520d", "data/a+b%2Bc%2520d", "data%2Fa%20b%2bc%2520d"])
def test_a_key_may_be_encoded_in_every_way_that_is_in_use(world, adopt, written):
    rows = reporting.rows(world, "eu")
    (odd,) = [one for one in rows if "c" in one[1]]
    odd[1] = written

    assert adopt(rows).code == 0


def test_bytes_of_a_key_that_nobody_encoded_do_no_harm(world, user, adopt):
    rows = reporting.rows(world, "eu")
    wild = reporting.text([reporting.row("eu", b"data/x", "0" * 32, b"0" * 16)]).encode()
    text = reporting.text(rows).encode() + wild.replace(b"data%2Fx", b"data/\xff\xfe\xc3\xa9")
    (user.folder / "wild.csv").write_bytes(text)

    assert adopt(more=("--checksum-report", "./wild.csv")).code == 0


def test_nothing_is_left_in_the_state_folder(world, user, adopt):
    fill(world, 3)

    adopt(reporting.rows(world, "eu"))

    assert not [one for one in user.state.rglob("reports-*")]
