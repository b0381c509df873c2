# SPDX-License-Identifier: MIT
"""Runs a command once and says what it cost: wall and CPU, or peak memory.

CPU is wait4's: the process and every descendant that was waited for. Memory is another run
(memory.py), because it is watched and that takes time.
"""
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

WITHIN_S = 60
MEMORY = Path(__file__).with_name("memory.py")


class Bad(Exception):
    """What was measured did not do its work, or not in time."""


@dataclass
class Cost:
    wall_ms: float
    cpu_ms: float


def judge(argv, status, output):
    if status != 0:
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
        raise Bad(f"{' '.join(argv)} ended with {status}:\n{text}")


def wait(pid):
    """Its status and usage; it is killed and reaped if it takes too long or we are stopped."""
    pidfd = os.pidfd_open(pid)
    try:
        is_over = bool(select.select([pidfd], [], [], WITHIN_S)[0])
    except BaseException:
        is_over = False
        raise
    finally:
        os.close(pidfd)
        if not is_over:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage


def cost(argv, environment, output):
    """Wall and CPU of one run, which must succeed; what it prints goes into the file."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
               (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions)
    status, usage = wait(pid)
    wall_s = time.perf_counter() - begun
    judge(argv, status, output)
    return Cost(wall_s * 1000, (usage.ru_utime + usage.ru_stime) * 1000)


def memory(argv, environment, output):
    """Peak memory of one run, which must succeed: the object that memory.py prints."""
    try:
        done = subprocess.run(["/usr/bin/python3", "-B", str(MEMORY), *argv], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output,
                              timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise Bad(f"{' '.join(argv)}, watched, did not end in {WITHIN_S} s") from None
    judge(argv, done.returncode, output)
    return json.loads(done.stdout)
