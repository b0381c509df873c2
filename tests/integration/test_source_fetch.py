# SPDX-License-Identifier: MIT
"""bootagent-source fetches by hand: the mirror it makes, and what a server may answer."""
import os
import pwd
import signal
import socket
import stat
import subprocess
import time

import pytest

from servers.answer import Answer
from servers.process import wait_until
from worker.source import APPLICATION, FETCHER, ROOT, TIMEOUT_S


def test_first_fetch(world, repository):
    reply = world.fetch()
    result = reply.done()
    assert result.pop("received_bytes") > 0
    assert result == {"revision": repository.head, "ref": "refs/heads/main",
                      "previous_revision": None, "fetched": True, "received_objects": 5}
    # What the server says of its counting may come first.
    counted = [line for line in reply.progress if set(line) != {"server"}]
    assert set(counted[0]) == {"received_objects", "total_objects", "received_bytes"}
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
    # The server writes its line after its answer.
    question = ("GET", "/app.git/info/refs?service=git-upload-pack")
    assert wait_until(world.asked, 20) == [question]
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
    words = ("no branch or tag 'mian'", "'main'", "'maintenance'", f"fetch '{world.url}/app.git'")
    world.fetch(ref="mian").refused("ENOENT", *words)


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
    world.fetch().refused("EUCLEAN", "objects")
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
    (404, "ENOENT", "404"), (403, "EACCES", "403"),
    (401, "EACCES", "asks for credentials"), (400, "EPROTO", "400"), (204, "EPROTO", "204"),
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


@pytest.mark.parametrize("userinfo", ["joe:secret", "secret", "joe:se/secret", "joe:a@secret"])
def test_userinfo_is_never_shown(world, userinfo):
    reply = world.fetch(url=f"http://{userinfo}@127.0.0.1:{unused_port()}/app.git")
    assert reply.error is not None and "127.0.0.1" in reply.error["message"]
    assert "secret" not in reply.text and "joe" not in reply.text


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
        world.fetch(url=f"{url}/app.git").refused("EPROTO", "content-type", "no git host")


def test_a_repository_of_sha256(world):
    def git(*arguments):
        return subprocess.run(
            ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.org", *arguments],
            cwd=world.served, input="", check=True, timeout=TIMEOUT_S, capture_output=True,
            text=True).stdout.strip()

    git("init", "--quiet", "--bare", "--object-format=sha256", "other.git")
    tree = git("-C", "other.git", "mktree")
    commit = git("-C", "other.git", "commit-tree", "-m", "first", tree)
    git("-C", "other.git", "update-ref", "refs/heads/main", commit)
    world.fetch(url=f"{world.url}/other.git").refused("EPROTO", "SHA-256")


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
