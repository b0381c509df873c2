# SPDX-License-Identifier: MIT
"""The worker that links dies once at each of its calls, and no secret is ever half there."""
import collections
from concurrent.futures import ThreadPoolExecutor

import pytest

from kill.counting import Row
from kill.harness import SLOTS
from kill.linking import STATES, kill_at, points


@pytest.mark.parametrize("state", STATES)
def test_links_survive(state, point_table):
    wanted = points(state)
    counts = collections.Counter(point.call for point in wanted)
    assert {"openat", "write", "fsync", "renameat", "symlinkat"} <= counts.keys()
    point_table.append(Row("link", "bootagent-tree", state, dict(counts)))
    with ThreadPoolExecutor(SLOTS) as pool:
        wrong = [sentence for found in pool.map(kill_at, wanted) for sentence in found]
    assert not wrong, "\n".join([f"{len(wrong)} violations at {len(wanted)} points", *wrong])
