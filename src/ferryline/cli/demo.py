"""`ferryline demo`: the whole idea on this machine, with real commands against four real S3 endpoints.

The endpoints are the strict server that the tests use, on loopback. Every step runs a command of
this program as a person would type it, and what it claims is checked behind its back.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from ferryline import errors
from ferryline.cli import main as door
from ferryline.model import exitcode
from ferryline.model.units import show_bytes
from ferryline.testing import dataset
from ferryline.testing.strict import Fault, Settings, StrictServer
from ferryline.testing.strict.fault import Page

_VICTIM = b"imagenet/train/shard-000007.tar"
_JURISDICTIONS = {"us": "US", "eu": "DE", "ap": "JP", "lab": "FR"}
_POLICY = """\
version: 1
name: acme-train
regions:
{regions}
locations:
{locations}
datasets:
  imagenet:
    source: us/imagenet/
    replicas: [eu/imagenet/, ap/imagenet/, lab/imagenet/]
    options: {{preserve_deleted_files: REMOVE}}
    residency: {{allow: [US, EU, JP]}}
  patients:
    source: eu/patients/
    replicas: [us/patients/]
    residency: {{allow: [EU]}}
"""


@click.command("demo")
def command() -> int:
    """Four regions on this machine: replicate, prove, break, repair, roll back. No account needed."""
    with contextlib.ExitStack() as closing:
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="ferryline-demo-"))
        servers = {name: closing.enter_context(_region(name)) for name in _JURISDICTIONS}
        closing.enter_context(_environment(folder, servers))
        show = _Show(servers)
        show.scene()
        show.plan()
        show.first_sync()
        show.silent_sync()
        show.new_version()
        show.rollback()
        show.corruption()
        show.adoption()
        show.residency()
        show.lying_listing()
        show.emptied_source()
        return show.curtain()


def _region(name: str) -> StrictServer:
    return StrictServer(_bucket(name), settings=Settings(region=f"{name}-demo"))


def _bucket(name: str) -> str:
    return f"acme-{name}"


@contextlib.contextmanager
def _environment(folder: str, servers: Mapping[str, StrictServer]) -> Iterator[None]:
    """A folder to work in with a policy file, and the demo's keys in the environment."""
    before, variables = Path.cwd(), dict(os.environ)
    any_server = servers["us"]
    os.environ.update(
        DEMO_KEY=any_server.access_key,
        DEMO_SECRET=any_server.secret_key,
        FERRYLINE_STATE=f"{folder}/state",
        FERRYLINE_REGION="us-demo",
    )
    os.environ.pop("FERRYLINE_CREDENTIALS", None)
    Path(folder, "ferryline.yaml").write_text(_policy(servers), "utf-8")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)


def _policy(servers: Mapping[str, StrictServer]) -> str:
    regions = [
        f"  {name}-demo: {{jurisdiction: {code}, egress_usd_per_gb: 0.02}}"
        for name, code in _JURISDICTIONS.items()
    ]
    locations = [
        f'  {name}: {{url: "s3://{_bucket(name)}", region: {name}-demo,\n'
        f'    endpoint_url: "{server.endpoint_url}",\n'
        '    access_key_id: "${env:DEMO_KEY}", secret_access_key: "${env:DEMO_SECRET}",\n'
        "    requests_usd_per_thousand: {writes: 0.005, reads: 0.0004}}"
        for name, server in servers.items()
    ]
    return _POLICY.format(regions="\n".join(regions), locations="\n".join(locations))


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table at the end."""

    what: str
    expected: str
    seen: str

    @property
    def kept(self) -> bool:
        return self.expected == self.seen


class _Show:
    """The scenes, in order. Each checks what it claims."""

    def __init__(self, servers: Mapping[str, StrictServer]) -> None:
        self._servers = servers
        self._us = servers["us"]
        self._bodies: dict[str | bytes, bytes] = {b"imagenet/" + key: body for key, body in dataset.objects()}
        self._total = sum(len(body) for body in self._bodies.values())
        self._first = ""
        self._table: list[_Line] = []

    def scene(self) -> None:
        """Make the data set."""
        self._us.bucket(_bucket("us")).put_many(self._bodies)
        self._servers["eu"].bucket(_bucket("eu")).set_versioning("Enabled")
        self._servers["lab"].bucket(_bucket("lab")).put_many(self._bodies)
        size = show_bytes(self._total)
        _say(
            "Ferryline keeps training data identical, proven and close to the compute in every region.",
            "",
            "Four S3 endpoints run on this machine, as four regions:",
            f"  us   {self._us.endpoint_url}   a made image data set: {len(self._bodies)} objects, {size}",
            f"  eu   {self._servers['eu'].endpoint_url}   empty; its bucket keeps versions",
            f"  ap   {self._servers['ap'].endpoint_url}   empty",
            f"  lab  {self._servers['lab'].endpoint_url}   somebody copied the data set there long ago",
            "",
            "What shall be where is written in ferryline.yaml:",
            "",
            *Path("ferryline.yaml").read_text("utf-8").partition("datasets:")[2].splitlines()[1:6],
        )

    def plan(self) -> None:
        """What it will cost."""
        _title("1. What would move, what does it cost, may it be there?")
        code = _run("plan", "imagenet", "--replica", "eu")
        self._note("plan", "exit 0", f"exit {code}")

    def first_sync(self) -> None:
        """One read, two replicas, one id."""
        _title("2. Replicate to two regions from one read, prove it, publish it")
        seen = len(self._us.seen)
        code = _run("sync", "imagenet", "--replica", "eu", "--replica", "ap")
        read = sum(one.bytes_out for one in self._us.seen[seen:] if one.operation == "GetObject")
        here = _digests(self._us, "us")
        equal = min(_equal(here, _digests(self._servers[name], name)) for name in ("eu", "ap"))
        ids = {str(self._head(name)["current"]) for name in ("eu", "ap")}
        self._first = next(iter(ids))
        times = f"{read / self._total:.1f}"
        _say(f"Checked without Ferryline (SHA-256 of all endpoints' bytes): {equal} of {len(here)} equal;")
        _say(f"us sent the data set {times} times for two replicas; both heads name the same snapshot.")
        self._note("sync ends well", "exit 0", f"exit {code}")
        self._note("bytes equal in three regions", f"{len(here)} of {len(here)}", f"{equal} of {len(here)}")
        self._note("times the source was read for two replicas", "1.0", times)
        self._note("snapshot ids in two regions", "1", str(len(ids)))

    def silent_sync(self) -> None:
        """The same command again."""
        _title("3. The same command again: nothing is written anywhere")
        before = {name: len(server.seen) for name, server in self._servers.items()}
        _run("sync", "imagenet", "--replica", "eu", "--replica", "ap")
        after = [one for name, server in self._servers.items() for one in server.seen[before[name] :]]
        writes = [one for one in after if not one.operation.startswith(("Get", "Head", "List"))]
        _say(f"The endpoints counted {len(after)} requests that look, and {len(writes)} that write.")
        self._note("writes of a second run", "0", str(len(writes)))

    def new_version(self) -> None:
        """The data set moves on."""
        _title("4. The data set changes: what is new?")
        here = self._us.bucket(_bucket("us"))
        here.put(_VICTIM, b"a better shard")
        here.put("imagenet/train/shard-999999.tar", b"one more shard")
        code = _run("sync", "imagenet", "--replica", "eu", "--replica", "ap")
        second = str(self._head("eu")["current"])
        _run("snapshots", "diff", "imagenet", self._first[:12], second[:12])
        self._note("a new snapshot is published", "exit 0", f"exit {code}")
        self._note("and it is another one", "yes", "yes" if second != self._first else "no")

    def rollback(self) -> None:
        """Back to the first one where versions are kept."""
        _title("5. Back to the first snapshot, where the bucket keeps versions")
        code = _run("snapshots", "rollback", "imagenet", self._first[:12], "--replica", "eu")
        back = self._head("eu")["current"] == self._first
        self._note(
            "eu reads the first snapshot again", "exit 0, yes", f"exit {code}, {'yes' if back else 'no'}"
        )
        _run("sync", "imagenet", "--replica", "eu", "--replica", "ap")

    def corruption(self) -> None:
        """Somebody overwrites an object at a replica with other bytes of the same size."""
        _title("6. One object is damaged behind Ferryline's back")
        ap = self._servers["ap"]
        bucket = ap.bucket(_bucket("ap"))
        name = b"imagenet/train/shard-000003.tar"
        body = bytearray(bucket.get(name) or b"")
        body[len(body) // 2] ^= 0xFF
        bucket.put(name, bytes(body))
        _say(f"One byte of {name.decode()} in ap was flipped; its size is the same.")
        found = _run("verify", "imagenet", "--replica", "ap")
        self._note("verify finds it, and withdraws ap from readers", "exit 1", f"exit {found}")
        sent = len(ap.seen)
        _run("sync", "imagenet", "--replica", "eu", "--replica", "ap")
        puts = [one.key for one in ap.seen[sent:] if one.operation == "PutObject" and not _own(one.key)]
        _say(f"The endpoint in ap received {len(puts)} object: {', '.join(key.decode() for key in puts)}.")
        self._note("objects sent to repair it", "1", str(len(puts)))
        again = _run("verify", "imagenet", "--replica", "ap", "--deep", "100")
        self._note("verify after the repair", "exit 0", f"exit {again}")

    def adoption(self) -> None:
        """A copy that is there already."""
        _title("7. The copy in the lab is older than Ferryline: adopt it, do not copy it again")
        self._us.bucket(_bucket("us")).put(_VICTIM, self._bodies[_VICTIM])
        self._us.bucket(_bucket("us")).delete("imagenet/train/shard-999999.tar")
        lab = self._servers["lab"]
        seen = len(lab.seen)
        code = _run("adopt", "imagenet", "--replica", "lab")
        puts = [one for one in lab.seen[seen:] if one.operation == "PutObject" and not _own(one.key)]
        self._note("the lab's copy is adopted", "exit 0", f"exit {code}")
        self._note("objects sent for it", "0", str(len(puts)))

    def residency(self) -> None:
        """A rule says no."""
        _title("8. A dataset that must stay in the EU, and a replica outside it")
        before = sum(len(server.seen) for server in self._servers.values())
        code = _run("sync", "patients")
        asked = sum(len(server.seen) for server in self._servers.values()) - before
        self._note("residency refuses it", f"exit {exitcode.GUARD}", f"exit {code}")
        self._note("requests that were made", "0", str(asked))

    def lying_listing(self) -> None:
        """A proxy answers a listing with a login page, and the person asked for deletes."""
        _title("9. The source's listing lies, and deletes were asked for")
        _say("A proxy in front of us answers 200 with a login page instead of the listing.")
        fault = self._us.arm(Fault("ListObjectsV2", Page(), times=None))
        self._refused("a listing that is no listing", exitcode.ENDPOINT)
        self._us.disarm(fault)

    def emptied_source(self) -> None:
        """Somebody empties the source, and the schedule strikes."""
        _title("10. Somebody empties the source, and the schedule strikes")
        self._us.bucket(_bucket("us")).clear()
        self._refused("an emptied source is refused", exitcode.GUARD)

    def _refused(self, what: str, wanted: int) -> None:
        held, head = len(self._servers["eu"].bucket(_bucket("eu")).keys()), self._head("eu")
        code = _run("sync", "imagenet")
        left, now = len(self._servers["eu"].bucket(_bucket("eu")).keys()), self._head("eu")
        unchanged = "published the same" if head == now else "PUBLISHED ANOTHER"
        _say(f"Objects in eu before and after: {held} and {left}; {unchanged}.")
        self._note(what, f"exit {wanted}", f"exit {code}")
        self._note("objects deleted because of it", "0", str(held - left))

    def curtain(self) -> int:
        """The table; exit 0 when everything was as promised."""
        _title("What was promised, and what was seen")
        width = max(len(line.what) for line in self._table)
        for line in self._table:
            verdict = "as promised" if line.kept else f"NOT AS PROMISED: {line.expected} was"
            _say(f"  {line.what:<{width}}  {line.seen:<12}  {verdict}")
        _say("", "Next: docs/tutorial/first-dataset.md, or `ferryline sync --help`.")
        return exitcode.DONE if all(line.kept for line in self._table) else exitcode.BUG

    def _note(self, what: str, expected: str, seen: str) -> None:
        self._table.append(_Line(what, expected, seen))

    def _head(self, name: str) -> dict[str, object]:
        told: dict[str, object] = json.loads(
            self._servers[name].bucket(_bucket(name)).get("imagenet/.ferryline/head.json") or b"{}"
        )
        return told


def _own(key: bytes) -> bool:
    return b".ferryline/" in key


def _equal(here: Mapping[bytes, str], there: Mapping[bytes, str]) -> int:
    return sum(there.get(key) == digest for key, digest in here.items())


def _digests(server: StrictServer, name: str) -> dict[bytes, str]:
    contents = server.bucket(_bucket(name)).contents()
    return {key: hashlib.sha256(body).hexdigest() for key, body in contents.items()}


def _run(*words: str) -> int:
    """Run one command line of this program, and show it as it would be typed."""
    click.echo(click.style(f"$ ferryline {' '.join(words)}", bold=True))
    quiet = ["--quiet"] if words[0] != "snapshots" else []
    code = door.run([*words, *quiet])
    if code > 128:
        raise errors.Interrupted(code - 128)
    if code:
        click.echo(f"(exit code {code})")
    return code


def _title(text: str) -> None:
    click.echo("\n" + click.style(text, bold=True) + "\n" + "─" * len(text))


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(line)
