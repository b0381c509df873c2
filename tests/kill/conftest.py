# SPDX-License-Identifier: MIT
"""One Harness a scenario, shared by its tests; at the end the table of all points."""
import pytest

from kill.counting import sums
from kill.harness import Harness
from kill.tables import SCENARIOS

TABLE = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[TABLE] = []


@pytest.fixture(scope="module", params=SCENARIOS)
def harness(request):
    with Harness(SCENARIOS[request.param]) as made:
        request.config.stash[TABLE].extend(made.table())
        yield made


@pytest.fixture
def point_table(request):
    """The rows of the table at the end."""
    return request.config.stash[TABLE]


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[TABLE]
    if rows:
        terminalreporter.section("commit points")
        for line in [*rows, *sums(rows)]:
            terminalreporter.write_line(str(line))
        total = sum(sum(row.counts.values()) for row in rows)
        terminalreporter.write_line(
            f"{total} points; a helper's are visited twice (tables.py), link's once")
