# SPDX-License-Identifier: MIT
"""Mounts of a test's own, in a mount namespace that it makes."""
import subprocess

DEADLINE_S = 20


def own_mounts():
    """The words before a command, so that its mounts are seen by nobody else.

    Below a chroot the root is no mount point whose propagation could be changed; there the
    command must undo its mounts itself, for a shared parent would show them outside.
    """
    private = ["unshare", "--mount", "--propagation", "private"]
    result = subprocess.run([*private, "true"], stdin=subprocess.DEVNULL, capture_output=True,
                            timeout=DEADLINE_S, check=False)
    return private if result.returncode == 0 else [*private[:3], "unchanged"]
