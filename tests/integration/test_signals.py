# SPDX-License-Identifier: MIT
"""Signals in the middle of a run: it ends as interrupted, leaves nobody, and the next goes on."""
import signal

import pytest

from conftest import STAY, WITHIN_S, children, is_at_lock, shell, wait_for_child
from servers.process import wait_until

GRACEFUL = [signal.SIGTERM, signal.SIGINT]


def in_source(box):
    """A fetch from a silent host."""
    box.set_git_fault({"silent": True})
    process = box.start("boot")
    box.watch(wait_for_child(process.pid, "bootagent-source"))
    wait_until(lambda: box.document()["run"]["stage"] == "source", WITHIN_S)
    return process


def in_step(box):
    box.configure(steps=[shell("stay", STAY)])
    process = box.start("boot")
    box.wait_for_step()
    return process


def in_after_publish(box):
    box.configure(steps=[shell("stay", STAY, when="after-publish")])
    process = box.start("boot")
    box.wait_for_step()
    return process


def in_ready(box):
    """An application that does not get ready before the release is mended."""
    box.break_release()
    box.configure(readiness={"timeout": "1h"})
    process = box.start("boot")
    wait_until(lambda: box.document()["run"]["stage"] == "ready", WITHIN_S)
    return process


def mend(box):
    box.set_git_fault()
    if box.shared("pid").exists():
        box.let_pass()
    for broken in (box.deploy_to / "releases").glob("*/broken"):
        broken.unlink()


BEFORE = [in_source, in_step]
AFTER = [in_after_publish, in_ready]


def assert_interrupted(box, cause="signal"):
    last = box.last_run
    assert (last["result"], last["cause"], last["exit_code"]) == ("interrupted", cause, 4)
    assert box.document()["run"]["state"] == "idle"
    assert box.verdicts() == [] and box.state("verdict.json") is None


def assert_the_next_run_finishes(box):
    mend(box)
    box.boot()
    assert box.current()[1] == box.repository.head
    assert box.document()["serving"]["ready"] is True
    assert box.verdict_words() == ["CONTINUE"]
    assert len(box.release_directories()) == 1


@pytest.mark.parametrize("number", GRACEFUL)
@pytest.mark.parametrize("where", BEFORE + AFTER)
def test_a_signal_interrupts(box, where, number):
    process = where(box)
    box.children = [box.watch(pid) for pid in children(process.pid)]
    process.send_signal(number)
    box.finish(process, 4)
    assert f"interrupted by {number.name}" in process.stderr_text
    assert "interrupted" in process.stdout_text.splitlines()[-1]
    assert all(child.has_ended() for child in box.watched)
    assert_interrupted(box)
    assert number.name in box.last_run["error"]["message"]
    assert_the_next_run_finishes(box)


@pytest.mark.parametrize("where", AFTER)
def test_after_the_flip_nothing_is_known_to_serve(box, where):
    process = where(box)
    process.terminate()
    box.finish(process, 4)
    document, code = box.status()
    assert code == 3
    assert document["serving"]["ready"] is False and document["serving"]["up_to_date"] is None
    assert list(box.releases().values()) == ["prepared"]
    assert box.current()[1] == box.repository.head


def test_before_the_flip_what_served_serves(box):
    box.boot()
    before = box.document()["serving"]["release"], box.gate(), box.current()
    box.repository.commit({"a.txt": b"second\n"}, "the second revision")
    box.configure(steps=[shell("stay", STAY)])
    process = box.start("sync")
    box.wait_for_step()
    process.terminate()
    box.finish(process, 4)
    serving = box.document()["serving"]
    assert (serving["release"], box.gate(), box.current()) == before
    assert (serving["ready"], serving["up_to_date"]) == (True, False)


def test_after_an_interrupted_flip_the_next_run_takes_back_on_failure(box):
    box.boot()
    good = box.current()
    box.break_release()
    box.configure(readiness={"timeout": "1h"})
    process = box.start("sync")
    wait_until(lambda: box.document()["run"]["stage"] == "ready", WITHIN_S)
    process.terminate()
    box.finish(process, 4)
    assert box.current() != good
    box.configure(readiness={"timeout": "300ms"})
    box.sync(5)
    assert box.current() == good
    assert box.document()["serving"]["ready"] is True


def test_a_signal_while_taking_back(box):
    box.boot()
    box.break_release()
    box.configure(readiness={"timeout": "300ms"}, steps=[shell(
        "restart", "test -e ../../current/broken && exit 0\n" + STAY, when="after-publish")])
    process = box.start("sync")
    box.wait_for_step()
    process.terminate()
    box.finish(process, 4)
    last = box.last_run
    assert (last["result"], last["cause"]) == ("interrupted", "signal")
    box.let_pass()
    box.sync(5)


def test_a_signal_while_it_waits_for_the_lock(box):
    box.configure(steps=[shell("stay", STAY)])
    first = box.start("sync")
    box.wait_for_step()
    second = box.start("boot")
    wait_until(lambda: is_at_lock(second.pid), WITHIN_S)
    second.terminate()
    box.finish(second, 4)
    first.terminate()
    box.finish(first, 4)


def test_a_signal_while_the_verdict_waits_leaves_it_to_the_next_boot(make_box):
    box = make_box(wait_delay_ms=1500)
    process = box.start("boot")
    wait_until(lambda: box.document()["serving"]["ready"], WITHIN_S)
    process.terminate()
    box.finish(process, 4)
    assert box.verdicts() == [] and box.document()["serving"]["ready"] is True
    box.boot()
    assert box.verdict_words() == ["CONTINUE"]


def test_metadata_can_be_interrupted(make_box):
    box = make_box(imds_after_ms=3_600_000)
    process = box.start("boot")
    wait_until(lambda: box.document()["run"]["stage"] == "metadata", WITHIN_S)
    process.terminate()
    box.finish(process, 4)
    assert_interrupted(box)


# Killed.

@pytest.mark.parametrize("where", [in_source, in_step, in_after_publish, in_ready])
def test_a_killed_run_is_seen_and_the_next_one_finishes(box, where):
    process = where(box)
    stage = box.document()["run"]["stage"]
    process.kill()
    box.finish(process, -signal.SIGKILL)
    assert all(child.has_ended(WITHIN_S) for child in box.watched)
    assert_interrupted(box)
    assert box.last_run["error"]["stage"] == stage
    assert_the_next_run_finishes(box)


@pytest.mark.parametrize("where", AFTER)
def test_killed_after_the_flip_nothing_is_known_to_serve(box, where):
    process = where(box)
    process.kill()
    box.finish(process, -signal.SIGKILL)
    document, code = box.status()
    assert code == 3
    assert document["serving"]["ready"] is False and document["serving"]["up_to_date"] is None
    assert "killed" in document["serving"]["reason"]


def test_killed_before_the_flip_what_served_serves(box):
    box.boot()
    before = box.document()["serving"]
    box.configure(steps=[shell("stay", STAY)])
    box.repository.commit({"a.txt": b"second\n"}, "the second revision")
    process = box.start("sync")
    box.wait_for_step()
    process.kill()
    box.finish(process, -signal.SIGKILL)
    document, code = box.status()
    assert (document["serving"], code) == ({**before, "up_to_date": False}, 0)


def test_a_step_ends_with_a_killed_run(box):
    """It must not go on in a release that the next run removes."""
    box.configure(steps=[shell("stay", STAY)])
    process = box.start("sync")
    step = box.wait_for_step()
    process.kill()
    box.finish(process, -signal.SIGKILL)
    assert step.has_ended(WITHIN_S)
    box.let_pass()
    box.sync()
