# SPDX-License-Identifier: MIT
"""`sync --ref` and `--unpin`: a person's word is the wanted revision until it is taken back."""
import json
import os
import pwd
import signal

import pytest

from conftest import STAY, shell

QUICK = {"timeout": "300ms"}
OPERATOR = {"SUDO_USER": "operator"}


@pytest.fixture
def history(booted):
    """A booted machine; first, second and third are revisions, main is at the third."""
    booted.first = booted.repository.head
    booted.repository.git("tag", "--annotate", "--message", "v1", "v1")
    booted.second = booted.repository.commit({"a.txt": b"second\n"}, "second")
    booted.repository.git("branch", "other")
    booted.third = booted.repository.commit({"a.txt": b"third\n"}, "third")
    booted.sync()
    return booted


def pin(box, ref, code=0, **options):
    result = box.run("sync", "--ref", ref, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def unpin(box, code=0):
    result = box.run("sync", "--unpin")
    assert result.returncode == code, result.stdout + result.stderr
    return result


def assert_pinned(box, revision, by=None):
    document = box.document()
    assert document["pinned"]["revision"] == document["wanted_revision"] == revision
    assert set(document["pinned"]) == {"revision", "by", "at"}
    if by:
        assert document["pinned"]["by"] == by
    assert document["serving"]["revision"] == box.current()[1] == revision
    assert document["serving"]["up_to_date"] is True


@pytest.mark.parametrize("name", ["other", "v1", "full", "short"])
def test_what_a_person_may_name(history, name):
    revision = history.first if name == "v1" else history.second
    result = pin(history, {"full": revision, "short": revision[:9]}.get(name, name))
    assert "; pinned" in result.stdout
    assert_pinned(history, revision)


def test_the_pin_is_what_is_wanted_until_it_is_taken_back(history):
    pin(history, "v1")
    history.repository.commit({"a.txt": b"fourth\n"}, "fourth")
    history.sync()
    assert history.last_run["result"] == "nothing-to-do"
    assert_pinned(history, history.first)
    unpin(history)
    assert history.document()["pinned"] is None
    assert history.current()[1] == history.repository.head == \
        history.document()["wanted_revision"]
    assert history.state("pin.json") is None
    unpin(history)
    assert history.last_run["result"] == "nothing-to-do"


def test_a_pin_to_a_branch_is_to_the_commit(history):
    pin(history, "other")
    history.repository.git("branch", "--force", "other", history.third)
    history.sync()
    assert_pinned(history, history.second)


def test_another_pin_takes_its_place(history):
    pin(history, "v1")
    pin(history, "other")
    assert_pinned(history, history.second)


def test_a_pinned_machine_does_not_ask_the_git_host(history):
    pin(history, "v1")
    before = history.git_requests()
    history.set_git_fault({"status": 503})
    history.sync()
    assert_pinned(history, history.first)
    assert history.git_requests() == before


def test_a_pin_outlives_a_reboot(history):
    pin(history, "v1", environment=OPERATOR)
    history.reboot()
    history.boot()
    assert_pinned(history, history.first, "operator")


def test_a_pin_that_came_with_the_image_is_void(history):
    pin(history, "v1")
    history.launch_from_image()
    history.boot()
    assert history.document()["pinned"] is None
    assert history.current()[1] == history.third


def test_it_is_on_the_disk_who_and_when(history):
    pin(history, "v1", environment=OPERATOR)
    stored = history.state("pin.json")
    assert (stored["revision"], stored["ref"], stored["by"], stored["instance_id"]) == \
        (history.first, "v1", "operator", history.instance["instance_id"])
    mode = (history.root / "var/lib/bootagent/pin.json").stat().st_mode
    assert mode & 0o777 == 0o644
    assert_pinned(history, history.first, "operator")


def test_without_sudo_it_is_the_login(history):
    pin(history, "v1")
    with open("/proc/self/loginuid", encoding="ascii") as file:
        login = int(file.read())
    uid = os.geteuid() if login == 2**32 - 1 else login
    assert_pinned(history, history.first, pwd.getpwuid(uid).pw_name)


def test_status_says_it_to_people(history):
    pin(history, "v1", environment=OPERATOR)
    lines = history.run("status").stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("pinned")]
    assert line.startswith(f"pinned    {history.first[:12]}, by operator at 20")
    assert len(line) <= 80
    unpin(history)
    assert "pinned" not in history.run("status").stdout


def test_revisions_log_has_the_name(history):
    pin(history, "other")
    assert f"Branch other (at {history.second}) deployed" in history.revisions_log()[-1]


@pytest.mark.parametrize("name, words", [
    ("mian", ["no branch or tag 'mian'", "'main'"]),
    ("0123abcd", ["no branch, tag or commit '0123abcd'"]),
    ("a..b", ["cannot be the name of a branch or a tag"]),
])
def test_what_is_nowhere_pins_nothing(history, name, words):
    pin(history, "v1")
    result = pin(history, name, 5)
    assert all(word in result.stderr for word in words), result.stderr
    assert history.document()["pinned"]["revision"] == history.first == history.current()[1]
    history.sync()
    assert_pinned(history, history.first)


def test_the_pin_stays_when_its_release_fails(history):
    """It is what a person wants; what serves is said beside it."""
    bad = history.break_release()
    history.repository.git("tag", "bad")
    history.repository.commit({"broken": None}, "mended")
    history.configure(readiness=QUICK)
    good = history.current()
    pin(history, "bad", 5)
    document = history.document()
    assert document["pinned"]["revision"] == document["wanted_revision"] == bad
    assert history.current() == good and document["serving"]["up_to_date"] is False


def test_a_pinned_commit_that_is_gone(history):
    """The mirror was removed and the server has it no more: whose pin it is, and the way out."""
    stray = history.repository.commit({"a.txt": b"stray\n"}, "stray")
    pin(history, stray, environment=OPERATOR)
    history.repository.reset(history.third)
    for path in (history.root / "var/cache/bootagent/hello.git").iterdir():
        remove(path)
    history.sync(5)
    message = history.last_run["error"]["message"]
    assert f"no branch, tag or commit '{stray}'" in message
    assert "pinned by operator ('sync --unpin' takes it back)" in message
    unpin(history)
    assert history.current()[1] == history.third


def remove(path):
    if not path.is_dir() or path.is_symlink():
        path.unlink()
        return
    for each in path.iterdir():
        remove(each)
    path.rmdir()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_run_again(history, number):
    history.configure(steps=[shell("stay", STAY)])
    process = history.start("sync", "--ref", "other")
    step = history.wait_for_step()
    process.send_signal(number)
    history.finish(process)
    step.kill()
    history.configure(steps=[])
    history.sync()
    assert_pinned(history, history.second)


def test_unpinned_while_git_is_down(history):
    """The pin goes all the same; the next sync finds what is wanted then."""
    pin(history, "v1")
    history.set_git_fault({"status": 503})
    unpin(history, 5)
    assert history.document()["pinned"] is None
    history.set_git_fault()
    history.sync()
    assert history.current()[1] == history.third


def test_a_damaged_pin(history):
    path = history.root / "var/lib/bootagent/pin.json"
    path.write_text("{")
    history.sync(5)
    assert "pin.json is damaged: 'bootagent sync --unpin'" in history.last_run["error"]["message"]
    pin(history, "v1")
    assert_pinned(history, history.first)
    path.write_text("{")
    unpin(history)
    assert history.current()[1] == history.third


def test_a_pin_before_anything_else(box):
    """On a machine that never booted, and then the boot."""
    first = box.repository.head
    box.repository.commit({"a.txt": b"second\n"}, "second")
    pin(box, first[:10])
    assert_pinned(box, first)
    box.boot()
    assert_pinned(box, first)
    assert box.verdict_words() == ["CONTINUE"]


@pytest.mark.parametrize("arguments, words", [
    (["boot", "--ref", "main"], "--ref belongs to 'sync', not to 'boot'"),
    (["status", "--unpin"], "--unpin belongs to 'sync', not to 'status'"),
    (["sync", "--ref", "main", "--unpin"], "give one"),
    (["sync", "--ref", ""], "--ref needs the name"),
    (["sync", "--ref", "a\nb"], "--ref needs the name"),
    (["sync", "--ref", "x" * 256], "--ref needs the name"),
], ids=lambda value: " ".join(value).strip()[:30] if isinstance(value, list) else "")
def test_wrong_usage(box, arguments, words):
    result = box.run(*arguments)
    assert result.returncode == 2 and words in result.stderr
    assert box.state("pin.json") is None


def test_for_programs(history):
    result = history.run("sync", "--ref", "v1", "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()]
