# SPDX-License-Identifier: MIT
"""What test_neighbour.py and a reading for it found, each without a race.

Something of the application's or the fetching user's own leads outside; the workers do not
go there, or at least change nothing there.
"""
import ctypes
import json
import os
import threading
import time

import pytest

from worker.reply import TIMEOUT_S
from worker.source import APPLICATION, FETCHER
from worker.tree import OLD, REVISION, names

DELAY_US = 1500 * 1000
SYS_LANDLOCK_CREATE_RULESET, ASK_VERSION = 444, 1
HAS_LANDLOCK = ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, ASK_VERSION) >= 2


@pytest.fixture
def outside(world):
    """A directory beside the mirror and the tree, of the user that fetches."""
    path = world.root / "outside"
    path.mkdir()
    world.give(path, FETCHER)
    return path


@pytest.fixture
def deploy_to(world):
    """A tree with one empty release in it, for exports."""
    path = world.root / "app"
    for folder in (path, path / "releases", path / "shared", path / "releases" / OLD):
        folder.mkdir()
        world.give(folder, APPLICATION)
    return path


def export(world, deploy_to, revision, name=OLD, **members):
    return world.export(revision, directory=f"{deploy_to}/releases/{name}",
                        deploy_to=str(deploy_to), store=f"{deploy_to}/shared/.bootagent",
                        **members)


def listing(path):
    return sorted(str(entry.relative_to(path)) for entry in path.rglob("*"))


# ---- the mirror, which belongs to the user that fetches ------------------------------


def link(world, path, target, user=FETCHER):
    path.symlink_to(target)
    world.give(path, user)


def test_what_steers_git_is_not_removed_through_a_link(world, repository, outside):
    """The link goes, and with it what it would steer; what it leads to stays."""
    assert repository.head
    world.fetch().done()
    (outside / "attributes").write_text("of another repository\n")
    link(world, world.mirror / "info", outside)
    link(world, world.mirror / "hooks", outside)
    world.fetch().done()
    assert listing(outside) == ["attributes"]
    assert not list(world.mirror.glob("info")) and not list(world.mirror.glob("hooks"))


def test_no_ref_is_written_through_a_link(world, repository, outside):
    """libgit2 goes by path."""
    repository.commit({"a": b"a\n"}, "on main")
    world.fetch().done()
    repository.git("branch", "feature/x")
    link(world, world.mirror / "refs/heads/feature", outside)
    assert world.fetch(ref="feature/x").done()["revision"] == repository.head
    assert listing(outside) == []
    assert world.git("rev-parse", "feature/x") == repository.head


FIFOS = ["packed-refs", "FETCH_HEAD", "HEAD", "config", "refs/heads/main", "refs/heads/other",
         "refs/remotes", "objects/pack/pack-1.idx", "objects/info/alternates", "shallow"]


@pytest.mark.parametrize("name", FIFOS)
def test_a_fetch_waits_at_no_fifo(world, repository, name):
    """libgit2 would, until the supervisor's limit, and again in every run."""
    world.fetch().done()
    head = repository.commit({"a": b"a\n"}, "next")
    path = world.mirror / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    world.give(path, FETCHER)
    assert world.fetch().done()["revision"] == head
    assert not path.is_fifo()


def test_an_export_reads_no_other_repository(world, repository, outside, deploy_to):
    """Objects that the mirror borrows from where its owner points are not taken."""
    world.fetch().done()
    os.rename(world.mirror / "objects/pack", outside / "pack")
    (world.mirror / "objects/pack").mkdir()
    world.give(world.mirror / "objects/pack", FETCHER)
    world.put("objects/info/alternates", f"{outside}\n")
    export(world, deploy_to, repository.head).refused("ENOENT", "no commit")
    (world.mirror / "objects/pack").rmdir()
    os.rename(outside / "pack", world.mirror / "objects/pack")
    assert export(world, deploy_to, repository.head).done()["files"] == 2


# ---- the tree ------------------------------------------------------------------------


def test_an_export_does_not_follow_releases(world, repository, outside, deploy_to):
    """Prepared in releases/, which is a link by the time that the export begins."""
    world.fetch().done()
    (outside / OLD).mkdir()
    world.give(outside / OLD, APPLICATION)
    (deploy_to / "releases").rename(deploy_to / "aside")
    link(world, deploy_to / "releases", outside, APPLICATION)
    export(world, deploy_to, repository.head).refused("ELOOP", "releases", "a link stands")
    assert listing(outside) == [OLD]


def test_no_manifest_goes_through_shared(world, repository, outside, deploy_to):
    world.fetch().done()
    world.give(outside, APPLICATION)
    (deploy_to / "shared").rmdir()
    link(world, deploy_to / "shared", outside, APPLICATION)
    assert export(world, deploy_to, repository.head).done()["files"] == 2
    assert listing(outside) == []


def test_nothing_is_taken_from_a_release_elsewhere(world, repository, outside, deploy_to):
    """Its manifest says that all is as it was, and it is: but not in this tree."""
    world.fetch().done()
    assert export(world, deploy_to, repository.head).done()["reused"] == 0
    (deploy_to / "releases/new").mkdir()
    world.give(deploy_to / "releases/new", APPLICATION)
    os.rename(deploy_to / "releases" / OLD, outside / OLD)
    link(world, deploy_to / "previous", outside, APPLICATION)
    previous = {"directory": f"{deploy_to}/previous/{OLD}", "revision": repository.head}
    result = export(world, deploy_to, repository.head, "new", previous=previous).done()
    assert result["reused"] == 0 and result["files"] == 2


def test_no_line_goes_into_a_file_with_another_name(tree):
    os.link(tree.outside / "kept" / "file", tree.path / "revisions.log")
    tree.ask("record", line="x").refused("EMLINK", "revisions.log", "copy")
    assert tree.outside_is_whole()


def test_only_a_directory_gets_its_rights_back(tree):
    """It had none; by the time it is given some, a file of the user's own is there."""
    release = tree.release(OLD)
    (release / "config.ru").unlink()
    victim = tree.put(release / "victim")
    victim.chmod(0)
    kept = tree.outside / "kept" / "file"
    tree.give(tree.outside / "kept", kept)
    before = kept.stat().st_mode
    # 1: the release for its REVISION, 2: the release, 3: the victim, which is forbidden.
    tree.trace("-e", f"inject=openat2:delay_exit={DELAY_US}:when=3")

    def swap():
        end = time.monotonic() + TIMEOUT_S
        while (release / "REVISION").exists() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)
        victim.rename(tree.path / "aside")
        os.link(kept, victim)

    neighbour = threading.Thread(target=swap)
    neighbour.start()
    reply = tree.ask("remove", releases=[OLD])
    neighbour.join()
    assert victim.exists() or reply.error is None
    assert kept.stat().st_mode == before and tree.outside_is_whole()


# ---- the kernel's wall, where there is one ------------------------------------------

if HAS_LANDLOCK:
    def trace(world, *options):
        """What a worker is started with to run below strace; its log."""
        log = world.root / "trace"
        log.touch()
        log.chmod(0o666)
        world.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        return ["strace", "-f", "-qq", "-o", log, *options], log

    def test_the_git_worker_cannot_leave_its_trees(world, repository, deploy_to):
        """Before libgit2 opens anything, and before anything is made."""
        prefix, log = trace(world, "-e", "trace=landlock_restrict_self,mkdirat,rename,unlinkat")
        world.send(world.fetch_request(), prefix=prefix).done()
        assert "landlock_restrict_self(" in log.read_text().splitlines()[0]
        export(world, deploy_to, repository.head, prefix=prefix).done()
        assert "landlock_restrict_self(" in log.read_text().splitlines()[0]
        discard = {"verb": "discard", "repository": str(world.mirror)}
        world.send(json.dumps(discard).encode(), prefix=prefix).done()
        assert "landlock_restrict_self(" in log.read_text().splitlines()[0]

    def test_the_worker_cannot_leave_its_tree(tree):
        """Before a verb does anything, the kernel is asked to keep it in."""
        tree.release(OLD)
        log = tree.trace("-e", "trace=landlock_restrict_self,unlinkat,renameat,mkdirat")
        requests = {"inspect": {}, "prepare": {"release": "new"}, "record": {"line": "x"},
                    "finish": {"release": "new", "revision": REVISION},
                    "flush": {"release": "new", "revision": REVISION},
                    "link": {"release": OLD, "revision": REVISION, "linked_dirs": ["log"]},
                    "activate": {"release": OLD, "revision": REVISION},
                    "remove": {"releases": ["new"]}}
        for verb, members in requests.items():
            tree.ask(verb, **members).done()
            assert log.read_text().startswith("landlock_restrict_self("), verb
        assert names(tree.releases) == [OLD]
