# SPDX-License-Identifier: MIT
"""A git host that falls silent under `bootagent sync`: the supervisor ends its worker, the
good release serves, and the next sync does what this one could not.

The worker's own silences, on every way and at more moments, are in test_source_faults.py;
here it is who ends them, by which of the two limits, and what is left.
"""
import contextlib
import fcntl
import os
from urllib.parse import urlsplit

import pytest

from conftest import WITHIN_S, Machine, wait_for_child
from servers.passage import Passage
from servers.process import wait_until
from servers.ssh import Ssh
from worker.source import MEBIBYTE

# What SOURCE allows a silence, whatever source.timeout is.
IDLE_S = 60
FAR_BYTES = 4 * MEBIBYTE
PLACES = {"at accept": 0, "in mid-pack": FAR_BYTES}


class Silenced:
    """A booted machine whose git host stops in the middle of the next sync."""

    def __init__(self, machine, way, left_bytes, stack):
        self.machine, self.way = machine, way
        self.configure = {"http": self.over_http, "ssh": self.over_ssh}[way]
        self.ssh = None
        self.parameter = f"/{machine.instance['instance_id']}/key"
        if way == "ssh":
            self.ssh = stack.enter_context(Ssh(machine.directory / "ssh"))
            machine.region.put_parameter(self.parameter, self.ssh.key)
        self.configure()
        machine.boot()
        machine.repository.commit({"large": os.urandom(2 * FAR_BYTES)}, "large")
        self.served = machine.current()
        port = self.ssh.port if self.ssh else urlsplit(machine.git.ready["url"]).port
        self.passage = stack.enter_context(Passage(port, left_bytes))

    def over_http(self, port=None):
        port = port or urlsplit(self.machine.git.ready["url"]).port
        self.machine.configure(source={"repo_url": f"http://127.0.0.1:{port}/app.git"})

    def over_ssh(self, port=None):
        self.machine.configure(source={
            "repo_url": self.ssh.url(str(self.machine.repository.path), port=port),
            "ssh_key_parameter": self.parameter, "host_keys": [self.ssh.host_keys["ed25519"]]})

    def start(self, timeout=None):
        """A sync through the passage, with its worker watched."""
        self.configure(self.passage.port)
        if timeout:
            self.machine.configure(source={"timeout": timeout})
        self.process = self.machine.start("sync")
        self.worker = self.machine.watch(wait_for_child(self.process.pid, "bootagent-source"))
        wait_until(lambda: self.passage.is_still, WITHIN_S)

    def end(self, sentence):
        """The sync has ended for that reason, and left nothing that lives."""
        output, complaints = self.process.communicate(timeout=IDLE_S + WITHIN_S)
        assert self.process.returncode == 5, output + complaints
        assert f"bootagent-source: {sentence}" in complaints, complaints
        assert self.worker.has_ended()
        with open(self.machine.root / "run/bootagent/lock", "rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        document = self.machine.document()
        assert document["last_run"]["error"]["code"] == "ETIMEDOUT"
        assert document["last_run"]["cause"] == "git"
        assert document["serving"]["ready"] and self.machine.current() == self.served
        assert self.left() == []

    def left(self):
        """What a killed worker leaves: half a pack may be large, and no run may come for long."""
        cache = self.machine.root / "var/cache/bootagent"
        return [path for pattern in ("*.lock", "pack_git2_*", ".tmp-*", "*.damaged")
                for path in cache.rglob(pattern)]

    def goes_on(self):
        self.configure()
        self.machine.configure(source={"timeout": "1m"})
        self.machine.sync()
        assert self.machine.current()[1] == self.machine.repository.head
        assert self.left() == []


@pytest.fixture
def silenced(shared_region):
    with contextlib.ExitStack() as stack:
        def make(way, place):
            machine = stack.enter_context(Machine(region=shared_region))
            return Silenced(machine, way, PLACES[place], stack)
        yield make
    shared_region.clear_parameters()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["http", "ssh"])
def test_its_time_is_over(silenced, way, place):
    one = silenced(way, place)
    one.start("2s")
    one.end("it was not done in time")
    one.goes_on()


def test_nothing_moves(silenced):
    """All four at once, for each takes the whole limit."""
    ones = [silenced(way, place) for way in ("http", "ssh") for place in PLACES]
    for one in ones:
        one.start()
    for one in ones:
        one.end(f"nothing moved for {IDLE_S} s")
    for one in ones:
        one.goes_on()
