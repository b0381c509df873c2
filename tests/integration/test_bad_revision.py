# SPDX-License-Identifier: MIT
"""What did not work is remembered: a bad revision for a day, any other failure for a while.

Times are moved by rewriting them in releases.json, as a day that passes would leave them.
"""
import json
import signal
import threading
import time
import urllib.request

import pytest

from conftest import COUNT, shell

QUICK = {"timeout": "1s"}  # in which what works answers on a busy machine, too
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS
QUICKLY_S = 5
RESTART = shell("restart", COUNT, when="after-publish")


def state_file(box):
    return box.root / "var/lib/bootagent/releases.json"


def known(box, kind):
    return box.state("releases.json")[kind]


def rewrite(box, change):
    """Change every remembered failure on the disk."""
    document = json.loads(state_file(box).read_text())
    for failure in document["bad"] + document["retry"]:
        change(failure)
    state_file(box).write_text(json.dumps(document))


def pass_time(box, duration_ms):
    def earlier(failure):
        failure["at_ms"] -= duration_ms
        failure["until_ms"] -= duration_ms
    rewrite(box, earlier)


def stages(box):
    """The stages that the last run did not skip."""
    return [stage["name"] for stage in box.last_run["stages"] if stage["state"] != "skipped"]


def hang(box):
    """From now on the application is there and answers nobody."""
    box.application.signal(signal.SIGSTOP)


def go_on(box):
    box.application.signal(signal.SIGCONT)


@pytest.fixture
def bad(booted):
    """A machine that has taken a revision back; its id is booted.bad."""
    booted.configure(readiness=QUICK, steps=[RESTART])
    booted.good = booted.current()
    booted.bad = booted.break_release()
    booted.sync(5)
    return booted


@pytest.fixture
def failed(booted):
    """A machine on which a step failed before anything was published."""
    booted.good = booted.current()
    booted.configure(steps=[shell("bundle", f"{COUNT}; "
                                  'test -e "$BOOTAGENT_DEPLOY_TO/shared/gems"')])
    booted.wanted = booted.repository.commit({"a.txt": b"second\n"}, "the second revision")
    booted.sync(5)
    return booted


def assert_refused(box, result):
    document = box.document()
    assert result.returncode == 6
    assert document["last_run"]["result"] == "refused"
    assert document["last_run"]["exit_code"] == 6
    assert document["serving"]["ready"] is True
    assert document["serving"]["up_to_date"] is False
    assert document["serving"]["reason"] == document["last_run"]["error"]["message"]
    assert (document["serving"]["release"], document["serving"]["revision"]) == box.good
    assert box.current() == box.good
    assert box.gate()["revision"] == box.good[1]


# A bad revision.

def test_it_is_refused_at_once(bad):
    names, count = bad.release_directories(), bad.count()
    begun = time.monotonic()
    result = bad.sync(6)
    assert time.monotonic() - begun < QUICKLY_S
    assert_refused(bad, result)
    assert bad.last_run["cause"] == "probe"
    assert stages(bad) == ["metadata", "config", "setup", "source", "decide"]
    assert (bad.release_directories(), bad.count()) == (names, count)
    (line,) = result.stderr.splitlines()
    assert f"sync: decide: {bad.bad[:12]} did not prove itself at 20" in line
    (mark,) = known(bad, "bad")
    assert f"({mark['reason']}), and the release before it did" in line
    assert line.endswith("push a fix, or 'bootagent sync --force'")
    assert result.stdout.splitlines()[-1].endswith(f"{bad.good[1][:12]} serves")


def test_what_is_remembered(bad):
    (mark,) = known(bad, "bad")
    assert known(bad, "retry") == []
    assert mark["revision"] == bad.bad and mark["cause"] == "probe"
    assert "/health was not ready in time: " in mark["reason"]
    assert mark["instance_id"] == bad.instance["instance_id"]
    assert mark["boot_id"] == bad.document()["boot_id"]
    assert DAY_MS <= mark["until_ms"] - mark["at_ms"] < 1.25 * DAY_MS
    assert abs(mark["at_ms"] - time.time() * 1000) < MINUTE_MS


def test_a_failed_restart_is_one_too(booted):
    booted.good = booted.current()
    booted.break_release()
    booted.configure(steps=[shell("restart", "test ! -e ../../current/broken",
                                  when="after-publish")])
    booted.sync(5)
    result = booted.sync(6)
    assert_refused(booted, result)
    assert booted.last_run["cause"] == "step"
    assert "step 'restart': exit status 1" in result.stderr


def test_the_next_commit_is_tried(bad):
    fixed = bad.repository.commit({"broken": None}, "a fix")
    bad.sync()
    assert bad.current()[1] == fixed
    assert bad.document()["serving"]["up_to_date"] is True


def test_back_to_it_by_a_forced_push(bad):
    """What another commit did in between changes nothing of it."""
    bad.repository.commit({"broken": None}, "a fix")
    bad.sync()
    bad.good = bad.current()
    bad.repository.reset(bad.bad)
    assert_refused(bad, bad.sync(6))


def test_reverted_by_a_forced_push(bad):
    """The branch's head is what serves: there is nothing to do, and nothing to refuse."""
    bad.repository.reset(bad.good[1])
    bad.sync()
    assert bad.last_run["result"] == "nothing-to-do"
    assert bad.document()["serving"]["up_to_date"] is True


def test_a_changed_configuration_is_another_matter(bad):
    bad.configure(application={"environment": {"FIXED": "1"}})
    bad.sync(5)
    assert bad.last_run["cause"] == "probe"
    bad.sync(6)
    # With the one before it is as bad as it was.
    bad.configure(application={"environment": {}})
    bad.sync(6)
    assert len(known(bad, "bad")) == 2


def test_the_order_of_the_configuration_is_no_change(bad):
    bad.config = dict(reversed(bad.config.items()))
    bad.write_config()
    bad.sync(6)


def test_it_expires(bad):
    pass_time(bad, DAY_MS - MINUTE_MS)
    bad.sync(6)
    pass_time(bad, DAY_MS // 4 + MINUTE_MS)
    bad.sync(5)
    assert bad.last_run["cause"] == "probe"
    bad.sync(6)
    assert len(known(bad, "bad")) == 1


def test_forced_and_still_bad(bad):
    before = bad.release_directories()
    bad.run("sync", "--force")
    assert bad.last_run["result"] == "previous-serves"
    assert len(set(bad.release_directories()) - set(before)) == 1
    assert_refused(bad, bad.sync(6))


def test_forced_and_proven(bad):
    """Where it was not its fault: now it serves, and nothing is held against it."""
    bad.configure(steps=[RESTART, shell("mend", "rm -f broken")])
    bad.sync(5)  # prepared as it was: the step did not run
    bad.run("sync", "--force")
    assert bad.current()[1] == bad.bad
    assert bad.document()["serving"]["up_to_date"] is True
    assert known(bad, "bad") == []
    bad.sync()
    assert bad.last_run["result"] == "nothing-to-do"


def test_a_pin_to_it_is_refused_too(bad):
    """A person asks for it by name: it says how to insist."""
    result = bad.run("sync", "--ref", bad.bad)
    assert_refused(bad, result)
    assert "'bootagent sync --force'" in result.stderr
    assert bad.document()["pinned"]["revision"] == bad.bad
    assert bad.run("sync", "--unpin", "--ref", "main").returncode == 2
    bad.repository.reset(bad.good[1])
    assert bad.run("sync", "--unpin").returncode == 0


def test_rollback_by_name_is_a_try(bad):
    (name,) = [name for name, state in bad.releases().items() if state == "prepared"]
    assert bad.run("rollback", name).returncode == 5
    assert bad.last_run["cause"] == "probe"
    assert bad.current() == bad.good


def test_rollback_goes_past_what_has_turned_bad(booted):
    """Three good ones; the one before does not work any more: twice back is further back."""
    first = booted.current()
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    booted.sync()
    second = booted.current()
    booted.repository.commit({"a.txt": b"third\n"}, "third")
    booted.sync()
    booted.configure(steps=[shell("restart", "! grep -q second ../../current/a.txt",
                                  when="after-publish")])
    assert booted.run("rollback").returncode == 5
    assert [mark["revision"] for mark in known(booted, "bad")] == [second[1]]
    assert booted.run("rollback").returncode == 0
    assert booted.current() == first


def test_a_pinned_rollback_is_not_tried_each_time(booted):
    """A rollback that fails leaves its pin: the next sync knows."""
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    booted.sync()
    booted.good = booted.current()
    booted.configure(steps=[shell("restart", "! grep -q first ../../current/a.txt",
                                  when="after-publish")])
    assert booted.run("rollback").returncode == 5
    assert_refused(booted, booted.sync(6))


# On other machines, and at a boot.

def test_the_image_is_another_machine(bad):
    """What was bad there may work here: it is tried, and remembered as of here."""
    bad.launch_from_image()
    bad.boot(5)
    assert bad.last_run["cause"] == "probe"
    (mark,) = known(bad, "bad")
    assert mark["instance_id"] == bad.instance["instance_id"]


def test_a_reboot_starts_the_last_good_one(bad):
    """The same machine: it is known there, and what worked is started and proven."""
    count = bad.count()
    bad.reboot()
    bad.region.clear_calls()
    assert_refused(bad, bad.boot(6))
    assert bad.count() == count + 1
    assert stages(bad)[:7] == ["metadata", "config", "hook", "setup", "source", "decide",
                               "activate"]
    assert bad.last_run["cause"] == "probe"


def test_a_reboot_on_which_nothing_works(bad):
    bad.reboot()
    bad.application_stops()
    bad.boot(1)
    document = bad.document()
    assert document["last_run"]["result"] == "failed"
    assert document["serving"]["ready"] is False


def test_with_nothing_else_to_serve_it_is_tried(bad):
    """No other release is left: refusing it would help nobody."""
    document = json.loads(state_file(bad).read_text())
    document["releases"] = [record for record in document["releases"]
                            if record["state"] != "good"]
    state_file(bad).write_text(json.dumps(document))
    (bad.deploy_to / "current").unlink()
    bad.sync(1)
    assert "ready" in stages(bad)


def test_what_somebody_made_current_by_hand_is_not_refused(bad):
    """`cap` deployed it, say, and it works: it is proven, and nothing held against it."""
    release = bad.deploy_to / "releases/20200101000000"
    release.mkdir()
    (release / "REVISION").write_text(f"{bad.bad}\n")
    link = bad.deploy_to / "current"
    link.unlink()
    link.symlink_to("releases/20200101000000")
    bad.sync()
    assert bad.current() == ("20200101000000", bad.bad)
    assert known(bad, "bad") == []


# What may not be the revision's fault.

def test_where_the_release_before_fails_too_nothing_is_bad(booted):
    """The database is down, say. It comes back, and so does what served."""
    booted.good = booted.current()
    booted.configure(readiness=QUICK)
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    hang(booted)
    booted.sync(1)
    assert known(booted, "bad") == []
    (mark,) = known(booted, "retry")
    assert mark["count"] == 1 and mark["cause"] == "probe"
    assert mark["until_ms"] - mark["at_ms"] == MINUTE_MS
    # Still down: what served last is what is tried meanwhile.
    booted.sync(1)
    assert "decide" in stages(booted) and "release" not in stages(booted)
    assert known(booted, "retry") == [mark]
    go_on(booted)
    assert_refused(booted, booted.sync(6))
    pass_time(booted, MINUTE_MS)
    booted.sync()
    assert booted.current()[1] == booted.repository.head
    assert known(booted, "retry") == []


def test_a_step_before_publishing_is_tried_again_soon(failed):
    result = failed.sync(6)
    assert_refused(failed, result)
    assert failed.last_run["cause"] == "step"
    assert failed.count() == 1
    assert f"{failed.wanted[:12]} failed at 20" in result.stderr
    assert "or at once by 'bootagent sync --force'" in result.stderr
    pass_time(failed, MINUTE_MS)
    failed.sync(5)
    assert failed.count() == 2
    (mark,) = known(failed, "retry")
    assert mark["count"] == 2 and mark["until_ms"] - mark["at_ms"] == 2 * MINUTE_MS
    result = failed.sync(6)
    assert "failed 2 times in a row" in result.stderr
    # The gem server is there again.
    failed.shared("gems").touch()
    pass_time(failed, 2 * MINUTE_MS)
    failed.sync()
    assert failed.current()[1] == failed.wanted
    assert known(failed, "retry") == []


def test_forced_before_its_time(failed):
    failed.shared("gems").touch()
    assert failed.run("sync", "--force").returncode == 0
    assert failed.current()[1] == failed.wanted


def test_another_commit_does_not_wait(failed):
    failed.shared("gems").touch()
    failed.repository.commit({"a.txt": b"third\n"}, "third")
    failed.sync()
    assert failed.current()[1] == failed.repository.head


def test_another_boot_does_not_wait(failed):
    def of_another_boot(failure):
        failure["boot_id"] = "6f2e1b0c-5d4a-4c3b-9a8f-7e6d5c4b3a29"
    rewrite(failed, of_another_boot)
    failed.sync(5)
    assert failed.count() == 2
    (mark,) = known(failed, "retry")
    assert mark["count"] == 1


def test_a_boot_does_not_wait(failed):
    """Somebody mended it, and calls boot again."""
    failed.reboot()
    failed.shared("gems").touch()
    failed.boot()
    assert failed.current()[1] == failed.wanted


def test_what_was_out_of_time_is_not_bad(booted):
    """And not run each minute, either."""
    booted.good = booted.current()
    booted.configure(boot={"deadline": "10s"}, steps=[
        shell("slow", "grep -q second ../../current/a.txt && exec sleep 300; exit 0",
              when="after-publish")])
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    booted.sync(5)
    assert "step 'slow': not done in the time of the whole run, ended: raise boot.deadline" in \
        booted.last_run["error"]["message"]
    (mark,) = known(booted, "retry")
    assert mark["cause"] == "deadline" and known(booted, "bad") == []
    assert_refused(booted, booted.sync(6))
    assert booted.last_run["cause"] == "deadline"


def test_git_is_asked_each_time(booted):
    """Only what the revision did itself is remembered."""
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    booted.set_git_fault({"status": 503})
    booted.sync(5)
    booted.sync(5)
    booted.set_git_fault()
    booted.sync()


def test_a_release_that_serves_and_fails_is_asked_each_time(booted):
    booted.configure(readiness=QUICK)
    hang(booted)
    booted.sync(1)
    booted.sync(1)
    go_on(booted)
    booted.sync()
    assert booted.last_run["result"] == "nothing-to-do"


# --force, and what serves.

def test_forced_although_it_serves(booted):
    """As `cap deploy` does: a release of its own, published and started."""
    before = booted.current()
    booted.configure(steps=[RESTART])
    assert booted.run("sync", "--force").returncode == 0
    after = booted.current()
    assert after[0] != before[0] and after[1] == before[1]
    assert booted.count() == 1
    assert booted.last_run["result"] == "done"
    assert booted.releases() == {before[0]: "good", after[0]: "good"}
    assert booted.run("rollback").returncode == 0
    assert booted.current() == before


def test_the_same_revision_in_another_release_is_not_bad(booted):
    """Forced, the new release fails; the old one, of the same revision, works."""
    before = booted.current()
    booted.configure(steps=[shell("restart", f"test $BOOTAGENT_RELEASE = {before[0]}",
                                  when="after-publish")])
    assert booted.run("sync", "--force").returncode == 5
    assert booted.current() == before
    assert known(booted, "bad") == []
    booted.sync()
    assert booted.last_run["result"] == "nothing-to-do"


# What served goes on.

class Poller:
    """Asks the application all the time; what it answered."""

    def __init__(self, url):
        self.url, self.answers, self.ends = url, [], threading.Event()
        self.thread = threading.Thread(target=self.poll)

    def poll(self):
        while not self.ends.is_set():
            try:
                with urllib.request.urlopen(self.url, timeout=5) as reply:
                    self.answers.append((reply.status, reply.headers["X-Revision"]))
            except OSError as error:
                self.answers.append(str(error))
            time.sleep(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()


def test_before_the_flip_nothing_is_touched(booted):
    """A step fails: what ran before runs on, and answers all the time."""
    good = booted.current()
    gate = booted.gate()
    booted.configure(steps=[shell("bundle", "sleep 0.3; exit 1"), RESTART])
    booted.repository.commit({"a.txt": b"second\n"}, "second")
    link = (booted.deploy_to / "current").lstat()
    since = booted.document()["serving"]["since"]
    with Poller(booted.config["readiness"]["url"]) as poller:
        booted.sync(5)
        booted.sync(6)
    assert set(poller.answers) == {(200, good[1])} and len(poller.answers) > 20
    assert booted.count() == 0
    assert (booted.deploy_to / "current").lstat() == link
    assert booted.gate() == gate
    assert booted.document()["serving"]["since"] == since


# Interrupted.

def test_killed_before_it_was_written_down(bad):
    """As a run killed between taking back and remembering leaves it: once more, then known."""
    document = json.loads(state_file(bad).read_text())
    document["bad"] = []
    state_file(bad).write_text(json.dumps(document))
    bad.sync(5)
    assert_refused(bad, bad.sync(6))


def test_records_from_before_there_were_any(booted):
    """A releases.json of the version before."""
    document = json.loads(state_file(booted).read_text())
    del document["bad"], document["retry"]
    state_file(booted).write_text(json.dumps(document))
    booted.sync()
    assert booted.last_run["result"] == "nothing-to-do"
