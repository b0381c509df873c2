# SPDX-License-Identifier: MIT
"""One point: the run that is killed there, the look at what it left, and the next run."""
from box.box import NAME
from kill import secret_files, step_outputs
from kill.ground import copy
from kill.inspection import Inspection, load
from kill.tables import FORGIVEN, LAST_CALL

KILLED_STATUS = -9
REFUSED = 6
LITTER = (".tmp-*", "pack_git2_*", "*.lock")


def good_releases(slot):
    """The names that releases.json calls good now."""
    document = load(slot.root / "var/lib/bootagent/releases.json") or {"releases": []}
    return {record["release"] for record in document["releases"] if record["state"] == "good"}


def expected_exits(scenario, point):
    """What the supervisor may end with when this point's process dies."""
    if point.ends_supervisor:
        return {KILLED_STATUS}
    if point.call == LAST_CALL:
        # An error that was said stands, and may lead to what an undisturbed run does.
        return {scenario.exit_code, *scenario.helper_exits}
    return {scenario.exit_code} if point.verb in FORGIVEN else scenario.helper_exits


def check_status_of_end(slot, status):
    """The supervisor outlived its helper: what it says of itself agrees with how it ended."""
    document, _ = slot.status()
    last, ready = document["last_run"], document["serving"]["ready"]
    wrong = []
    if last["exit_code"] != status:
        wrong.append(f"it ended with {status}, status says {last['exit_code']}")
    if status != 0 and not (last["error"] or {}).get("message"):
        wrong.append(f"it ended with {status} and has no sentence for it")
    if ready is not (status in (0, 5)):
        wrong.append(f"it ended with {status}, ready is {ready}")
    return wrong


def check_litter(slot):
    wrong = [f"{path.relative_to(slot.root)} is left"
             for pattern in LITTER for path in slot.root.rglob(pattern)]
    for index in slot.root.rglob("objects/pack/*.idx"):
        if not index.with_suffix(".pack").exists():
            wrong.append(f"{index.name} is left without its pack")
    return wrong


def check_aside(slot):
    """Besides the mirror there is the one set aside now, and nothing else."""
    if not slot.scenario.is_damaged:
        return []
    cache = slot.root / "var/cache/bootagent"
    found = sorted(path.name for path in cache.iterdir())
    if found != [f"{NAME}.git", f"{NAME}.git.damaged", "home"]:
        return [f"{cache} holds {found}"]
    aside = cache / f"{NAME}.git.damaged"
    return [] if (aside / "HEAD").is_dir() else [f"{aside} is not the damaged one"]


def check_releases(slot):
    """Every directory is known, and none is half made."""
    records = slot.state("releases.json")["releases"]
    known = {record["release"] for record in records}
    there = {path.name for path in (slot.deploy_to / "releases").iterdir()}
    wrong = [f"the release {record['release']} is left half made"
             for record in records if record["state"] == "making"]
    wrong += [f"the release {name} was not removed" for name in slot.ground.prunable & there]
    if known != there:
        wrong.append(f"releases.json knows {sorted(known)}, there are {sorted(there)}")
    return wrong


def exit_of_next(slot):
    """As an undisturbed run ends, unless the revision is known by now not to work."""
    document = load(slot.root / "var/lib/bootagent/releases.json") or {}
    failures = document.get("bad", []) + document.get("retry", [])
    is_known = any(failure["revision"] == slot.ground.wanted for failure in failures)
    return REFUSED if is_known else slot.scenario.exit_code


def check_outcome(slot, status, wanted, output):
    """What the next run must have reached: the same as an undisturbed one."""
    scenario = slot.scenario
    if status != wanted:
        return [f"it ended with {status}, not {wanted}: {output}"]
    document, _ = slot.status()
    serving, current = document["serving"], slot.current()
    wrong = []
    if not serving["ready"] or serving["up_to_date"] is not scenario.is_wanted_served:
        wrong.append(f"status says {serving}")
    if not current or (current[1] == slot.ground.wanted) is not scenario.is_wanted_served:
        wrong.append(f"current is {current}")
    gate = load(slot.root / "run/bootagent/synced")
    if gate is None or not current or gate["revision"] != current[1]:
        wrong.append(f"the gate says {gate}, current is {current}")
    return wrong


def check_delivery(inspection, point):
    """CONTINUE arrives; a run that failed has said ABANDON, and that stands."""
    has_failed = not point.ends_supervisor and point.verb not in FORGIVEN
    if not inspection.slot.scenario.is_first_boot:
        told = len(inspection.verdicts())
        return [] if told == 1 else [f"the region was told {told} verdicts, not the boot's"]
    wanted = ("ABANDON" if has_failed else "CONTINUE", 200)
    if wanted in inspection.verdicts():
        return []
    return [f"the region was told {inspection.verdicts()}, not {wanted}"]


def check_next(slot, point, good_before):
    wanted = exit_of_next(slot)
    status, output, left = slot.next_run()
    inspection = Inspection(slot, good_before)
    wrong = [*left, *check_outcome(slot, status, wanted, output),
             *inspection.check()]
    if not wrong:
        wrong = [*check_litter(slot), *check_aside(slot), *check_releases(slot),
                 *check_delivery(inspection, point), *secret_files.check_end(slot),
                 *step_outputs.check_end(slot)]
    return [f"after the next run: {sentence}" for sentence in wrong]


def check_kill(slot, point):
    status, output, wrong = slot.kill(point)
    if wrong or status not in expected_exits(slot.scenario, point):
        return [*wrong, f"the supervisor ended with {status}: {output}"]
    return [] if point.ends_supervisor else check_status_of_end(slot, status)


def perform(slot, point, keeps=False):
    """The violations at one point, as sentences; with `keeps`, root.killed stays beside root."""
    slot.reset()
    good_before = good_releases(slot)
    wrong = check_kill(slot, point)
    if keeps:
        copy(slot.root, slot.directory / "root.killed")
    wrong += [f"after the kill: {sentence}"
              for sentence in Inspection(slot, good_before).check()]
    good_before |= good_releases(slot)
    return wrong + check_next(slot, point, good_before)
