# SPDX-License-Identifier: MIT
"""IMDSv2: tokens, documents, listings, what is not there."""
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

TTL = "X-aws-ec2-metadata-token-ttl-seconds"


@pytest.mark.parametrize("ttl", ["0", "21601", "", "-1", "1.5", "x", None])
def test_token_needs_a_ttl_in_range(region, metadata, ttl):
    headers = {} if ttl is None else {TTL: ttl}
    assert metadata(region.launch()).ask("PUT", "/latest/api/token", headers)[0] == 400


@pytest.mark.parametrize("ttl", ["1", "21600"])
def test_token_is_given(region, metadata, ttl):
    status, headers, token = metadata(region.launch()).ask("PUT", "/latest/api/token", {TTL: ttl})
    assert (status, headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"]) == (200, ttl)
    assert len(token) == 58 and token.isprintable()


def test_token_only_by_put_at_latest_and_not_through_a_proxy(region, metadata):
    web = metadata(region.launch())
    assert web.ask("PUT", "/2021-07-15/api/token", {TTL: "60"})[0] == 405
    assert web.ask("POST", "/latest/api/token", {TTL: "60"})[0] == 405
    proxied = {TTL: "60", "X-Forwarded-For": "10.0.0.1"}
    assert web.ask("PUT", "/latest/api/token", proxied)[0] == 403


def test_never_version_1(region, metadata):
    web, other = metadata(region.launch()), metadata(region.launch())
    assert web.ask("GET", "/latest/meta-data/instance-id")[0] == 401
    other.renew()
    web.token = other.token     # a token is good on its own instance only
    assert web.get("/latest/meta-data/instance-id")[0] == 401


def test_token_expires(region, metadata):
    instance = region.launch()
    web = metadata(instance)
    assert web.get("/latest/meta-data/instance-id") == (200, instance["instance_id"])
    region.expire_tokens(instance["instance_id"])
    assert web.get("/latest/meta-data/instance-id")[0] == 401
    web.renew("1")
    assert web.get("/latest/meta-data/instance-id")[0] == 200
    time.sleep(1.05)
    assert web.get("/latest/meta-data/instance-id")[0] == 401


def test_a_second_token_header_is_refused(region):
    instance = region.launch()
    address = urllib.parse.urlsplit(instance["imds"])
    with socket.create_connection((address.hostname, address.port), 2) as raw:
        raw.sendall(b"PUT /latest/api/token HTTP/1.1\r\nHost: x\r\n"
                    b"X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n")
        token = raw.recv(4096).partition(b"\r\n\r\n")[2]
        line = b"X-aws-ec2-metadata-token: " + token + b"\r\n"
        for lines, status in ((line, b" 200 "), (line * 2, b" 401 ")):
            raw.sendall(b"GET /latest/meta-data/ami-id HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
            assert status in raw.recv(4096).partition(b"\r\n")[0]


def test_identity_document(region, metadata):
    instance = region.launch(type="t4g.small", pending_time="2023-05-06T07:08:09Z",
                             architecture="arm64", availability_zone="ap-northeast-2c")
    document = json.loads(metadata(instance).get("/latest/dynamic/instance-identity/document")[1])
    assert document["instanceId"] == instance["instance_id"]
    assert (document["instanceType"], document["architecture"]) == ("t4g.small", "arm64")
    assert document["pendingTime"] == "2023-05-06T07:08:09Z"
    assert document["availabilityZone"] == "ap-northeast-2c"
    assert document["region"] == "ap-northeast-2" and document["billingProducts"] is None
    assert document["accountId"] == "123456789012" and document["version"] == "2017-09-30"


def test_age_moves_the_pending_time(region, metadata):
    document = json.loads(metadata(region.launch(age_seconds=100)).get(
        "/latest/dynamic/instance-identity/document")[1])
    pending = time.strptime(document["pendingTime"] + "GMT", "%Y-%m-%dT%H:%M:%SZ%Z")
    assert 99 <= time.time() - time.mktime(pending) + time.timezone <= 103


VALUES = {"instance-type": "m5.large", "ami-id": "ami-0abcdef1234567890",
          "placement/region": "ap-northeast-2", "placement/availability-zone": "ap-northeast-2a",
          "services/domain": "amazonaws.com", "services/partition": "aws",
          "autoscaling/target-lifecycle-state": "InService",
          "iam/security-credentials/": "web-server", "tags/instance/Name": "web 1",
          "tags/instance/": "Name\nstage", "placement/": "availability-zone\nregion"}


def test_values_and_listings(region, metadata):
    web = metadata(region.launch(tags={"Name": "web 1", "stage": "production"}))
    for version in ("latest", "2021-07-15"):
        for path, value in VALUES.items():
            assert web.get(f"/{version}/meta-data/{path}") == (200, value), path
    listing = web.get("/latest/meta-data/")[1].split("\n")
    assert {"ami-id", "instance-id", "placement/", "iam/", "tags/", "autoscaling/"} <= set(listing)
    assert web.get("/latest/") == (200, "dynamic/\nmeta-data/")
    assert "2021-07-15" in web.get("/")[1].split("\n")


def test_what_is_not_there(region, metadata):
    web = metadata(region.launch(group=None, role=None, tags=None))
    for path in ("user-data", "meta-data/iam/security-credentials/", "meta-data/tags/instance/",
                 "meta-data/autoscaling/target-lifecycle-state", "meta-data/spot/instance-action",
                 "meta-data/ami-id/", "meta-data/placement/region/x", "nothing"):
        status, body = web.get("/latest/" + path)
        assert status == 404 and "<title>404 - Not Found</title>" in body, path
    assert web.get("/2020-01-01/meta-data/ami-id")[0] == 404   # not a version


def test_user_data_and_later_metadata(region, metadata):
    instance = region.launch(user_data="#!/bin/sh\nexec bootagent boot\n")
    web = metadata(instance)
    assert web.get("/latest/user-data") == (200, "#!/bin/sh\nexec bootagent boot\n")
    region.set_metadata(instance["instance_id"], {"spot/instance-action": '{"action":"stop"}',
                                                  "ami-id": None})
    assert web.get("/latest/meta-data/spot/instance-action") == (200, '{"action":"stop"}')
    assert web.get("/latest/meta-data/ami-id")[0] == 404


def test_role_credentials(region, metadata):
    instance = region.launch(role="api")
    given = json.loads(metadata(instance).get("/latest/meta-data/iam/security-credentials/api")[1])
    assert given["Code"] == "Success" and given["Type"] == "AWS-HMAC"
    assert given["AccessKeyId"] == "ASIAIOSFODNN7EXAMPLE"
    assert given["SecretAccessKey"] == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    assert given["Token"] == "example-session-token-of-" + instance["instance_id"]
    assert given["LastUpdated"] < given["Expiration"]


def test_role_credentials_are_renewed_before_they_expire(region, metadata):
    web = metadata(region.launch(credentials_seconds=1))
    path = "/latest/meta-data/iam/security-credentials/web-server"
    first = json.loads(web.get(path)[1])["Token"]
    assert json.loads(web.get(path)[1])["Token"] == first
    time.sleep(0.55)
    assert json.loads(web.get(path)[1])["Token"] == first + "-2"


def test_connections(region, metadata):
    web = metadata(region.launch())
    web.get("/latest/meta-data/ami-id"), web.get("/latest/meta-data/ami-id")
    assert len({call["connection"] for call in region.calls(kind="imds")}) == 1
    status, headers, _ = metadata(region.launch(imds_keep_alive=False)).ask(
        "PUT", "/latest/api/token", {TTL: "60"})
    assert (status, headers["Connection"]) == (200, "close")


def test_by_urllib(region):
    """Another client than http.client's own connection: one connection a request."""
    instance = region.launch()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    put = urllib.request.Request(instance["imds"] + "/latest/api/token", method="PUT",
                                 headers={TTL: "60"})
    with opener.open(put, timeout=2) as reply:
        token = reply.read().decode()
    get = urllib.request.Request(instance["imds"] + "/latest/meta-data/instance-id",
                                 headers={"X-aws-ec2-metadata-token": token})
    with opener.open(get, timeout=2) as reply:
        assert reply.read().decode() == instance["instance_id"]
    with pytest.raises(urllib.error.HTTPError):
        opener.open(instance["imds"] + "/latest/meta-data/instance-id", timeout=2)


def wait_for_listener(address, deadline):
    """Until a connection is taken; the machine may be slow, so no fixed pause will do."""
    while True:
        try:
            socket.create_connection((address.hostname, address.port), 0.2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("before, error", [("refused", ConnectionRefusedError),
                                           ("dropped", TimeoutError)])
def test_late_listener(region, metadata, before, error):
    instance = region.launch(imds_after_ms=500, imds_before=before)
    address = urllib.parse.urlsplit(instance["imds"])
    with pytest.raises(error):
        socket.create_connection((address.hostname, address.port), 0.2)
    wait_for_listener(address, time.monotonic() + 10)
    assert metadata(instance).get("/latest/meta-data/instance-id")[0] == 200


def test_calls_are_noted(region, metadata):
    instance = region.launch()
    metadata(instance).get("/latest/user-data")
    put, get = region.calls(kind="imds", instance_id=instance["instance_id"])
    assert (put["method"], put["path"], put["status"]) == ("PUT", "/latest/api/token", 200)
    assert (get["method"], get["path"], get["status"]) == ("GET", "/latest/user-data", 404)
    assert put["t"] <= get["t"] <= time.time() and put["monotonic"] <= time.monotonic()
    assert region.calls(kind="aws") == [] and len(region.calls(status=404)) == 1
