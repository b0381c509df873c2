# SPDX-License-Identifier: MIT
"""What .gitattributes do to an export: the same as to `git archive`."""
import os
import random
import subprocess

import pytest

from servers.random_tree import RandomTree
from servers.repository import File, Repository, Symlink
from worker.reply import TIMEOUT_S
from worker.trees import Forge, contents

TREES_A_SEED = 12
POINTER = (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 +
           b"\nsize 12345\n")


class Both:
    """One repository, exported by us and archived by git."""

    def __init__(self, world, path):
        self.world = world
        self.path = path
        subprocess.run(["chmod", "-R", "a+rX", str(path)], check=True, timeout=TIMEOUT_S)

    def fresh(self, directory):
        subprocess.run(["rm", "-rf", "--", str(directory)], check=True, timeout=TIMEOUT_S)
        directory.mkdir()
        return directory

    def git(self, revision):
        directory = self.fresh(self.world.root / "archived")
        tar = subprocess.run(["git", "-c", "safe.directory=*", "-c", "tar.umask=0022",
                              "-C", str(self.path), "archive", "--format=tar", revision],
                             env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
                             capture_output=True, check=True, timeout=TIMEOUT_S)
        subprocess.run(["tar", "-x", "-p", "--warning=none", "-C", str(directory)],
                       input=tar.stdout, check=True, timeout=TIMEOUT_S)
        return contents(directory)

    def ours(self, revision):
        """(the reply's result, what was made)."""
        self.world.give(self.fresh(self.world.target), "games")
        result = self.world.export(revision, repository=str(self.path)).done()
        return result, contents(self.world.target)


@pytest.fixture
def export(world):
    """export(files): the result and the names, after a comparison with git's archive."""
    def perform(files):
        made = Repository.generic(world.served, files, "attributes.git")
        both = Both(world, made.path)
        result, found = both.ours(made.head)
        assert found == both.git(made.head)
        return result, {os.fsdecode(name) for name in found}
    return perform


@pytest.mark.parametrize("seed", range(4))
def test_random_trees_as_git_archive_does(world, repository, seed):
    """Patterns, macros, nested files, odd names, line ends, $Id$ and $Format$, submodules."""
    forge = Forge(world, repository)
    maker = RandomTree(random.Random(seed), forge.object)
    revisions = [maker.commit() for _ in range(2)]
    while len(revisions) < TREES_A_SEED:
        parents = maker.random.sample(revisions, maker.random.randrange(3))
        revisions.append(maker.commit(parents))
    if seed % 2:
        repository.git("update-ref", "refs/heads/other", revisions[-1])
        repository.git("repack", "-q", "-a", "-d", "-k")
    both = Both(world, repository.path)
    for number, revision in enumerate(revisions):
        assert both.ours(revision)[1] == both.git(revision), (seed, number, revision)


def test_ignored_files_and_directories(export):
    result, names = export({
        ".gitattributes": b"/spec export-ignore\n*.md export-ignore\nREADME.md !export-ignore\n"
                          b"doc/ export-ignore\n.gitattributes export-ignore\n",
        "README.md": b"read me\n", "NOTES.md": b"notes\n", "lib/a.rb": b"A\n",
        "lib/a.md": b"a\n", "spec/a_spec.rb": b"A\n", "lib/spec/b.rb": b"B\n",
        "doc/index.html": b"doc\n", "bin/doc": File(b"#!/bin/sh\n", executable=True),
        "link.md": Symlink("README.md"),
    })
    assert names == {"README.md", "lib", "lib/a.rb", "lib/spec", "lib/spec/b.rb", "bin",
                     "bin/doc"}
    assert result["warnings"] == []
    assert (result["files"], result["directories"], result["symlinks"]) == (4, 3, 0)


def test_nested_attributes_and_macros(export):
    _, names = export({
        ".gitattributes": b"[attr]private export-ignore -diff\nsecret* private\n",
        "secret1": b"1\n", "lib/secret2": b"2\n", "lib/.gitattributes": b"secret3 -private "
        b"-export-ignore\n[attr]no export-ignore\nno.rb no\n", "lib/secret3": b"3\n",
        "lib/no.rb": b"4\n",
    })
    assert names == {".gitattributes", "lib", "lib/.gitattributes", "lib/secret3", "lib/no.rb"}


def test_a_directory_whose_files_are_all_ignored_stays(export):
    """As in git's archives; one that is ignored itself does not."""
    _, names = export({".gitattributes": b"*.md export-ignore\ngone/ export-ignore\n",
                       "kept/a.md": b"a\n", "gone/a": b"a\n"})
    assert names == {".gitattributes", "kept"}


def test_subst(export, world):
    export({".gitattributes": b"REVISION export-subst\n",
            "REVISION": b"$Format:%H %an <%ae> %ci$\n$Format:%s$\n", "other": b"$Format:%H$\n"})
    assert (world.target / "REVISION").read_text().endswith(
        " bootagent tests <tests@example.org> 2023-11-14 22:13:20 +0000\nfirst commit\n")
    assert (world.target / "other").read_text() == "$Format:%H$\n"


def test_placeholders_of_git_alone_stay_and_are_told(world):
    made = Repository.generic(world.served, {
        "a/.gitattributes": b"version export-subst\n",
        "a/version": b"$Format:%H|%G?|%N|%(describe)$\n"}, "left.git")
    result, _ = Both(world, made.path).ours(made.head)
    assert (world.target / "a/version").read_text() == f"{made.head}|%G?|%N|%(describe)\n"
    assert result["warnings"] == [
        "'a/version' keeps placeholders of export-subst that only git itself can fill in "
        "(%G? %N| %(d)"]


def test_line_ends_and_ids(export, world):
    export({".gitattributes": b"*.bat eol=crlf\n*.txt text=auto eol=crlf\nid ident\n",
            "run.bat": b"a\nb\n", "nul.txt": b"a\n\0",
            "plain.txt": b"a\n", "id": b"$Id$\n", "none": b"$Id$\n"})
    assert (world.target / "run.bat").read_bytes() == b"a\r\nb\r\n"
    assert (world.target / "plain.txt").read_bytes() == b"a\r\n"


def test_a_filter_that_is_not_run_is_told(export):
    result, _ = export({".gitattributes": b"*.key filter=git-crypt\n", "a.key": b"1\n",
                        "b/b.key": b"2\n"})
    assert result["warnings"] == ["'a.key', 'b/b.key' are as they were committed, for filters "
                                  "are not run (here 'git-crypt')"]


def test_an_encoding_that_is_not_made_is_told(world):
    made = Repository.generic(world.served, {
        ".gitattributes": b"a.txt working-tree-encoding=UTF-16\n",
        "a.txt": "text\n".encode("utf-16")}, "encoding.git")
    result, _ = Both(world, made.path).ours(made.head)
    assert result["warnings"] == ["'a.txt' is in UTF-8, as it was committed, for texts are not "
                                  "re-encoded (here as 'UTF-16')"]


@pytest.mark.parametrize("date", [f"{2**63 - 1} +0100", f"{2**63 - 1} -0100",
                                  f"1700000000 -{2**31}"])
def test_a_date_that_nobody_can_have_meant(world, date):
    """Whoever may push writes it; git itself gives up on some of them."""
    made = Repository.generic(world.served, {
        ".gitattributes": b"a export-subst\n", "a": b"$Format:%H %ad %ai %aI %as %aD$\n"})
    tree = made.git("rev-parse", "HEAD^{tree}")
    commit = made.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin",
                      input=f"tree {tree}\nauthor a <a@b> {date}\ncommitter a <a@b> {date}\n"
                            "\nodd\n".encode())
    subprocess.run(["chmod", "-R", "a+rX", str(made.path)], check=True, timeout=TIMEOUT_S)
    world.export(commit, repository=str(made.path)).done()
    assert (world.target / "a").read_text().startswith(f"{commit} ")


# ---- what is not in the repository --------------------------------------------------


def test_submodules_are_told(world):
    made = Repository.generic(world.served, {"README": b"hello\n"}, "modules.git")
    for name in ("vendor/a", "vendor/b", "vendor/c", "vendor/d", "한글"):
        made.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{name}")
    made.git("commit", "--quiet", "--message", "submodules")
    both = Both(world, made.path)
    result, found = both.ours(made.head)
    assert found == both.git(made.head)
    assert result["submodules"] == 5
    assert result["warnings"] == [
        "'vendor/a', 'vendor/b', 'vendor/c' and 2 more are submodules and were left empty, for "
        "submodules are not fetched: if the application needs them, commit their files"]


def lfs(world, files):
    made = Repository.generic(world.served, files, "lfs.git")
    subprocess.run(["chmod", "-R", "a+rX", str(made.path)], check=True, timeout=TIMEOUT_S)
    return world.export(made.head, repository=str(made.path))


def test_pointers_of_lfs_are_refused(world):
    message = lfs(world, {".gitattributes": b"*.png filter=lfs diff=lfs merge=lfs -text\n",
                          "public/a.png": POINTER, "public/b.png": b"\x89PNG"}).refused("EBADMSG")
    assert message == ("'public/a.png' is stored with Git LFS, which is not fetched: commit the "
                       "file itself, or mark it export-ignore in .gitattributes if no release "
                       "needs it")


@pytest.mark.parametrize("attributes", [b"*.png filter=lfs\n*.png export-ignore\n", b""])
def test_no_pointer_to_us(world, attributes):
    """Ignored by the export, or what is only a text that looks like one."""
    result = lfs(world, {".gitattributes": attributes, "a.png": POINTER}).done()
    assert result["warnings"] == []
