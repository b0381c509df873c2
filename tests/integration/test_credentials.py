# SPDX-License-Identifier: MIT
"""Where the keys come from, how long they do, and a clock that AWS does not believe."""
import http.server
import json
import threading
import time

import pytest

from region.credentials import ROLE_ACCESS_KEY_ID, SECRET_ACCESS_KEY, USER_ACCESS_KEY_ID

ROLE = "/latest/meta-data/iam/security-credentials/"
DESCRIBE, COMPLETE = "DescribeAutoScalingInstances", "CompleteLifecycleAction"


@pytest.fixture
def clock(box):
    """Sets AWS's clock; right again at the end."""
    yield box.region.set_clock
    box.region.set_clock(0)


def assert_continued(box):
    assert box.verdict_words()[-1] == "CONTINUE"
    box.region.wait_for_state(box.instance["instance_id"], "InService")


def asked_role(box):
    return len(box.region.calls(kind="imds", path=ROLE))


def test_keys_of_the_environment_come_first(box):
    box.boot(environment={"AWS_ACCESS_KEY_ID": USER_ACCESS_KEY_ID,
                          "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                          "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/"})
    assert {call["signed_by"] for call in box.region.calls(kind="aws")} == {USER_ACCESS_KEY_ID}
    assert asked_role(box) == 0


class Endpoint(http.server.ThreadingHTTPServer):
    """A container's credentials endpoint; it wants this authorization."""

    daemon_threads = True

    def __init__(self, token, document):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token, self.document, self.asked = token, document, []
        self.url = f"http://127.0.0.1:{self.server_port}/keys"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers.get("Authorization") == self.server.token
        self.server.asked.append((self.path, good))
        body = json.dumps(self.server.document).encode() if good else b""
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def container(box):
    """An endpoint that gives the keys of the box's instance."""
    made = []

    def make(token):
        made.append(Endpoint(token, {
            "AccessKeyId": ROLE_ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY,
            "Token": "example-session-token-of-" + box.instance["instance_id"],
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}))
        return made[-1]
    yield make
    for endpoint in made:
        endpoint.close()


@pytest.mark.parametrize("way", ["value", "file", "file before value"])
def test_keys_of_a_container(box, container, tmp_path, way):
    endpoint = container("Basic dG9rZW4=")
    (tmp_path / "token").write_text("Basic dG9rZW4=\n")
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url}
    if way != "file":
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = \
            "wrong" if "before" in way else endpoint.token
    if way != "value":
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(tmp_path / "token")
    result = box.boot(environment=environment)
    assert_continued(box)
    assert endpoint.asked == [("/keys", True)]
    assert asked_role(box) == 0
    assert "dG9rZW4" not in result.stdout + result.stderr


@pytest.mark.parametrize("uri", ["http://example.com/keys", "http://127.0.0.1.example.com/",
                                 "http://10.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd"])
def test_a_containers_token_goes_to_nobody_else(box, uri):
    result = box.boot(environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri,
                                   "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret-token"})
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI is unusable: https is expected" in result.stderr
    assert uri not in result.stdout + result.stderr
    assert "secret-token" not in result.stdout + result.stderr
    assert box.verdicts() == []


def test_expired_keys_are_fetched_anew_once(box):
    box.region.fault(kind="aws", action=DESCRIBE, count=1, fault="error", code="ExpiredToken",
                     message="The security token included in the request is expired", status=403)
    box.boot()
    assert_continued(box)
    assert asked_role(box) == 2


def test_expired_for_a_while(box):
    """The keys of the metadata service are old: each try asks for them anew (facts L3)."""
    box.region.fault(kind="aws", action=DESCRIBE, count=6, fault="error", code="ExpiredToken",
                     message="The security token included in the request is expired", status=403)
    result = box.boot()
    assert_continued(box)
    assert "ExpiredToken" in result.stderr
    assert asked_role(box) == 4


def test_keys_of_the_environment_that_expired_are_given_up_at_once(box):
    """There are no others to be had."""
    box.region.fault(kind="aws", action=DESCRIBE, fault="error", code="ExpiredToken",
                     message="The security token included in the request is expired", status=403)
    result = box.boot(environment={"AWS_ACCESS_KEY_ID": USER_ACCESS_KEY_ID,
                                   "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY})
    assert "ExpiredToken" in result.stderr.splitlines()[-1]
    assert box.verdicts() == []
    assert len(box.region.calls(kind="aws", action=DESCRIBE)) == 1


def test_keys_that_end_soon_are_renewed_for_the_next_call(make_box):
    """Facts A2: four minutes are left, so the verdict asks anew."""
    box = make_box(credentials_seconds=240)
    box.boot()
    assert_continued(box)
    assert asked_role(box) == 2


def test_valid_keys_do_when_they_cannot_be_renewed(make_box):
    """Facts A2."""
    box = make_box(credentials_seconds=240)
    box.region.fault(kind="imds", path=ROLE, after=1, fault="status", status=500)
    box.boot()
    assert_continued(box)
    assert asked_role(box) == 2


@pytest.mark.parametrize("environment, place", [
    ({"AWS_ENDPOINT_URL_AUTO_SCALING": "http://127.0.0.1:9"},
     "http://127.0.0.1:9 (AWS_ENDPOINT_URL_AUTO_SCALING is set)"),
    ({"http_proxy": "http://u:hunter2@127.0.0.1:9"}, "(AWS_ENDPOINT_URL and http_proxy are set)"),
])
def test_where_nobody_answers_is_named(box, environment, place):
    process = box.start("boot", environment=environment)
    line = process.stderr.readline()
    process.terminate()
    box.finish(process)
    assert line.startswith("bootagent: boot: waiting for the lifecycle hook: find the instance's "
                           "lifecycle state: call autoscaling at http://127.0.0.1:")
    assert line.endswith(place + ": Couldn't connect to server\n")
    assert "hunter2" not in line


CANONICAL = """The request signature we calculated does not match the signature you provided.

The Canonical String for this request should have been
'POST
/

x-amz-security-token:{token}
'"""


@pytest.mark.parametrize("message", [
    CANONICAL, CANONICAL.replace("\n", " "), "the token {token} is odd",
    "x" * 440 + "{token}", "the key is {secret}"])
def test_what_aws_quotes_of_our_keys_is_not_repeated(box, message):
    """Its words go into the log and into run.json, which everybody may read."""
    token = "example-session-token-of-" + box.instance["instance_id"]
    box.region.fault(kind="aws", action=COMPLETE, fault="error", status=403,
                     code="SignatureDoesNotMatch",
                     message=message.format(token=token, secret=SECRET_ACCESS_KEY))
    result = box.boot()
    told = result.stdout + result.stderr + (box.root / "run/bootagent/run.json").read_text()
    assert "SignatureDoesNotMatch: " + message[:20].split("{")[0] in told
    for secret in ("x-amz-security-token", "example-session", SECRET_ACCESS_KEY[:20]):
        assert secret not in told


@pytest.mark.parametrize("code, status", [("Throttling", 400), ("RequestLimitExceeded", 503)])
def test_throttling_is_answered_by_waiting(box, code, status):
    box.region.fault(kind="aws", action=COMPLETE, count=2, fault="error", code=code,
                     status=status, message="Rate exceeded")
    box.boot()
    assert_continued(box)
    one, two, three = box.region.calls(kind="aws", action=COMPLETE)
    assert two["monotonic"] - one["monotonic"] >= 0.5
    assert three["monotonic"] - two["monotonic"] >= 1


def test_aws_may_ask_for_patience(box):
    box.region.fault(kind="aws", action=COMPLETE, count=1, fault="status", status=503,
                     headers={"Retry-After": "3"}, body="<html/>")
    box.boot()
    assert_continued(box)
    one, two = box.region.calls(kind="aws", action=COMPLETE)
    assert two["monotonic"] - one["monotonic"] >= 3


# Facts A1: the clock.

@pytest.mark.parametrize("offset_s, words", [(432, "7 min 12 s behind"),
                                             (-432, "7 min 12 s ahead of"),
                                             (7265, "2 h 1 min behind")])
def test_a_clock_that_is_off_is_waited_for(box, clock, offset_s, words):
    clock(offset_s)
    process = box.start("boot")
    begun_s = time.monotonic()
    while not box.region.calls(kind="aws", action=DESCRIBE):
        assert time.monotonic() - begun_s < 10
        time.sleep(0.02)
    time.sleep(0.5)
    clock(0)
    box.finish(process, 0)
    lines = process.stderr_text.splitlines()
    # of one second more or less: the Date has no fractions
    at = [line for line in lines if line.endswith("AWS's: waiting for it to be set")]
    assert len(at) == 1
    assert words.split()[-1] in at[0]
    assert words.split(" min")[0] in at[0]
    assert "bootagent: boot: AWS accepts the clock: going on" in lines
    assert_continued(box)
    assert time.monotonic() - begun_s < 12


def test_a_clock_that_stays_off(box, clock):
    """The release serves; only the verdict cannot be told, and the next boot tries again."""
    clock(432)
    box.configure(boot={"deadline": "10s"}, readiness={"timeout": "2s"})
    result = box.run("boot", timeout=120)
    assert result.returncode == 0
    assert "min 1" in result.stderr and "was not set in time: is chrony running?" in result.stderr
    assert box.document()["lifecycle"]["state"] == "open"
    assert box.document()["serving"]["ready"] is True
