# SPDX-License-Identifier: MIT
"""The table of the points: what each process of each run does, and the sums."""
import collections
from dataclasses import dataclass
from typing import Dict

from kill.tables import CALLS, PROCESSES


@dataclass(frozen=True)
class Row:
    """The points of one process of one run, call by call."""
    scenario: str
    process: str
    which: str  # of a helper: its place in the run, and its verb
    counts: Dict[str, int]

    def __str__(self):
        calls = "  ".join(f"{call} {count}" for call, count in self.counts.items())
        name = f"{self.process} {self.which}".strip()
        return f"{self.scenario:<8} {name:<26} |{sum(self.counts.values()):>4} | {calls}".rstrip()


def sums(rows, calls=CALLS):
    """Lines: the points of each process in all runs, and what no process does."""
    lines = []
    for process in PROCESSES:
        counts = collections.Counter()
        for row in rows:
            if row.process == process:
                counts.update(row.counts)
        lines.append(str(Row("all", process, "", dict(sorted(counts.items())))))
    idle = [call for call in calls if not any(call in row.counts for row in rows)]
    if idle:
        lines.append(f"in no process: {', '.join(idle)}")
    return lines
