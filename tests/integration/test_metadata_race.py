# SPDX-License-Identifier: MIT
"""Which of the two metadata addresses is taken (facts I9), seen on the real addresses.

169.254.169.254 and fd00:ec2::254 are given to the loopback of a network namespace of this
test's own, with nothing else in it, so that nothing here ever reaches a real metadata service.
A sync is begun there: METADATA is what counts; that it finds no git server later is fine.
"""
import json
import os
import subprocess
import textwrap
import time

import pytest

from box.box import PYTHON

IPV4, IPV6 = "169.254.169.254", "fd00:ec2::254"

# Runs inside the namespace: both servers as told, then the agent; prints who was asked what.
INSIDE = textwrap.dedent("""
    import http.server, json, socket, subprocess, sys, threading, time
    plan = json.loads(sys.argv[1])
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_PUT(self):
            self.answer("a-token")
        def do_GET(self):
            path = self.path.removeprefix("/latest/")
            self.answer(plan["values"].get(path))
        def answer(self, text):
            asked.append([self.server.name, self.command, self.path])
            time.sleep(self.server.delay_s)
            body = (text or "").encode()
            self.send_response(self.server.status or (200 if text else 404))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

    class Server6(Server):
        address_family = socket.AF_INET6

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    held = []
    for address, how in plan["servers"].items():
        is_6 = ":" in address
        if how == "no route":
            continue
        # nodad: else the address is tentative for a while, and cannot be bound
        subprocess.run(["ip", "address", "add", address + ("/128" if is_6 else "/32"), "dev",
                        "lo", *(["nodad"] if is_6 else [])], check=True)
        if how == "dropped":   # a full backlog: the kernel drops every new SYN
            one = socket.socket(socket.AF_INET6 if is_6 else socket.AF_INET)
            one.bind((address, 80))
            one.listen(0)
            for _ in range(3):
                filler = socket.socket(one.family)
                filler.setblocking(False)
                filler.connect_ex((address, 80))
                held.append(filler)
            held.append(one)
        elif how != "refused":
            server = (Server6 if is_6 else Server)((address, 80), Handler)
            server.name, server.delay_s = address, how.get("delay_s", 0)
            server.status = how.get("status")
            threading.Thread(target=server.serve_forever, daemon=True).start()
    begun = time.monotonic()
    ended = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60)
    print(json.dumps({"stdout": ended.stdout, "stderr": ended.stderr, "asked": asked,
                      "took_s": time.monotonic() - begun}))
""")

VALUES = {
    "dynamic/instance-identity/document": json.dumps({
        "instanceId": "i-0123456789abcdef0", "instanceType": "t3.micro", "imageId": "ami-1",
        "availabilityZone": "ap-northeast-2a", "region": "ap-northeast-2"}),
    "meta-data/services/domain": "amazonaws.com",
}


def only_root(test):
    """Network namespaces need root; for others this test does not exist."""
    return test if os.geteuid() == 0 else None


@pytest.fixture
def sync(make_box):
    """Runs a sync among those servers; what was said, who was asked, METADATA's time."""
    def run(ipv4, ipv6, deadline="10s", **environment):
        box = make_box()
        box.configure(boot={"deadline": deadline})
        variables = {name: value for name, value in box.environment().items()
                     if not name.startswith("AWS_")}
        plan = {"values": VALUES, "servers": {IPV4: ipv4, IPV6: ipv6}}
        result = subprocess.run(
            ["unshare", "--net", PYTHON, "-c", INSIDE, json.dumps(plan),
             *box.command("sync", "--json")],
            env={**variables, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=90, check=False)
        assert result.returncode == 0, result.stderr
        said = json.loads(result.stdout)
        stage = json.loads(said["stdout"].splitlines()[0])
        assert stage["stage"] == "metadata"
        assert "Sanitizer" not in said["stderr"]
        return stage, said
    return run


def who(said, method):
    return [name for name, asked, _ in said["asked"] if asked == method]


@only_root
@pytest.mark.parametrize("ipv4, ipv6, winner, least_ms, most_ms", [
    ({}, {}, IPV4, 0, 170),
    ({}, "no route", IPV4, 0, 170),
    ({}, "dropped", IPV4, 0, 170),
    ("no route", {}, IPV6, 0, 170),
    ("refused", {}, IPV6, 0, 170),
    ("dropped", {}, IPV6, 150, 600),
    ({"delay_s": 1.5}, {}, IPV6, 150, 600),
    ({"delay_s": 0.4}, "no route", IPV4, 1000, 2200),
    ({"delay_s": 0.4}, "dropped", IPV4, 1000, 2200),
], ids=str)
def test_the_first_to_answer_is_kept(sync, ipv4, ipv6, winner, least_ms, most_ms):
    stage, said = sync(ipv4, ipv6)
    assert stage["state"] == "done", stage
    assert least_ms <= stage["duration_ms"] <= most_ms
    # one token, and every value from the same address: identity, domain, user data
    assert who(said, "GET") == [winner] * 3
    assert who(said, "PUT").count(winner) == 1
    if winner == IPV4 and "delay_s" not in str(ipv4):
        assert who(said, "PUT") == [IPV4]


@only_root
@pytest.mark.parametrize("mode, ipv4, ipv6, winner", [
    ("IPv4", {"delay_s": 0.4}, {}, IPV4), ("ipv6", {}, {}, IPV6), ("", {}, {}, IPV4),
])
def test_the_mode_names_one_of_them(sync, mode, ipv4, ipv6, winner):
    stage, said = sync(ipv4, ipv6, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=mode)
    assert stage["state"] == "done", stage
    assert {name for name, _, _ in said["asked"]} == {winner}


@only_root
def test_a_refusal_is_an_answer(sync):
    """403 from one address: the service is there and off, the other one is not waited for."""
    stage, said = sync({"status": 403}, "dropped")
    assert stage["state"] == "failed"
    assert stage["duration_ms"] < 600
    assert "switched off" in stage["detail"]
    assert who(said, "PUT") == [IPV4]


@only_root
@pytest.mark.parametrize("status", [403, 404, 503])
@pytest.mark.parametrize("slow, fast", [(IPV4, IPV6), (IPV6, IPV4)])
def test_a_refusal_waits_for_who_is_connected(sync, status, slow, fast):
    """What takes 0.4 s and is good is better than what refuses at once."""
    servers = {slow: {"delay_s": 0.4}, fast: {"status": status}}
    if fast == IPV4:   # or it would be the only one that is asked
        servers[fast]["delay_s"] = 0.25
    stage, said = sync(servers[IPV4], servers[IPV6])
    assert stage["state"] == "done", stage
    assert stage["duration_ms"] < 2500
    assert who(said, "GET") == [slow] * 3
    assert sorted(who(said, "PUT")) == [IPV4, IPV6]


@only_root
def test_two_refusals_are_one(sync):
    stage, said = sync({"status": 403, "delay_s": 0.4}, {"status": 403})
    assert stage["state"] == "failed"
    assert stage["duration_ms"] < 1000
    assert "switched off" in stage["detail"]
    assert sorted(who(said, "PUT")) == [IPV4, IPV6]


@only_root
def test_neither_answers(sync):
    stage, said = sync("no route", "refused")
    assert stage["state"] == "failed"
    assert 4000 <= stage["duration_ms"] <= 6000
    assert stage["detail"] == (
        "no metadata service at http://169.254.169.254 (Couldn't connect to server) nor at "
        "http://[fd00:ec2::254] (Couldn't connect to server)")
    assert said["asked"] == []
