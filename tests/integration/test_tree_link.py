# SPDX-License-Identifier: MIT
"""bootagent-tree, link: what is in shared/, what the release links to, and what is refused."""
import json
import os
import shutil

import pytest

from worker.tree import (NEW, OLD, OTHER, REVISION, USER, Swapper, make_fifo, make_link_outside,
                         make_socket, make_unreadable, mode, names)

SECRET = "0123456789-the-master-key\n"
KEY = "config/master.key"
WRITING = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,symlink,symlinkat," \
    "unlink,unlinkat,mkdir,mkdirat,chmod,fchmod,fchmodat,link,linkat,ftruncate,truncate"


def link(tree, files=(), dirs=(), **members):
    """Files are paths, or (path, content)."""
    entries = [{"path": each} if isinstance(each, str) else
               {"path": each[0], "content": each[1]} for each in files]
    request = {"release": NEW, "revision": REVISION, "linked_files": entries,
               "linked_dirs": list(dirs), **members}
    reply = tree.ask("link", **request)
    assert SECRET.strip() not in reply.text
    return reply


def shared(tree, path=""):
    return tree.path / "shared" / path


def everything(tree):
    """Every path with its inode, mode, time of change and link."""
    found = {}
    for path in sorted(tree.path.rglob("*")):
        status = path.lstat()
        target = os.readlink(path) if path.is_symlink() else None
        found[path] = (status.st_ino, status.st_mode, status.st_ctime_ns, target)
    return found


def no_litter(tree):
    return [str(path) for path in tree.path.rglob(".tmp-*")] == []


# ---- what is made -------------------------------------------------------------------


def test_a_file_with_content_and_directories(tree):
    release = tree.release(NEW)
    reply = link(tree, [(KEY, SECRET)], ["log", "tmp/pids"])
    assert reply.result == {"written": [KEY], "linked": 3}
    assert shared(tree, KEY).read_text() == SECRET and mode(shared(tree, KEY)) == 0o600
    assert os.readlink(release / KEY) == f"../../../shared/{KEY}"
    assert os.readlink(release / "log") == "../../shared/log"
    assert os.readlink(release / "tmp/pids") == "../../../shared/tmp/pids"
    assert (release / KEY).read_text() == SECRET
    for path in ("", "config", "log", "tmp", "tmp/pids"):
        assert mode(shared(tree, path)) == 0o755
        if tree.prefix:
            assert shared(tree, path).owner() == USER
    assert mode(release / "config") == 0o755
    assert no_litter(tree) and tree.outside_is_whole()


@pytest.mark.parametrize("path", ["key", "a/key", "a/b/c/d/key", "a b/\ud55c\uad6d/-k",
                                  "...", ".env", "..x/.y", "x" * 255, "releases/x"])
def test_a_link_leads_to_the_shared_file(tree, path):
    release = tree.release(NEW)
    assert link(tree, [(path, SECRET)]).result == {"written": [path], "linked": 1}
    assert not os.path.isabs(os.readlink(release / path))
    assert os.path.samefile(release / path, shared(tree, path))


@pytest.mark.parametrize("content", ["", "x", "a" * 4095, "a" * 4096, "a" * 4097, "b" * 500000,
                                     "a\0b\0", "\ud55c\uad6d\n", "no line end", "\r\n\t"])
def test_the_content_is_exact(tree, content):
    tree.release(NEW)
    assert link(tree, [(KEY, content)]).result["written"] == [KEY]
    assert shared(tree, KEY).read_bytes() == content.encode()
    assert link(tree, [(KEY, content)]).result == {"written": [], "linked": 0}


def test_what_is_right_is_left_alone(tree):
    """The same again, twice: no call that writes, and not an inode or a time is new."""
    tree.release(NEW)
    tree.put(shared(tree, "config/database.yml"), "production:\n")
    files = [(KEY, SECRET), ("config/other.key", "x" * 9000), "config/database.yml"]
    assert link(tree, files, ["log", "tmp/pids"]).result["linked"] == 5
    before = everything(tree)
    log = tree.trace("-e", f"trace={WRITING}")
    for _ in range(2):
        assert link(tree, files, ["log", "tmp/pids"]).result == {"written": [], "linked": 0}
        calls = [line for line in log.read_text().splitlines()
                 if not line.startswith("write(1,")]
        assert not calls, calls
    assert everything(tree) == before


def test_nothing_to_link(tree):
    tree.release(NEW)
    for members in ({}, {"linked_files": None, "linked_dirs": None},
                    {"linked_files": [], "linked_dirs": []}):
        reply = tree.ask("link", release=NEW, revision=REVISION, **members)
        assert reply.result == {"written": [], "linked": 0}


def test_a_release_that_is_not_finished_yet(tree):
    tree.ask("prepare", release=NEW)
    assert link(tree, [(KEY, SECRET)]).result == {"written": [KEY], "linked": 1}
    assert tree.ask("finish", release=NEW, revision=REVISION).error is None
    assert tree.ask("activate", release=NEW, revision=REVISION).error is None
    assert (tree.current / KEY).read_text() == SECRET


def test_another_release_shares_what_is_there(tree):
    tree.release(OLD)
    tree.release(NEW)
    link(tree, [(KEY, SECRET)], ["log"], release=OLD)
    tree.put(shared(tree, "log/production.log"), "a line\n")
    assert link(tree, [(KEY, SECRET)], ["log"]).result == {"written": [], "linked": 2}
    assert (tree.releases / NEW / "log/production.log").read_text() == "a line\n"


# ---- contents -----------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "old\n", SECRET + "more", SECRET[:-1],
                                    "X" + SECRET[1:], SECRET[:-2] + "X\n"])
def test_another_content_is_replaced(tree, before):
    tree.release(NEW)
    tree.put(shared(tree, KEY), before)
    inode = shared(tree, KEY).stat().st_ino
    assert link(tree, [(KEY, SECRET)]).result["written"] == [KEY]
    assert shared(tree, KEY).read_text() == SECRET and mode(shared(tree, KEY)) == 0o600
    assert shared(tree, KEY).stat().st_ino != inode
    assert no_litter(tree)


@pytest.mark.parametrize("bits, after", [
    (0o644, 0o600), (0o640, 0o600), (0o601, 0o600), (0o4755, 0o600), (0o700, 0o600),
    (0o600, 0o600), (0o400, 0o400)])
def test_a_wider_mode_is_corrected(tree, bits, after):
    tree.release(NEW)
    tree.put(shared(tree, KEY), SECRET).chmod(bits)
    inode = shared(tree, KEY).stat().st_ino
    assert link(tree, [(KEY, SECRET)]).result["written"] == []
    assert mode(shared(tree, KEY)) == after and shared(tree, KEY).stat().st_ino == inode


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_link_outside,
                                  make_unreadable])
def test_something_else_stands_at_the_shared_name(tree, make):
    """It is replaced, and never waited for, followed, or written through."""
    tree.release(NEW)
    tree.put(shared(tree, "config"))
    make(tree, shared(tree, KEY))
    tree.give(shared(tree, KEY))
    assert link(tree, [(KEY, SECRET)]).result["written"] == [KEY]
    assert not shared(tree, KEY).is_symlink() and mode(shared(tree, KEY)) == 0o600
    assert shared(tree, KEY).read_text() == SECRET
    if make is make_link_outside:
        assert (tree.outside / "REVISION").read_text() == REVISION


def test_a_file_with_a_second_name_is_replaced(tree):
    """The other name may be anywhere: neither its content nor its mode is ours."""
    tree.release(NEW)
    other = tree.put(tree.outside / "kept" / "other", SECRET)
    other.chmod(0o644)
    tree.put(shared(tree, "config"))
    os.link(other, shared(tree, KEY))
    assert link(tree, [(KEY, SECRET)]).result["written"] == [KEY]
    assert mode(other) == 0o644 and mode(shared(tree, KEY)) == 0o600


def test_a_directory_stands_at_the_shared_name(tree):
    tree.release(NEW)
    tree.put(shared(tree, KEY) / "file", "x")
    link(tree, [(KEY, SECRET)]).refused("EISDIR", KEY, "linked_dirs")
    link(tree, [KEY]).refused("EISDIR", KEY, "linked_dirs")
    assert names(shared(tree, KEY)) == ["file"]


def test_a_file_without_content_must_be_there(tree):
    release = tree.release(NEW)
    message = link(tree, [KEY, ("other.key", SECRET)]).refused("ENOENT", "linked file")
    assert message.endswith(f"the linked file '{KEY}' does not exist in '{tree.path}/shared': "
                            "put it there, or name its 'parameter' in linked_files")
    assert not (release / KEY).is_symlink()
    tree.put(shared(tree, KEY), "by hand\n").chmod(0o640)
    assert link(tree, [KEY]).result == {"written": [], "linked": 1}
    assert shared(tree, KEY).read_text() == "by hand\n" and mode(shared(tree, KEY)) == 0o640
    assert (release / KEY).read_text() == "by hand\n"


def test_a_missing_file_is_told_before_the_release_is_touched(tree):
    release = tree.release(NEW)
    tree.put(release / "log" / ".keep", "")
    link(tree, [KEY], ["log"]).refused("ENOENT")
    assert names(release) == ["REVISION", "config.ru", "log"]
    assert names(release / "log") == [".keep"]


def test_a_link_in_shared_by_hand(tree):
    """What people put at the last name may be a link; one that leads nowhere is nothing."""
    release = tree.release(NEW)
    tree.put(tree.path / "elsewhere" / "file", "x\n")
    tree.put(shared(tree))
    tree.link(shared(tree, "file"), "../elsewhere/file")
    tree.link(shared(tree, "log"), tree.path / "elsewhere")
    assert link(tree, ["file"], ["log"]).result == {"written": [], "linked": 2}
    assert (release / "log" / "file").read_text() == "x\n"
    for target in ("nowhere", "dangling"):
        tree.link(shared(tree, "dangling"), target)
        link(tree, ["dangling"]).refused("ENOENT", "dangling")
        link(tree, dirs=["dangling"]).refused("ENOTDIR", "dangling")
        shared(tree, "dangling").unlink()


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_unreadable])
def test_no_directory_at_a_linked_directorys_name(tree, make):
    tree.release(NEW)
    tree.put(shared(tree))
    make(tree, shared(tree, "log"))
    link(tree, dirs=["log"]).refused("ENOTDIR", "'log'", "away")


# ---- the release --------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_unreadable, make_link_outside])
@pytest.mark.parametrize("is_directory", [False, True])
def test_what_the_commit_has_at_the_name_is_replaced(tree, make, is_directory):
    release = tree.put(tree.release(NEW) / "config").parent
    make(tree, release / KEY)
    tree.give(release / KEY)
    reply = link(tree, [] if is_directory else [(KEY, SECRET)], [KEY] if is_directory else [])
    assert reply.result["linked"] == 1
    assert os.readlink(release / KEY) == f"../../../shared/{KEY}"


@pytest.mark.parametrize("target", ["{path}/shared/log", "../shared/log", "/etc", "nowhere",
                                    "../../shared/logs", "log", "../../shared/log/"])
def test_a_wrong_link_is_replaced(tree, target):
    release = tree.release(NEW)
    tree.link(release / "log", target.format(path=tree.path))
    assert link(tree, dirs=["log"]).result == {"written": [], "linked": 1}
    assert os.readlink(release / "log") == "../../shared/log"


def test_a_committed_directory_gives_way_to_a_linked_one(tree):
    release = tree.release(NEW)
    tree.put(release / "log" / "deep" / "er" / ".keep", "")
    tree.link(release / "log" / "out", tree.outside)
    assert link(tree, dirs=["log"]).result["linked"] == 1
    assert os.readlink(release / "log") == "../../shared/log"
    assert names(shared(tree, "log")) == [] and tree.outside_is_whole()


def test_a_committed_directory_is_no_linked_file(tree):
    release = tree.release(NEW)
    tree.put(release / KEY / "file", "x")
    link(tree, [(KEY, SECRET)]).refused("EISDIR", KEY, "linked_dirs")
    assert names(release / KEY) == ["file"]


# ---- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "", "/", "/etc/passwd", ".", "..", "../x", "a/..", "a/../b", "./a", "a/.", "a//b", "a/",
    "a/./b", "REVISION", "REVISION/x", ".bootagent", ".bootagent/outputs", "current",
    "current/config/x", "a\nb", "a\tb", "\x1b[31m", "a\0b", "\u009b", "x" * 256, "a/" * 127 + "aa",
    ".tmp-0123456789abcdef", "a/.tmp-0123456789abcdef/b", 7, None, ["a"], {"path": "a"}])
def test_refuses_paths(tree, path):
    tree.release(NEW)
    before = everything(tree)
    entries = [{"path": path, "content": SECRET}]
    tree.ask("link", release=NEW, revision=REVISION, linked_files=entries).refused(
        "EINVAL", "linked_files")
    tree.ask("link", release=NEW, revision=REVISION, linked_dirs=["log", path]).refused(
        "EINVAL", "linked_dirs")
    assert everything(tree) == before


@pytest.mark.parametrize("members", [
    {"linked_files": "config"}, {"linked_files": {"path": "a"}}, {"linked_dirs": "log"},
    {"linked_files": ["config"]}, {"linked_files": [None]}, {"linked_files": [{}]},
    {"linked_files": [{"path": "a", "content": 7}]}, {"linked_dirs": [{"path": "log"}]},
    {"linked_files": [{"path": "a", "content": [SECRET]}]}])
def test_refuses_other_shapes(tree, members):
    tree.release(NEW)
    reply = tree.ask("link", release=NEW, revision=REVISION, **members)
    reply.refused("EINVAL", "linked")
    assert SECRET.strip() not in reply.text


@pytest.mark.parametrize("files, dirs", [
    (["a", "a"], []), ([], ["a", "a"]), (["a"], ["a"]), (["a/b"], ["a"]), (["a"], ["a/b"]),
    ([], ["tmp", "tmp/pids"]), (["a/b/c/d"], ["a/b"]), (["a/b", "a"], [])])
def test_refuses_what_collides(tree, files, dirs):
    tree.release(NEW)
    link(tree, [(path, SECRET) for path in files], dirs).refused("EINVAL", "both", "leave one")
    assert names(tree.path) == ["releases"]


def test_names_that_only_begin_alike_do_not_collide(tree):
    tree.release(NEW)
    assert link(tree, [("a", "1"), ("ab", "2"), ("a.b", "3")], ["a-b", "abc/d"]
                ).result["linked"] == 5


def test_refuses_too_many(tree):
    tree.release(NEW)
    assert link(tree, dirs=[f"d{n}" for n in range(200)]).result["linked"] == 200
    link(tree, ["file"], [f"d{n}" for n in range(200)]).refused("E2BIG", "200")


def test_refuses_another_revision_and_no_release(tree):
    tree.put(tree.releases)
    link(tree, [(KEY, SECRET)]).refused("ESTALE", NEW)
    tree.release(NEW, OTHER)
    link(tree, [(KEY, SECRET)]).refused("ESTALE", OTHER, REVISION)
    tree.link(tree.releases / OLD, NEW)
    link(tree, [(KEY, SECRET)], release=OLD).refused("ESTALE", OLD)
    for name in ("..", "a/b", "", None):
        link(tree, [(KEY, SECRET)], release=name).refused("EINVAL")
    assert names(tree.path) == ["releases"]


def test_refuses_an_unfinished_text(tree):
    """What the reader of requests says repeats nothing of it."""
    request = json.dumps({"verb": "link", "linked_files": [{"path": "a", "content": SECRET}]})
    for cut in range(20, len(request)):
        reply = tree.send(request[:cut].encode()) if cut % 7 == 0 else None
        assert reply is None or SECRET[:12] not in reply.text


# ---- links on the way ---------------------------------------------------------------


@pytest.mark.parametrize("place", ["shared", "shared/config", "releases/" + NEW + "/config"])
@pytest.mark.parametrize("target", ["{outside}", "/etc", "nowhere", "../..", "config"])
def test_a_link_on_the_way_is_refused(tree, place, target):
    tree.release(NEW)
    tree.put((tree.path / place).parent / "file", "x")
    tree.link(tree.path / place, target.format(outside=tree.outside))
    link(tree, [(KEY, SECRET)]).refused("ELOOP", "symbolic link", place.rpartition("/")[2])
    link(tree, dirs=["config/log"]).refused("ELOOP", "symbolic link")
    assert tree.outside_is_whole() and no_litter(tree)


@pytest.mark.parametrize("place", ["shared", "shared/config", "releases/" + NEW + "/config"])
def test_a_file_on_the_way_is_refused(tree, place):
    tree.release(NEW)
    tree.put(tree.path / place, "mine\n")
    link(tree, [(KEY, SECRET)]).refused("ENOTDIR", "directory")
    assert (tree.path / place).read_text() == "mine\n"


def test_swapped_releases_are_refused(tree):
    tree.put(tree.outside / NEW / "REVISION", REVISION)
    tree.link(tree.releases, tree.outside)
    link(tree, [(KEY, SECRET)]).refused("ESTALE", NEW)
    assert names(tree.outside / NEW) == ["REVISION"]


@pytest.mark.parametrize("place", ["shared", "release"])
def test_while_directories_are_swapped(tree, place):
    """Whatever the worker says of it, nothing outside is touched, and it comes to an end."""
    release = tree.release(NEW)
    victim = (shared(tree) if place == "shared" else release) / "config"
    swaps = 0
    tree.put(shared(tree, "config"))
    tree.put(release / "config")
    for number in range(25):
        swapper = Swapper(tree, victim)
        swapper.start()
        reply = link(tree, [(f"config/key{number}", SECRET)], [f"config/dir{number}"])
        swapper.stopped.set()
        swapper.join()
        swaps += swapper.swaps
        if reply.error:
            assert reply.error["code"] in ("ELOOP", "ENOENT", "EEXIST", "ENOTDIR"), reply.error
        assert tree.outside_is_whole()
        if victim.is_symlink():
            victim.unlink()
        shutil.rmtree(tree.path / "aside", ignore_errors=True)
        if not victim.exists():
            tree.put(victim)
    assert swaps > 0
    assert link(tree, [(KEY, SECRET)]).error is None


# ---- what killed runs left ----------------------------------------------------------


def test_litter_is_swept_where_links_are(tree):
    release = tree.release(NEW)
    for folder in (shared(tree), shared(tree, "config"), release / "config", release):
        tree.put(folder / ".tmp-0123456789abcdef", "half a sec")
        tree.put(folder / ".tmp-mine", "not ours")
    link(tree, [(KEY, SECRET)], ["log"])
    assert [path.name for path in tree.path.rglob(".tmp-*")] == [".tmp-mine"] * 4


def test_the_content_is_on_the_disk_before_its_name(tree):
    tree.release(NEW)
    log = tree.trace("-e", "trace=fsync,renameat,symlinkat,mkdirat,write,fchmod")
    assert link(tree, [("key", SECRET)]).error is None
    calls = [line.split("(")[0] for line in log.read_text().splitlines()
             if not line.startswith("write(1,")]
    assert calls == ["mkdirat", "fsync", "write", "fchmod", "fsync", "renameat", "fsync",
                     "symlinkat", "renameat", "fsync"]


def test_without_permission(tree):
    release = tree.release(NEW)
    tree.put(shared(tree)).chmod(0o555)
    message = link(tree, [("key", SECRET)]).refused("EACCES", "'key'")
    assert SECRET.strip() not in message
    shared(tree).chmod(0o444)
    message = link(tree, ["key"]).refused("EACCES", "'key'", "belong")
    assert "does not exist" not in message
    shared(tree).chmod(0o755)
    release.chmod(0o555)
    link(tree, [("key", SECRET)]).refused("EACCES", "'key'")
    release.chmod(0o755)
    assert link(tree, [("key", SECRET)]).result == {"written": [], "linked": 1}
