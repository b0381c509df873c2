#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`, second part: a release's files, beside tar and git doing the same.

bootagent-source writes a revision into an empty directory, cold and with a previous release
to take from, in turn with `tar x` of the same files and `git archive | tar x`. Each begins
with nothing left to write and ends when everything is on the disk (syncfs on both sides).
TMPDIR chooses the disk.

It measures and does not judge: the exit status is 0 whenever it could measure.
"""
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import large
import table
from box.box import build_directory

SIZES = (1500, 30000)
WARM_UPS = 1
COUNTED = 5
DEADLINE_S = 300
COLD_GOAL = 3.2
LINKED_GOAL = 0.4
ANONYMOUS_GOAL_MB = 70
LIBC = ctypes.CDLL(None, use_errno=True)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def sync(directory):
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if LIBC.syncfs(fd) < 0:
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(fd)


class Ground:
    """A repository of some size, and a place to write releases to."""

    def __init__(self, root, count):
        self.root = root
        self.repository = root / "app.git"
        self.old, self.new = large.make(self.repository, count)
        self.tar = root / "app.tar"
        large.git(self.repository, "archive", "-o", str(self.tar), self.new)
        self.releases = root / "releases"

    def clear(self):
        """Nothing there, and a release of the old revision for each way, on the disk."""
        if self.releases.exists():
            shutil.rmtree(self.releases)
        self.releases.mkdir()
        for way in ("copy", "hardlink"):
            self.export(self.old, f"old-{way}", way)
        sync(self.releases)

    def request(self, revision, name, way, previous=None):
        directory = self.releases / name
        directory.mkdir()
        request = {"verb": "export", "repository": str(self.repository), "revision": revision,
                   "directory": str(directory), "store": str(self.root / f"store-{way}"),
                   "reuse": way}
        if previous:
            request["previous"] = {"directory": str(self.releases / previous),
                                   "revision": self.old}
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
                        str(self.tar), str(self.repository), self.new], env=ENVIRONMENT,
                       stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=True)
        sync(directory)

    def ways(self):
        """{name: what to do}; tar is what all are compared with."""
        return {
            "tar x": lambda: self.shell("tar", 'tar -x -C "$1" -f "$2"'),
            "git archive | tar x": lambda: self.shell(
                "archive", 'git -c safe.directory="*" -C "$3" archive "$4" | tar -x -C "$1"'),
            "export, cold": lambda: self.export(self.new, "cold", "copy"),
            "export, copies": lambda: self.export(self.new, "copies", "copy", "old-copy"),
            "export, hard links": lambda: self.export(self.new, "links", "hardlink",
                                                      "old-hardlink"),
        }

    def measure(self):
        """{name: [ms]}"""
        found = {name: [] for name in self.ways()}
        for _ in range(WARM_UPS + COUNTED):
            self.clear()
            for name, perform in self.ways().items():
                sync(self.releases)
                begun = time.perf_counter()
                perform()
                found[name].append((time.perf_counter() - begun) * 1000)
        return {name: values[WARM_UPS:] for name, values in found.items()}

    def anonymous_mb(self):
        """The peak of the worker's anonymous memory in a cold export; looked at all the time."""
        peak_kib = 0
        with tempfile.TemporaryFile() as output, \
                subprocess.Popen([str(build_directory() / "bootagent-source")],
                                 stdin=subprocess.PIPE, stdout=output, env=ENVIRONMENT) as worker:
            worker.stdin.write(self.request(self.new, "watched", "none"))
            worker.stdin.close()
            while worker.poll() is None:
                peak_kib = max(peak_kib, anonymous_kib(worker.pid))
        return peak_kib / table.KIB_PER_MB


def anonymous_kib(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return max([int(line.split()[1]) for line in lines if line.startswith("RssAnon:")] or [0])


def print_found(count, found, anonymous_mb):
    table.head(f"{count:,} files, ms")
    goals = {"export, cold": COLD_GOAL}
    if count == max(SIZES):
        goals["export, hard links"] = LINKED_GOAL
    for name, values in found.items():
        ratio = median(values) / median(found["tar x"])
        remark = f"{ratio:.2f} times tar x"
        if name in goals:
            remark += f"; goal {goals[name]}: {table.verdict(ratio <= goals[name])}"
        table.row(name, values, remark, digits=0)
    print(f"Anonymous memory of the worker, at most: {anonymous_mb:.1f} MB; goal "
          f"{ANONYMOUS_GOAL_MB}: {table.verdict(anonymous_mb <= ANONYMOUS_GOAL_MB)}")


def main():
    try:
        for count in SIZES:
            with tempfile.TemporaryDirectory(prefix="bootagent-bench.") as root:
                ground = Ground(Path(root), count)
                found = ground.measure()
                print_found(count, found, ground.anonymous_mb())
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(f"bench: not measured: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
