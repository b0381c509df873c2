# SPDX-License-Identifier: MIT
"""What goes wrong with the instance metadata, and what becomes of the boot (facts I1-I11).

One table: a fault a row, with the outcome, the sentence if it fails, and the time it may
take, from what the fault itself takes. It is printed at the end of the run. Version 1 is
never tried in any row: every GET carries a session token, and once.

BOOTAGENT_TESTS_LONG=1 adds the rows that take half a minute and more.
"""
import json
import os
import socket
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

import pytest

from conftest import save_table

TOKEN = "/latest/api/token"
IDENTITY = "/latest/dynamic/instance-identity/document"
USER_DATA = "/latest/user-data"
DOMAIN = "/latest/meta-data/services/domain"
TARGET = "/latest/meta-data/autoscaling/target-lifecycle-state"
ROLE = "/latest/meta-data/iam/security-credentials/"
KEYS = ROLE + "web-server"
# A boot without any fault; sanitized, on a busy machine.
BOOT_S = 4.0
# The longest pause between two tries, and a connection that is not accepted.
PAUSE_S, CONNECT_S = 3.0, 2.0
OFF = {"id": "i-0123456789abcdef0", "type": "t3.micro", "image_id": "ami-1",
       "availability_zone": "ap-northeast-2a", "region": "ap-northeast-2"}
DEAD_PROXY = {name: "http://127.0.0.1:9" for name in (
    "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}


@dataclass
class Row:
    """A fault and what is to come of it. `takes` is what the fault itself needs, in s."""
    name: str
    faults: list = field(default_factory=list)
    launch: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    deadline: str = None             # boot.deadline
    verdict: str = "CONTINUE"        # None: there is no hook to complete
    sentence: str = None             # of a boot that fails
    warning: str = None              # of one that does not
    takes: float = 0.0
    slack: float = 0.0
    stand_in: object = None          # etc/bootagent/instance.json
    endpoint: str = "{}"             # made of the region's
    is_heard: bool = True            # whether the service hears anything


def imds(path, count=1, **fault):
    return {"path": path, "count": count, **fault}


def status(path, number, count=1, **headers):
    return imds(path, count, fault="status", status=number, headers=headers)


# Half of boot.deadline is left for what else there is to do; all of it is used.
GIVES_UP = {"deadline": "10s", "takes": 4.5, "slack": 0.5, "verdict": None}
NO_GROUP = {"group": None, "hook": None}

ROWS = [
    Row("none"),
    Row("service 3 s late, connections refused", launch={"imds_after_ms": 3000}, takes=3,
        slack=PAUSE_S),
    Row("service 3 s late, connections dropped",
        launch={"imds_after_ms": 3000, "imds_before": "dropped"}, takes=3,
        slack=PAUSE_S + CONNECT_S),
    Row("service never there", launch={"imds_after_ms": 3600_000}, **GIVES_UP,
        is_heard=False,
        sentence="ask the metadata service for 'api/token': Couldn't connect to server"),
    Row("service drops all", launch={"imds_after_ms": 3600_000, "imds_before": "dropped"},
        **GIVES_UP, is_heard=False,
        sentence="ask the metadata service for 'api/token': Timeout was reached"),
    Row("token: 503, Retry-After 2", [status(TOKEN, 503, **{"Retry-After": 2})], takes=2),
    Row("identity: 503 twice", [status(IDENTITY, 503, 2)], takes=1, slack=2),
    Row("identity: 503 for ever", [status(IDENTITY, 503, None)], **GIVES_UP,
        sentence="the metadata service answered 503 for "
                 "'dynamic/instance-identity/document'"),
    Row("identity: 503, Retry-After longer than the time",
        [status(IDENTITY, 503, None, **{"Retry-After": 600})], deadline="10s",
        verdict=None, sentence="the metadata service answered 503 for "
                               "'dynamic/instance-identity/document'"),
    Row("domain: 401, the token expired", [status(DOMAIN, 401)]),
    Row("credentials: 401 in the middle of the run", [status(KEYS, 401)]),
    Row("identity: 401 for ever", [status(IDENTITY, 401, None)], **GIVES_UP,
        sentence="the metadata service answered 401 for "
                 "'dynamic/instance-identity/document'"),
    Row("identity: empty 200, twice", [imds(IDENTITY, 2, fault="empty")]),
    Row("domain: empty 200", [imds(DOMAIN, fault="empty")]),
    Row("target state: empty 200", [imds(TARGET, fault="empty")], slack=1),
    Row("role: empty 200", [imds(ROLE, fault="empty")], slack=3),
    Row("identity: garbage three times",
        [imds(IDENTITY, 3, fault="body", body="<html>")], slack=1),
    Row("identity: an id that is no name", [
        imds(IDENTITY, None, fault="body", body='{"instanceId": "../../etc"}')],
        **GIVES_UP,
        sentence="the identity document has no usable 'instanceId'"),
    Row("token: not printable", [imds(TOKEN, fault="body", body="two words\n")]),
    Row("token: empty", [imds(TOKEN, fault="empty")]),
    Row("token: 404, a host without version 2", [status(TOKEN, 404, None)], **GIVES_UP,
        sentence="the metadata service answered 404 for 'api/token'"),
    Row("identity: 100 kB, once", [imds(IDENTITY, fault="body", body_bytes=100_000)]),
    Row("identity: 100 kB, always", [imds(IDENTITY, None, fault="body", body_bytes=100_000)],
        **GIVES_UP,
        sentence="ask the metadata service for 'dynamic/instance-identity/document': "
                 "the answer is larger than 65536 bytes"),
    Row("identity: no HTTP, once", [imds(IDENTITY, fault="raw", body="SSH-2.0-x\r\n")]),
    Row("identity: no HTTP, always", [imds(IDENTITY, None, fault="raw", body="SSH-2.0-x\r\n")],
        **GIVES_UP,
        sentence="ask the metadata service for 'dynamic/instance-identity/document': "
                 "the answer is not HTTP"),
    Row("identity: cut in the middle", [imds(IDENTITY, fault="close")]),
    Row("identity: 404 once", [status(IDENTITY, 404)]),
    Row("domain: 404", [status(DOMAIN, 404, None)]),
    Row("token: no answer once", [imds(TOKEN, fault="silent")], takes=5),
    Row("token: no answer, a hop limit of 1", [imds(TOKEN, None, fault="silent")],
        **GIVES_UP,
        sentence="the metadata service takes connections but gives no token: in a "
                 "container, raise HttpPutResponseHopLimit to 2"),
    Row("token: 403, switched off", [status(TOKEN, 403, None)], verdict=None,
        sentence="the metadata service refuses (403): it is switched off for this "
                 "instance; set HttpEndpoint to enabled"),
    # with a token that was just given it is not switched off
    Row("identity: 403 once", [status(IDENTITY, 403)], slack=1),
    Row("identity: 403 for ever", [status(IDENTITY, 403, None)], **GIVES_UP,
        sentence="the metadata service refuses 'dynamic/instance-identity/document' (403)"),
    Row("domain: 403", [status(DOMAIN, 403, None)]),
    Row("user data: 403 once", [status(USER_DATA, 403)], slack=1),
    Row("target state: 403 once", [status(TARGET, 403)], slack=1),
    Row("role: 403 once", [status(ROLE, 403)], slack=1),
    Row("credentials: 403 once", [status(KEYS, 403)], slack=1),
    Row("target state: 404, then there", [status(TARGET, 404, 3)], takes=1.75, slack=3),
    Row("target state: 404, launched a minute ago", [status(TARGET, 404, None)],
        launch={"age_seconds": 60}, verdict=None),
    Row("target state: 404, launched 12 s ago", [status(TARGET, 404, None)],
        launch={"age_seconds": 12}, verdict=None, takes=1.9, slack=3.5),
    Row("in no group", launch={**NO_GROUP, "age_seconds": 60}, verdict=None),
    Row("role: 404 three times", [status(ROLE, 404, 3)], takes=1.75, slack=3),
    Row("credentials: 404 three times", [status(KEYS, 404, 3)], takes=1.75, slack=3),
    Row("credentials: Failed, twice", [
        imds(KEYS, 2, fault="body", body='{"Code": "Failed"}')], slack=2),
    Row("role: 404 twelve times", [status(ROLE, 404, 12)], takes=10.75, slack=11),
    Row("dead proxy in the environment", launch={**NO_GROUP, "age_seconds": 60},
        environment=DEAD_PROXY, verdict=None),
    Row("endpoint with a slash at its end", endpoint="{}/"),
    Row("endpoint with two slashes at its end", endpoint="{}//"),
    Row("endpoint that is none", endpoint="169.254.169.254", is_heard=False, verdict=None,
        sentence="AWS_EC2_METADATA_SERVICE_ENDPOINT is unusable: "
                 "http://HOST[:PORT] is expected"),
    Row("endpoint with a password", endpoint="http://u:hunter2@127.0.0.1", is_heard=False,
        verdict=None, sentence="AWS_EC2_METADATA_SERVICE_ENDPOINT is unusable: "
                               "http://HOST[:PORT] is expected"),
    Row("endpoint mode that is none", endpoint="", is_heard=False, verdict=None,
        environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"},
        sentence="AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is unusable: IPv4 or IPv6 is "
                 "expected"),
    Row("disabled, instance.json stands in", is_heard=False, verdict=None, stand_in=OFF,
        environment={"AWS_EC2_METADATA_DISABLED": "true"}),
    Row("disabled, no instance.json", is_heard=False, verdict=None,
        environment={"AWS_EC2_METADATA_DISABLED": "true"},
        sentence="AWS_EC2_METADATA_DISABLED is true and there is no "
                 "/etc/bootagent/instance.json: write one (id, type, image_id, "
                 "availability_zone, region) or unset the variable"),
    Row("disabled, a wrong instance.json", is_heard=False, verdict=None,
        stand_in={**OFF, "zone": "a"}, environment={"AWS_EC2_METADATA_DISABLED": "true"},
        sentence="/etc/bootagent/instance.json: 'zone' is no key of it: id, type, "
                 "image_id, availability_zone and region are"),
]

LONG_ROWS = [
    Row("service 30 s late, connections refused", launch={"imds_after_ms": 30_000},
        takes=30, slack=PAUSE_S),
    Row("service 30 s late, connections dropped",
        launch={"imds_after_ms": 30_000, "imds_before": "dropped"}, takes=30,
        slack=PAUSE_S + CONNECT_S),
    Row("target state: 404, launched just now", [status(TARGET, 404, None)], verdict=None,
        takes=14, slack=3.5),
    # the verdict has a minute of its own
    Row("no role", launch={"role": None}, deadline="10s", verdict=None, takes=60, slack=5,
        warning="the instance has no IAM role: attach an instance profile"),
]
if os.environ.get("BOOTAGENT_TESTS_LONG"):
    ROWS += LONG_ROWS


class Table:
    """The rows as they came out."""

    def __init__(self):
        self.lines = [f"{'fault':<50}{'took':>8}  allowed    outcome"]

    def add(self, row, result, took_s):
        told = row.verdict or "done, no hook"
        if result.returncode:
            told = f"fails: {row.sentence}"
        elif row.warning:
            told = f"done, no verdict: {row.warning}"
        self.lines.append(f"{row.name:<50}{took_s:6.1f} s  {row.takes:4.1f}-"
                          f"{row.takes + row.slack + BOOT_S:4.1f}  {told}")


@pytest.fixture(scope="module")
def table():
    made = Table()
    yield made
    save_table("metadata faults", made.lines)


def prepare(box, row):
    for fault in row.faults:
        box.region.fault(kind="imds", **fault)
    if row.deadline:
        box.configure(boot={"deadline": row.deadline})
    if row.stand_in is not None:
        (box.root / "etc/bootagent/instance.json").write_text(json.dumps(row.stand_in))
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": row.endpoint.format(box.instance["imds"]),
            **row.environment}


def judge(box, row, result):
    said = result.stderr.splitlines()
    if row.sentence:
        assert result.returncode == 1
        assert said[-1] == f"bootagent: boot: metadata: {row.sentence}"
        assert "fetch" not in result.stdout
    else:
        assert result.returncode == 0, result.stdout + result.stderr
    if row.warning:
        assert row.warning in said[-1]
    wanted = [row.verdict] if row.verdict else []
    assert box.verdict_words() == wanted


def judge_calls(calls, row):
    assert bool(calls) == row.is_heard
    for call in calls:
        names = [name.lower() for name, _ in call["headers"]]
        assert names.count("x-aws-ec2-metadata-token") == (call["method"] == "GET")
    for one, two in zip(calls, calls[1:]):   # never two at a time (facts I2)
        assert two["monotonic"] >= one["monotonic"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_metadata_fault(make_box, table, row):
    # launched with the boot: what is late counts from there
    box = make_box()
    box.region.remove(box.instance["instance_id"])
    box.instance = box.region.launch(**row.launch)
    box.region.clear_calls()
    environment = prepare(box, row)
    begun_s = time.monotonic()
    result = box.run("boot", environment=environment)
    took_s = time.monotonic() - begun_s
    table.add(row, result, took_s)
    judge(box, row, result)
    judge_calls(box.region.calls(kind="imds"), row)
    assert row.takes * 0.95 <= took_s <= row.takes + row.slack + BOOT_S


# What the table cannot say.

def test_waiting_is_told_once_not_at_every_try(make_box):
    box = make_box()
    box.region.fault(kind="imds", path=IDENTITY, count=5, fault="status", status=500)
    said = box.boot().stderr.splitlines()
    assert said[0] == ("bootagent: boot: waiting for the instance metadata: the metadata "
                       "service answered 500 for 'dynamic/instance-identity/document'")
    assert said[1].startswith("bootagent: boot: the instance metadata: there after ")
    assert len(said) == 2


@pytest.mark.parametrize("path, sentence", [
    (ROLE, "the instance has no IAM role: attach an instance profile"),
    (KEYS, "the role 'web-server' has no keys yet: does its trust policy name "
           "ec2.amazonaws.com?"),
])
def test_missing_keys_are_told_while_they_are_waited_for(make_box, path, sentence):
    box = make_box()
    box.region.fault(kind="imds", path=path, fault="status", status=404)
    process = box.start("boot")
    begun_s = time.monotonic()
    while len(box.region.calls(kind="imds", path=path)) < 2 or not box.status()[0]["serving"]["ready"]:
        assert time.monotonic() - begun_s < 10
        time.sleep(0.02)
    process.terminate()
    box.finish(process, 4)
    assert f"bootagent: boot: waiting for credentials: {sentence}" \
        in process.stderr_text.splitlines()


def test_a_late_group_does_not_hold_up_the_release(make_box):
    """The fetch begins while the target state is still 404."""
    box = make_box()
    box.region.fault(kind="imds", path=TARGET, count=4, fault="status", status=404)
    process = box.start("boot")
    begun_s = time.monotonic()
    while box.current() is None:
        assert time.monotonic() - begun_s < 10
        time.sleep(0.02)
    there_s = time.monotonic()
    box.finish(process, 0)
    asked = box.region.calls(kind="imds", path=TARGET)
    assert len(asked) == 5
    assert asked[-1]["monotonic"] > there_s
    assert box.verdict_words() == ["CONTINUE"]


def test_a_token_that_expires_in_the_middle_of_a_run(make_box):
    """Facts I5: one new token, in place of the old one."""
    box = make_box()
    box.region.fault(kind="imds", path=TARGET, count=2, fault="status", status=404)
    process = box.start("boot")
    begun_s = time.monotonic()
    while not box.region.calls(kind="imds", path=TARGET):
        assert time.monotonic() - begun_s < 10
        time.sleep(0.02)
    box.region.expire_tokens(box.instance["instance_id"])
    box.finish(process, 0)
    calls = box.region.calls(kind="imds")
    assert [call["status"] for call in calls].count(401) == 1
    assert [call["method"] for call in calls].count("PUT") == 2
    assert box.verdict_words() == ["CONTINUE"]


def just_started():
    """Runs a program where the kernel seems to have started two seconds ago."""
    uptime_s = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    return ["unshare", "--time", "--boottime", str(2 - uptime_s)]


if os.geteuid() == 0:   # a time namespace needs root; for others this test does not exist
    def test_a_clock_that_is_ahead_does_not_make_a_404_believed(make_box):
        """Launched an hour ago, says the clock, but the machine has just started (facts A1)."""
        box = make_box(age_seconds=3600)
        box.region.fault(kind="imds", path=TARGET, count=3, fault="status", status=404)
        box.boot(wrapper=just_started())
        assert box.verdict_words() == ["CONTINUE"]


class Forwarder:
    """A port of ::1 that leads to a port of 127.0.0.1."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.url = f"http://[::1]:{self.listener.getsockname()[1]}"
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            two = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.sockets += [one, two]
            for pair in ((one, two), (two, one)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for one in self.sockets:
            one.close()


def test_endpoint_of_ipv6(make_box):
    box = make_box()
    forwarder = Forwarder(urllib.parse.urlsplit(box.instance["imds"]).port)
    try:
        box.boot(environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT": forwarder.url})
    finally:
        forwarder.close()
    assert box.verdict_words() == ["CONTINUE"]
