# SPDX-License-Identifier: MIT
"""Prints what was measured: numbers, ratios of medians, and the goals beside them."""
from statistics import median

RATIO_GOAL = 15
SUPERVISOR_GOAL_MB = 16
ROW = "{:<22}{:>9}{:>9}{:>9}   {}"
# As `systemctl status` prints memory.
KIB_PER_MB = 1024


def row(name, values, remark="", digits=1):
    numbers = [f"{value:.{digits}f}" for value in (min(values), median(values), max(values))]
    print(ROW.format(name, *numbers, remark).rstrip())


def head(title):
    print()
    print(ROW.format(title, "min", "median", "max", "").rstrip())


def verdict(reached):
    return "reached" if reached else "not reached"


def beside(name, values, other, goal=None, digits=0):
    """A row with its ratio to another: (name, values); the goal is the most it may be."""
    ratio = median(values) / median(other[1])
    remark = f"{ratio:.2f} times {other[0]}"
    if goal:
        remark += f"; goal {goal}: {verdict(ratio <= goal)}"
    row(name, values, remark, digits)


def anonymous(name, peak_mb, goal_mb):
    print(f"Anonymous memory of the worker, {name}, at most: {peak_mb:.1f} MB; goal "
          f"{goal_mb}: {verdict(peak_mb <= goal_mb)}")


def print_costs(scripts, agents):
    """Wall and CPU, side by side, with the ratio of the medians."""
    head(f"{len(agents)} runs each, ms")
    for name, key in (("wall", "wall_ms"), ("CPU", "cpu_ms")):
        script = [getattr(one, key) for one in scripts]
        agent = [getattr(one, key) for one in agents]
        ratio = median(script) / median(agent)
        row(f"script, {name}", script)
        row(f"bootagent boot, {name}", agent,
            f"{ratio:.1f} times less; goal {RATIO_GOAL}: {verdict(ratio >= RATIO_GOAL)}")
    print("CPU is user and system time of the process and its descendants. Region, git")
    print("server and application run on the same machine; their time is in the wall")
    print("clock of both and in the CPU of none.")


def mb(watched, key):
    return [one[key] / KIB_PER_MB for one in watched]


def print_memory(scripts, agents):
    """Peaks: of the supervisor, of the largest process, of all at one time."""
    head(f"{len(agents)} runs each, MB")
    own = mb(agents, "own_kib")
    row("supervisor", own, f"goal at most {SUPERVISOR_GOAL_MB}: "
        f"{verdict(max(own) <= SUPERVISOR_GOAL_MB)}")
    for title, key in (("largest", "largest_kib"), ("together", "together_kib")):
        script, agent = mb(scripts, key), mb(agents, key)
        name = title == "largest"
        row(f"script, {title}", script, scripts[0]["largest"] if name else "")
        row(f"bootagent, {title}", agent, agents[0]["largest"] if name else "")
    print("Peak resident size of bootagent itself, of the largest process of a side, and the")
    print("sum for all processes that lived at one time (shared pages count for each).")


def print_stages(runs, title="stages of the boot, ms"):
    """The agent's own account; whole milliseconds, from its status."""
    head(title)
    for name in runs[0]:
        row("  " + name, [run[name] for run in runs], digits=0)
