# SPDX-License-Identifier: MIT
"""What is killed, where, and in which runs: a later issue adds a row here.

A commit point is the N-th call of one of CALLS in one process; the kill comes before the
call is done, so the points of a process together are every state its files go through.
At a helper's point there are two runs: in one the helper dies and the supervisor says so
and takes back; in the other the supervisor dies while the helper stands before the call,
and must take it along: so all that runs ends at the point, as when the machine does.
"""
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Tuple

from servers.repository import File, Symlink

# Each is counted and aimed at by itself, as strace does. libgit2 moves a file by link and
# unlink where it can. At pidfd_open the supervisor has just started a child. With ioctl a
# file is cloned where the file system can do that; with sendto and sendmsg others are told.
CALLS = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
         "unlink", "unlinkat", "mkdir", "mkdirat", "fsync", "fdatasync", "syncfs",
         "copy_file_range", "ioctl", "sendto", "sendmsg", "pidfd_open", "exit_group")

# Before it all was done and said, also by a helper that changed nothing.
LAST_CALL = "exit_group"

# What an export takes a file of the previous release over with.
TAKING_OVER = {"copy": ("ioctl", "copy_file_range"), "hardlink": ("linkat",)}

SUPERVISOR = "bootagent"
HELPERS = ("bootagent-source", "bootagent-tree")
PROCESSES = (SUPERVISOR, *HELPERS)

# Helper processes without which the run goes on to the same end.
FORGIVEN = frozenset({"record", "remove"})

STEP_OUTPUT = "prepared.txt"
LINKED = "log"
# What a step with outputs makes, and of what; half of it stands there for a moment.
MADE, MADE_OF = "made", "a.txt"
SECRET, SECRET_PARAMETER = "config/master.key", "/hello/master-key"
VARIABLE, VARIABLES_PARAMETER = "TOKEN", "/hello/env"
# About as long as a parameter can be, and of two lengths: half of one is neither.
OLD_SECRET, NEW_SECRET = "the old key\n" * 300, "the new key!\n" * 310
STEPS = [
    {"name": "prepare", "run": ["sh", "-c", f"echo $BOOTAGENT_REVISION > {STEP_OUTPUT}"]},
    {"name": "publish", "when": "after-publish",
     "run": ["sh", "-c", "test -L $BOOTAGENT_DEPLOY_TO/current"]},
]
MAKING_STEP = {"name": "make", "inputs": [MADE_OF], "outputs": [MADE], "run": [
    "sh", "-c", f"echo half > {MADE}/file; cat {MADE_OF} > {MADE}/file"]}

FIRST = {
    "a.txt": b"first\n",
    "bin/tool": File(b"#!/bin/sh\n", executable=True),
    "docs/readme.md": b"# hello\n",
    "docs/\ud55c\uad6d\uc5b4.txt": b"annyeong\n",
    "link": Symlink("docs/readme.md"),
    "deep/er/still/file": b"x" * 70000,
}
# Changed in place after its export, as the manifest has it: not to be taken over.
TOUCHED = "docs/\ud55c\uad6d\uc5b4.txt"
TAKEN_OVER = 2  # other files of FIRST, at least, that a change below leaves alone
SECOND = {"a.txt": b"second\n", "new.txt": b"new\n", "docs/readme.md": None,
          "link": Symlink("a.txt")}
THIRD = {"a.txt": b"third\n", "docs/readme.md": b"# back\n"}
BROKEN = {"a.txt": b"broken\n", "broken": b""}


@dataclass(frozen=True)
class Scenario:
    """One undisturbed run, and what a disturbed one may end with.

    `change` is what is committed after the box was booted; None: it was never booted, {}:
    nothing new. `served` are changes that were brought into service before that.
    With `goes_back` the verb is told the first release's name, and that is what is wanted;
    with `prunes` that release is to go.
    With `is_damaged` the mirror is, and an earlier one was set aside.
    `verbs` are the helper processes in the order in which they start.
    `config` is merged into the box's, section by section.
    `helper_exits` is what the supervisor may say when it is a helper that died.
    """
    name: str
    verb: str
    exit_code: int
    change: Dict
    is_wanted_served: bool
    helper_exits: FrozenSet[int]
    verbs: Dict[str, Tuple[str, ...]]
    config: Dict = field(default_factory=dict)
    served: Tuple[Dict, ...] = ()
    goes_back: bool = False
    prunes: bool = False
    is_damaged: bool = False

    @property
    def is_first_boot(self):
        return self.change is None

    @property
    def reuse(self):
        """How an export takes files over: bootagent.json(5)."""
        return self.config.get("release", {}).get("reuse", "copy")

    @property
    def has_secret(self):
        return "linked_files" in self.config.get("release", {})

    @property
    def has_outputs(self):
        return any("outputs" in step for step in self.config.get("steps", ()))

    @property
    def has_variable(self):
        return "environment_parameters" in self.config.get("application", {})


SECRETS = [{"path": SECRET, "parameter": SECRET_PARAMETER}]
MAKING = ("inspect", "prepare", "finish", "activate")
LINKING = ("inspect", "prepare", "finish", "link", "activate")
SOURCE = ("fetch", "export")

# Between them: a secret that is new and one that changes, files taken over in both ways, and
# releases with hard links that are gone back to, gone back from and removed.
SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario("boot", "boot", 0, None, True, frozenset({1}),
             {"bootagent-source": SOURCE, "bootagent-tree": (*LINKING, "record")},
             {"application": {"environment_parameters": VARIABLES_PARAMETER},
              "release": {"linked_files": SECRETS}}),
    Scenario("sync", "sync", 0, SECOND, True, frozenset({5}),
             {"bootagent-source": SOURCE, "bootagent-tree": (*LINKING[:-1], "flush", "activate",
                                                              "record")},
             {"steps": STEPS, "release": {"linked_dirs": [LINKED], "linked_files": SECRETS}}),
    # Killed while it takes back, it cannot: then nothing good is said to serve. With an
    # interval above the timeout there is one probe, however fast the machine is. What it
    # remembers in the end, the next run refuses.
    Scenario("back", "sync", 5, BROKEN, False, frozenset({1, 5}),
             {"bootagent-source": SOURCE, "bootagent-tree": (*MAKING[:-1], "flush", "activate",
                                                              "activate")},
             {"steps": STEPS, "release": {"reuse": "hardlink"},
              "readiness": {"interval": "1s"}}),
    Scenario("rollback", "rollback", 0, {}, True, frozenset({5}),
             {"bootagent-source": (),
              "bootagent-tree": ("inspect", "inspect", "activate", "record")},
             {"steps": STEPS, "release": {"reuse": "hardlink"}},
             served=(SECOND,), goes_back=True),
    Scenario("prune", "sync", 0, THIRD, True, frozenset({5}),
             {"bootagent-source": SOURCE, "bootagent-tree": (*MAKING, "record", "remove")},
             {"release": {"keep_releases": 1, "reuse": "hardlink"}},
             served=(SECOND,), prunes=True),
    # One release is removed, and with it what the step made of it.
    Scenario("outputs", "sync", 0, THIRD, True, frozenset({5}),
             {"bootagent-source": SOURCE,
              "bootagent-tree": ("inspect", "prepare", "finish", "find-outputs",
                                 "keep-outputs", "flush", "activate", "record", "remove",
                                 "remove")},
             {"steps": [*STEPS, MAKING_STEP], "release": {"keep_releases": 1},
              "outputs": {"max_size": "0"}},
             served=(SECOND,), prunes=True),
    Scenario("repair", "sync", 0, SECOND, True, frozenset({5}),
             {"bootagent-source": ("fetch", "discard", *SOURCE),
              "bootagent-tree": (*MAKING, "record")}, is_damaged=True),
)}


@dataclass(frozen=True)
class Point:
    """The `number`-th `call` of the `index`-th process of a helper, or of the supervisor."""
    scenario: str
    process: str
    index: int  # from 1; 0 for the supervisor
    verb: str
    call: str
    number: int
    is_orphaned: bool = False  # not the helper is killed there, but the supervisor meanwhile

    @property
    def ends_supervisor(self):
        return self.index == 0 or self.is_orphaned

    def __str__(self):
        which = f" {self.index} ({self.verb})" if self.index else ""
        orphaned = ", orphaned" if self.is_orphaned else ""
        return (f"{self.scenario}: {self.process}{which}: before {self.call} {self.number}"
                f"{orphaned}")
