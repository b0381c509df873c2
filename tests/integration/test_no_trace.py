# SPDX-License-Identifier: MIT
"""What a run leaves behind has no secret in it: files, log, status, arguments and
environments of processes, core files. Each kind of run leaves something else: one that goes
well, and those that fail where the secret is in hand."""
import base64
import json
import os
import resource
import signal
import threading
import urllib.parse
from pathlib import Path

import pytest

from conftest import IS_ROOT, STAY, children, shell, wait_for_child
from region.credentials import SECRET_ACCESS_KEY
from servers.journal import run_below_journal
from servers.process import wait_until

WITHIN_S = 30
SECRETS = {
    "file": "SECRET-of-a-linked-file/+=",
    "variable": "SECRET-of-a-variable/+=",
    "token": "SECRET-of-the-git-server/+=",
    "user data": "SECRET-of-the-user-data/+=",
}
# Where they belong; below the root, and read by nobody but their owner.
PLACES = {"file": ["srv/hello/shared/config/master.key"],
          "variable": ["run/bootagent/environment"], "token": [],
          "user data": ["run/bootagent/user-data"]}


def disguises(secret):
    """A secret as it stands, and as it may stand in URLs, headers and JSON."""
    text = secret.encode()
    yield text
    yield urllib.parse.quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].replace("/", "\\/").encode()
    yield text.hex().encode()
    for offset in range(3):     # wherever it stands in what is encoded
        encoded = base64.b64encode(b"\0" * offset + text)
        yield encoded[4 if offset else 0:-4]


def secrets_of(box):
    """All there are, AWS's keys and tokens included."""
    return {**SECRETS, "access key": SECRET_ACCESS_KEY,
            "session token": "example-session-token-of-" + box.instance["instance_id"]}


def find(secrets, data, place):
    for name, secret in secrets.items():
        for text in disguises(secret):
            if text in data:
                yield name, place


class Watch(threading.Thread):
    """Looks at the arguments and environments of a run's processes, again and again."""

    def __init__(self, pid, secrets):
        super().__init__(daemon=True)
        self.pid, self.secrets = pid, secrets
        self.found, self.looks, self.is_over = set(), 0, threading.Event()

    def run(self):
        while not self.is_over.is_set():
            for pid in self.family():
                self.look(pid)
            self.looks += 1

    def family(self):
        pids, known = [self.pid], []
        while pids:
            known.append(pids.pop())
            pids += children(known[-1])
        return known

    def look(self, pid):
        try:
            for name in ("cmdline", "environ"):
                data = Path(f"/proc/{pid}/{name}").read_bytes()
                # Asked afterwards: a child may have executed another one meanwhile.
                program = Path(os.readlink(f"/proc/{pid}/exe")).name
                # The steps' own environment is where variables belong.
                if name == "environ" and not program.startswith("bootagent"):
                    continue
                self.found.update(find(self.secrets, data, f"{name} of {program}"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass

    def stop(self):
        self.is_over.set()
        self.join(WITHIN_S)


@pytest.fixture
def laden(make_box, tmp_path):
    """A machine whose run holds every kind of secret."""
    user_data = json.dumps({"x-note": SECRETS["user data"]})
    box = make_box(user_data_base64=base64.b64encode(user_data.encode()).decode())
    region = box.region
    region.put_parameter("/hello/key", SECRETS["file"])
    region.put_parameter("/hello/env/VARIABLE", SECRETS["variable"])
    region.put_parameter("/hello/token", SECRETS["token"])
    box.configure(
        application={"environment_parameters": "/hello/env/"},
        source={"token_parameter": "/hello/token"},
        release={"linked_files": [{"path": "config/master.key", "parameter": "/hello/key"}]},
        steps=[shell("use", 'test -n "$VARIABLE" && test -s config/master.key')])
    box.wants_token(SECRETS["token"])
    yield box
    region.clear_parameters()


def assert_no_trace(box, *texts, expected=()):
    """Nothing in the root but at its place, nothing in the texts."""
    secrets = secrets_of(box)
    found = [hit for number, text in enumerate(texts)
             for hit in find(secrets, text.encode(), f"text {number}")]
    places = {box.root / place: name for name in expected for place in PLACES[name]}
    for path in box.root.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        for name, place in find(secrets, path.read_bytes(), path):
            if places.get(path) == name:
                assert path.stat().st_mode & 0o077 == 0, path
                places[path] = None
            else:
                found.append((name, place))
    assert found == []
    assert [path for path, name in places.items() if name] == [], "where it belongs it is not"


def run_watched(box, verb, code, *options):
    """The run's outputs, after a look at its processes while it lasts."""
    process = box.start(verb, "--verbose", *options)
    watch = Watch(process.pid, secrets_of(box))
    watch.start()
    try:
        box.finish(process)
    finally:
        watch.stop()
    assert process.returncode == code, process.stdout_text + process.stderr_text
    assert watch.looks > 0 and watch.found == set()
    return process.stdout_text, process.stderr_text


def everything_said(box):
    """What anybody may ask afterwards."""
    for arguments in (["status"], ["status", "--json"], ["config", "show", "--json"],
                      ["config", "check", "--verbose"]):
        result = box.run(*arguments)
        yield from (result.stdout, result.stderr)


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
def test_a_run_that_goes_well(laden, options):
    said = run_watched(laden, "boot", 0, *options)
    # `config show` is asked by root, whom the user data is shown to.
    assert_no_trace(laden, *said, *list(everything_said(laden))[:4],
                    expected=["file", "variable", "user data"])


def test_the_search_finds_what_is_there(laden):
    """Or all of this would show nothing."""
    for number, text in enumerate(disguises(SECRETS["file"])):
        path = laden.root / f"var/lib/bootagent/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{" + text + b"}")
        with pytest.raises(AssertionError):
            assert_no_trace(laden)
        path.unlink()
    with pytest.raises(AssertionError):
        assert_no_trace(laden, "x" + SECRETS["token"])


if IS_ROOT:
    def test_the_journal_has_none(laden, tmp_path):
        laden.configure(steps=[shell("bad", "echo about to fail; exit 3")])
        status, entries, stderr = run_below_journal(
            laden.command("boot", "--verbose"), laden.environment(), tmp_path / "stderr")
        assert status == 1 and len(entries) > 1
        assert_no_trace(laden, json.dumps(entries), stderr,
                        expected=["file", "user data"])


# As a migration does that cannot reach its database.
PRINT = 'echo "cannot use $VARIABLE:"; cat config/master.key; env >&2'
FAILURES = {
    "git refuses the token": (
        lambda box: box.wants_token("another one"), ["user data"]),
    "git cuts the connection": (
        lambda box: box.set_git_fault({"cut_after_bytes": 10}), ["user data"]),
    "the step fails and says nothing": (
        lambda box: box.configure(steps=[shell("bad", "exit 3")]),
        ["file", "user data"]),
    "the step prints its variable": (
        lambda box: box.configure(steps=[shell("bad", PRINT + "; exit 3")]),
        ["file", "user data"]),
    "the step prints its variable and hangs": (
        lambda box: box.configure(steps=[shell("bad", PRINT + "; sleep 60", timeout="1s")]),
        ["file", "user data"]),
    "the probe fails": (
        lambda box: box.application_stops(), ["file", "variable", "user data"]),
    "a parameter is missing": (
        lambda box: box.configure(release={"linked_files": [
            {"path": "config/master.key", "parameter": "/hello/key"},
            {"path": "b.key", "parameter": "/hello/none"}]}), ["user data"]),
    "a variable that is none": (
        lambda box: box.region.put_parameter("/hello/env/A-B", SECRETS["variable"]),
        ["user data"]),
    "the verdict cannot be told": (
        lambda box: box.region.fault(kind="aws", action="CompleteLifecycleAction", fault="error",
                                     code="AccessDenied", message="no", status=403),
        ["file", "variable", "user data"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_run_that_fails(laden, failure):
    prepare, expected = FAILURES[failure]
    prepare(laden)
    code = 0 if "verdict" in failure else 1
    said = run_watched(laden, "boot", code)
    assert_no_trace(laden, *said, *list(everything_said(laden))[:4], expected=expected)
    if "prints" in failure:
        assert "| cannot use [secret]:" in said[1] and "| VARIABLE=[secret]" in said[1]


def test_a_good_step_that_prints(laden):
    """Its output is shown with --verbose."""
    laden.configure(steps=[shell("good", PRINT)])
    said = run_watched(laden, "boot", 0)
    assert "| cannot use [secret]:" in said[1]
    assert_no_trace(laden, *said, expected=["file", "variable", "user data"])


def test_a_rollback_whose_step_prints(laden):
    """The variables are those that the boot left for the units."""
    laden.configure(steps=[shell("after", 'echo "<$VARIABLE>"', when="after-publish")])
    laden.boot()
    laden.repository.commit({"b.txt": b"b\n"}, "the second revision")
    laden.sync()
    said = run_watched(laden, "rollback", 0)
    assert "| <[secret]>" in said[1]
    assert_no_trace(laden, *said, expected=["file", "variable", "user data"])


def test_a_user_in_the_address_is_not_shown(laden):
    """It may be a token that nobody told from a name."""
    url = laden.config["source"]["repo_url"].replace("://", "://unheard-of-token@")
    laden.configure(source={"repo_url": url, "timeout": "1s"})
    laden.set_git_fault({"silent": True})
    said = run_watched(laden, "boot", 1)
    assert "fetch 'http://127.0.0.1:" in said[1]
    assert_no_trace(laden, *said, expected=["user data"])
    for text in (*said, (laden.root / "run/bootagent/run.json").read_text()):
        assert "unheard-of-token" not in text


def limits(pid):
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max core file size"):
            return line.split()[4]
    return None


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_crash_leaves_no_core(laden, tmp_path):
    """A limit of one byte stops a core file and, unlike none, a program in core_pattern."""
    laden.configure(steps=[shell("stay", STAY)])
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    process = laden.start("boot", cwd=tmp_path,
                          preexec_fn=unlimited if hard == resource.RLIM_INFINITY else None)
    laden.wait_for_step()
    assert limits(process.pid) == "1"
    os.kill(process.pid, signal.SIGSEGV)
    process.communicate(timeout=WITHIN_S)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert_no_trace(laden, expected=["file", "user data"])


def test_a_worker_leaves_no_core(laden):
    laden.set_git_fault({"silent": True})
    process = laden.start("boot")
    worker = wait_for_child(process.pid, "bootagent-source")
    wait_until(lambda: limits(worker) == "1", WITHIN_S)
    process.terminate()
    laden.finish(process, 4)
