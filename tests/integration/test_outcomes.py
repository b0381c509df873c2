# SPDX-License-Identifier: MIT
"""The design's table "What follows from what", row by row, each arranged for real.

A row is arranged on a fresh machine; what it returns is the run that the row speaks of. Then
exit status, last_run.result, serving.ready and up_to_date, the gate and the launch verdict
are compared. Rows that need what does not exist yet (refusals, the loop breaker) are for the
issues that bring it.
"""
import fcntl
import signal
from dataclasses import dataclass
from typing import Callable, Optional

import pytest

from conftest import STAY, Machine, shell

QUICK = {"timeout": "300ms"}
OPEN, CLOSED = True, False


@dataclass
class Row:
    arrange: Callable[[Machine], object]   # the run, ended
    exit: int
    result: str
    ready: Optional[bool]
    gate: bool
    verdict: Optional[str] = None          # what the region was told; None: nothing
    up_to_date: Optional[bool] = True
    cause: Optional[str] = None


# Parts of rows.

def image(box):
    """Another instance, of an image that carries a good release."""
    box.boot()
    box.launch_from_image()


def git_is_down(box):
    box.set_git_fault({"status": 503})


def git_is_silent(box):
    box.set_git_fault({"silent": True})
    box.configure(source={"timeout": "1s"})


def git_refuses(box):
    box.set_git_fault({"status": 403})


def branch_is_missing(box):
    box.configure(source={"branch": "none"})


def serve_baked(box):
    box.configure(source={"on_unreachable": "serve-baked"})


def new_commit(box):
    box.repository.commit({"a.txt": b"second\n"}, "the second revision")


def nobody_answers(box):
    box.application_stops()
    box.configure(readiness=QUICK)


def step_fails(box):
    new_commit(box)
    box.configure(steps=[shell("bundle", "exit 1")])


def restart_fails(box):
    box.break_release()
    box.configure(steps=[shell("restart", "test ! -e ../../current/broken",
                               when="after-publish")])


def probe_fails(box):
    box.break_release()
    box.configure(readiness=QUICK)


def run(verb, *parts):
    """The row's run, after its parts."""
    def arrange(box):
        for part in parts:
            part(box)
        return box.run(verb)
    return arrange


def boot(box):
    box.boot()


def sync_that_waits(box, when="before-publish"):
    new_commit(box)
    box.configure(steps=[shell("stay", STAY, when=when)])
    process = box.start("sync")
    box.wait_for_step()
    return process


def signalled(when, number):
    def arrange(box):
        box.boot()
        box.region.clear_calls()
        process = sync_that_waits(box, when)
        process.send_signal(number)
        return box.finish(process)
    return arrange


def boot_past_its_deadline(box):
    """Half of boot.deadline is for the work here, the rest is kept for the end."""
    box.configure(boot={"deadline": "10s"}, steps=[shell("stay", STAY)])
    process = box.start("boot")
    box.wait_for_step()
    return box.finish(process)


def sync_past_its_deadline(box):
    box.boot()
    box.region.clear_calls()
    new_commit(box)
    box.configure(boot={"deadline": "10s"}, steps=[shell("stay", STAY)])
    process = box.start("sync")
    box.wait_for_step()
    return box.finish(process)


def sync_while_locked(box):
    box.boot()
    box.region.clear_calls()
    with open(box.root / "run/bootagent/lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return box.run("sync")


def unknown_key(box):
    box.configure(source={"repo": "x"})


def unconfigured(box):
    box.write_config("{}")


def forget_calls(box):
    box.region.clear_calls()


PREVIOUS = dict(exit=5, result="previous-serves", ready=True, gate=OPEN, up_to_date=False)
BAKED = dict(exit=0, result="previous-serves", ready=True, gate=OPEN, up_to_date=False,
             cause="git")
FAILED = dict(exit=1, result="failed", ready=False, gate=CLOSED, up_to_date=False)
KILLED = -signal.SIGKILL

ROWS = {
    # new revision proven
    "new revision, boot": Row(run("boot"), 0, "done", True, OPEN, "CONTINUE"),
    "new revision, sync": Row(run("sync", boot, forget_calls, new_commit),
                              0, "done", True, OPEN),
    "new revision, boot of an image": Row(run("boot", image, new_commit),
                                          0, "done", True, OPEN, "CONTINUE"),
    # wanted is served and its probe passes
    "wanted is served, boot of an image": Row(run("boot", image),
                                              0, "nothing-to-do", True, OPEN, "CONTINUE"),
    "wanted is served, sync": Row(run("sync", boot, forget_calls),
                                  0, "nothing-to-do", True, OPEN),
    # git unreachable, a good release exists
    "git is down, boot of an image": Row(run("boot", image, git_is_down), verdict="ABANDON",
                                         cause="git", **PREVIOUS),
    "git is down, sync": Row(run("sync", boot, forget_calls, git_is_down), cause="git",
                             **PREVIOUS),
    "git refuses, sync": Row(run("sync", boot, forget_calls, git_refuses), cause="git",
                             **PREVIOUS),
    # the same, with on_unreachable=serve-baked, and the baked release is proven
    "git is down, serve-baked, boot of an image": Row(
        run("boot", image, serve_baked, git_is_down), verdict="CONTINUE", **BAKED),
    "git is silent, serve-baked, boot of an image": Row(
        run("boot", image, serve_baked, git_is_silent), verdict="CONTINUE", **BAKED),
    "git is down, serve-baked, sync": Row(
        run("sync", boot, forget_calls, serve_baked, git_is_down), **BAKED),
    # serve-baked, and the host is there: it refuses, or has no such branch
    "git refuses, serve-baked, boot of an image": Row(
        run("boot", image, serve_baked, git_refuses), verdict="ABANDON", cause="git", **PREVIOUS),
    "branch is missing, serve-baked, boot of an image": Row(
        run("boot", image, serve_baked, branch_is_missing), verdict="ABANDON", cause="git",
        **PREVIOUS),
    # serve-baked, and nothing is baked, or that does not prove itself
    "git is down, serve-baked, nothing good": Row(
        run("boot", serve_baked, git_is_down), verdict="ABANDON", cause="git", **FAILED),
    "git is down, serve-baked, and the good one fails": Row(
        run("boot", image, serve_baked, git_is_down, nobody_answers), verdict="ABANDON",
        cause="git", **{**FAILED, "gate": OPEN}),
    # a step failed before `current` moved, a good release exists
    "step fails, boot of an image": Row(run("boot", image, step_fails), verdict="ABANDON",
                                        cause="step", **PREVIOUS),
    "step fails, sync": Row(run("sync", boot, forget_calls, step_fails), cause="step",
                            **PREVIOUS),
    # after-publish step or probe failed, taken back and proven
    "restart fails, boot of an image": Row(run("boot", image, restart_fails), verdict="ABANDON",
                                           cause="step", **PREVIOUS),
    "restart fails, sync": Row(run("sync", boot, forget_calls, restart_fails), cause="step",
                               **PREVIOUS),
    "probe fails, boot of an image": Row(run("boot", image, probe_fails), verdict="ABANDON",
                                         cause="probe", **PREVIOUS),
    "probe fails, sync": Row(run("sync", boot, forget_calls, probe_fails), cause="probe",
                             **PREVIOUS),
    # any failure, no good release
    "git is down, nothing good": Row(run("boot", git_is_down), verdict="ABANDON", cause="git",
                                     **FAILED),
    "step fails, nothing good": Row(run("boot", step_fails), verdict="ABANDON", cause="step",
                                    **FAILED),
    "probe fails, nothing good": Row(run("boot", probe_fails), verdict="ABANDON", cause="probe",
                                     **FAILED),
    "probe fails, nothing good, sync": Row(run("sync", probe_fails), cause="probe", **FAILED),
    # or taking back failed too: the gate is open, for `current` is good
    "taking back fails too, boot of an image": Row(
        run("boot", image, new_commit, nobody_answers), verdict="ABANDON", cause="probe",
        **{**FAILED, "gate": OPEN}),
    "taking back fails too, sync": Row(
        run("sync", boot, forget_calls, new_commit, nobody_answers), cause="probe",
        **{**FAILED, "gate": OPEN}),
    "the good one fails": Row(run("sync", boot, forget_calls, nobody_answers), cause="probe",
                              **{**FAILED, "gate": OPEN}),
    "git is down and the good one fails, boot of an image": Row(
        run("boot", image, git_is_down, nobody_answers), verdict="ABANDON", cause="git",
        **{**FAILED, "gate": OPEN}),
    # configuration error: ABANDON where the hook's name reads
    "configuration error, boot": Row(run("boot", unknown_key), 2, "failed", None, CLOSED,
                                     "ABANDON", up_to_date=None, cause="config"),
    "configuration error, sync": Row(run("sync", boot, forget_calls, unknown_key), 2, "failed",
                                     True, OPEN, cause="config"),
    # overall deadline
    "deadline, nothing good": Row(boot_past_its_deadline, verdict="ABANDON", cause="deadline",
                                  **FAILED),
    "deadline, a good one serves": Row(sync_past_its_deadline, cause="deadline", **PREVIOUS),
    # signal before ACTIVATE; there is a newer revision by then
    "signal before the flip": Row(signalled("before-publish", signal.SIGTERM), 4, "interrupted",
                                  True, OPEN, up_to_date=False, cause="signal"),
    "kill before the flip": Row(signalled("before-publish", signal.SIGKILL), KILLED,
                                "interrupted", True, OPEN, up_to_date=False, cause="signal"),
    # signal or kill after the flip
    "signal after the flip": Row(signalled("after-publish", signal.SIGTERM), 4, "interrupted",
                                 False, OPEN, up_to_date=None, cause="signal"),
    "kill after the flip": Row(signalled("after-publish", signal.SIGKILL), KILLED,
                               "interrupted", False, OPEN, up_to_date=None, cause="signal"),
    # not configured
    "not configured": Row(run("boot", unconfigured), 0, "unconfigured", False, CLOSED,
                          up_to_date=False),
    "not configured any more": Row(run("sync", boot, forget_calls, unconfigured), 0,
                                   "unconfigured", False, CLOSED, up_to_date=False),
    # another run holds the lock
    "busy": Row(sync_while_locked, 75, "done", True, OPEN),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_table(box, name):
    row = ROWS[name]
    run_of_row = row.arrange(box)
    document = box.document()
    serving = document["serving"]
    told = box.verdict_words()
    assert {
        "exit": run_of_row.returncode,
        "result": document["last_run"]["result"],
        "cause": document["last_run"]["cause"],
        "ready": serving["ready"],
        "up_to_date": serving["up_to_date"],
        "gate": box.gate() is not None,
        "verdict": told[0] if told else None,
        "times told": len(told),
    } == {
        "exit": row.exit, "result": row.result, "cause": row.cause, "ready": row.ready,
        "up_to_date": row.up_to_date, "gate": row.gate, "verdict": row.verdict,
        "times told": 1 if row.verdict else 0,
    }, getattr(run_of_row, "stderr", None)
    if row.verdict:
        state = {"CONTINUE": "InService", "ABANDON": "Terminated"}[row.verdict]
        box.region.wait_for_state(box.instance["instance_id"], state)
    if row.ready and row.exit in (0, 5):
        assert (serving["release"], serving["revision"]) == box.current()
        assert box.gate()["revision"] == serving["revision"]
