# SPDX-License-Identifier: MIT
"""A datagram socket in journald's place, in a mount namespace of its own: the machine's
journal is neither needed nor reached. Root only."""
import json
import subprocess
import textwrap

from servers.namespace import own_mounts

PYTHON = "/usr/bin/python3"
TIMEOUT_S = 60

# Runs inside the namespace: the socket, then the agent, then what came in.
LISTENER = textwrap.dedent("""
    import json, os, socket, subprocess, sys
    os.makedirs("/run/systemd", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd"], check=True)
    os.mkdir("/run/systemd/journal")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind("/run/systemd/journal/socket")
    journal.settimeout(1)
    stderr = open(sys.argv[1], "w+b")
    status = os.fstat(stderr.fileno())
    stream = sys.argv[2] or f"{status.st_dev}:{status.st_ino}"
    environment = {**os.environ, "JOURNAL_STREAM": stream}
    ended = subprocess.run(sys.argv[3:], stderr=stderr, stdout=subprocess.DEVNULL,
                           stdin=subprocess.DEVNULL, env=environment, timeout=60)
    entries = []
    try:
        while True:
            entries.append(journal.recv(65536).decode())
    except TimeoutError:
        pass
    subprocess.run(["umount", "--lazy", "/run/systemd"], check=True)
    print(json.dumps({"status": ended.returncode, "entries": entries}))
""")


def run_below_journal(command, environment, stderr, stream=""):
    """Run a command whose standard error, a file, is the journal's stream (or another one
    is said to be); (exit status, entries as dicts, standard error)."""
    result = subprocess.run(
        [*own_mounts(), PYTHON, "-c", LISTENER, str(stderr), stream, *command],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=TIMEOUT_S, check=True)
    said = json.loads(result.stdout)
    entries = [dict(line.split("=", 1) for line in entry.splitlines())
               for entry in said["entries"]]
    return said["status"], entries, stderr.read_text()
