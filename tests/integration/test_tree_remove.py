# SPDX-License-Identifier: MIT
"""bootagent-tree, remove: exactly the listed releases, whatever somebody does meanwhile."""
import json
import os
import pwd
import resource
import shlex
import shutil
import signal
import threading
import time

import pytest

from servers.namespace import own_mounts
from worker.reply import TIMEOUT_S
from worker.tree import NEW, OLD, REVISION, USER, Swapper, make_socket, names


def test_remove_exactly_the_listed(tree):
    for name in ("20250101000000", "20250102000000", OLD, NEW):
        tree.release(name)
    tree.link(tree.current, f"releases/{NEW}")
    reply = tree.ask("remove", releases=["20250102000000", "gone", OLD])
    assert reply.result == {"removed": 2}
    assert [p for p in reply.progress if "release" in p] == [
        {"release": "20250102000000"}, {"release": OLD}]
    assert names(tree.releases) == ["20250101000000", NEW]
    assert tree.ask("remove", releases=["20250102000000", OLD]).result == {"removed": 0}


def test_remove_without_releases(tree):
    assert tree.ask("remove", releases=[OLD]).result == {"removed": 0}
    for wrong in ([], None, OLD, {OLD: True}, [OLD, 1], [OLD, None], [OLD, "a\0b"]):
        tree.ask("remove", releases=wrong).refused("EINVAL")


@pytest.mark.parametrize("target", ["releases/{name}", "{path}/releases/{name}",
                                    "./releases/{name}", "releases/../releases/{name}/",
                                    "releases/alias"])
def test_remove_never_touches_current(tree, target):
    tree.release(OLD)
    release = tree.release(NEW)
    tree.link(tree.releases / "alias", NEW)
    tree.link(tree.current, target.format(path=tree.path, name=NEW))
    tree.ask("remove", releases=[OLD, NEW]).refused("EBUSY", NEW, "current")
    assert names(release) == ["REVISION", "config.ru"]
    assert OLD in names(tree.releases), "nothing is removed when the list is wrong"


def test_remove_leaves_what_links_point_to(tree):
    release = tree.release(OLD)
    tree.put(tree.path / "shared" / "log" / "production.log", "line\n")
    tree.link(release / "log", "../../shared/log")
    tree.link(release / "etc", tree.outside)
    tree.link(release / "file", tree.outside / "kept" / "file")
    tree.link(release / "loop", "loop")
    tree.link(release / "up", "../..")
    os.link(tree.outside / "kept" / "file", release / "hard")
    assert tree.ask("remove", releases=[OLD]).result == {"removed": 1}
    assert not (tree.releases / OLD).exists() and tree.outside_is_whole()
    assert (tree.path / "shared" / "log" / "production.log").exists()


def test_remove_swapped_releases(tree):
    tree.link(tree.releases, tree.outside)
    tree.ask("remove", releases=["kept"]).refused("ENOTDIR", "'releases'", "away")
    assert tree.outside_is_whole()


def test_remove_a_name_that_is_no_directory(tree):
    """A link or file at a release's name goes; what the link means stays."""
    tree.put(tree.releases)
    tree.link(tree.releases / "a", tree.outside)
    tree.put(tree.releases / "b", "x")
    os.mkfifo(tree.releases / "c")
    assert tree.ask("remove", releases=["a", "b", "c"]).result == {"removed": 3}
    assert names(tree.releases) == [] and tree.outside_is_whole()


def test_remove_odd_names_and_kinds(tree):
    release = tree.release(OLD)
    for name in (b"new\nline", b"\xff\xfe", b"-rf", b"*", b" ", b"x" * 255, b".hidden",
                 "\ud55c\uad6d".encode(), b".tmp-0123456789abcdef"):
        folder = bytes(release) + b"/" + name
        os.mkdir(folder)
        os.symlink(bytes(tree.outside), folder + b"/" + name)
        tree.give(folder)
    os.mkfifo(release / "fifo")
    make_socket(tree, release / "socket")
    assert tree.ask("remove", releases=[OLD]).result == {"removed": 1}
    assert names(tree.releases) == [] and tree.outside_is_whole()


@pytest.mark.parametrize("bits", [0o000, 0o400, 0o500, 0o100, 0o300, 0o444])
def test_remove_forbidden_directories(tree, bits):
    release = tree.release(OLD)
    tree.put(release / "a" / "b" / "file", "x")
    tree.put(release / "empty")
    for path in (release / "a" / "b", release / "a", release / "empty", release):
        path.chmod(bits)
    assert tree.ask("remove", releases=[OLD]).result == {"removed": 1}
    assert names(tree.releases) == []


# A skip counts as a failure, so a test that only root can set up is not there for others.
if os.geteuid() == 0:

    def test_remove_says_what_it_may_not(tree):
        release = tree.release(OLD)
        tree.put(release / "theirs" / "file\nname", "x")
        os.chown(release / "theirs", 0, 0)
        message = tree.ask("remove", releases=[OLD]).refused("EACCES", OLD, "by hand")
        assert "file name" in message
        assert not (release / "REVISION").exists(), "half a release cannot be activated"

    def test_remove_what_is_all_of_another_user(tree):
        """Like a release that root once deployed."""
        release = tree.release(OLD)
        for path in (release, *release.iterdir()):
            os.chown(path, 0, 0)
        tree.ask("remove", releases=[OLD]).refused("EACCES", OLD, "'REVISION'", "by hand")

    @pytest.mark.parametrize("options", [["--bind", "{outside}"], ["-t", "tmpfs", "none"]])
    def test_remove_does_not_enter_a_mount(tree, options):
        point = tree.put(tree.release(OLD) / "mounted")
        mount = shlex.join(["mount", *options, str(point)]).format(outside=tree.outside)
        script = f'{mount} && "$@"; status=$?; umount {shlex.quote(str(point))}; exit $status'
        tree.prefix = [*own_mounts(), "sh", "-c", script, "sh", *tree.prefix]
        tree.ask("remove", releases=[OLD]).refused("EXDEV", "mounted")
        assert tree.outside_is_whole()


def make_deep(tree, release, levels):
    """Directories below each other, far beyond what one path or all descriptors reach."""
    here = os.open(release, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        os.symlink(tree.outside, "out", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        if tree.prefix:
            user = pwd.getpwnam(USER)
            os.fchown(here, user.pw_uid, user.pw_gid)
    os.close(here)


def test_remove_a_deep_tree(tree):
    make_deep(tree, tree.release(OLD), 3000)

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

    request = {"verb": "remove", "deploy_to": str(tree.path), "releases": [OLD]}
    reply = tree.send(json.dumps(request).encode(), preexec_fn=few_descriptors)
    assert reply.result == {"removed": 1}
    assert names(tree.releases) == [] and tree.outside_is_whole()


def make_large(tree, release, files=5000, folders=100):
    for folder in range(folders):
        tree.put(release / f"dir{folder}" / "first", "x")
    for number in range(files):
        (release / f"dir{number % folders}" / f"file{number}").touch()


def test_remove_many_files(tree):
    make_large(tree, tree.release(OLD))
    tree.put(tree.releases / OLD / "wide")
    for number in range(1500):
        tree.put(tree.releases / OLD / "wide" / f"sub{number}")
    reply = tree.ask("remove", releases=[OLD])
    assert reply.result == {"removed": 1} and names(tree.releases) == []
    counts = [p["removed_entries"] for p in reply.progress if "removed_entries" in p]
    assert counts == sorted(counts)


def test_remove_shows_that_it_works(tree):
    """A line at least every quarter of a second, or the supervisor takes it for stuck."""
    release = tree.put(tree.releases / OLD)
    for number in range(4):
        tree.put(release / f"file{number}", "x")
    tree.trace("-e", "inject=unlinkat:delay_enter=300000")
    assert tree.ask("remove", releases=[OLD]).progress == [
        {"release": OLD}, *({"removed_entries": n} for n in range(1, 6))]


def test_killed_removal_is_taken_up_again(tree):
    make_large(tree, tree.release(OLD))
    with tree.start() as worker:
        worker.stdin.write(json.dumps({"verb": "remove", "deploy_to": str(tree.path),
                                       "releases": [OLD]}).encode())
        worker.stdin.close()
        assert b"release" in worker.stdout.readline()
        while (tree.releases / OLD / "REVISION").exists():
            assert worker.poll() is None
        worker.send_signal(signal.SIGKILL)
    tree.ask("activate", release=OLD, revision=REVISION).refused("ESTALE")
    assert tree.ask("remove", releases=[OLD]).error is None
    assert names(tree.releases) == []


def test_remove_while_directories_are_swapped(tree):
    """Whatever the worker says of it, nothing outside is touched, and it comes to an end."""
    swaps = 0
    log = tree.put(tree.path / "revisions.log", "a line\n")
    tree.put(tree.path / "shared" / "dir5" / "file", "x")
    for number in range(12):
        name = f"2026030100{number:04}"
        release = tree.release(name)
        make_large(tree, release, 300, 10)
        swapper = Swapper(tree, release / "dir5")
        swapper.start()
        reply = tree.ask("remove", releases=[name])
        swapper.stopped.set()
        swapper.join()
        swaps += swapper.swaps
        if reply.error:
            assert reply.error["code"] in ("ENOTEMPTY", "ESTALE", "ENOENT", "ENOTDIR",
                                           "EXDEV"), reply.error
        assert tree.outside_is_whole() and log.read_text() == "a line\n"
        assert (tree.path / "shared" / "dir5" / "file").exists()
        shutil.rmtree(tree.path / "aside", ignore_errors=True)
        assert tree.ask("remove", releases=[name]).error is None
        assert not release.exists()
    assert swaps > 0


DELAY_US = 1500 * 1000


def wait_until_gone(path):
    end = time.monotonic() + TIMEOUT_S
    while path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not path.exists()


class Neighbour:
    """Does something of its own as soon as the worker has removed a path."""

    def __init__(self, path):
        self.path = path
        self.thread = None
        self.done = False

    def then(self, action):
        def act():
            wait_until_gone(self.path)
            action()
            self.done = True

        self.thread = threading.Thread(target=act)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.thread.join()
        assert self.done


def test_remove_a_directory_swapped_before_it_is_entered(tree):
    """The worker has seen a directory; what it opens a moment later is a link."""
    release = tree.release(OLD)
    (release / "config.ru").unlink()
    tree.put(release / "victim" / "file", "x")
    # 1: the release for its REVISION, 2: the release, 3: the victim
    tree.trace("-e", f"inject=openat2:delay_enter={DELAY_US}:when=3")
    with Neighbour(release / "REVISION") as neighbour:
        neighbour.then(lambda: (time.sleep(0.3), (release / "victim").rename(
            tree.path / "aside"), (release / "victim").symlink_to(tree.outside)))
        assert tree.ask("remove", releases=[OLD]).result == {"removed": 1}
    assert tree.outside_is_whole() and not release.exists()
    assert (tree.path / "aside" / "file").exists()


def test_remove_a_directory_moved_while_it_is_emptied(tree):
    """Its ".." leads to deploy_to now: the worker must not go on there."""
    release = tree.release(OLD)
    log = tree.put(tree.path / "revisions.log", "a line\n")
    (release / "config.ru").unlink()
    tree.put(release / "a" / "b" / "file", "x")
    # 1: REVISION, 2: the release, 3: a, 4: b, 5: the file
    tree.trace("-e", f"inject=unlinkat:delay_exit={DELAY_US}:when=5")
    with Neighbour(release / "a" / "b" / "file") as neighbour:
        neighbour.then(lambda: (release / "a" / "b").rename(tree.path / "moved"))
        tree.ask("remove", releases=[OLD]).refused("ESTALE", OLD, "moved away")
    assert log.read_text() == "a line\n" and (release / "a").exists()
