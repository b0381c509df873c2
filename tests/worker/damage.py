# SPDX-License-Identifier: MIT
"""The ways in which a mirror breaks, each a function of its path.

What is put into its place belongs to the mirror's owner, as if that had written it.
"""
import os
import shutil
import subprocess

WITHIN_S = 30
GARBAGE = bytes(range(256)) * 3


def own(mirror, path):
    status = mirror.stat()
    os.chown(path, status.st_uid, status.st_gid)
    path.chmod(0o2750 if path.is_dir() else 0o640)


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def put(mirror, name, data=None):
    """A file in the place of whatever is there; a directory without data."""
    path = mirror / name
    remove(path)
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    own(mirror, path)


def pack_name(mirror, ending):
    """The one pack, or its index."""
    found, = (mirror / "objects/pack").glob(f"*{ending}")
    return found.relative_to(mirror)


def change_pack(change, ending=".pack"):
    def damage(mirror):
        name = pack_name(mirror, ending)
        put(mirror, name, change((mirror / name).read_bytes()))
    return damage


def remove_pack(ending):
    return lambda mirror: (mirror / pack_name(mirror, ending)).unlink()


def scramble(data):
    """All but a pack's head and trailer: it opens, and holds nonsense."""
    return data[:12] + bytes(byte ^ 0x5a for byte in data[12:-20]) + data[-20:]


def unpack(mirror):
    """Every object a file of its own."""
    data = (mirror / pack_name(mirror, ".pack")).read_bytes()
    put(mirror, "objects/pack")
    subprocess.run(["git", "-c", "safe.directory=*", "-C", str(mirror), "unpack-objects", "-q"],
                   input=data, check=True, timeout=WITHIN_S,
                   env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    for path in (mirror / "objects").rglob("*"):
        own(mirror, path)


def change_object(name, data=None):
    """Another content for the object that git calls so; None: it is gone."""
    def damage(mirror):
        unpack(mirror)
        result = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(mirror), "rev-parse", name], check=True,
            capture_output=True, text=True, timeout=WITHIN_S, env={"PATH": "/usr/bin:/bin"})
        digits = result.stdout.strip()
        path = f"objects/{digits[:2]}/{digits[2:]}"
        if data is None:
            remove(mirror / path)
        else:
            put(mirror, path, data)
    return damage


def put_all(*entries):
    def damage(mirror):
        for name, data in entries:
            put(mirror, name, data)
    return damage


def link_objects(mirror):
    remove(mirror / "objects")
    (mirror / "objects").symlink_to("refs")


# Found out by the fetch, whether or not there is something new.
AT_FETCH = {
    "no pack": remove_pack(".pack"),
    "a truncated pack": change_pack(lambda data: data[:-30]),
    "an empty pack": change_pack(lambda data: b""),
    "a pack of garbage": change_pack(lambda data: GARBAGE),
    "a pack with nonsense inside": change_pack(scramble),
    "a directory for a pack": lambda mirror: put(mirror, pack_name(mirror, ".pack")),
    "no index": remove_pack(".idx"),
    "a truncated index": change_pack(lambda data: data[:-30], ".idx"),
    "an empty index": change_pack(lambda data: b"", ".idx"),
    "an index of garbage": change_pack(lambda data: GARBAGE, ".idx"),
    "a directory for an index": lambda mirror: put(mirror, pack_name(mirror, ".idx")),
    "no commit": change_object("main"),
    "a commit of garbage": change_object("main", GARBAGE),
    "an empty commit": change_object("main", b""),
    "no objects": lambda mirror: remove(mirror / "objects"),
    "a file for objects": put_all(("objects", b"")),
    "a link for objects": link_objects,
    "a file for packs": put_all(("objects/pack", b"")),
    "a ref of garbage": put_all(("refs/heads/main", GARBAGE)),
    "an empty ref": put_all(("refs/heads/main", b"")),
    "a full directory for a ref": put_all(("refs/heads/main", None),
                                          ("refs/heads/main/x y", b"left\n")),
    "a file for refs": put_all(("refs", b"")),
    "a directory for HEAD": put_all(("HEAD", None)),
    "a directory for config": put_all(("config", None)),
}

# Only while nothing is new: else this tree is not looked at.
AT_SAME = {
    "no tree": change_object("main^{tree}"),
    "a tree of garbage": change_object("main^{tree}", GARBAGE),
    "an empty tree": change_object("main^{tree}", b""),
}

# Only while something new is brought.
AT_NEW = {
    "a ref to nothing": put_all(("refs/heads/main", b"1" * 40 + b"\n")),
    "another ref to nothing": put_all(("refs/heads/other", b"1" * 40 + b"\n")),
    "packed refs of garbage": put_all(("packed-refs", b"garbage\n" * 9)),
    "a directory for packed refs": put_all(("packed-refs", None)),
}

# The fetch looks no further than at the commit and its tree.
AT_EXPORT = {
    "no blob": change_object("main:README"),
    "a blob of garbage": change_object("main:README", GARBAGE),
    "an empty blob": change_object("main:README", b""),
    "no tree below": change_object("main:lib"),
}

# Mended where it is.
MENDED = {
    "HEAD of garbage": put_all(("HEAD", GARBAGE)),
    "no HEAD": lambda mirror: remove(mirror / "HEAD"),
    "config of garbage": put_all(("config", b"[[[")),
    "no refs": lambda mirror: remove(mirror / "refs"),
    "an empty directory for a ref": put_all(("refs/heads/main", None)),
    "what a full disk leaves": put_all(("objects/pack/pack_git2_0123456789abcdef", b""),
                                       ("refs/heads/main.lock", b""),
                                       (".tmp-0123456789abcdef", b"")),
}
