# SPDX-License-Identifier: MIT
"""`bootagent boot`: from launch to the hook's verdict, and all that can come between."""
import json
import os
import socket
import stat

import pytest

from box.box import APPLICATION_USER, NAME, SOURCE_USER
from conftest import COUNT, IS_ROOT, STAY, WITHIN_S, Machine, is_at_lock, owner, shell
from servers.process import wait_until

IDENTITY = "/latest/dynamic/instance-identity/document"
TOKEN = "/latest/api/token"
CREDENTIALS = "/latest/meta-data/iam/security-credentials/*"
DESCRIBE, COMPLETE = "DescribeAutoScalingInstances", "CompleteLifecycleAction"
NOT_OPEN = {"fault": "error", "code": "ValidationError", "status": 400,
            "message": "No active Lifecycle Action found with instance ID i-1"}
# Some rows take a minute and more.
IS_LONG = bool(os.environ.get("BOOTAGENT_TESTS_LONG"))


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def fail_verdict(box, **fault):
    """The next call that completes the hook is answered so."""
    box.region.fault(kind="aws", action=COMPLETE, **{"count": 1, **fault})


def fail_imds(box, path, **fault):
    box.region.fault(kind="imds", path=path, **{"count": 1, **fault})


def assert_continued(box):
    assert box.verdict_words() == ["CONTINUE"]
    box.region.wait_for_state(box.instance["instance_id"], "InService")


# The first boot, looked at from all sides.

@pytest.fixture(scope="module")
def first(shared_region):
    """A machine after its first boot, not to be changed; `result` and `calls` of that boot."""
    with Machine(region=shared_region) as machine:
        machine.result = machine.boot()
        machine.seen = shared_region.calls()
        machine.instance = shared_region.instance(machine.instance["instance_id"])
        shared_region.clear_calls()
        yield machine


def test_first_boot_tells_every_stage_and_the_end(first):
    lines = first.result.stdout.splitlines()
    told = [line.split()[0] for line in lines[:-1]]
    assert told[:4] == ["metadata", "config", "hook", "setup"]
    assert told[-3:] == ["ready", "record", "verdict"]
    assert lines[-1].startswith("boot: done in ")
    assert lines[-1].endswith(f": {first.repository.head[:12]} serves")
    assert first.result.stderr == ""


def test_first_boot_makes_the_head_current(first):
    (release,) = first.release_directories()
    assert first.current() == (release, first.repository.head)
    assert os.readlink(first.deploy_to / "current") == f"releases/{release}"
    assert (first.deploy_to / "current/a.txt").read_bytes() == b"first\n"


def test_first_boot_records_the_release_as_good_here_and_now(first):
    (record,) = first.state("releases.json")["releases"]
    assert record == {"release": first.current()[0], "revision": first.repository.head,
                      "state": "good", "instance_id": first.instance["instance_id"],
                      "boot_id": boot_id()}


def test_first_boot_opens_the_gate(first):
    assert first.gate() == {"boot_id": boot_id(), "revision": first.repository.head}


def test_first_boot_writes_one_line_for_people(first):
    release, revision = first.current()
    assert first.revisions_log() == [
        f"Branch main (at {revision}) deployed as release {release} by bootagent"]


def test_first_boot_completes_the_hook_once_signed(first):
    (call,) = [call for call in first.seen if call.get("action") == COMPLETE]
    assert (call["status"], call["signature"]) == (200, "ok")
    assert call["parameters"] == {
        "AutoScalingGroupName": "web", "LifecycleHookName": "launch",
        "InstanceId": first.instance["instance_id"], "LifecycleActionResult": "CONTINUE"}
    assert first.instance["state"] == "InService"


def test_first_boot_needs_two_aws_calls(first):
    actions = [call["action"] for call in first.seen if call["kind"] == "aws"]
    assert actions == [DESCRIBE, COMPLETE]


def test_first_boot_asks_metadata_by_version_2_only(first):
    asked = [call for call in first.seen if call["kind"] == "imds"]
    tokens = [call for call in asked if call["path"] == TOKEN]
    assert [call["method"] for call in tokens] == ["PUT"]
    for call in asked:
        names = [name.lower() for name, _ in call["headers"]]
        wanted = "x-aws-ec2-metadata-token" + ("-ttl-seconds" if call in tokens else "")
        # this instance has no user data
        status = 404 if call["path"] == "/latest/user-data" else 200
        assert names.count(wanted) == 1 and call["status"] == status, call


def test_first_boot_asks_each_metadata_value_once(first):
    paths = [call["path"] for call in first.seen if call["kind"] == "imds"]
    assert len(paths) == len(set(paths))


def mode_of(path):
    status = path.lstat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def test_the_mirror_is_the_fetchers_and_readable_for_the_application(first):
    application, fetcher = owner(APPLICATION_USER), owner(SOURCE_USER)
    mirror = first.root / f"var/cache/bootagent/{NAME}.git"
    assert mode_of(mirror) == (fetcher.pw_uid, application.pw_gid, 0o2750)
    assert {path.lstat().st_uid for path in mirror.rglob("*")} == {fetcher.pw_uid}
    assert {path.lstat().st_gid for path in mirror.rglob("*")} == {application.pw_gid}
    assert not [path for path in mirror.rglob("*") if path.lstat().st_mode & 0o027]


def test_everything_in_deploy_to_is_the_applications(first):
    application = owner(APPLICATION_USER)
    paths = [first.deploy_to, *first.deploy_to.rglob("*")]
    assert {path.lstat().st_uid for path in paths} == {application.pw_uid}
    assert {path.lstat().st_gid for path in paths} == {application.pw_gid}
    assert mode_of(first.deploy_to)[2] == 0o755


def test_what_root_keeps_is_roots(first):
    paths = [first.root / "run/bootagent", first.root / "var/lib/bootagent",
             first.root / "var/cache/bootagent"]
    for path in [*paths, *paths[0].iterdir(), *paths[1].iterdir()]:
        assert mode_of(path)[0] == os.geteuid() and not mode_of(path)[2] & 0o022, path


def test_first_boot_says_in_the_status_what_it_did(first):
    document, code = first.status()
    last = document["last_run"]
    assert code == 0
    assert (last["verb"], last["result"], last["cause"], last["exit_code"], last["error"]) == \
        ("boot", "done", None, 0, None)
    assert document["wanted_revision"] == document["serving"]["revision"] == first.repository.head
    assert document["lifecycle"] == {"group": "web", "hook": "launch", "transition": "InService",
                                     "state": "delivered", "verdict": "CONTINUE"}
    assert document["instance"]["id"] == first.instance["instance_id"]
    assert document["times"]["ready_at"] <= document["times"]["verdict_at"]


# Booting again.

def assert_returns_at_once(box, code=0):
    requests = box.git_requests()
    box.region.clear_calls()
    box.boot(code)
    assert box.region.calls() == [] and box.git_requests() == requests


def test_a_second_boot_returns_at_once_without_contacting_anything(booted):
    assert_returns_at_once(booted)
    assert booted.last_run["result"] == "done"


def test_a_second_boot_after_a_sync_returns_at_once(booted):
    booted.sync()
    assert_returns_at_once(booted)


def test_a_second_boot_runs_again_after_a_failure(box):
    box.set_git_fault({"status": 503})
    box.boot(1)
    box.set_git_fault()
    assert box.boot().stdout.splitlines()[-1].startswith("boot: done in ")


def test_boot_after_a_reboot_is_nothing_to_do(booted):
    booted.reboot()
    booted.boot()
    assert booted.last_run["result"] == "nothing-to-do"
    assert booted.gate()["revision"] == booted.repository.head
    assert booted.verdicts() == []


def test_boot_after_a_reboot_starts_the_application_again(box):
    box.configure(steps=[shell("restart", COUNT, when="after-publish")])
    box.boot()
    box.reboot()
    box.boot()
    assert box.count() == 2


def test_a_gate_of_another_boot_is_void(booted):
    gate = booted.root / "run/bootagent/synced"
    gate.write_text(json.dumps({**booted.gate(), "boot_id": "0" * 36}))
    booted.set_git_fault({"status": 503})
    booted.application_stops()
    booted.sync(5)
    assert booted.gate() is None


def test_a_boot_that_finds_another_one_waits_and_does_not_do_it_twice(box):
    box.configure(steps=[shell("stay", STAY, when="after-ready"), shell("count", COUNT)])
    one = box.start("boot")
    step = box.wait_for_step()
    requests = box.git_requests()
    two = box.start("boot")
    wait_until(lambda: is_at_lock(two.pid), WITHIN_S)
    step.kill()
    box.finish(one, 0)
    two = box.finish(two, 0)
    assert "by an earlier run of this boot" in two.stdout_text and two.stderr_text == ""
    assert (box.count(), box.git_requests()) == (1, requests)
    assert_continued(box)


# Without a group, a hook, a configuration.

def test_a_boot_that_waited_for_a_failing_one_says_what_that_said(box):
    """One failure, one verdict: nothing is tried again behind a boot's back."""
    box.configure(steps=[shell("count", COUNT), shell("stay", STAY), shell("fail", "exit 7")])
    one = box.start("boot")
    step = box.wait_for_step()
    two = box.start("boot")
    wait_until(lambda: is_at_lock(two.pid), WITHIN_S)
    box.let_pass()
    step.kill()
    box.finish(one, 1)
    box.finish(two, 1)
    assert "by an earlier run of this boot" in two.stdout_text
    assert box.count() == 1
    assert box.verdict_words() == ["ABANDON"]


def test_a_boot_that_waited_for_a_killed_one_does_the_work(box):
    box.configure(steps=[shell("stay", STAY)])
    one = box.start("boot")
    box.wait_for_step()
    two = box.start("boot")
    wait_until(lambda: is_at_lock(two.pid), WITHIN_S)
    box.let_pass()
    one.kill()
    box.finish(two, 0)
    assert box.verdict_words() == ["CONTINUE"]


def test_boot_in_no_group(make_box):
    box = make_box(group=None, age_seconds=60)
    box.boot()
    assert box.last_run["result"] == "done"
    assert box.aws_actions() == []
    assert box.document()["lifecycle"]["state"] == "none"


def test_boot_in_no_group_asks_for_no_credentials(make_box):
    box = make_box(group=None, age_seconds=60, role=None)
    box.boot()
    assert not [call for call in box.region.calls() if "security-credentials" in call["path"]]


def test_boot_without_a_configured_hook_leaves_the_hook_alone(box):
    del box.config["lifecycle"]
    box.write_config()
    box.boot()
    assert box.aws_actions() == []
    assert box.region.instance(box.instance["instance_id"])["state"] == "Pending:Wait"


@pytest.mark.parametrize("text", [None, "{}", '{"readiness": {"url": "http://127.0.0.1/"}}'],
                         ids=["no file", "empty", "neither application nor source"])
def test_unconfigured_is_no_failure_and_leaves_the_hook_alone(box, text):
    if text is None:
        (box.root / "etc/bootagent/bootagent.json").unlink()
    else:
        box.write_config(text)
    result = box.boot()
    assert "unconfigured" in result.stdout.splitlines()[-1]
    document, code = box.status()
    assert (document["last_run"]["result"], code) == ("unconfigured", 3)
    assert document["serving"]["ready"] is False and box.gate() is None
    assert box.aws_actions() == []
    assert box.region.instance(box.instance["instance_id"])["state"] == "Pending:Wait"


def test_boot_runs_once_it_is_configured(box):
    box.write_config("{}")
    box.boot()
    box.write_config()
    box.boot()
    assert box.last_run["result"] == "done"
    assert_continued(box)


# A wrong configuration.

def merged(**sections):
    """The default configuration with members of sections replaced; None removes one."""
    def change(config):
        for name, members in sections.items():
            if not isinstance(members, dict):
                config[name] = members
                continue
            for key, value in members.items():
                config.setdefault(name, {})[key] = value
                if value is None:
                    del config[name][key]
        return json.dumps(config)
    return change


STEP = {"name": "one", "run": ["true"]}
WRONG = {
    "unknown key": (merged(source={"repo": "x"}),
                    ["unknown key 'source.repo'", "bootagent.json(5)"]),
    "unknown section": (merged(sources={"user": "x"}), ["unknown key 'sources'"]),
    "unknown key of a step": (merged(steps=[{**STEP, "shell": ["a"]}]),
                              ["unknown key 'steps[0].shell'"]),
    "wrong type": (merged(source={"branch": 7}),
                   ["source.branch", "expected a branch's name", "found a number"]),
    "number as text": (merged(readiness={"expected_status": "200"}),
                       ["readiness.expected_status", "whole number"]),
    "section is a text": (merged(source="here"), ["'source': expected an object"]),
    "steps is an object": (merged(steps={"one": STEP}), ["steps"]),
    "command as one text": (merged(steps=[{**STEP, "run": "true"}]),
                            ["steps[0].run", "a list of texts such as"]),
    "missing key": (merged(source={"repo_url": None}),
                    ["'source.repo_url' is missing", "Where the git repository is"]),
    "missing section": (lambda config: json.dumps({"application": config["application"]}),
                        ["'source.repo_url' is missing"]),
    "step without a command": (merged(steps=[{"name": "one"}]), ["'steps[one].run' is missing"]),
    "out of limits": (merged(readiness={"healthy_threshold": 0}),
                      ["readiness.healthy_threshold", "from 1 to 100, found 0"]),
    "time out of limits": (merged(source={"timeout": "1ms"}),
                           ["source.timeout", "from 1s to 24h, found 1ms"]),
    "bad time span": (merged(boot={"deadline": "0.5h"}),
                      ["boot.deadline", 'time span in double quotes such as "90s"']),
    "time as a number": (merged(boot={"deadline": 60}), ["boot.deadline", '"15m"']),
    "unknown word": (merged(steps=[{**STEP, "when": "later"}]),
                     ["steps[0].when", "'before-publish', 'after-publish', 'after-ready'"]),
    "duplicate step": (merged(steps=[STEP, STEP]), ["'steps[1].name'", "steps[0] has this name already: rename"]),
    "relative path": (merged(release={"deploy_to": "srv/x"}), ["release.deploy_to", "absolute"]),
    "other protocol": (merged(source={"repo_url": "file:///x"}),
                       ["source.repo_url", "a git repository's address"]),
    "bad JSON": (lambda config: json.dumps(config)[:-1], ["is not closed; is the file cut short?"]),
    "no object": (lambda config: "[]", ["expected one JSON object", "found a list"]),
    "empty file": (lambda config: "", ["the file is empty"]),
}
WITHOUT_A_HOOK = {"missing section", "bad JSON", "no object", "empty file"}


@pytest.fixture(scope="module")
def misconfigured(shared_region):
    """One machine for all mistakes: a wrong configuration changes nothing."""
    with Machine(region=shared_region) as machine:
        machine.good = json.dumps(machine.config)
        yield machine


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_is_told_in_a_sentence(misconfigured, case):
    box = misconfigured
    change, words = WRONG[case]
    box.write_config(change(json.loads(box.good)))
    result = box.boot(2)
    lines = result.stderr.splitlines()
    *complaints, line = [line for line in lines if "names lifecycle.hook" not in line]
    assert len(lines) - len(complaints) - 1 == (case in WITHOUT_A_HOOK)
    assert len(complaints) != 1  # of one alone the last line tells
    for complaint in complaints:
        assert complaint.startswith("bootagent: /etc/bootagent/bootagent.json:")
    for word in ["boot: config: ", "/etc/bootagent/bootagent.json", *words]:
        assert word in line
    last = box.last_run
    assert (last["result"], last["cause"], last["exit_code"]) == ("failed", "config", 2)
    assert last["error"]["stage"] == "config" and last["error"]["message"] in line
    assert box.gate() is None


@pytest.mark.parametrize("case", ["bad JSON", "empty file"])
def test_a_configuration_that_cannot_be_read_leaves_the_hook_alone(box, case):
    """Nobody knows the hook's name: the group's own timeout decides."""
    box.write_config(WRONG[case][0](box.config))
    box.boot(2)
    assert box.verdicts() == []


def test_a_wrong_key_elsewhere_abandons_the_launch(box):
    """lifecycle.hook reads, so the table of outcomes wants ABANDON."""
    box.write_config(WRONG["unknown key"][0](box.config))
    box.boot(2)
    assert box.verdict_words() == ["ABANDON"]


@pytest.mark.parametrize("section", ["application", "source"])
def test_a_missing_user_is_a_wrong_configuration_and_abandons(box, section):
    box.configure(**{section: {"user": "nobody-of-that-name"}})
    if not IS_ROOT:
        box.boot()
        return
    (line,) = box.boot(2).stderr.splitlines()
    assert f"{section}.user" in line and "there is no user 'nobody-of-that-name'" in line
    assert "make it, or name another one" in line
    assert box.last_run["cause"] == "config"
    assert box.verdict_words() == ["ABANDON"]


def test_a_corrected_configuration_boots(box):
    box.write_config("{")
    box.boot(2)
    box.write_config()
    box.boot()
    assert_continued(box)


def test_comments_and_own_keys_are_allowed(box):
    box.config["_comment"] = "why"
    box.config["source"]["x-owner"] = {"any": ["thing"]}
    box.configure(steps=[{**STEP, "_comment": "never failing"}])
    box.boot()


def test_null_restores_the_default(box):
    box.configure(source={"branch": None}, readiness={"healthy_threshold": None})
    box.boot()


def test_another_file_by_option(box):
    box.write_config("{")
    (box.root / "etc/other.json").write_text(json.dumps(box.config))
    assert box.run("boot", "--config", "/etc/other.json").returncode == 0


def test_a_named_file_that_is_missing_is_an_error(box):
    result = box.run("boot", "--config", "/etc/other.json")
    assert result.returncode == 2 and "/etc/other.json" in result.stderr


# git is down.

def assert_failed(box, stage, cause, *words):
    """Nothing serves, the launch is abandoned, and one sentence says why."""
    document, code = box.status()
    last = document["last_run"]
    assert (code, last["result"], last["cause"], last["exit_code"]) == (3, "failed", cause, 1)
    assert last["error"]["stage"] == stage
    for word in words:
        assert word in last["error"]["message"]
    assert document["serving"]["ready"] is False
    assert document["serving"]["reason"] == last["error"]["message"]
    assert box.gate() is None
    assert box.verdict_words() == ["ABANDON"]


def test_git_answers_503(box):
    box.set_git_fault({"status": 503})
    box.boot(1)
    assert_failed(box, "source", "git", "503", box.config["source"]["repo_url"])


def test_git_refuses_the_connection(box):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/app.git"
        box.configure(source={"repo_url": url})
        box.boot(1)
    assert_failed(box, "source", "git", url, "Connection refused")


def test_git_is_silent(box):
    box.set_git_fault({"silent": True})
    box.configure(source={"timeout": "1s"})
    box.boot(1)
    assert_failed(box, "source", "git", "bootagent-source")


def test_git_falls_silent_in_the_middle(box):
    box.set_git_fault({"silent": True, "only": "git-upload-pack"})
    box.configure(source={"timeout": "1s"})
    box.boot(1)
    assert_failed(box, "source", "git")


def test_git_cuts_the_answer(box):
    box.set_git_fault({"cut_after_bytes": 40, "only": "git-upload-pack"})
    box.boot(1)
    assert_failed(box, "source", "git", box.config["source"]["repo_url"])


def test_the_branch_is_missing(box):
    box.configure(source={"branch": "release/none"})
    box.boot(1)
    assert_failed(box, "source", "git", "release/none")


# Steps.

@pytest.mark.parametrize("script, exit_status, signal_name, words", [
    ("exit 3", 3, None, "exit status 3"),
    ("kill -SEGV $$", None, "SEGV", "ended by SIGSEGV"),
])
def test_a_failing_step(box, script, exit_status, signal_name, words):
    box.configure(steps=[shell("fine", "true"), shell("bad", script), shell("later", COUNT)])
    box.boot(1)
    assert_failed(box, "steps", "step", "step 'bad'", words)
    fine, bad = box.last_run["steps"]
    assert (fine["name"], fine["state"], fine["exit_status"]) == ("fine", "done", 0)
    assert (bad["name"], bad["state"]) == ("bad", "failed")
    assert (bad["exit_status"], bad["signal"]) == (exit_status, signal_name)
    assert box.current() is None


def test_a_step_whose_command_is_missing(box):
    box.configure(steps=[{"name": "bundle", "run": ["no-such-command"]}])
    box.boot(1)
    assert_failed(box, "steps", "step", "step 'bundle'", "start 'no-such-command'",
                  "No such file")


def test_a_failing_steps_output_is_told_to_root_and_not_in_the_status(box):
    box.configure(steps=[shell("bad", "echo to stdout; echo to stderr >&2; exit 1")])
    result = box.boot(1)
    assert "| to stdout\n" in result.stderr and "| to stderr\n" in result.stderr
    assert "to std" not in json.dumps(box.document())


LEAVES_A_DEAF_CHILD = """cd "$BOOTAGENT_DEPLOY_TO/shared"
(trap '' TERM; exec sleep 300) &
echo $! >pid.new && mv pid.new pid
"""


@pytest.mark.parametrize("end, words", [("exec sleep 300", "not done within its timeout"),
                                        ("wait_for=; exit 1", "exit status 1")],
                         ids=["timeout", "failure"])
def test_the_whole_group_of_a_step_goes_with_it(box, end, words):
    """Also a child that ignores TERM."""
    box.configure(steps=[shell("deaf", LEAVES_A_DEAF_CHILD + end, timeout="1s")])
    process = box.start("boot")
    child = box.wait_for_step() if "sleep" in end else None
    box.finish(process, 1)
    assert words in box.last_run["error"]["message"]
    if child:
        assert child.has_ended(WITHIN_S)
    else:
        assert not is_sleeping(int(box.shared("pid").read_text()))


def is_sleeping(pid):
    """Whether a process of that number runs `sleep`."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().startswith(b"sleep")
    except OSError:
        return False


def test_a_daemon_that_a_step_leaves_holds_up_nothing(box):
    daemon = LEAVES_A_DEAF_CHILD.replace("trap '' TERM; ", "")
    box.configure(steps=[shell("start", daemon, when="after-publish")])
    box.boot()
    assert not box.wait_for_step().has_ended()


def test_a_steps_environment(box):
    box.configure(application={"environment": {"RAILS_ENV": "production"}},
                  steps=[shell("env", "env >../../shared/env; pwd >../../shared/pwd")])
    box.boot()
    found = dict(line.split("=", 1) for line in box.shared("env").read_text().splitlines())
    release, revision = box.current()
    assert found["RAILS_ENV"] == "production"
    assert (found["BOOTAGENT_RELEASE"], found["BOOTAGENT_REVISION"]) == (release, revision)
    assert found["BOOTAGENT_DEPLOY_TO"] == str(box.deploy_to)
    assert found["USER"] == owner(APPLICATION_USER).pw_name
    assert not [name for name in found if name.startswith(("AWS_", "ASAN", "LD_"))]
    assert box.shared("pwd").read_text().strip() == str(box.deploy_to / "releases" / release)


def test_steps_run_in_their_order_and_place(box):
    def note(name, when):
        return shell(name, f"""cd "$BOOTAGENT_DEPLOY_TO"
            echo {name} $(test -e current && echo moved) >>shared/order""", when=when)
    box.configure(steps=[note("last", "after-ready"), note("one", "before-publish"),
                         note("publish", "after-publish"), note("two", "before-publish")])
    box.boot()
    assert box.shared("order").read_text().splitlines() == \
        ["one", "two", "publish moved", "last moved"]


# The proof.

def test_a_failing_probe(box):
    box.break_release()
    box.configure(readiness={"timeout": "300ms"})
    box.boot(1)
    assert_failed(box, "ready", "probe", "was not ready in time", "it answered 503, not 200")


def test_a_probe_of_another_revision_proves_nothing(box):
    """The application answers, but with old code."""
    box.configure(readiness={"timeout": "300ms"},
                  steps=[shell("lie", f"echo {'a' * 40} >REVISION", when="after-publish")])
    box.boot(1)
    assert_failed(box, "ready", "probe", "with the code of aaaaaaaaaaaa")


def test_nobody_answers_the_probe(box):
    box.application_stops()
    box.configure(readiness={"timeout": "300ms"})
    box.boot(1)
    assert_failed(box, "ready", "probe", "was not ready in time", "nothing listens at 127.0.0.1:")


def test_a_failing_after_ready_step_changes_nothing(box):
    box.configure(steps=[shell("crontab", "exit 4", when="after-ready")])
    result = box.boot()
    document, code = box.status()
    last = document["last_run"]
    assert (code, last["result"], last["cause"]) == (0, "done", None)
    assert [(step["name"], step["state"], step["exit_status"]) for step in last["steps"]] == \
        [("crontab", "failed", 4)]
    assert "step 'crontab'" in result.stderr
    assert_continued(box)


# The verdict.

# Answers of one moment. Only what AWS itself refuses by name is worth no second try.
PASSING = {
    "500": {"fault": "status", "status": 500},
    "503": {"fault": "status", "status": 503},
    "throttled": {"fault": "error", "code": "Throttling", "message": "Rate exceeded",
                  "status": 400},
    "connection lost": {"fault": "close", "at": "start", "apply": False},
    "empty": {"fault": "empty"},
    "somebody's page": {"fault": "body", "body": "<html><p>Welcome"},
    "somebody's 403": {"fault": "status", "status": 403, "body": "<html>"},
    "a proxy's 407": {"fault": "status", "status": 407},
    "no HTTP": {"fault": "raw", "body": "SSH-2.0-OpenSSH"},
    "keys not known yet": {"fault": "error", "code": "InvalidClientTokenId", "status": 403,
                           "message": "The security token included in the request is invalid."},
    "keys expired twice": {"fault": "error", "code": "ExpiredToken", "status": 403, "count": 2},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_verdict_is_delivered_again_until_it_is_taken(box, fault):
    fail_verdict(box, **fault)
    box.boot()
    assert box.verdict_words() == ["CONTINUE"] * (fault.get("count", 1) + 1)
    assert box.document()["lifecycle"]["state"] == "delivered"
    box.region.wait_for_state(box.instance["instance_id"], "InService")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_the_state_is_asked_for_again_until_it_is_told(box, fault):
    box.region.fault(kind="aws", action=DESCRIBE, **{"count": 1, **fault})
    box.boot()
    assert_continued(box)
    assert box.aws_actions().count(DESCRIBE) == fault.get("count", 1) + 1


def test_an_answer_that_is_lost_gives_the_same_verdict_again(box):
    fail_verdict(box, fault="close", at="start")
    box.boot()
    assert box.verdict_words() == ["CONTINUE", "CONTINUE"]
    box.region.wait_for_state(box.instance["instance_id"], "InService")


ACCESS_DENIED = {"fault": "error", "code": "AccessDenied", "status": 403,
                 "message": "not authorized to perform: autoscaling:CompleteLifecycleAction"}


def test_a_verdict_that_may_not_be_delivered_stays_decided(box):
    fail_verdict(box, **ACCESS_DENIED)
    result = box.boot()
    assert "deliver CONTINUE" in result.stderr and "AccessDenied" in result.stderr
    assert box.state("verdict.json")["state"] == "decided"
    assert box.document()["lifecycle"]["state"] == "decided"
    assert box.last_run["result"] == "done"


def test_the_next_boot_delivers_the_decided_verdict(box):
    fail_verdict(box, **ACCESS_DENIED)
    box.boot()
    box.region.clear_calls()
    box.boot()
    assert_continued(box)
    assert box.state("verdict.json")["state"] == "delivered"


def test_a_decided_verdict_never_changes(box):
    """The next boot fails, and delivers CONTINUE all the same."""
    fail_verdict(box, **ACCESS_DENIED)
    box.boot()
    box.region.clear_calls()
    box.set_git_fault({"status": 503})
    box.boot(5)
    assert_continued(box)


def test_a_decided_verdict_is_delivered_by_slow_credentials(box):
    """The look-up still waits for the role's keys when the verdict wants them too."""
    fail_verdict(box, **ACCESS_DENIED)
    box.boot()
    box.region.clear_calls()
    fail_imds(box, CREDENTIALS, fault="delay", seconds=1.5)
    box.boot()
    assert_continued(box)


def wait_for_calls(box, action, count):
    wait_until(lambda: box.aws_actions().count(action) >= count, WITHIN_S)


def test_a_hook_that_is_not_open_yet_is_completed_when_it_is(box):
    """Facts L1: the instance is in Pending:Wait, and still the first answers say no."""
    fail_verdict(box, **{**NOT_OPEN, "count": 2})
    result = box.boot()
    assert box.verdict_words() == ["CONTINUE"] * 3
    assert box.document()["lifecycle"]["state"] == "delivered"
    assert "has no action open though the instance is Pending:Wait" in result.stderr
    box.region.wait_for_state(box.instance["instance_id"], "InService")


def test_the_hook_expired(make_box):
    """It timed out while a step ran: nothing is left to complete, and that is told at once."""
    box = make_box(heartbeat_timeout=2, default_result="CONTINUE")
    box.configure(steps=[shell("wait", """until test -e "$BOOTAGENT_DEPLOY_TO/shared/go"
        do sleep 0.05; done""")])
    process = box.start("boot")
    wait_for_calls(box, DESCRIBE, 1)
    box.region.wait_for_state(box.instance["instance_id"], "InService")
    box.shared("go").touch()
    box.finish(process, 0)
    assert box.document()["lifecycle"]["state"] == "expired"
    assert "CONTINUE too late, not open" in process.stdout_text
    assert box.aws_actions() == [DESCRIBE, COMPLETE, DESCRIBE]
    box.region.clear_calls()
    box.boot()
    assert box.verdicts() == []


def test_a_hook_of_another_name_stays_undelivered_until_it_is_corrected(box):
    """The verdict is the same; only where it goes was wrong."""
    box.configure(lifecycle={"hook": "other"})
    process = box.start("boot")
    wait_for_calls(box, COMPLETE, 2)
    process.terminate()
    box.finish(process, 4)
    assert "hook 'other' of group 'web' has no action open though the instance is " \
        "Pending:Wait: is 'other' the hook's name?" in process.stderr_text
    assert box.document()["lifecycle"]["state"] == "decided"
    box.configure(lifecycle={"hook": "launch"})
    box.region.clear_calls()
    box.boot()
    assert_continued(box)


if IS_LONG:
    def test_a_hook_that_never_opens_is_given_up_and_left_to_the_next_boot(box):
        """Facts L1: after a minute it is told; the verdict stays decided."""
        fail_verdict(box, **{**NOT_OPEN, "count": None})
        result = box.expect("boot", 0, timeout=150)
        assert "deliver CONTINUE: hook 'launch' of group 'web' has no action open" \
            in result.stderr.splitlines()[-1]
        assert box.document()["lifecycle"]["state"] == "decided"
        box.region.clear_faults()
        box.region.clear_calls()
        box.boot()
        assert_continued(box)


def test_the_instance_reaches_its_hook_later(make_box):
    box = make_box(wait_delay_ms=1500)
    box.boot()
    assert_continued(box)
    assert box.aws_actions().count(DESCRIBE) <= 5


def test_readiness_is_published_before_the_verdict_is_waited_for(make_box):
    box = make_box(wait_delay_ms=1500)
    process = box.start("boot")
    wait_until(lambda: box.document()["serving"]["ready"], WITHIN_S)
    assert box.verdicts() == []
    assert box.document()["run"]["state"] == "running"
    box.finish(process, 0)
    assert_continued(box)


def test_a_hook_that_did_not_exist_at_launch(make_box):
    """Facts L2: the first instances of a new group are in service already."""
    box = make_box(hook=None)
    result = box.boot()
    assert box.verdicts() == [] and "nothing to complete" in result.stdout


# The metadata service.

def test_tokens_that_expire_in_the_middle_are_renewed_once(make_box):
    """Keys about to expire are asked for again, after the token became invalid."""
    box = make_box(credentials_seconds=60)
    box.configure(steps=[shell("stay", STAY)])
    process = box.start("boot")
    step = box.wait_for_step()
    wait_until(lambda: box.aws_actions() == [DESCRIBE], WITHIN_S)
    box.region.expire_tokens(box.instance["instance_id"])
    box.let_pass()
    step.kill()
    box.finish(process, 1)
    asked = [(call["method"], call["status"]) for call in box.region.calls(kind="imds")]
    assert asked.count(("GET", 401)) == 1 and asked.count(("PUT", 200)) == 2
    assert box.verdict_words() == ["ABANDON"]


def test_metadata_is_throttled(box):
    """Retry-After is the least that is waited."""
    fail_imds(box, IDENTITY, fault="status", status=503, headers={"Retry-After": "1"})
    box.boot()
    one, two = box.region.calls(kind="imds", path=IDENTITY)
    assert two["monotonic"] - one["monotonic"] >= 1


@pytest.mark.parametrize("before", ["refused", "dropped"])
def test_metadata_comes_late(make_box, before):
    box = make_box(imds_after_ms=1200, imds_before=before)
    box.boot()
    assert_continued(box)


@pytest.fixture(scope="module")
def served(shared_region):
    """A machine that has booted; a sync of it is soon done."""
    with Machine(region=shared_region) as machine:
        machine.boot()
        yield machine


@pytest.mark.parametrize("fault", [
    {"path": TOKEN, "fault": "empty"},
    {"path": TOKEN, "fault": "body", "body": "two words\n"},
    {"path": TOKEN, "fault": "body", "body_bytes": 5000},
    {"path": TOKEN, "fault": "status", "status": 500},
    {"path": TOKEN, "fault": "close", "at": "head"},
    {"path": IDENTITY, "fault": "empty"},
    {"path": IDENTITY, "fault": "close"},
    {"path": IDENTITY, "fault": "body", "body_bytes": 100000},
    {"path": "/latest/meta-data/services/domain", "fault": "empty"},
], ids=lambda fault: f"{fault['path'].split('/')[-1]} {fault['fault']} "
                     f"{fault.get('body', fault.get('body_bytes', ''))}".strip())
def test_a_bad_answer_of_the_metadata_service_is_asked_for_again(served, fault):
    served.region.fault(kind="imds", count=1, **fault)
    served.sync()
    assert served.region.faults()[-1]["met"] == 1
    served.region.clear_faults()


@pytest.mark.parametrize("body", ["{}", "not json", '{"instanceId": ""}'])
def test_a_useless_identity_document_is_asked_for_again(box, body):
    """Facts I2, I3: hurried answers are garbage for a while."""
    fail_imds(box, IDENTITY, fault="body", body=body)
    box.boot()


def test_keys_that_come_late(box):
    """Facts I4: a role's credentials are 404 for about two seconds."""
    fail_imds(box, CREDENTIALS, fault="status", status=404)
    box.boot()
    assert_continued(box)


def test_metadata_that_is_off_fails_at_once_and_version_1_is_never_tried(box):
    fail_imds(box, TOKEN, fault="status", status=403, count=None)
    (line,) = box.boot(1).stderr.splitlines()
    assert "switched off" in line and "HttpEndpoint" in line
    assert {call["method"] for call in box.region.calls(kind="imds")} == {"PUT"}
    assert box.last_run["cause"] == "machine"


def test_a_host_without_version_2_is_never_asked_by_version_1(box):
    fail_imds(box, TOKEN, fault="status", status=404, count=2)
    box.boot()
    for call in box.region.calls(kind="imds", method="GET"):
        assert "x-aws-ec2-metadata-token" in [name.lower() for name, _ in call["headers"]]


def test_proxies_of_the_environment_are_not_for_metadata_or_the_probe(make_box):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}"
        box = make_box(group=None, age_seconds=60)
        box.boot(environment={name: proxy for name in (
            "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")})
