# SPDX-License-Identifier: MIT
"""bootagent-tree's verb link, killed by itself: the worker by hand, without a supervisor.

Its points are all calls that open, make, write, move or remove something; between two of
them no file changes. After each there is a look at what the kill left, and then the same
request again.
"""
import contextlib
import json
import os
import stat
import subprocess
from dataclasses import dataclass

from kill import tracing
from worker.reply import TIMEOUT_S
from worker.tree import NEW, REVISION, made_tree

CALLS = ("openat", "openat2", "readlinkat", "write", "fchmod", "fsync", "renameat", "renameat2",
         "linkat", "symlinkat", "unlinkat", "mkdirat", "fchmodat", "close")
KEY, PLAIN, ENVIRONMENT = "config/master.key", "config/database.yml", ".env"
CONTENTS = {KEY: "the new key\n" * 3000, ENVIRONMENT: "SECRET=new\n"}
OLD_CONTENT = "the old key, which is shorter\n"
LINKS = {KEY: f"../../../shared/{KEY}", PLAIN: f"../../../shared/{PLAIN}",
         ENVIRONMENT: f"../../shared/{ENVIRONMENT}", "log": "../../shared/log",
         "tmp/pids": "../../../shared/tmp/pids"}
REQUEST = {"verb": "link", "release": NEW, "revision": REVISION,
           "linked_files": [{"path": KEY, "content": CONTENTS[KEY]}, {"path": PLAIN},
                            {"path": ENVIRONMENT, "content": CONTENTS[ENVIRONMENT]}],
           "linked_dirs": ["log", "tmp/pids"]}
SHARED = {"shared", "shared/config", "shared/log", "shared/tmp", "shared/tmp/pids",
          *(f"shared/{path}" for path in (KEY, PLAIN, ENVIRONMENT))}
RELEASE = {"REVISION", "config.ru", "config", "config/routes.rb", "tmp", *LINKS}


def make_first(tree):
    """A fresh release, whose commit has a file, a directory and a link at linked names."""
    release = tree.release(NEW)
    tree.put(release / "config" / "routes.rb", "routes\n")
    tree.put(release / KEY, "committed by mistake\n")
    tree.put(release / "log" / "deep" / ".keep", "")
    tree.link(release / "log" / "out", tree.outside)
    tree.link(release / ENVIRONMENT, "config.ru")
    tree.put(tree.path / "shared" / PLAIN, "by hand\n")


def make_again(tree):
    """A release that serves; the secrets changed meanwhile, and a killed run left litter."""
    make_first(tree)
    tree.send(json.dumps({**REQUEST, "deploy_to": str(tree.path)}).encode()).done()
    (tree.path / "shared" / KEY).write_text(OLD_CONTENT)
    (tree.path / "shared" / ENVIRONMENT).chmod(0o644)
    tree.put(tree.path / "shared" / "config" / ".tmp-0123456789abcdef", "the ne").chmod(0o600)
    link = tree.releases / NEW / "tmp" / "pids"
    link.unlink()
    tree.link(link, "/run")


STATES = {"first": make_first, "again": make_again}


@dataclass(frozen=True)
class LinkPoint:
    """The worker is killed before its `number`-th `call`."""
    state: str
    call: str
    number: int

    def __str__(self):
        return f"link {self.state}: before {self.call} {self.number}"


@contextlib.contextmanager
def ground(state):
    with made_tree() as tree:
        STATES[state](tree)
        yield tree


def run(tree, *expressions):
    """The request, traced: (exit status, the trace)."""
    log = tree.put(tree.binary.parent / "trace", "")
    options = [word for each in expressions for word in ("-e", each)]
    before = tree.prefix
    tree.prefix = [*before, "strace", "-qq", "-o", log, *options]
    try:
        with tree.start() as worker:
            try:
                worker.communicate(json.dumps({**REQUEST, "deploy_to": str(tree.path)}).encode(),
                                   TIMEOUT_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                raise
        return worker.returncode, log
    finally:
        tree.prefix = before


def points(state):
    """Every point of an undisturbed run."""
    with ground(state) as tree:
        status, log = run(tree, tracing.trace(CALLS))
        if status != 0:
            raise RuntimeError(f"undisturbed, it ended with {status}")
        counts = tracing.count(log.read_text(), CALLS)
    return [LinkPoint(state, call, n + 1) for call, count in counts.items()
            for n in range(count)]


def check_secret(path, before):
    """At its name is the whole old content, the whole new one, or nothing."""
    if not path.exists():
        return [] if before is None else [f"{path.name} is gone"]
    text, mode = path.read_text(), stat.S_IMODE(path.stat().st_mode)
    wanted = next(value for key, value in CONTENTS.items() if path.name in key)
    if text not in (before, wanted):
        return [f"{path.name} holds neither content, but {len(text)} bytes"]
    return [f"{path.name}: mode {mode:o}"] if before is None and mode != 0o600 else []


def check_between(tree, before):
    """What is true however far it came."""
    release = tree.releases / NEW
    wrong = [sentence for path in CONTENTS
             for sentence in check_secret(tree.path / "shared" / path, before[path])]
    for path in tree.path.rglob(".tmp-*"):
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) != 0o600:
            wrong.append(f"others can read {path.name}")
    for path in LINKS:
        link = release / path
        if link.is_symlink() and os.readlink(link) == LINKS[path] and not link.exists():
            wrong.append(f"{path} dangles")
    for path in (release / "config.ru", release / "REVISION", release / "config/routes.rb",
                 tree.path / "shared" / PLAIN):
        if not path.is_file():
            wrong.append(f"{path.name} is gone")
    return wrong + ([] if tree.outside_is_whole() else ["outside was touched"])


def check_end(tree):
    """What must be true of a run that was not disturbed, and all there is."""
    release, shared = tree.releases / NEW, tree.path / "shared"
    wrong = [f"{path} leads to {os.readlink(release / path)}" for path, target in LINKS.items()
             if os.readlink(release / path) != target]
    for path, content in CONTENTS.items():
        if (shared / path).read_text() != content:
            wrong.append(f"{path} does not hold its content")
        if stat.S_IMODE((shared / path).stat().st_mode) != 0o600:
            wrong.append(f"others can read {path}")
    found = {str(path.relative_to(tree.path)) for path in (shared, *shared.rglob("*"))}
    found |= {str(path.relative_to(release)) for path in release.rglob("*")}
    return wrong + [f"there is {sorted(found)}"] * (found != SHARED | RELEASE)


def content_of(path):
    return path.read_text() if path.exists() else None


def kill_at(point):
    """The violations at the point, as sentences that begin with it."""
    with ground(point.state) as tree:
        before = {path: content_of(tree.path / "shared" / path) for path in CONTENTS}
        status, log = run(tree, tracing.trace([point.call]),
                          tracing.inject(point.call, point.number))
        if status != -9 or not tracing.was_killed(log):
            return [f"{point}: it was not reached, the worker ended with {status}"]
        wrong = [f"after the kill: {sentence}" for sentence in check_between(tree, before)]
        request = json.dumps({**REQUEST, "deploy_to": str(tree.path)}).encode()
        tree.send(request).done()
        wrong += [f"after the next run: {sentence}" for sentence in check_end(tree)]
        if tree.send(request).done() != {"written": [], "linked": 0}:
            wrong.append("the run after that found something to do")
        return [f"{point}: {sentence}" for sentence in wrong]
