#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""lint.py [RESULT.xml]: runs every lint, prints the complaints, one case a rule."""

import sys
from pathlib import Path

import junit
import layers
import manual
import sizes
import tree


def main(arguments):
    root = Path(__file__).resolve().parents[2]
    found = {}
    for module in (layers, manual, sizes, tree):
        found.update(module.check(root))
    notes = [line for rule in sizes.REPORTED_ONLY for line in found.pop(rule)]
    for line in notes:
        print(f"note: {line}")
    for rule, lines in found.items():
        for line in lines:
            print(f"{line} [{rule}]")
    if arguments:
        junit.write(arguments[0], "lint", found)
    bad = sum(1 for lines in found.values() if lines)
    print(f"lint: {len(found) - bad} of {len(found)} rules hold")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
