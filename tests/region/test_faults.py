# SPDX-License-Identifier: MIT
"""Every fault, whom it meets, and how often."""
import base64
import re
import socket
import time
import urllib.parse

import botocore.exceptions
import pytest

from region.client import RegionError

ID = "/latest/meta-data/instance-id"


@pytest.fixture
def web(region):
    return region.launch()


def exchange(instance, timeout=1.0):
    """Everything that comes back for one raw GET until the end of the connection."""
    address, received = urllib.parse.urlsplit(instance["imds"]), b""
    with socket.create_connection((address.hostname, address.port), timeout) as raw:
        raw.sendall(f"GET {ID} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while piece := raw.recv(65536):
            received += piece
    return received


def test_status_with_headers_count_and_after(region, web, metadata):
    region.fault(kind="imds", path=ID, fault="status", status=503, headers={"Retry-After": "1"},
                 body="slow down", count=2, after=1)
    client = metadata(web)
    assert [client.get(ID)[0] for _ in range(5)] == [200, 503, 503, 200, 200]
    client.renew()
    region.clear_faults()
    region.fault(kind="imds", fault="status", status=503, headers={"Retry-After": "1"}, count=1)
    status, headers, _ = client.ask("GET", ID)
    assert (status, headers["Retry-After"]) == (503, "1")
    assert region.faults()[0]["remaining"] == 0 and region.faults()[0]["met"] == 1
    region.clear_faults()
    assert region.faults() == []
    assert region.calls(fault="status", status=503)[0]["applied"] is False


@pytest.mark.parametrize("rule, hits", [
    ({"path": "/latest/meta-data/*"}, True), ({"path": "/latest/meta-data/"}, False),
    ({"path": "/latest/dynamic/*"}, False), ({"method": "PUT"}, False), ({"method": "GET"}, True),
    ({"instance_id": "i-0"}, False), ({}, True)])
def test_whom_it_meets(region, web, metadata, rule, hits):
    client = metadata(web)
    client.renew()
    region.fault(kind="imds", fault="empty", **rule)
    assert client.get(ID) == (200, "" if hits else web["instance_id"])
    region.fault(kind="aws", fault="empty")


def test_only_one_instance(region, web, metadata):
    other = region.launch()
    clients = [metadata(web), metadata(other)]
    [client.renew() for client in clients]
    region.fault(kind="imds", fault="status", status=401, instance_id=web["instance_id"])
    assert [client.get(ID)[0] for client in clients] == [401, 200]


def test_bodies(region, web, metadata):
    client = metadata(web)
    client.renew()
    region.fault(kind="imds", fault="body", body="<html>login</html>", count=1)
    region.fault(kind="imds", fault="body", body_bytes=1_000_000, count=1)
    region.fault(kind="imds", fault="body", body_base64=base64.b64encode(b"\0\xc3(").decode(),
                 count=1)
    assert client.get(ID) == (200, "<html>login</html>")
    assert client.get(ID) == (200, "x" * 1_000_000)
    client.connection.request("GET", ID)
    assert client.connection.getresponse().read() == b"\0\xc3("


def test_raw(region, web):
    region.fault(kind="imds", fault="raw", body="SSH-2.0-OpenSSH\r\n")
    assert exchange(web) == b"SSH-2.0-OpenSSH\r\n"


def test_silent_on_one_path(region, web, metadata):
    region.fault(kind="imds", path="/latest/api/token", fault="silent", count=1)
    client = metadata(web, timeout=0.2)
    with pytest.raises(TimeoutError):
        client.renew()
    assert region.calls(fault="silent")[0]["status"] is None
    assert metadata(web).get(ID)[0] == 200


def test_silent_for_a_time(region, web):
    region.fault(kind="imds", fault="silent", seconds=0.1)
    began = time.monotonic()
    assert exchange(web) == b"" and time.monotonic() - began >= 0.1


def test_delay_holds_up_nobody_else(region, web, metadata):
    region.fault(kind="imds", path=ID, fault="delay", seconds=0.3, count=1)
    slow, quick = metadata(web), metadata(web)
    slow.renew(), quick.renew()
    began = time.monotonic()
    slow.connection.request("GET", ID, headers={"X-aws-ec2-metadata-token": slow.token})
    time.sleep(0.05)
    assert quick.get(ID)[0] == 200 and time.monotonic() - began < 0.25
    assert slow.connection.getresponse().status == 200 and time.monotonic() - began >= 0.3


def test_trickle(region, web, metadata):
    region.fault(kind="imds", path=ID, fault="trickle", bytes=4, interval_ms=20)
    client = metadata(web)
    client.renew()
    began = time.monotonic()
    assert client.get(ID) == (200, web["instance_id"])
    assert 0.09 <= time.monotonic() - began <= 0.6
    region.clear_faults()
    region.fault(kind="imds", fault="trickle", bytes=100, interval_ms=5, **{"from": "head"})
    assert client.get(ID)[0] == 200


def test_close(region, web, metadata):
    for fault in ({"at": "start"}, {"at": "head"}, {}):
        region.fault(kind="imds", path=ID, fault="close", count=1, **fault)
    assert exchange(web) == b""
    head = exchange(web)
    assert head.startswith(b"HTTP/1.1 401") and b"\r\n\r\n" not in head
    head, _, body = exchange(web).partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert len(body) == length // 2
    assert metadata(web).get(ID)[0] == 200


def test_close_by_reset(region, web):
    region.fault(kind="imds", fault="close", at="start", reset=True)
    with pytest.raises(ConnectionResetError):
        exchange(web)


def test_close_after_bytes(region, web):
    region.fault(kind="imds", fault="close", after_bytes=5, body="0123456789")
    head, _, body = exchange(web).partition(b"\r\n\r\n")
    assert b"Content-Length: 10" in head and body == b"01234"


def heartbeat(client, web):
    client.record_lifecycle_action_heartbeat(
        AutoScalingGroupName="web", LifecycleHookName="launch", InstanceId=web["instance_id"])


def test_aws_error(region, web, autoscaling):
    region.fault(kind="aws", action="RecordLifecycleActionHeartbeat", fault="error", count=1,
                 code="Throttling", message="Rate exceeded")
    client = autoscaling(web)
    client.describe_auto_scaling_instances()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        heartbeat(client, web)
    assert caught.value.response["Error"] == {"Type": "Sender", "Code": "Throttling",
                                              "Message": "Rate exceeded"}
    assert region.instance(web["instance_id"])["heartbeats"] == 0
    heartbeat(client, web)
    assert region.instance(web["instance_id"])["heartbeats"] == 1


@pytest.mark.parametrize("apply", [True, False])
def test_answer_lost(region, web, autoscaling, apply):
    region.fault(kind="aws", action="CompleteLifecycleAction", fault="close", at="start",
                 apply=apply, count=1)
    with pytest.raises(botocore.exceptions.HTTPClientError):
        autoscaling(web).complete_lifecycle_action(
            AutoScalingGroupName="web", LifecycleHookName="launch",
            LifecycleActionResult="CONTINUE", InstanceId=web["instance_id"])
    assert region.instance(web["instance_id"])["state"] == ("InService" if apply
                                                            else "Pending:Wait")
    assert region.calls(kind="aws")[0]["applied"] is apply


@pytest.mark.parametrize("wrong", [
    {"fault": "nonsense"}, {"kind": "s3"}, {"fault": "status"}, {"cuont": 1}, {"count": 0},
    {"after": -1}, {"fault": "close", "at": "noon"}, {"fault": "delay", "seconds": "x"},
    {"fault": "error", "code": "Throttling"}, {"fault": "body", "body_base64": "!"}])
def test_wrong_faults_are_refused(region, wrong):
    with pytest.raises(RegionError):
        region.fault(**{"kind": "imds", "fault": "empty", **wrong})
    assert region.faults() == []
