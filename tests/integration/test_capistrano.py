# SPDX-License-Identifier: MIT
"""A directory that Capistrano made is taken as it stands, or refused with a sentence."""
import os
import shlex
import shutil

import pytest

from box.box import APPLICATION_USER
from conftest import IS_ROOT, owner
from servers.namespace import own_mounts

OLDER, SERVED = "20200101000000", "20200202000000"
REVISION = "0123456789abcdef0123456789abcdef01234567"
OLDER_REVISION = "89abcdef0123456789abcdef0123456789abcdef"
LOG = f"Branch main (at {REVISION}) deployed as release {SERVED} by deploy\n"
QUICK = {"timeout": "300ms"}


def own(path):
    user = owner(APPLICATION_USER)
    for place in [path, *path.rglob("*")]:
        os.chown(place, user.pw_uid, user.pw_gid, follow_symlinks=False)


def make_release(box, name, revision):
    release = box.deploy_to / "releases" / name
    (release / "config").mkdir(parents=True)
    (release / "REVISION").write_text(f"{revision}\n")
    (release / "a.txt").write_text("by cap\n")
    (release / "log").symlink_to(f"{box.deploy_to}/shared/log")
    return release


def point_current(box, name):
    """As `cap` writes it: with the whole path."""
    link = box.deploy_to / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(f"{box.deploy_to}/releases/{name}")


@pytest.fixture
def cap(box):
    """What `cap production deploy` leaves, of an application that never saw the agent."""
    make_release(box, OLDER, OLDER_REVISION)
    make_release(box, SERVED, REVISION)
    for name in ("shared/log", "shared/config", "repo/objects"):
        (box.deploy_to / name).mkdir(parents=True)
    (box.deploy_to / "shared/config/master.key").write_text("key\n")
    (box.deploy_to / "repo/HEAD").write_text("ref: refs/heads/main\n")
    (box.deploy_to / "revisions.log").write_text(LOG)
    point_current(box, SERVED)
    own(box.deploy_to)
    return box


def snapshot(*places):
    """Every entry with its kind, owner, times and contents."""
    found = {}
    for place in places:
        for path in [place, *sorted(place.rglob("*"))]:
            status = path.lstat()
            found[path] = (status.st_mode, status.st_uid, status.st_mtime_ns,
                           os.readlink(path) if path.is_symlink() else
                           path.read_bytes() if path.is_file() else None)
    return found


def theirs(box):
    """All that cap made; of shared/ what is in it, beside our own .bootagent."""
    shared = [path for path in (box.deploy_to / "shared").iterdir() if path.name != ".bootagent"]
    return snapshot(*shared, *(box.deploy_to / name for name in
                               (f"releases/{OLDER}", f"releases/{SERVED}", "repo")))


def rollback(box, *arguments, code=0):
    result = box.run("rollback", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def serves(box, name, revision):
    serving = box.document()["serving"]
    assert (serving["ready"], serving["release"], serving["revision"]) == (True, name, revision)
    assert box.current() == (name, revision)


@pytest.mark.parametrize("verb", ["sync", "boot"])
def test_the_first_run(cap, verb):
    before = theirs(cap)
    cap.expect(verb, 0)
    name, revision = cap.current()
    assert revision == cap.repository.head and name not in (OLDER, SERVED)
    serves(cap, name, revision)
    assert theirs(cap) == before
    assert cap.releases() == {SERVED: "adopted", name: "good"}
    assert os.readlink(cap.deploy_to / "current") == f"releases/{name}"
    lines = cap.revisions_log()
    assert f"{lines[0]}\n" == LOG and revision in lines[1] and len(lines) == 2


def test_back_to_what_cap_had_deployed(cap):
    cap.sync()
    rollback(cap)
    serves(cap, SERVED, REVISION)
    assert cap.releases()[SERVED] == "good"
    assert os.readlink(cap.deploy_to / "current") == f"releases/{SERVED}"
    assert cap.document()["pinned"]["revision"] == REVISION


def test_back_by_its_name(cap):
    cap.sync()
    cap.repository.commit({"a.txt": b"second\n"}, "second")
    cap.sync()
    rollback(cap, SERVED)
    serves(cap, SERVED, REVISION)


def test_one_that_was_not_current_is_nobodys(cap):
    """It may be a failed one: cap leaves those beside the others, without a mark."""
    cap.sync()
    result = rollback(cap, OLDER, code=5)
    assert f"no complete release '{OLDER}'" in result.stderr
    assert f"{SERVED} (adopted)" in result.stderr


def test_cap_had_deployed_just_what_is_wanted(cap):
    """Nothing is made anew; it is proven, and known from then on."""
    head = cap.repository.head
    (cap.deploy_to / "releases" / SERVED / "REVISION").write_text(f"{head}\n")
    before = theirs(cap)
    cap.sync()
    serves(cap, SERVED, head)
    assert theirs(cap) == before
    assert cap.last_run["result"] == "done" and cap.releases() == {SERVED: "good"}
    cap.sync()
    assert cap.last_run["result"] == "nothing-to-do"


def test_back_from_what_cap_deployed_meanwhile_and_forward_again(cap):
    """No run of ours ever saw it before the rollback; it can be gone back to all the same."""
    cap.sync()
    ours = cap.current()
    later = "20300101000000"
    make_release(cap, later, OLDER_REVISION)
    point_current(cap, later)
    own(cap.deploy_to)
    rollback(cap)
    serves(cap, *ours)
    assert cap.releases()[later] == "adopted"
    rollback(cap, later)
    serves(cap, later, OLDER_REVISION)


def test_back_on_a_machine_that_only_cap_deployed_to(cap):
    result = rollback(cap, code=5)
    assert f"no good release is left to go back to: name one of the releases on this machine " \
        f"({SERVED} (adopted, current))" in result.stderr
    rollback(cap, SERVED)
    serves(cap, SERVED, REVISION)


def test_cap_deploys_once_more_in_between(cap):
    """People go back to the old tool for a day: what it deployed can be gone back to."""
    cap.sync()
    ours = cap.current()[0]
    make_release(cap, "20300101000000", OLDER_REVISION)
    point_current(cap, "20300101000000")
    own(cap.deploy_to)
    cap.sync()
    serves(cap, ours, cap.repository.head)
    rollback(cap)
    serves(cap, "20300101000000", OLDER_REVISION)


def test_from_what_cap_deployed_in_between(cap):
    """What is left that way is known from then on, too."""
    cap.sync()
    ours = cap.current()[0]
    make_release(cap, "20300101000000", OLDER_REVISION)
    point_current(cap, "20300101000000")
    own(cap.deploy_to)
    rollback(cap)
    serves(cap, ours, cap.repository.head)
    rollback(cap, "20300101000000")
    serves(cap, "20300101000000", OLDER_REVISION)


def test_back_before_the_first_run(cap):
    """There is no way back from what cap had deployed; it is known from then on."""
    result = rollback(cap, code=5)
    assert "no good release is left" in result.stderr and f"{SERVED} (adopted" in result.stderr
    serves(cap, SERVED, REVISION)
    assert cap.document()["pinned"] is None


def test_back_and_forth_and_back_again(cap):
    cap.sync()
    ours = cap.current()
    rollback(cap)
    assert rollback(cap, code=5).stderr.count("no good release is left") == 1
    assert cap.run("sync", "--unpin").returncode == 0
    serves(cap, *ours)
    rollback(cap)
    serves(cap, SERVED, REVISION)
    assert [line.split()[-1] for line in cap.revisions_log() if "rolled back" in line] == \
        [SERVED, SERVED]


def test_deploy_to_behind_a_link(cap):
    """cap was told of /var/www/app, where /var/www is a link; so are its links."""
    alias = cap.root / "var/www"
    alias.parent.mkdir(exist_ok=True)
    alias.symlink_to("../srv")
    link = cap.deploy_to / "current"
    link.unlink()
    link.symlink_to(f"{alias}/{cap.deploy_to.name}/releases/{SERVED}")
    cap.configure(release={"deploy_to": f"/var/www/{cap.deploy_to.name}"}, readiness=QUICK)
    cap.break_release()
    cap.sync(5)
    serves(cap, SERVED, REVISION)


def test_the_first_deployment_fails(cap):
    before = theirs(cap)
    cap.break_release()
    cap.configure(readiness=QUICK)
    cap.sync(5)
    serves(cap, SERVED, REVISION)
    assert theirs(cap) == before and cap.releases()[SERVED] == "good"


def test_the_first_deployment_fails_at_its_second_try(cap):
    """The first try was lost after the flip; what cap had deployed is known all the same."""
    cap.break_release()
    cap.configure(readiness=QUICK)
    cap.application_stops()
    cap.sync(1)
    (cap.deploy_to / "current").unlink()
    cap.application = cap.start_application()
    cap.config["readiness"]["url"] = \
        f"http://127.0.0.1:{cap.application.ready['port']}/health"
    cap.configure(readiness=QUICK)
    cap.sync(5)
    serves(cap, SERVED, REVISION)


def test_what_is_adopted_is_pruned_in_its_turn(cap):
    """What is in no record stays."""
    cap.configure(release={"keep_releases": 2})
    for number in range(3):
        cap.repository.commit({"a.txt": f"{number}\n".encode()}, "more")
        cap.sync()
    names = cap.release_directories()
    assert OLDER in names and SERVED not in names and len(names) == 3


def test_a_short_revision_of_an_old_cap_is_not_adopted(cap):
    (cap.deploy_to / "releases" / SERVED / "REVISION").write_text(f"{REVISION[:7]}\n")
    result = cap.sync()
    assert f"the release '{SERVED}', whose REVISION holds no full commit id" in result.stderr
    assert list(cap.releases().values()) == ["good"]
    result = rollback(cap, code=5)
    assert "no good release is left" in result.stderr


@pytest.mark.parametrize("target", ["/srv/elsewhere/app", "releases/20100101000000",
                                    "releases/an odd name"])
def test_a_current_that_leads_elsewhere_is_replaced_and_told(cap, target):
    make_release(cap, "an odd name", OLDER_REVISION)
    own(cap.deploy_to)
    (cap.deploy_to / "current").unlink()
    (cap.deploy_to / "current").symlink_to(target)
    result = cap.sync()
    assert f"'current' leads to '{target}', which is no release that can be gone back" in \
        result.stderr
    assert cap.current()[1] == cap.repository.head
    cap.repository.commit({"a.txt": b"second\n"}, "second")
    assert "leads to" not in cap.sync().stderr


# Refused, before anything is changed.

def refused(box, *words, wrapper=()):
    before = snapshot(box.deploy_to)
    result = box.run("sync", wrapper=wrapper)
    assert result.returncode == 1, result.stdout + result.stderr
    message = box.last_run["error"]["message"]
    assert all(word in message for word in words), message
    assert snapshot(box.deploy_to) == before
    assert not list(box.deploy_to.rglob(".tmp-*"))


def test_current_is_a_directory(cap):
    (cap.deploy_to / "current").unlink()
    shutil.copytree(cap.deploy_to / "releases" / SERVED, cap.deploy_to / "current",
                    symlinks=True)
    own(cap.deploy_to)
    refused(cap, "'current' in", "is a directory where a link belongs", "move it away")


def test_current_is_a_file(cap):
    (cap.deploy_to / "current").unlink()
    (cap.deploy_to / "current").touch()
    refused(cap, "'current' in", "is not a link", "move it away")


if IS_ROOT:
    @pytest.mark.parametrize("name", ["releases", "shared"])
    def test_another_owner_of_a_part(cap, name):
        os.chown(cap.deploy_to / name, owner("mail").pw_uid, -1)
        refused(cap, f"'{name}' in", f"belongs to uid {owner('mail').pw_uid}", "chown -R",
                "application.user")

    def test_another_owner_of_all(cap):
        os.chown(cap.deploy_to, owner("mail").pw_uid, -1)
        refused(cap, "does not belong to 'games'", "give it to that user")

    @pytest.mark.parametrize("options", [["--bind", "{place}"], ["-t", "tmpfs", "none"]])
    @pytest.mark.parametrize("name", ["releases", "shared"])
    def test_another_file_system(cap, name, options):
        point = cap.deploy_to / name
        mount = shlex.join(["mount", *options, str(point)]).format(place=point)
        chown = shlex.join(["chown", APPLICATION_USER, str(point)])
        undo = shlex.join(["umount", str(point)])
        script = f'{mount} && {chown} && "$@"; status=$?; {undo}; exit $status'
        refused(cap, f"'{name}' in", "on another file system or mount",
                wrapper=[*own_mounts(), "sh", "-c", script, "sh"])
