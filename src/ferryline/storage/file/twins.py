"""Names that a file system takes for one another: case and Unicode normalisation.

Called by the landing before it replaces or removes a file. Most file systems of Linux tell all
names apart, so the question costs one lstat where a name has a twin, and a directory is read only
when a twin truly led to the same file.
"""

import errno
import os
import unicodedata

from ferryline.storage.file import beneath


def twins(name: bytes) -> tuple[bytes, ...]:
    """Other spellings a folding file system would take for `name`: case swapped, NFC, NFD."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return ()
    forms = {text.swapcase()}
    if not text.isascii():
        forms |= {unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}
    return tuple(form.encode("utf-8") for form in sorted(forms - {text}))


def other_name(folder: int, name: bytes, seen: os.stat_result) -> bytes | None:
    """The exact name of the entry that answers to `name`, where it is spelled otherwise; else None.

    `seen` is the lstat of `name` in the open directory `folder`. Two hard links whose names
    differ in case are two names, not one: then the exact spelling is in the directory.
    """
    same = [twin for twin in twins(name) if _is_same(_look(folder, twin), seen)]
    if not same:
        return None
    spelled = {os.fsencode(one) for one in os.listdir(folder)}
    if name in spelled:
        return None
    for one in sorted(spelled):
        if _is_same(beneath.look(folder, one), seen):
            return one
    return None


def _look(folder: int, twin: bytes) -> os.stat_result | None:
    try:
        return beneath.look(folder, twin)
    except OSError as error:
        # A twin may be longer than any name, or no name at all here: then it names nothing.
        if error.errno in {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}:
            return None
        raise


def _is_same(left: os.stat_result | None, right: os.stat_result) -> bool:
    return left is not None and (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino)
