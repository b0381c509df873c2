# SPDX-License-Identifier: MIT
"""`bootagent sync`: a person brings the wanted revision into service; the hook is left alone."""
import fcntl
import os
import re
import signal
import shutil
import time

import pytest

from conftest import COUNT, IS_ROOT, STAY, WITHIN_S, build_copy, compile_c, shell, wait_for_child
from servers.namespace import own_mounts
from servers.process import wait_until

NEW = {"a.txt": b"second\n"}
QUICK = {"timeout": "300ms"}


@pytest.fixture
def new(booted):
    """A booted machine with a new commit that is not deployed yet."""
    booted.first = booted.repository.head
    booted.second = booted.repository.commit(NEW, "the second revision")
    return booted


def assert_served(box, revision, up_to_date=True):
    serving = box.document()["serving"]
    assert serving["ready"] is True and serving["up_to_date"] is up_to_date
    assert serving["revision"] == revision == box.current()[1]
    assert serving["release"] == box.current()[0]
    assert box.gate()["revision"] == revision


def test_nothing_to_do(booted):
    before = booted.document()["serving"], booted.release_directories()
    result = booted.sync()
    assert "nothing-to-do" in result.stdout.splitlines()[-1]
    assert (booted.document()["serving"], booted.release_directories()) == before
    assert booted.last_run["result"] == "nothing-to-do"


def test_nothing_to_do_runs_no_step(box):
    box.configure(steps=[shell(when, COUNT, when=when)
                         for when in ("before-publish", "after-publish", "after-ready")])
    box.boot()
    assert box.count() == 3
    box.sync()
    assert box.count() == 3


def test_a_new_commit(new):
    new.sync()
    assert_served(new, new.second)
    assert new.document()["wanted_revision"] == new.second
    assert (new.deploy_to / "current/a.txt").read_bytes() == b"second\n"
    assert list(new.releases().values()) == ["good", "good"]
    assert len(new.revisions_log()) == 2 and new.second in new.revisions_log()[1]


def test_a_release_is_prepared_when_its_steps_are_on_the_disk(new):
    """R4: a power cut must not leave a record of what it took."""
    log = new.directory / "trace"
    new.configure(steps=[shell("build", "echo built >built")])
    new.sync(environment={"ASAN_OPTIONS": "detect_leaks=0"},
             wrapper=["strace", "-qq", "-s", "4096", "-o", str(log), "-e", "write,renameat"])
    events = re.findall(r'^write.*\\"verb\\": *\\"(\w+)\\"|^renameat.*"(releases.json)"',
                        log.read_text(), re.M)
    events = [verb or name for verb, name in events if verb not in ("boot", "sync")]
    assert events == [
        "fetch", "inspect", "releases.json", "prepare", "export", "finish", "flush",
        "releases.json", "activate", "releases.json", "record"]


def test_every_name_is_taken(new):
    """By whoever may write there; nothing of theirs is used or removed."""
    now = time.time()
    names = [time.strftime("%Y%m%d%H%M%S", time.gmtime(now + n)) for n in range(100)]
    for name in names:
        (new.deploy_to / "releases" / name).mkdir(exist_ok=True)
    new.sync(5)
    message = new.last_run["error"]["message"]
    assert "is taken in 'releases': remove" in message
    assert "making" not in new.releases().values()
    assert set(names) <= set(new.release_directories())
    assert_served(new, new.first, up_to_date=False)


if IS_ROOT:
    # deploy_to on a small disk, with what is in it; what is there afterwards.
    SMALL_DISK = """cp -a "$1" "$2" && mount -t tmpfs -o size=1m none "$1" && cp -a "$2"/. "$1" &&
    chown --reference="$2" "$1" || exit 9
    target=$1 result=$2; shift 2; "$@"; status=$?
    { ls "$target/releases"; stat -f -c %a "$target"; } >"$result.left"
    umount "$target"; exit $status"""

    def test_an_export_that_fills_the_disk_gives_the_room_back(booted):
        """What serves needs it. Line ends double the file: no look at the blobs tells that."""
        booted.repository.commit({".gitattributes": b"* eol=crlf\n", "large": b"\n" * 700000},
                                 "too large")
        copy = booted.directory / "copy"
        booted.sync(5, wrapper=[*own_mounts(), "sh", "-c", SMALL_DISK, "sh",
                                str(booted.deploy_to), str(copy)])
        assert "No space left" in booted.last_run["error"]["message"]
        *names, free = (booted.directory / "copy.left").read_text().split()
        assert names == list(booted.releases()) == [booted.current()[0]]
        assert int(free) * os.sysconf("SC_PAGESIZE") > 900000


def test_a_new_commit_on_a_machine_that_never_booted(box):
    box.sync()
    assert_served(box, box.repository.head)
    assert box.verdicts() == []


def test_sync_never_touches_the_hook(box):
    box.sync()
    box.break_release()
    box.configure(readiness=QUICK)
    box.sync(5)
    assert box.aws_actions() == []
    assert box.region.instance(box.instance["instance_id"])["state"] == "Pending:Wait"
    assert box.document()["lifecycle"]["state"] == "none"


def test_boot_after_sync_completes_the_hook(box):
    box.sync()
    box.boot()
    assert box.verdict_words() == ["CONTINUE"]


def test_a_failed_probe_is_taken_back(booted):
    good = booted.current()
    broken = booted.break_release()
    booted.configure(readiness=QUICK)
    result = booted.sync(5)
    assert "it answered 503" in result.stderr
    assert booted.current() == good
    assert_served(booted, good[1], up_to_date=False)
    document = booted.document()
    last = document["last_run"]
    assert (last["result"], last["cause"], last["exit_code"]) == ("previous-serves", "probe", 5)
    assert last["error"]["stage"] == "ready"
    assert document["serving"]["reason"] == last["error"]["message"]
    assert document["wanted_revision"] == broken


def test_a_failed_probe_is_taken_back_by_the_same_stages(booted):
    booted.break_release()
    booted.configure(readiness=QUICK)
    booted.sync(5)
    told = [(stage["name"], stage["state"]) for stage in booted.last_run["stages"]]
    back = told[told.index(("ready", "failed")) + 1:]
    assert back == [("link", "skipped"), ("activate", "done"), ("variables", "done"),
                    ("after-publish", "skipped"), ("ready", "done"), ("record", "done")]


def test_a_failed_after_publish_step_is_taken_back(box):
    script = COUNT + "\ntest ! -e ../../current/broken"
    box.configure(steps=[shell("restart", script, when="after-publish")])
    box.boot()
    good = box.current()
    box.break_release()
    box.sync(5)
    assert box.current() == good and box.count() == 3
    assert box.last_run["cause"] == "step"
    assert [step["state"] for step in box.last_run["steps"]] == ["failed", "done"]
    assert_served(box, good[1], up_to_date=False)


def test_taken_back_then_mended(booted):
    booted.break_release()
    booted.configure(readiness=QUICK)
    booted.sync(5)
    mended = booted.repository.commit({"broken": None}, "mended")
    booted.sync()
    assert_served(booted, mended)


def test_taking_back_fails_too(booted):
    """Nobody answers any more: failed, and nothing serves."""
    booted.repository.commit(NEW, "the second revision")
    booted.application_stops()
    booted.configure(readiness=QUICK)
    good = booted.current()
    booted.sync(1)
    document, code = booted.status()
    assert (document["last_run"]["result"], document["serving"]["ready"], code) == \
        ("failed", False, 3)
    assert booted.current() == good


@pytest.mark.parametrize("arrange, stage", [
    (lambda box: box.set_git_fault({"status": 503}), "source"),
    (lambda box: box.configure(source={"branch": "none"}), "source"),
    (lambda box: box.configure(steps=[shell("bundle", "exit 1")]), "steps"),
    (lambda box: box.region.fault(kind="imds", path="/latest/api/token", fault="status",
                                  status=403), "metadata"),
], ids=["git is down", "branch is missing", "step fails", "metadata is off"])
def test_a_failure_before_the_flip_leaves_everything(new, arrange, stage):
    arrange(new)
    good, log, serving = new.current(), new.revisions_log(), new.document()["serving"]
    new.sync(5)
    after = new.document()
    assert (new.current(), new.revisions_log()) == (good, log)
    assert after["last_run"]["result"] == "previous-serves"
    assert after["last_run"]["error"]["stage"] == stage
    assert after["serving"] == {**serving, "up_to_date": False,
                                "reason": after["last_run"]["error"]["message"]}
    assert new.gate()["revision"] == new.first


def test_a_failure_before_the_flip_restarts_nothing(box):
    box.configure(steps=[shell("restart", COUNT, when="after-publish")])
    box.boot()
    box.set_git_fault({"status": 503})
    box.sync(5)
    assert box.count() == 1


def test_a_failed_first_sync_with_nothing_good(box):
    box.set_git_fault({"status": 503})
    box.sync(1)
    document, code = box.status()
    assert (document["last_run"]["result"], document["last_run"]["cause"], code) == \
        ("failed", "git", 3)
    assert box.gate() is None and box.verdicts() == []


def test_a_failed_first_probe_with_nothing_good(box):
    box.break_release()
    box.configure(readiness=QUICK)
    box.sync(1)
    assert box.gate() is None
    assert list(box.releases().values()) == ["prepared"]


def test_the_gate_stays_open_while_current_is_good(booted):
    """The table: 'any failure …: open only if current is good'."""
    booted.application_stops()
    booted.configure(readiness=QUICK)
    booted.sync(1)
    assert booted.gate() is not None


def test_the_gate_stays_open_while_current_is_good_whatever_fails_next(booted):
    """A run that fails before it looked at `current` knows nothing of it."""
    booted.application_stops()
    booted.configure(readiness=QUICK)
    booted.sync(1)
    booted.region.fault(kind="imds", path="/latest/api/token", fault="status", status=403)
    booted.sync(1)
    assert booted.gate() is not None


def test_a_forced_push_backwards_and_sideways(new):
    new.sync()
    new.repository.reset(new.first)
    sideways = new.repository.commit({"a.txt": b"rewritten\n"}, "rewritten history")
    new.sync()
    assert_served(new, sideways)


def test_a_forced_push_back_to_an_old_revision_uses_its_release(new):
    old = new.current()
    new.sync()
    new.repository.reset(new.first)
    new.sync()
    assert new.current() == old and len(new.release_directories()) == 2
    assert_served(new, new.first)


def test_another_branch(booted):
    booted.repository.git("branch", "other")
    booted.repository.commit(NEW, "only on main")
    booted.configure(source={"branch": "other"})
    booted.sync()
    assert booted.last_run["result"] == "nothing-to-do"


def test_a_release_that_somebody_removed_is_made_anew(booted):
    shutil.rmtree(booted.deploy_to / "releases")
    booted.sync()
    assert_served(booted, booted.repository.head)


def test_a_link_that_somebody_removed_is_made_anew(booted):
    (booted.deploy_to / "current").unlink()
    booted.sync()
    assert_served(booted, booted.repository.head)


# The lock.

def test_busy_while_another_run_holds_the_lock(new):
    new.configure(steps=[shell("stay", STAY)])
    first = new.start("sync")
    step = new.wait_for_step()
    before = new.document()
    result = new.sync(75)
    assert "another run is under way" in result.stderr
    assert {**new.document(), "run": None} == {**before, "run": None}
    new.let_pass()
    step.kill()
    new.finish(first, 5)
    assert new.run("sync", "--force").returncode == 0
    assert_served(new, new.second)


def test_busy_by_the_lock_alone(booted):
    with open(booted.root / "run/bootagent/lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        booted.sync(75)
    booted.sync()


def test_a_boot_waits_behind_a_sync_and_then_runs(box):
    box.configure(steps=[shell("stay", STAY, when="after-ready")])
    first = box.start("sync")
    step = box.wait_for_step()
    box.let_pass()
    second = box.start("boot")
    step.kill()
    box.finish(first, 0)
    box.finish(second, 0)
    assert box.verdict_words() == ["CONTINUE"]


# What interrupted runs leave.

HANGS_AT_ACTIVATE = """
#include <string.h>
#include <unistd.h>
int main(void)
{
	static char request[65536];
	size_t length = 0;
	ssize_t got;
	int again[2];
	while ((got = read(0, request + length, sizeof(request) - 1 - length)) > 0)
		length += got;
	while (strstr(request, "\\"activate\\""))
		pause();
	if (pipe(again) < 0 || write(again[1], request, length) < 0)
		return 1;
	close(again[1]);
	dup2(again[0], 0);
	execl(REAL, "bootagent-tree", (char *)NULL);
	return 1;
}
"""


def build_that_hangs_at_activate(box):
    """A build whose bootagent-tree does everything but the flip."""
    real = build_copy(box.directory / "real") / "bootagent-tree"
    tree = compile_c(HANGS_AT_ACTIVATE, box.directory / "stand-in", f'-DREAL="{real}"')
    return build_copy(box.directory / "hangs", tree=tree)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_prepared_release_is_resumed(new, number):
    """Interrupted between the steps and the flip: neither exported nor built again."""
    real, new.build = new.build, build_that_hangs_at_activate(new)
    new.configure(steps=[shell("count", COUNT)])
    process = new.start("sync")
    wait_until_stage(new, "activate")
    wait_for_child(process.pid)
    process.send_signal(number)
    new.finish(process, 4 if number == signal.SIGTERM else -signal.SIGKILL)
    assert sorted(new.releases().values()) == ["good", "prepared"]
    releases = new.release_directories()
    new.build = real
    new.sync()
    assert_served(new, new.second)
    assert new.count() == 1 and new.release_directories() == releases


def wait_until_stage(box, name):
    wait_until(lambda: box.document()["run"]["stage"] == name, WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_half_made_release_is_removed_by_the_next_run(new, number):
    """Its name may be the new one's too, if that comes in the same second."""
    new.configure(steps=[shell("stay", "touch half-made\n" + STAY)])
    process = new.start("sync")
    step = new.wait_for_step()
    process.send_signal(number)
    new.finish(process)
    step.kill()
    assert sorted(new.releases().values()) == ["good", "making"]
    assert list(new.deploy_to.glob("releases/*/half-made"))
    new.configure(steps=[])
    new.sync()
    assert_served(new, new.second)
    assert not list(new.deploy_to.glob("releases/*/half-made"))
    assert len(new.release_directories()) == 2
    assert list(new.releases().values()) == ["good", "good"]


def test_a_failed_step_leaves_a_release_that_the_next_run_removes(new):
    new.configure(steps=[shell("bad", "exit 1")])
    new.sync(5)
    new.configure(steps=[])
    new.sync()
    assert_served(new, new.second)
    assert len(new.release_directories()) == 2 and os.path.isdir(new.deploy_to / "current")
