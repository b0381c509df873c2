# SPDX-License-Identifier: MIT
"""The manifests of exports (agent/git/manifest.c): made true for a copy, and judged."""
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

HEADER, END = "bootagent-manifest 1 ", "end "
TEMPORARY = ".tmp-"


def directory_of(deploy_to):
    return deploy_to / "shared/.bootagent/manifests"


@dataclass
class Entry:
    """A file as its export left it."""
    blob: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    path: str

    @classmethod
    def parse(cls, record):
        blob, *numbers, path = record.split(" ", 5)
        return cls(blob, *map(int, numbers), path)

    def __str__(self):
        return (f"{self.blob} {self.size} {self.mtime_ns} {self.ctime_ns} {self.inode} "
                f"{self.path}")


def _records(path):
    return os.fsdecode(path.read_bytes()).split("\0")


def parse(path):
    """(revision, entries) of a manifest that is whole. ValueError: it is not."""
    first, *records = _records(path)
    if not first.startswith(HEADER) or len(records) < 2 or records[-1]:
        raise ValueError("no manifest")
    if records[-2] != f"{END}{len(records) - 2}":
        raise ValueError(f"{len(records) - 2} files, and at its end {records[-2]!r}")
    return first.removeprefix(HEADER), [Entry.parse(record) for record in records[:-2]]


def renew(deploy_to, touched):
    """A copied tree has inodes of its own: without this nothing would be taken over.

    `touched` is a path that stays as it was, and so is no longer what was exported.
    """
    for path in directory_of(deploy_to).glob("[0-9]*"):
        revision, entries = parse(path)
        for entry in entries:
            if entry.path == touched:
                continue
            status = (deploy_to / "releases" / path.name / entry.path).lstat()
            entry.ctime_ns, entry.inode = status.st_ctime_ns, status.st_ino
        records = [f"{HEADER}{revision}", *map(str, entries), f"{END}{len(entries)}", ""]
        path.write_bytes(os.fsencode("\0".join(records)))


def _is_taken(entry, status):
    """Whether the next export would take the file over, by hard link at least."""
    return stat.S_ISREG(status.st_mode) and \
        (entry.size, entry.mtime_ns, entry.inode) == \
        (status.st_size, status.st_mtime_ns, status.st_ino)


def _false(entry, path):
    """Whether the next export would take this file for what it is not."""
    try:
        if not _is_taken(entry, path.lstat()):
            return False
    except (FileNotFoundError, NotADirectoryError):
        return False
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != entry.blob


def check(deploy_to, revisions):
    """Each is whole, of its release's revision, and says nothing false of a file.

    `revisions` are those of the releases that are known; others' manifests are ignored.
    """
    wrong = []
    for path in sorted(directory_of(deploy_to).glob("[!.]*")):
        try:
            revision, entries = parse(path)
        except ValueError as error:
            wrong.append(f"the manifest {path.name}: {error}")
            continue
        if revision != revisions.get(path.name, revision):
            wrong.append(f"the manifest {path.name} is of {revision}")
        release = Path(deploy_to, "releases", path.name)
        wrong += [f"the manifest {path.name} is false about {entry.path}"
                  for entry in entries if _false(entry, release / entry.path)]
    return wrong
