#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""format.py --write: rewrites the C files; format.py [RESULT.xml]: says which differ."""

import subprocess
import sys
from pathlib import Path

import junit
import sizes


def main(arguments):
    root = Path(__file__).resolve().parents[2]
    paths = sizes.files(root)
    if arguments == ["--write"]:
        if not paths:
            return 0
        return subprocess.run(["clang-format", "-i", "--", *paths], check=False).returncode
    wrong = []
    for path in paths:
        wanted = subprocess.run(["clang-format", "--", path], capture_output=True,
                                check=False)
        name = path.relative_to(root)
        if wanted.returncode:
            wrong.append(f"{name}: {wanted.stderr.decode(errors='replace').strip()}")
        elif wanted.stdout != path.read_bytes():
            have = path.read_bytes().splitlines()
            want = wanted.stdout.splitlines()
            line = next((n for n, (a, b) in enumerate(zip(have, want), 1) if a != b),
                        min(len(have), len(want)) + 1)
            wrong.append(f"{name}:{line}: `make format` would change it")
    print("\n".join([*wrong, f"format: {len(paths) - len(wrong)} of {len(paths)} files"]))
    if arguments:
        junit.write(arguments[0], "format", {"clang-format": wrong})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
