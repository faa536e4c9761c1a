"""The file store keeps the contract, with and without the system calls that newer kernels have."""

import errno
import os

import pytest

from ferryline.storage.file import FileStore, MissingRoot, Setting, beneath
from ferryline.testing.contract import StoreContract


class TestFileStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path):
        opened = FileStore(str(tmp_path / "root"), Setting(MissingRoot.EMPTY, threads=8))
        yield opened
        await opened.close()

    @pytest.fixture
    async def reopened(self, tmp_path):
        opened = []

        async def reopen():
            opened.append(FileStore(str(tmp_path / "root"), Setting(MissingRoot.EMPTY, threads=4)))
            return opened[-1]

        yield reopen
        for one in opened:
            await one.close()

    async def test_nothing_of_ours_is_left_after_closing(self, store, tmp_path):
        await store.write(b"a/b", b"body", _writing())
        await store.delete(b"a/b")
        await store.close()
        assert os.listdir(tmp_path / "root") == []


class TestFileStoreWithoutOpenat2(TestFileStore):
    @pytest.fixture(autouse=True)
    def _older_kernel(self, monkeypatch):
        monkeypatch.setattr(beneath, "one_call", False)


class TestFileStoreWithoutRenameat2(TestFileStore):
    """As on NFS: neither RENAME_EXCHANGE nor RENAME_NOREPLACE."""

    @pytest.fixture(autouse=True)
    def _no_flags(self, monkeypatch):
        def refuse(source, target, flags):
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(beneath, "_renameat2", refuse)


def _writing():
    from ferryline.storage.store import Writing

    return Writing()
