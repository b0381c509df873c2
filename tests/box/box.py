# SPDX-License-Identifier: MIT
"""One instance with all it needs: region, git server, repository, application, root directory.

    with Box() as box:
        assert box.run("boot").returncode == 0
        box.repository.commit({"a.txt": b"new\\n"}, "the second revision")
        assert box.run("sync").returncode == 0
        assert box.current()[1] == box.repository.head

Everything is started here and ended here; nothing listens but on loopback, and nothing is
left: the directory goes with the box. With `region=` a running region is used and left
clean. As root the agent fetches as `daemon` and deploys as `games`, two users that every
Debian has; otherwise everything is oneself.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from region.client import Region
from servers.process import Server
from servers.repository import Repository

TESTS = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUN_DEADLINE_S = 60
APPLICATION_USER = "games"
SOURCE_USER = "daemon"
NAME = "hello"
FILES = {"a.txt": b"first\n", "bin/tool": b"#!/bin/sh\n", "docs/readme.md": b"# hello\n"}


def build_directory():
    """The build tree under test: BOOTAGENT_BUILD, as the Makefile sets it."""
    default = TESTS.parent / "build" / "release"
    return Path(os.environ.get("BOOTAGENT_BUILD", default)).resolve()


def server_environment():
    return {"PATH": PATH, "PYTHONPATH": str(TESTS), "LANG": "C.UTF-8"}


class Box:
    """The parts: region, instance (as launched), repository, git, application, root."""

    def __init__(self, *, repository=None, files=FILES, build=None, region=None, **launch):
        self._given_region = region
        self.build = Path(build or build_directory())
        self.directory = Path(tempfile.mkdtemp(prefix="bootagent-box."))
        self.directory.chmod(0o755)
        self.root = self.directory / "root"
        self.deploy_to = self.root / "srv" / NAME
        self.git_log = self.directory / "git.log"
        self.git_faults = self.directory / "git-faults.json"
        self._files = files
        self._make_repository = repository
        self._launch = launch
        self._servers = []
        self._git_fault, self._git_password = {}, {}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        repositories = self.directory / "repositories"
        repositories.mkdir()
        make = self._make_repository or (lambda where: Repository.generic(where, self._files))
        self.repository = make(repositories)
        self.region = self._given_region or Region.start(python=PYTHON)
        self.instance = self.region.launch(**self._launch)
        self.git = self._serve("-m", "servers.git_http", "--root", str(repositories),
                               "--log", str(self.git_log), "--fault-file", str(self.git_faults))
        self.application = self.start_application()
        (self.root / "etc/bootagent").mkdir(parents=True)
        self.config = self.default_config()
        self.write_config()

    def _serve(self, *arguments, **options):
        server = Server.start([PYTHON, "-B", *arguments], env=server_environment(), **options)
        self._servers.append(server)
        return server

    def start_application(self):
        return self._serve(str(TESTS / "box/application.py"), "--directory", str(self.deploy_to))

    def close(self):
        for server in reversed(self._servers):
            server.stop()
        self._servers.clear()
        if self._given_region:
            self._leave_region()
        elif hasattr(self, "region"):
            self.region.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _leave_region(self):
        """A region that many boxes use, one after the other, is left as it was found."""
        self.region.clear_faults()
        if hasattr(self, "instance"):
            self.region.remove(self.instance["instance_id"])
        self.region.clear_calls()

    def default_config(self):
        path = self.repository.path
        return {
            "application": {"name": NAME, "user": APPLICATION_USER},
            "source": {
                "repo_url": f"{self.git.ready['url']}/{path.name}",
                "user": SOURCE_USER,
            },
            "readiness": {
                "url": f"http://127.0.0.1:{self.application.ready['port']}/health",
                "revision_header": "X-Revision",
                "interval": "50ms",
                "timeout": "2s",
            },
            "lifecycle": {"hook": "launch"},
        }

    def write_config(self, text=None):
        """Write the configuration: self.config, or a text as it stands."""
        path = self.root / "etc/bootagent/bootagent.json"
        path.write_text(json.dumps(self.config, indent=2) if text is None else text)

    def environment(self):
        """What the agent gets: a PATH and the standard AWS variables."""
        return {"PATH": PATH, "LANG": "C.UTF-8", **self.region.environment(self.instance)}

    def command(self, *arguments):
        return [str(self.build / "bootagent"), *arguments, "--root", str(self.root)]

    def run(self, *arguments, timeout=RUN_DEADLINE_S, environment=None, wrapper=(), **options):
        """Run the agent to its end; stdout and stderr are kept as text."""
        return subprocess.run([*wrapper, *self.command(*arguments)],
                              env={**self.environment(), **(environment or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False, **options)

    def start(self, *arguments, environment=None, wrapper=(), **options):
        """Start the agent and leave it running; the caller waits for it."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([*wrapper, *self.command(*arguments)],
                                env={**self.environment(), **(environment or {})},
                                stdin=subprocess.DEVNULL, text=True, **options)

    def status(self):
        """The status document, and the exit status of the verb."""
        result = self.run("status", "--json")
        return json.loads(result.stdout), result.returncode

    def current(self):
        """(release, revision) that `current` leads to, or None if there is no link."""
        link = self.deploy_to / "current"
        if not link.is_symlink():
            return None
        return Path(os.readlink(link)).name, (link / "REVISION").read_text().strip()

    def state(self, name):
        """A file of var/lib/bootagent, parsed; None if it does not exist."""
        path = self.root / "var/lib/bootagent" / name
        return json.loads(path.read_text()) if path.exists() else None

    def verdicts(self):
        """Every verdict the region was told, in vain too: [(result, status)]."""
        return [(call["fields"]["LifecycleActionResult"], call["status"])
                for call in self.region.calls(kind="aws", action="CompleteLifecycleAction",
                                              instance_id=self.instance["instance_id"])]

    def reboot(self):
        """What a reboot does to files: /run is empty. (The boot id is the host's and stays.)"""
        shutil.rmtree(self.root / "run", ignore_errors=True)
        (self.root / "var/lib/bootagent/verdict.json").unlink(missing_ok=True)

    def set_git_fault(self, fault=None):
        """A fault of servers.git_http, {"status": 503} and kin; None: none."""
        self._git_fault = fault or {}
        self._write_git_faults()

    def wants_token(self, password):
        """From now on the git server asks for this password, too, of bootagent's usual user."""
        self._git_password = {"login": f"x-access-token:{password}"}
        self._write_git_faults()

    def _write_git_faults(self):
        whole = {**self._git_password, **self._git_fault}
        if whole:
            self.git_faults.write_text(json.dumps(whole))
        else:
            self.git_faults.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit("a library: see its docstring")
