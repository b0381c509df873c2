# SPDX-License-Identifier: MIT
"""What the tests of the whole agent share: a machine of its own for each, in one region.

A run that leaves a sanitizer's report, or a process that outlives its test, fails it.
"""
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from box.box import PYTHON, Box, build_directory  # noqa: E402
from region.client import Region  # noqa: E402
from servers.process import wait_until  # noqa: E402
from servers.repository import Repository  # noqa: E402
from worker.source import made_world  # noqa: E402
from worker.tree import made_tree  # noqa: E402
from worker.trees import Forge  # noqa: E402

WITHIN_S = 30
IS_ROOT = os.geteuid() == 0
# A step that says its pid and stays, unless it is told to pass. It is the shell's pid and
# stays that of `sleep`.
STAY = """shared=$BOOTAGENT_DEPLOY_TO/shared
test -e "$shared/pass" && exit 0
echo $$ >"$shared/pid.new" && mv "$shared/pid.new" "$shared/pid"
exec sleep 300"""
COUNT = 'echo x >>"$BOOTAGENT_DEPLOY_TO/shared/count"'


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


def save_table(name, lines):
    """A table of what tests measured, in build/results; `make check-integration` prints it."""
    results = build_directory().parent / "results"
    results.mkdir(exist_ok=True)
    text = "\n".join([f"---- {name}", *lines, ""])
    (results / f"{name.replace(' ', '-')}.txt").write_text(text)


def owner(user):
    """A user as the agent takes it: itself unless it is root."""
    return pwd.getpwnam(user) if IS_ROOT else pwd.getpwuid(os.geteuid())


def shell(name, script, **keys):
    """A step that is a shell script."""
    return {"name": name, "run": ["sh", "-c", script], **keys}


class Watched:
    """A process by its pidfd: never another one that got its number."""

    def __init__(self, pid):
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def has_ended(self, within_s=0.0):
        return bool(select.select([self.fd], [], [], within_s)[0])

    def kill(self):
        if self.fd >= 0 and not self.has_ended():
            signal.pidfd_send_signal(self.fd, signal.SIGKILL)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class Machine(Box):
    """A box, and what tests ask of it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.started = []
        self.watched = []

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=WITHIN_S)
        for watched in self.watched:
            watched.kill()
            watched.close()
        super().close()

    def environment(self):
        """The strict sanitizers too, when the build has them."""
        strict = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
                  if name in os.environ}
        return {**super().environment(), **strict}

    def run(self, *arguments, **options):
        result = super().run(*arguments, **options)
        assert_clean(result.stderr or "")
        return result

    def boot(self, code=0, **options):
        return self.expect("boot", code, **options)

    def sync(self, code=0, **options):
        return self.expect("sync", code, **options)

    def expect(self, verb, code, **options):
        result = self.run(verb, **options)
        assert result.returncode == code, result.stdout + result.stderr
        return result

    def start(self, *arguments, **options):
        process = super().start(*arguments, **options)
        self.started.append(process)
        return process

    def finish(self, process, code=None):
        """Wait for a started run; its output."""
        process.stdout_text, process.stderr_text = process.communicate(timeout=WITHIN_S)
        assert_clean(process.stderr_text or "")
        if code is not None:
            assert process.returncode == code, process.stdout_text + process.stderr_text
        return process

    def watch(self, pid):
        watched = Watched(pid)
        self.watched.append(watched)
        return watched

    # The configuration.

    def configure(self, **sections):
        """Add members to sections (or replace `steps`), and write the file."""
        for name, value in sections.items():
            if isinstance(value, dict):
                self.config.setdefault(name, {}).update(value)
            else:
                self.config[name] = value
        self.write_config()

    # What can be seen from outside.

    def document(self):
        return self.status()[0]

    @property
    def last_run(self):
        return self.document()["last_run"]

    def gate(self):
        path = self.root / "run/bootagent/synced"
        return json.loads(path.read_text()) if path.exists() else None

    def releases(self):
        """{name: state} of releases.json."""
        document = self.state("releases.json") or {"releases": []}
        return {item["release"]: item["state"] for item in document["releases"]}

    def release_directories(self):
        return sorted(path.name for path in (self.deploy_to / "releases").iterdir())

    def revisions_log(self):
        path = self.deploy_to / "revisions.log"
        return path.read_text().splitlines() if path.exists() else []

    def shared(self, name):
        return self.deploy_to / "shared" / name

    def count(self):
        """How often the step COUNT ran."""
        path = self.shared("count")
        return len(path.read_text().splitlines()) if path.exists() else 0

    def verdict_words(self):
        return [result for result, _ in self.verdicts()]

    def aws_actions(self):
        return [call["action"] for call in self.region.calls(kind="aws")]

    def git_requests(self):
        return len(self.git_log.read_text().splitlines()) if self.git_log.exists() else 0

    # The step STAY.

    def wait_for_step(self):
        """The running step STAY."""
        wait_until(self.shared("pid").exists, WITHIN_S)
        return self.watch(int(self.shared("pid").read_text()))

    def let_pass(self):
        self.shared("pid").unlink(missing_ok=True)
        self.shared("pass").touch()

    # The machine's life.

    def launch_from_image(self, **launch):
        """Another instance of the image that was made of this one: all but /run and verdicts."""
        self.reboot()
        self.region.remove(self.instance["instance_id"])
        self.instance = self.region.launch(**{**self._launch, **launch})
        self.region.clear_calls()

    def application_stops(self):
        """From now on nobody answers the probe."""
        self.application.stop()

    def break_release(self):
        """Commit a revision whose probe fails."""
        return self.repository.commit({"broken": b"yes\n"}, "a broken revision")


def assert_clean(stderr):
    for word in ("Sanitizer", "runtime error"):
        assert word not in stderr, stderr


def children(pid):
    """The direct children of a process."""
    found = []
    try:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def wait_for_child(pid, name=None):
    """The pid of a child, as soon as it executes the program of that name."""
    def find():
        for child in children(pid):
            try:
                executed = Path(os.readlink(f"/proc/{child}/exe")).name
            except OSError:
                continue
            if name is None or executed == name:
                return child
        return None
    return wait_until(find, WITHIN_S)


def proc_status(pid):
    """/proc/PID/status as {field: text}."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def proc_fds(pid):
    """{fd: what it is}."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(path.name)] = os.readlink(path)
        except FileNotFoundError:
            pass
    return found


def is_at_lock(pid):
    """A run has made its places; what it does next is to try the lock."""
    return any(name.endswith("/var/cache/bootagent") for name in proc_fds(pid).values())


def proc_strings(pid, name):
    """A NUL-separated file of /proc."""
    data = Path(f"/proc/{pid}/{name}").read_bytes()
    return [text.decode() for text in data.split(b"\0") if text]


def build_copy(directory, **replaced):
    """A build directory of copies; source=PATH puts another helper there, None none."""
    directory.mkdir()
    shutil.copy(build_directory() / "bootagent", directory)
    for name in ("source", "tree"):
        program = replaced.get(name, build_directory() / f"bootagent-{name}")
        if program is not None:
            shutil.copy(program, directory / f"bootagent-{name}")
    return directory


def compile_c(source, program, *flags):
    """A tiny program for a test to put in a helper's place."""
    subprocess.run(["cc", "-O1", *flags, "-x", "c", "-", "-o", program], input=source, text=True,
                   check=True, timeout=WITHIN_S)
    return Path(program)


@pytest.fixture(scope="session")
def shared_region():
    with Region.start(python=PYTHON) as region:
        yield region


@pytest.fixture
def make_box(shared_region):
    """make_box(**launch options) starts a machine that ends with the test."""
    boxes = []

    def make(**options):
        machine = Machine(region=shared_region, **options)
        boxes.append(machine)
        return machine.__enter__()
    yield make
    for machine in reversed(boxes):
        machine.close()


@pytest.fixture
def box(make_box):
    return make_box()


@pytest.fixture
def booted(box):
    """A machine whose first boot is over; what the region saw of it is forgotten."""
    box.boot()
    box.region.clear_calls()
    return box


@pytest.fixture
def tree():
    """A deploy_to for bootagent-tree by hand."""
    with made_tree() as made:
        yield made


@pytest.fixture
def world():
    """A git host, and bootagent-source by hand."""
    with made_world() as made:
        yield made


@pytest.fixture
def repository(world):
    return Repository.generic(world.served, {"README": b"hello\n", "lib/a.rb": b"A = 1\n"})


@pytest.fixture
def forge(world, repository):
    return Forge(world, repository)
