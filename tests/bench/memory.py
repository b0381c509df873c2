#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""memory.py COMMAND...: runs it and prints how much memory it and its descendants had.

    {"own_kib": …, "largest_kib": …, "largest": "name", "together_kib": …}

own: the peak (VmHWM) of the started process; largest: the highest peak of any process of the
tree, and its name; together: the peaks of all that lived at one time, added, an upper limit
(what two share counts twice, but what else the machine runs does not count).

Exact, because the kernel stops each traced process at its end, its memory still there. wait4
would not do: its ru_maxrss begins with the size of whoever forked, thus with a Python's. A
program of its own, because it waits for every child. The times of such a run mean nothing.
What the command prints goes to standard error; its exit status is passed on.
"""
import contextlib
import ctypes
import json
import os
import signal
import sys

TRACEME, CONT, SETOPTIONS = 0, 7, 0x4200
# Told: FORK, VFORK, CLONE, EXEC, EXIT. EXITKILL: no tracee outlives us.
OPTIONS = 0x2 | 0x4 | 0x8 | 0x10 | 0x40 | 0x100000
EVENT_EXIT = 6
WALL = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def ptrace(request, pid, data=0):
    if LIBC.ptrace(request, pid, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace: {os.strerror(error)}")


def become(argv):
    """In the forked child; never returns. The exec is its first stop."""
    try:
        os.dup2(2, 1)
        ptrace(TRACEME, 0)
        os.execv(argv[0], argv)
    finally:
        os._exit(127)


def field(path, key):
    """The number in the line `KEY: n` of a file in /proc; 0 if there is none any more."""
    with contextlib.suppress(OSError):
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    return 0


class Watch:
    """The tree of one command, from its exec to the end of the last of it."""

    def __init__(self, root):
        self.root = root
        self.known = {root}
        self.living = {root}
        self.status = 0
        self.seen = {"own_kib": 0, "largest_kib": 0, "largest": "", "together_kib": 0}

    def look(self, pid):
        """A process stands at its end: take its peak, and add up those of all that live."""
        if field(f"/proc/{pid}/status", "Tgid") != pid:
            return  # a thread is followed as well, but has no memory of its own
        peak_kib = field(f"/proc/{pid}/status", "VmHWM")
        if pid == self.root:
            self.seen["own_kib"] = peak_kib
        if peak_kib > self.seen["largest_kib"]:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                self.seen.update(largest_kib=peak_kib, largest=file.read().strip())
        leaders = [one for one in self.living if field(f"/proc/{one}/status", "Tgid") == one]
        now_kib = sum(field(f"/proc/{one}/status", "VmHWM") for one in leaders)
        self.seen["together_kib"] = max(self.seen["together_kib"], now_kib)

    def signal_to_pass(self, pid, number):
        """Events, and the stop a new tracee begins with, are not signals of its own."""
        is_first = pid not in self.known
        self.known.add(pid)
        return 0 if number == signal.SIGTRAP or (is_first and number == signal.SIGSTOP) else number

    def on_stop(self, pid, status):
        self.living.add(pid)
        if status >> 16 == EVENT_EXIT:
            self.look(pid)
        number = self.signal_to_pass(pid, os.WSTOPSIG(status))
        with contextlib.suppress(ProcessLookupError):
            ptrace(CONT, pid, number)

    def follow(self):
        """Until nothing of the tree is left. Whoever started us has the deadline."""
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):
                self.on_stop(pid, status)
                continue
            self.living.discard(pid)
            if pid == self.root:
                self.status = os.waitstatus_to_exitcode(status)


def main(argv):
    if not argv:
        sys.exit("usage: memory.py COMMAND...")
    root = os.fork()
    if root == 0:
        become(argv)
    os.waitpid(root, 0)
    ptrace(SETOPTIONS, root, OPTIONS)
    ptrace(CONT, root)
    watch = Watch(root)
    watch.follow()
    print(json.dumps(watch.seen))
    return watch.status if watch.status >= 0 else 128 - watch.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
