# SPDX-License-Identifier: MIT
"""One run of the real `git http-backend` as a CGI program.

The server must answer byte for byte as git does, so git itself answers. The request's
body is complete before the program starts and is its standard input as a file in memory:
nobody can then wait for the other while both write. The program has its own session,
because what it starts (upload-pack, pack-objects) must end with it.
"""
import os
import select
import signal
import subprocess
import time

READ_BYTES = 256 * 1024
HEADER_MAX_BYTES = 64 * 1024
# Served repositories may belong to anyone; a git host also answers for any object id and
# with filters. These are read as command-line configuration, which safe.directory needs.
CONFIGURATION = (
    ("safe.directory", "*"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowFilter", "true"),
)


class CgiError(Exception):
    """The program broke the protocol or its deadline."""


def find_backend():
    """The program itself: starting it through `git` would cost one more exec a request."""
    directory = subprocess.run(
        ["git", "--exec-path"], check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()
    path = os.path.join(directory, "git-http-backend")
    if not os.access(path, os.X_OK):
        raise CgiError(f"no git http-backend at '{path}'")
    return path


def base_environment(root):
    """What every run gets, whatever the caller's own git configuration says."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "GIT_PROJECT_ROOT": root,
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_COUNT": "0",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    for key, value in CONFIGURATION:
        add_configuration(environment, key, value)
    return environment


def add_configuration(environment, key, value):
    """As `git -c` does it, after what is there already."""
    index = int(environment["GIT_CONFIG_COUNT"])
    environment[f"GIT_CONFIG_KEY_{index}"] = key
    environment[f"GIT_CONFIG_VALUE_{index}"] = value
    environment["GIT_CONFIG_COUNT"] = str(index + 1)


def body_file(body):
    """The request's body as a file that lives as long as its descriptor."""
    fd = os.memfd_create("request", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(body)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Cgi:
    """A running program: `status` and `headers` once read, then `chunks()`."""

    def __init__(self, backend, environment, body, deadline_s):
        self.deadline = time.monotonic() + deadline_s
        stdin = body_file(body)
        try:
            self.process = subprocess.Popen(
                [backend],
                env=environment,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(stdin)
        self.status = 200
        self.headers = []
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """End what still runs; a client that went away leaves nothing behind."""
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        self.process.wait(timeout=10)

    def kill(self):
        """Not yet reaped by us, so the group's number is still this program's."""
        if self.process.returncode is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def read(self):
        """The next bytes, b"" at the end; raises at the deadline."""
        pipe = self.process.stdout
        left_s = max(0.0, self.deadline - time.monotonic())
        if not select.select([pipe], [], [], left_s)[0]:
            raise CgiError("git http-backend did not answer in time")
        return os.read(pipe.fileno(), READ_BYTES)

    def read_headers(self):
        """Sets status and headers from the CGI's head, keeps what followed it."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.read()
            head += piece
            if not piece or len(head) > HEADER_MAX_BYTES:
                raise CgiError("git http-backend answered without a head")
        head, _, self.rest = head.partition(b"\r\n\r\n")
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "status":
                self.status = int(value.split()[0])
            else:
                self.headers.append((name.strip(), value.strip()))

    def chunks(self):
        """The body in pieces, as they come."""
        if self.rest:
            yield self.rest
        while piece := self.read():
            yield piece
