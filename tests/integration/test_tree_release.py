# SPDX-License-Identifier: MIT
"""bootagent-tree, prepare and finish: the two ends of making a release."""
import pytest

from worker.tree import (NEW, OLD, OTHER, REVISION, USER, make_fifo, make_link_outside,
                         make_socket, make_unreadable, mode, names)


def test_prepare_makes_the_layout(tree):
    result = tree.ask("prepare", release=NEW).result
    assert result == {"directory": f"{tree.path}/releases/{NEW}"}
    assert names(tree.path) == ["releases", "shared"]
    for path in (tree.releases, tree.path / "shared", tree.releases / NEW):
        assert mode(path) == 0o755
        assert path.owner() == (USER if tree.prefix else path.parent.owner())
    assert names(tree.releases / NEW) == []


def test_prepare_has_its_own_umask(tree):
    tree.prefix = ["sh", "-c", 'umask 077; exec "$@"', "sh", *tree.prefix]
    assert tree.ask("prepare", release=NEW).error is None
    assert mode(tree.releases) == mode(tree.releases / NEW) == 0o755


def test_prepare_leaves_what_is_there(tree):
    tree.release(OLD)
    tree.put(tree.path / "shared" / "log" / "production.log", "line\n")
    assert tree.ask("prepare", release=NEW).error is None
    assert names(tree.releases) == [OLD, NEW]
    assert (tree.path / "shared" / "log" / "production.log").read_text() == "line\n"


def test_prepare_never_uses_a_release_again(tree):
    assert tree.ask("prepare", release=NEW).error is None
    tree.ask("prepare", release=NEW).refused("EEXIST", NEW, "new name")
    tree.link(tree.releases / "dangling", "nowhere")
    tree.ask("prepare", release="dangling").refused("EEXIST")
    assert not (tree.releases / "nowhere").exists()


@pytest.mark.parametrize("name", ["releases", "shared"])
def test_prepare_refuses_a_swapped_directory(tree, name):
    tree.link(tree.path / name, tree.outside)
    tree.ask("prepare", release=NEW).refused("ENOTDIR", f"'{name}'", "away")
    assert tree.outside_is_whole()
    (tree.path / name).unlink()
    tree.put(tree.path / name, "a file\n")
    tree.ask("prepare", release=NEW).refused("ENOTDIR", f"'{name}'", "away")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-rf", ".hidden", "a\nb",
                                  "x" * 65, "\ud55c\uad6d", "a\0b", 7, None, ["x"]])
def test_refuses_names_that_are_no_release(tree, name):
    tree.release(OLD)
    for verb in ("prepare", "finish", "activate"):
        tree.ask(verb, release=name, revision=REVISION).refused("EINVAL")
    tree.ask("remove", releases=[OLD, name]).refused("EINVAL")
    assert names(tree.releases) == [OLD] and names(tree.path) == ["releases"]


def test_prepare_without_permission(tree):
    tree.path.chmod(0o555)
    tree.ask("prepare", release=NEW).refused("EACCES", str(tree.path))


def test_finish_writes_revision(tree):
    tree.ask("prepare", release=NEW)
    assert tree.ask("finish", release=NEW, revision=REVISION).result == {}
    path = tree.releases / NEW / "REVISION"
    assert path.read_text() == f"{REVISION}\n" and mode(path) == 0o644
    assert names(tree.releases / NEW) == ["REVISION"]


@pytest.mark.parametrize("make", [make_fifo, make_link_outside, make_unreadable,
                                  make_socket])
def test_finish_replaces_what_the_commit_had(tree, make):
    release = tree.put(tree.releases / NEW)
    make(tree, release / "REVISION")
    tree.give(release / "REVISION")
    assert tree.ask("finish", release=NEW, revision=OTHER).error is None
    assert not (release / "REVISION").is_symlink()
    assert (release / "REVISION").read_text() == f"{OTHER}\n"
    if make is make_link_outside:
        assert (tree.outside / "REVISION").read_text() == REVISION


def test_finish_replaces_a_directory_the_commit_had(tree):
    tree.put(tree.releases / NEW / "REVISION" / "deep" / "file", "x")
    tree.link(tree.releases / NEW / "REVISION" / "out", tree.outside)
    assert tree.ask("finish", release=NEW, revision=REVISION).error is None
    assert (tree.releases / NEW / "REVISION").read_text() == f"{REVISION}\n"
    assert tree.outside_is_whole()


def test_finish_needs_a_release(tree):
    tree.put(tree.releases)
    tree.ask("finish", release=NEW, revision=REVISION).refused("ENOENT", NEW)
    tree.link(tree.releases / NEW, tree.outside)
    tree.ask("finish", release=NEW, revision=REVISION).refused("ENOTDIR", NEW)
    assert tree.outside_is_whole()


@pytest.mark.parametrize("revision", ["", "main", REVISION[:-1], REVISION.upper(), None])
def test_refuses_what_is_no_revision(tree, revision):
    tree.release(NEW)
    for verb in ("finish", "activate"):
        tree.ask(verb, release=NEW, revision=revision).refused("EINVAL", "revision")
    assert not tree.current.is_symlink()


def test_flush_writes_the_release_to_the_disk(tree):
    """Once; of one that is not there or is another's it says so."""
    tree.release(NEW)
    log = tree.trace("-e", "trace=syncfs,fsync")
    assert tree.ask("flush", release=NEW, revision=REVISION).result == {}
    assert [line.split("(")[0] for line in log.read_text().splitlines()] == ["syncfs"]
    tree.ask("flush", release=NEW, revision=OTHER).refused("ESTALE", NEW)
    tree.ask("flush", release=OLD, revision=REVISION).refused("ESTALE", OLD)
    tree.trace("-e", "inject=syncfs:error=EIO")
    tree.ask("flush", release=NEW, revision=REVISION).refused("EIO", NEW, "to the disk")
