# SPDX-License-Identifier: MIT
"""The command line: what a person or a script sees of the agent, and cannot break by looking."""
import json
import os
import pwd
import re
import shutil
import subprocess
import time

import pytest

from box.box import PATH, build_directory
from conftest import IS_ROOT, STAY, WITHIN_S, build_copy, shell
from servers.process import wait_until

ANSWERS_WITHIN_S = 20
SHAPE = {
    "schema": None, "agent_version": None, "boot_id": None,
    "instance": {"id", "type", "image_id", "availability_zone", "region", "group"},
    "wanted_revision": None, "pinned": None,
    "serving": {"ready", "revision", "release", "since", "up_to_date", "reason"},
    "run": {"state", "run_id", "verb", "stage"},
    "draining": None,
    "last_run": {"run_id", "verb", "result", "cause", "exit_code", "error", "started_at",
                 "finished_at", "stages", "steps"},
    "lifecycle": {"group", "hook", "transition", "state", "verdict"},
    "times": {"pending_time", "kernel_start", "ready_at", "verdict_at"},
}
STAGE = {"name", "state", "duration_ms", "error"}
STEP = {"name", "state", "duration_ms", "exit_status", "signal", "cached", "key"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def bare(*arguments):
    """The program without --root and without a machine."""
    return subprocess.run([build_directory() / "bootagent", *arguments],
                          env={"PATH": PATH, "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False)


# Usage.

def test_help_names_every_verb_option_and_exit_status():
    result = bare("--help")
    assert (result.returncode, result.stderr) == (0, "")
    told = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for beginning in ("boot ", "sync ", "status ", "--config FILE ", "--root DIR ", "--json ",
                      "--verbose ", "--version ", "--help ", "0 ", "1 ", "2 ", "3 ", "4 ", "5 ",
                      "6 ", "75 "):
        assert [line for line in told if line.startswith(beginning)], beginning
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_wins_over_a_verb():
    assert bare("boot", "--help").stdout == bare("--help").stdout


def test_version(box):
    result = bare("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"bootagent \d+\.\d+\.\d+\n", result.stdout)
    assert result.stdout.split()[1] == box.document()["agent_version"]


@pytest.mark.parametrize("arguments, words", [
    ([], "a verb is missing"),
    (["start"], "unknown verb 'start'"),
    ([""], "unknown verb ''"),
    (["boot", "now"], "too many: 'now'"),
    (["--fast", "boot"], "unknown option '--fast'"),
    (["boot", "--fast"], "unknown option '--fast'"),
    (["boot", "--force"], "--force belongs to 'sync', not to 'boot'"),
    (["-x", "boot"], "unknown option '-x'"),
    (["-xy", "boot"], "unknown option '-xy'"),
    (["boot", "--root"], "a value is missing after '--root'"),
    (["boot", "--config"], "a value is missing after '--config'"),
    (["boot", "--json=yes"], "'--json=yes'"),
])
def test_wrong_usage_is_2_and_a_sentence(arguments, words):
    result = bare(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert words in line and line.endswith("see 'bootagent --help'")


@pytest.mark.parametrize("verb, code", [("status", 3), ("boot", 1), ("sync", 1)])
def test_a_root_that_is_not_there(tmp_path, verb, code):
    result = bare(verb, "--root", str(tmp_path / "none"))
    assert result.returncode == code and "No such file" in result.stderr


# status.

def assert_shaped(document):
    """Every key of the design, no other, and values of the right kind."""
    assert set(document) == set(SHAPE)
    for key, members in SHAPE.items():
        if members and document[key] is not None:
            assert set(document[key]) == members, key
    for key, value in document["times"].items():
        assert value is None or TIME.fullmatch(value), key
    for key in ("wanted_revision",):
        assert document[key] is None or re.fullmatch("[0-9a-f]{40}", document[key])
    assert document["schema"] == 1 and document["draining"] is False
    last = document["last_run"]
    if last is not None:
        assert all(set(stage) == STAGE for stage in last["stages"])
        assert all(set(step) == STEP for step in last["steps"])
        assert last["error"] is None or set(last["error"]) == {"stage", "code", "message"}


def never_run(box):
    return box


def unconfigured(box):
    box.write_config("{}")
    box.boot()


def booted_well(box):
    box.configure(steps=[shell("one", "true"), shell("two", "exit 1", when="after-ready")])
    box.boot()


def failed(box):
    box.configure(steps=[shell("one", "exit 1")])
    box.boot(1)


def wrongly_configured(box):
    box.write_config("{")
    box.boot(2)


def running(box):
    box.configure(steps=[shell("stay", STAY)])
    box.start("boot")
    box.wait_for_step()


def killed(box):
    running(box)
    box.started[0].kill()
    box.finish(box.started[0])


def interrupted(box):
    running(box)
    box.started[0].terminate()
    box.finish(box.started[0], 4)


def taken_back(box):
    box.boot()
    box.break_release()
    box.configure(readiness={"timeout": "300ms"})
    box.sync(5)


SITUATIONS = [never_run, unconfigured, booted_well, failed, wrongly_configured, running, killed,
              interrupted, taken_back]


@pytest.mark.parametrize("arrange", SITUATIONS)
def test_the_status_in_every_situation(box, arrange):
    """Every key for programs, and 80 columns for people: only foreign texts are longer."""
    arrange(box)
    result = box.run("status", "--json")
    (line,) = result.stdout.splitlines()
    document = json.loads(line)
    assert_shaped(document)
    ready = document["serving"]["ready"] is True
    assert result.returncode == (0 if ready else 3) and result.stderr == ""
    assert ready == (arrange in (booted_well, taken_back))
    assert_narrow(box.run("status").stdout, document)


def assert_narrow(text, document):
    foreign = {document["serving"]["reason"]}
    if document["last_run"] and document["last_run"]["error"]:
        foreign.add(document["last_run"]["error"]["message"])
    for line in text.splitlines():
        assert len(line) <= 80 or any(word and word in line for word in foreign), line


def test_status_without_a_run_knows_nothing(box):
    document, code = box.status()
    assert code == 3
    assert set(document["instance"].values()) == set(document["serving"].values()) == {None}
    assert document["run"] == {"state": "idle", "run_id": None, "verb": None, "stage": None}
    assert document["last_run"] is None and document["lifecycle"]["state"] == "none"
    assert "serving   no" in box.run("status").stdout


def test_status_changes_nothing(box):
    box.status()
    assert not (box.root / "run").exists() and not (box.root / "var").exists()
    assert box.region.calls() == []


def test_status_while_a_step_runs(box):
    running(box)
    document = box.document()
    run = document["run"]
    assert (run["state"], run["verb"], run["stage"]) == ("running", "boot", "steps")
    assert run["run_id"] and document["last_run"] is None
    assert "running   boot, stage steps" in box.run("status").stdout


def test_status_while_a_sync_runs_tells_what_serves(box):
    box.boot()
    box.repository.commit({"a.txt": b"second\n"}, "the second revision")
    box.configure(steps=[shell("stay", STAY)])
    box.start("sync")
    box.wait_for_step()
    document, code = box.status()
    assert (document["run"]["verb"], code) == ("sync", 0)
    assert document["last_run"]["verb"] == "boot"


def test_status_of_a_dead_writer(box):
    killed(box)
    document = box.document()
    assert document["run"]["state"] == "idle"
    assert (document["last_run"]["result"], document["last_run"]["finished_at"]) == \
        ("interrupted", None)
    assert "last run  boot: interrupted, end unknown" in box.run("status").stdout


def test_status_of_a_pid_that_is_somebody_elses_by_now(box):
    running(box)
    path = box.root / "run/bootagent/run.json"
    document = json.loads(path.read_text())
    document["writer"]["pid"] = os.getpid()
    path.write_text(json.dumps(document))
    assert box.last_run["result"] == "interrupted"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot_id": "another"}'])
def test_a_damaged_or_old_run_file_is_no_run(box, text):
    box.boot()
    (box.root / "run/bootagent/run.json").write_text(text)
    document, code = box.status()
    assert_shaped(document)
    assert code == 3 and document["last_run"] is None


def test_status_for_people_tells_what_serves_and_what_the_hook_got(box):
    box.boot()
    text = box.run("status").stdout
    assert f"serving   yes, {box.repository.head[:12]} (release {box.current()[0]})" in text
    assert "that is what serves" in text and "last run  boot: done" in text
    assert "hook      launch of web: CONTINUE, delivered" in text


def test_status_tells_why_what_serves_is_old(box):
    taken_back(box)
    text = box.run("status").stdout
    assert "not what serves" in text and box.document()["serving"]["reason"] in text


def test_status_while_git_is_down(booted):
    """Whether there is something newer nobody knows; what serves is no other one than wanted."""
    booted.set_git_fault({"status": 503})
    booted.sync(5)
    text = booted.run("status").stdout
    assert f"wanted    {booted.repository.head[:12]}, as last known; that serves" in text
    assert booted.document()["serving"]["up_to_date"] is False


def test_anybody_may_ask_for_the_status(box):
    box.boot()
    if IS_ROOT:
        box.build = build_copy(box.directory / "build")
        entry = pwd.getpwnam("nobody")
        result = box.run("status", "--json", user=entry.pw_uid, group=entry.pw_gid,
                         extra_groups=[])
    else:
        result = box.run("status", "--json")
    assert result.returncode == 0 and json.loads(result.stdout) == box.document()


# What a run prints.

def test_json_output_is_one_object_a_line(box):
    box.configure(steps=[shell("one", "echo noise")])
    result = box.run("boot", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(set(line) == {"stage", "state", "duration_ms", "detail"} for line in lines[:-1])
    assert [line["stage"] for line in lines[:4]] == ["metadata", "config", "hook", "setup"]
    assert set(lines[-1]) == {"verb", "result", "duration_ms", "detail"}
    assert (lines[-1]["verb"], lines[-1]["result"]) == ("boot", "done")


def test_json_output_of_a_failure_says_why(box):
    box.set_git_fault({"status": 503})
    result = box.run("boot", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["state"] for line in lines if line.get("stage") == "source"] == ["failed"]
    assert lines[-1]["result"] == "failed" and result.returncode == 1


def test_json_output_of_a_boot_that_was_done_before(box):
    box.boot()
    (line,) = box.run("boot", "--json").stdout.splitlines()
    assert json.loads(line)["result"] == "done"


def test_output_is_plain_where_there_is_no_terminal(box):
    assert "\033" not in box.boot().stdout


def test_nothing_secret_is_told(box):
    result = box.run("boot", "--verbose")
    text = result.stdout + result.stderr + json.dumps(box.document())
    for call in box.region.calls():
        for name, value in call["headers"]:
            if "token" in name.lower() and not value.isdigit():
                assert value not in text


@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_a_closed_output_changes_nothing(box, closed):
    """And nothing of ours is written to what is opened in its place."""
    redirections = " ".join(f"{fd}>&-" for fd in closed.split())
    process = box.start("boot", wrapper=["sh", "-c", f'exec "$@" {redirections}', "sh"])
    box.finish(process, 0)
    assert box.current()[1] == box.repository.head
    assert (box.root / "run/bootagent/lock").read_bytes() == b""
    assert box.verdict_words() == ["CONTINUE"]
    assert_shaped(box.document())


def test_a_reader_that_went_away_changes_nothing(box):
    reader, writer = os.pipe()
    process = box.start("boot", stdout=writer, stderr=writer)
    os.close(writer)
    os.close(reader)
    assert process.wait(WITHIN_S) == 0
    assert box.current()[1] == box.repository.head


def test_head_1_changes_nothing(box):
    result = subprocess.run(["sh", "-c", '"$@" | head -1', "sh", *box.command("boot")],
                            env=box.environment(), capture_output=True, text=True,
                            timeout=WITHIN_S, check=True)
    assert result.stdout.split()[:2] == ["metadata", "done"]
    wait_until(lambda: (box.last_run or {}).get("result") == "done", WITHIN_S)


def test_a_full_pipe_holds_up_nothing(box):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65536)
    os.set_blocking(writer, True)
    process = box.start("boot", stdout=writer, stderr=writer)
    os.close(writer)
    try:
        assert process.wait(WITHIN_S) == 0
    finally:
        os.close(reader)
    assert box.current()[1] == box.repository.head


def test_a_terminal_gets_live_lines(box):
    leader, follower = os.openpty()
    process = box.start("boot", stdout=follower)
    os.close(follower)
    text = b""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            text += os.read(leader, 4096)
        except OSError:
            break
    os.close(leader)
    box.finish(process, 0)
    assert b"\r\033[K" in text
    visible = [line.rpartition("\033[K")[2] for line in text.decode().split("\n")]
    assert any(line.startswith("boot: done in ") for line in visible)


# Not as root.

def test_a_user_can_run_it_below_a_root_of_its_own(box):
    """Everything belongs to that user then: it fetches, deploys and supervises."""
    options = {}
    if IS_ROOT:
        entry = pwd.getpwnam("nobody")
        box.build = build_copy(box.directory / "build")
        for path in [box.root, *box.root.rglob("*")]:
            os.chown(path, entry.pw_uid, entry.pw_gid)
        options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    for verb, code in (("boot", 0), ("status", 0), ("sync", 0)):
        result = box.run(verb, **options)
        assert result.returncode == code, result.stdout + result.stderr
    owners = {path.lstat().st_uid for path in box.root.rglob("*")}
    assert owners == {options.get("user", os.getuid())}
    assert box.verdict_words() == ["CONTINUE"]


def test_a_user_without_rights_is_told(box):
    box.boot()
    shutil.rmtree(box.root / "run")
    options = {}
    if IS_ROOT:
        entry = pwd.getpwnam("nobody")
        box.build = build_copy(box.directory / "build")
        options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    box.root.chmod(0o555)
    result = box.run("sync", **options)
    box.root.chmod(0o755)
    assert result.returncode == 1 and "are you root?" in result.stderr


def test_the_application_cannot_write_where_root_keeps_its_state(box):
    places = "var/lib/bootagent run/bootagent var/cache/bootagent etc/bootagent"
    box.configure(steps=[shell("try", f"""cd "$BOOTAGENT_DEPLOY_TO/../.." || exit 9
        for place in {places}; do touch "$place/x" && exit 1; done; exit 0""")])
    box.boot(0 if IS_ROOT else 1)
