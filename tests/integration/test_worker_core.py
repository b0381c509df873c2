# SPDX-License-Identifier: MIT
"""What a worker's memory holds leaves it neither in a core file nor through a handler, nor
through another process of its user."""
import os
import pwd
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import IS_ROOT, compile_c
from servers.process import wait_until
from worker.reply import BUILD, SANITIZERS, TIMEOUT_S

TREE = Path(__file__).resolve().parents[2]
# A worker of the parts that all are made of; without sanitizers, which need to be traced.
WORKER = """
#include "base/wire.h"

int main(void)
{
	const struct wire_verb verbs[] = { { NULL, NULL } };

	return wire_serve(verbs);
}
"""
ANOTHER_USER = {"user": pwd.getpwnam("nobody").pw_uid, "group": pwd.getpwnam("nobody").pw_gid,
                "extra_groups": []} if IS_ROOT else {}
WORKERS = ["bootagent-source", "bootagent-tree"]


@pytest.fixture(params=WORKERS)
def waiting(request):
    """A worker started by hand that reads its request."""
    # Who runs us behind a shell's & ignores it, and so would the worker.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
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


@pytest.fixture(scope="module")
def plain():
    """A worker as it is without sanitizers, that reads its request; not root's."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c"], capture_output=True,
                           text=True, check=True, timeout=TIMEOUT_S).stdout
    with tempfile.TemporaryDirectory(prefix="bootagent-worker.") as name:
        Path(name).chmod(0o755)     # and not below pytest's own, which is private
        program = compile_c(WORKER, Path(name) / "worker", "-std=gnu17", "-D_GNU_SOURCE",
                            f"-I{TREE}/include", *map(str, TREE.glob("agent/base/*.c")),
                            "-Wl,--no-as-needed", *shlex.split(flags))
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
                              **ANOTHER_USER) as worker:
            try:
                wait_until(lambda: core_limits(worker.pid) == ["1", "1"], TIMEOUT_S)
                yield worker
            finally:
                worker.kill()


def looks(path):
    """What another process of the worker's user is told that opens its file."""
    return subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=1", "count=0"],
                          capture_output=True, text=True, cwd="/", check=False,
                          timeout=TIMEOUT_S, **ANOTHER_USER).stderr


@pytest.mark.parametrize("name", ["mem", "environ", "fd/0"])
def test_no_process_of_its_user_looks_into_it(plain, name):
    wait_until(lambda: "Permission denied" in looks(f"/proc/{plain.pid}/{name}"), TIMEOUT_S)


def test_a_process_that_hides_nothing_is_looked_into():
    """Or the test before would show nothing."""
    with subprocess.Popen(["sleep", "60"], cwd="/", **ANOTHER_USER) as sleep:
        try:
            assert "Permission denied" not in looks(f"/proc/{sleep.pid}/environ")
        finally:
            sleep.kill()
