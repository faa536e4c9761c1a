"""`--object-tags` as its user meets it: kept by default, refused by name where they cannot be."""

import pytest

from ferryline.testing.strict import Lie, Put, StrictServer
from tests.commanding import url
from tests.datasets import NAME, s3, write_policy

TAGS = {"team": "ml", "licence": "CC BY"}


@pytest.fixture
def servers():
    with StrictServer("source") as origin, StrictServer("destination") as target:
        origin.bucket("source").put("tagged", b"bytes", Put(tags=TAGS))
        origin.bucket("source").put("plain", b"bytes")
        yield origin, target


def words(servers, *more):
    origin, target = servers
    return ("copy", url(origin, "source"), url(target, "destination"), "--json", *more)


def test_tags_are_kept_by_default_and_a_second_run_is_silent(user, servers):
    assert user.run(*words(servers)).code == 0
    assert servers[1].bucket("destination").version("tagged").tags == TAGS
    second = user.run(*words(servers))
    assert set(second.document["requests"]) == {"ListObjectsV2"}


def test_none_asks_for_none(user, servers):
    done = user.run(*words(servers, "--object-tags", "NONE"))
    assert done.code == 0
    assert servers[0].count("GetObjectTagging") == 0
    assert servers[1].bucket("destination").version("tagged").tags == {}


@pytest.mark.parametrize("lie", [Lie.IGNORES_TAGGING, Lie.REFUSES_TAGGING])
def test_an_endpoint_without_tags_is_a_warning_by_default_and_a_failure_by_name(user, servers, lie):
    servers[1].lie(lie)
    asked = user.run(*words(servers, "--object-tags", "PRESERVE"))
    assert (asked.code, asked.document["files_transferred"]) == (1, 1)
    (failure,) = asked.document["failures"]
    assert (failure["key"], failure["kind"]) == ("tagged", "tags-not-kept")
    assert "object_tags NONE" in failure["advice"]

    plain = user.run(*words(servers))
    assert (plain.code, plain.document["files_transferred"]) == (0, 1)
    (warning,) = plain.document["warnings"]
    assert "tags are not kept" in warning["message"]


def test_an_unknown_word_is_refused_with_the_known_ones(user, servers):
    done = user.run(*words(servers, "--object-tags", "KEEP"))
    assert done.code == 2
    assert "--object-tags" in done.err
    assert "PRESERVE, NONE" in done.err


@pytest.mark.parametrize(("options", "kept"), [({}, TAGS), ({"object_tags": "NONE"}, {})])
def test_a_sync_keeps_them_as_its_policy_says(user, options, kept):
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("source").put("data/tagged", b"bytes", Put(tags=TAGS))
        places = {name: s3(server, name) for name in ("source", "eu", "ap")}
        write_policy(user.folder, places, ["eu/data/", "ap/data/"], options=options)
        said = user.run("sync", NAME, "--json")
        assert said.code == 0, said.err
        assert [server.bucket(name).version("data/tagged").tags for name in ("eu", "ap")] == [kept, kept]
