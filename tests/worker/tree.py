# SPDX-License-Identifier: MIT
"""bootagent-tree by hand, as the application's user.

A tree as Capistrano lays it out is made below a directory that others may enter; beside it
lies `outside`, which no verb may change.
"""
import contextlib
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

from worker.reply import BUILD, SANITIZERS, talk

USER = "games"
REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
OLD, NEW = "20260101000000", "20260202000000"


class Tree:
    """A deploy_to, a place outside it, and a worker that runs as the application's user."""

    def __init__(self, root):
        self.binary = root / "bootagent-tree"
        self.path = root / "app"
        self.outside = root / "outside"
        self.prefix = []
        self.environment = {"PATH": "/usr/bin:/bin", **SANITIZERS}
        shutil.copy(BUILD / "bootagent-tree", self.binary)
        self.binary.chmod(0o755)
        self.path.mkdir()
        self.outside.mkdir()
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                           "--clear-groups"]
        self.give(self.path, self.outside)
        self.put(self.outside / "kept" / "file", "precious\n")

    @property
    def releases(self):
        return self.path / "releases"

    @property
    def current(self):
        return self.path / "current"

    def give(self, *paths):
        """Hands paths that the test made to the user."""
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            for path in paths:
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def put(self, path, text=None):
        """Makes a file, or a directory without a text, and what lies above it."""
        missing = [p for p in path.parents if not p.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_text(text)
        self.give(path, *missing)
        return path

    def link(self, path, target):
        path.symlink_to(target)
        self.give(path)

    def release(self, name, revision=REVISION):
        """A finished release with one more file."""
        self.put(self.releases / name / "config.ru", "run App\n")
        self.put(self.releases / name / "REVISION", f"{revision}\n")
        return self.releases / name

    def trace(self, *options):
        """From now on the worker runs below strace; its log of system calls."""
        log = self.put(self.binary.parent / "trace", "")
        self.prefix += ["strace", "-qq", "-o", log, *options]
        # The leak check does not run below ptrace.
        self.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        return log

    def start(self, **options):
        return subprocess.Popen([*self.prefix, self.binary], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment, cwd="/", **options)

    def send(self, request, **options):
        """The reply to raw bytes."""
        return talk(self.start(**options), request)

    def ask(self, verb, **members):
        request = {"verb": verb, "deploy_to": str(self.path), **members}
        return self.send(json.dumps(request).encode())

    def outside_is_whole(self):
        return (self.outside / "kept" / "file").read_text() == "precious\n" and \
            sorted(p.name for p in self.outside.iterdir()) == ["kept"]


def unlock(path):
    for folder, below, _ in os.walk(path):
        for name in below:
            if not os.path.islink(os.path.join(folder, name)):
                os.chmod(os.path.join(folder, name), 0o700)


@contextlib.contextmanager
def made_tree():
    root = Path(tempfile.mkdtemp(prefix="bootagent-test."))
    root.chmod(0o755)
    try:
        yield Tree(root)
    finally:
        unlock(root)
        shutil.rmtree(root)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(path):
    return sorted(p.name for p in path.iterdir())


# What may stand where something else belongs.


def make_fifo(tree, path):
    os.mkfifo(path)


def make_directory(tree, path):
    path.mkdir()


def make_link_outside(tree, path):
    tree.put(tree.outside / "REVISION", REVISION)
    path.symlink_to(tree.outside / "REVISION")


def make_unreadable(tree, path):
    path.write_text(REVISION)
    path.chmod(0)


def make_socket(tree, path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_nothing(tree, path):
    pass


class Swapper(threading.Thread):
    """The hostile neighbour: puts a link to `outside` in a directory's place, and back."""

    def __init__(self, tree, victim):
        super().__init__()
        self.tree = tree
        self.victim = victim
        self.aside = tree.path / "aside"
        self.stopped = threading.Event()
        self.swaps = 0

    def run(self):
        while not self.stopped.is_set():
            try:
                self.victim.rename(self.aside)
                self.victim.symlink_to(self.tree.outside)
                self.swaps += 1
                self.victim.unlink()
                self.aside.rename(self.victim)
            except OSError:
                if self.aside.exists() and not self.victim.parent.exists():
                    return
