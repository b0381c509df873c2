# SPDX-License-Identifier: MIT
"""The design's table "What follows from what", row by row, each arranged for real.

TABLE has the rows of that table, in its order and with its columns. A row has one way or
more to bring it about, each on a fresh machine; what a way returns is the run that the row
speaks of. Where the design's column says "as above", "unchanged" or "if", the way says
what that is there. The verdict is that of a launch: only a boot tells one.

Not yet: a service that failed (with the real machine), "backwards" (with the wanted
revision of a whole fleet), "unsigned", and the loop breaker's row (with "Leaving well").
"""
import fcntl
import json
import signal
from dataclasses import dataclass, field
from typing import Callable, Dict, Optional

import pytest

from conftest import STAY, Machine, shell

QUICK = {"timeout": "300ms"}
OPEN, CLOSED = True, False


VARIES = "as the way says"


@dataclass
class Row:
    """One outcome: the design's columns, and the ways to it."""
    exit: object
    result: object
    ready: object
    gate: object
    verdict: object                        # of a launch; None: none is told
    ways: Dict[str, "Way"]


@dataclass
class Way:
    arrange: Callable[[Machine], object]   # the run, ended
    is_launch: bool = False                # the run is a boot in Pending:Wait
    cause: Optional[str] = None
    up_to_date: Optional[bool] = True
    columns: Dict = field(default_factory=dict)  # those in which the row says VARIES


# Parts of ways.

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


def is_known_bad(box):
    """A revision that was tried here and taken back."""
    probe_fails(box)
    box.sync(5)


def is_to_wait(box):
    """A step failed a moment ago: that may have been something else."""
    step_fails(box)
    box.sync(5)


def known_bad_here(box):
    """A launch that has found it bad, and was killed before its verdict."""
    boot(box)
    is_known_bad(box)
    box.launch_from_image()
    path = box.root / "var/lib/bootagent/releases.json"
    document = json.loads(path.read_text())
    for failure in document["bad"]:
        failure["instance_id"] = box.instance["instance_id"]
    path.write_text(json.dumps(document))


def served_fails_meanwhile(box):
    """What serves stops answering, is found out, and answers again."""
    box.application.signal(signal.SIGSTOP)
    box.configure(readiness={"timeout": "1s"})
    new_commit(box)
    box.sync(1)
    box.application.signal(signal.SIGCONT)


def forced(box):
    """What was in the way of a revision known to be bad is gone."""
    box.boot()
    forget_calls(box)
    box.configure(steps=[shell("restart", "grep -q first a.txt || "
                               'test ! -e "$BOOTAGENT_DEPLOY_TO/shared/fail"',
                               when="after-publish")])
    new_commit(box)
    box.shared("fail").touch()
    box.sync(5)
    box.sync(6)
    box.shared("fail").unlink()
    return box.run("sync", "--force")


def after(verb, *parts):
    """A way's run, after its parts."""
    def arrange(box):
        for part in parts:
            part(box)
        return box.run(verb)
    return arrange


def boots(*parts, up_to_date=True, cause=None, **columns):
    """A way that is a launch."""
    return Way(after("boot", *parts), True, cause, up_to_date, columns)


def syncs(*parts, up_to_date=True, cause=None, **columns):
    """A way on a machine that was booted and serves."""
    return Way(after("sync", boot, forget_calls, *parts), False, cause, up_to_date, columns)


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


STALE = dict(up_to_date=False)
KILLED = -signal.SIGKILL

TABLE = {
    "new revision proven": Row(0, "done", True, OPEN, "CONTINUE", {
        "boot": boots(),
        "boot of an image": boots(image, new_commit),
        "sync": syncs(new_commit),
        "known bad, sync --force": Way(forced),
    }),
    "wanted is served and its probe passes": Row(0, "nothing-to-do", True, OPEN, "CONTINUE", {
        "boot of an image": boots(image),
        "sync": syncs(),
    }),
    "git unreachable, serve-baked, baked release proven": Row(
        0, "previous-serves", True, OPEN, "CONTINUE", {
            "git is down, boot of an image": boots(image, serve_baked, git_is_down, cause="git",
                                                   **STALE),
            "git is silent, boot of an image": boots(image, serve_baked, git_is_silent,
                                                     cause="git", **STALE),
            "git is down, sync": syncs(serve_baked, git_is_down, cause="git", **STALE),
        }),
    "git unreachable, fail, a good release exists": Row(
        5, "previous-serves", True, OPEN, "ABANDON", {
            "git is down, boot of an image": boots(image, git_is_down, cause="git", **STALE),
            "git is down, sync": syncs(git_is_down, cause="git", **STALE),
            "git refuses, sync": syncs(git_refuses, cause="git", **STALE),
            # serve-baked, and the host is there: it refuses, or has no such branch
            "git refuses, serve-baked, boot of an image": boots(image, serve_baked, git_refuses,
                                                                cause="git", **STALE),
            "branch is missing, serve-baked, boot of an image": boots(
                image, serve_baked, branch_is_missing, cause="git", **STALE),
        }),
    "fetch, export or step failed before current moved, a good release exists": Row(
        5, "previous-serves", True, OPEN, "ABANDON", {
            "step, boot of an image": boots(image, step_fails, cause="step", **STALE),
            "step, sync": syncs(step_fails, cause="step", **STALE),
        }),
    "after-publish step, service or probe failed, taken back and proven": Row(
        5, "previous-serves", True, OPEN, "ABANDON", {
            "restart, boot of an image": boots(image, restart_fails, cause="step", **STALE),
            "restart, sync": syncs(restart_fails, cause="step", **STALE),
            "probe, boot of an image": boots(image, probe_fails, cause="probe", **STALE),
            "probe, sync": syncs(probe_fails, cause="probe", **STALE),
            "probe, known bad where the image is from": boots(
                boot, is_known_bad, Machine.launch_from_image, cause="probe", **STALE),
        }),
    "any failure, no good release, or taking back failed too": Row(
        1, "failed", False, VARIES, "ABANDON", {
            "git is down, nothing good": boots(git_is_down, cause="git", gate=CLOSED, **STALE),
            "git is down, serve-baked, nothing good": boots(
                serve_baked, git_is_down, cause="git", gate=CLOSED, **STALE),
            "step, nothing good": boots(step_fails, cause="step", gate=CLOSED, **STALE),
            "probe, nothing good": boots(probe_fails, cause="probe", gate=CLOSED, **STALE),
            "probe, nothing good, sync": Way(after("sync", probe_fails), False, "probe", False,
                                             {"gate": CLOSED}),
            # the gate is open, for `current` is good
            "taking back fails too, boot of an image": boots(
                image, new_commit, nobody_answers, cause="probe", gate=OPEN, **STALE),
            "taking back fails too, sync": syncs(new_commit, nobody_answers, cause="probe",
                                                 gate=OPEN, **STALE),
            "the good one fails, sync": syncs(nobody_answers, cause="probe", gate=OPEN, **STALE),
            "git is down and the good one fails, boot of an image": boots(
                image, git_is_down, nobody_answers, cause="git", gate=OPEN, **STALE),
            "git is down, serve-baked, and the good one fails, boot of an image": boots(
                image, serve_baked, git_is_down, nobody_answers, cause="git", gate=OPEN,
                **STALE),
            "refused, and the good one fails, boot": boots(
                known_bad_here, nobody_answers, cause="probe", gate=OPEN, **STALE),
        }),
    "refused: known bad": Row(6, "refused", True, OPEN, "ABANDON", {
        "boot": boots(known_bad_here, cause="probe", **STALE),
        # the hook of this launch was completed before: nothing is told twice
        "boot, the machine was rebooted": Way(
            after("boot", boot, is_known_bad, Machine.reboot, forget_calls), False, "probe",
            False),
        "sync": syncs(is_known_bad, cause="probe", **STALE),
        "to wait, sync": syncs(is_to_wait, cause="step", **STALE),
        "to wait, the good one starts again, sync": syncs(served_fails_meanwhile, cause="probe",
                                                          **STALE),
    }),
    "configuration error": Row(2, "failed", VARIES, VARIES, "ABANDON", {
        # ABANDON where the hook's name reads
        "boot": boots(unknown_key, cause="config", up_to_date=None, ready=None, gate=CLOSED),
        "sync": syncs(unknown_key, cause="config", ready=True, gate=OPEN),
    }),
    "overall deadline": Row(VARIES, VARIES, VARIES, VARIES, "ABANDON", {
        "nothing good, boot": Way(boot_past_its_deadline, True, "deadline", False, {
            "exit": 1, "result": "failed", "ready": False, "gate": CLOSED}),
        "a good one serves, sync": Way(sync_past_its_deadline, False, "deadline", False, {
            "exit": 5, "result": "previous-serves", "ready": True, "gate": OPEN}),
    }),
    # there is a newer revision by then
    "signal before ACTIVATE": Row(VARIES, "interrupted", True, OPEN, None, {
        "signal, sync": Way(signalled("before-publish", signal.SIGTERM), False, "signal", False,
                            {"exit": 4}),
        "kill, sync": Way(signalled("before-publish", signal.SIGKILL), False, "signal", False,
                          {"exit": KILLED}),
    }),
    "signal or kill after the flip": Row(VARIES, "interrupted", False, OPEN, None, {
        "signal, sync": Way(signalled("after-publish", signal.SIGTERM), False, "signal", None,
                            {"exit": 4}),
        "kill, sync": Way(signalled("after-publish", signal.SIGKILL), False, "signal", None,
                          {"exit": KILLED}),
    }),
    "not configured": Row(0, "unconfigured", False, CLOSED, None, {
        "boot": boots(unconfigured, **STALE),
        "any more, sync": syncs(unconfigured, **STALE),
    }),
    "another run holds the lock": Row(75, "done", True, OPEN, None, {
        "sync": Way(sync_while_locked),
    }),
}

WAYS = [pytest.param(row, way, id=f"{name}: {how}")
        for name, row in TABLE.items() for how, way in row.ways.items()]


def expected(row, way):
    """The row's columns, with the way's word where it varies, and nowhere else."""
    columns = {"exit": row.exit, "result": row.result, "ready": row.ready, "gate": row.gate,
               "verdict": row.verdict if way.is_launch else None}
    varying = {column for column, value in columns.items() if value is VARIES}
    assert varying == set(way.columns)
    return {**columns, **way.columns, "cause": way.cause, "up_to_date": way.up_to_date}


@pytest.mark.parametrize("row, way", WAYS)
def test_a_row_of_the_table(box, row, way):
    wanted = expected(row, way)
    run = way.arrange(box)
    document = box.document()
    serving = document["serving"]
    told = box.verdict_words()
    assert {
        "exit": run.returncode,
        "result": document["last_run"]["result"],
        "cause": document["last_run"]["cause"],
        "ready": serving["ready"],
        "up_to_date": serving["up_to_date"],
        "gate": box.gate() is not None,
        "verdict": told[0] if told else None,
        "times told": len(told),
    } == {**wanted, "times told": 1 if wanted["verdict"] else 0}, getattr(run, "stderr", None)
    if wanted["verdict"]:
        state = {"CONTINUE": "InService", "ABANDON": "Terminated"}[wanted["verdict"]]
        box.region.wait_for_state(box.instance["instance_id"], state)
    if wanted["ready"] and wanted["exit"] in (0, 5, 6):
        assert (serving["release"], serving["revision"]) == box.current()
        assert box.gate()["revision"] == serving["revision"]
