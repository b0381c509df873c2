# SPDX-License-Identifier: MIT
"""What stands between the supervisor and hostile data: a look into a worker while it runs.

A worker gets four descriptors, three variables and a user, and nothing else of its parent;
whatever it does, the supervisor goes on. Stand-ins are compiled, for a descriptor that
closes on exec cannot start a script.
"""
import fcntl
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest

from box.box import APPLICATION_USER, SOURCE_USER, Box
from conftest import (IS_ROOT, STAY, WITHIN_S, Machine, build_copy, children, compile_c,
                      is_at_lock, owner, proc_fds, proc_status, proc_strings, shell, wait_for_child)
from servers.process import wait_until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RESULT = r'{\"result\":{\"revision\":\"0123456789abcdef0123456789abcdef01234567\"}}\n'


def stand_in(box, body, *flags):
    """A build whose bootagent-source is this C function body."""
    source = f"""
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        static void say(const char *text) {{ if (write(1, text, strlen(text)) < 0) _exit(9); }}
        static void hear(void) {{ char c[512]; while (read(0, c, sizeof(c)) > 0); }}
        int main(void) {{ (void)say; hear(); {body} }}
    """
    program = compile_c(source, box.directory / "stand-in", *flags)
    shutil.rmtree(box.directory / "build", ignore_errors=True)
    box.build = build_copy(box.directory / "build", source=program)


# The look into a worker.

@pytest.fixture(scope="module")
def fetching(shared_region):
    """A boot whose worker waits for a silent git host: `process`, and `worker`, its pid."""
    with Machine(region=shared_region) as box:
        box.set_git_fault({"silent": True})
        box.process = box.start("boot", environment={"SECRET": "x", "LD_BIND_NOW": "1"})
        box.worker = wait_for_child(box.process.pid, "bootagent-source")
        wait_until(lambda: any(name.startswith("socket:")
                               for name in proc_fds(box.worker).values()), WITHIN_S)
        yield box


def test_a_worker_has_three_pipes_and_the_lock(fetching):
    fds = proc_fds(fetching.worker)
    assert all(fds[fd].startswith("pipe:") for fd in (0, 1, 2))
    assert len({fds[0], fds[1], fds[2]}) == 3
    assert fds[3] == str(fetching.root / "run/bootagent/lock")


def test_a_worker_inherits_nothing_else(fetching):
    """What it has beyond was opened by its own libraries: it is not its parent's."""
    parent = set(proc_fds(fetching.process.pid).values())
    more = {fd: name for fd, name in proc_fds(fetching.worker).items() if fd > 3}
    assert not parent & set(more.values())
    assert not [name for name in more.values() if "anon_inode" in name]


def test_a_stand_in_has_exactly_four_descriptors(box):
    """Nothing is opened after its exec, so this is what exec left open."""
    stand_in(box, "for (;;) pause();")
    process = box.start("boot")
    worker = wait_for_child(process.pid, "bootagent-source")
    assert sorted(proc_fds(worker)) == [0, 1, 2, 3]


def test_the_parent_keeps_no_other_end_of_its_own(fetching):
    """Each pipe has two ends, one here and one there, so that an end of file is one."""
    theirs = proc_fds(fetching.worker)
    ours = list(proc_fds(fetching.process.pid).values())
    assert theirs[0] not in ours or ours.count(theirs[0]) == 1
    assert [ours.count(theirs[fd]) for fd in (1, 2)] == [1, 1]


def test_a_workers_environment(fetching):
    home = fetching.root / "var/cache/bootagent/home/hello-source"
    assert proc_strings(fetching.worker, "environ") == \
        [f"PATH={PATH}", f"HOME={home}", "LANG=C.UTF-8"]


def test_a_workers_command_line_tells_nothing(fetching):
    assert proc_strings(fetching.worker, "cmdline") == ["bootagent-source"]


def test_a_worker_is_the_fetching_user_and_can_gain_nothing(fetching):
    user = owner(SOURCE_USER)
    status = proc_status(fetching.worker)
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert status["NoNewPrivs"] == "1"
    if IS_ROOT:
        assert status["Gid"].split() == [str(user.pw_gid)] * 4
        assert sorted(map(int, status["Groups"].split())) == \
            sorted(os.getgrouplist(user.pw_name, user.pw_gid))
        assert {status[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}


def test_a_worker_that_fetches_is_the_first_to_go_when_memory_ends(fetching):
    """A server may send refs without end: it costs a run, never the application."""
    with open(f"/proc/{fetching.worker}/oom_score_adj", encoding="ascii") as file:
        assert file.read().strip() == "1000"


def test_a_worker_stands_at_the_root_and_leaves_no_core(fetching):
    assert os.readlink(f"/proc/{fetching.worker}/cwd") == "/"
    with open(f"/proc/{fetching.worker}/limits", encoding="ascii") as file:
        (core,) = [line for line in file if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["1", "1"], "a piped handler, neither"


def ignored_signals(status):
    """Those of a /proc/PID/status, but for the two that libc keeps for itself, 32 and 33:
    whoever started us may ignore them, and no program can say otherwise through libc."""
    mask = int(status["SigIgn"], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1} - {32, 33}


def test_a_workers_signals_are_free(fetching):
    status = proc_status(fetching.worker)
    assert int(status["SigBlk"], 16) == 0
    # SIGPIPE is the worker's own choice.
    assert ignored_signals(status) <= {signal.SIGPIPE}


def test_the_exporting_worker_is_the_application(box):
    user = owner(APPLICATION_USER)
    source = 'for (;;) pause();'
    tree = compile_c(f"#include <unistd.h>\nint main(void) {{ {source} }}",
                     box.directory / "tree")
    box.build = build_copy(box.directory / "build", tree=tree)
    process = box.start("boot")
    worker = wait_for_child(process.pid, "bootagent-tree")
    status = proc_status(worker)
    assert status["Uid"].split() == [str(user.pw_uid)] * 4 and status["NoNewPrivs"] == "1"
    assert proc_strings(worker, "environ")[1] == "HOME=/"
    assert sorted(proc_fds(worker)) == [0, 1, 2, 3]


# In contrast, a step.

@pytest.fixture(scope="module")
def stepping(shared_region):
    """A boot in the middle of a step: `step`, its pid."""
    with Machine(region=shared_region) as box:
        box.configure(steps=[shell("stay", STAY)])
        box.start("boot", environment={"SECRET": "x"})
        box.step = box.wait_for_step().pid
        wait_until(lambda: proc_strings(box.step, "cmdline")[:1] == ["sleep"], WITHIN_S)
        yield box


def test_a_step_has_no_lock_and_no_standard_input(stepping):
    fds = proc_fds(stepping.step)
    assert sorted(fds) == [0, 1, 2]
    assert fds[0] == "/dev/null" and fds[1] == fds[2] and fds[1].startswith("pipe:")


def test_a_step_may_gain_privileges(stepping):
    """Debian's crontab is setgid."""
    assert proc_status(stepping.step)["NoNewPrivs"] == "0"


def test_a_step_has_its_own_session_and_the_applications_user(stepping):
    user = owner(APPLICATION_USER)
    status = proc_status(stepping.step)
    assert os.getsid(stepping.step) == os.getpgid(stepping.step) == stepping.step
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert int(status["SigBlk"], 16) == 0 and not ignored_signals(status)
    assert "SECRET=x" not in proc_strings(stepping.step, "environ")


def test_a_step_stands_in_its_release(stepping):
    (release,) = stepping.release_directories()
    assert os.readlink(f"/proc/{stepping.step}/cwd") == \
        str(stepping.deploy_to / "releases" / release)


# The lock, when the supervisor dies before its worker can know.

def test_the_lock_is_held_as_long_as_the_worker_lives(box):
    """strace holds the worker up in prctl(PR_SET_PDEATHSIG), its second prctl; then the
    supervisor is killed: no death signal comes, so the worker itself must notice."""
    path = box.root / "run/bootagent/lock"
    path.parent.mkdir(parents=True)
    with open(path, "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = box.start("boot")
        wait_until(lambda: is_at_lock(process.pid), WITHIN_S)
        with traced(process, "inject=prctl:delay_enter=120s:when=2") as tracer:
            fcntl.flock(lock, fcntl.LOCK_UN)
            worker = box.watch(wait_until(lambda: held_worker(process.pid), WITHIN_S))
            process.kill()
            box.finish(process, -signal.SIGKILL)
            box.sync(75)
            assert not worker.has_ended()
            # Without its tracer the call goes on at once.
            tracer.terminate()
            assert worker.has_ended(WITHIN_S)
    box.sync()


@contextmanager
def traced(process, *expressions):
    """strace on a running process and its children."""
    argv = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=prctl", "-e", "signal=none"]
    for expression in expressions:
        argv += ["-e", expression]
    with subprocess.Popen([*argv, "-p", str(process.pid)]) as tracer:
        try:
            wait_until(lambda: proc_status(process.pid)["TracerPid"] != "0", WITHIN_S)
            yield tracer
        finally:
            tracer.terminate()
            tracer.wait(WITHIN_S)


def held_worker(supervisor):
    """A child that may gain nothing any more, and does not execute a helper yet."""
    for child in children(supervisor):
        status = proc_status(child)
        if status["NoNewPrivs"] == "1" and status["State"].startswith("t") \
                and status["Name"] == "bootagent":
            return child
    return None


# Workers that misbehave.

@pytest.fixture(scope="module")
def shared_victim(shared_region):
    with Machine(region=shared_region) as machine:
        yield machine


@pytest.fixture
def victim(shared_victim):
    """One machine for all of them, for its boot fails each time; as it was at its start."""
    shared_victim.config = shared_victim.default_config()
    shared_victim.write_config()
    shutil.rmtree(shared_victim.directory / "build", ignore_errors=True)
    return shared_victim


def assert_fails(box, *words, code="EPROTO"):
    result = box.boot(1)
    last = box.last_run
    assert (last["error"]["stage"], last["error"]["code"]) == ("source", code)
    for word in words:
        assert word in last["error"]["message"]
    assert last["error"]["message"] in result.stderr


def test_a_silent_worker_is_ended_at_source_timeout(victim):
    stand_in(victim, "for (;;) pause();")
    victim.configure(source={"timeout": "1s"})
    assert_fails(victim, "bootagent-source", "in time", code="ETIMEDOUT")


def test_a_silent_worker_that_ignores_term_is_killed(victim):
    stand_in(victim, "signal(SIGTERM, SIG_IGN); for (;;) pause();")
    victim.configure(source={"timeout": "1s"})
    process = victim.start("boot")
    worker = victim.watch(wait_for_child(process.pid, "bootagent-source"))
    victim.finish(process, 1)
    assert worker.has_ended()


def test_a_worker_that_tells_progress_for_ever_is_ended_too(victim):
    stand_in(victim, r'for (;;) { say("{\"progress\":{}}\n"); usleep(10000); }')
    victim.configure(source={"timeout": "1s"})
    assert_fails(victim, "not done in time", code="ETIMEDOUT")


def test_the_helper_is_missing(victim):
    victim.build = build_copy(victim.directory / "build", source=None)
    assert_fails(victim, "open the helper 'bootagent-source'",
                 str(victim.build / "bootagent-source"), "libexec/bootagent", code="ENOENT")


def test_the_helper_is_not_executable(victim):
    victim.build = build_copy(victim.directory / "build")
    (victim.build / "bootagent-source").chmod(0o644)
    assert_fails(victim, "start bootagent-source", "Permission denied", code="EACCES")


def test_the_helper_is_no_program(victim):
    victim.build = build_copy(victim.directory / "build")
    (victim.build / "bootagent-source").write_bytes(b"\0not a program")
    assert_fails(victim, "start bootagent-source", "format", code="ENOEXEC")


def test_the_helper_is_a_script(victim):
    """Cannot be started from a descriptor that closes on exec; said, not hung."""
    victim.build = build_copy(victim.directory / "build")
    (victim.build / "bootagent-source").write_text("#!/bin/sh\n")
    assert_fails(victim, "start bootagent-source", code="ENOENT")


def test_helpers_are_found_in_libexec(box):
    box.build = build_copy(box.directory / "bin")
    libexec = box.directory / "libexec/bootagent"
    libexec.mkdir(parents=True)
    for name in ("bootagent-source", "bootagent-tree"):
        (box.build / name).rename(libexec / name)
    box.boot()


def test_helpers_are_not_sought_in_path_or_the_working_directory(victim):
    directory = victim.directory / "elsewhere"
    build_copy(directory)
    victim.build = build_copy(victim.directory / "build", source=None)
    assert victim.run("boot", environment={"PATH": str(directory)}, cwd=directory).returncode == 1


GARBAGE = {
    "no JSON": r'say("hello\n");',
    "no object": r'say("[]\n");',
    "an empty line": r'say("\n");',
    "no known kind": r'say("{\"answer\":{}}\n");',
    "a result that is no object": r'say("{\"result\":1}\n");',
    "an error without a code": r'say("{\"error\":{\"message\":\"x\"}}\n");',
    "a NUL byte": r'if (write(1, "{\"result\":{}}\0\n", 15) < 0) return 1;',
    "no UTF-8": r'say("\xff\xfe\n");',
    "two results": r'say("{\"result\":{}}\n{\"result\":{}}\n");',
    "progress after the result": r'say("{\"result\":{}}\n{\"progress\":{}}\n");',
    "a line without end": r'for (;;) say("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");',
    "a deep document": r'for (int i = 0; i < 30000; i++) say("["); say("\n");',
}


@pytest.mark.parametrize("what", GARBAGE)
def test_a_garbled_answer(victim, what):
    stand_in(victim, GARBAGE[what] + " return 0;")
    assert victim.boot(1).stderr == \
        "bootagent: boot: source: the worker's answer is garbled\n"
    assert victim.last_run["error"]["code"] == "EPROTO"


def test_a_result_without_a_revision(victim):
    stand_in(victim, r'say("{\"result\":{\"revision\":\"main\"}}\n"); return 0;')
    assert_fails(victim, "bootagent-source named no revision")


def test_a_worker_that_crashes(victim):
    stand_in(victim, 'fprintf(stderr, "the last word\\n"); abort();')
    assert_fails(victim, "bootagent-source was ended by SIGABRT", "the last word")


def test_a_worker_that_crashes_after_its_result(victim):
    stand_in(victim, f'say("{RESULT}"); raise(SIGSEGV); return 0;')
    assert_fails(victim, "bootagent-source was ended by SIGSEGV")


def test_a_worker_that_ends_without_a_word(victim):
    stand_in(victim, "return 0;")
    assert_fails(victim, "bootagent-source ended with status 0 and no answer")


def test_a_worker_that_ends_in_half_a_line(victim):
    stand_in(victim, r'say("{\"resul"); return 0;')
    assert_fails(victim, "no answer")


def test_a_worker_that_answers_and_fails(victim):
    stand_in(victim, f'say("{RESULT}"); return 3;')
    assert_fails(victim, "ended with status 3 and a result")


def test_a_worker_that_leaks(victim):
    """The default of the address sanitizer: no environment reaches a worker."""
    stand_in(victim, f'volatile char *p = malloc(7); p = NULL; (void)p; say("{RESULT}"); return 0;',
             "-O0", "-fsanitize=address")
    result = Box.run(victim, "boot")
    assert result.returncode == 1
    assert "and a result" in result.stderr and "LeakSanitizer" in result.stderr


def test_a_worker_that_talks_on_standard_error_only(victim):
    stand_in(victim, """for (int i = 0; i < 100000; i++) fputs("noise noise noise ", stderr);
             return 2;""")
    assert_fails(victim, "ended with status 2 and no answer: noise noise")


def test_a_worker_that_does_not_hear_its_request(victim):
    program = compile_c("int main(void) { return 7; }", victim.directory / "deaf")
    victim.build = build_copy(victim.directory / "build", source=program)
    assert_fails(victim, "ended with status 7 and no answer")


def test_a_workers_own_error_is_told(victim):
    stand_in(victim, r'say("{\"error\":{\"code\":\"EIO\",\"message\":\"the disk is on fire\"}}\n");'
             " return 1;")
    assert_fails(victim, "the disk is on fire", code="EIO")


def test_a_child_that_a_worker_left_holds_up_nothing(victim):
    """It keeps the worker's reply open; the worker itself has ended."""
    stand_in(victim, f'say("{RESULT}"); if (fork() == 0) for (;;) pause(); return 0;')
    victim.configure(source={"timeout": "2s"})
    process = victim.start("boot")
    victim.finish(process, 1)
