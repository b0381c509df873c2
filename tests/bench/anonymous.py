# SPDX-License-Identifier: MIT
"""The anonymous memory of a worker: what no file backs, thus what a small machine must have.

The kernel keeps no peak of it, so it is looked at all the time. In /proc/PID/status, which
costs the worker nothing: smaps_rollup says the same, but has to walk its memory for that,
and shows that of another user's worker to nobody else than root.
"""
import subprocess
import tempfile
from pathlib import Path

from measure import judge

KEY = "RssAnon:"
# As `systemctl status` prints memory.
KIB_PER_MB = 1024
DEADLINE_S = 300


def anonymous_kib(pid):
    """At this moment; 0 once the process is over."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return max([int(line.split()[1]) for line in lines if line.startswith(KEY)] or [0])


def peak_mb(argv, request, environment):
    """The highest of one run, which must succeed; the request is what it reads."""
    peak_kib = 0
    with tempfile.TemporaryFile() as output, \
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, stderr=output,
                             env=environment) as worker:
        worker.stdin.write(request)
        worker.stdin.close()
        while worker.poll() is None:
            peak_kib = max(peak_kib, anonymous_kib(worker.pid))
        judge(argv, worker.returncode, output)
    return peak_kib / KIB_PER_MB
