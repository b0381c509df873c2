# SPDX-License-Identifier: MIT
"""Every process of a run dies once at each of its commit points."""
import subprocess

import pytest

from kill import tracing
from kill.tables import PROCESSES, SUPERVISOR

STRACE_DEADLINE_S = 20


@pytest.mark.parametrize("process", PROCESSES)
def test_nothing_is_lost(harness, process):
    points = harness.points(process)
    is_run = harness.scenario.verbs.get(process) != ()
    assert bool(points) is is_run, f"{harness.scenario.name}: {process}: {len(points)} points"
    wrong = [*harness.missing(process), *harness.kill_at(points)]
    assert not wrong, "\n".join([f"{len(wrong)} violations at {len(points)} points", *wrong])


def test_a_process_without_points_is_noticed(harness):
    verb, counted = harness.counts[SUPERVISOR, 0]
    harness.counts[SUPERVISOR, 0] = (verb, {})
    try:
        assert harness.missing(SUPERVISOR)
    finally:
        harness.counts[SUPERVISOR, 0] = (verb, counted)
    assert not harness.missing(SUPERVISOR)


def test_an_export_that_takes_nothing_over_is_noticed(harness):
    exports = [key for key, (verb, _) in harness.counts.items() if verb == "export"]
    for key in exports:
        before = harness.counts[key]
        harness.counts[key] = ("export", {"mkdirat": 7})
        wrong = harness.missing(key[0])
        harness.counts[key] = before
        assert bool(wrong) is not harness.scenario.is_first_boot
        assert not harness.missing(key[0])


def test_the_kill_comes_before_the_call(tmp_path):
    """All of this rests on it: strace's signal is there before the kernel does the call."""
    (tmp_path / "a").write_text("a")
    log = tmp_path / "log"
    wrapper = tracing.supervisor_wrapper(
        log, [tracing.trace(["rename"]), tracing.inject("rename", 2)])
    script = "rename 'a', 'b'; rename 'b', 'c'; rename 'c', 'd'"
    ended = subprocess.run([*wrapper, "perl", "-e", script], cwd=tmp_path, check=False,
                           timeout=STRACE_DEADLINE_S)
    assert ended.returncode == -9
    assert tracing.was_killed(log)
    assert {path.name for path in tmp_path.iterdir()} == {"b", "log"}
