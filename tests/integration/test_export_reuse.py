# SPDX-License-Identifier: MIT
"""Unchanged files from the previous release: when, how, and what cannot fool it."""
import os
import shutil
import stat
import subprocess

import pytest

from servers.repository import File, Symlink
from worker.source import APPLICATION, TIMEOUT_S
from worker.trees import archived, contents

FILES = {f"d{number % 5}/f{number}": b"%d\n" % number for number in range(40)}


class Site:
    """releases/ and shared/ of an application, and exports into them."""

    def __init__(self, world, repository):
        self.world = world
        self.repository = repository
        self.directory = world.root / "site"
        self.store = self.directory / "shared/.bootagent"
        for path in (self.directory, self.directory / "releases", self.directory / "shared"):
            path.mkdir()
            world.give(path, APPLICATION)
        self.previous = None

    def export(self, name, way="copy", **members):
        """A release of main's head from the one before; the reply's result."""
        self.world.fetch().done()
        directory = self.directory / "releases" / name
        directory.mkdir()
        self.world.give(directory, APPLICATION)
        revision = self.repository.head
        if self.previous:
            members.setdefault("previous", self.previous)
        result = self.world.export(revision, directory=str(directory), store=str(self.store),
                                   reuse=way, **members).done()
        self.previous = {"directory": str(directory), "revision": revision}
        return result

    def path(self, release, name):
        return self.directory / "releases" / release / name

    def manifest(self, release):
        return self.store / "manifests" / release

    def same_as_git(self, release):
        """Contents and kinds; with hard links write permission is missing on purpose."""
        found = contents(self.directory / "releases" / release)
        expected = archived(self.world, self.repository.head)
        shutil.rmtree(self.world.root / "archived")
        return found == expected


@pytest.fixture
def site(world, repository):
    made = Site(world, repository)
    made.repository.commit({**FILES, "run": File(b"#!/bin/sh\n", executable=True),
                            "link": Symlink("run")}, "files")
    return made


@pytest.mark.parametrize("way", ["none", "copy", "hardlink"])
def test_a_second_release(site, way):
    assert site.export("1", way)["reused"] == 0
    site.repository.commit({"d1/f1": b"changed\n", "d2/f2": None, "new": b"new\n"}, "second")
    result = site.export("2", way)
    assert result["files"] == 43
    assert result["reused"] == (0 if way == "none" else 41)
    assert result["bytes"] == sum(path.stat().st_size for path in site.path("2", "").rglob("*")
                                  if path.is_file() and not path.is_symlink())
    links = {path.name: path.stat().st_nlink for path in site.path("2", "").rglob("*")
             if path.is_file() and not path.is_symlink()}
    expected = 2 if way == "hardlink" else 1
    assert links == {**dict.fromkeys(links, expected), "f1": 1, "new": 1}
    if way != "hardlink":
        assert site.same_as_git("2")


def test_hard_links_cannot_be_written_through(site):
    """A step that edits in place is told so at once, and no other release changes."""
    site.export("1", "hardlink")
    site.export("2", "hardlink")
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in site.path("2", "").rglob("*")
             if path.is_file() and not path.is_symlink()}
    assert modes == {0o444, 0o555}
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            site.path("2", "d1/f1").open("a")
    subprocess.run(["sed", "-i", "s/1/one/", str(site.path("2", "d1/f1"))], check=True,
                   timeout=TIMEOUT_S)
    assert site.path("2", "d1/f1").read_text() == "one\n"
    assert site.path("1", "d1/f1").read_text() == "1\n"


@pytest.mark.parametrize("way", ["copy", "hardlink"])
def test_a_chain_with_removals(site, way):
    """Links are made and taken away between exports: that moves times of what is shared."""
    for number in range(1, 6):
        site.repository.commit({f"d{number % 5}/f{number}": b"changed\n" * number}, str(number))
        result = site.export(str(number), way)
        assert result["reused"] == (0 if number == 1 else 42), number
        if number > 2:
            shutil.rmtree(site.path(str(number - 2), ""))
    # That of a release which is removed goes with the next export.
    assert sorted(os.listdir(site.store / "manifests")) == ["3", "4", "5"]
    if way == "copy":
        assert site.same_as_git("5")


def edit(path):
    path.write_text("edited\n")


def edit_hidden(path):
    """The size and the mtime stay; the ctime tells."""
    times = path.stat()
    path.write_bytes(b"?" * times.st_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(path):
    times = path.stat()
    path.with_name("other").write_bytes(b"?" * times.st_size)
    os.utime(path.with_name("other"), ns=(times.st_atime_ns, times.st_mtime_ns))
    path.with_name("other").rename(path)


def make_link(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def make_fifo(path):
    path.unlink()
    os.mkfifo(path)


def make_directory(path):
    path.unlink()
    path.mkdir()


def swap_directory(path):
    shutil.move(path.parent, path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [edit, edit_hidden, replace, make_link, make_fifo,
                                    make_directory, swap_directory, os.unlink])
def test_what_a_step_changed_comes_from_the_blob(site, change):
    site.export("1")
    change(site.path("1", "d1/f1"))
    lost = 8 if change is swap_directory else 1
    assert site.export("2")["reused"] == 43 - lost
    assert site.same_as_git("2")


@pytest.mark.parametrize("change", [replace, edit, make_link, make_fifo, make_directory])
def test_what_a_step_changed_is_not_linked(site, change):
    site.export("1", "hardlink")
    change(site.path("1", "d1/f1"))
    assert site.export("2", "hardlink")["reused"] == 42
    assert site.path("2", "d1/f1").read_text() == "1\n"


def damage(path, data):
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("change", [
    os.unlink, make_link, make_fifo, make_directory,
    lambda path: damage(path, b""), lambda path: damage(path, b"\0"),
    lambda path: damage(path, os.urandom(5000)),
    lambda path: damage(path, path.read_bytes()[:-40]),
    lambda path: damage(path, path.read_bytes().replace(b"manifest 1", b"manifest 2")),
    lambda path: damage(path, path.read_bytes() + b"more\0"),
    lambda path: damage(path, path.read_bytes().split(b"\0")[0] + b"\0end 0\0"),
    lambda path: damage(path, path.read_bytes().replace(b" d", b" ../d")),
    lambda path: damage(path, path.read_bytes().replace(b"d1/", b"\xff1/")),
])
def test_a_manifest_that_is_none(site, change):
    site.export("1")
    change(site.manifest("1"))
    assert site.export("2")["reused"] < 42
    assert site.same_as_git("2")


def test_a_manifest_of_another_revision(site):
    site.export("1")
    site.previous["revision"] = "1" * 40
    assert site.export("2")["reused"] == 0


def test_a_store_that_is_none(site):
    """A link, a file: nothing is written behind it, and the export works."""
    outside = site.world.root / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    site.store.symlink_to(outside)
    assert site.export("1")["reused"] == 0
    site.store.unlink()
    site.store.write_text("a file\n")
    assert site.export("2")["reused"] == 0
    assert site.same_as_git("2")
    assert os.listdir(outside) == []


def test_a_previous_release_that_is_gone(site):
    site.export("1")
    shutil.rmtree(site.path("1", ""))
    assert site.export("2")["reused"] == 0
    assert site.same_as_git("2")


def test_attributes_that_changed(site):
    """The blobs are the same, the files are not."""
    site.export("1")
    site.repository.commit({".gitattributes": b"d1/* eol=crlf\nd2/* export-ignore\n"}, "ends")
    assert site.export("2")["reused"] == 43 - 16
    assert site.path("2", "d1/f1").read_bytes() == b"1\r\n"
    assert site.same_as_git("2")
    site.repository.commit({".gitattributes": b"\n"}, "no ends")
    assert site.export("3")["reused"] == 43 - 16
    assert site.same_as_git("3")


def test_not_a_way(site):
    site.world.fetch().done()
    site.world.export(site.repository.head, reuse="steal").refused("EINVAL", "'steal'")
