#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""coverage.py TREE: prints, from gcov's data, the share of lines run per file of agent/.

What a worker runs under another user is missing: it may not write beside the objects.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def main(tree):
    root = Path.cwd()
    lines = defaultdict(dict)
    # .gcno: a file no test reached has no .gcda and counts with 0 %
    for notes in sorted(Path(tree, "obj").rglob("*.gcno")):
        data = notes.with_suffix(".gcda")
        made = subprocess.run(
            ["gcov", "--json-format", "--stdout", str(data if data.exists() else notes)],
            capture_output=True, text=True, check=False)
        for document in filter(None, made.stdout.splitlines()):
            for file in json.loads(document)["files"]:
                path = root / file["file"]
                if not path.is_relative_to(root / "agent"):
                    continue
                seen = lines[str(path.relative_to(root))]
                for line in file["lines"]:
                    number = line["line_number"]
                    seen[number] = seen.get(number, 0) + line["count"]
    if not lines:
        sys.exit("coverage: no data")
    run = total = 0
    for name, seen in sorted(lines.items()):
        hit = sum(1 for count in seen.values() if count)
        print(f"{100 * hit / len(seen):5.1f} %  {hit:5} of {len(seen):5}  {name}")
        run, total = run + hit, total + len(seen)
    print(f"{100 * run / total:5.1f} %  {run:5} of {total:5}  in all")


if __name__ == "__main__":
    main(sys.argv[1])
