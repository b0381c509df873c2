#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks sizes and forbidden words of the C files. Returns {rule: [complaint]}.

Tables (initialisers) do not count towards the length of a function or a file.
"""

import re
import sys
from pathlib import Path

import csource

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
HEADER_LINES_MAX = 120
PARAMETERS_MAX = 5
COLUMNS_MAX = 90
DEPTH_WANTED = 3
TAB = 8
SPDX = "/* SPDX-License-Identifier: MIT */"

# rule: (pattern in code without comments and strings, sentence, where it is allowed).
# Everywhere means agent/, include/ and tests/; `agent` rules leave the tests alone.
FORBIDDEN = {
    "goto": (r"\bgoto\b", "goto is not used", None),
    "typedef-struct": (r"\btypedef\s+(struct|union|enum)\b", "no typedef", None),
    "if-0": (r"^[ \t]*#[ \t]*if[ \t]+0\b", "no dead code", None),
    "sleep": (r"\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(",
              "nobody sleeps: wait on an event until a deadline", None),
    "exit": (r"\b(exit|quick_exit)\s*\(", "exit() belongs in main.c",
             re.compile(r"(^|/)main\.c$|^tests/")),
    "rename": (r"\b(rename(at2?)?|symlink(at)?)\s*\(",
               "files and links are put in place by base/file.c alone",
               # an export makes new links, in a directory that nobody reads yet
               re.compile(r"^agent/base/file\.c$|^agent/git/writer\.c$|^tests/")),
}
REPORTED_ONLY = {"nesting"}


def check_text(name, text):
    """{rule: [complaint]} of one file."""
    found = {}

    def say(rule, line, what):
        found.setdefault(rule, []).append(f"{name}:{line}: {what}")

    rows = text.splitlines()
    code = csource.strip(text)
    source = csource.parse(code)
    if not rows or rows[0] != SPDX:
        say("spdx", 1, f"line 1 must be {SPDX}")
    length = len(rows) - source.table_lines
    limit = HEADER_LINES_MAX if name.endswith(".h") else FILE_LINES_MAX
    if length > limit:
        say("header-length" if name.endswith(".h") else "file-length", len(rows),
            f"{length} lines, at most {limit}")
    for number, row in enumerate(rows, 1):
        columns = len(row.expandtabs(TAB))
        if columns > COLUMNS_MAX:
            say("line-width", number, f"{columns} columns, at most {COLUMNS_MAX}")
        if re.search(r"\b(TODO|FIXME)\b", row):
            say("todo", number, "file an issue instead")
    for function in source.functions:
        check_function(say, function)
    for rule, (pattern, sentence, allowed) in FORBIDDEN.items():
        if allowed and allowed.search(name):
            continue
        for match in re.finditer(pattern, code, re.M):
            say(rule, code.count("\n", 0, match.start()) + 1, sentence)
    return found


def check_function(say, function):
    length = function.last - function.first + 1 - function.table_lines
    if length > FUNCTION_LINES_MAX:
        say("function-length", function.first,
            f"{function.name}() has {length} lines, at most {FUNCTION_LINES_MAX}")
    if function.parameters > PARAMETERS_MAX:
        say("parameters", function.first,
            f"{function.name}() has {function.parameters} parameters, "
            f"at most {PARAMETERS_MAX}: pass a struct")
    if function.depth > DEPTH_WANTED:
        say("nesting", function.first,
            f"{function.name}() nests {function.depth} deep, {DEPTH_WANTED} wanted")


def files(root):
    root = Path(root)
    return [path for top in ("agent", "include", "tests/unit", "tests/fuzz")
            for path in sorted((root / top).rglob("*.[ch]"))]


def check(root):
    found = {rule: [] for rule in (
        "spdx", "function-length", "file-length", "header-length", "parameters",
        "line-width", "nesting", "todo", *FORBIDDEN)}
    for path in files(root):
        name = str(path.relative_to(root))
        for rule, lines in check_text(name, path.read_text(errors="replace")).items():
            found[rule] += lines
    return found


if __name__ == "__main__":
    RESULT = check(Path(__file__).resolve().parents[2])
    print("\n".join(line for lines in RESULT.values() for line in lines), end="")
    sys.exit(any(lines for rule, lines in RESULT.items() if rule not in REPORTED_ONLY))
