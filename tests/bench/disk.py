# SPDX-License-Identifier: MIT
"""What is measured beside a disk: begun with nothing left to write, ended with all on it."""
import contextlib
import ctypes
import os
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MOUNT_WITHIN_S = 20


def mount(*arguments, verb="mount"):
    done = subprocess.run([verb, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=MOUNT_WITHIN_S, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def in_memory(directory):
    """The directory is a tmpfs, as /run is on a machine; yields whether that was possible.

    It takes root. This process has its own mounts from then on: nobody else sees this one,
    and it goes with us, however we end.
    """
    is_mounted = (LIBC.unshare(CLONE_NEWNS) == 0 and mount("--make-rprivate", "/") and
                  mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(directory)))
    try:
        yield is_mounted
    finally:
        if is_mounted:
            mount(str(directory), verb="umount")


def settle(directory):
    """Everything of this file system is on the disk."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if LIBC.syncfs(fd) < 0:
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(fd)


def wall_ms(directory, perform):
    """How long it takes, on a disk that has nothing else to do."""
    settle(directory)
    begun = time.perf_counter()
    perform()
    return (time.perf_counter() - begun) * 1000


def elapsed_ms(directory, perform):
    """How long it takes until what it wrote to this file system is on the disk, too."""
    def perform_and_settle():
        perform()
        settle(directory)
    return wall_ms(directory, perform_and_settle)
