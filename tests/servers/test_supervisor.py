# SPDX-License-Identifier: MIT
"""The Puma supervisor with the sample application, as a client sees it.

One application directory in Capistrano's layout; `publish` does what a deployment does
to it: a new release, then `current` renamed over the old link.
"""
import http.client
import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from servers.process import Server, identity, wait_until
from servers.repository import RACK, lock_for_this_machine

SUPERVISOR = RACK.parent / "puma_supervisor.py"
RESTART = RACK.parent / "restart"
PYTHON = "/usr/bin/python3"
START_S = 20
BROKEN = b'raise "this release is broken"\n'


class Site:
    """DEPLOY_TO with its releases, and the supervisor that runs `current`."""

    def __init__(self, directory, user):
        self.directory = directory
        self.user = user
        self.deploy_to = directory / "site"
        self.run = directory / "run"
        self.pid_file = self.run / "supervisor.pid"
        self.log = self.run / "puma.log"
        (self.deploy_to / "releases").mkdir(parents=True)
        self.run.mkdir()
        self.lock = lock_for_this_machine((RACK / "Gemfile").read_bytes())
        if user:
            shutil.chown(self.run, user)
        # A copy: the application's user may not be able to enter the source tree.
        self.program = shutil.copy(SUPERVISOR, directory)

    def publish(self, digit, files=None):
        """A release whose revision is that hexadecimal digit, 40 times; returns it."""
        release = self.deploy_to / "releases" / digit
        shutil.copytree(RACK, release)
        (release / "Gemfile.lock").write_bytes(self.lock)
        (release / "VERSION").write_text(f"version {digit}\n")
        (release / "REVISION").write_text(digit * 40 + "\n")
        for name, data in (files or {}).items():
            (release / name).write_bytes(data)
        self.point_to(digit)
        return digit * 40

    def point_to(self, digit):
        link = self.deploy_to / "current.new"
        link.symlink_to(f"releases/{digit}")
        link.rename(self.deploy_to / "current")

    @contextmanager
    def supervised(self):
        argv = [PYTHON, self.program, "--directory", str(self.deploy_to)]
        argv += ["--pid-file", str(self.pid_file), "--log", str(self.log)]
        # What a caller under bundler would leak into the wrong application.
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.run),
                       "BUNDLE_GEMFILE": "/nonexistent/Gemfile", "RUBYOPT": "-rnothing"}
        with Server.start(argv, user=self.user, env=environment, cwd="/") as server:
            self.port = server.ready["port"]
            assert self.pid_file.read_text() == f"{server.pid}\n"
            assert server.ready["pid"] == server.pid
            yield server

    def restart(self):
        subprocess.run([RESTART, self.pid_file], check=True, timeout=10)

    def get(self, path="/", timeout=START_S):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.getheader("X-Revision"), reply.read().decode()
        finally:
            connection.close()

    def serves(self, revision):
        return wait_until(lambda: self.get()[1] == revision, START_S)

    def puma_pids(self, supervisor_pid):
        """The supervisor's children, running or not reaped."""
        path = f"/proc/{supervisor_pid}/task/{supervisor_pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]


@pytest.fixture
def site(directory, user):
    return Site(directory, user)


def gone(pid):
    """Ended and reaped."""
    return not os.path.exists(f"/proc/{pid}")


def ended(pid):
    """Ended; an orphan's zombie is for init to reap, and not every container has one."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_pages(site):
    revision = site.publish("a")
    with site.supervised():
        assert site.get() == (200, revision, "hello from version a (revision aaaaaaaaaaaa)\n")
        assert site.get("/health") == (200, revision, "ok\n")
        assert site.get("/nothing")[:2] == (404, revision)


def test_no_revision_file_means_an_empty_header(site):
    site.publish("a", {"REVISION": b"\n"})
    with site.supervised():
        assert site.get("/health") == (200, "", "ok\n")


def test_runs_as_the_user_and_waits_for_the_first_release(site):
    with site.supervised() as server:
        with pytest.raises(TimeoutError):
            site.get(timeout=0.3)
        assert site.puma_pids(server.pid) == []
        revision = site.publish("a")
        site.restart()
        assert site.get()[1] == revision
        (puma,) = site.puma_pids(server.pid)
        if site.user:
            assert os.stat(f"/proc/{puma}").st_uid == identity(site.user)["user"]


class Poller(threading.Thread):
    """Asks again and again; remembers every answer and every failure."""

    def __init__(self, site, count):
        super().__init__(daemon=True)
        self.site, self.count = site, count
        self.revisions, self.failures = [], []

    def run(self):
        while len(self.revisions) + len(self.failures) < self.count:
            try:
                self.revisions.append(self.site.get()[1])
            except OSError as error:
                self.failures.append(repr(error))
            time.sleep(0.01)


def test_200_requests_over_two_restarts_see_no_failure(site):
    revisions = [site.publish("a")]
    with site.supervised():
        site.serves(revisions[0])
        poller = Poller(site, 200)
        poller.start()
        for digit in "bc":
            time.sleep(0.3)
            revisions.append(site.publish(digit))
            site.restart()
            site.serves(revisions[-1])
        poller.join(60)
        assert not poller.is_alive()
    assert poller.failures == []
    # Each seen, in this order, and never an old one again.
    assert list(dict.fromkeys(poller.revisions)) == revisions
    assert poller.revisions == sorted(poller.revisions)


def test_current_is_resolved_at_the_restart_and_not_before(site):
    old = site.publish("a")
    with site.supervised() as server:
        site.serves(old)
        (first,) = site.puma_pids(server.pid)
        assert os.readlink(f"/proc/{first}/cwd").endswith("releases/a")
        new = site.publish("b")
        assert site.get()[1] == old
        site.restart()
        site.serves(new)
        (second,) = site.puma_pids(server.pid)
        assert second != first and gone(first)


def test_a_burst_of_restarts_ends_with_the_last_release(site):
    site.publish("a")
    with site.supervised() as server:
        for digit in "bcd":
            revision = site.publish(digit)
            site.restart()
        site.serves(revision)
        assert len(site.puma_pids(server.pid)) == 1


def test_a_broken_release_is_survived_and_taken_back(site):
    good = site.publish("a")
    with site.supervised() as server:
        site.serves(good)
        site.publish("b", {"config.ru": BROKEN})
        site.restart()
        wait_until(lambda: site.log.read_text().count("died by itself") >= 2, START_S)
        assert server.running and "this release is broken" in site.log.read_text()
        assert "again in 1 s" in site.log.read_text()
        site.point_to("a")
        site.restart()
        assert site.get()[1] == good


def test_a_puma_that_dies_is_replaced(site):
    revision = site.publish("a")
    with site.supervised() as server:
        site.serves(revision)
        (puma,) = site.puma_pids(server.pid)
        os.kill(puma, 9)
        assert site.get()[1] == revision
        assert site.puma_pids(server.pid) != [puma] and gone(puma)


def test_a_puma_that_loses_a_term_is_asked_again(site):
    """As Puma 5.6 does while it boots; without asking again it takes 10 s and a KILL."""
    deaf_once = b"asked = 0\nSignal.trap('TERM') { (asked += 1) > 1 && exit!(0) }\n"
    site.publish("a", {"config.ru": deaf_once + (RACK / "config.ru").read_bytes()})
    with site.supervised() as server:
        site.get()
        started = time.monotonic()
        assert server.stop() == 0
        assert 0.4 < time.monotonic() - started < 5
    assert "killing" not in site.log.read_text()


@pytest.mark.parametrize("when", ["serving", "starting", "empty"])
def test_term_leaves_nothing_behind(site, when):
    if when != "empty":
        site.publish("a")
    with site.supervised() as server:
        if when == "serving":
            site.get()
        pids = site.puma_pids(server.pid)
        assert server.stop() == 0
    assert all(gone(pid) for pid in pids)
    assert not site.pid_file.exists()
    with pytest.raises(ConnectionRefusedError):
        site.get()


def test_puma_ends_with_a_supervisor_that_was_killed(site):
    revision = site.publish("a")
    with site.supervised() as server:
        site.serves(revision)
        (puma,) = site.puma_pids(server.pid)
        server.signal(9)
        server.wait(5)
        wait_until(lambda: ended(puma), 5)


@pytest.mark.parametrize("content, message", [
    (None, "no pid file"), ("", "does not hold"), ("x", "does not hold"), ("1", "does not hold"),
])
def test_restart_says_what_is_wrong(site, content, message):
    if content is not None:
        site.pid_file.write_text(content)
    result = subprocess.run([RESTART, site.pid_file], capture_output=True, text=True, timeout=10)
    assert result.returncode == 1 and message in result.stderr
