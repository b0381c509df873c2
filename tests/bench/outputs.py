#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`, fourth part: bundle install in deployment mode as a step with outputs.

Releases with the lock of before (a hit), with a lock that nobody had yet (a miss: bundler
runs), and with the first lock again; beside them the same step without outputs. Gems come
from a gem server on loopback, one has a C extension. The step's time is the agent's own
account, in whole milliseconds; beside it the one call of bootagent-tree that a hit takes,
measured from outside. TMPDIR chooses the disk; run/ is in memory if we are root.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import disk
import ending
import table
from box.box import APPLICATION_USER, PYTHON, Box, build_directory, server_environment
from measure import Bad
from servers.gems import build_gem
from servers.process import Server, identity

HITS = 15
ROUNDS = 4
GOAL_MS = 5
DEADLINE_S = 60
OUTPUT = "vendor/bundle"
STEP = {"name": "bundle", "run": ["bundle", "install"], "timeout": "5m"}
CACHED = {**STEP, "inputs": ["Gemfile", "Gemfile.lock"], "outputs": [OUTPUT],
          "key_command": ["ruby", "-v"]}
ENVIRONMENT = {"BUNDLE_DEPLOYMENT": "true", "BUNDLE_PATH": OUTPUT}
LOCK = ("GEM\n  remote: {url}/\n  specs:\n    native (1.0.0)\n    pure (1.0.{patch})\n\n"
        "PLATFORMS\n  ruby\n\nDEPENDENCIES\n  native\n  pure\n")


def files(url, patch):
    return {"Gemfile": f'source "{url}"\ngem "native"\ngem "pure"\n'.encode(),
            "Gemfile.lock": LOCK.format(url=url, patch=patch).encode()}


class Bench:
    def __init__(self, box, url):
        self.box = box
        self.url = url
        self.stages = []

    def configure(self, step):
        self.box.config["application"]["environment"] = ENVIRONMENT
        self.box.config["steps"] = [step]
        self.box.config["release"] = {"keep_releases": 1000}
        self.box.write_config()

    def deploy(self, patch, cached, verb="sync"):
        """How long the step took."""
        box = self.box
        box.repository.commit({"a.txt": f"{box.repository.head}\n".encode(),
                               **files(self.url, patch)}, "new")
        disk.settle(box.directory)
        done = box.run(verb)
        last = box.status()[0]["last_run"]
        if done.returncode != 0 or last["steps"][0]["cached"] != cached:
            raise Bad(f"the measured {verb} was not as expected: {done.stderr}")
        self.stages.append(next(stage["duration_ms"] for stage in last["stages"]
                                if stage["name"] == "steps"))
        return last["steps"][0]["duration_ms"]

    def request(self):
        """What the agent sends for the release that serves, key_command answered."""
        name, revision = self.box.current()
        return json.dumps({
            "verb": "find-outputs", "deploy_to": str(self.box.deploy_to), "release": name,
            "revision": revision, "run": "bench", "step": "bundle",
            "command": CACHED["run"], "inputs": CACHED["inputs"], "outputs": [OUTPUT],
            "environment": [f"{key}={value}" for key, value in ENVIRONMENT.items()],
            "key_command": CACHED["key_command"], "answer": self.answer()}).encode()

    def answer(self):
        known = self.box.state("key-commands.json")
        return known["answers"][0]["known"]["answer"]

    def call(self):
        """The worker alone, on a release without its link."""
        os.unlink(self.box.deploy_to / "current" / OUTPUT)
        disk.settle(self.box.directory)
        user = APPLICATION_USER if os.geteuid() == 0 else None
        reply = []

        def perform():
            reply.append(subprocess.run(
                [str(build_directory() / "bootagent-tree")], input=request, check=True,
                capture_output=True, env={}, timeout=DEADLINE_S, **identity(user)).stdout)
        request = self.request()
        took_ms = disk.wall_ms(self.box.directory, perform)
        if not json.loads(reply[0].splitlines()[-1])["result"]["hit"]:
            raise Bad("the worker found nothing")
        return took_ms


def measure(bench):
    bench.configure(CACHED)
    bench.deploy(0, False, "boot")
    bench.stages.clear()
    hits = [bench.deploy(0, True) for _ in range(HITS)]
    hit_stages = list(bench.stages)
    calls = [bench.call() for _ in range(HITS)]
    misses, reverted = [], []
    for patch in range(1, ROUNDS + 1):
        misses.append(bench.deploy(patch, False))
        reverted.append(bench.deploy(0, True))
    bench.configure(STEP)
    plain = [bench.deploy(0, None) for _ in range(ROUNDS)]
    table.head("bundle install, ms")
    table.row("without outputs", plain, digits=0)
    table.row("a lock not seen yet", misses, digits=0)
    table.row("the lock of before", hits,
              f"goal {GOAL_MS}: {table.verdict(sorted(hits)[len(hits) // 2] <= GOAL_MS)}",
              digits=0)
    table.row("  the stage of it", hit_stages, digits=0)
    table.row("  the worker alone", calls)
    table.row("the first lock again", reverted, digits=0)


def run():
    with tempfile.TemporaryDirectory(prefix="bootagent-bench.") as name:
        root = Path(name)
        build_gem(root, "native", "1.0.0", 42, is_native=True)
        for patch in range(ROUNDS + 1):
            build_gem(root, "pure", f"1.0.{patch}", patch)
        with Server.start([PYTHON, "-B", "-m", "servers.gems", "--root", name],
                          env=server_environment()) as server, Box() as box:
            (box.root / "run").mkdir()
            with disk.in_memory(box.root / "run"):
                measure(Bench(box, server.ready["url"]))


if __name__ == "__main__":
    sys.exit(ending.perform(run))
