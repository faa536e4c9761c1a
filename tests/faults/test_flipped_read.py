"""A bit that flips while a source is read, on an endpoint of which nothing was ever proven by writing to it."""

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Fault, Lie, Settings, StrictServer, fault
from tests.commanding import url

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.mark.parametrize("encryption", [Encryption.SSE_S3, Encryption.KMS], ids=lambda one: one.value)
def test_one_flip_under_a_checksum_never_arrives(user, encryption):
    with (
        StrictServer("source") as one,
        StrictServer(BucketSettings("destination", encryption=encryption)) as two,
    ):
        one.bucket("source").put_many({"a": b"the bytes", "b": b"others"})
        flip = one.arm(Fault("GetObject", fault.Flip(checksum=True), key="b", nth=1, times=1))

        said = user.run("copy", url(one, "source"), url(two, "destination"), "--json")

        assert flip.fired
        assert said.code == 0
        assert two.bucket("destination").get("b") == b"others"


def test_a_flip_of_every_read_fails_the_object_and_never_arrives(user):
    with StrictServer("source") as one, StrictServer("destination") as two:
        one.bucket("source").put_many({"a": b"the bytes", "b": b"others"})
        flips = [one.arm(Fault("GetObject", fault.Flip(at=at), key="b", nth=at + 1)) for at in range(4)]

        said = user.run("copy", url(one, "source"), url(two, "destination"), "--json")

        assert sum(flip.fired for flip in flips) >= 2
        assert said.code == 1
        assert [one_["kind"] for one_ in said.document["failures"]] == ["digest-mismatch"]
        assert two.bucket("destination").get("b") is None


def test_etags_that_only_look_like_md5s_cost_one_more_read_and_no_failure(user):
    with (
        StrictServer("source", settings=Settings(lies=frozenset({Lie.ETAG_NOT_MD5}))) as one,
        StrictServer("destination") as two,
    ):
        one.bucket("source").put_many({f"k/{number}": f"bytes {number}".encode() for number in range(30)})

        said = user.run("copy", url(one, "source"), url(two, "destination"), "--json")

        assert said.code == 0
        assert two.bucket("destination").contents() == one.bucket("source").contents()
