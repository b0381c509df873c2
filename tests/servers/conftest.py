# SPDX-License-Identifier: MIT
"""Shared fixtures: a directory that other users may enter, and the user servers run as."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))


@pytest.fixture
def directory():
    """Like tmp_path, but its parents are open: pytest's own are closed to other users."""
    path = Path(tempfile.mkdtemp(prefix="bootagent-test."))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def user():
    """The application's user when we are root, else None: oneself."""
    return "games" if os.geteuid() == 0 else None


@pytest.fixture
def environment():
    """For servers: our modules, no proxy, nothing of the caller's git or Ruby."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS), "LANG": "C.UTF-8"}
