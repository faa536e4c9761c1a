"""`ferryline demo`: the whole idea on this machine, with real commands against two real S3 endpoints.

The endpoints are the strict server that the tests use, on loopback. Every step runs a command of
this program as a person would type it, and what it claims is checked behind its back.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
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

_VICTIM = b"train/shard-000007.tar"


@click.command("demo")
def command() -> int:
    """Two regions on this machine: copy, prove, break, find, repair. No account, under a minute."""
    with (
        tempfile.TemporaryDirectory(prefix="ferryline-demo-") as folder,
        _region("us") as us,
        _region("eu") as eu,
        _environment(folder, us, eu),
    ):
        show = _Show(us, eu)
        show.scene()
        show.first_copy()
        show.silent_run()
        show.corruption()
        show.lying_listing()
        show.emptied_source()
        return show.curtain()


def _region(name: str) -> StrictServer:
    return StrictServer(_bucket(name), settings=Settings(region=f"{name}-demo"))


def _bucket(name: str) -> str:
    return f"imagenet-{name}"


@contextlib.contextmanager
def _environment(folder: str, us: StrictServer, eu: StrictServer) -> Iterator[None]:
    """A folder to work in with a policy file, and the demo's keys in the environment."""
    before, variables = Path.cwd(), dict(os.environ)
    os.environ.update(DEMO_KEY=us.access_key, DEMO_SECRET=us.secret_key, FERRYLINE_STATE=f"{folder}/state")
    os.environ.pop("FERRYLINE_CREDENTIALS", None)
    Path(folder, "ferryline.yaml").write_text(_policy(us, eu), "utf-8")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)


def _policy(us: StrictServer, eu: StrictServer) -> str:
    lines = ["version: 1", "regions:"]
    lines += ["  us-demo: {jurisdiction: US}", "  eu-demo: {jurisdiction: DE}", "locations:"]
    for name, server in (("us", us), ("eu", eu)):
        where = f'url: "s3://{_bucket(name)}", region: {name}-demo, endpoint_url: "{server.endpoint_url}"'
        lines.append(
            f"  {name}: {{{where}, "
            'access_key_id: "${env:DEMO_KEY}", secret_access_key: "${env:DEMO_SECRET}"}'
        )
    return "\n".join(lines) + "\n"


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

    def __init__(self, us: StrictServer, eu: StrictServer) -> None:
        self._us, self._eu = us, eu
        self._table: list[_Line] = []

    def scene(self) -> None:
        """Make the data set."""
        bodies: dict[str | bytes, bytes] = dict(dataset.objects())
        self._us.bucket(_bucket("us")).put_many(bodies)
        total = show_bytes(sum(len(body) for body in bodies.values()))
        _say(
            "Ferryline keeps training data identical, proven and close to the compute in every region.",
            "",
            "Two S3 endpoints run on this machine, as two regions:",
            f"  us  {self._us.endpoint_url}   a made image data set: {len(bodies)} objects, {total}",
            f"  eu  {self._eu.endpoint_url}   empty",
        )

    def first_copy(self) -> None:
        """Copy, and compare every byte without Ferryline."""
        _title("1. Copy the data set to the other region")
        code = _run("copy", "us/", "eu/")
        here, there = _digests(self._us, "us"), _digests(self._eu, "eu")
        equal = sum(there.get(key) == digest for key, digest in here.items())
        _say(f"Checked without Ferryline (SHA-256 of both endpoints' bytes): {equal} of {len(here)} equal.")
        self._note("copy ends well", "exit 0", f"exit {code}")
        self._note("bytes equal in both regions", f"{len(here)} of {len(here)}", f"{equal} of {len(here)}")

    def silent_run(self) -> None:
        """The same command again."""
        _title("2. The same command again: nothing is sent")
        before = len(self._us.seen), len(self._eu.seen)
        _run("copy", "us/", "eu/")
        after = [*self._us.seen[before[0] :], *self._eu.seen[before[1] :]]
        others = [one for one in after if not one.operation.startswith("List")]
        _say(f"The endpoints counted {len(after) - len(others)} listings and {len(others)} other requests.")
        self._note("requests of a second run, listings aside", "0", str(len(others)))

    def corruption(self) -> None:
        """Somebody overwrites an object at the replica with other bytes of the same size."""
        _title("3. One object is damaged behind Ferryline's back")
        bucket = self._eu.bucket(_bucket("eu"))
        body = bytearray(bucket.get(_VICTIM) or b"")
        body[len(body) // 2] ^= 0xFF
        bucket.put(_VICTIM, bytes(body))
        _say(f"One byte of {_VICTIM.decode()} in eu was flipped; its size is the same.")
        found = _run("verify", "us/", "eu/", "--deep", "100")
        self._note("verify finds it", "exit 1", f"exit {found}")
        sent = len(self._eu.seen)
        _run("copy", "us/", "eu/")
        puts = [one.key for one in self._eu.seen[sent:] if one.operation == "PutObject"]
        _say(f"The endpoint in eu received {len(puts)} object: {', '.join(key.decode() for key in puts)}.")
        self._note("objects sent to repair it", "1", str(len(puts)))
        again = _run("verify", "us/", "eu/", "--deep", "100")
        self._note("verify after the repair", "exit 0", f"exit {again}")

    def lying_listing(self) -> None:
        """A proxy answers a listing with a login page, and the person asked for deletes."""
        _title("4. The source's listing lies, and deletes were asked for")
        _say("A proxy in front of us answers 200 with a login page instead of the listing.")
        held = len(self._eu.bucket(_bucket("eu")).keys())
        fault = self._us.arm(Fault("ListObjectsV2", Page(), times=None))
        code = _run("copy", "us/", "eu/", "--preserve-deleted-files", "REMOVE")
        self._us.disarm(fault)
        left = len(self._eu.bucket(_bucket("eu")).keys())
        _say(f"Objects in eu before and after: {held} and {left}.")
        self._note("a listing that is no listing", f"exit {exitcode.ENDPOINT}", f"exit {code}")
        self._note("objects deleted because of it", "0", str(held - left))

    def emptied_source(self) -> None:
        """Somebody empties the source, and the mirror runs."""
        _title("5. Somebody empties the source, and the mirror runs")
        held = len(self._eu.bucket(_bucket("eu")).keys())
        self._us.bucket(_bucket("us")).clear()
        code = _run("copy", "us/", "eu/", "--preserve-deleted-files", "REMOVE")
        left = len(self._eu.bucket(_bucket("eu")).keys())
        _say(f"Objects in eu before and after: {held} and {left}.")
        self._note("an emptied source is refused", f"exit {exitcode.GUARD}", f"exit {code}")
        self._note("objects deleted because of it", "0", str(held - left))

    def curtain(self) -> int:
        """The table; exit 0 when everything was as promised."""
        _title("What was promised, and what was seen")
        width = max(len(line.what) for line in self._table)
        for line in self._table:
            verdict = "as promised" if line.kept else f"NOT AS PROMISED: {line.expected} was"
            _say(f"  {line.what:<{width}}  {line.seen:<10}  {verdict}")
        _say("", "Next: docs/tutorial/first-copy.md, or `ferryline copy --help`.")
        return exitcode.DONE if all(line.kept for line in self._table) else exitcode.BUG

    def _note(self, what: str, expected: str, seen: str) -> None:
        self._table.append(_Line(what, expected, seen))


def _digests(server: StrictServer, name: str) -> dict[bytes, str]:
    contents = server.bucket(_bucket(name)).contents()
    return {key: hashlib.sha256(body).hexdigest() for key, body in contents.items()}


def _run(*words: str) -> int:
    """Run one command line of this program, and show it as it would be typed."""
    click.echo(click.style(f"$ ferryline {' '.join(words)}", bold=True))
    code = door.run([*words, "--quiet"])
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
