# SPDX-License-Identifier: MIT
"""bootagent-source fetches over HTTP and HTTPS: who it is, whom it trusts, whom it follows."""
import pwd

import pytest

from servers.answer import Answer
from servers.certificates import Authority
from servers.namespace import own_mounts
from worker.source import FETCHER, ROOT, git_host

TOKEN = "t0ken-of-a-test"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def with_login(url, login):
    return url.replace("//", f"//{login}@") + "/app.git"


# ---- tokens -------------------------------------------------------------------------


@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}\n"])
def test_token(world, repository, token):
    world.fault({"login": f"x-access-token:{TOKEN}"})
    reply = world.fetch(token=token)
    assert reply.done()["revision"] == repository.head
    assert TOKEN not in reply.text
    # It is not shown to who does not ask, and once the server asked it always is.
    assert world.was_asked_by("", "x-access-token", "x-access-token")
    world.whole(repository.head)
    for path in world.mirror.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes(), path


def test_token_that_nobody_asks_for(world, repository):
    assert world.fetch(token=TOKEN).done()["revision"] == repository.head
    assert world.was_asked_by("", "")


def test_token_with_the_addresss_user(world, repository):
    world.fault({"login": f"deploy user:{TOKEN}"})
    url = with_login(world.url, "deploy%20user")
    assert world.fetch(url=url, token=TOKEN).done()["revision"] == repository.head
    url = with_login(world.url, "deploy%20user:another")
    assert world.fetch(url=url, token=TOKEN).done()["revision"] == repository.head


@pytest.mark.parametrize("login, user", [
    ("joe:s%40cret%2f", "joe:s@cret/"), ("s%40cret", "s@cret:"),
    (":s%40cret", "x-access-token:s@cret"),
])
def test_password_in_the_address(world, repository, login, user):
    world.fault({"login": user})
    reply = world.fetch(url=with_login(world.url, login))
    assert reply.done()["revision"] == repository.head
    world.fault({"login": "another"})
    reply = world.fetch(url=with_login(world.url, login))
    reply.refused("EACCES", "refuses the user and password", "401")
    assert "cret" not in reply.text and "joe" not in reply.text


def test_wrong_token(world, repository):
    world.fault({"login": "x-access-token:another"})
    reply = world.fetch(token=TOKEN)
    message = reply.refused("EACCES", "refuses the token", "401", "expired")
    assert TOKEN not in reply.text and world.url in message
    assert world.was_asked_by("", "x-access-token")
    assert repository.head


def test_token_refused_later(world, repository):
    """The refs are anybody's, the pack is not."""
    world.fault({"login": "x-access-token:another", "only": "/app.git/git-upload-pack"})
    world.fetch(token=TOKEN).refused(
        "EACCES", "401", "asks for credentials")
    assert repository.head


def test_no_token(world, repository):
    world.fault({"login": f"x-access-token:{TOKEN}"})
    message = world.fetch().refused("EACCES")
    assert message.endswith("none are configured: set source.token_parameter")
    world.fetch(ssh_key="not for here").refused("EACCES", "none are configured")
    assert repository.head


@pytest.mark.parametrize("url", [
    "http://192.0.2.1/app.git", "http://127.0.0.1.example.com/app.git",
    "HTTP://[2001:db8::1]:80/app.git", "http://localhost.example.com/app.git",
])
def test_token_stays_off_open_networks(world, url):
    reply = world.fetch(url=url, token=TOKEN)
    reply.refused("EPERM", "http://", "read the token", "https://")
    url = url.replace("//", "//joe:secret@")
    reply = world.fetch(url=url)
    reply.refused("EPERM", "password in the address", "https://")
    assert "secret" not in reply.text


# ---- redirects ----------------------------------------------------------------------


def test_redirect_to_another_host(world, repository):
    there = world.url.replace("127.0.0.1", "localhost")
    with Answer(lambda path: (301, {"Location": there + path}, b"")) as url:
        for members in ({}, {"token": TOKEN}):
            world.fetch(url=f"{url}/app.git", **members).refused(
                "EPROTO", "redirect", "localhost")
    assert world.asked() == [] and repository.head


def test_redirect_within_the_host(world, repository):
    with Answer(lambda path: (301, {"Location": world.url + path}, b"")) as url:
        assert world.fetch(url=f"{url}/app.git").done()["revision"] == repository.head


def test_endless_redirect(world):
    with Answer(lambda path: (302, {"Location": path}, b"")) as url:
        world.fetch(url=f"{url}/app.git").refused("EPROTO", "redirect")


def test_token_follows_no_redirect(world, repository):
    """To another port, which is another server, with a question there."""
    world.fault({"login": f"x-access-token:{TOKEN}"})
    with Answer(lambda path: (301, {"Location": world.url + path}, b"")) as url:
        reply = world.fetch(url=f"{url}/app.git", token=TOKEN)
        reply.refused("EACCES", "redirects to another port", "name the address")
    assert world.was_asked_by("") and repository.head


@pytest.mark.parametrize("is_asked", [False, True], ids=["there nobody asks", "there, too"])
def test_token_follows_no_later_redirect_over_http(world, repository, is_asked):
    """First a question of its own, then the redirect; all on this machine."""
    asked = []

    def answer(path):
        asked.append(path)
        if len(asked) == 1:
            return 401, {"WWW-Authenticate": 'Basic realm="git"'}, b""
        return 301, {"Location": f"{world.url}{path}"}, b""

    if is_asked:
        world.fault({"login": f"x-access-token:{TOKEN}"})
    with Answer(answer) as url:
        reply = world.fetch(url=f"{url}/app.git", token=TOKEN)
    assert len(asked) == 2
    if is_asked:
        reply.refused("EACCES", "redirects to another port", "name the address")
    else:
        assert reply.done()["revision"] == repository.head
    assert {line["user"] for line in world.noted()} == {""}


def test_token_follows_no_later_redirect(world, repository, authority):
    """First a question of its own, then the redirect."""
    asked = []

    def answer(path):
        asked.append(path)
        if len(asked) == 1:
            return 401, {"WWW-Authenticate": 'Basic realm="git"'}, b""
        return 301, {"Location": f"{there}{path}"}, b""

    world.environment["SSL_CERT_FILE"] = str(authority.bundle)
    with git_host(world, "--certificate", str(authority.issue())) as server, \
            Answer(answer, authority.issue()) as url:
        there = server.ready["url"]
        reply = world.fetch(url=f"{url}/app.git", token=TOKEN)
        reply.refused("EACCES", "redirects to another port")
    assert world.asked() == [] and repository.head


# ---- certificates -------------------------------------------------------------------


@pytest.fixture
def authority(world):
    return Authority(world.root / "authority")


@pytest.fixture
def fetch_from(world, authority):
    """Fetches from a host with the certificate given; the authority is trusted."""
    world.environment["SSL_CERT_FILE"] = str(authority.bundle)

    def fetch(certificate, **members):
        with git_host(world, "--certificate", str(certificate)) as server:
            return world.fetch(url=f"{server.ready['url']}/app.git", **members)

    return fetch


def test_private_authority(world, repository, authority, fetch_from):
    world.fault({"login": f"x-access-token:{TOKEN}"})
    reply = fetch_from(authority.issue(), token=TOKEN)
    assert reply.done()["revision"] == repository.head
    world.whole(repository.head)
    assert world.was_asked_by("", "x-access-token", "x-access-token")


def test_directory_of_certificates(world, repository, authority, fetch_from):
    folder = world.root / "certificates"
    folder.mkdir()
    (folder / "authority.pem").write_text(authority.bundle.read_text())
    del world.environment["SSL_CERT_FILE"]
    world.environment["SSL_CERT_DIR"] = str(folder)
    assert fetch_from(authority.issue()).done()["revision"] == repository.head


@pytest.mark.parametrize("issued, words", [
    ({"end": "20210101000000Z"}, ["has expired", "renewed", "clock"]),
    ({"start": "20480101000000Z"}, ["not valid yet", "clock"]),
    ({"name": "example.org"}, ["another host name"]),
])
def test_bad_certificates(world, repository, authority, fetch_from, issued, words):
    reply = fetch_from(authority.issue(**issued), token=TOKEN)
    reply.refused("EKEYREJECTED", "the server's certificate", *words)
    assert not (world.root / "log").read_text() and repository.head


def test_unknown_authority(world, repository, authority, fetch_from):
    other = Authority(world.root / "other")
    reply = fetch_from(other.issue(), token=TOKEN)
    reply.refused("EKEYREJECTED", "does not trust", "update-ca-certificates")
    del world.environment["SSL_CERT_FILE"]
    reply = fetch_from(authority.issue(), token=TOKEN)
    reply.refused("EKEYREJECTED", "does not trust", "update-ca-certificates")
    assert not (world.root / "log").read_text() and repository.head


def test_https_at_a_port_of_http(world, repository):
    world.fetch(url=f"{world.url.replace('http:', 'https:')}/app.git").refused(
        "EPROTO", "does not speak TLS", "http://")
    assert repository.head


def test_no_file_of_certificates(world, authority, fetch_from):
    world.environment["SSL_CERT_FILE"] = "/nonexistent"
    assert "SSL_CERT_FILE" in fetch_from(authority.issue()).error["message"]


if ROOT:
    def test_authority_of_the_system(world, repository, authority):
        """As update-ca-certificates adds it: what a machine with a private one does."""
        fetcher = pwd.getpwnam(FETCHER)
        mounted = (f"mount --bind '{authority.bundle}' {BUNDLE} && "
                   f"{{ \"$@\"; status=$?; umount {BUNDLE}; exit $status; }}")
        prefix = [*own_mounts(), "sh", "-c", mounted, "sh", "setpriv",
                  f"--reuid={fetcher.pw_uid}", f"--regid={fetcher.pw_gid}", "--clear-groups"]
        with git_host(world, "--certificate", str(authority.issue())) as server:
            request = world.fetch_request(url=f"{server.ready['url']}/app.git")
            reply = world.send(request, None, prefix)
        assert reply.done()["revision"] == repository.head
