# SPDX-License-Identifier: MIT
"""Trees that git would not make, and what an export left beside `git archive`'s."""
import hashlib
import os
import stat
import subprocess
import zlib
from pathlib import Path

from worker.reply import TIMEOUT_S


def contents(directory):
    """{path: (type, mode, size and digest or target)} of everything below a directory."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(directory)):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            entry = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                entry.append(hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest())
            found[os.path.relpath(path, os.fsencode(directory))] = entry
    return found


def archived(world, revision):
    """What `git archive | tar x` makes of it, with the umask an export has."""
    directory = world.root / "archived"
    directory.mkdir()
    with open(world.root / "archive.tar", "wb") as file:
        subprocess.run(["git", "-c", "safe.directory=*", "-c", "tar.umask=0022",
                        "-C", str(world.mirror), "archive", "--format=tar", revision],
                       stdout=file, check=True, timeout=TIMEOUT_S)
    subprocess.run(["tar", "-x", "-p", "-C", str(directory), "-f", str(world.root / "archive.tar")],
                   check=True, timeout=TIMEOUT_S)
    return contents(directory)


class Forge:
    """Writes objects into the served repository, which is exported from without a fetch."""

    def __init__(self, world, repository):
        self.world = world
        self.path = repository.path

    def object(self, kind, data):
        whole = b"%b %d\0%b" % (kind, len(data), data)
        name = hashlib.sha1(whole).hexdigest()
        path = self.path / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole))
        return name

    def blob(self, data=b"data\n"):
        return self.object(b"blob", data)

    def tree(self, *entries):
        return self.object(b"tree", b"".join(
            b"%b %b\0%b" % (mode, name, bytes.fromhex(id)) for mode, name, id in entries))

    def commit(self, tree):
        who = b"bootagent tests <tests@example.org> 1700000000 +0000"
        return self.object(b"commit", b"tree %b\nauthor %b\ncommitter %b\n\nforged\n" %
                           (tree.encode(), who, who))

    def export(self, tree):
        subprocess.run(["chmod", "-R", "a+rX", str(self.path)], check=True, timeout=TIMEOUT_S)
        return self.world.export(self.commit(tree), repository=str(self.path))
