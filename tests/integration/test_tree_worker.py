# SPDX-License-Identifier: MIT
"""bootagent-tree by hand: one JSON request in, JSON lines out, as the application's user.

A tree as Capistrano lays it out is made below a directory that others may enter; beside it
lies `outside`, which no verb may change. A worker that leaves through anything but a reply,
or says a word on standard error (that is where the sanitizers report), fails its test.
"""

import json
import os
import pwd
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from servers.namespace import own_mounts

BUILD = Path(os.environ.get("BOOTAGENT_BUILD",
                            Path(__file__).resolve().parents[2] / "build" / "asan"))
USER = "games"
REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
OLD, NEW = "20260101000000", "20260202000000"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=0:exitcode=99:print_stacktrace=1",
}
TIMEOUT_S = 60


class Reply:
    """What a worker said: its progress, and either a result or an error."""

    def __init__(self, output, status):
        assert output.endswith("\n"), output
        lines = [json.loads(line) for line in output.splitlines()]
        assert all(list(line) == ["progress"] for line in lines[:-1]), lines
        self.progress = [line["progress"] for line in lines[:-1]]
        self.result = lines[-1].get("result")
        self.error = lines[-1].get("error")
        assert (self.result is None) != (self.error is None), lines
        assert status == (0 if self.error is None else 1), (status, lines)

    def refused(self, code, *words):
        """The error's sentence, after a look at its code and at words it must hold."""
        assert self.error is not None, self.result
        assert self.error["code"] == code, self.error
        for word in words:
            assert word in self.error["message"], self.error
        return self.error["message"]


class Tree:
    """A deploy_to, a place outside it, and a worker that runs as the application's user."""

    def __init__(self, root):
        self.binary = root / "bootagent-tree"
        self.path = root / "app"
        self.outside = root / "outside"
        self.prefix = []
        self.environment = {"PATH": "/usr/bin:/bin", **SANITIZERS}
        shutil.copy(BUILD / "bootagent-tree", self.binary)
        self.binary.chmod(0o755)
        self.path.mkdir()
        self.outside.mkdir()
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                           "--clear-groups"]
        self.give(self.path, self.outside)
        self.put(self.outside / "kept" / "file", "precious\n")

    @property
    def releases(self):
        return self.path / "releases"

    @property
    def current(self):
        return self.path / "current"

    def give(self, *paths):
        """Hands paths that the test made to the user."""
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            for path in paths:
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def put(self, path, text=None):
        """Makes a file, or a directory without a text, and what lies above it."""
        missing = [p for p in path.parents if not p.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_text(text)
        self.give(path, *missing)
        return path

    def link(self, path, target):
        path.symlink_to(target)
        self.give(path)

    def release(self, name, revision=REVISION):
        """A finished release with one more file."""
        self.put(self.releases / name / "config.ru", "run App\n")
        self.put(self.releases / name / "REVISION", f"{revision}\n")
        return self.releases / name

    def trace(self, *options):
        """From now on the worker runs below strace; its log of system calls."""
        log = self.put(self.binary.parent / "trace", "")
        self.prefix += ["strace", "-qq", "-o", log, *options]
        # The leak check does not run below ptrace.
        self.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        return log

    def start(self, **options):
        return subprocess.Popen([*self.prefix, self.binary], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment, cwd="/", **options)

    def send(self, request, **options):
        """The reply to raw bytes."""
        with self.start(**options) as worker:
            try:
                output, complaints = worker.communicate(request, TIMEOUT_S)
            finally:
                worker.kill()
        assert complaints == b"", complaints.decode(errors="replace")
        return Reply(output.decode(), worker.returncode)

    def ask(self, verb, **members):
        request = {"verb": verb, "deploy_to": str(self.path), **members}
        return self.send(json.dumps(request).encode())

    def outside_is_whole(self):
        return (self.outside / "kept" / "file").read_text() == "precious\n" and \
            sorted(p.name for p in self.outside.iterdir()) == ["kept"]


def unlock(path):
    for folder, below, _ in os.walk(path):
        for name in below:
            if not os.path.islink(os.path.join(folder, name)):
                os.chmod(os.path.join(folder, name), 0o700)


@pytest.fixture
def tree():
    root = Path(tempfile.mkdtemp(prefix="bootagent-test."))
    root.chmod(0o755)
    try:
        yield Tree(root)
    finally:
        unlock(root)
        shutil.rmtree(root)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(path):
    return sorted(p.name for p in path.iterdir())


# ---- the conversation ---------------------------------------------------------------


@pytest.mark.parametrize("request_text, code, word", [
    (b"", "EINVAL", "end of data"),
    (b"{", "EINVAL", "end of data"),
    (b"[]", "EINVAL", "not a JSON object"),
    (b"{} {}", "EINVAL", "behind the document"),
    (b"{}", "EINVAL", "'verb'"),
    (b'{"verb": "fly"}', "EOPNOTSUPP", "'fly'"),
    (b'{"verb": "inspect"}', "EINVAL", "'deploy_to'"),
    (b'{"verb": "inspect", "deploy_to": "srv/app"}', "EINVAL", "absolute"),
    (b'{"verb": "inspect", "deploy_to": "//"}', "EINVAL", "absolute"),
    (b'{"verb": "inspect", "deploy_to": "/no/such/place"}', "ENOENT", "/no/such/place"),
    (b'{"verb": "inspect", "deploy_to": "/tmp\\u0000/x"}', "EINVAL", "'deploy_to'"),
    (b" " * (1024 * 1024 + 1), "EFBIG", "request"),
])
def test_refuses_what_is_no_request(tree, request_text, code, word):
    tree.send(request_text).refused(code, word)


def test_deploy_to_must_not_be_a_link_or_a_file(tree):
    tree.link(tree.path.parent / "link", tree.path)
    for name in ("link", "link/", "bootagent-tree"):
        request = {"verb": "inspect", "deploy_to": str(tree.path.parent) + "/" + name}
        tree.send(json.dumps(request).encode()).refused("ENOTDIR", "deploy_to")


def test_nobody_listens(tree):
    """The reply cannot be written: status 2, not a death by SIGPIPE."""
    with tree.start() as worker:
        worker.stdout.close()
        worker.stdin.write(json.dumps({"verb": "inspect", "deploy_to": "/x"}).encode())
        worker.stdin.close()
        assert worker.wait(TIMEOUT_S) == 2
        assert worker.stderr.read() == b""


def test_process_has_its_name(tree):
    with tree.start() as worker:
        comm = Path(f"/proc/{worker.pid}/comm")
        for _ in range(1000):
            if comm.read_text() == "bootagent-tree\n":
                break
        worker.communicate(b"{}", TIMEOUT_S)
        assert worker.returncode == 1


# ---- inspect ------------------------------------------------------------------------


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


def make_fifo(tree, path):
    os.mkfifo(path)


def make_directory(tree, path):
    path.mkdir()


def make_link_outside(tree, path):
    tree.put(tree.outside / "REVISION", REVISION)
    path.symlink_to(tree.outside / "REVISION")


def make_unreadable(tree, path):
    path.write_text(REVISION)
    path.chmod(0)


def make_socket(tree, path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_nothing(tree, path):
    pass


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
    f"releases/{OLD}", "/srv/other/releases/x", "releases/../../outside",
    f"releases/{NEW}/config.ru", f"../app/releases/{NEW}", f"/releases/{NEW}", "shared",
    f"releases/{NEW}/", "current"])
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


# ---- prepare ------------------------------------------------------------------------


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


# ---- finish -------------------------------------------------------------------------


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


# ---- activate -----------------------------------------------------------------------


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


# ---- record -------------------------------------------------------------------------


def test_record_appends_lines(tree):
    log = tree.path / "revisions.log"
    first = "Branch main (at 0123456) deployed as release 20260202000000 by bootagent"
    assert tree.ask("record", line=first).result == {}
    assert mode(log) == 0o644
    second = "\ud55c\uad6d 'quoted' \\ \"text\" " + "x" * 3000
    assert tree.ask("record", line=second).error is None
    assert log.read_text() == f"{first}\n{second}\n"


def test_record_keeps_the_lines_of_others(tree):
    log = tree.put(tree.path / "revisions.log", "by cap\n")
    log.chmod(0o664)
    assert tree.ask("record", line="by us").error is None
    assert log.read_text() == "by cap\nby us\n" and mode(log) == 0o664


@pytest.mark.parametrize("line", ["", "a\nb", "a\rb", "a\tb", "\x1b[31m", "a\0b", "\x7f",
                                  "\u009b31m", "x" * 4097, 5, None])
def test_record_refuses_what_is_not_one_line(tree, line):
    tree.ask("record", line=line).refused("EINVAL", "line")
    assert not (tree.path / "revisions.log").exists()


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_directory])
def test_record_waits_for_nothing(tree, make):
    make(tree, tree.path / "revisions.log")
    tree.give(tree.path / "revisions.log")
    assert "not a regular file" in tree.ask("record", line="x").error["message"]


def test_record_refuses_a_fifo_with_a_reader(tree):
    os.mkfifo(tree.path / "revisions.log")
    tree.give(tree.path / "revisions.log")
    reader = os.open(tree.path / "revisions.log", os.O_RDONLY | os.O_NONBLOCK)
    tree.ask("record", line="x").refused("EINVAL", "not a regular file")
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("target", ["kept/file", "new"])
def test_record_does_not_follow_a_link(tree, target):
    tree.link(tree.path / "revisions.log", tree.outside / target)
    tree.ask("record", line="x").refused("ELOOP", "revisions.log", "away")
    assert tree.outside_is_whole()


# ---- remove -------------------------------------------------------------------------


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


class Swapper(threading.Thread):
    """The hostile neighbour: puts a link to `outside` in a directory's place, and back."""

    def __init__(self, tree, victim):
        super().__init__()
        self.tree = tree
        self.victim = victim
        self.aside = tree.path / "aside"
        self.stopped = threading.Event()
        self.swaps = 0

    def run(self):
        while not self.stopped.is_set():
            try:
                self.victim.rename(self.aside)
                self.victim.symlink_to(self.tree.outside)
                self.swaps += 1
                self.victim.unlink()
                self.aside.rename(self.victim)
            except OSError:
                if self.aside.exists() and not self.victim.parent.exists():
                    return


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
            assert reply.error["code"] in ("ENOTEMPTY", "ESTALE", "ENOENT"), reply.error
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
