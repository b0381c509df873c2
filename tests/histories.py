#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Exports revisions of real repositories, and compares each with what `git archive` makes.

    PYTHONPATH=tests BOOTAGENT_BUILD=build/release tests/histories.py [-n COUNT] GIT_DIRECTORY...

By hand: such repositories are not the project's. COUNT revisions (default 40) are taken
evenly from everything that its references reach. Names, types, modes, contents and link
targets must be equal. A revision that the agent refuses (pointers of Git LFS in the place
of files) is told and counted apart. The exit status is 1 if one differs.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from worker.source import World
from worker.trees import contents

GIT_DEADLINE_S = 600


def git(directory, *arguments):
    return subprocess.run(["git", "-c", "safe.directory=*", "-c", "tar.umask=0022", "-C",
                           directory, *arguments], check=True, capture_output=True,
                          timeout=GIT_DEADLINE_S).stdout


def archived(world, directory, revision):
    """What `git archive | tar x` leaves, as `contents`."""
    target = world.root / "archived"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    subprocess.run(["tar", "-x", "-p", "-C", target], check=True, timeout=GIT_DEADLINE_S,
                   input=git(directory, "archive", "--format=tar", revision))
    return contents(target)


def exported(world, directory, revision):
    """(what an export leaves, None), or (None, why it was refused)."""
    shutil.rmtree(world.target)
    world.make_target()
    reply = world.export(revision, repository=directory)
    if reply.error:
        return None, reply.error["message"]
    return contents(world.target), None


def sample(directory, count):
    """Revisions spread evenly over the history, the latest among them."""
    revisions = git(directory, "rev-list", "--all").decode().split()
    step = max(1, len(revisions) // count)
    return len(revisions), revisions[::step][:count]


def differences(ours, theirs):
    return [(path, ours.get(path), theirs.get(path))
            for path in sorted({*ours, *theirs}) if ours.get(path) != theirs.get(path)]


def compare(world, directory, count):
    """One line for the repository; the number of revisions that differ."""
    total, revisions = sample(directory, count)
    equal, refused, differing, files = 0, {}, 0, 0
    for revision in revisions:
        ours, refusal = exported(world, directory, revision)
        if refusal:
            refused[revision] = refusal
            continue
        found = differences(ours, archived(world, directory, revision))
        files += len(ours)
        differing += bool(found)
        equal += not found
        for path, one, other in found[:3]:
            print(f"  {revision[:12]} {path!r}: {one}, git archive: {other}")
    print(f"{directory}: {equal} of {len(revisions)} equal ({total} commits, {files} entries "
          f"compared), {differing} differ, {len(refused)} refused")
    for revision, refusal in list(refused.items())[:3]:
        print(f"  {revision[:12]} refused: {refusal}")
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=40, metavar="COUNT")
    parser.add_argument("directory", nargs="+", metavar="GIT_DIRECTORY")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bootagent-histories."))
    try:
        root.chmod(0o755)
        world = World(root)
        differing = [compare(world, str(Path(directory).resolve()), options.n)
                     for directory in options.directory]
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if any(differing) else 0


if __name__ == "__main__":
    sys.exit(main())
