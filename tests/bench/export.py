#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`, second part: a release's files, beside tar and git doing the same.

bootagent-source writes a revision into an empty directory, cold and with a previous release
to take from, in turn with `tar x` of the same files, `git archive | tar x` and `git worktree
add`. Each begins with nothing left to write and ends when everything is on the disk (syncfs
on both sides). TMPDIR chooses the disk.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import anonymous
import disk
import ending
import table
from box.box import build_directory
from large import ENVIRONMENT, Large, git

# {files: how often each way is counted}
SIZES = {1500: 5, 30000: 3}
WARM_UPS = 1
DEADLINE_S = 300
COLD_GOAL = 3.2
LINKED_GOAL = 0.4
ANONYMOUS_GOAL_MB = 70


class Ground:
    """A repository of some size, and a place to write releases to."""

    def __init__(self, root, count):
        self.root = root
        self.repository = Large(root / "app.git", count)
        self.tar = root / "app.tar"
        git(self.repository.path, "archive", "-o", str(self.tar), self.repository.new)
        self.releases = None
        self.rounds = 0

    def begin(self):
        """A place with nothing but a release of the old revision for each way, on the disk.

        The one before stays where it is: ext4 gives no inode away that was freed in the last
        five seconds, and whoever makes files then looks at all of these, each time.
        """
        self.rounds += 1
        self.releases = self.root / f"releases.{self.rounds}"
        self.releases.mkdir()
        for way in ("copy", "hardlink"):
            self.export(self.repository.old, f"old-{way}", way)

    def request(self, revision, name, way, previous=None):
        directory = self.releases / name
        directory.mkdir()
        request = {"verb": "export", "repository": str(self.repository.path),
                   "revision": revision, "directory": str(directory),
                   "store": str(self.root / f"store-{way}"), "reuse": way}
        if previous:
            request["previous"] = {"directory": str(self.releases / previous),
                                   "revision": self.repository.old}
        return json.dumps(request).encode()

    def export(self, *arguments):
        done = subprocess.run([str(build_directory() / "bootagent-source")],
                              input=self.request(*arguments), capture_output=True,
                              env=ENVIRONMENT, timeout=DEADLINE_S, check=False)
        answer = json.loads(done.stdout.splitlines()[-1])
        if "error" in answer:
            raise ValueError(answer["error"]["message"])

    def shell(self, name, command):
        directory = self.releases / name
        directory.mkdir()
        subprocess.run(["bash", "-o", "pipefail", "-c", command, "bash", str(directory),
                        str(self.tar), str(self.repository.path), self.repository.new],
                       env=ENVIRONMENT, stdin=subprocess.DEVNULL, timeout=DEADLINE_S,
                       check=True)

    def ways(self):
        """{name: what to do}; tar is what all are compared with."""
        new = self.repository.new
        return {
            "tar x": lambda: self.shell("tar", 'tar -x -C "$1" -f "$2"'),
            "git archive | tar x": lambda: self.shell(
                "archive", 'git -C "$3" archive "$4" | tar -x -C "$1"'),
            "git worktree add": lambda: self.shell(
                "worktree", 'git -C "$3" worktree add -q --detach "$1" "$4"'),
            "export, cold": lambda: self.export(new, "cold", "copy"),
            "export, copies": lambda: self.export(new, "copies", "copy", "old-copy"),
            "export, hard links": lambda: self.export(new, "links", "hardlink",
                                                      "old-hardlink"),
        }

    def measure(self, counted):
        """{name: [ms]}"""
        found = {name: [] for name in self.ways()}
        for _ in range(WARM_UPS + counted):
            self.begin()
            for name, perform in self.ways().items():
                found[name].append(disk.elapsed_ms(self.releases, perform))
        return {name: values[WARM_UPS:] for name, values in found.items()}

    def anonymous_mb(self):
        """The peak of the worker's anonymous memory: an export from blobs, one from files."""
        requests = {
            "export, cold": self.request(self.repository.new, "watched", "copy"),
            "export, hard links": self.request(self.repository.new, "watched-links",
                                               "hardlink", "old-hardlink"),
        }
        argv = [str(build_directory() / "bootagent-source")]
        return {name: anonymous.peak_mb(argv, request, ENVIRONMENT)
                for name, request in requests.items()}


def print_found(count, found, anonymous_mb):
    table.head(f"{count:,} files, ms")
    goals = {"export, cold": COLD_GOAL}
    if count == max(SIZES):
        goals["export, hard links"] = LINKED_GOAL
    for name, values in found.items():
        table.beside(name, values, ("tar x", found["tar x"]), goals.get(name))
    for name, peak_mb in anonymous_mb.items():
        table.anonymous(name, peak_mb, ANONYMOUS_GOAL_MB)


def run():
    for count, counted in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="bootagent-bench.") as root:
            ground = Ground(Path(root), count)
            found = ground.measure(counted)
            print_found(count, found, ground.anonymous_mb())


if __name__ == "__main__":
    sys.exit(ending.perform(run))
