"""Which URLs a webhook may have, and that a refusal never shows one."""

import pytest

from ferryline import policy
from ferryline.policy import webhook
from tests.unit.policy.marked import dataset, only_problem


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/services/T0/B0",
        "https://10.0.0.7:8443/hook",
        "https://[2001:db8::1]/hook",
        "https://hooks.example.com/x?token=abc",
        "http://127.0.0.1:9000/hook",
        "http://localhost/hook",
        "http://[::1]:9000/hook",
    ],
)
def test_https_anywhere_and_http_on_this_machine(url):
    assert webhook.check(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/SECRET",
        "http://10.0.0.7/SECRET",
        "http://localhost.example.com/SECRET",
        "http://127.0.0.1.example.com/SECRET",
        "https://169.254.169.254/SECRET",
        "http://169.254.169.254/SECRET",
        "https://[fe80::1]/SECRET",
        "https://[::ffff:169.254.169.254]/SECRET",
        "https://[fd00:ec2::254]/SECRET",
        "https://metadata.google.internal/SECRET",
        "https://0xa9fea9fe/SECRET",
        "https://2852039166/SECRET",
        "https://user:SECRET@example.com/",
        "https://example.com/#SECRET",
        "https://example.com/a b/SECRET",
        "https://example.com/\r\nX: SECRET",
        "https:///SECRET",
        "ftp://example.com/SECRET",
        "file:///SECRET",
        "SECRET",
        "",
    ],
)
def test_everything_else_is_refused_without_being_shown(url):
    with pytest.raises(ValueError) as refused:
        webhook.check(url)

    assert "SECRET" not in str(refused.value)
    message, _, remedy = str(refused.value).partition("|")
    assert message
    assert remedy


@pytest.mark.parametrize(
    ("address", "scheme", "may"),
    [
        ("127.0.0.1", "http", True),
        ("::1", "http", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "https", True),
        ("2001:db8::1", "https", True),
        ("169.254.169.254", "https", False),
        ("fe80::1%eth0", "https", False),
        ("::ffff:169.254.169.254", "https", False),
        ("0.0.0.0", "https", False),
    ],
)
def test_where_a_name_may_lead(address, scheme, may):
    assert webhook.may_be_called(address, scheme) is may


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ('on_failure: {url: §"http://hooks.example.com/SECRET"}', "network"),
        ('on_failure: {url: §"https://example.com/x?token=SECRET"}', "query"),
        ('on_failure: {url: §"${vault:SECRET}"}', "env"),
        ("on_failure: §{timeout_seconds: 5}", "url"),
        ('on_failure: {url: "https://example.com/x", timeout_seconds: §0}', "0.1"),
        ('on_failure: {url: "https://example.com/x", §method: PUT}', "method"),
        ("on_failure: §https", "mapping"),
    ],
)
def test_a_bad_webhook_is_refused_at_its_place(field, word):
    problem = only_problem(dataset(field))

    assert problem.where.field.startswith("datasets.d.on_failure")
    assert word in f"{problem.message} {problem.remedy}"
    if "vault" not in field:
        assert "SECRET" not in str(problem)


def test_defaults_give_every_dataset_its_webhook_and_a_dataset_its_own():
    text = dataset("")
    text += '  e: {source: us/b, replicas: [eu/b], on_failure: {url: "https://example.com/e", timeout_seconds: 3}}\n'
    text += 'defaults: {on_failure: {url: "${env:HOOK}"}}\n'

    read = policy.parse(text)

    assert (read.datasets["d"].on_failure.url, read.datasets["d"].on_failure.timeout_seconds) == (
        "${env:HOOK}",
        10.0,
    )
    assert read.datasets["e"].on_failure.timeout_seconds == 3


def test_whom_a_failure_is_told_to_does_not_change_what_a_policy_means():
    with_hook = policy.parse(dataset('on_failure: {url: "https://example.com/x"}'))

    assert with_hook.digest == policy.parse(dataset("")).digest
    assert "example.com" not in repr(with_hook.datasets["d"])


def test_a_file_reference_starts_from_the_policy_file(tmp_path):
    (tmp_path / "ferryline.yaml").write_text(dataset('on_failure: {url: "${file:hook.txt}"}'))

    read = policy.load([tmp_path / "ferryline.yaml"])

    assert read.datasets["d"].on_failure.url == f"${{file:{tmp_path}/hook.txt}}"
