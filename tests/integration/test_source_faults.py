# SPDX-License-Identifier: MIT
"""What goes wrong with a git host, on each of the three ways to it (facts G1-G12).

One table: a fault a row, with the outcome on each way and the time until then; printed at
the end of the run. What the worker cannot end by itself, silence (G1), the supervisor ends
by SIGKILL; here the test does, after IDLE_S in which it said nothing. After every row there
is no process left, the next fetch is good, and then there is no lock and no temporary file
either; what a kill leaves, the supervisor has swept at once, see test_silence.py.
"""
import json
import os
import select
import time
from pathlib import Path

import pytest

from servers.answer import Answer
from servers.certificates import Authority
from servers.passage import Passage
from conftest import save_table
from servers.process import wait_until
from servers.repository import Repository
from servers.ssh import Ssh, make_key
from worker.source import FETCHER, MEBIBYTE, TIMEOUT_S, git_host
from worker.ways import LOGIN, WAYS

IDLE_S = 1.0
REF_COUNT = 20000
FAR_BYTES = 4 * MEBIBYTE
ALL = list(WAYS)


class Table:
    """The rows as they came out: {fault: {way: (seconds, outcome)}}."""

    def __init__(self):
        self.rows = {}

    def add(self, fault, way, took_s, outcome):
        self.rows.setdefault(fault, {})[way] = f"{took_s:5.2f} s {outcome}"

    def lines(self):
        for row in [("fault", {way: way for way in ALL}), *self.rows.items()]:
            cells = [f"{row[1].get(way, '-'):<24}" for way in ALL]
            yield f"{row[0]:<34}{''.join(cells)}".rstrip()


@pytest.fixture(scope="module")
def table():
    made = Table()
    yield made
    save_table("git faults", made.lines())


@pytest.fixture
def way(world, request):
    with WAYS[request.param](world) as made:
        yield made


def on(*names):
    return pytest.mark.parametrize("way", names, indirect=True)


class Run:
    """One fault on one way, timed, noted in the table."""

    def __init__(self, request, world, way, table):
        self.world, self.way, self.table = world, way, table
        self.fault = request.node.originalname.removeprefix("test_").replace("_", " ")

    def note(self, begun_s, outcome):
        self.table.add(self.fault, self.way.name, time.monotonic() - begun_s, outcome)

    def fetch(self, **members):
        """A fetch that ends by itself."""
        begun_s = time.monotonic()
        reply = self.way.fetch(**members)
        self.note(begun_s, reply.error["code"] if reply.error else "done")
        assert self.way.secret not in reply.text
        self.is_clean()
        return reply

    def start(self, **members):
        worker = self.world.start(FETCHER, start_new_session=True)
        request = {"ref": "main", **self.way.members(**members)}
        worker.stdin.write(self.world.fetch_request(**request))
        worker.stdin.close()
        return worker

    def kill(self, worker, begun_s, outcome):
        assert worker.poll() is None, worker.stdout.read()
        worker.kill()
        worker.wait(TIMEOUT_S)
        self.note(begun_s, outcome)
        said = worker.stdout.read().decode()
        assert self.way.secret not in said and worker.stderr.read() == b""
        assert not in_session(worker.pid)

    def is_silent(self, passage, **members):
        """Ended once nothing came for IDLE_S, as the supervisor ends it."""
        begun_s = time.monotonic()
        with self.start(url=self.way.url(port=passage.port), **members) as worker:
            wait_until(lambda: passage.is_still, TIMEOUT_S)
            while select.select([worker.stdout], [], [], IDLE_S)[0]:
                assert os.read(worker.stdout.fileno(), MEBIBYTE)
            self.kill(worker, begun_s, "killed, silent")
        self.goes_on()

    def is_clean(self):
        """No lock, and nothing temporary."""
        mirror = self.world.mirror
        left = [path for pattern in ("*.lock", "pack_git2_*", ".tmp-*")
                for path in mirror.rglob(pattern)]
        assert left == []

    def goes_on(self, repository=None, **members):
        result = self.way.fetch(**members).done()
        self.is_clean()
        self.world.whole(result["revision"])
        assert repository is None or result["revision"] == repository.head
        return result


def in_session(leader):
    """The processes of a session, by the kernel's word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader:
            found.append(path)
    return found


@pytest.fixture
def run(request, world, way, table):
    return Run(request, world, way, table)


@pytest.fixture
def large(repository):
    repository.commit({"large": os.urandom(2 * FAR_BYTES)}, "large")
    return repository


# ---- the network --------------------------------------------------------------------


@on(*ALL)
def test_silent_at_accept(run, way, repository):
    assert repository.head
    with Passage(way.port, 0) as passage:
        run.is_silent(passage)


@on(*ALL)
def test_silent_in_the_first_answer(run, way, repository):
    assert repository.head
    with Passage(way.port, way.first_answer_bytes) as passage:
        run.is_silent(passage)


@on(*ALL)
def test_silent_in_mid_pack(run, way, large):
    assert large.head
    with Passage(way.port, FAR_BYTES) as passage:
        run.is_silent(passage)


@on(*ALL)
def test_a_trickle(run, way, repository):
    with Passage(way.port, slow_after_bytes=0) as passage:
        reply = run.fetch(url=way.url(port=passage.port))
    assert reply.done()["revision"] == repository.head
    run.goes_on(repository)


@on(*ALL)
def test_a_trickle_in_mid_pack(run, way, large):
    """It is told on and on, so no idle limit ends it: the deadline does."""
    begun_s = time.monotonic()
    with Passage(way.port, slow_after_bytes=FAR_BYTES) as passage:
        with run.start(url=way.url(port=passage.port)) as worker:
            wait_until(lambda: passage.carried_bytes > FAR_BYTES, TIMEOUT_S)
            # libgit2 tells every 100 KB of an object.
            for _ in range(2):
                assert select.select([worker.stdout], [], [], TIMEOUT_S)[0]
                said = os.read(worker.stdout.fileno(), MEBIBYTE).decode()
            run.kill(worker, begun_s, "killed, deadline")
    line = json.loads(said.splitlines()[-1])
    assert line["progress"]["received_bytes"] > 0
    run.goes_on(large)


# Counts until it is told to go on, and then does what git does.
COUNTING = """#!/bin/sh
while ! test -e '{go_on}'; do printf 'Counting objects: 7%%\\r' >&2; sleep 0.1; done
exec "$@"
"""


@on("http", "https")
def test_a_server_that_counts_for_long(run, way, repository):
    """Nothing of the pack is there yet, but it is not silent: no idle limit ends it."""
    hook, go_on = run.world.root / "hook", run.world.root / "go-on"
    hook.write_text(COUNTING.format(go_on=go_on))
    hook.chmod(0o755)
    run.world.fault({**LOGIN, "pack_hook": str(hook)})
    begun_s = time.monotonic()
    with run.start() as worker:
        for _ in range(3):
            assert select.select([worker.stdout], [], [], TIMEOUT_S)[0]
            line = json.loads(worker.stdout.readline())
            assert line == {"progress": {"server": "Counting objects: 7%"}}
        go_on.touch()
        reply = json.loads(worker.stdout.read().splitlines()[-1])
    run.note(begun_s, "done")
    assert reply["result"]["revision"] == repository.head
    run.goes_on(repository)


@on(*ALL)
def test_cut_at_accept(run, way, repository):
    with Passage(way.port, 0, "cut") as passage:
        run.fetch(url=way.url(port=passage.port)).refused("ENETUNREACH", "closed")
    run.goes_on(repository)


@on(*ALL)
def test_cut_in_the_first_answer(run, way, repository):
    with Passage(way.port, way.first_answer_bytes, "cut") as passage:
        run.fetch(url=way.url(port=passage.port)).refused("ENETUNREACH", "closed")
    run.goes_on(repository)


@on(*ALL)
def test_cut_in_mid_pack(run, way, large):
    with Passage(way.port, FAR_BYTES, "cut") as passage:
        run.fetch(url=way.url(port=passage.port)).refused("ENETUNREACH", "closed")
    run.goes_on(large)


@on(*ALL)
def test_nobody_at_the_port(run, way, repository):
    with Passage(way.port) as passage:
        port = passage.port
    run.fetch(url=way.url(port=port)).refused("ENETUNREACH", "Connection refused")
    run.goes_on(repository)


@on(*ALL)
def test_kill_in_mid_pack_and_again(run, way, large):
    """What it leaves, a temporary pack, is there until the next fetch (G2)."""
    pack = run.world.mirror / "objects/pack"
    begun_s = time.monotonic()
    for _ in range(2):
        with Passage(way.port, FAR_BYTES) as passage, \
                run.start(url=way.url(port=passage.port)) as worker:
            wait_until(lambda: passage.is_still, TIMEOUT_S)
            wait_until(lambda: [p for p in pack.glob("pack_git2_*")
                                if p.stat().st_size > FAR_BYTES // 4], TIMEOUT_S)
            run.kill(worker, begun_s, "killed")
        assert len(list(pack.glob("pack_git2_*"))) == 1
    run.goes_on(large)


# ---- the mirror ---------------------------------------------------------------------


def put_all(world, names):
    return [world.put(name, "left\n") for name in names]


@on(*ALL)
def test_stale_locks(run, way, repository):
    run.goes_on(repository)
    put_all(run.world, ["refs/heads/main.lock", "refs/heads/a/b/c.lock", "HEAD.lock",
                        "config.lock", "packed-refs.lock", ".tmp-0123456789abcdef",
                        "objects/pack/pack_git2_0123456789abcdef",
                        "objects/pack/pack_git2_0123456789aidx.lock"])
    second = repository.commit({"a": b"1\n"}, "second")
    assert run.fetch().done()["revision"] == second
    run.goes_on(repository)


@on(*ALL)
def test_stale_FETCH_HEAD_lock(run, way, repository):   # pylint: disable=invalid-name
    run.goes_on(repository)
    put_all(run.world, ["FETCH_HEAD.lock"])
    second = repository.commit({"a": b"1\n"}, "second")
    assert run.fetch().done()["revision"] == second
    run.goes_on(repository)


@on(*ALL)
def test_hostile_config_of_the_mirror(run, way, repository):
    """insteadOf, alternates, hooks, a foreign HEAD: G11."""
    world = run.world
    run.goes_on(repository)
    own = {name: (world.mirror / name).read_text() for name in ("config", "HEAD")}
    elsewhere = way.url("").rstrip("/")
    world.put("config", f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {elsewhere}\n'
                        "[http]\n\tproxy = http://127.0.0.1:1\n\tsslVerify = false\n"
                        "[core]\n\thooksPath = /tmp\n\tsshCommand = false\n")
    steering = [world.put("objects/info/alternates", f"{world.root}\n"),
                world.put("commondir", f"{world.root}\n"),
                world.put("hooks/post-update", "#!/bin/sh\nexit 1\n"),
                world.put("info/grafts", f"{repository.head}\n")]
    world.put("HEAD", "ref: refs/heads/other\n")
    second = repository.commit({"a": b"1\n"}, "second")
    assert run.fetch().done()["revision"] == second
    assert [path for path in steering if path.exists()] == []
    assert own == {name: (world.mirror / name).read_text() for name in own}
    run.goes_on(repository)


# ---- the repository -----------------------------------------------------------------


@on(*ALL)
def test_force_push(run, way, repository):
    first = repository.head
    second = repository.commit({"a": b"1\n"}, "second")
    run.goes_on(repository)
    repository.reset(first)
    other = repository.commit({"a": b"2\n"}, "another second")
    result = run.fetch().done()
    assert (result["revision"], result["previous_revision"]) == (other, second)
    run.goes_on(repository)


@on(*ALL)
def test_branch_gone(run, way, repository):
    repository.git("branch", "deploy")
    run.goes_on(ref="main")
    way.fetch(ref="deploy").done()
    repository.git("branch", "-D", "deploy")
    run.fetch(ref="deploy").refused("ENOENT", "no branch or tag 'deploy'", "'main'")
    run.goes_on(repository)


@on(*ALL)
def test_empty_repository(run, way, world):
    made = Repository(world.served)
    run.fetch().refused("ENODATA", "empty")
    made.commit({"a": b"1\n"}, "first")
    run.goes_on(made)


@on(*ALL)
def test_no_such_repository(run, way, repository):
    run.fetch(url=way.url("none.git")).refused("ENOENT", "has no repository there")
    run.goes_on(repository)


@on(*ALL)
def test_20000_refs(run, way, repository):
    head = repository.head
    names = sorted(f"refs/heads/topic/{number}" for number in range(REF_COUNT))
    (repository.path / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n" +
        "".join(f"{head} {name}\n" for name in names))
    assert run.fetch().done()["revision"] == head
    run.way.fetch(ref="topic/20000").refused("ENOENT", "'topic/2000'")
    assert [p for p in (run.world.mirror / "refs").rglob("*") if p.is_file()] == [
        run.world.mirror / "refs/heads/main"]
    run.goes_on(repository)


# ---- who is who ---------------------------------------------------------------------


@on(*ALL)
def test_wrong_token_or_key(run, way, repository):
    run.fetch(**way.with_wrong_secret()).refused("EACCES", "refuses the")
    run.goes_on(repository)


@on(*ALL)
def test_no_token_or_key(run, way, repository):
    run.fetch(**way.without_secret()).refused("EACCES", "configured")
    run.goes_on(repository)


@on("ssh")
def test_unknown_host_key(run, way, repository):
    run.fetch(host_keys=[]).refused("EKEYREJECTED", "no host key", "SHA256:")
    run.goes_on(repository)


@on("ssh")
def test_changed_host_key(run, way, repository):
    with Ssh(run.world.root / "other") as other:
        run.fetch(url=other.url(f"{run.world.served}/app.git")).refused(
            "EKEYREJECTED", "none of source.host_keys", "SHA256:")
    run.goes_on(repository)


@on("ssh")
def test_pinned_host_key_of_another_kind(run, way, repository):
    run.fetch(host_keys=[way.server.host_keys["ecdsa"]]).done()
    run.goes_on(repository)


@on("ssh")
def test_RSA_key(run, way, repository):   # pylint: disable=invalid-name
    key, public = make_key(run.world.root / "rsa", "rsa")
    way.server.authorize(public)
    run.fetch(ssh_key=key).refused("EACCES", "RSA key", "SHA-1")
    run.goes_on(repository)


def fetch_from(run, certificate):
    with git_host(run.world, "--certificate", str(certificate)) as server:
        return run.fetch(url=f"{server.ready['url']}/app.git")


@on("https")
def test_expired_certificate(run, way, repository):
    fetch_from(run, way.authority.issue(end="20210101000000Z")).refused(
        "EKEYREJECTED", "has expired")
    run.goes_on(repository)


@on("https")
def test_certificate_of_another_host(run, way, repository):
    fetch_from(run, way.authority.issue("example.org")).refused(
        "EKEYREJECTED", "another host name")
    run.goes_on(repository)


@on("https")
def test_certificate_of_unknown_authority(run, way, repository):
    other = Authority(run.world.root / "other")
    fetch_from(run, other.issue()).refused("EKEYREJECTED", "does not trust")
    run.goes_on(repository)


@on(*ALL)
def test_password_in_the_address(run, way, repository):
    """Never shown, whatever comes of it."""
    reply = run.fetch(url=way.url(user="joe:hidden@"), **way.without_secret())
    assert reply.error["code"] in ("EACCES", "EINVAL")
    assert "hidden" not in reply.text and "joe" not in reply.text
    run.goes_on(repository)


@on("http", "https")
def test_redirect_to_another_host(run, way, repository):
    certificate = way.authority.issue() if way.name == "https" else None
    there = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}[way.host]

    def answer(path):
        return 301, {"Location": f"{way.name}://{there}:{way.port}{path}"}, b""

    with Answer(answer, certificate) as url:
        run.fetch(url=f"{url}/app.git").refused("EPROTO", "redirect", there)
    run.goes_on(repository)


@on("http", "https")
def test_server_fails(run, way, repository):
    run.world.fault({"status": 503})
    run.fetch().refused("ENETUNREACH", "503")
    run.world.fault(LOGIN)
    run.goes_on(repository)
