# SPDX-License-Identifier: MIT
"""Writes the JUnit XML of one suite: one case a rule."""

import xml.etree.ElementTree as ET
from pathlib import Path


def write(path, suite, found):
    """found: {rule: [complaint]}; a rule with complaints failed."""
    bad = sum(1 for lines in found.values() if lines)
    root = ET.Element("testsuite", name=suite, tests=str(len(found)), failures=str(bad))
    for rule, lines in found.items():
        case = ET.SubElement(root, "testcase", classname=suite, name=rule)
        if lines:
            message = f"{len(lines)}: {lines[0]}"
            ET.SubElement(case, "failure", message=message).text = "\n".join(lines)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="unicode")
