# SPDX-License-Identifier: MIT
"""Which release a failed run takes back to: what served when it began, before all others."""
import json
import os
import shutil

import pytest

from conftest import COUNT, WITHIN_S, owner, shell
from box.box import APPLICATION_USER
from servers.process import wait_until

REVISION = "0123456789abcdef0123456789abcdef01234567"


def served(box):
    serving = box.document()["serving"]
    return serving["revision"] if serving["ready"] else None


def own(path):
    """Give what the test made to the application's user."""
    user = owner(APPLICATION_USER)
    for place in [path, *path.rglob("*")]:
        os.chown(place, user.pw_uid, user.pw_gid, follow_symlinks=False)


def capistrano(box, name="20200101000000", revision=REVISION):
    """A release that `cap` made, with `current` as it writes it."""
    release = box.deploy_to / "releases" / name
    release.mkdir(parents=True)
    (release / "REVISION").write_text(f"{revision}\n")
    (box.deploy_to / "current").symlink_to(f"{box.deploy_to}/releases/{name}")
    own(box.deploy_to)
    return name


def test_to_what_served_and_not_to_what_people_had_reverted(booted):
    """A, then B, then back to A: when C fails, A is what served, though B came later."""
    a = booted.repository.head
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    booted.sync()
    booted.repository.reset(a)
    booted.sync()
    booted.break_release()
    booted.sync(5)
    assert booted.current()[1] == served(booted) == a


def test_to_what_served_though_the_failed_one_was_good_once(booted):
    """B serves; A, proven in its day, is wanted again and fails now: B comes back."""
    a = booted.repository.head
    booted.configure(steps=[shell("restart", 'grep -q first a.txt && test -e '
                                  '"$BOOTAGENT_DEPLOY_TO/shared/fail" && exit 1; exit 0',
                                  when="after-publish")])
    b = booted.repository.commit({"a.txt": b"second\n"}, "B")
    booted.sync()
    booted.repository.reset(a)
    booted.shared("fail").touch()
    booted.sync(5)
    assert booted.current()[1] == served(booted) == b


def test_what_served_all_along_is_not_left_for_an_older_one(booted):
    """The release that serves stops answering: the fault is not in the release."""
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    booted.sync()
    current = booted.current()
    booted.application_stops()
    booted.configure(readiness={"timeout": "200ms"})
    booted.sync(1)
    assert booted.current() == current


def test_to_a_release_that_cap_made(box):
    """The first deployment after moving from Capistrano is a bad one: cap's comes back."""
    name = capistrano(box)
    box.break_release()
    box.sync(5)
    assert box.current() == (name, REVISION)
    assert served(box) == REVISION
    assert box.gate() is not None
    assert box.releases()[name] == "good"


@pytest.mark.parametrize("text", [None, "main\n"])
def test_a_release_of_unknown_revision_cannot_be_proven(box, text):
    name = capistrano(box)
    revision = box.deploy_to / "releases" / name / "REVISION"
    revision.unlink()
    if text is not None:
        revision.write_text(text)
    box.break_release()
    box.sync(1)
    assert served(box) is None


def test_past_a_release_that_somebody_removed(booted):
    a = booted.current()
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    booted.sync()
    b = booted.current()
    booted.break_release()
    (booted.deploy_to / "current").unlink()
    shutil.rmtree(booted.deploy_to / "releases" / b[0])
    booted.sync(5)
    assert booted.current() == a


def test_what_is_printed_is_what_serves(booted):
    a = booted.repository.head
    booted.configure(steps=[shell("bad", "echo reason; exit 3")])
    bad = booted.repository.commit({"b.txt": b"b\n"}, "B")
    result = booted.sync(5)
    assert f"{a[:12]} serves" in result.stdout.splitlines()[-1]
    assert f"{bad[:12]} serves" not in result.stdout


def test_both_failures_are_told(booted):
    """Taking back fails too: each with its own step's output, in the order of events."""
    script = 'echo "says $BOOTAGENT_RELEASE"; exit 3'
    first = booted.current()[0]
    booted.configure(steps=[shell("restart", script, when="after-publish")])
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    lines = booted.sync(1).stderr.splitlines()
    told = [line for line in lines if "says" in line or "step 'restart'" in line]
    assert len(told) == 4
    assert f"says {first}" not in told[0] and "exit status 3" in told[1]
    assert f"says {first}" in told[2] and "exit status 3" in told[3]


def test_evidence_comes_before_the_verdict(box):
    """An abandoned instance takes its logs along."""
    box.configure(steps=[shell("bad", "echo the reason; exit 3")])
    box.region.fault(kind="aws", action="CompleteLifecycleAction", fault="silent", count=1)
    process = box.start("boot")
    seen = process.stderr.readline() + process.stderr.readline()
    assert "| the reason" in seen and "step 'bad': exit status 3" in seen
    assert box.verdict_words() in ([], ["ABANDON"])
    assert box.region.instance(box.instance["instance_id"])["result"] is None
    process.terminate()
    box.finish(process, 4)


def test_a_name_that_is_taken_is_left_alone(booted):
    """Directories that we did not make are not ours to remove, whatever the clock says."""
    names = [f"202{n}0101000000" for n in range(3)]
    for name in names:
        place = booted.deploy_to / "releases" / name
        place.mkdir()
        (place / "precious").write_text("kept\n")
    own(booted.deploy_to / "releases")
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    booted.sync()
    booted.sync()
    assert all((booted.deploy_to / "releases" / name / "precious").exists() for name in names)


def test_leftovers_that_cannot_be_removed_block_nothing(booted):
    """A half-made release with a file that only root may remove."""
    booted.configure(steps=[shell("bad", "exit 1")])
    booted.repository.commit({"b.txt": b"b\n"}, "B")
    booted.sync(5)
    (half_made,) = [name for name, state in booted.releases().items() if state == "making"]
    locked = booted.deploy_to / "releases" / half_made / "locked"
    locked.mkdir()
    (locked / "file").touch()
    booted.configure(steps=[shell("count", COUNT)])
    booted.sync()
    booted.sync()
    assert booted.count() == 1
    assert booted.document()["serving"]["up_to_date"]


def test_damaged_records_fail_the_boot_with_a_verdict(box):
    box.boot()
    box.launch_from_image()
    (box.root / "var/lib/bootagent/releases.json").write_text("{")
    result = box.boot(1)
    assert "releases.json is damaged: move it away" in result.stderr
    assert box.verdict_words() == ["ABANDON"]
    assert json.loads(box.run("status", "--json").stdout)["serving"]["ready"] is False


def test_waiting_for_the_lock_costs_nothing_of_the_deadline(box):
    """A boot behind a long sync has its own whole budget."""
    box.configure(boot={"deadline": "10s"}, steps=[
        shell("stay", 'd=$BOOTAGENT_DEPLOY_TO/shared; test -e "$d/done" && exit 0; '
              'touch "$d/done"; sleep 4')], source={"timeout": "3s"})
    first = box.start("sync")
    wait_until(box.shared("done").exists, WITHIN_S)
    second = box.start("boot")
    box.finish(first, 0)
    box.finish(second, 0)
    assert box.verdict_words() == ["CONTINUE"]
