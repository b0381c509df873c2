# SPDX-License-Identifier: MIT
"""The three ways to a git host: HTTP with a token, HTTPS with an own authority, SSH."""
import contextlib

from servers.certificates import Authority
from servers.ssh import Ssh
from worker.source import git_host

TOKEN = "t0ken-of-a-test"
LOGIN = {"login": f"x-access-token:{TOKEN}"}


class Http:
    """Over plain HTTP, with a token, which crosses the loopback only."""

    name = "http"
    # Somewhere in its first answer that is more than a handshake.
    first_answer_bytes = 300

    def __init__(self, world):
        self.world = world
        self.host = "127.0.0.1"
        self.port = int(world.url.rsplit(":", 1)[1])
        world.fault(LOGIN)

    def url(self, path="app.git", port=None, user=""):
        return f"{self.name}://{user}{self.host}:{port or self.port}/{path}"

    def members(self, **members):
        return {"url": self.url(), "token": TOKEN, **members}

    def fetch(self, **members):
        chosen = self.members(**members)
        return self.world.fetch(**{key: value for key, value in chosen.items()
                                   if value is not None})

    def without_secret(self):
        return {"token": None}

    def with_wrong_secret(self):
        return {"token": "another"}

    @property
    def secret(self):
        return TOKEN


class Https(Http):
    """Over HTTPS, from a server whose authority is trusted by this worker only."""

    name = "https"
    first_answer_bytes = 1500

    def __init__(self, world, port, authority):
        super().__init__(world)
        self.host = "localhost"
        self.port = port
        self.authority = authority


class OverSsh:
    """Over SSH, with a key, from an sshd whose host key is pinned."""

    name = "ssh"
    first_answer_bytes = 2000
    fetch = Http.fetch

    def __init__(self, world, server):
        self.world = world
        self.server = server
        self.port = server.port

    def url(self, path="app.git", port=None, user=None):
        user = user.rstrip("@") if user else None
        return self.server.url(f"{self.world.served}/{path}", user, port)

    def members(self, **members):
        return {"url": self.url(), "ssh_key": self.server.key,
                "host_keys": [self.server.host_keys["ed25519"]], **members}

    def without_secret(self):
        return {"ssh_key": None}

    def with_wrong_secret(self):
        return {"ssh_key": (self.server.directory / "host_ed25519").read_text()}

    @property
    def secret(self):
        return self.server.key.splitlines()[2]


@contextlib.contextmanager
def https(world):
    authority = Authority(world.root / "authority")
    world.environment["SSL_CERT_FILE"] = str(authority.bundle)
    with git_host(world, "--certificate", str(authority.issue())) as server:
        yield Https(world, int(server.ready["url"].rsplit(":", 1)[1]), authority)


@contextlib.contextmanager
def ssh(world):
    with Ssh(world.root / "ssh") as server:
        yield OverSsh(world, server)


@contextlib.contextmanager
def http(world):
    yield Http(world)


WAYS = {"http": http, "https": https, "ssh": ssh}
