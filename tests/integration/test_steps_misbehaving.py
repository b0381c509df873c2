# SPDX-License-Identifier: MIT
"""Steps that do what no step should: each ends in time, and of a failed one nothing stays.

Whatever leaves a step's session or clears its environment writes its pid into shared/pids,
so that it is looked for by name. Nothing of a failed step is there afterwards, not even as
a zombie: its keeper reaps it.
"""
import fcntl
import os
import pty
import re
import resource
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from conftest import COUNT, IS_ROOT, STAY, WITHIN_S, owner, shell
from box.box import APPLICATION_USER
from servers.namespace import own_mounts
from servers.process import wait_until

# What the agent itself may take beside a step: a boot of the box, sanitized, on a busy machine.
BOOT_S = 15
GRACE_S = 5
NOTE = 'echo $$ >>"$BOOTAGENT_DEPLOY_TO/shared/pids"; '
DEAF = "trap '' TERM; "
# As daemon(7) has it, with an empty environment and with the step's output still open.
DAEMON = """shared=$BOOTAGENT_DEPLOY_TO/shared
setsid env -i /bin/sh -c '
    ( trap "" TERM; /bin/sh -c "echo \\$PPID >>$1/pids"; exec /bin/sleep 300 ) & exit 0
' sh "$shared" &
while ! test -s "$shared/pids"; do sleep 0.05; done
"""


def noted(box):
    path = box.shared("pids")
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def marked(box):
    """Processes with the box's root in their environment: whatever a step left."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(f"={box.root}/") in (directory / "environ").read_bytes():
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def assert_nothing_runs(box):
    assert [pid for pid in noted(box) if Path(f"/proc/{pid}").exists()] == []
    assert marked(box) == []


def end_noted(box):
    for pid in noted(box):
        box.watch(pid).kill()


class Timed:
    """with Timed(within_s): fails when what is in it takes longer."""

    def __init__(self, within_s):
        self.within_s = within_s

    def __enter__(self):
        self.begun = time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            assert time.monotonic() - self.begun < self.within_s


def fails(box, *words, within_s=BOOT_S, **step):
    """A boot whose one step fails; its record."""
    with Timed(within_s):
        result = box.boot(1)
    last = box.last_run
    assert last["cause"] == "step" and last["error"]["stage"] == "steps"
    for word in words:
        assert word in last["error"]["message"], last["error"]["message"]
    assert_nothing_runs(box)
    record = last["steps"][-1]
    for name, value in step.items():
        assert record[name] == value, record
    return result


# Deaf ones and daemons.

def test_one_that_ignores_term(box):
    box.configure(steps=[shell("deaf", NOTE + DEAF + "while :; do sleep 1; done", timeout="1s")])
    result = fails(box, "step 'deaf': not done within its timeout, ended",
                   within_s=1 + GRACE_S + BOOT_S, state="failed", signal="KILL", exit_status=None)
    assert result.returncode == 1
    assert 6000 <= box.last_run["steps"][0]["duration_ms"] < 9000


def test_one_that_obeys_term_is_not_waited_for(box):
    box.configure(steps=[shell("slow", NOTE + "exec sleep 300", timeout="1s")])
    fails(box, signal="TERM")
    assert box.last_run["steps"][0]["duration_ms"] < 4000


@pytest.mark.parametrize("end, words", [("exit 3", "exit status 3"),
                                        ("exec sleep 300", "not done within its timeout")],
                         ids=["failure", "timeout"])
def test_a_daemon_of_a_failed_step_goes(box, end, words):
    """Though it left the session, the process group, its parent and its environment."""
    box.configure(steps=[shell("daemon", DAEMON + end, timeout="2s")])
    fails(box, words, within_s=2 + GRACE_S + BOOT_S)
    assert noted(box)


def test_a_daemon_of_a_good_step_stays_and_is_not_waited_for(box):
    box.configure(steps=[shell("daemon", DAEMON)])
    with Timed(BOOT_S):
        box.boot()
    (daemon,) = [box.watch(pid) for pid in noted(box)]
    assert not daemon.has_ended()
    daemon.kill()


def test_a_daemon_goes_with_an_interrupted_run(box):
    box.configure(steps=[shell("daemon", DAEMON + STAY)])
    process = box.start("boot")
    box.wait_for_step()
    with Timed(GRACE_S + BOOT_S):
        process.terminate()
        box.finish(process, 4)
    assert noted(box)
    assert_nothing_runs(box)
    (record,) = box.last_run["steps"]
    assert (record["state"], record["signal"]) == ("interrupted", "TERM")


def test_all_of_it_goes_with_a_killed_run(box):
    """The daemon, the step, its child, and the child of that one, which has its parent yet."""
    box.configure(steps=[shell("daemon", DAEMON + "(sleep 300; true) &\n" + STAY)])
    process = box.start("boot")
    box.wait_for_step()
    process.kill()
    box.finish(process, -signal.SIGKILL)
    wait_until(lambda: not marked(box), WITHIN_S)
    wait_until(lambda: not [pid for pid in noted(box) if Path(f"/proc/{pid}").exists()], WITHIN_S)


def test_orphans_are_reaped_while_the_step_runs(box):
    box.configure(steps=[shell("busy", "for i in 1 2 3 4 5 6; do (setsid true &); done\n" + STAY)])
    process = box.start("boot")
    step = box.wait_for_step()
    keeper = int(re.search(r"^PPid:\s*(\d+)", Path(f"/proc/{step.pid}/status").read_text(),
                           re.M).group(1))
    assert Path(f"/proc/{keeper}/comm").read_text() == "bootagent-step\n"

    def has_zombie():
        listed = subprocess.run(["ps", "-o", "stat=", "--ppid", str(keeper)], check=False,
                                capture_output=True, text=True, timeout=WITHIN_S)
        return "Z" in listed.stdout
    wait_until(lambda: not has_zombie(), WITHIN_S)
    process.terminate()
    box.finish(process, 4)


# What a keeper must not hold on to.

def test_a_keeper_has_nothing_open_and_is_not_the_users(box):
    box.configure(steps=[shell("stay", STAY)])
    process = box.start("boot")
    step = box.wait_for_step()
    keeper = int(re.search(r"^PPid:\s*(\d+)", Path(f"/proc/{step.pid}/status").read_text(),
                           re.M).group(1))
    fds = [os.readlink(path) for path in Path(f"/proc/{keeper}/fd").iterdir()]
    assert len(fds) == 1 and fds[0].startswith("pipe:"), fds
    assert os.stat(f"/proc/{keeper}").st_uid == os.geteuid()
    assert os.stat(f"/proc/{step.pid}").st_uid == owner(APPLICATION_USER).pw_uid
    process.terminate()
    box.finish(process, 4)


# Output without end.

FLOOD = "exec yes 'a line of no interest, again and again'"


def test_a_gigabyte_of_output(box):
    box.configure(steps=[shell("quiet", "true")])
    quiet = peak_kb(box)
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.configure(steps=[shell("flood", "yes 'a line of no interest' | head -c 1G; echo; echo end")])
    with Timed(60 + BOOT_S):
        loud = peak_kb(box)
    assert loud - quiet < 20_000, (quiet, loud)
    kept = log_of(box, "flood").read_bytes()
    assert kept.endswith(b"\nend\n")
    assert len(kept) <= 16384 and len(kept.splitlines()) == 50


def peak_kb(box):
    """Runs a boot or sync; the most memory that it needed."""
    process = box.start("sync", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_a_timeout_comes_during_a_flood(box):
    box.configure(steps=[shell("flood", NOTE + FLOOD, timeout="1s")])
    fails(box, "not done within its timeout")
    assert box.last_run["steps"][0]["duration_ms"] < 4000


def test_a_signal_comes_during_a_flood(box):
    box.configure(steps=[shell("flood", NOTE + FLOOD)])
    process = box.start("boot", "--verbose", stderr=subprocess.DEVNULL)
    wait_until(lambda: noted(box), WITHIN_S)
    with Timed(BOOT_S):
        process.terminate()
        box.finish(process, 4)
    assert_nothing_runs(box)


def test_what_is_logged_of_a_flood_is_bounded(box):
    box.configure(steps=[shell("flood", "seq 1000000; echo the end")])
    result = box.run("boot", "--verbose")
    assert result.returncode == 0
    assert len(result.stderr) < 1_500_000
    (rest,) = re.findall(r"\| (\d+) bytes more not logged", result.stderr)
    assert int(rest) > 5_000_000
    assert log_of(box, "flood").read_text().splitlines()[-2:] == ["1000000", "the end"]


def test_one_line_without_end(box):
    box.configure(steps=[shell("line", "head -c 50M /dev/zero | tr '\\0' x; exit 3")])
    result = fails(box, "exit status 3")
    (line,) = [line for line in result.stderr.splitlines() if "| xx" in line]
    assert line.endswith("x …") and len(line) < 1100


# The disk, and what lies on it.

if IS_ROOT:
    FILL = ('mount -t tmpfs -o size=8m tmpfs "$1" && shift || exit 99\n'
            'target=$1; shift; "$@"; status=$?; umount "$target"; exit $status')

    @pytest.mark.parametrize("end", ["", "; exit 0"], ids=["told", "hidden"])
    def test_one_that_fills_the_disk(box, end):
        """The agent's own files are elsewhere; what follows may fail, and is told."""
        (box.root / "srv").mkdir()
        box.configure(steps=[shell("fill", f"cat /dev/zero >fill{end}")])
        wrapper = [*own_mounts(), "sh", "-c", FILL, "sh", str(box.root / "srv"),
                   str(box.root / "srv")]
        with Timed(BOOT_S):
            result = box.run("boot", wrapper=wrapper)
        assert result.returncode == 1, result.stdout + result.stderr
        assert end or "No space left on device" in result.stderr
        assert box.last_run["error"]["stage"] == ("ready" if end else "steps")
        assert_nothing_runs(box)
        box.configure(steps=[])
        box.boot()


def test_one_that_deletes_its_directory(box):
    box.configure(steps=[shell("gone", 'rm -rf "$PWD"'), shell("next", "true")])
    fails(box, "step 'next': start 'sh' in the release's directory: No such file")
    box.configure(steps=[])
    box.boot()
    assert box.current()[1] == box.repository.head


def test_the_last_one_that_deletes_its_directory(box):
    box.configure(steps=[shell("gone", 'rm -rf "$PWD"')])
    with Timed(BOOT_S):
        box.boot(1)
    assert "is no directory in releases" in box.last_run["error"]["message"]
    assert box.current() is None
    box.configure(steps=[])
    box.boot()


@pytest.mark.parametrize("reuse", ["copy", "hardlink"])
def test_a_setuid_bit_goes_into_no_other_release(box, reuse):
    box.configure(release={"reuse": reuse},
                  steps=[shell("bits", "chmod 6755 bin/tool; chmod 1644 a.txt")])
    box.boot()
    first = box.current()[0]
    assert (box.deploy_to / "releases" / first / "bin/tool").stat().st_mode & 0o7777 == 0o6755
    box.configure(steps=[])
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    second = box.deploy_to / "releases" / box.current()[0]
    assert second.name != first
    for path in second.rglob("*"):
        assert path.lstat().st_mode & 0o7000 == 0, path
    assert (second / "bin/tool").read_bytes() == b"#!/bin/sh\n"


# As many processes as it can.

FORK = """import os, time
try:
    while True:
        if os.fork() == 0:
            os.setsid()
            time.sleep(300)
            os._exit(0)
except OSError as error:
    print(error.strerror)
    %s
"""
# Whoever is ended makes room for another, in a session of its own. Should it get away, it ends
# by itself.
SWARM = """import os, time
leader = os.getpid()
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            os.setsid()
        elif os.getpid() != leader and os.getpid() % 3 == 0:
            os._exit(0)
    except OSError:
        time.sleep(0.01)
"""


def test_one_that_forks_until_its_limit(box):
    box.configure(steps=[{"name": "many", "run": ["python3", "-c", FORK % "raise SystemExit(3)"],
                          "tasks_max": 300}])
    result = fails(box, "exit status 3", within_s=GRACE_S + BOOT_S)
    assert "Resource temporarily unavailable" in result.stderr


def test_a_swarm(box):
    box.configure(steps=[{"name": "swarm", "run": ["python3", "-c", SWARM], "timeout": "1s",
                          "tasks_max": 200}])
    fails(box, "not done within its timeout", within_s=1 + GRACE_S + BOOT_S)


def test_no_room_for_the_step_itself_names_the_key(box):
    if not IS_ROOT:
        return
    box.configure(steps=[
        {"name": "many", "tasks_max": 200, "run": ["python3", "-c", FORK % "raise SystemExit(0)"]},
        shell("one-more", "true", tasks_max=16)])
    with Timed(BOOT_S):
        box.boot(1)
    assert "tasks_max" in box.last_run["error"]["message"]
    for pid in marked(box):
        box.watch(pid).kill()


# Standard input, the terminal, its parent.

def test_one_that_writes_to_its_standard_input(box):
    box.configure(steps=[shell("stdin", "echo x >&0 && test -z \"$(cat)\"")])
    with Timed(BOOT_S):
        box.boot()


def on_terminal(box, *arguments):
    """Runs the agent with a controlling terminal; (exit status, what it wrote, the terminal's
    settings before and after)."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)

    def take_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    process = subprocess.Popen(box.command(*arguments), env=box.environment(), stdin=slave,
                               stdout=slave, stderr=slave, preexec_fn=take_terminal)
    written = b""
    os.set_blocking(master, False)
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        try:
            while data := os.read(master, 65536):
                written += data
        except OSError:
            pass
        if ended:
            break
        time.sleep(0.02)
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return process.wait(timeout=WITHIN_S), written.decode(), before, after


def test_one_that_changes_the_terminals_settings(box):
    """It has none."""
    box.configure(steps=[shell("tty", """stty raw -echo && exit 4
        (stty raw -echo </dev/tty) && exit 5
        ! test -t 0 && ! test -t 1 && ! test -t 2""")])
    code, written, before, after = on_terminal(box, "boot")
    assert code == 0, written
    assert before == after


def test_the_live_line_has_the_last_that_was_written(box):
    box.configure(steps=[shell("talk", "echo one; sleep 0.5; echo Installing rake; sleep 0.5"
                               "; echo Installing puma; sleep 0.5")])
    _, written, *_ = on_terminal(box, "boot")
    live = re.findall(r"steps +… ([^\r\n\033]+)", written)
    assert [line for line in live if line] == ["one", "Installing rake", "Installing puma"]


def test_the_live_line_of_neighbours_has_their_names(box):
    box.configure(steps=[shell("a", "echo one; sleep 1.5", parallel=True),
                         shell("b", "sleep 0.7; echo two; sleep 0.8", parallel=True)])
    _, written, *_ = on_terminal(box, "boot")
    live = re.findall(r"steps +… ([^\r\n\033]+)", written)
    assert [line for line in live if line] == ["a: one", "b: two"]


def test_one_that_kills_its_parent_and_exits_with_0(box):
    """Its keeper is root's, or else the step has failed."""
    box.configure(steps=[shell("kill", "kill -9 $PPID; exit 0")])
    with Timed(BOOT_S):
        result = box.run("boot")
    assert result.returncode == (0 if IS_ROOT else 1)
    if not IS_ROOT:
        assert "was killed" in box.last_run["error"]["message"]
    assert_nothing_runs(box)


def test_one_whose_child_kills_it_and_exits_with_0(box):
    box.configure(steps=[shell("kill", "sh -c 'kill -9 $PPID; exit 0'; echo not reached")])
    fails(box, "ended by SIGKILL", signal="KILL", exit_status=None)


# What is kept of the output.

def log_of(box, name):
    return box.root / f"run/bootagent/steps/{name}.log"


def test_the_last_lines_are_kept_for_root_alone(box):
    box.configure(steps=[shell("many", "seq 100; echo to stderr >&2"), shell("none", "true"),
                         shell("bad", "echo why; exit 3")])
    result = box.boot(1)
    path = log_of(box, "bad")
    assert f"step 'bad': exit status 3; what it wrote: {path}" in result.stderr
    assert path.read_text() == "why\n" and log_of(box, "none").read_text() == ""
    assert log_of(box, "many").read_text().splitlines() == \
        [str(number) for number in range(52, 101)] + ["to stderr"]
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    for kept in path.parent.iterdir():
        status = kept.stat()
        assert (status.st_mode & 0o7777, status.st_uid) == (0o600, os.geteuid())
    box.configure(steps=[shell("bad", "echo better")])
    box.boot()
    assert path.read_text() == "better\n"


# Limits.

LIMITS = "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -u; umask; exit 3"


def may_raise_limits():
    """CAP_SYS_RESOURCE, which root may lack in a container."""
    effective = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.M)
    return bool(int(effective.group(1), 16) >> 24 & 1)


@pytest.mark.parametrize("ours", ["true", "ulimit -n 300", "ulimit -Sn 900; ulimit -u 9000",
                                  "ulimit -Sc unlimited", "umask 077"])
def test_limits_are_alike_whoever_starts_the_agent(box, ours):
    if not IS_ROOT:
        return
    box.configure(steps=[{"name": "limits", "run": ["bash", "-c", LIMITS], "tasks_max": 3000}])
    box.boot(1, wrapper=["bash", "-c", f'{ours}; exec "$@"', "bash"])
    files = 524288
    if not may_raise_limits():
        files = 300 if ours.endswith(" 300") else resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert log_of(box, "limits").read_text().split() == \
        [str(min(1024, files)), str(min(524288, files)), "0", "3000", "0022"]


def test_limits_are_not_above_what_is_allowed(box):
    """An agent that may raise nothing still runs its steps."""
    if not IS_ROOT:
        return
    box.configure(steps=[{"name": "limits", "run": ["bash", "-c", LIMITS], "tasks_max": 3000}])
    box.boot(1, wrapper=["setpriv", "--bounding-set=-sys_resource", "bash", "-c",
                         'ulimit -n 600; ulimit -u 2000; exec "$@"', "bash"])
    assert log_of(box, "limits").read_text().split() == ["600", "600", "0", "2000", "0022"]


# At the same time.

MEET = 'touch "../../shared/%s"; while ! test -e "../../shared/%s"; do sleep 0.02; done'


def meeting(one, other, **keys):
    return shell(one, MEET % (one, other), timeout="20s", **keys)


def test_neighbours_that_say_so_run_at_the_same_time(box):
    """Steps of another kind between them do not count."""
    box.configure(steps=[meeting("a", "b", parallel=True),
                         shell("restart", COUNT, when="after-publish"),
                         meeting("b", "a", parallel=True), shell("alone", COUNT)])
    box.boot()
    assert [(step["name"], step["state"]) for step in box.last_run["steps"]] == \
        [("a", "done"), ("b", "done"), ("alone", "done"), ("restart", "done")]


def test_one_that_says_nothing_runs_alone(box):
    order = 'echo %s >>"$BOOTAGENT_DEPLOY_TO/shared/order"'
    box.configure(steps=[
        shell("a", f"sleep 0.3; {order % 'a'}", parallel=True),
        shell("b", order % "b"),
        shell("c", f"sleep 0.3; {order % 'c'}", parallel=True),
        shell("d", f"{order % 'd'}", parallel=True)])
    box.boot()
    assert box.shared("order").read_text().split() == ["a", "b", "d", "c"]


def test_the_first_that_fails_ends_the_others(box):
    box.configure(steps=[
        shell("good", "true", parallel=True),
        shell("slow", NOTE + DAEMON + "exec sleep 300", parallel=True),
        shell("deaf", NOTE + DEAF + "while :; do sleep 1; done", parallel=True),
        shell("bad", f'{DAEMON}sleep 0.5; echo why; exit 3', parallel=True),
        shell("later", COUNT)])
    result = fails(box, "step 'bad': exit status 3", within_s=GRACE_S + BOOT_S)
    assert "| why\n" in result.stderr
    states = {step["name"]: step["state"] for step in box.last_run["steps"]}
    assert states == {"good": "done", "slow": "interrupted", "deaf": "interrupted",
                      "bad": "failed"}
    assert box.count() == 0


def test_one_that_is_late_ends_the_others(box):
    box.configure(steps=[shell("late", NOTE + "exec sleep 300", parallel=True, timeout="1s"),
                         shell("slow", NOTE + "exec sleep 300", parallel=True)])
    fails(box, "step 'late': not done within its timeout")
    assert [step["state"] for step in box.last_run["steps"]] == ["failed", "interrupted"]


def test_a_daemon_of_a_good_neighbour_stays(box):
    """It is told from what the failed one left, though neither has an environment."""
    box.configure(steps=[shell("daemon", DAEMON, parallel=True),
                         shell("bad", "sleep 1.5; (setsid env -i sleep 300 &); exit 3",
                               parallel=True)])
    with Timed(GRACE_S + BOOT_S):
        box.boot(1)
    (daemon,) = [box.watch(pid) for pid in noted(box)]
    assert not daemon.has_ended()
    daemon.kill()
    assert daemon.has_ended(WITHIN_S)
    assert marked(box) == []
