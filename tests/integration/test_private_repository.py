# SPDX-License-Identifier: MIT
"""A repository that not everybody may read: the key or token comes from the Parameter Store
and goes to bootagent-source, whose own tests have the many ways of its refusal."""
import pytest

from conftest import IS_ROOT
from servers.ssh import Ssh, make_key

TOKEN = "token-of-the-test"


@pytest.fixture
def store(box):
    yield box.region.put_parameter
    box.region.clear_parameters()


@pytest.fixture
def over_https(box, store):
    """As over https, but to this machine itself, where http is allowed."""
    box.wants_token(TOKEN)
    store("/hello/token", TOKEN)
    box.configure(source={"token_parameter": "/hello/token"})
    return box


@pytest.fixture
def over_ssh(box, store):
    with Ssh(box.directory / "ssh") as server:
        store("/hello/key", server.key)
        box.configure(source={"repo_url": server.url(str(box.repository.path)),
                              "ssh_key_parameter": "/hello/key",
                              "host_keys": [server.host_keys["ed25519"]]})
        box.ssh = server
        yield box


@pytest.mark.parametrize("way", ["over_https", "over_ssh"])
def test_a_boot_and_a_sync(way, request):
    box = request.getfixturevalue(way)
    box.boot()
    assert box.current()[1] == box.repository.head
    second = box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    assert box.current()[1] == second
    box.sync()
    assert box.last_run["result"] == "nothing-to-do"


def test_a_token_that_is_refused(over_https):
    over_https.region.put_parameter("/hello/token", "another one")
    result = over_https.boot(1)
    assert "another one" not in result.stdout + result.stderr
    assert "the server refuses the token (HTTP status 401)" in result.stderr
    assert over_https.last_run["cause"] == "git"


def test_a_repository_that_wants_a_token_and_gets_none(box):
    box.wants_token(TOKEN)
    assert "source.token_parameter" in box.boot(1).stderr


def test_a_key_that_is_refused(over_ssh):
    over_ssh.region.put_parameter("/hello/key", make_key(over_ssh.directory / "other")[0])
    assert "a deploy key of this repository there?" in over_ssh.boot(1).stderr


def test_a_server_with_another_key(over_ssh):
    other = make_key(over_ssh.directory / "host")[1]
    over_ssh.configure(source={"host_keys": [other]})
    assert "source.host_keys" in over_ssh.boot(1).stderr


@pytest.mark.parametrize("way, key", [("over_https", "source.token_parameter"),
                                      ("over_ssh", "source.ssh_key_parameter")])
def test_one_user_for_both_is_refused(way, key, request):
    """The application could read the secret from the worker. Not root, there is one user."""
    box = request.getfixturevalue(way)
    box.configure(source={"user": box.config["application"]["user"]})
    if not IS_ROOT:
        box.boot()
        return
    said = box.boot(2).stderr
    assert "setup: source.user: it is application.user, too" in said and key in said
    assert "name another user" in said
    assert box.last_run["cause"] == "config"
    assert box.git_requests() == 0


def test_one_user_for_both_is_warned_of(box):
    box.configure(source={"user": box.config["application"]["user"]})
    said = box.boot().stderr
    assert ("source.user is application.user, too" in said) == IS_ROOT
