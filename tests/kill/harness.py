#!/usr/bin/python3
# SPDX-License-Identifier: MIT
r"""Kills one process at a time at each of its commit points, and says what that breaks.

    python3 tests/kill/harness.py                        everything, and the table
    python3 tests/kill/harness.py --scenario boot --process bootagent --call fsync \
        --point 3 --keep                                 one, and its files to look at

First an undisturbed run is counted under strace, then there is a run for each point, or
two (tables.py), and after each a run that nothing disturbs.
"""
import argparse
import contextlib
import queue
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from kill import trial  # noqa: E402
from kill.counting import Row, sums  # noqa: E402
from kill.ground import Ground, Slot  # noqa: E402
from kill.tables import (CALLS, PROCESSES, SCENARIOS, SUPERVISOR, TAKEN_OVER,  # noqa: E402
                         TAKING_OVER, Point)

SLOTS = 2


class Harness:
    """A scenario made ready: its ground, its slots, and what an undisturbed run does."""

    def __init__(self, scenario, slots=SLOTS, calls=CALLS):
        self.scenario = scenario
        self.calls = calls
        self._slots = queue.Queue()
        self._stack = contextlib.ExitStack()
        self._slot_count = slots
        self.counts = {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            ground = stack.enter_context(Ground(self.scenario))
            slots = [stack.enter_context(Slot(ground)) for _ in range(self._slot_count)]
            self.counts = slots[0].count(self.calls)
            for slot in slots:
                self._slots.put(slot)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def points(self, process=None, call=None, number=None, index=None):
        """The points, all or those wanted; those of a helper in both ways."""
        return [Point(self.scenario.name, name, which, verb, each, n + 1, is_orphaned)
                for (name, which), (verb, counts) in self.counts.items()
                for each, count in counts.items() for n in range(count)
                for is_orphaned in ((False, True) if which else (False,))
                if process in (None, name) and index in (None, which)
                and call in (None, each) and number in (None, n + 1)]

    def missing(self, process):
        """What was expected and has not a single point, or never ran."""
        counted = [(verb, sum(counts.values())) for (name, _), (verb, counts)
                   in self.counts.items() if name == process]
        expected = self.scenario.verbs.get(process, (self.scenario.verb,))
        wrong = [f"{self.scenario.name}: {process} ({verb}): no point"
                 for verb, count in counted if not count]
        ran = tuple(verb for verb, _ in counted)
        if ran != expected:
            wrong.append(f"{self.scenario.name}: {process} ran as {ran}, not as {expected}")
        return wrong + self._not_taken_over(process)

    def _not_taken_over(self, process):
        """An export that wrote all files anew would have points, but not these."""
        ways = TAKING_OVER[self.scenario.reuse]
        exports = [counts for (name, _), (verb, counts) in self.counts.items()
                   if name == process and verb == "export"]
        return [f"{self.scenario.name}: export took over too little: {counts}"
                for counts in exports if not self.scenario.is_first_boot
                and sum(counts.get(call, 0) for call in ways) < TAKEN_OVER]

    def kill_at(self, points, keeps=False):
        """The violations at the points, as sentences that begin with the point."""
        with ThreadPoolExecutor(self._slot_count) as pool:
            return [sentence for found in pool.map(lambda each: self._try(each, keeps), points)
                    for sentence in found]

    def _try(self, point, keeps):
        slot = self._slots.get()
        try:
            found = trial.perform(slot, point, keeps)
        except Exception as error:  # the harness's own trouble is one, too
            found = [f"{type(error).__name__}: {error}"]
        finally:
            if not keeps:
                self._slots.put(slot)
        if keeps:
            print(f"kept: {slot.keep()}")
        return [f"{point}: {sentence}" for sentence in found]

    def table(self):
        """Rows: the points of each process, call by call."""
        return [Row(self.scenario.name, name, f"{index} {verb}" if index else "", counts)
                for (name, index), (verb, counts) in self.counts.items()]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    parser.add_argument("--process", choices=PROCESSES)
    parser.add_argument("--index", type=int, help="which process of that helper, from 1")
    parser.add_argument("--call", action="append",
                        help=f"one of {', '.join(CALLS)}, or any other")
    parser.add_argument("--point", type=int, help="which call of it, from 1")
    parser.add_argument("--keep", action="store_true",
                        help="one point; root.killed and root (after the next run) stay")
    parser.add_argument("--orphaned", action="store_true",
                        help="with --keep: not the helper dies, but its supervisor")
    parser.add_argument("--list", action="store_true", help="only count")
    return parser.parse_args(arguments)


def run_scenario(scenario, options):
    """Print what is found; the violations, and the rows of the table."""
    begun = time.monotonic()
    with Harness(scenario, 1 if options.keep else SLOTS, options.call or CALLS) as harness:
        rows = harness.table()
        print("\n".join(map(str, rows)), flush=True)
        points = harness.points(options.process, None, options.point, options.index)
        if options.keep:
            points = [each for each in points
                      if each.is_orphaned == options.orphaned][:1]
        wrong = [sentence for process in PROCESSES for sentence in harness.missing(process)
                 if not options.call]
        if not options.list:
            wrong += harness.kill_at(points, options.keep)
    print("".join(f"VIOLATION {sentence}\n" for sentence in wrong), end="")
    print(f"{scenario.name}: {len(points)} points, {len(wrong)} violations, "
          f"{time.monotonic() - begun:.1f} s", flush=True)
    return wrong, rows


def main(arguments=None):
    options = parse(arguments)
    # A time limit from outside ends it in order: servers and directories go, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    names = options.scenario or list(SCENARIOS)
    found = [run_scenario(SCENARIOS[name], options) for name in names]
    rows = [row for _, each in found for row in each]
    print("\n".join(sums(rows, options.call or CALLS)))
    return 1 if any(wrong for wrong, _ in found) else 0


if __name__ == "__main__":
    sys.exit(main())
