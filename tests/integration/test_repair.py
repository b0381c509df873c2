# SPDX-License-Identifier: MIT
"""A damaged mirror is set aside and cloned anew, while the good release serves.

One machine for all damages, each done to what the one before left. How each is found out
is test_source_damage.py's.
"""
import json
import os
import subprocess

import pytest

from conftest import IS_ROOT, Machine, build_copy, compile_c, owner
from box.box import SOURCE_USER
from servers.namespace import own_mounts
from worker.damage import AT_EXPORT, AT_FETCH, AT_NEW, AT_SAME, put_all, remove
from worker.source import MEBIBYTE

WITHIN_S = 30
FILES = {"README": b"hello\n", "lib/a.rb": b"A = 1\n"}
# Found before the git host is asked.
NO_CONTACT = AT_FETCH["a directory for HEAD"]
# Runs with the mirror on a file system that has little more room.
FULL = """
mirror=$1; shift
cp -a "$mirror" "$mirror.copy" && mount -t tmpfs -o size=256k tmpfs "$mirror" || exit 9
cp -a "$mirror.copy/." "$mirror" && rm -rf "$mirror.copy" || exit 9
"$@"; status=$?
umount "$mirror"
exit $status
"""
REFUSING = """
#include <stdio.h>
int main(void)
{
    while (getchar() != EOF)
        ;
    puts("{\\"error\\": {\\"code\\": \\"EUCLEAN\\", \\"message\\": \\"it is damaged\\"}}");
    return 1;
}
"""


class Mirrored(Machine):
    """A booted machine, its mirror, and the one that was set aside."""

    @property
    def mirror(self):
        return self.root / "var/cache/bootagent/hello.git"

    @property
    def aside(self):
        return self.root / "var/cache/bootagent/hello.git.damaged"

    def commit(self):
        count = int(self.repository.git("rev-list", "--count", "main"))
        return self.repository.commit({"count": b"%d\n" % count}, f"commit {count}")

    def is_whole(self):
        """The mirror has what is served, and is as SETUP makes it."""
        status = self.mirror.lstat()
        assert (status.st_mode & 0o7777, status.st_uid) == (0o2750, owner(SOURCE_USER).pw_uid)
        subprocess.run(["git", "-c", "safe.directory=*", "-C", str(self.mirror), "fsck",
                        "--strict", "--no-dangling"], check=True, capture_output=True,
                       timeout=WITHIN_S, env={"PATH": "/usr/bin:/bin"})
        return self.current()[1] == self.repository.head

    def stages(self, name):
        """The states of a stage in the last run, each time that it ran."""
        return [stage["state"] for stage in self.last_run["stages"] if stage["name"] == name]


def make(region, **options):
    return Mirrored(region=region, files=FILES, **options)


@pytest.fixture(scope="module")
def machine(shared_region):
    with make(shared_region) as made:
        made.boot()
        yield made


@pytest.fixture
def fresh(shared_region):
    with make(shared_region) as made:
        made.boot()
        yield made


def is_repaired(machine, result, inode):
    """Set aside, cloned anew, told in one line."""
    assert machine.is_whole()
    assert machine.aside.lstat().st_ino == inode
    told, = [line for line in result.stderr.splitlines() if "damaged" in line]
    assert f"source: the mirror '{machine.mirror}' is damaged: " in told
    assert f"it was set aside as '{machine.aside}' and is cloned anew" in told
    assert "find out why it broke, or remove it" in told
    beside = sorted(path.name for path in machine.mirror.parent.iterdir())
    assert beside == ["hello.git", "hello.git.damaged", "home"]


def is_left_alone(machine, inode):
    assert machine.mirror.lstat().st_ino == inode
    assert not os.path.lexists(machine.aside)


# ---- each damage --------------------------------------------------------------------


@pytest.mark.parametrize("damage", {**AT_FETCH, **AT_NEW})
def test_a_sync_repairs(machine, damage):
    {**AT_FETCH, **AT_NEW}[damage](machine.mirror)
    inode = machine.mirror.lstat().st_ino
    machine.commit()
    is_repaired(machine, machine.sync(), inode)
    assert machine.stages("source") == ["failed", "done"]
    assert machine.last_run["result"] == "done" and machine.last_run["error"] is None


@pytest.mark.parametrize("damage", AT_SAME)
def test_a_sync_with_nothing_new_repairs(machine, damage):
    AT_SAME[damage](machine.mirror)
    inode = machine.mirror.lstat().st_ino
    release = machine.current()
    is_repaired(machine, machine.sync(), inode)
    assert machine.current() == release
    assert machine.last_run["result"] == "nothing-to-do"


@pytest.mark.parametrize("damage", AT_EXPORT)
def test_an_export_finds_it_out(machine, damage):
    machine.configure(release={"reuse": "none"})
    AT_EXPORT[damage](machine.mirror)
    inode = machine.mirror.lstat().st_ino
    machine.commit()
    is_repaired(machine, machine.sync(), inode)
    assert machine.stages("source") == ["done", "done"]
    assert machine.stages("release") == ["failed", "done"]
    # What was half exported is gone.
    assert sorted(machine.releases()) == machine.release_directories()
    assert (machine.deploy_to / "current/README").read_bytes() == FILES["README"]


def test_a_boot_repairs(fresh):
    fresh.reboot()
    inode = fresh.mirror.lstat().st_ino
    AT_FETCH["a truncated pack"](fresh.mirror)
    fresh.commit()
    is_repaired(fresh, fresh.boot(), inode)


def test_something_else_in_its_place(machine):
    inode = machine.mirror.lstat().st_ino
    remove(machine.mirror / "HEAD")
    put_all(("notes", b"mine\n"))(machine.mirror)
    result = machine.sync()
    assert "it has 'notes': it was set aside" in result.stderr
    assert machine.is_whole() and machine.aside.lstat().st_ino == inode
    assert (machine.aside / "notes").read_bytes() == b"mine\n"


def test_as_JSON(machine):   # pylint: disable=invalid-name
    NO_CONTACT(machine.mirror)
    result = machine.run("sync", "--json")
    assert result.returncode == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    found = [(line["state"], line["detail"]) for line in lines if line.get("stage") == "source"]
    assert [state for state, _ in found] == ["failed", "done"]
    assert "is damaged" in found[0][1] and "the mirror is a new one" in found[1][1]


# ---- one at most --------------------------------------------------------------------


def test_the_earlier_one_goes(machine, tmp_path):
    """Whatever is in it, and whatever its links lead to stays."""
    precious = tmp_path / "precious"
    precious.write_text("precious\n")
    NO_CONTACT(machine.mirror)
    machine.sync()
    deep = machine.aside.joinpath(*["deep"] * 50)
    deep.mkdir(parents=True)
    (machine.aside / "link").symlink_to(precious)
    (machine.aside / "directory").symlink_to(tmp_path)
    (machine.aside / "closed").mkdir(mode=0)
    os.mkfifo(machine.aside / "fifo")
    for path in [*machine.aside.rglob("*"), machine.aside]:
        os.chown(path, owner(SOURCE_USER).pw_uid, -1, follow_symlinks=False)
    machine.aside.chmod(0)
    NO_CONTACT(machine.mirror)
    inode = machine.mirror.lstat().st_ino
    machine.commit()
    is_repaired(machine, machine.sync(), inode)
    assert precious.read_text() == "precious\n"
    assert sorted(path.name for path in machine.aside.iterdir()) == sorted(
        {*os.listdir(machine.mirror)} | {"HEAD"})


@pytest.mark.parametrize("put", [lambda path, there: path.write_text("a file\n"),
                                 lambda path, there: path.symlink_to(there),
                                 lambda path, there: path.mkdir()],
                         ids=["file", "link", "empty"])
def test_no_directory_of_ours_in_its_place(fresh, tmp_path, put):
    (tmp_path / "kept").write_text("kept\n")
    put(fresh.aside, tmp_path)
    if IS_ROOT and not fresh.aside.is_symlink():
        os.chown(fresh.aside, owner(SOURCE_USER).pw_uid, -1)
    NO_CONTACT(fresh.mirror)
    inode = fresh.mirror.lstat().st_ino
    is_repaired(fresh, fresh.sync(), inode)
    assert (tmp_path / "kept").read_text() == "kept\n"


if IS_ROOT:
    def test_an_earlier_one_that_is_not_ours(fresh):
        """Nothing is set aside then, and it is said what to do."""
        (fresh.aside / "of root").mkdir(parents=True)
        (fresh.aside / "of root/file").write_text("kept\n")
        os.chown(fresh.aside, owner(SOURCE_USER).pw_uid, -1)
        NO_CONTACT(fresh.mirror)
        fresh.commit()
        result = fresh.sync(5)
        assert f"set the damaged mirror '{fresh.mirror}' aside: empty " in result.stderr
        assert "remove it by hand" in result.stderr
        assert (fresh.aside / "of root/file").read_text() == "kept\n"
        assert fresh.document()["serving"]["ready"]
        subprocess.run(["rm", "-rf", str(fresh.aside)], check=True, timeout=WITHIN_S)
        fresh.sync()
        assert fresh.is_whole()


# ---- when that fails ----------------------------------------------------------------


def test_the_host_is_away(fresh):
    """The good release serves, and the next sync clones."""
    served = fresh.current()
    NO_CONTACT(fresh.mirror)
    fresh.commit()
    fresh.set_git_fault({"status": 503})
    result = fresh.sync(5)
    assert fresh.aside.is_dir() and "HTTP status 503" in result.stderr
    assert fresh.current() == served and fresh.document()["serving"]["ready"]
    assert fresh.last_run["error"]["code"] == "ENETUNREACH"
    fresh.set_git_fault()
    assert "damaged" not in fresh.sync().stderr
    assert fresh.is_whole()


def test_once_a_run(fresh, tmp_path):
    """Whoever calls the new one damaged, too, is believed to no avail."""
    served, inode = fresh.current(), fresh.mirror.lstat().st_ino
    program = compile_c(REFUSING, tmp_path / "refusing")
    fresh.build = build_copy(tmp_path / "build", source=program)
    fresh.sync(5)
    assert fresh.stages("source") == ["failed", "failed"]
    assert fresh.aside.lstat().st_ino == inode
    assert list(fresh.mirror.iterdir()) == []
    assert fresh.last_run["error"]["code"] == "EUCLEAN"
    assert fresh.current() == served and fresh.document()["serving"]["ready"]


# ---- what is no damage --------------------------------------------------------------


def test_left_alone_when_another_file_system_is_damaged(fresh, tmp_path):
    """The kernel has the same code for that; it is not the mirror's."""
    inode = fresh.mirror.lstat().st_ino
    program = compile_c(REFUSING, tmp_path / "refusing")
    fresh.build = build_copy(tmp_path / "build", tree=program)
    fresh.commit()
    assert "it is damaged" in fresh.sync(5).stderr
    is_left_alone(fresh, inode)
    assert fresh.stages("source") == ["done"]


def no_host(machine):
    machine.git.stop()


def no_branch(machine):
    machine.configure(source={"branch": "gone"})


HARMLESS = {
    "the host fails": (lambda machine: machine.set_git_fault({"status": 503}), "503"),
    "the host is cut off": (lambda machine: machine.set_git_fault({"cut_after_bytes": 40}),
                            "closed the connection"),
    "the host is gone": (no_host, "Connection refused"),
    "no token": (lambda machine: machine.wants_token("a token"), "source.token_parameter"),
    "the branch is gone": (no_branch, "no branch or tag 'gone'"),
}


@pytest.mark.parametrize("harm", HARMLESS)
def test_left_alone(fresh, harm):
    do, sentence = HARMLESS[harm]
    inode = fresh.mirror.lstat().st_ino
    fresh.commit()
    do(fresh)
    assert sentence in fresh.sync(5).stderr
    is_left_alone(fresh, inode)


def test_left_alone_over_a_release_that_cannot_be_written(fresh):
    """Misshapen is the application's directory, not the mirror."""
    inode = fresh.mirror.lstat().st_ino
    fresh.commit()
    remove(fresh.shared(".bootagent"))
    fresh.shared(".bootagent").write_text("a file\n")
    fresh.run("sync")
    is_left_alone(fresh, inode)


@pytest.mark.parametrize("put", [lambda path: path.write_text("a file\n"),
                                 lambda path: path.symlink_to(path.parent / "elsewhere")],
                         ids=["file", "link"])
def test_something_that_is_no_directory(fresh, put):
    elsewhere = fresh.mirror.rename(fresh.mirror.parent / "elsewhere")
    put(fresh.mirror)
    assert "/hello.git' that is no directory: move it away" in fresh.sync(5).stderr
    fresh.mirror.unlink()
    elsewhere.rename(fresh.mirror)
    fresh.sync()


if IS_ROOT:
    def test_another_user_is_to_fetch(fresh):
        """It is said what to do with what the one before had."""
        fresh.configure(source={"user": "bin"})
        fresh.commit()
        for path in (fresh.mirror, fresh.mirror.parent / "home/hello-source"):
            message = fresh.sync(5).stderr
            assert f"/{path.name}' exists and does not belong to 'bin'" in message
            assert "or remove it, and it is made anew" in message
            remove(path)
        fresh.sync()
        assert fresh.current()[1] == fresh.repository.head

    def test_left_alone_when_it_may_not_be_read(fresh):
        inode = fresh.mirror.lstat().st_ino
        pack, = (fresh.mirror / "objects/pack").glob("*.pack")
        os.chown(pack, 0, 0)
        pack.chmod(0o400)
        fresh.commit()
        assert f"no permission to read '{pack.name}'" in fresh.sync(5).stderr
        is_left_alone(fresh, inode)

    def test_left_alone_when_the_disk_is_full(fresh):
        inode = fresh.mirror.lstat().st_ino
        fresh.repository.commit({"large": os.urandom(MEBIBYTE)}, "a large file")
        result = fresh.sync(5, wrapper=[*own_mounts(), "sh", "-c", FULL, "sh", fresh.mirror])
        assert "No space left on device" in result.stderr
        is_left_alone(fresh, inode)
        fresh.sync()
        assert fresh.is_whole()

    def test_the_one_set_aside_takes_room(fresh):
        NO_CONTACT(fresh.mirror)
        fresh.sync()
        fresh.repository.commit({"large": os.urandom(MEBIBYTE)}, "a large file")
        result = fresh.sync(5, wrapper=[*own_mounts(), "sh", "-c", FULL, "sh", fresh.mirror])
        assert f"no room beside '{fresh.aside}', which may be removed: " in result.stderr
