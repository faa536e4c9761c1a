"""File trees for the tests of the file store: made, read back, and listed."""

import os

from ferryline.model.key import EVERYTHING
from ferryline.storage.file import FileStore, MissingRoot, Setting


def open_source(path):
    return FileStore(str(path), Setting(MissingRoot.REFUSED, threads=4))


def open_destination(path):
    return FileStore(str(path), Setting(MissingRoot.EMPTY, threads=4))


def make(root, *paths):
    """Files (each holding its own path) below `root`; a path that ends with a slash is a directory."""
    for path in paths:
        whole = os.path.join(os.fsencode(root), path)
        if path.endswith(b"/"):
            os.makedirs(whole, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(path)


def found(root):
    """Every file below `root` with its bytes, by path; links are not followed."""
    top = os.fsencode(root)
    tree = {}
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    tree[os.path.relpath(path, top)] = file.read()
    return tree


async def listed(store, keys=EVERYTHING):
    return [key async for page in store.pages(keys) for key in page.rows.column("key").to_pylist()]
