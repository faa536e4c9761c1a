"""A destination is probed before the first write, once, and again when something else answers there."""

import dataclasses

from ferryline.testing.strict import Lie
from tests.commanding import url


def probes(server):
    return {one.key for one in server.seen if one.key.startswith(b".ferryline/probe/")}


def copies(server, user, number):
    server.bucket("source").put(f"{number}", b"bytes %d" % number)
    server.forget()
    said = user.run("copy", url(server, "source"), url(server, "destination"), "--json")
    assert said.code == 0, said.err
    assert server.bucket("destination").contents() == server.bucket("source").contents()
    return probes(server)


def test_once_and_again_when_the_server_is_another_one(strict, user):
    assert copies(strict, user, 1)
    assert copies(strict, user, 2) == set()
    strict.settings = dataclasses.replace(strict.settings, server_header="an appliance/2.0")
    strict.lie(Lie.IGNORES_WRITE_PRECONDITIONS, Lie.IGNORES_CHECKSUMS)
    assert copies(strict, user, 3)
    assert copies(strict, user, 4) == set()
    strict.lie()
    strict.settings = dataclasses.replace(strict.settings, server_header="an appliance/2.1")
    assert copies(strict, user, 5)
    strict.before("PutObject", conditions := Conditions())
    assert copies(strict, user, 6) == set()
    assert conditions.seen == ["*"], "what was learned of the older server is still believed"


class Conditions(list):
    """A hook that keeps the If-None-Match of every write."""

    @property
    def seen(self):
        return list(self)

    def __call__(self, exchange):
        self.append(exchange.request.headers.get("if-none-match"))


def test_a_run_without_changes_probes_nothing(strict, user):
    strict.bucket("source").put("key", b"bytes")
    strict.bucket("destination").put("key", b"bytes")
    assert user.run("copy", url(strict, "source"), url(strict, "destination"), "--json").code == 0
    assert probes(strict) == set()
