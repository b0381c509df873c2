# SPDX-License-Identifier: MIT
"""Under systemd the log goes to the journal, with fields; decided by JOURNAL_STREAM.

A datagram socket stands where journald's is, in a mount namespace that this test makes, so
the machine's own journal is neither needed nor reached.
"""
import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from box.box import PYTHON
from servers.namespace import own_mounts

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


def only_root(test):
    """Mount namespaces need root; for others this test does not exist."""
    return test if os.geteuid() == 0 else None


@pytest.fixture
def journal(box, tmp_path):
    """Runs the agent below the listener; (exit status, entries as dicts, standard error)."""
    def run(*arguments, stream=""):
        stderr = Path(tmp_path, "stderr")
        result = subprocess.run(
            [*own_mounts(), PYTHON, "-c", LISTENER, str(stderr), stream,
             *box.command(*arguments)],
            env=box.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=True)
        said = json.loads(result.stdout)
        entries = [dict(line.split("=", 1) for line in entry.splitlines())
                   for entry in said["entries"]]
        return said["status"], entries, stderr.read_text()
    return run


@only_root
def test_failure_is_an_entry_with_fields(box, journal):
    box.set_git_fault({"status": 503})
    status, entries, stderr = journal("sync")
    assert status == 1
    assert stderr == ""
    assert len(entries) == 1
    entry = entries[0]
    assert entry["PRIORITY"] == "3"
    assert entry["SYSLOG_IDENTIFIER"] == "bootagent"
    assert entry["MESSAGE"].startswith("sync: source: fetch 'http://")
    assert entry["BOOTAGENT_RUN_ID"] == box.status()[0]["last_run"]["run_id"]
    assert "CODE_FILE" not in entry


@only_root
def test_another_stream_is_not_ours(box, journal):
    """JOURNAL_STREAM may be inherited by a program whose standard error goes elsewhere."""
    box.set_git_fault({"status": 503})
    status, entries, stderr = journal("sync", stream="1:2")
    assert status == 1
    assert entries == []
    assert stderr.startswith("bootagent: sync: source: ")
