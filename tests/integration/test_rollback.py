# SPDX-License-Identifier: MIT
"""`bootagent rollback`: back to a release that is on the machine, pinned; git is not asked."""
import fcntl
import shutil
import signal

import pytest

from conftest import COUNT, STAY, shell

QUICK = {"timeout": "300ms"}
OPERATOR = {"SUDO_USER": "operator"}


@pytest.fixture
def three(booted):
    """A booted machine with three good releases; names and revisions, oldest first."""
    booted.names, booted.revisions = [booted.current()[0]], [booted.repository.head]
    for number in (b"second\n", b"third\n"):
        booted.revisions.append(booted.repository.commit({"a.txt": number}, "a revision"))
        booted.sync()
        booted.names.append(booted.current()[0])
    return booted


def rollback(box, *arguments, code=0, **options):
    result = box.run("rollback", *arguments, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def assert_serves(box, name, revision):
    """It is current, proven, pinned, wanted, and what the gate is open for."""
    document = box.document()
    assert box.current() == (name, revision)
    serving = document["serving"]
    assert (serving["ready"], serving["release"], serving["up_to_date"]) == (True, name, True)
    assert document["pinned"]["revision"] == document["wanted_revision"] == revision
    assert box.gate()["revision"] == revision
    assert box.releases()[name] == "good"


def stages(box):
    return [stage["name"] for stage in box.last_run["stages"]]


def test_to_the_release_before(three):
    before = three.git_requests()
    result = rollback(three, environment=OPERATOR)
    assert_serves(three, three.names[1], three.revisions[1])
    assert three.document()["pinned"]["by"] == "operator"
    assert three.git_requests() == before
    assert stages(three) == ["metadata", "config", "setup", "rollback", "activate",
                             "variables", "after-publish", "ready", "record", "after-ready",
                             "prune"]
    assert three.last_run["result"] == "done" and three.last_run["verb"] == "rollback"
    assert result.stdout.splitlines()[-1].endswith(f"{three.revisions[1][:12]} serves")
    assert three.aws_actions() == []


def test_twice_goes_back_further(three):
    rollback(three)
    rollback(three)
    assert_serves(three, three.names[0], three.revisions[0])
    result = rollback(three, code=5)
    assert "no good release is left to go back to" in result.stderr
    assert f"{three.names[0]} (good, current)" in result.stderr
    assert f"{three.names[2]} (good)" in result.stderr
    assert three.current()[0] == three.names[0]


def test_to_what_served_before_though_it_is_the_newer_one(three):
    """The branch was reset to the first revision: what served before that is the third."""
    three.repository.reset(three.revisions[0])
    three.sync()
    assert three.current()[0] == three.names[0]
    rollback(three)
    assert_serves(three, three.names[2], three.revisions[2])


@pytest.mark.parametrize("index", [0, 1])
def test_to_a_release_by_name(three, index):
    rollback(three, three.names[index])
    assert_serves(three, three.names[index], three.revisions[index])


def test_forward_by_name_again(three):
    rollback(three)
    rollback(three, three.names[2])
    assert_serves(three, three.names[2], three.revisions[2])


def test_the_next_sync_stays_there(three):
    rollback(three)
    three.repository.commit({"a.txt": b"fourth\n"}, "fourth")
    three.sync()
    assert three.last_run["result"] == "nothing-to-do"
    assert_serves(three, three.names[1], three.revisions[1])
    assert three.run("sync", "--unpin").returncode == 0
    assert three.current()[1] == three.repository.head
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])


def test_to_what_is_served_is_nothing_to_do(three):
    three.configure(steps=[shell("restart", COUNT, when="after-publish")])
    rollback(three, three.names[2])
    assert three.last_run["result"] == "nothing-to-do" and three.count() == 0
    assert_serves(three, three.names[2], three.revisions[2])


def test_steps_run_from_the_flip_on(three):
    three.configure(steps=[shell(when, f'echo {when} >>"$BOOTAGENT_DEPLOY_TO/shared/ran"',
                                 when=when)
                           for when in ("before-publish", "after-publish", "after-ready")])
    rollback(three)
    assert three.shared("ran").read_text().split() == ["after-publish", "after-ready"]


def test_revisions_log_says_who(three):
    rollback(three, environment=OPERATOR)
    assert three.revisions_log()[-1] == f"operator rolled back to release {three.names[1]}"
    assert len(three.revisions_log()) == 4


def test_to_a_prepared_one_by_its_name_only(three):
    """It is complete and did not prove itself; nor does it now."""
    bad = three.break_release()
    three.configure(readiness=QUICK)
    three.sync(5)
    (prepared,) = [name for name, state in three.releases().items() if state == "prepared"]
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])
    result = rollback(three, prepared, code=5)
    assert "it answered 503" in result.stderr
    assert three.current()[0] == three.names[1]
    assert three.document()["pinned"]["revision"] == bad


def test_what_does_not_prove_itself_is_taken_back(three):
    three.configure(steps=[shell("restart", "grep -q third a.txt", when="after-publish")])
    rollback(three, code=5)
    assert three.current() == (three.names[2], three.revisions[2])
    document = three.document()
    assert document["serving"]["ready"] is True and document["serving"]["up_to_date"] is False
    assert document["last_run"]["result"] == "previous-serves"
    assert document["last_run"]["cause"] == "step"
    three.configure(steps=[])
    rollback(three)
    assert three.current()[0] == three.names[1]


def test_an_unknown_release(three):
    result = rollback(three, "20000101000000", code=5)
    for name in three.names:
        assert f"{name} (good" in result.stderr
    assert "no complete release '20000101000000'" in result.stderr
    assert three.current()[0] == three.names[2] and three.state("pin.json") is None


def test_one_that_finds_nothing_leaves_what_was_known(three):
    """What serves is what is wanted, as before; no monitor need wake anybody."""
    rollback(three)
    before = three.document()["serving"]
    rollback(three, "20000101000000", code=5)
    assert three.document()["serving"] == before and before["up_to_date"] is True
    assert f"wanted    {three.revisions[1][:12]}, that is what serves" in three.run("status").stdout


def test_a_half_made_release(three):
    three.configure(steps=[shell("bad", "exit 1")])
    three.repository.commit({"a.txt": b"fourth\n"}, "fourth")
    three.sync(5)
    (name,) = [name for name, state in three.releases().items() if state == "making"]
    result = rollback(three, name, code=5)
    assert f"no complete release '{name}'" in result.stderr
    assert f"{name} (" not in result.stderr


def test_a_release_that_somebody_removed(three):
    shutil.rmtree(three.deploy_to / "releases" / three.names[1])
    result = rollback(three, three.names[1], code=5)
    assert f"'{three.names[1]}' is not in 'releases' any more" in result.stderr
    rollback(three)
    assert_serves(three, three.names[0], three.revisions[0])


def test_with_nothing_to_go_back_to(booted):
    result = rollback(booted, code=5)
    assert "no good release is left to go back to" in result.stderr
    assert booted.document()["pinned"] is None


def test_on_a_machine_without_releases(box):
    result = rollback(box, code=1)
    assert "no release of this machine is known yet: 'bootagent sync'" in result.stderr
    assert box.gate() is None


def test_while_git_is_down_and_the_mirror_is_gone(three):
    three.set_git_fault({"status": 503})
    shutil.rmtree(three.root / "var/cache/bootagent/hello.git")
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])


def test_from_a_release_that_stopped_answering(three):
    """Nothing serves: the release before does, and is proven."""
    (three.deploy_to / "current/broken").touch()
    three.configure(readiness=QUICK)
    three.sync(1)
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])


def test_of_an_image(three):
    """Good releases came with it: they can be gone back to."""
    three.launch_from_image()
    three.boot()
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])


def test_busy(three):
    with open(three.root / "run/bootagent/lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rollback(three, code=75)
    assert three.current()[0] == three.names[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted_after_the_flip_and_run_again(three, number):
    three.configure(steps=[shell("stay", STAY, when="after-publish")])
    process = three.start("rollback")
    step = three.wait_for_step()
    process.send_signal(number)
    three.finish(process, 4 if number == signal.SIGTERM else -signal.SIGKILL)
    step.kill()
    assert three.document()["serving"]["ready"] is False
    three.let_pass()
    three.sync()
    assert_serves(three, three.names[1], three.revisions[1])
    rollback(three)
    assert_serves(three, three.names[0], three.revisions[0])


def test_with_a_damaged_pin(three):
    """It sets one of its own; nobody has to go forward first to go back."""
    path = three.root / "var/lib/bootagent/pin.json"
    path.write_text("{")
    rollback(three)
    assert_serves(three, three.names[1], three.revisions[1])


def test_with_a_wrong_configuration(three):
    three.configure(source={"repo": "x"})
    rollback(three, code=2)
    assert three.current()[0] == three.names[2] and three.state("pin.json") is None


def test_one_release_at_a_time(three):
    result = rollback(three, *three.names[:2], code=2)
    assert "one argument too many" in result.stderr
