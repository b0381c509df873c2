# SPDX-License-Identifier: MIT
"""The hostile neighbour: whatever he does in his trees, we do nothing outside them.

The application's user and the user that fetches rearrange their directories hundreds of
times a second while whole runs work (box/neighbour.py): fetch, export with reuse, linked
files, activation, records, pruning, adoption. Each seed is repeatable as far as the
scheduler allows; what a seed once found has a test of its own, without any race.
BOOTAGENT_TESTS_LONG=1 makes it longer.
"""
import json
import os
import pwd
import shutil
import stat
import subprocess
import time

import pytest

from box import neighbour
from box.box import APPLICATION_USER, PYTHON, SOURCE_USER
from box.canaries import Canaries
from conftest import IS_ROOT, WITHIN_S, shell
from servers.answer import Answer

LONG = bool(os.environ.get("BOOTAGENT_TESTS_LONG"))
SEEDS = range(200 if LONG else 6)
SEED_S = 10 if LONG else 2
# A run in which one of libgit2's files is a FIFO ends by its limits only.
LIMITS = {"source": {"timeout": "5s"}, "boot": {"deadline": "30s"}}
RUN_MAX_S = 60
VERBS = [["sync"], ["sync"], ["boot"], ["rollback"], ["sync", "--unpin"]]
CODES = (0, 1, 5, 6)


class Site:
    """A machine with two users who may become hostile, and what lies around them."""

    def __init__(self, box):
        self.box = box
        self.outside = Canaries(box.directory / "outside", [APPLICATION_USER, SOURCE_USER])
        self.mirror = box.root / "var/cache/bootagent/hello.git"
        self.trees = {APPLICATION_USER: box.deploy_to, SOURCE_USER: self.mirror}
        self.modes = {tree: stat.S_IMODE(tree.stat().st_mode) for tree in self.trees.values()}
        self.attics = {user: self.make_own("attic", user) for user in self.trees}
        self.decoys = {user: self.make_own("decoy", user) for user in self.trees}

    def make_own(self, name, user):
        path = self.box.directory / f"{name}-{user}"
        path.mkdir()
        os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        return path

    def start(self, user, kind, seed):
        argv = [PYTHON, "-B", "-c", open(neighbour.__file__, encoding="utf-8").read(),
                "--kind", kind, "--seed", str(seed), "--tree", str(self.trees[user]),
                "--attic", str(self.attics[user]), "--decoy", str(self.decoys[user])]
        for option in ("folder", "file", "linked"):
            for path in getattr(self.outside, "linked" if option == "linked" else f"{option}s"):
                argv += [f"--{option}", str(path)]
        entry = pwd.getpwnam(user)
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, user=entry.pw_uid,
                                   group=entry.pw_gid, extra_groups=[], cwd="/")
        self.box.started.append(process)
        assert process.stdout.readline(), process.stderr.read().decode()
        return process

    @staticmethod
    def stop(process):
        output, complaints = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, complaints.decode()
        return json.loads(output)["moves"]

    def check(self, with_looks):
        assert self.outside.changes(with_looks) == {}
        for decoy in self.decoys.values():
            assert [path for path in self.outside.walk(decoy) if not path.is_dir()] == []
        for user, tree in self.trees.items():
            assert self.outside.strangers(tree, user) == []

    def clear(self):
        """Everything from the beginning, but what lies outside."""
        for tree in [*self.trees.values(), *self.attics.values(), *self.decoys.values()]:
            for path in tree.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        # An owner that is not of the group loses its setgid bit by any chmod of his own.
        for tree, mode in self.modes.items():
            tree.chmod(mode)
        self.put_key()

    def put_key(self):
        """The linked file, which the application's user keeps in shared/."""
        entry = pwd.getpwnam(APPLICATION_USER)
        folder = self.box.shared("config")
        folder.mkdir(parents=True)
        (folder / "key").write_text("key\n")
        for path in (folder.parent, folder, folder / "key"):
            os.chown(path, entry.pw_uid, entry.pw_gid)


if IS_ROOT:
    @pytest.fixture
    def site(box):
        box.boot()
        made = Site(box)
        shutil.rmtree(box.shared(""))
        made.put_key()
        # The box's own application reads through `current`, wherever that leads.
        del box.config["readiness"]["revision_header"]
        with Answer(lambda _: (200, {}, b"ok\n")) as url:
            box.configure(steps=[shell("nothing", "true")], readiness={"url": url}, **LIMITS,
                          release={"keep_releases": 2, "linked_dirs": ["log"],
                                   "linked_files": [{"path": "config/key"}]})
            yield made

    def has_two(seed):
        """Whether the user that fetches is hostile as well."""
        return seed % 2 == 1

    def run_beside_neighbours(site, seed, number):
        """One run, which ends with 0 or a sentence; how often the neighbours moved."""
        box = site.box
        box.repository.commit({"a.txt": f"{seed} {number}\n".encode(),
                               f"d{number % 3}/f": b"f\n"}, "next")
        neighbours = [site.start(APPLICATION_USER, "application", f"{seed}-{number}")]
        if has_two(seed):
            neighbours.append(site.start(SOURCE_USER, "source", f"{seed}-{number}"))
        try:
            result = box.run(*VERBS[number % len(VERBS)], timeout=RUN_MAX_S)
        finally:
            moves = sum(site.stop(process) for process in neighbours)
        assert result.returncode in CODES, result.stdout + result.stderr
        assert result.returncode == 0 or box.last_run["error"]["message"], result.stderr
        return moves

    @pytest.mark.parametrize("seed", SEEDS)
    def test_nothing_outside_is_touched(site, seed):
        # A fetch looks, with the rights of the user who is hostile here, where he makes
        # libgit2's paths lead: a look alone is no harm then.
        with_looks = not has_two(seed)
        moves, number, end = 0, 0, time.monotonic() + SEED_S
        site.box.configure(release={"reuse": "hardlink" if seed % 3 else "copy"})
        while time.monotonic() < end:
            moves += run_beside_neighbours(site, seed, number)
            number += 1
            site.check(with_looks)
            # Without them it goes on, or begins anew where they left a ruin.
            if site.box.run("sync", "--unpin").returncode != 0:
                site.check(with_looks)
                site.clear()
                site.box.sync()
        assert moves > 0
