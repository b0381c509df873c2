# SPDX-License-Identifier: MIT
"""The proof: whose answer it is, what the last one was, and how many it takes.

Real processes in a cgroup with a unit's name, where the machine lets root make one; where
it does not, the same boots must fail with the sentence for a unit without processes.
"""
import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import WITHIN_S, owner, shell
from box.box import APPLICATION_USER
from servers.process import wait_until

CGROUPS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"]
# A step that asks the test to restart the service, and waits for that.
RESTART = shell("restart", 'cd "$BOOTAGENT_DEPLOY_TO/shared" && touch restart && '
                "while test -e restart; do sleep 0.02; done", when="after-publish")


class Unit:
    """A cgroup of a unit's name, and processes in it; without one there are none."""

    def __init__(self):
        self.name = f"bootagent-test-{os.getpid()}.service"
        self.directory = self._make()
        self.processes = []

    def _make(self):
        for top in CGROUPS:
            place = Path(top, self.name)
            try:
                place.mkdir()
            except OSError:
                continue
            if (place / "cgroup.procs").exists():
                return place
            place.rmdir()
        return None

    def start(self, *arguments, **options):
        process = subprocess.Popen(arguments or ["sleep", "300"], start_new_session=True,
                                   **options)
        self.processes.append(process)
        if self.directory:
            (self.directory / "cgroup.procs").write_text(str(process.pid))
        return process

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=WITHIN_S)
        self.processes.clear()

    def close(self):
        self.stop()
        if self.directory:
            wait_until(lambda: not (self.directory / "cgroup.procs").read_text(), WITHIN_S)
            self.directory.rmdir()


@pytest.fixture
def unit():
    made = Unit()
    yield made
    made.close()


@pytest.fixture
def watched(box, unit):
    """A box that looks at the unit's processes and has no other way to tell revisions."""
    (box.deploy_to / "shared").mkdir(parents=True)
    user = owner(APPLICATION_USER)
    for place in (box.deploy_to, box.deploy_to / "shared"):
        os.chown(place, user.pw_uid, user.pw_gid)
    box.configure(readiness={"unit": unit.name, "revision_header": None})
    return box


def reason(box):
    return box.document()["last_run"]["error"]["message"]


def expect_reason(box, unit, words):
    """Where no cgroup can be made the unit has no process, and that is the reason."""
    assert (words if unit.directory else f"{unit.name} has no process") in reason(box)


class Restarter(threading.Thread):
    """Restarts the unit's process when the step asks for it."""

    def __init__(self, box, unit):
        super().__init__(daemon=True)
        self.flag, self.unit, self.is_over = box.deploy_to / "shared/restart", unit, False

    def run(self):
        while not self.is_over:
            if self.flag.exists():
                self.unit.stop()
                self.unit.start()
                self.flag.unlink()
            time.sleep(0.01)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.join(WITHIN_S)


def test_an_old_worker_proves_nothing(watched, unit):
    process = unit.start()
    watched.configure(readiness={"timeout": "400ms"})
    watched.boot(1)
    expect_reason(watched, unit, f"1 of 1 workers of {unit.name} are older than the release, "
                  f"the oldest is pid {process.pid}")


def test_a_restarted_worker_proves_it(watched, unit):
    unit.start()
    watched.configure(steps=[RESTART])
    with Restarter(watched, unit):
        watched.boot(0 if unit.directory else 1)
    if not unit.directory:
        expect_reason(watched, unit, "")
        return
    # What is untouched need not be new.
    result = watched.sync()
    assert "answered, 1 of 1 probe" in result.stdout
    # What is deployed must be, and nothing restarts it now.
    watched.configure(steps=[], readiness={"timeout": "400ms"})
    watched.repository.commit({"b.txt": b"b\n"}, "second")
    watched.sync(1)
    assert "are older than the release" in watched.document()["last_run"]["error"]["message"]


def test_a_worker_that_moved_into_the_release_proves_it(watched, unit):
    """An old process, as Puma's master that forks without a new start."""
    script = f'until cd -P "{watched.deploy_to}/current" 2>&-; do sleep 0.02; done; exec sleep 300'
    unit.start("sh", "-c", script)
    watched.boot(0 if unit.directory else 1)


def test_a_revision_header_says_it_too(watched, unit):
    unit.start()
    watched.configure(readiness={"revision_header": "X-Revision"})
    watched.boot()


def test_a_service_that_dies_ends_the_wait(watched, unit):
    process = unit.start()
    watched.break_release()
    watched.configure(readiness={"timeout": "30s" if unit.directory else "1s"})
    run = watched.start("boot")
    wait_until(lambda: watched.document()["run"]["stage"] == "ready", WITHIN_S)
    begun = time.monotonic()
    time.sleep(0.3)
    process.kill()
    process.wait(timeout=WITHIN_S)
    watched.finish(run, 1)
    if unit.directory:
        assert f"{unit.name} has ended and was not started again within 5 s" in reason(watched)
        assert 5 < time.monotonic() - begun < 15


def test_what_was_restarted_must_answer_several_times(box):
    """A boot starts everything anew, whatever served before it."""
    box.configure(steps=[shell("restart", "exit 0", when="after-publish")],
                  readiness={"healthy_threshold": 3})
    assert "answered, 3 of 3 probes" in box.boot().stdout
    assert "answered, 1 of 1 probe" in box.sync().stdout
    box.reboot()
    assert "answered, 3 of 3 probes" in box.boot().stdout
    box.repository.commit({"b.txt": b"b\n"}, "second")
    assert "answered, 3 of 3 probes" in box.sync().stdout
    box.configure(steps=[])
    box.repository.commit({"c.txt": b"c\n"}, "third")
    assert "answered, 1 of 1 probe" in box.sync().stdout
    box.reboot()
    assert "answered, 1 of 1 probe" in box.boot().stdout


def test_what_is_taken_back_must_answer_several_times(box):
    """Nothing serves when the failure comes before the flip: the old release is started."""
    box.configure(steps=[shell("restart", "exit 0", when="after-publish")],
                  readiness={"healthy_threshold": 3})
    box.boot()
    box.reboot()
    box.configure(steps=[shell("bad", "exit 3"), *box.config["steps"]])
    box.repository.commit({"b.txt": b"b\n"}, "second")
    assert "answered, 3 of 3 probes" in box.sync(5).stdout


class Echo(BaseHTTPRequestHandler):
    """Redirects whoever does not come over https, as Rails' force_ssl; keeps what it got."""

    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        if "silent" in self.path and len(self.server.seen) > 1:
            time.sleep(2)
            return
        is_https = self.headers.get("X-Forwarded-Proto") == "https"
        self.send_response(200 if is_https else 301)
        if not is_https:
            self.send_header("Location", f"https://{self.headers['Host']}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_probe_cut_short_by_the_end_is_not_the_reason(box, echo):
    """The one before it had its time, and says more."""
    url = f"http://127.0.0.1:{echo.server_address[1]}/silent-from-the-second-on"
    box.configure(readiness={"url": url, "revision_header": None, "timeout": "400ms"})
    box.boot(1)
    assert len(echo.seen) == 2
    assert "it answered 301" in reason(box)


def test_too_few_answers(box):
    box.configure(steps=[shell("restart", "exit 0", when="after-publish")],
                  readiness={"healthy_threshold": 100, "timeout": "300ms"})
    box.boot(1)
    assert "of 100 times in a row" in reason(box)


def test_headers_go_with_the_probe(box, echo):
    url = f"http://127.0.0.1:{echo.server_address[1]}/up"
    box.configure(readiness={"url": url, "revision_header": None, "timeout": "300ms"})
    box.boot(1)
    assert "it answered 301, to https://127.0.0.1:" in reason(box)
    assert "X-Forwarded-Proto" in reason(box)
    box.configure(readiness={"headers": {"X-Forwarded-Proto": "https", "Accept": "text/plain"},
                             "host": "api.example"})
    box.sync()
    assert echo.seen[-1]["Accept"] == "text/plain"
    assert echo.seen[-1]["Host"] == "api.example"


def test_a_certificate_of_nobodys(box, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "1", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = subprocess.Popen(
        ["/usr/bin/python3", "-B", "-c", """
import http.server, json, ssl, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps(server.server_address[1]), flush=True)
server.serve_forever()""", key, certificate], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=tmp_path, text=True)
    try:
        port = json.loads(server.stdout.readline())
        box.configure(readiness={"url": f"https://127.0.0.1:{port}/", "timeout": "400ms"})
        box.boot(1)
    finally:
        server.kill()
        server.communicate(timeout=WITHIN_S)
    assert f"the certificate of 127.0.0.1:{port} is not trusted (" in reason(box)
    assert "self" in reason(box) and "update-ca-certificates" in reason(box)
