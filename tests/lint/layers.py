#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the may-use order of the folders from the include lines.

A file includes its own folder and lower ones. Stages know each other only by their data:
the *_types.h of an earlier stage. Returns {rule: [complaint]}.
"""

import re
import sys
from pathlib import Path

# lowest first; folders of one row do not include each other
ORDER = [
    ["base"], ["loop"], ["net"], ["metadata"], ["userdata"], ["config", "state"], ["aws"],
    ["worker"],
    ["run"], ["secrets"],
    ["setup", "source", "release", "steps", "services", "ready", "lifecycle"],
    ["fleet"], ["settle"], ["pipeline"], ["cmd"], ["main"],
]
RANK = {folder: rank for rank, row in enumerate(ORDER) for folder in row}
# in the order they run; a stage reads the results of earlier ones. What METADATA and
# CONFIG are made of lies below run/ and is free for all above.
STAGES = ["setup", "source", "release", "steps", "services", "ready", "lifecycle"]
# executables of their own: base and their own folder, and nobody includes them
HELPERS = {"git", "tree", "health", "unpack"}
# (file, header) pairs that are allowed all the same; say why beside each
EXCEPTIONS = set()

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<[^>]+>)', re.M)


def folder_of(path):
    """The layer of a path below agent/ or include/: its folder, or a top file's name."""
    parts = Path(path).parts
    return parts[0] if len(parts) > 1 else Path(path).stem


def judge(folder, header):
    """(rule, why) if a file of this folder may not include the header, else None."""
    target = folder_of(header)
    if target == folder:
        return None
    if target in HELPERS:
        return "layer-helpers", f"{target}/ is an executable of its own"
    if folder in HELPERS:
        if target == "base":
            return None
        return "layer-helpers", f"{folder}/ may use base/ only"
    if target not in RANK or folder not in RANK:
        unknown = target if target not in RANK else folder
        return "layer-order", f"folder {unknown} has no place in ORDER (layers.py)"
    if folder == "run" and target in STAGES:
        return "layer-run", "run/ only forward-declares what stages own"
    if folder in STAGES and target in STAGES:
        if STAGES.index(target) > STAGES.index(folder):
            return "layer-stages", f"{target}/ runs after {folder}/"
        if not header.endswith("_types.h"):
            return "layer-stages", "a stage reads another's *_types.h only"
        return None
    if RANK[target] >= RANK[folder]:
        return "layer-order", f"{target}/ is not below {folder}/"
    return None


def own_headers(path):
    """Headers a .c may call its own: the same name, else its folder's."""
    path = Path(path)
    return [str(path.with_suffix(".h")), f"{path.parent.name}/{path.parent.name}.h"]


def check(root):
    found = {rule: [] for rule in ("layer-order", "layer-stages", "layer-run",
                                   "layer-helpers", "own-header-first", "mirror",
                                   "quote-include")}
    root = Path(root)
    for top in ("agent", "include"):
        for path in sorted((root / top).rglob("*.[ch]")):
            name = str(path.relative_to(root))
            inside = str(path.relative_to(root / top))
            text = path.read_text(errors="replace")
            includes = [m.group(1) for m in INCLUDE.finditer(text)]
            check_order(found, name, inside, includes, root)
            if top == "agent" and path.suffix == ".c" and path.name != "main.c":
                check_own(found, name, inside, includes, root)
            check_mirror(found, name, inside, path, root)
    return found


def check_order(found, name, inside, includes, root):
    folder = folder_of(inside)
    for header in filter(None, includes):
        if not (root / "include" / header).exists():
            found["quote-include"].append(f"{name}: include/{header} does not exist")
            continue
        verdict = judge(folder, header)
        if verdict and (name, header) not in EXCEPTIONS:
            rule, why = verdict
            found[rule].append(f"{name}: includes {header}: {why}")


def check_own(found, name, inside, includes, root):
    own = [h for h in own_headers(inside) if (root / "include" / h).exists()]
    if not own:
        found["mirror"].append(f"{name}: has no header include/{own_headers(inside)[0]}")
    elif not includes or includes[0] != own[0]:
        found["own-header-first"].append(f"{name}: must include \"{own[0]}\" first")


def check_mirror(found, name, inside, path, root):
    if path.suffix == ".h" and name.startswith("agent/"):
        found["mirror"].append(f"{name}: headers live in include/")
    elif path.suffix == ".h" and not (root / "agent" / inside).parent.is_dir():
        found["mirror"].append(f"{name}: agent/ has no such folder")


if __name__ == "__main__":
    RESULT = check(Path(__file__).resolve().parents[2])
    print("\n".join(line for lines in RESULT.values() for line in lines), end="")
    sys.exit(any(RESULT.values()))
