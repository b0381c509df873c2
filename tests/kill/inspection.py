# SPDX-License-Identifier: MIT
"""What must be true of a box at any moment at which nothing runs, whoever was killed.

Each check returns the sentences of what is wrong. The slot is only looked at.
"""
import errno
import fcntl
import http.client
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from kill import manifests, secret_files, step_outputs
from kill.tables import LINKED, MADE, SECRET, STEP_OUTPUT
from servers.repository import File, read_tree

PROBE_DEADLINE_S = 5
OWN_FILES = {"REVISION", STEP_OUTPUT, LINKED, SECRET, MADE}
STATUS_KEYS = {"schema", "agent_version", "boot_id", "instance", "wanted_revision", "pinned",
               "serving", "run", "draining", "last_run", "lifecycle", "times"}


def load(path):
    """A JSON file; None if it is not there. Damaged: ValueError."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def plain(entry):
    return File(entry) if isinstance(entry, bytes) else entry


class Inspection:
    """One look at a slot: what its files, its application and the region say."""

    def __init__(self, slot, good_before):
        self.slot = slot
        self.good_before = good_before
        self.releases_directory = slot.deploy_to / "releases"
        self.records = {}

    def check(self):
        """Everything, in the order in which a reader wants to know it."""
        wrong = self.check_json()
        if wrong:
            return wrong
        document = self.slot.state("releases.json") or {"releases": []}
        self.records = {record["release"]: record for record in document["releases"]}
        return [*self.check_records(), *self.check_current(), *self.check_status(),
                *self.check_verdicts(), *self.check_lock(), *self.check_manifests(),
                *self.check_outputs(), *secret_files.check(self.slot)]

    def check_json(self):
        root, wrong = self.slot.root, []
        for path in [*root.glob("var/lib/bootagent/*.json"), *root.glob("run/bootagent/*.json"),
                     root / "run/bootagent/synced"]:
            try:
                load(path)
            except ValueError as error:
                wrong.append(f"{path.relative_to(root)} does not parse: {error}")
        return wrong

    def complaints_of(self, name, revision):
        """What a release lacks to be complete."""
        directory = self.releases_directory / name
        if not directory.is_dir():
            return [f"the release {name} is not there"]
        if (directory / "REVISION").read_text() != f"{revision}\n":
            return [f"REVISION of {name} does not say {revision}"]
        found = read_tree(directory)
        output = found.get(STEP_OUTPUT)
        if self.slot.config.get("steps") and output != File(f"{revision}\n".encode()):
            return [f"the before-publish step of {name} has not left its output: {output}"]
        found = {path: entry for path, entry in found.items() if path not in OWN_FILES}
        wanted = {path: plain(entry) for path, entry in self.slot.ground.trees[revision].items()}
        differing = [path for path in found.keys() | wanted.keys()
                     if found.get(path) != wanted.get(path)]
        if differing:
            return [f"the release {name} differs from its commit in {sorted(differing)}"]
        return self.writable_of(name, found)

    def writable_of(self, name, files):
        """What is one file for all releases can be written by nobody."""
        if self.slot.scenario.reuse != "hardlink":
            return []
        paths = [self.releases_directory / name / path for path, entry in files.items()
                 if isinstance(entry, File)]
        return [f"{path} can be written" for path in paths if path.stat().st_mode & 0o222]

    def incomplete(self, name, revision):
        try:
            return self.complaints_of(name, revision)
        except OSError as error:
            return [f"the release {name}: {error}"]

    def check_records(self):
        wrong = [f"releases.json calls it {record['state']}, but {sentence}"
                 for name, record in self.records.items() if record["state"] != "making"
                 for sentence in self.incomplete(name, record["revision"])]
        good = {name for name, record in self.records.items() if record["state"] == "good"}
        return wrong + [f"the good release {name} disappeared"
                        for name in sorted(self.good_before - good - self.slot.ground.prunable)]

    def check_manifests(self):
        """Those of releases that are to stay; the others' are swept by the next export."""
        revisions = {name: record["revision"] for name, record in self.records.items()}
        return manifests.check(self.slot.deploy_to, revisions)

    def check_outputs(self):
        return step_outputs.check(self.slot, {
            name: record["revision"] for name, record in self.records.items()
            if record["state"] != "making"})

    def check_current(self):
        link = self.slot.deploy_to / "current"
        if not os.path.lexists(link):
            return ["current is gone"] if self.good_before else []
        if not link.is_symlink():
            return ["current is not a link"]
        parts = Path(os.readlink(link)).parts
        if len(parts) != 2 or parts[0] != "releases":
            return [f"current is the link {os.readlink(link)}"]
        record = self.records.get(parts[1])
        if record is None or record["state"] == "making":
            return [f"current is {parts[1]}, which releases.json has as {record}"]
        return [f"current: {sentence}"
                for sentence in self.incomplete(parts[1], record["revision"])]

    def ask_application(self):
        """The revision that answers well; None: none does."""
        connection = http.client.HTTPConnection(
            urlsplit(self.slot.config["readiness"]["url"]).netloc, timeout=PROBE_DEADLINE_S)
        try:
            connection.request("GET", "/health")
            reply = connection.getresponse()
            reply.read()
            return reply.getheader("X-Revision") if reply.status == 200 else None
        finally:
            connection.close()

    def check_status(self):
        result = self.slot.run("status", "--json")
        if result.returncode not in (0, 3) or result.stderr:
            return [f"status ended with {result.returncode}: {result.stderr}"]
        status = json.loads(result.stdout)
        if set(status) != STATUS_KEYS:
            return [f"status has the keys {sorted(status)}"]
        wrong = []
        if status["run"]["state"] != "idle":
            wrong.append(f"status says that a run is {status['run']}")
        ready = status["serving"]["ready"]
        if (ready is True) is not (result.returncode == 0):
            wrong.append(f"status ended with {result.returncode}, ready is {ready}")
        if ready:
            return wrong + self.check_serving(status)
        return wrong + self.check_not_serving(ready)

    def check_not_serving(self, ready):
        """Past the flip nothing serves, until it is proven; before, nothing is known."""
        current = self.slot.current()
        state = self.records.get(current[0], {}).get("state") if current else None
        if current and state != "good" and ready is not False:
            return [f"status: ready is {ready}, and current is {current[0]}, {state}"]
        return []

    def check_serving(self, status):
        """`ready` is a proof: this release, good, is current, and answers."""
        serving = status["serving"]
        claimed = (serving["release"], serving["revision"])
        wrong = []
        if self.slot.current() != claimed:
            wrong.append(f"status: {claimed} serves, but current is {self.slot.current()}")
        if self.records.get(serving["release"], {}).get("state") != "good":
            wrong.append(f"status: {serving['release']} serves, and is not recorded as good")
        if self.ask_application() != serving["revision"]:
            wrong.append(f"status: {claimed} serves, but the application answers with "
                         f"{self.ask_application()}")
        if serving["up_to_date"] and serving["revision"] != status["wanted_revision"]:
            wrong.append(f"status: {claimed} is up to date, and {status['wanted_revision']} is "
                         "wanted")
        return wrong

    def verdicts(self):
        """What the region was told of this instance: [(result, status)]."""
        calls = self.slot.region.calls(kind="aws", action="CompleteLifecycleAction")
        return [(call["parameters"]["LifecycleActionResult"], call["status"]) for call in calls
                if call["parameters"]["InstanceId"] == self.slot.instance["instance_id"]]

    def check_verdicts(self):
        told = {result for result, _ in self.verdicts()}
        if len(told) > 1:
            return [f"the region was told {self.verdicts()}"]
        if self.slot.scenario.is_first_boot and "CONTINUE" in told and \
                self.ask_application() != self.slot.repository.head:
            return [f"CONTINUE, but the application answers with {self.ask_application()}"]
        return []

    def check_lock(self):
        path = self.slot.root / "run/bootagent/lock"
        if not path.exists():
            return []
        with path.open("rb+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return [f"the lock is held: {errno.errorcode[error.errno]}"]
        return []
