# SPDX-License-Identifier: MIT
"""bootagent-source fetches over SSH, by hand, from a real sshd."""
import os

import pytest

from servers.ssh import Ssh, fingerprint, make_key, unused_port


@pytest.fixture
def host(world):
    with Ssh(world.root / "ssh") as server:
        yield server


def fetch(world, host, **members):
    request = {"url": host.url(f"{world.served}/app.git"), "ssh_key": host.key,
               "host_keys": [host.host_keys["ed25519"]], **members}
    return world.fetch(**{key: value for key, value in request.items() if value is not None})


def quiet(reply, *secrets):
    """Nothing of a key's inside in what the worker says."""
    for secret in secrets:
        for line in secret.splitlines():
            assert len(line) < 20 or line.startswith("-----") or line not in reply.text


# ---- the key ------------------------------------------------------------------------


def test_fetch(world, host, repository):
    reply = fetch(world, host)
    assert reply.done()["revision"] == repository.head
    assert reply.progress
    quiet(reply, host.key)
    world.whole(repository.head)
    second = repository.commit({"a": b"1\n"}, "second")
    assert fetch(world, host).done()["revision"] == second
    reply = fetch(world, host).done()
    assert (reply["fetched"], reply["received_objects"]) == (False, 0)
    world.whole(second)


def test_key_is_nowhere_on_the_disk(world, host, repository):
    fetch(world, host).done()
    secret = host.key.splitlines()[2].encode()
    for path in world.mirror.rglob("*"):
        assert path.is_dir() or secret not in path.read_bytes(), path
    assert sorted(os.listdir(world.mirror / ".ssh")) == ["known_hosts"]
    assert repository.head


@pytest.mark.parametrize("kind, form", [
    ("ed25519", None), ("ecdsa", None), ("ecdsa", "PEM"), ("ecdsa", "PKCS8"),
])
def test_forms_of_keys(world, host, repository, kind, form):
    key, public = make_key(world.root / "other", kind, form=form)
    host.authorize(public)
    assert fetch(world, host, ssh_key=key).done()["revision"] == repository.head


@pytest.mark.parametrize("mangle", [
    lambda key: key.replace("\n", "\r\n"), lambda key: key.rstrip("\n"),
    lambda key: key.replace("\n", " "), lambda key: f"\n  {key}\n\n",
    lambda key: key.replace("\n", "\r"),
], ids=["CRLF", "no last line end", "one line", "blanks around", "CR"])
def test_keys_that_are_mended(world, host, repository, mangle):
    assert fetch(world, host, ssh_key=mangle(host.key)).done()["revision"] == repository.head


@pytest.mark.parametrize("form", [None, "PEM", "PKCS8"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_key_with_a_passphrase(world, host, form, kind):
    key, _ = make_key(world.root / "other", kind, "secret", form)
    reply = fetch(world, host, ssh_key=key)
    reply.refused("EINVAL", "passphrase", "ssh-keygen")
    quiet(reply, key)
    assert "Connection from" not in host.log()


def test_public_key_by_mistake(world, host):
    public = host.host_keys["ed25519"]
    fetch(world, host, ssh_key=public).refused("EINVAL", "is a public key", ".pub")
    fetch(world, host, ssh_key="---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n").refused(
        "EINVAL", "is a public key")


@pytest.mark.parametrize("text, word", [
    ("", "is none"), ("hello", "is none"), ("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                            "-----END CERTIFICATE-----\n", "is none"),
    ("PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
])
def test_other_texts_as_a_key(world, host, text, word):
    fetch(world, host, ssh_key=text).refused("EINVAL", word)


def test_damaged_keys(world, host):
    lines = host.key.splitlines()
    for damaged in (lines[:-1], lines[:2] + lines[3:], lines[:2] + ["!"] + lines[2:],
                    lines[:1] + lines[-1:]):
        reply = fetch(world, host, ssh_key="\n".join(damaged))
        reply.refused("EINVAL", "damaged")
        quiet(reply, host.key)


@pytest.mark.parametrize("form", [None, "PEM", "PKCS8"])
def test_rsa_key(world, host, form):
    """libssh2 1.10 signs with SHA-1, which no current server takes: G8."""
    key, public = make_key(world.root / "other", "rsa", form=form)
    host.authorize(public)
    reply = fetch(world, host, ssh_key=key)
    reply.refused("EACCES", "RSA key", "SHA-1", "ed25519")
    quiet(reply, key)


def test_key_that_nobody_knows(world, host):
    key, public = make_key(world.root / "other")
    reply = fetch(world, host, ssh_key=key)
    reply.refused("EACCES", "refuses the key", " ".join(public.split()[:2]))
    quiet(reply, key)
    assert host.log().count("Failed publickey") <= 2


def test_no_key(world, host):
    fetch(world, host, ssh_key=None).refused("EACCES", "source.ssh_key_parameter")


# ---- the address --------------------------------------------------------------------


def test_user_is_git_unless_named(world, host):
    for url in (host.url("/app.git").replace(f"{host.user}@", ""),
                host.url("/app.git").replace(f"{host.user}@", "@")):
        fetch(world, host, url=url).refused("EACCES", "refuses the key")
    assert host.log().count("Invalid user git") == 2


def test_scp_form(world, host):
    """It has no port: nobody answers there, or another sshd, which has another key."""
    for url in ("git@127.0.0.1:app.git", "127.0.0.1:acme/app.git"):
        reply = fetch(world, host, url=url)
        assert reply.error["code"] in ("ENETUNREACH", "EKEYREJECTED"), reply.error


@pytest.mark.parametrize("url, word", [
    ("ssh://git:secret@127.0.0.1/app.git", "password"), ("ssh://", "host name"),
    ("ssh://127.0.0.1:x/app.git", "port"), ("ssh://127.0.0.1:99999/app.git", "port"),
    ("ssh://127.0.0.1/", "path"), ("ssh://127.0.0.1/it's", "path"),
    ("git@127.0.0.1:", "path"), ("git@-oProxyCommand=x:app.git", "host name"),
    ("svn+ssh://127.0.0.1/app.git", "git@host:path"), (":app.git", "git@host:path"),
])
def test_addresses_that_are_none(world, host, url, word):
    reply = fetch(world, host, url=url)
    reply.refused("EINVAL", word)
    assert "secret" not in reply.text
    assert os.listdir(world.mirror) == []


def test_no_such_repository(world, host):
    reply = fetch(world, host, url=host.url(f"{world.served}/none.git"))
    reply.refused("ENOENT", "has no repository there", "none.git")


def test_nobody_at_the_port(world, host):
    fetch(world, host, url=host.url("/app.git", port=unused_port())).refused(
        "ENETUNREACH", "Connection refused")


# ---- the server's key ---------------------------------------------------------------


@pytest.mark.parametrize("line", [
    "{key}", "127.0.0.1 {key}", "[127.0.0.1]:{port} {key}", "github.com,127.0.0.* {key}",
    "|1|c2FsdA==|aGFzaA== {key}", "  {key} and more words",
])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_pinned(world, host, repository, kind, line):
    """The kind that is pinned is asked for, whichever the server would prefer."""
    line = line.format(key=host.host_keys[kind], port=host.port)
    reply = fetch(world, host, host_keys=["# a comment", "", line])
    assert reply.done()["revision"] == repository.head


def test_several_are_pinned(world, host, repository):
    """One of each kind, the server has not the first ones: a rotation, two machines."""
    pins = [make_key(world.root / kind, kind)[1] for kind in ("ed25519", "ecdsa", "rsa")]
    assert fetch(world, host, host_keys=[*pins, *host.host_keys.values()]).done()["fetched"]
    with Ssh(world.root / "ssh-ecdsa", ["ecdsa"]) as other:
        members = {"ssh_key": other.key, "url": other.url(f"{world.served}/app.git")}
        pins.append(other.host_keys["ecdsa"])
        reply = fetch(world, host, host_keys=pins, **members)
        assert reply.done()["revision"] == repository.head


@pytest.mark.parametrize("host_keys", [
    None, [], ["# none"], ["github.com {}"], ["!127.0.0.1,* {}"], ["[127.0.0.1]:1 {}"],
])
def test_unknown_host_key(world, host, host_keys):
    """Refused; the sentence has the fingerprint to compare, and the line to set."""
    key = " ".join(host.host_keys["ed25519"].split()[:2])
    pins = [line.format(key) for line in host_keys] if host_keys else host_keys
    fetch(world, host, host_keys=pins).refused(
        "EKEYREJECTED", "no host key", fingerprint(key), key, "source.host_keys")
    assert "Accepted" not in host.log()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_changed_host_key(world, host, kind):
    _, pinned = make_key(world.root / "other", kind)
    key = " ".join(host.host_keys[kind].split()[:2])
    fetch(world, host, host_keys=[pinned]).refused(
        "EKEYREJECTED", "none of source.host_keys", fingerprint(key), key)
    assert "Accepted" not in host.log()


def test_pinned_kind_is_gone(world, host):
    """The server has keys, but none of that kind: it is shown what it has."""
    _, pinned = make_key(world.root / "other", "rsa")
    fetch(world, host, host_keys=[pinned]).refused(
        "EKEYREJECTED", "none of source.host_keys", fingerprint(host.host_keys["ecdsa"]))


def test_nothing_in_common(world, host):
    with Ssh(world.root / "ssh-rsa", ["rsa"]) as other:
        members = {"ssh_key": other.key, "url": other.url(f"{world.served}/app.git")}
        for pins in ([], [other.host_keys["rsa"]]):
            fetch(world, host, host_keys=pins, **members).refused(
                "EPROTO", "no common way", "libssh2")


@pytest.mark.parametrize("line, word", [
    ("nonsense", "is no host key"), ("ssh-ed25519", "is no host key"),
    ("ssh-ed25519 AAAA!", "cut or changed"), ("ssh-ed25519 {cut}", "cut or changed"),
    ("ssh-rsa {key}", "cut or changed"), ("@cert-authority * ssh-ed25519 {key}", "marker"),
    ("ssh-dss {key}", "is no host key"), (7, "something else than text"),
])
def test_lines_that_are_no_host_key(world, host, line, word):
    key = host.host_keys["ed25519"].split()[1]
    line = line.format(key=key, cut=key[:40]) if isinstance(line, str) else line
    fetch(world, host, host_keys=[line]).refused("EINVAL", "source.host_keys", word)


def test_hostile_home(world, host, repository):
    """A known_hosts of somebody else's making is replaced, and so is a link there."""
    fetch(world, host).done()
    world.put(".ssh/known_hosts", f"127.0.0.1 {host.host_keys['ecdsa']}\n")
    world.put(".ssh/.tmp-0123456789abcdef", "left\n")
    fetch(world, host).done()
    assert os.listdir(world.mirror / ".ssh") == ["known_hosts"]
    (world.mirror / ".ssh" / "known_hosts").unlink()
    (world.mirror / ".ssh").rmdir()
    (world.mirror / ".ssh").symlink_to(world.root)
    fetch(world, host).done()
    assert not (world.mirror / ".ssh").is_symlink()
    assert not (world.root / "known_hosts").exists() and repository.head


@pytest.mark.parametrize("home", [None, "/", "/nonexistent"])
def test_any_home_will_do(world, host, repository, home):
    """S8: libgit2 fails without one."""
    del world.environment["HOME"]
    if home:
        world.environment["HOME"] = home
    assert fetch(world, host).done()["revision"] == repository.head
