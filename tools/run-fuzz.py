#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run-fuzz.py RESULT.xml RUNS PROGRAM...: runs libFuzzer targets, one JUnit case each.

PROGRAM is …/fuzz_NAME; it begins with the inputs of tests/fuzz/corpus/NAME, in their
order and with a fixed seed, so that a run can be repeated. What it finds new goes below the
program's folder: new inputs to corpus/NAME/, an input that breaks it to fuzz_NAME-*.
"""

import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "fuzz" / "corpus"
TIMEOUT_S = 3600
INPUT_TIMEOUT_S = 10
INPUT_MAX_BYTES = 4096
MEMORY_MAX_MB = 2048
REPORT_LINES = 40


def command(program, runs):
    name = program.name.removeprefix("fuzz_")
    found = program.parent / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    return [program, f"-runs={runs}", "-seed=1", f"-timeout={INPUT_TIMEOUT_S}",
            f"-rss_limit_mb={MEMORY_MAX_MB}", f"-max_len={INPUT_MAX_BYTES}",
            f"-artifact_prefix={program}-", found, CORPUS / name]


def run(program, runs):
    """(how many inputs were tried, output, None or why it failed)."""
    name = program.name.removeprefix("fuzz_")
    if not any((CORPUS / name).glob("*")):
        return 0, "", f"tests/fuzz/corpus/{name} is empty"
    try:
        done = subprocess.run(command(program, runs), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return 0, "", f"still running after {TIMEOUT_S} s"
    output = done.stdout.decode(errors="replace")
    match = re.search(r"^Done (\d+) runs", output, re.M)
    if done.returncode or not match:
        return 0, output, f"ended with status {done.returncode}"
    count = int(match.group(1))
    return count, output, None if count >= runs else f"only {count} of {runs} runs"


def main(result, runs, programs):
    root = ET.Element("testsuite", name="fuzz", tests=str(len(programs)))
    failed = 0
    for program in (Path(p).resolve() for p in programs):
        begun = time.monotonic()
        count, output, why = run(program, runs)
        case = ET.SubElement(root, "testcase", classname="fuzz", name=program.name)
        print(f"{'FAIL' if why else 'ok  '} {program.name}: {count} runs in "
              f"{time.monotonic() - begun:.0f} s", flush=True)
        if why:
            failed += 1
            text = "\n".join(output.splitlines()[-REPORT_LINES:])
            text = "".join(c for c in text if c in "\t\n" or c >= " ")
            ET.SubElement(case, "failure", message=why).text = text
            print(f"{text}\n     {why}")
    Path(result).parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(result, encoding="unicode")
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
