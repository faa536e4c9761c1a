"""Every way to write a wrong policy: what is said, and exactly where."""

import pytest

from ferryline import errors, policy
from tests.unit.policy.marked import LOCATIONS, dataset, location, marked, only_problem

UNKNOWN_AND_MISSING = [
    pytest.param("version: 1\n§nam: x", "nam", "'name'", id="unknown-field-at-the-top"),
    pytest.param(
        location('url: "s3://abc", §regoin: us-east-1'),
        "locations.a.regoin",
        "'region'",
        id="unknown-field-of-a-location",
    ),
    pytest.param(
        dataset("options: {§verify: NONE}"), "datasets.d.options.verify", "'verify_mode'", id="unknown-option"
    ),
    pytest.param(
        dataset("options: {§verifyMode: NONE}"),
        "datasets.d.options.verifyMode",
        "'verify_mode'",
        id="camel-case-option",
    ),
    pytest.param("§name: x", "", "version", id="version-missing"),
    pytest.param("version: 1\nlocations:\n  a: §{region: us-east-1}", "locations.a", "url", id="url-missing"),
    pytest.param("version: 1\nlocations:\n  §a:\n", "locations.a", "url", id="location-without-fields"),
    pytest.param(
        LOCATIONS + "datasets: {d: §{replicas: [eu/a]}}", "datasets.d", "source", id="source-missing"
    ),
    pytest.param("version: §2", "version", "write 1", id="version-of-the-future"),
    pytest.param("version: §true", "version", "write 1", id="version-true-is-not-one"),
    pytest.param("§[1, 2]", "", "mapping", id="a-list-is-no-policy"),
    pytest.param("version: 1\nlocations: §[a]", "locations", "name: …", id="locations-as-a-list"),
    pytest.param(
        "version: 1\nlocations:\n  §a/b: {url: s3://abc}",
        "locations.a/b",
        "letters",
        id="slash-in-a-location-name",
    ),
    pytest.param("version: 1\nname: §12", "name", '"12"', id="number-where-text-belongs"),
    pytest.param("version: 1\nname: §a b", "name", "letters", id="space-in-the-policy-name"),
    pytest.param("§", "", "version", id="empty-file"),
]

PLACES = [
    pytest.param(location("url: §ftp://x"), "locations.a.url", "s3://bucket", id="unknown-scheme"),
    pytest.param(location("url: §smb://x"), "locations.a.url", "s3://bucket", id="scheme-of-later"),
    pytest.param(location('url: §"s3://Bad_Bucket"'), "locations.a.url", "lower-case", id="bucket-name-not-aws"),
    pytest.param(location('url: §"s3://k:secret@abc"'), "locations.a.url", "credentials", id="credentials-in-a-url"),
    pytest.param(location('url: §"s3://abc?region=us-east-1"'), "locations.a.url", "beside url", id="options-in-a-declared-url"),
    pytest.param(location('url: §"${env:URL}"'), "locations.a.url", "scheme", id="url-that-starts-with-a-reference"),
    pytest.param(location('url: "s3://abc", region: §us-esat-1'), "locations.a.region", "us-east-1", id="misspelt-region"),
    pytest.param(location('url: "s3://abc", region: §atlantis'), "locations.a.region", "declare it", id="unknown-region"),
    pytest.param(location('url: "s3://abc", endpoint_url: §"file:///etc"'), "locations.a.endpoint_url", "https://host", id="file-endpoint"),
    pytest.param(location('url: "s3://abc", endpoint_url: §"http://[::ffff:169.254.169.254]"'), "locations.a.endpoint_url", "never", id="mapped-link-local-endpoint"),
    pytest.param(location('url: "s3://abc", access_key_id: x, secret_access_key: §hunter22'), "locations.a.secret_access_key", "${env:NAME}", id="literal-secret"),
    pytest.param(location('url: "s3://abc", access_key_id: x, secret_access_key: §"${env:A:-hunter22}"'), "locations.a.secret_access_key", "${env:NAME}", id="secret-as-a-default"),
    pytest.param(location('url: "s3://abc", access_key_id: x, secret_access_key: §"hunter22${env:A}"'), "locations.a.secret_access_key", "${env:NAME}", id="secret-beside-a-reference"),
    pytest.param(location('url: "s3://abc", access_key_id: x, secret_access_key: "${env:A}", session_token: §hunter22'), "locations.a.session_token", "${env:NAME}", id="literal-token"),
    pytest.param(location('url: "s3://abc", access_key_id: §"${credentials:a/x}", secret_access_key: "${env:A}"'), "locations.a.access_key_id", "${env:NAME}", id="internal-reference"),
    pytest.param(location('url: "s3://abc", profile: §"${vault:x}"'), "locations.a.profile", "${env:NAME}", id="unknown-interpolation"),
    pytest.param(location('url: "s3://abc", profile: §"${env:X"'), "locations.a.profile", "${env:NAME}", id="open-interpolation"),
    pytest.param(location('url: "s3://abc", profile: §""').replace('§""', '§"x\\ny"'), "locations.a.profile", "one line", id="line-break-in-text"),
    pytest.param("version: 1\nlocations:\n  a: §{url: s3://abc, access_key_id: x}", "locations.a", "together", id="half-a-key"),
    pytest.param("version: 1\nlocations:\n  a: §{url: s3://abc, profile: p, access_key_id: x, secret_access_key: '${env:A}'}", "locations.a", "one of them", id="profile-and-key"),
    pytest.param(location('url: "s3://abc", anonymous: true, profile: §p'), "locations.a.profile", "one of them", id="anonymous-with-a-profile"),
    pytest.param(location('url: "s3://abc", anonymous: §yes'), "locations.a.anonymous", "true or false", id="yes-is-text"),
    pytest.param(location('url: "s3://abc", external_id: §x'), "locations.a.external_id", "role_arn", id="external-id-without-role"),
    pytest.param(location('url: "s3://abc", kms_key_id: §x'), "locations.a.kms_key_id", "aws:kms", id="kms-key-without-kms"),
    pytest.param(location('url: "s3://abc", sse: §aws-kms'), "locations.a.sse", "'aws:kms'", id="misspelt-encryption"),
    pytest.param(location('url: "s3://abc", storage_class: §standard'), "locations.a.storage_class", "'STANDARD'", id="lower-case-storage-class"),
    pytest.param(location('url: "s3://abc", account_id: §222222222222'), "locations.a.account_id", '"222222222222"', id="account-id-as-a-number"),
    pytest.param(location('url: "s3://abc", account_id: §"22222"'), "locations.a.account_id", "quotes", id="short-account-id"),
    pytest.param(location('url: "s3://abc", request_payer: §owner'), "locations.a.request_payer", "requester", id="unknown-payer"),
    pytest.param(location('url: "s3://a.b.c", addressing_style: §virtual'), "locations.a.addressing_style", "path", id="virtual-style-with-dots"),
    pytest.param(location('url: "s3://abc", limits: {connections: §0}'), "locations.a.limits.connections", "from 1", id="no-connections"),
    pytest.param(location('url: "s3://abc", limits: {bytes_per_second: §-1}'), "locations.a.limits.bytes_per_second", "unit", id="negative-limit"),
    pytest.param(location('url: "s3://abc", egress_usd_per_gb: §.nan'), "locations.a.egress_usd_per_gb", "from 0", id="price-not-a-number"),
    pytest.param(location('url: "s3://abc", requests_usd_per_thousand: {writes: §-1}'), "locations.a.requests_usd_per_thousand.writes", "from 0", id="negative-price-of-requests"),
    pytest.param(location('url: "s3://abc", requests_usd_per_thousand: {§puts: 1}'), "locations.a.requests_usd_per_thousand.puts", "writes", id="unknown-kind-of-requests"),
    pytest.param(location("url: /mnt/x, sse: §AES256"), "locations.a.sse", "s3://", id="encryption-of-a-file-location"),
    pytest.param(location('url: "s3://abc", aws: {subnet_arn: §subnet-1}'), "locations.a.aws.subnet_arn", "ARN", id="id-instead-of-arn"),
    pytest.param("version: 1\nregions: {us-east-1: {jurisdiction: §FR}}", "regions.us-east-1.jurisdiction", "built-in", id="jurisdiction-of-a-built-in-region"),
    pytest.param("version: 1\nregions: {x: {jurisdiction: §france}}", "regions.x.jurisdiction", "FR", id="jurisdiction-in-words"),
    pytest.param("version: 1\nregions: {x: {latitude: §91, longitude: 0}}", "regions.x.latitude", "from -90", id="latitude-beyond-the-pole"),
    pytest.param("version: 1\nregions: {x: §{latitude: 9}}", "regions.x", "together", id="half-a-coordinate"),
    pytest.param('version: 1\nstate: §"gs://x"', "state", "s3://", id="state-somewhere-else"),
    pytest.param('version: 1\nservice: {database: §"postgresql://u:hunter22@h/d"}', "service.database", "${env:", id="password-in-the-database-url"),
    pytest.param('version: 1\nservice: {database: §"postgresql://${env:U}:hunter22@h/d"}', "service.database", "${env:", id="password-beside-a-reference"),
    pytest.param('version: 1\nservice: {access_keys: [{access_key_id: x, secret_access_key: §hunter22}]}', "service.access_keys[0].secret_access_key", "${env:NAME}", id="literal-secret-of-the-service"),
    pytest.param('version: 1\nservice: {account: §"1"}', "service.account", "quotes", id="service-account"),
    pytest.param('version: 1\nservice: {file_systems: {§efs: /mnt}}', "service.file_systems.efs", "fs-", id="file-system-by-name"),
]  # fmt: skip

DATASETS = [
    pytest.param(dataset("", source="§su/a"), "datasets.d.source", "'us'", id="misspelt-location"),
    pytest.param(dataset("", replica="§nowhere/a"), "datasets.d.replicas[0]", "declare it", id="unknown-location"),
    pytest.param(dataset("", source='§"s3://abc/x"'), "datasets.d.source", "locations", id="url-as-a-source"),
    pytest.param(dataset("", source="§us/a/../b"), "datasets.d.source", "below it", id="dots-in-a-path"),
    pytest.param(dataset("", source="§us/.ferryline/x"), "datasets.d.source", "another", id="reserved-folder-as-a-source"),
    pytest.param(dataset("", replica="{name: x, to: eu/a, §engin: datasync}"), "datasets.d.replicas[0].engin", "'engine'", id="unknown-field-of-a-replica"),
    pytest.param(dataset("", replica="{name: §a/b, to: eu/a}"), "datasets.d.replicas[0].name", "letters", id="slash-in-a-replica-name"),
    pytest.param(dataset("", replica="§{name: x}"), "datasets.d.replicas[0]", "to", id="replica-without-a-place"),
    pytest.param(dataset("", replica="eu/a, §eu/b"), "datasets.d.replicas[1]", "name", id="two-replicas-of-one-name"),
    pytest.param(dataset("replicas_: x").replace("replicas_", "§replicas_"), "datasets.d.replicas_", "'replicas'", id="nearly-a-field"),
    pytest.param(dataset("options: {verify_mode: §none}"), "datasets.d.options.verify_mode", "'NONE'", id="lower-case-value"),
    pytest.param(dataset("options: {overwrite_mode: §SOMETIMES}"), "datasets.d.options.overwrite_mode", "ALWAYS", id="unknown-value"),
    pytest.param(dataset("options: {log_level: §NONE}"), "datasets.d.options.log_level", "OFF", id="log-level-none-is-off"),
    pytest.param(dataset("options: {uid: §~}"), "datasets.d.options.uid", "NONE", id="null-as-a-value"),
    pytest.param(dataset("options: {bytes_per_second: §0}"), "datasets.d.options.bytes_per_second", "-1", id="bandwidth-zero"),
    pytest.param(dataset("options: {bytes_per_second: §-2}"), "datasets.d.options.bytes_per_second", "-1", id="bandwidth-negative"),
    pytest.param(dataset("options: {bytes_per_second: §1e30}"), "datasets.d.options.bytes_per_second", "-1", id="bandwidth-1e30"),
    pytest.param(dataset('options: {bytes_per_second: §"1e30"}'), "datasets.d.options.bytes_per_second", "-1", id="bandwidth-1e30-as-text"),
    pytest.param(dataset("options: {bytes_per_second: §1 Gbs}"), "datasets.d.options.bytes_per_second", "125MB", id="bandwidth-in-words"),
    pytest.param(dataset("options: {bytes_per_second: §100Mb}"), "datasets.d.options.bytes_per_second", "125MB", id="bandwidth-in-bits"),
    pytest.param(dataset("options: {bytes_per_second: §true}"), "datasets.d.options.bytes_per_second", "-1", id="bandwidth-true"),
    pytest.param(dataset("options:\n  preserve_deleted_files: §REMOVE\n  transfer_mode: ALL"), "datasets.d.options.preserve_deleted_files", "CHANGED", id="remove-with-all"),
    pytest.param(dataset("engine: datasync\nschedule: §rate(10 minutes)"), "datasets.d.schedule", "hour", id="datasync-every-ten-minutes"),
    pytest.param(dataset("engine: datasync\nschedule: §cron(0/30 * * * ? *)"), "datasets.d.schedule", "hour", id="datasync-twice-an-hour"),
    pytest.param(dataset("engine: datasync\noptions: {task_mode: ENHANCED, verify_mode: §POINT_IN_TIME_CONSISTENT}"), "datasets.d.options.verify_mode", "BASIC", id="point-in-time-enhanced"),
    pytest.param(dataset("engine: datasync\noptions: {task_mode: ENHANCED, mtime: §NONE}"), "datasets.d.options.mtime", "PRESERVE", id="enhanced-without-mtime"),
    pytest.param(dataset("engine: datasync\noptions: {task_mode: BASIC, mtime: §NONE}"), "datasets.d.options.mtime", "both", id="basic-mtime-alone"),
    pytest.param(dataset("engine: datasync\noptions: {task_mode: BASIC, atime: §NONE}"), "datasets.d.options.atime", "both", id="basic-atime-alone"),
    pytest.param(dataset("engine: §s3-replication", replica="lab/a"), "datasets.d.engine", "ferryline", id="s3-replication-to-another-store"),
    pytest.param(dataset("engine: §rsync"), "datasets.d.engine", "datasync", id="unknown-engine"),
    pytest.param(dataset("schedule: §'* * 31 2 *'"), "datasets.d.schedule", "cron(", id="bare-cron"),
    pytest.param(dataset("schedule: §cron(* * 31 2 ? *)"), "datasets.d.schedule", "day", id="thirty-first-of-february"),
    pytest.param(dataset("schedule: §cron(61 * * * ? *)"), "datasets.d.schedule", "0–59", id="minute-61"),
    pytest.param(dataset(f"schedule: §cron({'0' * 10_000})"), "datasets.d.schedule", "cron(", id="ten-kilobytes-of-schedule"),
    pytest.param(dataset('include: [§"*.jpg"]'), "datasets.d.include[0]", "exclude", id="star-at-the-start-of-an-include"),
    pytest.param(dataset('include: ["/a*", §"/b*c"]'), "datasets.d.include[1]", "exclude", id="star-inside-the-second-include"),
    pytest.param(dataset('exclude: [§"a||b"]'), "datasets.d.exclude[0]", "both sides", id="empty-alternative"),
    pytest.param(dataset('exclude: [§"${env:X}"]'), "datasets.d.exclude[0]", "itself", id="reference-in-a-filter"),
    pytest.param(dataset("exclude: §{a: b}"), "datasets.d.exclude", "list", id="mapping-of-filters"),
    pytest.param(dataset("markers: [§/x]"), "datasets.d.markers[0]", "index.json", id="marker-with-a-slash"),
    pytest.param(dataset("max_delete: {percent: §101}"), "datasets.d.max_delete.percent", "100", id="more-than-everything"),
    pytest.param(dataset("max_delete: {count: §-1}"), "datasets.d.max_delete.count", "from 0", id="negative-count"),
    pytest.param(dataset("max_delete: {count: §1.5}"), "datasets.d.max_delete.count", "from 0", id="half-an-object"),
    pytest.param(dataset("max_delete: §1000"), "datasets.d.max_delete", "count", id="cap-without-a-name"),
    pytest.param(dataset("max_transfer: {bytes: §5 Tibs}"), "datasets.d.max_transfer.bytes", "5TiB", id="misspelt-unit"),
    pytest.param(dataset("max_transfer: {bytes: §0}"), "datasets.d.max_transfer.bytes", "5TiB", id="transfer-nothing"),
    pytest.param(dataset("max_transfer: {usd: §-1}"), "datasets.d.max_transfer.usd", "dollars", id="negative-money"),
    pytest.param(dataset("max_transfer: {usd: §.inf}"), "datasets.d.max_transfer.usd", "dollars", id="infinite-money"),
    pytest.param(dataset("on_unknown: §read-back"), "datasets.d.on_unknown", "'read_back'", id="hyphen-for-underscore"),
    pytest.param(dataset("keep_snapshots: {count: §0}"), "datasets.d.keep_snapshots.count", "from 1", id="keep-none"),
    pytest.param(dataset("residency: §{allow: []}"), "datasets.d.residency", "list codes", id="nothing-allowed"),
    pytest.param(dataset("residency: §{allow: [EU], deny: [EU]}"), "datasets.d.residency", "one list", id="allowed-and-denied"),
    pytest.param(dataset("residency: {allow: [§europe]}"), "datasets.d.residency.allow[0]", "EU", id="jurisdiction-in-words"),
    pytest.param(dataset("metadata: §us/a/meta"), "datasets.d.metadata", "outside", id="metadata-inside-the-source"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "remedy"), UNKNOWN_AND_MISSING + PLACES + DATASETS)
def test_a_wrong_policy_is_refused_with_file_line_column_field_and_remedy(text, field, remedy):
    problem = only_problem(text)
    assert problem.where is not None
    assert problem.where.field == field
    assert remedy in problem.remedy or remedy in problem.message, str(problem)
    assert "hunter22" not in str(problem), "a secret is never shown"


def test_every_problem_is_reported_in_file_order():
    text = dataset(
        "options: {verify_mode: none, bytes_per_second: 0}\nschedule: never\ninclude: ['*.x']", "zz/a"
    )
    with pytest.raises(errors.BadPolicy) as caught:
        policy.parse(text.replace('url: "s3://acme-train"', "url: 5"), "t.yaml")
    fields = [problem.where.field for problem in caught.value.problems]
    assert fields == [
        "locations.us.url",
        "datasets.d.source",
        "datasets.d.options.verify_mode",
        "datasets.d.options.bytes_per_second",
        "datasets.d.schedule",
        "datasets.d.include[0]",
    ]
    for problem in caught.value.problems:
        assert f"t.yaml:{problem.where.line}:{problem.where.column}: {problem.where.field}: " in str(
            caught.value
        )


def test_a_refused_location_is_not_also_called_unknown():
    text = LOCATIONS.replace('"s3://acme-train"', "5") + "datasets: {d: {source: us/a}}"
    with pytest.raises(errors.BadPolicy) as caught:
        policy.parse(text)
    assert [problem.where.field for problem in caught.value.problems] == ["locations.us.url"]


def test_a_problem_in_an_aliased_value_points_at_the_value():
    wanted = marked(
        LOCATIONS
        + "datasets:\n  a: {source: us/a, options: &o {mtime: §x}}\n  b: {source: us/b, options: *o}\n"
    )
    with pytest.raises(errors.BadPolicy) as caught:
        policy.parse(wanted.text)
    places = {(problem.where.line, problem.where.column) for problem in caught.value.problems}
    assert places == {(wanted.line, wanted.column)}


def test_remove_with_all_is_refused_for_every_engine():
    for engine in ("ferryline", "datasync", "s3-replication"):
        text = dataset(f"engine: {engine}\noptions: {{preserve_deleted_files: §REMOVE, transfer_mode: ALL}}")
        assert "ALL" in only_problem(text).message


@pytest.mark.parametrize(
    "body",
    [
        "schedule: rate(10 minutes)",
        "options: {task_mode: ENHANCED, verify_mode: POINT_IN_TIME_CONSISTENT}",
        "options: {mtime: NONE}",
        "options: {atime: NONE}",
        "options: {uid: NAME, posix_permissions: NONE, preserve_devices: PRESERVE}",
    ],
)
def test_datasyncs_own_limits_do_not_bind_our_engine(body):
    assert policy.parse(dataset(body)).datasets["d"].name == "d"
