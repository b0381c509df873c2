#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run-unit.py RESULT.xml TEST...: runs cmocka tests, merges their JUnit XML.

cmocka cannot report a crash, a leak found at exit or a hang, and refuses to overwrite
a file; here each program gets an empty folder, and an end that its own report does not
explain becomes a failed case.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

TIMEOUT_S = 120


def read_reports(folder):
    cases = []
    for path in sorted(Path(folder).glob("*.xml")):
        cases += ET.parse(path).getroot().iter("testcase")
    return cases


def explain(program, status, output, cases):
    """A failed case for an end that no case explains, else None."""
    bad = any(case.find("failure") is not None or case.find("error") is not None
              for case in cases)
    if status == 0 and cases:
        return None
    if status not in (0, 99) and status is not None and status > 0 and bad:
        return None
    why = {None: f"still running after {TIMEOUT_S} s", 0: "no test ran",
           99: "a sanitizer reported"}.get(status, f"ended with status {status}")
    case = ET.Element("testcase", name=f"{program.name}: whole program")
    ET.SubElement(case, "failure", message=why).text = printable(output)
    return case


def printable(text):
    return "".join(c for c in text if c in "\t\n" or c >= " ")


def run(program):
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="xml",
                   CMOCKA_XML_FILE=f"{folder}/%g.xml")
        try:
            done = subprocess.run([program], env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=TIMEOUT_S, check=False)
            status, raw = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            status, raw = None, late.stdout or b""
        output = raw.decode(errors="replace")
        try:
            cases = read_reports(folder)
        except ET.ParseError as broken:
            cases, output = [], f"unreadable report: {broken}\n{output}"
            status = status or 1
        extra = explain(program, status, output, cases)
        return cases + ([extra] if extra is not None else []), output


def main(result, programs):
    root = ET.Element("testsuites")
    total = failed = 0
    for program in map(Path, programs):
        suite = ET.SubElement(root, "testsuite", name=program.name)
        cases, output = run(program.resolve())
        suite.extend(cases)
        bad = [c for c in cases if len(c) and c[0].tag in ("failure", "error", "skipped")]
        total += len(cases)
        failed += len(bad)
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(len(bad)))
        print(f"{'FAIL' if bad else 'ok  '} {program.name} ({len(cases)} tests)")
        for case in bad:
            text = case[0].get("message") or case[0].text or case[0].tag
            print(f"     {case.get('name')}: {text.strip()}")
        if bad:
            print(output, end="" if output.endswith("\n") else "\n")
        sys.stdout.flush()
    Path(result).parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(result, encoding="unicode")
    print(f"{total - failed} of {total} unit tests passed")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
