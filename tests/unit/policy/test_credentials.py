"""The credentials file: checked like the policy, kept nowhere, shown nowhere."""

from pathlib import Path

import pytest

from ferryline import errors, policy
from ferryline.policy import credentials, interpolation
from tests.unit.policy.marked import dataset


def load(tmp_path, text):
    (tmp_path / "policy.yaml").write_text(dataset(""))
    (tmp_path / "keys.yaml").write_text(text)
    return policy.load([tmp_path / "policy.yaml"], credentials=tmp_path / "keys.yaml")


def test_entries_replace_the_credentials_of_their_locations(tmp_path):
    text = "us: {access_key_id: AKIAFAKE, secret_access_key: not-a-real-secret}\neu: {profile: team}\n"
    read = load(tmp_path, text)
    us, eu, lab = (read.locations[name].access for name in ("us", "eu", "lab"))
    assert us.secret_access_key == "${credentials:us/secret_access_key}"
    assert eu.profile == "team"
    assert lab.access_key_id is None
    assert "not-a-real-secret" not in repr(read)
    sources = interpolation.Sources({})
    sources = interpolation.Sources({}, credentials=credentials.reader(tmp_path / "keys.yaml", sources))
    assert interpolation.resolve(us.secret_access_key, sources) == "not-a-real-secret"
    assert interpolation.resolve(us.access_key_id, sources) == "AKIAFAKE"


def test_an_entry_may_hold_references(tmp_path):
    load(tmp_path, "us: {access_key_id: '${env:K}', secret_access_key: '${env:S}'}")
    look_up = credentials.reader(tmp_path / "keys.yaml", interpolation.Sources({"K": "AKIAFAKE", "S": "s"}))
    assert look_up("us", "access_key_id") == "AKIAFAKE"


def test_the_file_is_read_again_at_each_use(tmp_path):
    load(tmp_path, "us: {access_key_id: one, secret_access_key: x}")
    look_up = credentials.reader(tmp_path / "keys.yaml", interpolation.Sources({}))
    (tmp_path / "keys.yaml").write_text("us: {access_key_id: two, secret_access_key: x}")
    assert look_up("us", "access_key_id") == "two"
    with pytest.raises(interpolation.Unresolved, match="any more"):
        look_up("eu", "access_key_id")
    Path(tmp_path / "keys.yaml").unlink()
    with pytest.raises(interpolation.Unresolved, match="cannot be read"):
        look_up("us", "access_key_id")


def test_without_the_file_its_references_lead_nowhere():
    with pytest.raises(interpolation.Unresolved, match="not given"):
        interpolation.resolve(interpolation.credential("us", "access_key_id"), interpolation.Sources({}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("su: {profile: p}", "unknown location 'su'"),
        ("us: {access_key_id: hunter22}", "half an access key"),
        ("us: {session_token: hunter22}", "half an access key"),
        ("us: {}", "no credentials"),
        ("us: {profile: p, access_key_id: a, secret_access_key: hunter22}", "two kinds"),
        ("us: {acces_key_id: hunter22}", "did you mean 'access_key_id'"),
        ("us: {access_key_id: [hunter22], secret_access_key: x}", "expected text"),
        ("us: {access_key_id: '${vault:hunter22}', secret_access_key: x}", "interpolation"),
        ("us: hunter22", "expected a mapping"),
        ("- us", "expected a mapping"),
        ("us: {access_key_id: a, access_key_id: b}", "given twice"),
        ("us: !!python/object:x {}", "tags"),
    ],
)
def test_a_wrong_file_is_refused_without_showing_a_value(tmp_path, text, said):
    with pytest.raises(errors.BadPolicy, match=said) as caught:
        load(tmp_path, text)
    if "expected a mapping, found 'hunter22'" not in str(caught.value):
        assert "hunter22" not in str(caught.value)


def test_a_problem_names_the_credentials_file(tmp_path):
    with pytest.raises(errors.BadPolicy) as caught:
        load(tmp_path, "\nus: {profile: p, x: y}")
    assert caught.value.problems[0].where == errors.Where(str(tmp_path / "keys.yaml"), 2, 18, "us.x")
