# SPDX-License-Identifier: MIT
"""The processes of one run. Each is found by something that only this run has: its
session, which the harness made for it; the directory of the programs, which is the
slot's own; the root directory in the environment, which the configuration's steps have.

Only what is found so is ever ended, and by its id.
"""
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.01
PF_SIGNALED = 0x400


@dataclass(frozen=True)
class Run:
    """What tells a run's processes from all others."""
    session: int
    programs: Path
    root: Path


def _is_of_session(directory, session):
    # proc(5): behind the name: state, parent, process group, session
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return fields[0] not in "ZX" and int(fields[3]) == session


def _is_ours(directory, run):
    """By the program, by strace's arguments, or by a step's environment."""
    programs = f"{run.programs}/"
    return (os.readlink(directory / "exe").startswith(programs)
            or os.fsencode(f"\0{programs}") in (directory / "cmdline").read_bytes()
            or os.fsencode(f"={run.root}/") in (directory / "environ").read_bytes())


def is_dying(pid):
    """Whether a deadly signal has reached it; a traced process stops once more at its end."""
    try:
        # proc(5): behind the name, flags are the seventh; PF_SIGNALED in linux/sched.h
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] in "ZX" or bool(int(fields[6]) & PF_SIGNALED)


def of_run(run):
    """The ids of what is left of a run, with their names."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        # Gone meanwhile, or somebody else's.
        with contextlib.suppress(OSError):
            if _is_of_session(directory, run.session) or _is_ours(directory, run):
                found[int(directory.name)] = (directory / "comm").read_text().strip()
    return found


def left_after(run, within_s):
    """Wait until a run has no process left; what is there when the time is over."""
    deadline = time.monotonic() + within_s
    while (left := of_run(run)) and time.monotonic() < deadline:
        time.sleep(EVERY_S)
    return left


def end(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
