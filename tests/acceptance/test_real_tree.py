"""A real tree, and a made one with everything that breaks tools, goes file → S3 → S3 → file and is equal."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

MIB = 1024 * 1024
SMALL_FILES = int(os.environ.get("FERRYLINE_SMALL_FILES", 1_500))
REAL_FILES_MIN = 5_000


def ferryline(*words: str, server, state: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ferryline", *words, "--state", str(state)],
        env=os.environ | {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key, "AWS_REGION": "us-east-1"},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def made_tree(root: Path) -> int:
    """Names with percent signs, links, empty folders, empty files, a large file, many small ones."""
    for name in ("100%", "a%20b", "%41", "x%2E", "plus+plus", "sp ace", "ünïcode/名", "-dash", "quote'\""):
        path = root / "names" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"the bytes of {name}".encode())
    (root / "empty-folder").mkdir()
    (root / "nothing").write_bytes(b"")
    (root / "link-to-names").symlink_to("names")
    (root / "link-to-nowhere").symlink_to("/nonexistent/target")
    (root / "large.bin").write_bytes(os.urandom(MIB) * 70)
    small = root / "small"
    for number in range(SMALL_FILES):
        folder = small / f"{number % 50:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.bin").write_bytes(os.urandom(100 * MIB // max(SMALL_FILES, 1_500)))
    os.utime(root / "large.bin", ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    return 2


def files_of(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every regular file: digest of its bytes and its mtime."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file() or ".ferryline" in path.parts:
                continue
            digest = hashlib.blake2b(path.read_bytes()).digest()
            found[str(path.relative_to(root))] = (digest, path.stat().st_mtime_ns)
    return found


def real_packages(target: Path) -> None:
    """Whole packages of this Python's site-packages until there are over 5,000 files; bytecode left out."""
    target.mkdir()
    count = 0
    for package in sorted(Path(sysconfig.get_paths()["purelib"]).iterdir()):
        if count > REAL_FILES_MIN:
            return
        shutil.copytree(
            package, target / package.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        ) if package.is_dir() else shutil.copy2(package, target)
        count += sum(1 for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


@pytest.mark.slow
@pytest.mark.timeout(1700)
@pytest.mark.radosgw
@pytest.mark.xdist_group("radosgw")
def test_a_real_tree_and_a_made_one_go_all_the_way_round(radosgw, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    real_packages(source / "site-packages")
    made_tree(source)
    expected = files_of(source)
    assert len(expected) > REAL_FILES_MIN

    first, second = radosgw.bucket(), radosgw.bucket()
    url = radosgw.endpoint_url
    one = f"s3://{first}/tree/?endpoint_url={url}"
    two = f"s3://{second}/?endpoint_url={url}"
    back = tmp_path / "back"
    state = tmp_path / "state"

    said = ferryline("copy", str(source), one, server=radosgw, state=state)
    ferryline("copy", one, two, server=radosgw, state=state)
    ferryline("copy", two, str(back), server=radosgw, state=state)

    returned = files_of(back)
    assert returned.keys() == expected.keys()
    assert {name for name in expected if returned[name] != expected[name]} == set()
    assert "symbolic-link" in said
    assert not (back / "empty-folder").exists()
    for places in ((str(source), one), (one, two), (two, str(back))):
        again = ferryline("copy", *places, server=radosgw, state=state)
        assert "nothing to do" in again
