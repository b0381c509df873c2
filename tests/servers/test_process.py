# SPDX-License-Identifier: MIT
"""The process helper: what it says when a server does not start, and that it ends them."""
import subprocess
import sys
import time

import pytest

from servers.process import NotReady, Server, wait_until

READY = "print('{\"port\": 1}', flush=True); "
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); "


def python(code):
    return [sys.executable, "-c", code]


def test_ready_line_and_stop():
    with Server.start(python(READY + "import time; time.sleep(60)")) as server:
        assert server.ready == {"port": 1}
        assert server.running
    assert server.popen.returncode == -15


def test_kill_after_the_deadline():
    server = Server.start(python(DEAF + READY + "time.sleep(60)"))
    assert server.stop(within_s=0.2) == -9


def test_stop_may_be_repeated():
    server = Server.start(python(READY))
    server.wait(10)
    assert server.stop() == 0 and server.stop() == 0


def test_a_server_that_fails_says_why():
    with pytest.raises(NotReady, match="the reason"):
        Server.start(python("import sys; sys.exit('the reason')"))


def test_a_silent_server_is_ended_at_the_deadline():
    started = time.monotonic()
    with pytest.raises(NotReady):
        Server.start(python("import time; time.sleep(60)"), ready_within_s=0.3)
    assert time.monotonic() - started < 10


def test_a_missing_program_is_an_error():
    with pytest.raises(FileNotFoundError):
        Server.start(["/nonexistent/program"])


def test_standard_input_can_be_held():
    code = READY + "import sys; sys.stdin.read()"
    with Server.start(python(code), stdin=subprocess.PIPE) as server:
        server.popen.stdin.close()
        assert server.wait(10) == 0


def test_wait_until_has_a_deadline():
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, 0.1)
    assert wait_until(lambda: 7, 0.1) == 7
