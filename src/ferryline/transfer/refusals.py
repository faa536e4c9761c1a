"""Tells "no permission for some keys" from "no permission at all" (403 for everything stops the run).

Shared by the objects of one call. A refused key is that object's failure. Nothing but refusals means
that the credentials are wrong: then going on would only produce a million failures.
"""

from ferryline import errors

SPREAD_MIN = 20
"""Refusals in a row, without a folder in common and without any success, after which the run stops."""
ONE_FOLDER_MIN = 1000
"""The same where all of them lie below one folder: perhaps only that folder is closed to us."""


class Refusals:
    """Counts refusals until something succeeds. `place` is whose permissions are in doubt."""

    def __init__(self) -> None:
        self._reached = False
        self._others = 0
        self._count = 0
        self._common: bytes | None = None
        self._last: errors.AccessRefused | None = None

    def reached(self) -> None:
        """A key could be used: from here on a refusal is that key's alone."""
        self._reached = True

    def failed_otherwise(self) -> None:
        """A key failed for another reason, which says nothing about permissions."""
        self._others += 1

    def refused(self, key: bytes, error: errors.AccessRefused) -> None:
        """A key was refused. Raises CredentialsRefused when it looks as if all were."""
        if self._reached:
            return
        self._count += 1
        self._last = error
        self._common = _common_folder(key if self._common is None else self._common, key)
        if self._count >= (ONE_FOLDER_MIN if self._common else SPREAD_MIN):
            raise self._stop()

    def conclude(self) -> None:
        """All keys are done. Raises CredentialsRefused when there were many and every one was refused."""
        if not self._reached and not self._others and self._count >= SPREAD_MIN:
            raise self._stop()

    def _stop(self) -> errors.CredentialsRefused:
        last = self._last
        message = last.message if last is not None else "access was refused"
        return errors.CredentialsRefused(
            f"{self._count} keys in a row were refused and none was allowed; the last answer: {message}",
            advice=last.advice if last is not None else "check the permissions of both locations",
            place=last.place if last is not None else "",
            kind="access-refused",
        )


def _common_folder(left: bytes, right: bytes) -> bytes:
    """The longest folder (ending in a slash, or empty) that both keys lie below."""
    shared: list[bytes] = []
    for mine, other in zip(left.split(b"/")[:-1], right.split(b"/")[:-1], strict=False):
        if mine != other:
            break
        shared.append(mine)
    return b"/".join([*shared, b""])
