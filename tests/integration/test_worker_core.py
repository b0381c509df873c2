# SPDX-License-Identifier: MIT
"""What a worker's memory holds leaves it neither in a core file nor through a handler."""
import os
import signal
import subprocess
from pathlib import Path

import pytest

from servers.process import wait_until
from worker.reply import BUILD, SANITIZERS, TIMEOUT_S

WORKERS = ["bootagent-source", "bootagent-tree"]


@pytest.fixture(params=WORKERS)
def waiting(request):
    """A worker started by hand that reads its request."""
    with subprocess.Popen([BUILD / request.param], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, cwd="/tmp",
                          env={"PATH": "/usr/bin:/bin", **SANITIZERS}) as worker:
        try:
            wait_until(lambda: core_limits(worker.pid) == ["1", "1"], TIMEOUT_S)
            yield worker
        finally:
            worker.kill()


def core_limits(pid):
    """[soft, hard], in bytes."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (core,) = [line for line in lines if line.startswith("Max core file size")]
    return core.split()[4:6]


def test_the_limit_is_one_byte_for_ever(waiting):
    """At exactly 1 the kernel starts no handler; not even the worker can raise it again."""
    assert core_limits(waiting.pid) == ["1", "1"]


def test_a_crash_is_not_dumped(waiting):
    waiting.send_signal(signal.SIGQUIT)
    end = os.waitid(os.P_PID, waiting.pid, os.WEXITED | os.WNOWAIT)
    assert (end.si_code, end.si_status) == (os.CLD_KILLED, signal.SIGQUIT)
