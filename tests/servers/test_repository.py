# SPDX-License-Identifier: MIT
"""The repository helper: repeatable ids, modes, links, and a lock that installs offline."""
import os
import subprocess

from servers.process import identity
from servers.repository import RACK, File, Repository, Symlink

# No network: whoever tried would be refused at once, on a port nobody listens on.
NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def tree(repository, revision="main"):
    """{path: (mode, content)} as git holds it."""
    entries = {}
    for line in repository.git("ls-tree", "-r", revision).splitlines():
        head, path = line.split("\t")
        mode, _, blob = head.split()
        entries[path] = (mode, repository.git("cat-file", "blob", blob))
    return entries


def test_generic_holds_modes_and_links(directory):
    repository = Repository.generic(directory, {
        "bin/run": File(b"#!/bin/sh\n", executable=True),
        "plain": b"text",
        "link": Symlink("bin/run"),
        ".gitignore": b"plain\n",
    })
    assert tree(repository) == {
        "bin/run": ("100755", "#!/bin/sh"),
        "plain": ("100644", "text"),
        "link": ("120000", "bin/run"),
        ".gitignore": ("100644", "plain"),
    }


def test_commit_changes_deletes_and_turns_kinds(directory):
    repository = Repository.generic(directory, {"a": b"1", "d/e": b"2", "f": b"3"})
    first = repository.head
    second = repository.commit({"a": None, "d": Symlink("f"), "f": b"4"}, "second")
    assert tree(repository) == {"d": ("120000", "f"), "f": ("100644", "4")}
    assert (len(second), repository.head) == (40, second)
    repository.reset(first)
    assert repository.head == first and set(tree(repository)) == {"a", "d/e", "f"}


def test_ids_are_the_same_everywhere(directory, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody else")
    one, two = (Repository.generic(directory, {"a": b"1"}, name) for name in ("1.git", "2.git"))
    assert one.head == two.head == "d89a223b8885ab91483fa8fd5fe096ec2520d89c"
    assert one.commit({"a": b"2"}, "x") == two.commit({"a": b"2"}, "x")


def test_rack_is_the_sample_and_leaves_it_alone(directory):
    before = {path: path.read_bytes() for path in RACK.rglob("*") if path.is_file()}
    repository = Repository.rack(directory, changes={"VERSION": b"version 7\n"})
    held = tree(repository)
    assert {str(path.relative_to(RACK)) for path in before} == set(held)
    assert held["VERSION"] == ("100644", "version 7")
    assert {path: path.read_bytes() for path in RACK.rglob("*") if path.is_file()} == before


def test_bundle_installs_offline_as_the_application_user(directory, user):
    repository = Repository.rack(directory)
    release, home = directory / "release", directory / "home"
    for path in (release, home):
        path.mkdir()
    archive = repository.git("archive", "--output", str(directory / "a.tar"), "main")
    subprocess.run(["tar", "xf", str(directory / "a.tar"), "-C", release], check=True, timeout=10)
    if user:
        for path in (home, release, *release.rglob("*")):
            os.chown(path, *(identity(user)[key] for key in ("user", "group")))
    result = subprocess.run(
        ["bundle", "install", "--local"], cwd=release, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **NO_NETWORK}, timeout=60,
        **identity(user),
    )
    assert result.returncode == 0, archive + result.stdout + result.stderr
    lock = repository.git("show", "main:Gemfile.lock")
    assert (release / "Gemfile.lock").read_text().strip() == lock
