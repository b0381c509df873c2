#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""summary.py RESULTS SUITE...: counts RESULTS/SUITE.xml; last line `N passed, N failed`.

What did not run did not pass: a skipped test, a suite without results and a suite
without tests are failures, and so is a suite whose command failed (RESULTS/failed, one
name a line) although all its tests look well.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

BAD = {"failure": "failed", "error": "error", "skipped": "skipped, counts as failed"}


def judge(case):
    """None if the case passed, else why not."""
    for child in case:
        if child.tag in BAD:
            lines = (child.get("message") or child.text or "").strip().splitlines()
            return f"{BAD[child.tag]}: {lines[0] if lines else 'no reason given'}"
    return None


def count(path, command_failed):
    """(passed, [what failed]) of one suite's file."""
    try:
        cases = list(ET.parse(path).getroot().iter("testcase"))
    except FileNotFoundError:
        return 0, ["no results were written"]
    except ET.ParseError as broken:
        return 0, [f"its results cannot be read: {broken}"]
    if not cases:
        return 0, ["it ran no tests"]
    passed, problems = 0, []
    for case in cases:
        why = judge(case)
        if why is None:
            passed += 1
        else:
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            problems.append(f"{name}: {why}")
    if command_failed and not problems:
        problems.append("its command failed though no test did")
    return passed, problems


def main(results, suites):
    results = Path(results)
    marks = results / "failed"
    broken = set(marks.read_text().split()) if marks.exists() else set()
    broken = {{"format-check": "format"}.get(name, name) for name in broken}
    # `make lint` runs two suites: its failure is explained by either
    counts = {suite: count(results / f"{suite}.xml", suite in broken - {"lint"})
              for suite in suites}
    print("\n== summary")
    for suite, (passed, problems) in counts.items():
        print(f"{suite:12} {passed} passed, {len(problems)} failed")
        for problem in problems:
            print(f"    {suite}: {problem}")
    passed = sum(p for p, _ in counts.values())
    failed = sum(len(problems) for _, problems in counts.values())
    if "lint" in broken and not counts["lint"][1] + counts["lint-tests"][1]:
        print("    lint: its command failed though no test did")
        failed += 1
    line = f"{passed} passed, {failed} failed"
    if results.is_dir():
        (results / "summary").write_text(line + "\n")  # .ci/run repeats it
    print(line)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
