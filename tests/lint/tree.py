#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the tree itself: no path of somebody's machine in any file that is or would be
tracked, and no source file that the Makefile forgot. Returns {rule: [complaint]}."""

import re
import subprocess
import sys
from pathlib import Path

# The brackets keep this file from finding itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.}/~-])/(?:[w]ork/(?:main|shared|\.)|[t]mp/bash|[r]oot/\.|[h]ome/[a-z]+/\.)")


def tracked(root):
    """Files of the repository, new ones included; of an unpacked tarball, all files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = filter(None, listed.stdout.split("\0"))
    else:
        names = (str(p.relative_to(root)) for p in Path(root).rglob("*"))
    return sorted(n for n in set(names)
                  if not n.startswith((".git/", "build/")) and (Path(root) / n).is_file())


def check_paths(name, data):
    if b"\0" in data[:4096]:
        return []
    return [f"{name}:{number}: a path of one machine: {match.group()}"
            for number, row in enumerate(data.decode(errors="replace").splitlines(), 1)
            for match in [MACHINE_PATH.search(row)] if match]


def sources(root):
    root = Path(root)
    found = [path for top in ("agent", "tests/unit", "tests/fuzz")
             for path in (root / top).rglob("*.c")]
    return sorted(str(path.relative_to(root)) for path in found)


def check_listed(makefile, names):
    words = set(re.sub(r"^\s*#.*", "", makefile, flags=re.M).split())
    return [f"{name}: is in no list of the Makefile" for name in names
            if name not in words]


def check(root):
    root = Path(root)
    return {
        "machine-paths": [line for name in tracked(root)
                          for line in check_paths(name, (root / name).read_bytes())],
        "makefile-lists": check_listed((root / "Makefile").read_text(), sources(root)),
    }


if __name__ == "__main__":
    RESULT = check(Path(__file__).resolve().parents[2])
    print("\n".join(line for lines in RESULT.values() for line in lines), end="")
    sys.exit(any(RESULT.values()))
