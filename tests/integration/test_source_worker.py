# SPDX-License-Identifier: MIT
"""bootagent-source by hand: the conversation, and exports."""
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from servers.process import wait_until
from servers.repository import File, Repository, Symlink
from worker.source import APPLICATION, FETCHER, MEBIBYTE, ROOT, TIMEOUT_S
from worker.trees import Forge, archived, contents

# ---- the conversation ---------------------------------------------------------------


@pytest.mark.parametrize("members, code, word", [
    ({"verb": "fly"}, "EOPNOTSUPP", "'fly'"),
    ({"repository": None}, "EINVAL", "'repository'"),
    ({"url": None}, "EINVAL", "'url'"),
    ({"ref": 1}, "EINVAL", "'ref'"),
    ({"ref": "a..b"}, "EINVAL", "'a..b'"),
    ({"ref": "*"}, "EINVAL", "'*'"),
    ({"ref": ""}, "EINVAL", "''"),
    ({"repository": "mirror.git"}, "EINVAL", "absolute"),
    ({"repository": "/no/such/place"}, "ENOENT", "/no/such/place"),
    ({"url": "/etc"}, "EINVAL", "https://"),
    ({"url": "file:///etc"}, "EINVAL", "https://"),
])
def test_refuses_what_is_no_fetch(world, members, code, word):
    world.fetch(**members).refused(code, word)
    assert os.listdir(world.mirror) == []


@pytest.mark.parametrize("members, code, word", [
    ({"revision": None}, "EINVAL", "'revision'"),
    ({"revision": "main"}, "EINVAL", "'main'"),
    ({"revision": "f" * 39}, "EINVAL", "full"),
    ({"revision": "F" * 40}, "EINVAL", "full"),
    ({"revision": "f" * 40}, "ENOENT", "f" * 40),
    ({"directory": "release"}, "EINVAL", "absolute"),
    ({"directory": "/no/such/place"}, "ENOENT", "/no/such/place"),
    ({"repository": "/no/such/place"}, "ENOENT", "/no/such/place"),
])
def test_refuses_what_is_no_export(world, repository, members, code, word):
    world.fetch().done()
    members = {"revision": repository.head, **members}
    world.export(**members).refused(code, word)
    assert os.listdir(world.target) == []


def test_name_of_the_process(world):
    with world.start(FETCHER) as worker:
        try:
            comm = Path(f"/proc/{worker.pid}/comm")
            # The kernel keeps 15 characters.
            wait_until(lambda: comm.read_text().strip() == "bootagent-sourc", 20)
        finally:
            worker.kill()
            worker.communicate(timeout=TIMEOUT_S)


def test_nobody_listens(world, repository):
    """The reply cannot be written: status 2, not a death by SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    with world.start(FETCHER, stdout=writer) as worker:
        os.close(writer)
        _, complaints = worker.communicate(world.fetch_request(), TIMEOUT_S)
    assert complaints == b""
    assert worker.returncode == 2
    world.fetch().done()
    world.whole(repository.head)


# ---- export -------------------------------------------------------------------------


def everything():
    """One commit with all that a tree may hold."""
    deep = "/".join(["deep"] * 200)
    return {
        "README": b"hello\n",
        "bin/run": File(b"#!/bin/sh\n", executable=True),
        "empty": b"",
        "empty program": File(b"", executable=True),
        ".hidden/.gitignore": b"*\n",
        ".gitmodules": b'[submodule "vendor/lib"]\n\tpath = vendor/lib\n\turl = http://h/l\n',
        ".github/workflows/ci.yml": b"on: push\n",
        "binary": bytes(range(256)) * 17,
        "한글/파일 이름.txt": "내용\n".encode(),
        "new\nline": b"odd\n",
        "quote\"'\\back": b"odd\n",
        "-rf": b"odd\n",
        " leading and trailing ": b"odd\n",
        "n" * 255: b"long\n",
        "Case": b"upper\n",
        "case": b"lower\n",
        "large": os.urandom(20 * MEBIBYTE),
        f"{deep}/file": b"deep\n",
        "link": Symlink("README"),
        "link to directory": Symlink("한글"),
        "dangling": Symlink("no/such/file"),
        "absolute": Symlink("/etc/passwd"),
        "upwards/link": Symlink("../../outside"),
        "long link": Symlink("x/" * 2000 + "y"),
        "loop": Symlink("loop"),
    }


def test_everything_as_git_archive_does(world):
    repository = Repository.generic(world.served, everything())
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib")
    repository.git("commit", "--quiet", "--message", "a submodule")
    revision = world.fetch().done()["revision"]
    reply = world.export(revision)
    result = reply.done()
    found = contents(world.target)
    assert found == archived(world, revision)
    kinds = [entry[0] for entry in found.values()]
    assert result == {
        "files": kinds.count(stat.S_IFREG), "symlinks": kinds.count(stat.S_IFLNK),
        "directories": kinds.count(stat.S_IFDIR) - 1, "submodules": 1,
        "bytes": sum(p.lstat().st_size for p in world.target.rglob("*")
                     if p.is_file() and not p.is_symlink()),
        "reused": 0,
        "warnings": ["'vendor/lib' is a submodule and was left empty, for submodules are not "
                     "fetched: if the application needs it, commit its files"]}
    assert set(reply.progress[0]) == {"files", "bytes", "total_files", "total_bytes"}
    assert reply.progress[-1]["total_files"] == result["files"]
    assert os.listdir(world.target / "vendor/lib") == []


def test_files_are_the_applications(world, repository):
    world.fetch().done()
    os.umask(0o077)
    try:
        world.export(repository.head).done()
    finally:
        os.umask(0o022)
    owner = pwd.getpwnam(APPLICATION).pw_uid if ROOT else os.geteuid()
    assert {p.stat().st_uid for p in world.target.rglob("*")} == {owner}
    assert stat.S_IMODE((world.target / "README").stat().st_mode) == 0o644
    assert stat.S_IMODE((world.target / "lib").stat().st_mode) == 0o755


def test_generated_histories_as_git_archive_does(world):
    repository = Repository.generic(world.served, {"0": b"0\n"})
    revisions = [repository.head]
    for count in range(1, 6):
        changes = {f"d{i % 7}/e{i % 3}/f{i}": b"%d %d\n" % (i, count) * (i % 11)
                   for i in range(count, 60 * count, count)}
        revisions.append(repository.commit(changes, str(count)))
    world.fetch().done()
    for revision in revisions:
        world.export(revision).done()
        assert contents(world.target) == archived(world, revision)
        shutil.rmtree(world.target)
        shutil.rmtree(world.root / "archived")
        world.make_target()


@pytest.mark.parametrize("name", ["file", ".hidden"])
def test_only_into_an_empty_directory(world, repository, name):
    world.fetch().done()
    (world.target / name).write_text("mine\n")
    world.export(repository.head).refused("ENOTEMPTY", name)
    assert os.listdir(world.target) == [name]


def test_only_into_a_directory_itself(world, repository):
    world.fetch().done()
    link = world.root / "link"
    link.symlink_to(world.target)
    world.export(repository.head, directory=str(link)).refused("ELOOP", str(link), "a link stands")
    world.export(repository.head, directory=str(world.binary)).refused("ENOTDIR")
    assert os.listdir(world.target) == []


def test_target_that_cannot_be_written(world, repository):
    world.fetch().done()
    world.target.chmod(0o555)
    world.export(repository.head).refused("EACCES", "write 'README'", "Permission denied")
    world.target.chmod(0o755)


def test_a_mirror_for_others_only(world, repository):
    world.fetch().done()
    if ROOT:
        world.export(repository.head, user="nobody").refused("EACCES", "no permission")
        world.mirror.chmod(0o2755)
        world.export(repository.head, user="nobody").refused("EACCES", "no permission")
    world.mirror.chmod(0)
    world.export(repository.head).refused("EACCES", "no permission", str(world.mirror))
    world.mirror.chmod(0o2750)
    world.export(repository.head).done()


def test_no_mirror_yet(world):
    world.export("f" * 40).refused("ENOENT", "no HEAD")


def test_revision_that_is_not_a_commit(world, repository):
    world.fetch().done()
    tree = repository.git("rev-parse", "HEAD^{tree}")
    world.export(tree).refused("ENOENT", tree)


def test_on_the_disk_at_the_end(world, repository):
    world.fetch().done()
    # The leak check does not run below ptrace.
    world.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
    log = world.root / "trace"
    log.touch()
    world.give(log, APPLICATION)
    prefix = ["strace", "-qq", "-o", str(log), "-e", "trace=syncfs,openat,symlinkat,mkdirat"]
    world.export(repository.head, prefix=prefix).done()
    lines = log.read_text().splitlines()
    assert lines[-1].startswith("syncfs(") and lines[-1].endswith("= 0")
    assert sum(line.startswith("syncfs(") for line in lines) == 1


# ---- trees no git would make --------------------------------------------------------


@pytest.mark.parametrize("name", [b".", b"..", b".git", b".GIT", b".Git", b"../x", b"a/b",
                                  b"/etc/x", b"a/../../x"])
@pytest.mark.parametrize("mode", [b"100644", b"40000", b"120000", b"160000"])
def test_names_that_leave_are_refused(world, forge, name, mode):
    id = forge.tree() if mode == b"40000" else forge.blob()
    reply = forge.export(forge.tree((mode, name, id)))
    reply.refused("EBADMSG", f"write '{name.decode()}'")
    assert os.listdir(world.target) == []
    assert sorted(os.listdir(world.root)) == sorted(
        ["bootagent-source", "log", "mirror.git", "release", "served"])


def test_a_bad_name_deep_inside_is_told_with_its_path(forge):
    tree = forge.tree((b"100644", b"..", forge.blob()))
    for name in (b"c", b"b", b"a"):
        tree = forge.tree((b"40000", name, tree))
    forge.export(tree).refused("EBADMSG", "write 'a/b/c/..'")


def test_a_link_is_never_followed(world, forge):
    """First a link out of the tree, then a directory of the same name with a file in it."""
    outside = world.root / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    link = forge.blob(b"../outside")
    inner = forge.tree((b"100644", b"file", forge.blob()))
    reply = forge.export(forge.tree((b"120000", b"x", link), (b"40000", b"x", inner)))
    reply.refused("EEXIST", "write 'x/file'", "make the directory 'x'")
    assert os.listdir(outside) == []


def test_a_name_twice(forge):
    blob = forge.blob()
    forge.export(forge.tree((b"100644", b"x", blob), (b"100644", b"x", blob))).refused("EEXIST")


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 4096])
def test_link_targets_that_are_none(forge, target):
    forge.export(forge.tree((b"120000", b"x", forge.blob(target)))).refused("EBADMSG", "'x'")


def test_modes_of_other_times(world, forge):
    """Group-writable files (early git), and an empty directory: as git archive does."""
    blob = forge.blob()
    tree = forge.tree((b"100664", b"a", blob), (b"100775", b"b", blob),
                      (b"40000", b"c", forge.tree()))
    assert forge.export(tree).done()["directories"] == 0
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in world.target.iterdir()}
    assert modes == {"a": "0o644", "b": "0o755"}


def test_as_deep_as_it_gets(world, forge):
    def nest(depth):
        tree = forge.tree((b"100644", b"x", blob))
        for _ in range(depth):
            tree = forge.tree((b"40000", b"d", tree))
        return tree

    blob = forge.blob()
    result = forge.export(nest(2047)).done()
    assert (result["directories"], result["files"]) == (2047, 1)
    subprocess.run(["rm", "-rf", "--", str(world.target)], check=True, timeout=TIMEOUT_S)
    world.make_target()
    forge.export(nest(2048)).refused("ELOOP", "deep")


def test_a_name_that_is_not_utf8(world, forge):
    assert forge.export(forge.tree((b"100644", b"caf\xe9", forge.blob()))).done()["files"] == 1
    assert os.listdir(os.fsencode(world.target)) == [b"caf\xe9"]
    subprocess.run(["rm", "-rf", "--", str(world.target)], check=True, timeout=TIMEOUT_S)
    world.make_target()
    forge.export(forge.tree((b"40000", b"caf\xe9", "1" * 40))).refused("EUCLEAN", "caf?")


def test_damaged_objects(forge):
    missing = forge.tree((b"100644", b"x", "1" * 40))
    forge.export(missing).refused("EUCLEAN", "'x'", "1" * 40)
    forge.export(forge.tree((b"100644", b"x", missing))).refused("EBADMSG", "not a blob")
    blob = forge.blob(b"good\n" * 100)
    path = forge.path / "objects" / blob[:2] / blob[2:]
    path.write_bytes(zlib.compress(b"blob 500\0" + b"evil\n" * 100))
    forge.export(forge.tree((b"100644", b"y", blob))).refused("EUCLEAN", "'y'")
