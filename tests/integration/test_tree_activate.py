# SPDX-License-Identifier: MIT
"""bootagent-tree, activate: the link `current` moves, after the release is on the disk."""
import os

import pytest

from worker.tree import NEW, OLD, OTHER, REVISION, names


def test_activate_first_release(tree):
    tree.release(NEW)
    reply = tree.ask("activate", release=NEW, revision=REVISION)
    assert reply.result == {"moved": True, "previous": None}
    assert os.readlink(tree.current) == f"releases/{NEW}"
    assert names(tree.path) == ["current", "releases"]


@pytest.mark.parametrize("prefix", ["", "{path}/"])
def test_activate_moves_from_the_previous(tree, prefix):
    tree.release(OLD, OTHER)
    tree.release(NEW)
    tree.link(tree.current, prefix.format(path=tree.path) + f"releases/{OLD}")
    reply = tree.ask("activate", release=NEW, revision=REVISION)
    assert reply.result == {"moved": True, "previous": OLD}
    assert os.readlink(tree.current) == f"releases/{NEW}"


def test_activate_again_moves_nothing(tree):
    tree.release(NEW)
    tree.ask("activate", release=NEW, revision=REVISION)
    before = tree.current.lstat()
    reply = tree.ask("activate", release=NEW, revision=REVISION)
    assert reply.result == {"moved": False, "previous": NEW}
    assert tree.current.lstat().st_ino == before.st_ino


def test_activate_makes_an_absolute_link_relative(tree):
    tree.release(NEW)
    tree.link(tree.current, tree.releases / NEW)
    reply = tree.ask("activate", release=NEW, revision=REVISION)
    assert reply.result == {"moved": True, "previous": NEW}
    assert os.readlink(tree.current) == f"releases/{NEW}"


@pytest.mark.parametrize("target", ["releases/gone", "/elsewhere", "{outside}"])
def test_activate_replaces_a_link_to_elsewhere(tree, target):
    tree.release(NEW)
    tree.link(tree.current, target.format(outside=tree.outside))
    reply = tree.ask("activate", release=NEW, revision=REVISION)
    assert reply.result == {"moved": True, "previous": None}
    assert os.readlink(tree.current) == f"releases/{NEW}"
    assert tree.outside_is_whole()


def test_activate_refuses_another_revision(tree):
    tree.release(OLD)
    tree.release(NEW, OTHER)
    tree.link(tree.current, f"releases/{OLD}")
    tree.ask("activate", release=NEW, revision=REVISION).refused(
        "ESTALE", NEW, OTHER, REVISION)
    assert os.readlink(tree.current) == f"releases/{OLD}"


def test_activate_refuses_a_release_that_is_not_there(tree):
    tree.ask("activate", release=NEW, revision=REVISION).refused("ESTALE", NEW)
    tree.release(OLD)
    tree.ask("activate", release=NEW, revision=REVISION).refused("ESTALE", NEW)
    tree.link(tree.releases / NEW, OLD)
    tree.ask("activate", release=NEW, revision=REVISION).refused("ESTALE", NEW)
    tree.put(tree.releases / "file", "x")
    tree.ask("activate", release="file", revision=REVISION).refused("ESTALE", "file")
    assert not tree.current.is_symlink()


def test_activate_refuses_swapped_releases(tree):
    tree.put(tree.outside / NEW / "REVISION", REVISION)
    tree.link(tree.releases, tree.outside)
    tree.ask("activate", release=NEW, revision=REVISION).refused("ESTALE", NEW)
    assert not tree.current.is_symlink()


def test_activate_without_permission(tree):
    tree.release(NEW).chmod(0)
    tree.ask("activate", release=NEW, revision=REVISION).refused("EACCES", NEW)


def test_activate_sweeps_our_litter_only(tree):
    tree.release(NEW)
    tree.link(tree.path / ".tmp-0123456789abcdef", "releases/gone")
    tree.put(tree.path / ".tmp-00000000ffffffff", "half a file")
    tree.link(tree.path / ".tmp-00000000aaaaaaaa", tree.outside)
    for name in (".tmp-mine", ".tmp-0123456789abcdef0", ".tmp-0123456789ABCDEF"):
        tree.put(tree.path / name, "not ours")
    tree.put(tree.path / ".tmp-1111111111111111")
    assert tree.ask("activate", release=NEW, revision=REVISION).error is None
    assert names(tree.path) == [
        ".tmp-0123456789ABCDEF", ".tmp-0123456789abcdef0", ".tmp-1111111111111111",
        ".tmp-mine", "current", "releases"]
    assert tree.outside_is_whole()


def test_activate_syncs_before_and_after_the_flip(tree):
    """R4: the release is on the disk before the link moves, the link before the reply."""
    tree.release(NEW)
    log = tree.trace("-e", "trace=syncfs,rename,renameat,renameat2,fsync")
    for wanted in (["syncfs", "renameat", "fsync"], ["fsync"]):
        assert tree.ask("activate", release=NEW, revision=REVISION).error is None
        calls = [line.split("(")[0] for line in log.read_text().splitlines()]
        assert calls == wanted
