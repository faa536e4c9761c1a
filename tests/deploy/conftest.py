"""Pulumi is loaded once, before any test's clock starts; where it is missing, every file here is skipped by name.

In CI that is a failure: the components would go untested without a word.
"""

import importlib.util
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest

LACKING = [
    name for name in ("pulumi", "pulumi_aws", "pulumi_policy") if importlib.util.find_spec(name) is None
]


class Untestable(pytest.Module):
    """A file of tests that cannot be imported here."""

    def collect(self):
        message = f"{self.path.name}: {', '.join(LACKING)} missing: install the extra ferryline[deploy]"
        if os.environ.get("CI"):
            raise self.CollectError(message)
        pytest.skip(message, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return Untestable.from_parent(parent, path=module_path) if LACKING else None


@pytest.fixture(scope="session")
def type_checker():
    found = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
    if found is None:
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip
        lacking("basedpyright missing: pip install -r requirements/dev.txt")
    return found


@pytest.fixture(scope="session", autouse=True)
def loaded():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pulumi_aws.s3 imports its own deprecated classes
        import pulumi_aws

        assert pulumi_aws.s3.Bucket  # modules load when a name is asked for
        assert pulumi_aws.datasync.Task
