# SPDX-License-Identifier: MIT
"""bootagent-source and a mirror that is damaged: it says so, by a code of its own, and says
it of nothing else. What the supervisor then does is test_repair.py's."""
import os

import pytest

from servers.passage import Passage
from worker.damage import AT_EXPORT, AT_FETCH, AT_NEW, AT_SAME, MENDED, change_object, put_all
from worker.source import ROOT


@pytest.fixture
def mirrored(world, repository):
    """After a fetch, and with something new on the server."""
    world.fetch().done()
    world.first = repository.head
    return world


def is_damaged(world, reply):
    reply.refused("EUCLEAN", f"the mirror '{world.mirror}' is damaged: ")


@pytest.mark.parametrize("damage", AT_FETCH)
@pytest.mark.parametrize("is_new", [False, True], ids=["same", "new"])
def test_found_by_the_fetch(mirrored, repository, damage, is_new):
    AT_FETCH[damage](mirrored.mirror)
    if is_new:
        repository.commit({"new": b"1\n"}, "second")
    is_damaged(mirrored, mirrored.fetch())


@pytest.mark.parametrize("damage", AT_SAME)
def test_found_while_nothing_is_new(mirrored, damage):
    AT_SAME[damage](mirrored.mirror)
    is_damaged(mirrored, mirrored.fetch())


@pytest.mark.parametrize("damage", AT_NEW)
def test_found_once_something_is_new(mirrored, repository, damage):
    AT_NEW[damage](mirrored.mirror)
    repository.commit({"new": b"1\n"}, "second")
    is_damaged(mirrored, mirrored.fetch())


@pytest.mark.parametrize("damage", AT_EXPORT)
def test_found_by_the_export(mirrored, damage):
    AT_EXPORT[damage](mirrored.mirror)
    mirrored.fetch().done()
    is_damaged(mirrored, mirrored.export(mirrored.first))


@pytest.mark.parametrize("damage", MENDED)
@pytest.mark.parametrize("is_new", [False, True], ids=["same", "new"])
def test_mended_by_the_fetch(mirrored, repository, damage, is_new):
    MENDED[damage](mirrored.mirror)
    if is_new:
        repository.commit({"new": b"1\n"}, "second")
    mirrored.fetch().done()
    mirrored.whole(repository.head)
    mirrored.export(repository.head).done()


def test_delta_without_its_base(world, repository):
    """The server sends the difference to what we said that we have."""
    lines = [b"%d\n" % number for number in range(9999)]
    repository.commit({"large": b"".join(lines)}, "second")
    world.fetch().done()
    change_object("main:large")(world.mirror)
    repository.commit({"large": b"".join(lines[1:])}, "third")
    is_damaged(world, world.fetch())


# ---- what is no damage --------------------------------------------------------------


def test_what_a_server_sends_into_an_empty_mirror(world, repository):
    """It is the server's, whatever is wrong with it."""
    assert repository.head
    path = repository.path / "objects" / repository.head[:2] / repository.head[2:]
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    assert world.fetch().error["code"] != "EUCLEAN"


def test_a_server_that_is_cut_off(mirrored, repository):
    repository.commit({"large": os.urandom(1 << 20)}, "second")
    port = int(mirrored.url.rsplit(":", 1)[1])
    with Passage(port, 1 << 19, "cut") as passage:
        mirrored.fetch(url=f"http://127.0.0.1:{passage.port}/app.git").refused("ENETUNREACH")
    with Passage(port) as passage:
        pass
    mirrored.fetch(url=f"http://127.0.0.1:{passage.port}/app.git").refused("ENETUNREACH")


def test_a_token_that_is_refused(mirrored):
    mirrored.fault({"login": "x-access-token:another"})
    mirrored.fetch(token="wrong").refused("EACCES")


def test_a_branch_that_is_gone(mirrored):
    mirrored.fetch(ref="gone").refused("ENOENT", "no branch or tag 'gone'")


def test_a_repository_that_is_gone(mirrored):
    mirrored.fetch(url=f"{mirrored.url}/none.git").refused("ENOENT")


def test_something_else_in_its_place(mirrored):
    """Whoever called for it here, by hand perhaps, has to say what it is."""
    put_all(("notes", b"mine\n"))(mirrored.mirror)
    (mirrored.mirror / "HEAD").unlink()
    mirrored.fetch().refused("ENOTEMPTY", "notes")


if ROOT:
    @pytest.mark.parametrize("ending", [".pack", ".idx"])
    def test_objects_that_only_root_may_read(mirrored, repository, ending):
        """As after a `git gc` by root; to libgit2 they are not there (G4)."""
        path, = (mirrored.mirror / "objects/pack").glob(f"*{ending}")
        os.chown(path, 0, 0)
        path.chmod(0o400)
        repository.commit({"new": b"1\n"}, "second")
        mirrored.fetch().refused("EACCES", "no permission to read", path.name)

    def test_an_object_that_the_application_may_not_read(mirrored):
        AT_EXPORT["no blob"](mirrored.mirror)
        hidden = next(path for path in (mirrored.mirror / "objects").glob("??"))
        hidden.chmod(0o700)
        mirrored.export(mirrored.first).refused("EACCES", "no permission to read")
