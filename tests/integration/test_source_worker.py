# SPDX-License-Identifier: MIT
"""bootagent-source by hand: one JSON request in, JSON lines out, against a real git host.

As root, `daemon` fetches and `games` exports, and the mirror lies between them as the
supervisor makes it: owner daemon, group games, 2750. Otherwise both are oneself.
"""
import hashlib
import http.server
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import pytest

from servers.process import Server, wait_until
from servers.repository import File, Repository, Symlink
from worker.reply import BUILD, SANITIZERS, TIMEOUT_S, talk

TESTS = Path(__file__).resolve().parents[1]
MEBIBYTE = 1 << 20
ROOT = os.geteuid() == 0
FETCHER, APPLICATION = "daemon", "games"


class World:
    """A git host, a mirror, a place to export to, and the worker in between."""

    def __init__(self, root):
        self.root = root
        self.binary = root / "bootagent-source"
        self.served = root / "served"
        self.mirror = root / "mirror.git"
        self.target = root / "release"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
                            "LANG": "C.UTF-8", **SANITIZERS}
        shutil.copy(BUILD / "bootagent-source", self.binary)
        self.binary.chmod(0o755)
        self.served.mkdir()
        self.make_mirror()
        self.make_target()
        self.url = None

    def make_mirror(self):
        """As the supervisor does."""
        self.mirror.mkdir()
        if ROOT:
            os.chown(self.mirror, pwd.getpwnam(FETCHER).pw_uid,
                     pwd.getpwnam(APPLICATION).pw_gid)
        self.mirror.chmod(0o2750)

    def make_target(self):
        self.target.mkdir()
        self.give(self.target, APPLICATION)

    def give(self, path, user):
        if ROOT:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def put(self, name, text):
        """A file in the mirror, as if its owner had written it."""
        path = self.mirror / name
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                self.give(folder, FETCHER)
        path.write_text(text)
        self.give(path, FETCHER)
        return path

    def start(self, user, *prefix, **options):
        argv = [*prefix, self.binary]
        if ROOT and user is not None:
            entry = pwd.getpwnam(user)
            argv = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                    "--clear-groups", "--no-new-privs", *argv]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(argv, env=self.environment, cwd="/", **streams)

    def send(self, request, user=FETCHER, prefix=(), **options):
        return talk(self.start(user, *prefix, **options), request)

    def fetch_request(self, **members):
        request = {"verb": "fetch", "repository": str(self.mirror),
                   "url": f"{self.url}/app.git", "ref": "main", **members}
        return json.dumps(request).encode()

    def fetch(self, **members):
        return self.send(self.fetch_request(**members))

    def export(self, revision, user=APPLICATION, prefix=(), **members):
        request = {"verb": "export", "repository": str(self.mirror), "revision": revision,
                   "directory": str(self.target), **members}
        return self.send(json.dumps(request).encode(), user, prefix)

    def fault(self, fault):
        """Whole or not at all: the server reads it between our open and our write."""
        temporary = self.root / "fault.new"
        temporary.write_text(json.dumps(fault))
        temporary.rename(self.root / "fault.json")

    def asked(self):
        """(method, URL) of each request since the last call."""
        log = self.root / "log"
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        log.write_text("")
        return [(line["method"], line["url"]) for line in lines]

    def git(self, *arguments):
        result = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(self.mirror), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True, text=True, timeout=TIMEOUT_S)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def packs(self):
        return sorted(os.listdir(self.mirror / "objects/pack"))

    def whole(self, revision, ref="refs/heads/main"):
        """The mirror has the ref, everything it needs, and nothing temporary."""
        assert self.git("rev-parse", ref) == revision
        self.git("fsck", "--strict", "--no-dangling")
        assert [name for name in self.packs() if not name.startswith("pack-")] == []
        assert len(self.packs()) % 2 == 0
        assert list(self.mirror.rglob("*.lock")) == []


@pytest.fixture
def world():
    root = Path(tempfile.mkdtemp(prefix="bootagent-test."))
    root.chmod(0o755)
    made = World(root)
    argv = [sys.executable, "-B", "-m", "servers.git_http", "--root", str(made.served),
            "--fault-file", str(root / "fault.json"), "--log", str(root / "log")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS), "LANG": "C.UTF-8"}
    with Server.start(argv, env=environment) as server:
        made.url = server.ready["url"]
        yield made
    # Not shutil.rmtree: it recurses, and trees here are deeper than Python allows.
    subprocess.run(["rm", "-rf", "--", str(root)], check=True, timeout=TIMEOUT_S)


@pytest.fixture
def repository(world):
    return Repository.generic(world.served, {"README": b"hello\n", "lib/a.rb": b"A = 1\n"})


class Answer(http.server.ThreadingHTTPServer):
    """A host that answers every request with what `answer(path)` says."""

    daemon_threads = True

    def __init__(self, answer):
        self.answer = answer
        super().__init__(("127.0.0.1", 0), AnswerHandler)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server_port}"

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that goes away is what these tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class AnswerHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_GET(self):  # pylint: disable=invalid-name
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Silent."""


class Stall:
    """A way to the host that carries so many bytes of its answers, then nothing more."""

    def __init__(self, url, after_bytes):
        self.there = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self.left = after_bytes
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets = [self.listener]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            host = socket.create_connection(self.there, TIMEOUT_S)
            self.sockets += [client, host]
            for pump in (self.upwards, self.downwards):
                threading.Thread(target=pump, args=(client, host), daemon=True).start()

    def upwards(self, client, host):
        try:
            while data := client.recv(65536):
                host.sendall(data)
        except OSError:
            pass

    def downwards(self, client, host):
        try:
            while self.left > 0 and (data := host.recv(min(65536, self.left))):
                self.left -= len(data)
                client.sendall(data)
        except OSError:
            pass


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
    ({"url": "git@host:a.git"}, "EINVAL", "https://"),
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


# ---- fetch --------------------------------------------------------------------------


def test_first_fetch(world, repository):
    reply = world.fetch()
    result = reply.done()
    assert result.pop("received_bytes") > 0
    assert result == {"revision": repository.head, "ref": "refs/heads/main",
                      "previous_revision": None, "fetched": True, "received_objects": 5}
    assert set(reply.progress[0]) == {"received_objects", "total_objects", "received_bytes"}
    world.whole(repository.head)


def test_mirror_is_the_owners_and_the_groups(world, repository):
    world.fetch().done()
    owner, group = os.geteuid(), os.getegid()
    if ROOT:
        owner, group = pwd.getpwnam(FETCHER).pw_uid, pwd.getpwnam(APPLICATION).pw_gid
    for path in [world.mirror, *world.mirror.rglob("*")]:
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (owner, group), path
        mode = stat.S_IMODE(status.st_mode)
        assert mode & 0o027 == (0o050 & mode if path.is_dir() else 0) & 0o027, path
        assert mode & 0o040 and not mode & 0o007, (path, oct(mode))
    assert repository.head


def tree_of(path):
    return {str(p.relative_to(path)): (p.lstat().st_mtime_ns, p.lstat().st_ino)
            for p in path.rglob("*")}


def test_nothing_new_is_one_question(world, repository):
    world.fetch().done()
    before = tree_of(world.mirror)
    world.asked()
    reply = world.fetch()
    assert reply.done() == {"revision": repository.head, "ref": "refs/heads/main",
                            "previous_revision": repository.head, "fetched": False,
                            "received_objects": 0, "received_bytes": 0}
    assert reply.progress == []
    assert world.asked() == [("GET", "/app.git/info/refs?service=git-upload-pack")]
    assert tree_of(world.mirror) == before


def test_new_commit(world, repository):
    first = repository.head
    world.fetch().done()
    second = repository.commit({"lib/a.rb": b"A = 2\n"}, "second")
    result = world.fetch().done()
    assert (result["revision"], result["previous_revision"]) == (second, first)
    assert result["fetched"] and result["received_objects"] == 4
    world.whole(second)


def test_forced_push_and_back(world, repository):
    first = repository.head
    second = repository.commit({"a": b"1\n"}, "second")
    world.fetch().done()
    repository.reset(first)
    other = repository.commit({"a": b"2\n"}, "another second")
    result = world.fetch().done()
    assert (result["revision"], result["previous_revision"]) == (other, second)
    world.whole(other)
    # What is here already is not downloaded again.
    repository.reset(second)
    result = world.fetch().done()
    assert (result["revision"], result["received_objects"]) == (second, 0)
    world.whole(second)


def test_branch_in_the_way_of_another(world, repository):
    """"a" cannot be a file and a directory: the one that is gone on the server goes."""
    world.fetch().done()
    for gone, wanted in (("x", "a"), ("a", "a/b"), ("a/b", "a")):
        repository.git("update-ref", "-d", f"refs/heads/{gone}")
        repository.git("update-ref", f"refs/heads/{wanted}", repository.head)
        assert world.fetch(ref=wanted).done()["ref"] == f"refs/heads/{wanted}"
        world.whole(repository.head, f"refs/heads/{wanted}")
    world.whole(repository.head)


def test_no_such_branch(world, repository):
    repository.git("branch", "maintenance")
    words = ("no branch 'mian'", "'main'", "'maintenance'", f"fetch '{world.url}/app.git'")
    world.fetch(ref="mian").refused("ENOENT", *words)
    repository.git("tag", "v1")
    world.fetch(ref="v1").refused("ENOENT", "no branch 'v1'")


def test_empty_repository(world):
    Repository(world.served)
    world.fetch().refused("ENODATA", "empty")


def test_korean_branch(world, repository):
    repository.git("branch", "배포/운영")
    result = world.fetch(ref="배포/운영").done()
    assert result["ref"] == "refs/heads/배포/운영"
    world.fetch(ref="배포/운명").refused("ENOENT", "배포/운영")


def test_leftovers_are_swept(world, repository):
    world.fetch().done()
    left = ["objects/pack/pack_git2_0123456789abcdef",
            "objects/pack/pack_git2_0123456789aidx.lock",
            f"objects/pack/pack-{'1' * 40}.idx",
            "refs/heads/main.lock", "refs/heads/a/b/c.lock", "FETCH_HEAD.lock", "HEAD.lock",
            "config.lock", "packed-refs.lock", ".tmp-0123456789abcdef"]
    paths = [world.put(name, "left\n") for name in left]
    second = repository.commit({"a": b"1\n"}, "second")
    assert world.fetch().done()["revision"] == second
    assert [path for path in paths if path.exists()] == []
    world.whole(second)


def test_what_is_no_leftover_stays(world, repository):
    world.fetch().done()
    kept = [world.put("packed-refs", "# pack-refs with: peeled fully-peeled sorted \n"),
            world.put("refs/heads/lock", repository.head + "\n"), *world.mirror.glob("**/pack-*")]
    world.fetch().done()
    assert all(path.exists() for path in kept)


def test_hostile_repository_is_disarmed(world, repository):
    """insteadOf, alternates, hooks, another config: G11."""
    elsewhere = world.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config").write_text("[core]\n")
    own = {}
    world.fetch().done()
    for name in ("config", "HEAD"):
        own[name] = (world.mirror / name).read_text()
    world.put("config", f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {world.url}/\n'
                        "[http]\n\tproxy = http://127.0.0.1:1\n\textraHeader = X: y\n"
                        "[core]\n\thooksPath = /tmp\n")
    steering = [world.put("objects/info/alternates", f"{elsewhere}\n"),
                world.put("commondir", f"{elsewhere}\n"),
                world.put("hooks/post-update", "#!/bin/sh\nexit 1\n"),
                world.put("info/grafts", f"{repository.head}\n")]
    world.put("HEAD", "ref: refs/heads/other\n")
    second = repository.commit({"a": b"1\n"}, "second")
    assert world.fetch().done()["revision"] == second
    assert [path for path in steering if path.exists()] == []
    for name, text in own.items():
        assert (world.mirror / name).read_text() == text
    world.whole(second)


def test_config_that_is_a_link_is_replaced(world, repository):
    world.fetch().done()
    outside = world.root / "outside"
    outside.write_text("[core]\n\tbare = false\n")
    (world.mirror / "config").unlink()
    (world.mirror / "config").symlink_to(outside)
    world.fetch().done()
    assert not (world.mirror / "config").is_symlink()
    assert outside.read_text() == "[core]\n\tbare = false\n"
    assert repository.head


def test_objects_elsewhere_are_refused(world, repository):
    world.fetch().done()
    (world.mirror / "objects").rename(world.root / "objects")
    (world.mirror / "objects").symlink_to(world.root / "objects")
    world.fetch().refused("ENOTDIR", "objects")
    assert repository.head


@pytest.mark.parametrize("made", [
    ["objects"], ["objects", "refs"], ["objects", "refs", "config"], [".tmp-0011223344556677"],
    ["objects", "refs", "config", "hooks", "description"],
])
def test_half_made_mirror_is_completed(world, repository, made):
    for name in made:
        if name in ("objects", "refs", "hooks"):
            (world.mirror / name).mkdir()
            world.give(world.mirror / name, FETCHER)
        else:
            world.put(name, "")
    world.fetch().done()
    world.whole(repository.head)


def test_something_else_is_left_alone(world, repository):
    world.put("notes.txt", "mine\n")
    world.fetch().refused("ENOTEMPTY", "notes.txt")
    assert os.listdir(world.mirror) == ["notes.txt"]
    assert repository.head


def test_not_the_owners_mirror(world, repository):
    """A permission error, told as such: never "there is no mirror yet" (G4, G13)."""
    world.fetch().done()
    if not ROOT:
        world.mirror.chmod(0)
        world.fetch().refused("EACCES", "no permission", str(world.mirror))
        world.mirror.chmod(0o750)
        return
    # In its group; outside it; and root, whom no mode stops.
    for user in (APPLICATION, "nobody", None):
        reply = world.send(world.fetch_request(), user)
        reply.refused("EACCES", "no permission", str(world.mirror))
    world.whole(repository.head)


def test_mirror_that_cannot_be_written(world, repository):
    world.fetch().done()
    second = repository.commit({"a": b"1\n"}, "second")
    for folder in ("objects/pack", "refs/heads"):
        (world.mirror / folder).chmod(0o550)
        world.fetch().refused("EACCES", "no permission", folder.split("/")[1])
        (world.mirror / folder).chmod(0o750)
    world.fetch().done()
    world.whole(second)


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.mark.parametrize("status, code, word", [
    (503, "ENETUNREACH", "503"), (502, "ENETUNREACH", "502"), (429, "ENETUNREACH", "429"),
    (404, "ENOENT", "404"), (403, "EACCES", "403"), (401, "EACCES", "authentication"),
    (400, "EPROTO", "400"), (204, "EPROTO", "204"),
])
@pytest.mark.parametrize("only", ["info/refs", "POST"])
def test_server_answers_a_status(world, repository, status, code, word, only):
    only = "info/refs" if only == "info/refs" else "app.git/git-upload-pack"
    world.fault({"status": status, "only": only})
    world.fetch().refused(code, word)
    world.fault({})
    world.fetch().done()
    world.whole(repository.head)


def test_nobody_at_the_port(world):
    world.fetch(url=f"http://127.0.0.1:{unused_port()}/app.git").refused(
        "ENETUNREACH", "Connection refused")


def test_no_such_host(world):
    world.fetch(url="http://host.invalid/app.git").refused("ENETUNREACH", "host.invalid")


@pytest.mark.parametrize("after", [0, 1, 100, MEBIBYTE])
def test_cut_in_the_pack(world, repository, after):
    repository.commit({"large": os.urandom(4 * MEBIBYTE)}, "large")
    world.fault({"cut_after_bytes": after, "only": "app.git/git-upload-pack"})
    world.fetch().refused("ENETUNREACH", "closed the connection")
    world.fault({})
    world.fetch().done()
    world.whole(repository.head)


def test_cut_in_the_refs(world, repository):
    world.fault({"cut_after_bytes": 40})
    world.fetch().refused("ENETUNREACH", "closed the connection")
    assert repository.head


def test_killed_in_the_pack(world, repository):
    repository.commit({"large": os.urandom(8 * MEBIBYTE)}, "large")
    with Stall(world.url, 4 * MEBIBYTE) as url, world.start(FETCHER) as worker:
        worker.stdin.write(world.fetch_request(url=f"{url}/app.git"))
        worker.stdin.close()
        pack = world.mirror / "objects/pack"
        wait_until(lambda: [p for p in pack.glob("pack_git2_*")
                            if p.stat().st_size > MEBIBYTE], 30)
        worker.send_signal(signal.SIGKILL)
        worker.wait(TIMEOUT_S)
        assert "received_bytes" in worker.stdout.read().decode()
    assert list(pack.glob("pack_git2_*"))
    world.fetch().done()
    world.whole(repository.head)


def test_silence_is_ended_by_a_signal(world, repository):
    """No timers of its own; TERM ends it at once, and nothing is in the way afterwards."""
    world.fault({"silent": True})
    with world.start(FETCHER) as worker:
        worker.stdin.write(world.fetch_request())
        worker.stdin.close()
        wait_until(lambda: (world.mirror / "HEAD").exists(), 20)
        time.sleep(0.2)
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(TIMEOUT_S) == -signal.SIGTERM
    world.fault({})
    world.fetch().done()
    world.whole(repository.head)


def test_credentials_are_asked_for(world):
    def answer(_):
        return 401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?\n"

    with Answer(answer) as url:
        message = world.fetch(url=f"{url}/app.git").refused("EACCES", "none are configured")
        assert message.endswith("the server asks for credentials, and none are configured")
        # Wrong ones in the URL: libgit2 1.5.1 trips over the second 401.
        reply = world.fetch(url=f"{url.replace('//', '//joe:secret@')}/app.git")
        assert reply.error["code"] in ("EACCES", "EPROTO")
        assert "secret" not in reply.text and "joe" not in reply.text


@pytest.mark.parametrize("userinfo", ["joe:secret", "secret", "joe:se/secret", "joe:a@secret"])
def test_userinfo_is_never_shown(world, userinfo):
    reply = world.fetch(url=f"http://{userinfo}@127.0.0.1:{unused_port()}/app.git")
    assert reply.error is not None and "127.0.0.1" in reply.error["message"]
    assert "secret" not in reply.text and "joe" not in reply.text


def test_redirect_to_another_host(world, repository):
    there = world.url.replace("127.0.0.1", "localhost")
    with Answer(lambda path: (301, {"Location": there + path}, b"")) as url:
        world.fetch(url=f"{url}/app.git").refused("EPROTO", "redirect", "localhost")
    assert world.asked() == [] and repository.head


def test_redirect_within_the_host(world, repository):
    with Answer(lambda path: (301, {"Location": world.url + path}, b"")) as url:
        assert world.fetch(url=f"{url}/app.git").done()["revision"] == repository.head


def test_endless_redirect(world):
    with Answer(lambda path: (302, {"Location": path}, b"")) as url:
        world.fetch(url=f"{url}/app.git").refused("EPROTO", "redirect")


@pytest.mark.parametrize("body", [
    b"", b"hello", b"0000", b"001e# service=git-upload-pack\n0000", b"ffff" + b"x" * 100,
    b"001e# service=git-upload-pack\n00000039ERR \xff\xfe\x1b[31m nobody here \xed\xa0\x80" +
    b" " * 24 + b"0000", b"<html>" * 1000,
], ids=["nothing", "words", "flush", "no refs", "long line", "ERR", "page"])
def test_not_a_git_host(world, body):
    """Whatever it says: an error, one line of JSON that is UTF-8."""
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    with Answer(lambda _: (200, kind, body)) as url:
        assert world.fetch(url=f"{url}/app.git").error["code"] in (
            "EPROTO", "ENETUNREACH", "ENODATA", "EIO")
    with Answer(lambda _: (200, {"Content-Type": "text/html"}, body)) as url:
        world.fetch(url=f"{url}/app.git").refused("EPROTO", "content-type")


def test_proxy_and_git_environment_are_ignored(world, repository):
    world.environment |= {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
                          "all_proxy": "http://127.0.0.1:1", "GIT_DIR": "/nonexistent"}
    assert world.fetch().done()["revision"] == repository.head


def test_configuration_of_the_home_is_ignored(world, repository):
    home = world.root / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {world.url}/\n'
                                     "[http]\n\tproxy = http://127.0.0.1:1\n")
    world.environment["HOME"] = str(home)
    assert world.fetch().done()["revision"] == repository.head


# ---- export -------------------------------------------------------------------------


def contents(directory):
    """{path: (type, mode, size and digest or target)} of everything below a directory."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(directory)):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            entry = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                entry.append(hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest())
            found[os.path.relpath(path, os.fsencode(directory))] = entry
    return found


def archived(world, revision):
    """What `git archive | tar x` makes of it, with the umask an export has."""
    directory = world.root / "archived"
    directory.mkdir()
    with open(world.root / "archive.tar", "wb") as file:
        subprocess.run(["git", "-c", "safe.directory=*", "-c", "tar.umask=0022",
                        "-C", str(world.mirror), "archive", "--format=tar", revision],
                       stdout=file, check=True, timeout=TIMEOUT_S)
    subprocess.run(["tar", "-x", "-p", "-C", str(directory), "-f", str(world.root / "archive.tar")],
                   check=True, timeout=TIMEOUT_S)
    return contents(directory)


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
                     if p.is_file() and not p.is_symlink())}
    assert set(reply.progress[0]) == {"files", "bytes"}
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
    world.export(repository.head, directory=str(link)).refused("ENOTDIR", str(link))
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


class Forge:
    """Writes objects into the served repository, which is exported from without a fetch."""

    def __init__(self, world, repository):
        self.world = world
        self.path = repository.path

    def object(self, kind, data):
        whole = b"%b %d\0%b" % (kind, len(data), data)
        name = hashlib.sha1(whole).hexdigest()
        path = self.path / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole))
        return name

    def blob(self, data=b"data\n"):
        return self.object(b"blob", data)

    def tree(self, *entries):
        return self.object(b"tree", b"".join(
            b"%b %b\0%b" % (mode, name, bytes.fromhex(id)) for mode, name, id in entries))

    def commit(self, tree):
        who = b"bootagent tests <tests@example.org> 1700000000 +0000"
        return self.object(b"commit", b"tree %b\nauthor %b\ncommitter %b\n\nforged\n" %
                           (tree.encode(), who, who))

    def export(self, tree):
        subprocess.run(["chmod", "-R", "a+rX", str(self.path)], check=True, timeout=TIMEOUT_S)
        return self.world.export(self.commit(tree), repository=str(self.path))


@pytest.fixture
def forge(world, repository):
    return Forge(world, repository)


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
    reply.refused("EEXIST", "write 'x'")
    assert os.listdir(outside) == []


def test_a_name_twice(forge):
    blob = forge.blob()
    forge.export(forge.tree((b"100644", b"x", blob), (b"100644", b"x", blob))).refused("EEXIST")


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 4096])
def test_link_targets_that_are_none(forge, target):
    forge.export(forge.tree((b"120000", b"x", forge.blob(target)))).refused("EBADMSG", "'x'")


def test_modes_of_other_times(world, forge):
    """Group-writable files (early git) and an empty directory: as git archive does."""
    blob = forge.blob()
    tree = forge.tree((b"100664", b"a", blob), (b"100775", b"b", blob),
                      (b"40000", b"c", forge.tree()))
    assert forge.export(tree).done()["directories"] == 1
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in world.target.iterdir()}
    assert modes == {"a": "0o644", "b": "0o755", "c": "0o755"}


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
    forge.export(forge.tree((b"40000", b"caf\xe9", "1" * 40))).refused("EBADMSG", "caf?")


def test_damaged_objects(forge):
    missing = forge.tree((b"100644", b"x", "1" * 40))
    forge.export(missing).refused("EBADMSG", "'x'", "1" * 40)
    forge.export(forge.tree((b"100644", b"x", missing))).refused("EBADMSG", "not a blob")
    blob = forge.blob(b"good\n" * 100)
    path = forge.path / "objects" / blob[:2] / blob[2:]
    path.write_bytes(zlib.compress(b"blob 500\0" + b"evil\n" * 100))
    forge.export(forge.tree((b"100644", b"y", blob))).refused("EBADMSG", "'y'")
