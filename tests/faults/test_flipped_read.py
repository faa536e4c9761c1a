"""A bit that flips while a source is read, on an endpoint of which nothing was ever proven by writing to it."""

import pytest

from ferryline.testing.strict import BucketSettings, Encryption, Fault, StrictServer, fault
from tests.commanding import url

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.mark.xfail(
    strict=True,
    reason="a source's ETag and checksum are believed only where a write probe showed what they mean, and a "
    "source is never written: the flipped bytes are copied, and proven against their own MD5",
)
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
        assert said.code in {0, 1}
        assert two.bucket("destination").get("b") in {b"others", None}
