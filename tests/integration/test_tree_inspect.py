# SPDX-License-Identifier: MIT
"""bootagent-tree, inspect: what `current` means, and what a release says of itself."""
import json
import os

import pytest

from worker.tree import (NEW, OLD, OTHER, REVISION, make_directory, make_fifo,
                         make_link_outside, make_nothing, make_socket, make_unreadable, names)


def test_inspect_without_current(tree):
    assert tree.ask("inspect").result == {"current": None}


@pytest.mark.parametrize("prefix", ["", "{path}/"])
@pytest.mark.parametrize("revision", [REVISION, "a" * 64])
def test_inspect_names_release_and_revision(tree, prefix, revision):
    tree.release(OLD, revision)
    tree.link(tree.current, prefix.format(path=tree.path) + f"releases/{OLD}")
    assert tree.ask("inspect").result == {
        "current": {"release": OLD, "revision": revision}}


def test_inspect_ignores_slashes_behind_deploy_to(tree):
    tree.release(OLD)
    tree.link(tree.current, tree.path / "releases" / OLD)
    request = {"verb": "inspect", "deploy_to": f"{tree.path}//"}
    assert tree.send(json.dumps(request).encode()).result["current"]["release"] == OLD


@pytest.mark.parametrize("text", ["", "main\n", REVISION[:-1], REVISION + "0" * 500,
                                  REVISION.upper(), f"{REVISION}\n{REVISION}\n",
                                  REVISION + "\0"])
def test_inspect_has_no_revision_from_odd_text(tree, text):
    tree.release(OLD)
    (tree.releases / OLD / "REVISION").write_text(text)
    tree.link(tree.current, f"releases/{OLD}")
    assert tree.ask("inspect").result == {"current": {"release": OLD, "revision": None}}


ODD_REVISIONS = [make_fifo, make_directory, make_link_outside, make_unreadable, make_socket,
                 make_nothing]


@pytest.mark.parametrize("make", ODD_REVISIONS)
def test_revision_is_something_else(tree, make):
    """inspect finds none and waits for nothing; activate takes such a release for stale."""
    release = tree.release(OLD)
    (release / "REVISION").unlink()
    make(tree, release / "REVISION")
    if (release / "REVISION").is_symlink() or (release / "REVISION").exists():
        tree.give(release / "REVISION")
    tree.link(tree.current, f"releases/{OLD}")
    assert tree.ask("inspect").result == {"current": {"release": OLD, "revision": None}}
    tree.ask("activate", release=OLD, revision=REVISION).refused("ESTALE", OLD)


@pytest.mark.parametrize("target", [
    f"releases/{NEW}/", f"./releases/{NEW}", f"../app/releases/{NEW}//",
    f"{{alias}}/releases/{NEW}", f"{{path}}/shared/../releases/{NEW}"])
def test_inspect_knows_a_release_by_any_way_to_it(tree, target):
    """cap writes deploy_to as its own configuration has it, which may be through a link."""
    tree.release(NEW)
    tree.put(tree.path / "shared")
    alias = tree.path.with_name("alias")
    alias.symlink_to(tree.path)
    tree.link(tree.current, target.format(path=tree.path, alias=alias))
    assert tree.ask("inspect").result == {
        "current": {"release": NEW, "revision": REVISION}}


def test_inspect_is_not_led_by_a_name_alone(tree):
    """Another directory that has a release's name, and one behind a swapped `releases`."""
    tree.release(NEW)
    tree.put(tree.outside / NEW / "REVISION", f"{REVISION}\n")
    tree.link(tree.current, tree.outside / NEW)
    assert tree.ask("inspect").result["current"]["release"] is None
    tree.releases.rename(tree.path / "aside")
    tree.link(tree.releases, tree.outside)
    assert tree.ask("inspect").result["current"]["release"] is None


@pytest.mark.parametrize("target", [
    f"releases/{OLD}", "/srv/other/releases/x", "releases/../../outside",
    f"releases/{NEW}/config.ru", f"/releases/{NEW}", "shared", "releases", "current"])
def test_inspect_shows_a_link_to_elsewhere(tree, target):
    tree.release(NEW)
    tree.link(tree.current, target)
    assert tree.ask("inspect").result == {
        "current": {"release": None, "revision": None, "target": target}}


def test_inspect_shows_any_bytes_as_text(tree):
    os.symlink(b"/odd\n\xff\xc2\x9b\xed\x95\x9c", bytes(tree.current))
    found = tree.ask("inspect").result["current"]
    assert found["target"] == "/odd ?  \ud55c"


def test_inspect_does_not_go_through_a_swapped_releases(tree):
    tree.put(tree.outside / "kept" / "REVISION", REVISION)
    tree.link(tree.releases, tree.outside)
    tree.link(tree.current, "releases/kept")
    assert tree.ask("inspect").result == {
        "current": {"release": None, "revision": None, "target": "releases/kept"}}


def test_inspect_release_is_a_link(tree):
    tree.release(NEW)
    tree.link(tree.releases / OLD, NEW)
    tree.link(tree.current, f"releases/{OLD}")
    assert tree.ask("inspect").result["current"]["release"] is None


def test_inspect_a_candidate(tree):
    """What a release that may be made current says of itself; null for one that is gone."""
    tree.release(OLD)
    tree.release(NEW, OTHER)
    tree.link(tree.current, f"releases/{OLD}")
    assert tree.ask("inspect", candidate=NEW).result == {
        "current": {"release": OLD, "revision": REVISION}, "candidate": OTHER}
    assert tree.ask("inspect", candidate="20270101000000").result["candidate"] is None
    tree.ask("inspect", candidate="../x").refused("EINVAL", "candidate")


def test_inspect_a_candidate_that_is_a_link(tree):
    tree.put(tree.outside / "REVISION", f"{REVISION}\n")
    tree.put(tree.releases)
    tree.link(tree.releases / NEW, str(tree.outside))
    assert tree.ask("inspect", candidate=NEW).result["candidate"] is None


def test_current_is_a_directory(tree):
    tree.release(NEW)
    tree.put(tree.current)
    tree.ask("inspect").refused("EISDIR", "'current'", "directory", "away")
    tree.ask("activate", release=NEW, revision=REVISION).refused("EISDIR", "'current'")
    assert tree.current.is_dir() and names(tree.path) == ["current", "releases"]


def test_current_is_a_file(tree):
    tree.release(NEW)
    tree.put(tree.current, "mine\n")
    tree.ask("inspect").refused("EINVAL", "'current'", "not a link", "away")
    tree.ask("activate", release=NEW, revision=REVISION).refused("EINVAL", "'current'")
    assert tree.current.read_text() == "mine\n"
