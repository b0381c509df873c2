# SPDX-License-Identifier: MIT
"""Starts a server that prints one JSON line when it is ready, and ends it again.

For all Python tests. Every wait has a deadline; what is ended is a process started here,
by its pid, which is ours until it is reaped. A server's standard error is kept and put
into the message when it does not start, because that is when somebody needs it.

    with Server.start([sys.executable, "-m", "servers.git_http", "--root", d]) as server:
        url = server.ready["url"]
"""
import json
import os
import pwd
import select
import signal
import subprocess
import tempfile
import time

LINE_MAX_BYTES = 64 * 1024
STDERR_TAIL_BYTES = 4000


class NotReady(Exception):
    """The server ended, was silent, or said something else than one JSON line."""


def identity(user):
    """The Popen arguments that make a child this user, with no group left of the caller's."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def read_line(fd, deadline):
    """One line without its end, or what came until the other side closed or time was up."""
    data = b""
    while not data.endswith(b"\n") and len(data) < LINE_MAX_BYTES:
        left_s = max(0.0, deadline - time.monotonic())
        if not select.select([fd], [], [], left_s)[0]:
            break
        # Byte by byte: what follows the line is not ours to take.
        byte = os.read(fd, 1)
        if not byte:
            break
        data += byte
    return data


def wait_until(condition, within_s, every_s=0.02):
    """The condition's first true value. For tests of what gives no event to wait for."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {within_s:g} s: {condition}")
        time.sleep(every_s)
    return value


class Server:
    """A started process: `pid`, `ready` (its JSON line), and how to end it."""

    def __init__(self, popen, stderr):
        self.popen = popen
        self.pid = popen.pid
        self.ready = None
        self._stderr = stderr

    @classmethod
    def start(cls, argv, *, ready_within_s=20.0, user=None, stdin=subprocess.DEVNULL, **popen):
        """Start argv (as `user` if given) and return once its JSON line is read."""
        stderr = tempfile.TemporaryFile()
        try:
            process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                **identity(user),
                **popen,
            )
        except BaseException:
            stderr.close()
            raise
        server = cls(process, stderr)
        try:
            server.ready = server._read_ready(time.monotonic() + ready_within_s)
        except BaseException:
            server.stop()
            raise
        return server

    def _read_ready(self, deadline):
        line = read_line(self.popen.stdout.fileno(), deadline)
        try:
            return json.loads(line)
        except ValueError:
            state = self.popen.poll()
            raise NotReady(
                f"{self.popen.args} is not ready (exit {state}): it said {line!r}, "
                f"and on standard error:\n{self.stderr()}"
            ) from None

    def stderr(self):
        """The last of what it wrote there."""
        size = os.fstat(self._stderr.fileno()).st_size
        start = max(0, size - STDERR_TAIL_BYTES)
        return os.pread(self._stderr.fileno(), STDERR_TAIL_BYTES, start).decode("utf-8", "replace")

    @property
    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        """Popen does not signal a process it has reaped, so never another's."""
        self.popen.send_signal(number)

    def wait(self, within_s):
        """Its exit status, negative for a signal; raises subprocess.TimeoutExpired."""
        return self.popen.wait(timeout=within_s)

    def stop(self, within_s=15.0):
        """TERM, then KILL; reaped in any case. Returns the exit status; may be repeated."""
        try:
            self.signal(signal.SIGTERM)
            status = self.wait(within_s)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            status = self.wait(within_s)
        for file in (self.popen.stdin, self.popen.stdout, self._stderr):
            if file is not None:
                file.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
