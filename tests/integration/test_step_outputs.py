# SPDX-License-Identifier: MIT
"""What a step makes is made once for the same inputs: miss, hit, and all that may go wrong."""
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from box.box import APPLICATION_USER
from conftest import COUNT, IS_ROOT, WITHIN_S, compile_c, owner, shell
from servers.process import wait_until

OUTPUT = "vendor/bundle"
LOCK = "Gemfile.lock"
# Makes of its lock what it is told to, and says that it ran.
INSTALL = f"{COUNT}; cat {LOCK} >{OUTPUT}/installed; cat {OUTPUT}/installed"
FILES = {LOCK: b"one\n", "a.txt": b"first\n"}


def install(script=INSTALL, **keys):
    return shell("bundle", script, inputs=[LOCK], outputs=[OUTPUT], **keys)


def depot(box):
    return box.deploy_to / "shared/.bootagent/outputs"


def entries(box):
    return sorted(path.name for path in depot(box).iterdir()) if depot(box).exists() else []


def installed(box):
    return (box.deploy_to / "current" / OUTPUT / "installed").read_text()


def step(box, index=0):
    return box.last_run["steps"][index]


def deploy(box, code=0, **files):
    """A new revision, brought into service; what the run said."""
    box.repository.commit({"a.txt": f"after {box.repository.head}\n".encode(), **files}, "new")
    return box.sync(code)


def lock(text):
    return {LOCK: text.encode()}


@pytest.fixture
def made(make_box):
    """A machine whose first boot ran the step."""
    box = make_box(files=FILES)
    box.configure(steps=[install()])
    box.boot()
    box.region.clear_calls()
    return box


def test_a_miss_then_a_hit(made):
    first = step(made)
    assert (first["cached"], first["exit_status"]) == (False, 0)
    assert len(first["key"]) == 64 and entries(made) == [first["key"]]
    result = deploy(made)
    second = step(made)
    assert (second["cached"], second["exit_status"], second["signal"]) == (True, None, None)
    assert second["key"] == first["key"] and second["state"] == "done"
    assert "1 step, 1 as before" in result.stdout
    assert made.count() == 1 and installed(made) == "one\n"
    link = made.deploy_to / "current" / OUTPUT
    assert os.readlink(link) == f"../../../shared/.bootagent/outputs/{first['key']}/{OUTPUT}"


def test_another_input_and_back(made):
    key = step(made)["key"]
    deploy(made, **lock("two\n"))
    assert step(made)["cached"] is False and installed(made) == "two\n"
    assert made.count() == 2 and len(entries(made)) == 2
    deploy(made, **lock("one\n"))
    assert step(made)["cached"] is True and step(made)["key"] == key
    assert made.count() == 2 and installed(made) == "one\n"


def test_a_step_without_outputs_has_no_key(booted):
    booted.configure(steps=[shell("count", COUNT)])
    deploy(booted)
    assert (step(booted)["cached"], step(booted)["key"]) == (None, None)


def test_another_command_or_environment(made):
    keys = [step(made)["key"]]
    for change in ({"steps": [install(INSTALL + "; true")]},
                   {"application": {"environment": {"RAILS_ENV": "production"}}},
                   {"application": {"environment": {"RAILS_ENV": "test"}}}):
        made.configure(**change)
        deploy(made)
        assert step(made)["cached"] is False
        keys.append(step(made)["key"])
    assert len(set(keys)) == 4 and made.count() == 4


def test_side_by_side(made):
    assets = shell("assets", f"{COUNT}; cat {LOCK} >public/assets/made", inputs=[LOCK],
                   outputs=["public/assets"], parallel=True)
    made.configure(steps=[install(parallel=True), assets])
    deploy(made)
    assert [step(made, i)["cached"] for i in (0, 1)] == [True, False]
    result = deploy(made)
    assert "2 steps, 2 as before" in result.stdout and made.count() == 2
    assert (made.deploy_to / "current/public/assets/made").read_text() == "one\n"


def test_side_by_side_what_ended_well_is_kept(made):
    """Though another failed later."""
    made.configure(steps=[install(parallel=True), shell("bad", "sleep 1; exit 3", parallel=True)])
    result = deploy(made, 5, **lock("two\n"))
    assert "step 'bad': exit status 3" in result.stderr
    assert [step(made, i)["state"] for i in (0, 1)] == ["done", "failed"]
    made.configure(steps=[install()])
    deploy(made)
    assert step(made)["cached"] is True and installed(made) == "two\n"


def test_side_by_side_and_one_has_no_input(made):
    """The other one, whose outputs were made room for, never ran: nothing of it is kept."""
    lost = shell("lost", "true", inputs=["none"], outputs=["lost"], parallel=True)
    made.configure(steps=[install(parallel=True), lost])
    result = deploy(made, 5, **lock("two\n"))
    assert "step 'lost'" in result.stderr and "none" in result.stderr
    assert [step(made, i)["state"] for i in (0, 1)] == ["interrupted", "failed"]
    assert len(entries(made)) == 1 and made.count() == 1


def test_what_a_step_writes_elsewhere_is_for_its_release_alone(made):
    """As the manual warns: .bundle/config, say."""
    made.configure(steps=[install(f"{INSTALL}; mkdir .bundle; echo x >.bundle/config")])
    for has_run in (True, False):
        deploy(made)
        assert step(made)["cached"] is not has_run
        assert (made.deploy_to / "current/.bundle/config").exists() is has_run


def test_a_rollback_has_its_files(made):
    first = made.current()[0]
    deploy(made, **lock("two\n"))
    assert made.run("rollback", first).returncode == 0
    assert installed(made) == "one\n" and made.count() == 2


# What fails leaves nothing.

def test_a_failing_step(made):
    made.configure(steps=[install(INSTALL + "; exit 3")])
    result = deploy(made, 5)
    assert "step 'bundle': exit status 3" in result.stderr
    assert (step(made)["state"], step(made)["cached"]) == ("failed", False)
    assert len(entries(made)) == 1
    made.configure(steps=[install()])
    deploy(made)
    assert step(made)["cached"] is True


def test_a_step_that_runs_out_of_time(made):
    made.configure(steps=[install(f"echo x >{OUTPUT}/half; exec sleep 300", timeout="1s")])
    result = deploy(made, 5)
    assert "step 'bundle': not done within its timeout" in result.stderr
    assert len(entries(made)) == 1


def kill_at_step(box):
    box.repository.commit({"a.txt": b"killed\n"}, "new")
    process = box.start("sync")
    running = box.wait_for_step()
    box.watch(process.pid).kill()
    box.finish(process)
    assert running.has_ended(WITHIN_S)


STAY = ('echo half >vendor/bundle/installed; test -e "$BOOTAGENT_DEPLOY_TO/shared/pass" && exit 0; '
        'echo $$ >"$BOOTAGENT_DEPLOY_TO/shared/pid.new"; '
        'mv "$BOOTAGENT_DEPLOY_TO/shared/pid.new" "$BOOTAGENT_DEPLOY_TO/shared/pid"; '
        'exec sleep 300')


def test_a_run_that_is_killed(made):
    kept = entries(made)
    made.configure(steps=[install(STAY)])
    kill_at_step(made)
    left = [name for name in entries(made) if name not in kept]
    assert len(left) == 1 and left[0].startswith("tmp.")
    made.let_pass()
    made.sync()
    assert step(made)["cached"] is False and installed(made) == "half\n"
    assert sorted(entries(made)) == sorted([*kept, step(made)["key"]])


def test_an_interrupted_run(made):
    kept = entries(made)
    made.configure(steps=[install(STAY)])
    made.repository.commit({"a.txt": b"interrupted\n"}, "new")
    process = made.start("sync")
    made.wait_for_step()
    process.terminate()
    made.finish(process, 4)
    made.let_pass()
    made.sync()
    assert sorted(entries(made)) == sorted([*kept, step(made)["key"]])


# key_command.

# Says what is in the file `version` in the directory above its own.
RUBY_LIKE = """#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    char text[64];
    ssize_t length;

    if (chdir(dirname(realpath("/proc/self/exe", NULL))) < 0)
        return 1;
    length = read(open("../version", O_RDONLY), text, sizeof(text));
    return write(1, text, length) != length;
}
"""


def tool(box, name="ruby-like", text=None):
    """A directory of the application's with a program, RUBY_LIKE or a script."""
    directory = box.shared("bin")
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.unlink(missing_ok=True)
    if text is None:
        compile_c(RUBY_LIKE, path)
    else:
        path.write_text(text)
        path.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin"}


def says(box, text):
    box.shared("version").write_text(text)


def configure_tool(box, environment):
    box.configure(application={"environment": environment}, steps=[install(
        key_command=["ruby-like", "-v"])])


def known(box):
    return box.state("key-commands.json")


def test_a_program_is_asked_once(made):
    environment = tool(made)
    says(made, "3.1")
    configure_tool(made, environment)
    deploy(made)
    (answer,) = known(made)["answers"]
    assert answer["known"]["answer"] == "3.1"
    assert (made.root / "var/lib/bootagent/key-commands.json").stat().st_mode & 0o777 == 0o600
    key = step(made)["key"]
    says(made, "never asked again")
    deploy(made)
    assert step(made)["cached"] is True and step(made)["key"] == key


def test_a_program_that_was_updated_is_asked(made):
    environment = tool(made)
    says(made, "3.1")
    configure_tool(made, environment)
    deploy(made)
    key = step(made)["key"]
    says(made, "3.2")
    tool(made)
    deploy(made)
    assert step(made)["cached"] is False and step(made)["key"] != key
    says(made, "3.1")
    tool(made)
    deploy(made)
    assert step(made)["cached"] is True and step(made)["key"] == key
    assert len(known(made)["answers"]) == 1


def test_a_script_is_asked_each_time(made):
    """As the shims of rbenv are: the same file says something else."""
    environment = tool(made, text='#!/bin/sh\ncd "$BOOTAGENT_DEPLOY_TO/shared"\n'
                       'echo asked >>asked\ncat version\n')
    says(made, "3.1")
    configure_tool(made, environment)
    deploy(made)
    key = step(made)["key"]
    deploy(made)
    assert step(made)["cached"] is True
    says(made, "3.2")
    deploy(made)
    assert step(made)["cached"] is False and step(made)["key"] != key
    assert len(made.shared("asked").read_text().splitlines()) == 3
    assert known(made) is None


@pytest.mark.parametrize("command", [["env", "ruby-like", "-v"], ["bash", "-c", "ruby-like -v"]])
def test_what_starts_another_program_is_asked_each_time(made, command):
    """It stays the same file whatever becomes of that one."""
    says(made, "3.1")
    made.configure(application={"environment": tool(made)}, steps=[install(key_command=command)])
    deploy(made)
    key = step(made)["key"]
    says(made, "3.2")
    deploy(made)
    assert step(made)["cached"] is False and step(made)["key"] != key
    assert known(made) is None


def test_a_key_command_that_fails(made):
    made.configure(steps=[install(key_command=["sh", "-c", "echo no such ruby; exit 7"])])
    result = deploy(made, 5)
    assert "step 'bundle': key_command 'sh': exit status 7" in result.stderr
    assert "no such ruby" in result.stderr
    assert made.count() == 1 and step(made)["key"] is None


def test_a_key_command_that_is_not_there(made):
    made.configure(steps=[install(key_command=["no-such-tool"])])
    result = deploy(made, 5)
    assert "key_command 'no-such-tool': start 'no-such-tool'" in result.stderr


def test_a_key_command_that_hangs(made):
    made.configure(steps=[install(key_command=["sleep", "300"], timeout="1s")])
    result = deploy(made, 5)
    assert "key_command 'sleep': not done within its timeout" in result.stderr


def test_a_key_command_that_says_much(made):
    made.configure(steps=[install(key_command=["seq", "100000"])])
    deploy(made)
    key = step(made)["key"]
    deploy(made)
    assert step(made)["cached"] is True and step(made)["key"] == key


def test_a_damaged_memory_is_none(made):
    configure_tool(made, tool(made))
    says(made, "3.1")
    (made.root / "var/lib/bootagent/key-commands.json").write_text("{")
    deploy(made)
    assert known(made)["answers"][0]["known"]["answer"] == "3.1"


# What a commit or a step must not do.

def test_an_input_that_is_not_there(made):
    made.configure(steps=[shell("bundle", "true", inputs=["Gemfile.lok"], outputs=[OUTPUT])])
    result = deploy(made, 5)
    assert ("step 'bundle': the input 'Gemfile.lok' is not in the release: correct 'inputs'"
            in result.stderr)
    assert installed(made) == "one\n"


def test_an_output_that_is_in_the_commit(made):
    result = deploy(made, 5, **{f"{OUTPUT}/README": b"mine\n"})
    assert f"step 'bundle': the output '{OUTPUT}' is in the release already" in result.stderr


def test_an_output_that_an_earlier_step_made(made):
    made.configure(steps=[shell("early", f"mkdir -p {OUTPUT}"), install()])
    result = deploy(made, 5)
    assert f"the output '{OUTPUT}' is in the release already" in result.stderr


def test_a_step_that_replaces_its_output(made):
    made.configure(steps=[install(f"rm -rf {OUTPUT}; mkdir {OUTPUT}; {INSTALL}")])
    for count in (2, 3):
        result = deploy(made)
        assert "step 'bundle' put something else in the place of an output" in result.stderr
        assert made.count() == count and installed(made) == "one\n"
        assert not (made.deploy_to / "current" / OUTPUT).is_symlink()
        assert step(made)["cached"] is False and step(made)["key"] not in entries(made)


def test_a_step_that_changes_its_input(made):
    made.configure(steps=[install(f"{INSTALL}; echo more >>{LOCK}")])
    for count in (2, 3):
        result = deploy(made)
        assert "step 'bundle' changed one of its inputs" in result.stderr
        assert made.count() == count and installed(made) == "one\n"
        assert step(made)["key"] not in entries(made)


def test_a_step_that_deletes_its_release(made):
    made.configure(steps=[install('rm -rf "$PWD"; exit 1')])
    deploy(made, 5)
    assert len(entries(made)) == 1 and installed(made) == "one\n"


def test_a_step_whose_input_is_what_another_made(made):
    made.configure(steps=[install(), shell(
        "assets", f"{COUNT}; cp {OUTPUT}/installed public/packs/", inputs=[OUTPUT],
        outputs=["public/packs"])])
    deploy(made)
    assert [item["cached"] for item in made.last_run["steps"]] == [True, False]
    deploy(made)
    assert [item["cached"] for item in made.last_run["steps"]] == [True, True]
    deploy(made, **lock("two\n"))
    assert [item["cached"] for item in made.last_run["steps"]] == [False, False]
    assert (made.deploy_to / "current/public/packs/installed").read_text() == "two\n"


def test_an_input_that_releases_share(made):
    made.shared("settings").write_text("1\n")
    made.configure(release={"linked_files": [{"path": "settings"}]},
                   steps=[shell("bundle", INSTALL, inputs=[LOCK, "settings"],
                                outputs=[OUTPUT])])
    deploy(made)
    deploy(made)
    assert step(made)["cached"] is True
    made.shared("settings").write_text("2\n")
    deploy(made)
    assert step(made)["cached"] is False


def test_what_a_person_spoiled_is_made_anew(made):
    shutil.rmtree(depot(made) / entries(made)[0] / OUTPUT)
    deploy(made)
    assert step(made)["cached"] is False and made.count() == 2
    assert entries(made) == [step(made)["key"]] and installed(made) == "one\n"


def test_no_secret_is_in_the_key(make_box):
    box = make_box(files=FILES)
    box.region.put_parameter("/hello/env/TOKEN", "first secret")
    box.configure(application={"environment_parameters": "/hello/env/"}, steps=[
        install(f'{INSTALL}; test "$TOKEN"', key_command=["printenv", "TOKEN"])])
    box.boot()
    key = step(box)["key"]
    box.region.put_parameter("/hello/env/TOKEN", "second secret")
    deploy(box)
    assert step(box)["cached"] is True and step(box)["key"] == key
    for path in (box.root / "var/lib/bootagent").iterdir():
        assert b"first secret" not in path.read_bytes(), path
    note = depot(box) / key / ".bootagent"
    assert "secret" not in note.read_text()


# Prune.

def test_outputs_that_nobody_needs_go(made):
    first = step(made)["key"]
    made.configure(release={"keep_releases": 2}, outputs={"max_size": "0"})
    keys = [first]
    for text in ("two\n", "three\n", "four\n"):
        deploy(made, **lock(text))
        keys.append(step(made)["key"])
    assert len(made.release_directories()) == 2
    assert entries(made) == sorted(keys[-2:])
    assert "what 1 step made" in deploy(made, **lock("five\n")).stdout


def test_outputs_stay_for_a_while(made):
    first = step(made)["key"]
    made.configure(release={"keep_releases": 2})
    for text in ("two\n", "three\n", "four\n"):
        deploy(made, **lock(text))
    assert first in entries(made)
    old = time.time() - 31 * 24 * 3600
    os.utime(depot(made) / first, (old, old))
    deploy(made)
    assert first not in entries(made) and len(entries(made)) == 3


def test_what_a_kept_release_needs_stays(made):
    made.configure(outputs={"max_size": "0", "max_age": "1s"})
    first = made.current()[0]
    keys = [step(made)["key"]]
    for text in ("two\n", "three\n"):
        deploy(made, **lock(text))
        keys.append(step(made)["key"])
    for key in keys:
        os.utime(depot(made) / key, (1, 1))
    deploy(made)
    assert entries(made) == sorted(keys)
    assert made.run("rollback", first).returncode == 0
    assert installed(made) == "one\n"


def test_a_sync_after_prune(made):
    made.configure(release={"keep_releases": 2}, outputs={"max_size": "0"})
    for text in ("two\n", "three\n", "one\n"):
        deploy(made, **lock(text))
    assert step(made)["cached"] is False and installed(made) == "one\n"


# The application's user.

def swap_for_link(box, name):
    """What the user may do to his own directories."""
    outside = box.directory / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious\n")
    if IS_ROOT:
        user = owner(APPLICATION_USER)
        os.chown(outside, user.pw_uid, user.pw_gid)
    victim = box.shared(name)
    shutil.move(victim, f"{victim}.aside")
    victim.symlink_to(outside)
    return outside


@pytest.mark.parametrize("name", [".bootagent/outputs", ".bootagent"])
def test_a_depot_that_leads_elsewhere(made, name):
    outside = swap_for_link(made, name)
    result = deploy(made, 5)
    assert "is not a directory itself: move it away" in result.stderr
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_an_entry_that_leads_elsewhere(made):
    key = step(made)["key"]
    outside = swap_for_link(made, f".bootagent/outputs/{key}")
    deploy(made)
    assert step(made)["cached"] is False and installed(made) == "one\n"
    assert [path.name for path in outside.iterdir()] == ["precious"]


if IS_ROOT:
    def test_all_is_the_users_own(made):
        user = owner(APPLICATION_USER)
        for path in [depot(made), *depot(made).rglob("*")]:
            assert path.lstat().st_uid == user.pw_uid, path
