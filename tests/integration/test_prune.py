# SPDX-License-Identifier: MIT
"""Old releases go at the end of a run that went well: good ones by count, failed ones apart."""
import os
import shutil
import subprocess
import sys

import pytest

from box.box import APPLICATION_USER
from conftest import COUNT, IS_ROOT, WITHIN_S, owner, shell
from servers.namespace import own_mounts
from servers.process import wait_until

QUICK = {"timeout": "300ms"}
# Stays with a file of the release in its memory, and nothing else of it.
MAPS = """import mmap, os, sys
with open(sys.argv[1], "rb") as file:
    memory = mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ)
print("ready", flush=True)
sys.stdin.read()
"""


def deploy(box, count):
    """So many new revisions, all good; the names of all good releases, the oldest first."""
    for number in range(count):
        box.repository.commit({"a.txt": f"{number} of {box.repository.head}\n".encode()}, "new")
        box.sync()
    return good(box)


def good(box):
    return [name for name, state in box.releases().items() if state == "good"]


def assert_kept(box, names):
    """These are on the disk and in the records, complete, and nothing else is."""
    assert box.release_directories() == sorted(names)
    assert sorted(box.releases()) == sorted(names)
    for name in names:
        assert (box.deploy_to / "releases" / name / "REVISION").exists()


def keep(box, count):
    box.configure(release={"keep_releases": count})


def prune_record(box):
    (record,) = [stage for stage in box.last_run["stages"] if stage["name"] == "prune"]
    return record["state"]


def test_five_are_kept(booted):
    names = [booted.current()[0], *(deploy(booted, 1)[-1] for _ in range(6))]
    assert_kept(booted, names[2:])
    assert prune_record(booted) == "done"


def test_nothing_to_prune(booted):
    deploy(booted, 1)
    assert prune_record(booted) == "skipped"
    assert len(booted.releases()) == 2


@pytest.mark.parametrize("count, kept", [(1, 2), (2, 2), (3, 3)])
def test_so_many_are_kept(booted, count, kept):
    """With one, what served before it stays too: it is what a failure goes back to."""
    names = deploy(booted, 3)
    keep(booted, count)
    result = booted.sync()
    assert booted.last_run["result"] == "nothing-to-do"
    assert f"{4 - kept} removed" in result.stdout
    assert_kept(booted, names[-kept:])


def test_what_serves_and_what_served_stay_though_old(booted):
    """Back on the oldest: order is that of the proofs, not of the names."""
    names = deploy(booted, 3)
    keep(booted, 1)
    result = booted.run("rollback", names[0])
    assert result.returncode == 0, result.stderr
    assert_kept(booted, [names[0], names[3]])
    assert booted.current()[0] == names[0]
    assert booted.run("rollback", names[3]).returncode == 0


def test_failed_ones_are_counted_apart(booted):
    names = deploy(booted, 1)
    booted.configure(readiness=QUICK)
    keep(booted, 2)
    failed = []
    for number in range(4):
        booted.repository.commit({"broken": f"{number}\n".encode()}, "broken")
        booted.sync(5)
        failed.append(next(name for name, state in booted.releases().items()
                           if state == "prepared" and name not in failed))
    assert sorted(booted.releases()) == sorted(names + failed)
    booted.repository.commit({"broken": None}, "mended")
    booted.sync()
    assert_kept(booted, [names[-1], booted.current()[0], *failed[-2:]])
    assert sorted(good(booted)) == sorted([names[-1], booted.current()[0]])


def test_a_run_that_fails_removes_nothing(booted):
    names = deploy(booted, 2)
    keep(booted, 1)
    booted.set_git_fault({"status": 503})
    booted.sync(5)
    assert_kept(booted, names)


def test_after_the_verdict(box):
    """A launch does not wait for it."""
    box.boot()
    names = deploy(box, 2)
    keep(box, 1)
    box.launch_from_image()
    box.boot()
    told = [stage["name"] for stage in box.last_run["stages"]]
    assert told.index("prune") > told.index("verdict")
    assert_kept(box, names[1:])
    assert box.verdict_words() == ["CONTINUE"]


def test_what_is_in_no_record_is_left_alone(booted):
    """Directories of cap, or of anybody."""
    stranger = booted.deploy_to / "releases" / "20200101000000"
    stranger.mkdir()
    names = deploy(booted, 2)
    keep(booted, 1)
    booted.sync()
    assert booted.release_directories() == ["20200101000000", *names[1:]]


# Releases that a process still runs from.

def start(box, argv, **options):
    """As the application's user, as far as one may choose."""
    user = {"user": owner(APPLICATION_USER).pw_uid} if IS_ROOT else {}
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, **user, **options)
    box.started.append(process)
    return process


def works_in(box, release):
    (release / "deeper").mkdir()
    return start(box, ["sleep", "300"], cwd=release / "deeper")


def executes(box, release):
    shutil.copy("/bin/sleep", release / "own-sleep")
    return start(box, [release / "own-sleep", "300"], cwd="/")


def has_in_memory(box, release):
    process = start(box, [sys.executable, "-c", MAPS, release / "a.txt"], cwd="/",
                    stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


USES = [works_in, executes, has_in_memory]


@pytest.mark.parametrize("use", USES)
def test_a_release_that_a_process_runs_from(booted, use):
    names = deploy(booted, 2)
    keep(booted, 1)
    process = use(booted, booted.deploy_to / "releases" / names[0])
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe"), WITHIN_S)
    result = booted.sync()
    assert "0 removed, others are still in use" in result.stdout
    assert_kept(booted, names)
    process.kill()
    process.communicate(timeout=WITHIN_S)
    booted.sync()
    assert_kept(booted, names[1:])


if IS_ROOT:
    # What is mounted where, and where the process then works.
    VIEWS = {"the release": ("{release}", "{point}"),
             "all of it": ("{deploy_to}", "{point}/releases/{name}/docs"),
             "the same, and nobody works there": ("{release}", "/")}

    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("is_own_namespace", [False, True])
    def test_a_release_that_is_mounted_elsewhere(booted, view, is_own_namespace):
        """As a container has it, or a unit with BindPaths=, or somebody in a hurry."""
        names = deploy(booted, 2)
        keep(booted, 1)
        source, place = (text.format(deploy_to=booted.deploy_to, name=names[0],
                                     release=booted.deploy_to / "releases" / names[0],
                                     point=booted.directory / "elsewhere")
                         for text in VIEWS[view])
        (booted.directory / "elsewhere").mkdir()
        point = str(booted.directory / "elsewhere")
        within = '"$@"' if is_own_namespace else "echo ready; cat"
        script = f'mount --bind {source} {point} && cd {place} && {within}; status=$?; cd /; ' \
                 f'umount {point}; exit $status'
        command = [*own_mounts(), "sh", "-c", script, "sh"]
        if is_own_namespace:
            result = booted.sync(wrapper=command)
        else:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            booted.started.append(process)
            assert process.stdout.readline() == b"ready\n"
            result = booted.sync()
            process.communicate(timeout=WITHIN_S)
        assert "0 removed, others are still in use" in result.stdout
        assert_kept(booted, names)


def test_a_daemon_that_an_old_step_left_behind(booted):
    booted.configure(steps=[shell("worker", "sleep 300 >/dev/null 2>&1 & echo $! "
                                  '>"$BOOTAGENT_DEPLOY_TO/shared/pid"', when="after-publish")])
    names = deploy(booted, 1)[-1:]
    worker = booted.watch(int(booted.shared("pid").read_text()))
    booted.configure(steps=[])
    keep(booted, 1)
    deploy(booted, 2)
    assert names[0] in booted.release_directories()
    worker.kill()
    assert worker.has_ended(WITHIN_S)
    booted.sync()
    assert names[0] not in booted.release_directories()


# What goes wrong with it. Only root can make what the application's user cannot remove.

def check_what_cannot_be_removed(box):
    """Told, forgiven, and never again taken for a release."""
    names = deploy(box, 2)
    keep(box, 1)
    box.configure(steps=[shell("count", COUNT)])
    lock(box, names[0])
    result = box.sync()
    assert "prune: " in result.stderr and names[0] in result.stderr
    assert box.last_run["result"] == "nothing-to-do" and prune_record(box) == "failed"
    assert box.releases()[names[0]] == "making"
    assert box.document()["serving"]["ready"] is True
    deploy(box, 1)
    assert box.count() == 1
    assert box.run("rollback", names[0]).returncode == 5


def lock(box, name):
    """Something of another user, as a step with sudo leaves it."""
    locked = box.deploy_to / "releases" / name / "locked"
    locked.mkdir()
    (locked / "file").touch()
    return locked


def check_that_it_keeps_no_other(box):
    """The one that cannot go is told of, and all the others go, in this run and later ones."""
    names = deploy(box, 3)
    lock(box, names[0])
    keep(box, 1)
    result = box.sync()
    assert "prune: " in result.stderr and names[0] in result.stderr
    kept = box.release_directories()
    assert kept == sorted([names[0], *names[-2:]]) and names[1] not in box.releases()
    box.configure(steps=[shell("bad", "exit 1")])
    for number in range(3):
        box.repository.commit({"a.txt": f"half {number}\n".encode()}, "half-made")
        box.sync(5)
        half = [name for name in box.release_directories() if name not in kept]
        assert len(half) == 1, "of half-made ones only the last is there"
    assert [name for name, state in box.releases().items() if state == "making"] == \
        [names[0], *half]
    box.configure(steps=[])
    result = box.sync()
    assert f"release: remove the release '{names[0]}': " in result.stderr
    assert "by hand" in result.stderr
    shutil.rmtree(box.deploy_to / "releases" / names[0])
    assert "by hand" not in box.sync().stderr and names[0] not in box.releases()


def test_a_half_made_one_that_is_current(booted):
    """A half-made one that a person has made current: it stays, and is in nobody's way."""
    booted.configure(steps=[shell("bad", "exit 1")])
    booted.repository.commit({"a.txt": b"half\n"}, "half-made")
    booted.sync(5)
    (half,) = [name for name, state in booted.releases().items() if state == "making"]
    (booted.deploy_to / "current").unlink()
    (booted.deploy_to / "current").symlink_to(f"releases/{half}")
    booted.configure(steps=[])
    result = booted.sync()
    assert "remove" not in result.stderr
    assert booted.current()[1] == booted.repository.head and booted.current()[0] != half
    booted.sync()
    assert half not in booted.release_directories()


if IS_ROOT:
    def test_a_release_that_cannot_be_removed(booted):
        check_what_cannot_be_removed(booted)

    def test_one_that_cannot_be_removed_keeps_no_other(booted):
        check_that_it_keeps_no_other(booted)
