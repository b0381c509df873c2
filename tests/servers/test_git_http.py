# SPDX-License-Identifier: MIT
"""The git host against git's own client, and against requests made by hand."""
import gzip
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from servers.process import Server
from servers.repository import Repository

MEBIBYTE = 1 << 20
INFO_REFS = "/app.git/info/refs?service=git-upload-pack"
UPLOAD_PACK = "/app.git/git-upload-pack"


class Host:
    """A running server over `root`, its faults and what it was asked."""

    def __init__(self, root, server):
        self.root = root
        self.server = server
        self.url = server.ready["url"]

    def fault(self, fault):
        """Whole or not at all: the server reads it between our open and our write."""
        temporary = self.root / "fault.new"
        temporary.write_text(json.dumps(fault))
        temporary.rename(self.root / "fault.json")

    def asked(self):
        return [json.loads(line) for line in (self.root / "log").read_text().splitlines()]

    def connect(self, timeout=10):
        return http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=timeout)

    def environment(self):
        """The client's: no proxy and no configuration of whoever runs the tests."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": os.fspath(self.root),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
        }

    def git(self, *arguments):
        return subprocess.run(
            ["git", *arguments], env=self.environment(), cwd="/", capture_output=True,
            text=True, timeout=60,
        )


@pytest.fixture
def host(directory, environment):
    argv = [sys.executable, "-m", "servers.git_http", "--root", str(directory)]
    argv += ["--fault-file", str(directory / "fault.json"), "--log", str(directory / "log")]
    with Server.start(argv, env=environment) as server:
        yield Host(directory, server)


@pytest.fixture
def repository(directory):
    return Repository.generic(directory, {"README": b"hello\n"})


def clone(host, *options):
    result = host.git("clone", "--quiet", *options, f"{host.url}/app.git", f"{host.root}/clone")
    assert result.returncode == 0, result.stderr
    return host.root / "clone"


def head_of(host, path):
    return host.git("-C", str(path), "rev-parse", "HEAD").stdout.strip()


@pytest.mark.parametrize("version", ["0", "2"])
def test_clone_and_fetch(host, repository, version):
    path = clone(host, "-c", f"protocol.version={version}")
    assert head_of(host, path) == repository.head
    second = repository.commit({"README": b"changed\n"}, "second")
    assert host.git("-C", str(path), "pull", "--quiet").returncode == 0
    assert head_of(host, path) == second


def test_shallow_clone(host, repository):
    for number in range(5):
        repository.commit({"README": b"%d\n" % number}, "more")
    path = clone(host, "--depth=1")
    assert head_of(host, path) == repository.head
    assert host.git("-C", str(path), "rev-list", "--count", "HEAD").stdout == "1\n"


def test_clone_of_8_mebibytes(host, directory):
    noise = random.Random(1)
    files = {f"file{n}": noise.randbytes(MEBIBYTE) for n in range(8)}
    Repository.generic(directory, files)
    path = clone(host)
    assert {name: (path / name).read_bytes() for name in files} == files
    assert max(entry["bytes"] for entry in host.asked()) > 8 * MEBIBYTE


def many_refs(repository, count):
    """So many that a client's wants fill more than one buffer."""
    stream = "".join(
        f"commit refs/heads/many{n}\ncommitter t <t@example.org> {1600000000 + n} +0000\n"
        f"data 0\nM 644 inline f\ndata {len(str(n))}\n{n}\n"
        for n in range(count)
    )
    repository.git("fast-import", "--quiet", input=stream.encode())


@pytest.mark.parametrize("buffer_bytes, kind, value", [
    (MEBIBYTE, "request_coding", "gzip"), (65536, "request_transfer", "chunked"),
])
def test_what_git_itself_sends(host, repository, buffer_bytes, kind, value):
    """In protocol v0 git compresses what fits its buffer and sends the rest in chunks."""
    many_refs(repository, 2000)
    options = ["-c", f"http.postBuffer={buffer_bytes}", "-c", "protocol.version=0"]
    path = clone(host, *options)
    assert value in {entry[kind] for entry in host.asked()}
    refs = host.git("-C", str(path), "for-each-ref", "refs/remotes").stdout
    assert refs.count("/many") == 2000


def want(revision):
    """A protocol v0 request for one commit: what libgit2 sends, in pkt-lines."""
    line = f"want {revision} ofs-delta\n".encode()
    return b"%04x%b00000009done\n" % (len(line) + 4, line)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("chunked", [False, True])
def test_request_bodies(host, repository, coding, chunked):
    body = want(repository.head)
    headers = {"Content-Type": "application/x-git-upload-pack-request"}
    if coding == "gzip":
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    connection = host.connect()
    for _ in range(2):  # twice: the connection must be in step afterwards
        pieces = iter([body[:7], body[7:]]) if chunked else body
        connection.request("POST", UPLOAD_PACK, pieces, headers, encode_chunked=chunked)
        reply = connection.getresponse()
        assert reply.status == 200
        assert b"PACK" in reply.read()
    connection.close()


def test_unknown_and_outside_are_404_on_a_living_connection(host, repository):
    connection = host.connect()
    for path in ("/none.git/info/refs?service=git-upload-pack", "/", "/app.git/nothing",
                 "/app.git/../app.git/HEAD", "/%2e%2e/etc/passwd"):
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status in (403, 404), path
    connection.request("GET", INFO_REFS)
    reply = connection.getresponse()
    assert reply.status == 200 and repository.head.encode() in reply.read()
    connection.close()


def test_conditional_and_head_requests_keep_the_connection_in_step(host, repository):
    """git gives no validators, so a condition is answered in full, never by a bad 304."""
    connection = host.connect()
    for method, headers in (("GET", {"If-None-Match": "*"}), ("HEAD", {}), ("GET", {})):
        connection.request(method, INFO_REFS, headers=headers)
        reply = connection.getresponse()
        assert reply.status == 200
        assert bool(reply.read()) == (method == "GET")
    connection.close()
    assert repository.head


def test_push_is_refused(host, repository):
    path = clone(host)
    assert host.git("-C", str(path), "push", "origin", "HEAD:refs/heads/new").returncode != 0
    assert repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_repository_of_another_user(host, repository):
    for path, _, files in os.walk(repository.path):
        for name in ["."] + files:
            shutil.chown(os.path.join(path, name), "games", "games")
    assert host.git("ls-remote", f"{host.url}/app.git").returncode == 0


def test_concurrent_clients(host, repository):
    many_refs(repository, 200)
    clients = [
        subprocess.Popen(
            ["git", "ls-remote", f"{host.url}/app.git"], env=host.environment(),
            stdout=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    replies = {client.communicate(timeout=30)[0] for client in clients}
    assert len(replies) == 1 and repository.head.encode() in replies.pop()


def test_fault_status(host, repository):
    host.fault({"status": 503})
    connection = host.connect()
    connection.request("GET", INFO_REFS)
    reply = connection.getresponse()
    assert (reply.status, bool(reply.read())) == (503, True)
    (host.root / "fault.json").unlink()
    connection.request("GET", INFO_REFS)
    assert repository.head.encode() in connection.getresponse().read()
    connection.close()


def test_fault_silent(host, repository):
    assert repository.head
    host.fault({"silent": True, "only": "info/refs"})
    connection = host.connect(timeout=0.3)
    connection.request("GET", INFO_REFS)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_fault_cut(host, repository):
    assert repository.head
    host.fault({"cut_after_bytes": 20})
    connection = host.connect()
    connection.request("GET", INFO_REFS)
    with pytest.raises(http.client.IncompleteRead) as caught:
        connection.getresponse().read()
    assert len(caught.value.partial) == 20
    assert host.git("ls-remote", f"{host.url}/app.git").returncode != 0


def test_fault_delay(host, repository):
    host.fault({"delay_ms": 300})
    connection = host.connect()
    started = time.monotonic()
    connection.request("GET", INFO_REFS)
    assert repository.head.encode() in connection.getresponse().read()
    assert time.monotonic() - started >= 0.3
    connection.close()


def test_ends_when_stdin_closes(directory, environment):
    argv = [sys.executable, "-m", "servers.git_http", "--root", str(directory)]
    argv.append("--until-stdin-closes")
    with Server.start(argv, env=environment, stdin=subprocess.PIPE) as server:
        server.popen.stdin.close()
        assert server.wait(5) == 0


def test_term_ends_it_while_a_client_waits(host, repository):
    assert repository.head
    host.fault({"silent": True})
    connection = host.connect()
    connection.request("GET", INFO_REFS)
    assert host.server.stop(within_s=5) == 0
    connection.close()
