#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the manual against the tables it describes: every key with its default, every verb,
option and exit status, and nothing that is not there. Returns {rule: [complaint]}."""

import re
import sys
from pathlib import Path

KEYS = "agent/config/keys.c"
COMMANDS = "agent/cmd/options.c"
STATUSES = "include/run/exit.h"
FILE_MANUAL = "packaging/man/bootagent.json.5"
COMMAND_MANUAL = "packaging/man/bootagent.8"


def keys(text):
    """{key: default or None} as the table in keys.c has them; a step's key is steps[].KEY."""
    found = {}
    for table, rows in re.findall(r"struct config_key (\w+)\[\] = \{(.*?)^\};", text, re.S | re.M):
        prefix = "" if table == "config_keys" else table.removesuffix("_keys") + "s[]."
        for row in re.findall(r"^\t\{\n(.*?)^\t\},", rows, re.S | re.M):
            name = re.search(r'\.name = "([^"]+)"', row).group(1)
            fallback = re.search(r'\.fallback = "([^"]+)"', row)
            found[prefix + name] = fallback.group(1) if fallback else None
    return found


def items(text, macro):
    """{name: the lines of its entry} of a page's list items `.It MACRO NAME …`; the name of
    a nested verb has two words, and arguments begin with a macro."""
    parts = re.split(rf"^\.It {macro} (\S+(?: [a-z]\S*)*).*$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def table_names(text, table):
    rows = re.search(rf"\b{table}\[\] = \{{(.*?)^\}};", text, re.S | re.M).group(1)
    return set(re.findall(r'\{\s*"([a-z -]+)"', rows))


def differences(what, wanted, described):
    return ([f"{what} '{name}' is not in the manual" for name in sorted(wanted - described)] +
            [f"the manual has {what} '{name}', which does not exist"
             for name in sorted(described - wanted)])


def check_keys(root):
    wanted = keys((root / KEYS).read_text())
    described = items((root / FILE_MANUAL).read_text(), "Li")
    found = differences("key", set(wanted), set(described))
    for name, fallback in wanted.items():
        entry = described.get(name, "")
        if fallback and not re.search(rf"(?<![\w]){re.escape(fallback)}(?![\w])", entry):
            found.append(f"the manual of '{name}' does not name its default, {fallback}")
    return found


def check_commands(root):
    text, page = (root / COMMANDS).read_text(), (root / COMMAND_MANUAL).read_text()
    options = {name.lstrip("-") for name in items(page, "Fl")}
    statuses = set(re.findall(r"= (\d+),", (root / STATUSES).read_text()))
    described = set(re.findall(r"^\.It (\d+)$", page, re.M))
    return (differences("verb", table_names(text, "cmd_verbs"), set(items(page, "Cm"))) +
            differences("option", table_names(text, "option_rows"), options) +
            differences("exit status", statuses, described))


def check(root):
    root = Path(root)
    return {"manual-keys": check_keys(root), "manual-commands": check_commands(root)}


if __name__ == "__main__":
    RESULT = check(Path(__file__).resolve().parents[2])
    print("\n".join(line for lines in RESULT.values() for line in lines), end="")
    sys.exit(any(RESULT.values()))
