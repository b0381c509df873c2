#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`, third part: `bootagent sync` beside git and a deploy script, over HTTP.

Three cases: nothing new; one commit, which changes one file in a hundred; and a machine that
has nothing yet. In turn with what git and tar take for the parts (`git ls-remote`, `git
fetch`, `tar x`), and with deploy.sh, which does the whole. Each begins with nothing left to
write and, but for the first case, ends when everything is on the disk (syncfs on both
sides). Of a sync, the stages that correspond stand beside the parts. Unchanged files are hard
links here; export.py has the copies, too. TMPDIR chooses the disk; run/ is in memory, as /run
is on a machine, if we are root.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import anonymous
import disk
import ending
import table
from box.box import PATH, PYTHON, TESTS, Box, build_directory, server_environment
from large import ENVIRONMENT, Large, git
from measure import Bad, cost
from servers.process import Server

# {files: how often each case is counted}
SIZES = {1500: {"nothing": 15, "commit": 7, "cold": 5},
         30000: {"nothing": 15, "commit": 4, "cold": 3}}
KEEP_RELEASES = 100
NOTHING_GOAL = 1.3
COLD_GOAL = 3.2
LINKED_GOAL = 0.4
ANONYMOUS_GOAL_MB = 70
SCRIPT = Path(__file__).with_name("deploy.sh")
REF = "refs/heads/main"


class Bench:
    """One box with a repository of some size, and the other ways to its revisions."""

    def __init__(self, box, output):
        self.box = box
        self.answering = None  # what stands in for the script's application
        self.output = output
        self.large = box.repository
        self.url = box.config["source"]["repo_url"]
        self.home = box.directory / "script"
        self.fetched = box.directory / "fetched.git"
        self.tar = box.directory / "app.tar"
        self.stages = []
        self.aside = 0
        self.home.mkdir()
        box.config["release"] = {"reuse": "hardlink", "keep_releases": KEEP_RELEASES}
        box.write_config()

    def __enter__(self):
        self.answering = Server.start(
            [PYTHON, "-B", str(TESTS / "box/application.py"),
             "--directory", str(self.home / "srv")], env=server_environment())
        return self

    def __exit__(self, *_):
        self.answering.stop()

    def timed(self, argv, environment, clock=disk.elapsed_ms):
        self.output.seek(0)
        self.output.truncate()
        return clock(self.box.directory, lambda: cost(argv, environment, self.output))

    def git(self, *arguments, **options):
        environment = {"PATH": PATH, "HOME": str(self.home)}
        return self.timed([shutil.which("git", path=PATH), *arguments], environment,
                          **options)

    def fetch(self):
        return self.git("-C", str(self.fetched), "fetch", "--quiet", self.url,
                        f"+{REF}:{REF}")

    def place_aside(self):
        """A name for what nobody needs any more, until the box goes.

        Nothing is removed while we measure: ext4 gives no inode away that was freed in the
        last five seconds, and whoever makes files then looks at all of these, each time.
        """
        self.aside += 1
        return self.box.directory / f"aside.{self.aside}"

    def unpack(self):
        """tar x of what the revision holds."""
        git(self.large.path, "archive", "-o", str(self.tar), REF)
        directory = self.place_aside()
        directory.mkdir()
        return self.timed(["/usr/bin/tar", "-x", "-C", str(directory), "-f", str(self.tar)],
                          {"PATH": PATH})

    def script(self):
        return self.timed([str(SCRIPT)], {
            "PATH": PATH, "HOME": str(self.home), "REPO_URL": self.url,
            "REPO_MIRROR": str(self.home / "app.git"), "REPO_BRANCH": "main",
            "DEPLOY_TO": str(self.home / "srv"), "KEEP_RELEASES": str(KEEP_RELEASES),
            "READY_URL": f"http://127.0.0.1:{self.answering.ready['port']}/health"})

    def sync(self, expected="done", **options):
        """Its time; what it says of its stages is kept."""
        took_ms = self.timed(self.box.command("sync"), self.box.environment(), **options)
        last = self.box.status()[0]["last_run"]
        if last["result"] != expected or self.box.current()[1] != self.large.new:
            raise Bad(f"the measured sync's result is {last['result']}, of {self.large.new}")
        self.stages.append({stage["name"]: stage["duration_ms"] for stage in last["stages"]})
        return took_ms

    def repeat(self, count, perform, warm_ups=1):
        """{name: [ms]} of what perform() returns; the stages of the same runs."""
        self.stages.clear()
        found = [perform() for _ in range(warm_ups + count)][warm_ups:]
        stages = self.stages[warm_ups:]
        return {name: [one[name] for one in found] for name in found[0]}, stages

    def nothing(self):
        """Nothing is written that anybody would miss: the disk is not waited for."""
        return {"git ls-remote": self.git("ls-remote", self.url, REF, clock=disk.wall_ms),
                "bootagent sync": self.sync("nothing-to-do", clock=disk.wall_ms)}

    def one_commit(self):
        self.large.grow()
        return {"git fetch": self.fetch(), "tar x": self.unpack(),
                "deploy.sh": self.script(), "bootagent sync": self.sync()}

    def cold(self):
        """Neither of the two has anything; both clone."""
        for path in (self.home / "app.git", self.home / "srv", self.fetched,
                     self.box.root / "srv", self.box.root / "var",
                     self.box.root / "run/bootagent"):
            if path.exists():
                shutil.move(path, self.place_aside())
        return {"git clone": self.git("clone", "--quiet", "--bare", self.url,
                                      str(self.fetched)),
                "tar x": self.unpack(), "deploy.sh": self.script(),
                "bootagent sync": self.sync()}

    def anonymous_mb(self):
        """The peak of the worker's anonymous memory while it clones."""
        mirror = self.box.directory / "watched.git"
        mirror.mkdir()
        request = {"verb": "fetch", "repository": str(mirror), "url": self.url, "ref": "main"}
        return anonymous.peak_mb([str(build_directory() / "bootagent-source")],
                                 json.dumps(request).encode(), ENVIRONMENT)


def print_nothing(title, found, stages):
    """git's question, and the stage and the verb that need its answer."""
    asked = ("git ls-remote", found["git ls-remote"])
    table.head(f"{title}, nothing new, ms")
    table.row(*asked)
    table.beside("stage source", [one["source"] for one in stages], asked, NOTHING_GOAL, 1)
    table.beside("bootagent sync", found["bootagent sync"], asked, NOTHING_GOAL, 1)


def print_release(title, found, stages, goal):
    """Parts beside stages, and the whole beside the whole."""
    name = next(iter(found))
    table.head(f"{title}, ms")
    table.row(name, found[name], digits=0)
    table.beside("stage source", [one["source"] for one in stages], (name, found[name]))
    table.row("tar x", found["tar x"], digits=0)
    table.beside("stage release", [one["release"] for one in stages],
                 ("tar x", found["tar x"]), goal)
    table.row("deploy.sh", found["deploy.sh"], digits=0)
    table.beside("bootagent sync", found["bootagent sync"],
                 ("deploy.sh", found["deploy.sh"]))


def measure(bench, count):
    title, counts = f"{count:,} files", SIZES[count]
    is_largest = count == max(SIZES)
    found, stages = bench.repeat(counts["cold"], bench.cold, warm_ups=0)
    print_release(f"{title}, cold", found, stages, COLD_GOAL)
    found, stages = bench.repeat(counts["commit"], bench.one_commit)
    print_release(f"{title}, one commit", found, stages, LINKED_GOAL if is_largest else None)
    if is_largest:
        table.print_stages(stages, "stages of that sync, ms")
    found, stages = bench.repeat(counts["nothing"], bench.nothing)
    print_nothing(title, found, stages)
    if is_largest:
        table.print_stages(stages, "stages of that sync, ms")
        table.anonymous("clone", bench.anonymous_mb(), ANONYMOUS_GOAL_MB)


def run_with(count, output):
    with Box(repository=lambda where: Large(where / "app.git", count)) as box:
        (box.root / "run").mkdir()
        with disk.in_memory(box.root / "run") as is_in_memory, Bench(box, output) as bench:
            if not is_in_memory:
                print("run/ is on the disk, too: only root can mount")
            measure(bench, count)


def run():
    with tempfile.TemporaryFile() as output:
        for count in SIZES:
            run_with(count, output)


if __name__ == "__main__":
    sys.exit(ending.perform(run))
