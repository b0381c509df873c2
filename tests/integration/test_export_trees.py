# SPDX-License-Identifier: MIT
"""Trees that are large, odd or hostile, besides those in test_source_worker.py."""
import json
import os
import random
import subprocess

import pytest

from servers.repository import Repository
from worker.source import APPLICATION, MEBIBYTE, TIMEOUT_S

ANONYMOUS_MAX_KIB = 70 * 1024
LARGE_BYTES = 100 * MEBIBYTE


def anonymous_kib(pid):
    """What of its memory is no file's, now."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def watched_export(world, path, revision):
    """(the peak of its anonymous memory, its output); looked at all the time."""
    request = {"verb": "export", "repository": str(path), "revision": revision,
               "directory": str(world.target)}
    peak_kib = 0
    with open(world.root / "output", "w+b") as output:
        with world.start(APPLICATION, stdout=output) as worker:
            worker.stdin.write(json.dumps(request).encode())
            worker.stdin.close()
            while worker.poll() is None:
                peak_kib = max(peak_kib, anonymous_kib(worker.pid))
            assert worker.stderr.read() == b""
        output.seek(0)
        return peak_kib, output.read()


def test_a_hundred_megabytes(world):
    """Two of them, packed as differences: unpacked in files, not in anonymous memory."""
    data = random.Random(1).randbytes(LARGE_BYTES)
    made = Repository.generic(world.served, {"large": data}, "large.git")
    first = made.head
    made.commit({"large": data[:5000] + b"between" + data[5000:]}, "second")
    made.git("-c", "core.bigFileThreshold=1g", "-c", "core.compression=0", "repack", "-q", "-a",
             "-d", "-f")
    subprocess.run(["chmod", "-R", "a+rX", str(made.path)], check=True, timeout=TIMEOUT_S)
    for revision, length in ((first, LARGE_BYTES), (made.head, LARGE_BYTES + 7)):
        peak_kib, output = watched_export(world, made.path, revision)
        assert json.loads(output.splitlines()[-1])["result"]["bytes"] == length
        assert (world.target / "large").stat().st_size == length
        if revision == first:
            assert (world.target / "large").read_bytes() == data
        assert os.listdir(world.target) == ["large"]
        assert 0 < peak_kib <= ANONYMOUS_MAX_KIB
        (world.target / "large").unlink()


def listing(directory):
    return sorted(os.fsdecode(os.path.relpath(os.path.join(folder, name), os.fsencode(directory)))
                  for folder, folders, files in os.walk(os.fsencode(directory))
                  for name in folders + files)


@pytest.mark.parametrize("first, second", [
    ("file", "file"), ("directory", "directory"), ("file", "directory"),
    ("directory", "file"), ("link", "file"), ("link", "directory"), ("submodule", "directory"),
])
def test_two_entries_of_one_name(world, forge, first, second):
    """Whatever comes second is refused; nothing is written through the first."""
    outside = world.root / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    inner = forge.tree((b"100644", b"inner", forge.blob()))
    entries = {"file": (b"100644", b"x", forge.blob()), "directory": (b"40000", b"x", inner),
               "link": (b"120000", b"x", forge.blob(b"../outside")),
               "submodule": (b"160000", b"x", "1" * 40)}
    if (first, second) == ("submodule", "directory"):
        entries["directory"] = (b"40000", b"x", forge.tree((b"120000", b"inner", forge.blob(b"/"))))
    forge.export(forge.tree(entries[first], entries[second])).refused("EEXIST", "'x")
    assert os.listdir(outside) == []


@pytest.mark.parametrize("name", [b".git", b".GIT", b".giT"])
@pytest.mark.parametrize("depth", [0, 2])
def test_no_repository_inside(world, forge, name, depth):
    tree = forge.tree((b"40000", name, forge.tree((b"100644", b"config", forge.blob()))))
    for _ in range(depth):
        tree = forge.tree((b"40000", b"d", tree))
    forge.export(tree).refused("EBADMSG", "no file may have this name")
    assert [path for path in listing(world.target) if "git" in path.lower()] == []


@pytest.mark.parametrize("name", [b".git ", b".git.", b"git~1", b".g\xe2\x80\x8cit", b"..\\x",
                                  b"con", b"a\nb", b"\xff\xfe", b'"', b" ", b"*", b"~", b"-rf"])
def test_names_that_only_others_fear(world, forge, name):
    """On Linux a name is bytes; what HFS+ or NTFS would make of them does not matter."""
    forge.export(forge.tree((b"100644", name, forge.blob()))).done()
    assert os.listdir(os.fsencode(world.target)) == [name]


def test_case_only_differences(world, forge):
    lower = forge.tree((b"100644", b"x", forge.blob(b"lower\n")))
    upper = forge.tree((b"100644", b"X", forge.blob(b"upper\n")))
    forge.export(forge.tree((b"40000", b"D", upper), (b"40000", b"d", lower))).done()
    assert listing(world.target) == ["D", "D/X", "d", "d/x"]
    assert (world.target / "D/X").read_text() == "upper\n"


def test_a_tree_that_contains_nothing_but_trees(world, forge):
    tree = forge.tree()
    for _ in range(5):
        tree = forge.tree((b"40000", b"d", tree), (b"40000", b"e", tree))
    assert forge.export(tree).done()["directories"] == 0
    assert listing(world.target) == []


def test_ignored_bad_names_are_refused_all_the_same(world, forge):
    """export-ignore hides no attack: whoever may push it may push another."""
    attributes = forge.blob(b"* export-ignore\n")
    reply = forge.export(forge.tree((b"100644", b"..", forge.blob()),
                                    (b"100644", b".gitattributes", attributes)))
    reply.refused("EBADMSG", "'..'")
    assert listing(world.target) == []
