# SPDX-License-Identifier: MIT
"""The demo's instance: box.Box with the sample Rack application in place of a stand-in.

A file of its own so that demo.py is only what a person is told. The Puma supervisor runs as
the application's user, from copies of the scripts: that user may not be able to enter the
source tree. It holds the listening socket, so that a restart refuses nobody.
"""
import http.client
import os
import shutil

from box.box import APPLICATION_USER, PATH, PYTHON, TESTS, Box
from servers.process import Server
from servers.repository import Repository

READY_WITHIN = "10s"
ANSWER_WITHIN_S = 10
LOG_TAIL_BYTES = 2000


class Site(Box):
    """A box whose application is Puma, restarted by an after-publish step."""

    def __init__(self, **options):
        super().__init__(repository=Repository.rack, **options)
        # As root the application is another user; otherwise everything is oneself.
        self.user = APPLICATION_USER if os.geteuid() == 0 else None
        self.home = self.directory / "puma"
        self.pid_file = self.home / "supervisor.pid"
        self.log = self.home / "puma.log"

    def start_application(self):
        self.home.mkdir()
        for name in ("puma_supervisor.py", "restart"):
            shutil.copy(TESTS / "apps" / name, self.home)
        if self.user:
            shutil.chown(self.home, self.user)
        server = Server.start(
            [PYTHON, "-B", str(self.home / "puma_supervisor.py"),
             "--directory", str(self.deploy_to),
             "--pid-file", str(self.pid_file), "--log", str(self.log)],
            user=self.user, cwd="/",
            env={"PATH": PATH, "HOME": str(self.home), "LANG": "C.UTF-8"})
        self._servers.append(server)
        return server

    @property
    def port(self):
        return self.application.ready["port"]

    def default_config(self):
        config = super().default_config()
        config["steps"] = [
            {"name": "bundle", "run": ["bundle", "install", "--local"]},
            {"name": "restart", "when": "after-publish",
             "run": [str(self.home / "restart"), str(self.pid_file)]},
        ]
        config["readiness"].update(url=f"http://127.0.0.1:{self.port}/", timeout=READY_WITHIN)
        return config

    def answer(self):
        """What a client gets through the readiness URL: (status, X-Revision, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request("GET", "/")
            reply = connection.getresponse()
            return reply.status, reply.getheader("X-Revision"), reply.read().decode().strip()
        finally:
            connection.close()

    def puma_pid(self):
        """The Puma that runs now: the supervisor's one child."""
        path = f"/proc/{self.application.pid}/task/{self.application.pid}/children"
        with open(path, encoding="ascii") as file:
            return file.read().strip()

    def log_tail(self):
        """The last of what Puma said: for a person whose demo failed."""
        if not self.log.exists():
            return ""
        data = self.log.read_bytes()[-LOG_TAIL_BYTES:]
        return data.decode("utf-8", "replace")
