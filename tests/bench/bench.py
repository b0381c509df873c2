#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`: a boot that finds everything done, beside a user-data script for the same.

The wanted release is current and good, the application answers, there are no steps. What is
left to do: ask the metadata who one is, ask git what is wanted, ask the application whether
it answers, complete the hook. Both do it in turn, script, agent, script, agent …, each time
for an instance that was launched for this run and waits in Pending:Wait.
"""
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from box.box import PATH, Box, build_directory
from measure import Bad, cost, memory
import ending
import table

WARM_UPS = 1
COUNTED = 11
WATCHED = 9
GROUP = "web"
HOOK = "launch"
SCRIPT = Path(__file__).with_name("user-data.sh")
DEADLINE_S = 60


class Bench:
    """One box, and the two ways to boot it."""

    def __init__(self, box, output):
        self.box = box
        self.output = output
        self.home = box.directory / "user-data"
        self.mirror = self.home / "hello.git"

    def prepare(self):
        """The state a baked image has: the release is there and good, the mirror is full."""
        result = self.box.run("boot")
        if result.returncode != 0:
            raise Bad(f"the first boot failed:\n{result.stdout}{result.stderr}")
        self.home.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--mirror",
                        self.box.config["source"]["repo_url"], str(self.mirror)],
                       env=self.script_environment(), stdin=subprocess.DEVNULL,
                       stdout=self.output, stderr=self.output, timeout=DEADLINE_S, check=True)

    def script_environment(self):
        return {**self.box.environment(), "PATH": PATH, "HOME": str(self.home),
                "REPO_MIRROR": str(self.mirror), "REPO_BRANCH": "main",
                "DEPLOY_TO": str(self.box.deploy_to), "GROUP": GROUP, "HOOK": HOOK,
                "READY_URL": self.box.config["readiness"]["url"]}

    def script(self, how):
        return self.perform(how, [str(SCRIPT)], self.script_environment)

    def agent(self, how):
        return self.perform(how, self.box.command("boot"), self.box.environment)

    def perform(self, how, argv, environment):
        """One run for an instance of its own, which must be in service afterwards."""
        box = self.box
        box.region.remove(box.instance["instance_id"])
        box.region.clear_calls()
        box.reboot()
        box.instance = box.region.launch(group=GROUP, hook=HOOK)
        self.output.seek(0)
        self.output.truncate()
        result = how(argv, environment(), self.output)
        found = box.region.instance(box.instance["instance_id"])
        if (found["state"], found["result"], found["result_by"]) != \
                ("InService", "CONTINUE", "call"):
            raise Bad(f"{argv[0]}: the instance is {found['state']}, {found['result']}")
        return result

    def stages(self):
        """What the last boot says of itself; it must have been one that found all done."""
        status, _ = self.box.status()
        last = status["last_run"]
        if last["result"] != "nothing-to-do":
            raise Bad(f"the measured boot's result is {last['result']}")
        return {stage["name"]: stage["duration_ms"] for stage in last["stages"]}

    def measure(self):
        """Script and agent in turn; the warm-ups are thrown away."""
        scripts, agents, stages = [], [], []
        for _ in range(WARM_UPS + COUNTED):
            scripts.append(self.script(cost))
            agents.append(self.agent(cost))
            stages.append(self.stages())
        return scripts[WARM_UPS:], agents[WARM_UPS:], stages[WARM_UPS:]

    def watch(self):
        """Peak memory, in runs of their own; None where no process may be traced."""
        try:
            pairs = [(self.script(memory), self.agent(memory)) for _ in range(WATCHED)]
        except Bad as error:
            return print(f"memory   not measured: {error}", file=sys.stderr)
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def version(*command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=DEADLINE_S, check=True, env={"PATH": PATH, "HOME": "/"})
    return result.stdout.split("\n")[0].strip()


def describe_machine():
    print(f"machine  {platform.system()} {platform.release()} {platform.machine()}, "
          f"{len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.1f} before")
    print("agent    " + version(str(build_directory() / "bootagent"), "--version"))
    print("script   bash, " + ", ".join([
        version("/usr/bin/aws", "--version").split()[0],
        " ".join(version("curl", "--version").split()[:2]),
        version("git", "--version")]))


def run():
    describe_machine()
    with tempfile.TemporaryFile() as output, Box(group=GROUP, hook=HOOK) as box:
        bench = Bench(box, output)
        bench.prepare()
        scripts, agents, stages = bench.measure()
        watched = bench.watch()
    table.print_costs(scripts, agents)
    if watched:
        table.print_memory(*watched)
    table.print_stages(stages)


if __name__ == "__main__":
    sys.exit(ending.perform(run))
