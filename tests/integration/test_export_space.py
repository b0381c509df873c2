# SPDX-License-Identifier: MIT
"""Room on the disk: looked at first, told with the numbers.

Small file systems of their own need root and a mount namespace; for others these tests are
not there.
"""
import os
import re
import subprocess

import pytest

from servers.namespace import own_mounts
from servers.repository import Repository
from worker.source import APPLICATION, ROOT, TIMEOUT_S

# Mounts, runs, and says on the last line what was left behind and mounted.
INSIDE = """
mount -t tmpfs -o "$1" tmpfs "$2" && shift || exit 9
target=$1; shift
chown %s "$target"
"$@"; status=$?
find "$target" -type f | wc -l >"$target.left"
umount "$target"
exit $status
""" % APPLICATION


def small_export(world, made, options):
    """(the reply, files left) of an export into a small tmpfs."""
    subprocess.run(["chmod", "-R", "a+rX", str(made.path)], check=True, timeout=TIMEOUT_S)
    prefix = [*own_mounts(), "sh", "-c", INSIDE, "sh", options, str(world.target),
              "setpriv", f"--reuid={APPLICATION}", f"--regid={APPLICATION}", "--clear-groups"]
    request_user = None
    reply = world.export(made.head, user=request_user, prefix=prefix, repository=str(made.path))
    return reply, int((world.root / "release.left").read_text())


if ROOT:
    @pytest.fixture
    def made(world):
        """2 MB in 20 files, random ones."""
        return Repository.generic(world.served, {
            f"d{number % 4}/f{number}": os.urandom(100000) for number in range(20)}, "room.git")

    def test_too_little_room_is_told_before_anything_is_written(world, made):
        reply, left = small_export(world, made, "size=1m")
        message = reply.refused("ENOSPC")
        assert re.fullmatch(
            f"the release needs about 2\\.1 MB and 24 inodes below '{re.escape(str(world.target))}', "
            r"1\.0 MB and [0-9,]+ inodes are free: remove something there, or enlarge the file "
            "system", message), message
        assert left == 0

    def test_too_few_inodes_are_told_before_anything_is_written(world, made):
        reply, left = small_export(world, made, "size=10m,nr_inodes=20")
        reply.refused("ENOSPC", "2.1 MB and 24 inodes", "10.5 MB and 19 inodes are free")
        assert left == 0

    def test_room_enough(world, made):
        reply, left = small_export(world, made, "size=4m,nr_inodes=30")
        assert reply.done()["files"] == left == 20

    def test_the_end_in_the_middle(world):
        """Line ends that double the file: no look at the blobs tells that."""
        made = Repository.generic(world.served, {
            ".gitattributes": b"* eol=crlf\n", "large": b"\n" * 700000}, "grows.git")
        reply, _ = small_export(world, made, "size=1m")
        message = reply.refused("ENOSPC")
        assert message.startswith("write 'large': No space left on device: the release needs about "
                                  "0.7 MB and 2 inodes below")
