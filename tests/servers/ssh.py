# SPDX-License-Identifier: MIT
"""An OpenSSH server of a test's own: its port, host keys, users' keys and configuration.

Nothing of the machine's sshd is used but the program. It serves git and nothing else, to
whoever runs the tests: as root that is root, since nobody else may be logged in to without
a password entry. Hosts on the internet have "git" there; the client sends what it is told.
"""
import os
import pwd
import socket
import subprocess

from servers.process import wait_until

SSHD = "/usr/sbin/sshd"
# Compiled into sshd, which wants it as root; the machine's own service makes it, too.
PRIVILEGE_SEPARATION = "/run/sshd"
WITHIN_S = 20
CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
AuthorizedKeysFile {directory}/authorized_keys
ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"
SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
LogLevel VERBOSE
"""


def make_key(path, kind="ed25519", passphrase="", form=None):
    """A key pair at `path` and `path`.pub; returns (private text, public line)."""
    options = ["-m", form] if form else []
    options += ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "a test's",
                    "-f", str(path), *options], check=True, timeout=WITHIN_S,
                   stdin=subprocess.DEVNULL)
    return path.read_text(), path.with_name(f"{path.name}.pub").read_text().strip()


def fingerprint(public_line):
    """SHA256:…, as ssh-keygen prints it."""
    result = subprocess.run(["ssh-keygen", "-l", "-f", "-"], input=public_line, check=True,
                            capture_output=True, text=True, timeout=WITHIN_S)
    return result.stdout.split()[1]


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Ssh:
    """A running sshd; `key` may log in, `host_keys` are its own by kind."""

    def __init__(self, directory, kinds=("ed25519", "ecdsa")):
        self.directory = directory
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.directory.mkdir()
        self.host_keys = {}
        for kind in kinds:
            self.host_keys[kind] = make_key(directory / f"host_{kind}", kind)[1]
        self.key, public = make_key(directory / "key")
        self.authorize(public)
        self.popen = None
        self.port = None

    def authorize(self, public_line):
        with open(self.directory / "authorized_keys", "a", encoding="utf-8") as file:
            file.write(f"restrict {public_line}\n")

    def url(self, path, user=None, port=None):
        return f"ssh://{user or self.user}@127.0.0.1:{port or self.port}{path}"

    def log(self):
        return (self.directory / "log").read_text()

    def __enter__(self):
        self.port = unused_port()
        if os.geteuid() == 0:
            os.makedirs(PRIVILEGE_SEPARATION, mode=0o755, exist_ok=True)
        text = CONFIGURATION.format(port=self.port, directory=self.directory)
        text += "".join(f"HostKey {self.directory}/host_{kind}\n" for kind in self.host_keys)
        (self.directory / "sshd_config").write_text(text)
        with open(self.directory / "log", "w", encoding="utf-8") as log:
            self.popen = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.directory / "sshd_config")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self.is_listening, WITHIN_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def is_listening(self):
        assert self.popen.poll() is None, self.log()
        return "Server listening" in self.log()

    def __exit__(self, *_):
        self.popen.terminate()
        self.popen.wait(WITHIN_S)
