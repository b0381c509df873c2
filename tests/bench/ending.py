# SPDX-License-Identifier: MIT
"""How every part of the benchmark ends: by itself, with a sentence, or on a signal.

It measures and does not judge: the exit status is 0 whenever it could measure.
"""
import signal
import subprocess
import sys

from measure import Bad
from region.client import RegionError
from servers.process import NotReady


def end_on_signal(number, _frame):
    """Through the same door as Ctrl-C: what was started is ended, all is removed."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def perform(run):
    """Runs it; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    try:
        run()
    except (Bad, NotReady, RegionError, RuntimeError, OSError, ValueError, KeyError,
            subprocess.SubprocessError) as error:
        print(f"bench: not measured: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 1
    return 0
