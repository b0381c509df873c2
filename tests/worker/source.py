# SPDX-License-Identifier: MIT
"""bootagent-source by hand, against a real git host.

As root, `daemon` fetches and `games` exports, and the mirror lies between them as the
supervisor makes it: owner daemon, group games, 2750. Otherwise both are oneself.
"""
import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from servers.process import Server, wait_until
from worker.reply import BUILD, SANITIZERS, TIMEOUT_S, talk

TESTS = Path(__file__).resolve().parents[1]
MEBIBYTE = 1 << 20
ROOT = os.geteuid() == 0
FETCHER, APPLICATION = "daemon", "games"


class World:
    """A git host, a mirror, a place to export to, and the worker in between."""

    def __init__(self, root):
        self.root = root
        self.binary = root / "bootagent-source"
        self.served = root / "served"
        self.mirror = root / "mirror.git"
        self.target = root / "release"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
                            "LANG": "C.UTF-8", **SANITIZERS}
        shutil.copy(BUILD / "bootagent-source", self.binary)
        self.binary.chmod(0o755)
        self.served.mkdir()
        self.make_mirror()
        self.make_target()
        self.url = None

    def make_mirror(self):
        """As the supervisor does."""
        self.mirror.mkdir()
        if ROOT:
            os.chown(self.mirror, pwd.getpwnam(FETCHER).pw_uid,
                     pwd.getpwnam(APPLICATION).pw_gid)
        self.mirror.chmod(0o2750)

    def make_target(self):
        self.target.mkdir()
        self.give(self.target, APPLICATION)

    def give(self, path, user):
        if ROOT:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def put(self, name, text):
        """A file in the mirror, as if its owner had written it."""
        path = self.mirror / name
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                self.give(folder, FETCHER)
        path.write_text(text)
        self.give(path, FETCHER)
        return path

    def start(self, user, *prefix, **options):
        argv = [*prefix, self.binary]
        if ROOT and user is not None:
            entry = pwd.getpwnam(user)
            argv = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                    "--clear-groups", "--no-new-privs", *argv]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(argv, env=self.environment, cwd="/", **streams)

    def send(self, request, user=FETCHER, prefix=(), **options):
        return talk(self.start(user, *prefix, **options), request)

    def fetch_request(self, **members):
        request = {"verb": "fetch", "repository": str(self.mirror),
                   "url": f"{self.url}/app.git", "ref": "main", **members}
        return json.dumps(request).encode()

    def fetch(self, **members):
        return self.send(self.fetch_request(**members))

    def export(self, revision, user=APPLICATION, prefix=(), **members):
        request = {"verb": "export", "repository": str(self.mirror), "revision": revision,
                   "directory": str(self.target), **members}
        return self.send(json.dumps(request).encode(), user, prefix)

    def fault(self, fault):
        """Whole or not at all: the server reads it between our open and our write."""
        temporary = self.root / "fault.new"
        temporary.write_text(json.dumps(fault))
        temporary.rename(self.root / "fault.json")

    def noted(self):
        """What the host noted of each request since the log was last emptied."""
        return [json.loads(line) for line in (self.root / "log").read_text().splitlines()]

    def asked(self):
        """(method, URL) of each request since the last call."""
        lines = self.noted()
        (self.root / "log").write_text("")
        return [(line["method"], line["url"]) for line in lines]

    def was_asked_by(self, *users):
        """Whether each request since the last call came from these; "" is nobody."""
        # The host writes its line after its answer.
        wait_until(lambda: len(self.noted()) >= len(users), TIMEOUT_S)
        found = [line["user"] for line in self.noted()]
        (self.root / "log").write_text("")
        assert found == list(users), found
        return True

    def git(self, *arguments):
        result = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(self.mirror), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True, text=True, timeout=TIMEOUT_S)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def packs(self):
        return sorted(os.listdir(self.mirror / "objects/pack"))

    def whole(self, revision, ref="refs/heads/main"):
        """The mirror has the ref, everything it needs, and nothing temporary."""
        assert self.git("rev-parse", ref) == revision
        self.git("fsck", "--strict", "--no-dangling")
        assert [name for name in self.packs() if not name.startswith("pack-")] == []
        assert len(self.packs()) % 2 == 0
        assert list(self.mirror.rglob("*.lock")) == []


def git_host(world, *options):
    """The git host over the world's repositories: a Server to use in a `with`."""
    argv = [sys.executable, "-B", "-m", "servers.git_http", "--root", str(world.served),
            "--fault-file", str(world.root / "fault.json"), "--log", str(world.root / "log"),
            *options]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS), "LANG": "C.UTF-8"}
    return Server.start(argv, env=environment)


@contextlib.contextmanager
def made_world():
    root = Path(tempfile.mkdtemp(prefix="bootagent-test."))
    root.chmod(0o755)
    made = World(root)
    with git_host(made) as server:
        made.url = server.ready["url"]
        yield made
    # Not shutil.rmtree: it recurses, and trees here are deeper than Python allows.
    subprocess.run(["rm", "-rf", "--", str(root)], check=True, timeout=TIMEOUT_S)
