# SPDX-License-Identifier: MIT
"""A secret's file is whole or not there, and nobody else's to read, whoever was killed."""
import os
import stat

from kill.tables import NEW_SECRET, OLD_SECRET, SECRET, VARIABLE

MODE = 0o600


def _others_can_read(path):
    mode = stat.S_IMODE(path.lstat().st_mode)
    return [] if path.is_symlink() or mode == MODE else [f"{path.name} has the mode {mode:o}"]


def check_variables(slot):
    path = slot.root / "run/bootagent/environment"
    if not path.exists():
        return []
    whole = f'\n{VARIABLE}="{NEW_SECRET}"\n'
    return _others_can_read(path) + \
        ([] if path.read_text().endswith(whole) else ["environment is not whole"])


def check(slot):
    """What is true however far a run came."""
    wrong = check_variables(slot)
    path = slot.deploy_to / "shared" / SECRET
    for temporary in path.parent.glob(".tmp-*"):
        wrong += _others_can_read(temporary)
    if path.exists():
        wrong += _others_can_read(path)
        if path.read_text() not in (OLD_SECRET, NEW_SECRET):
            wrong.append(f"{SECRET} holds neither secret")
    elif slot.scenario.has_secret and not slot.scenario.is_first_boot:
        wrong.append(f"{SECRET} is gone")
    return wrong


def check_end(slot):
    """What a run must have reached that nothing disturbs."""
    scenario, wrong = slot.scenario, []
    if scenario.has_variable and not (slot.root / "run/bootagent/environment").exists():
        wrong.append("there is no environment")
    if not scenario.has_secret:
        return wrong
    link = slot.deploy_to / "current" / SECRET
    if not link.is_symlink() or os.path.isabs(os.readlink(link)):
        wrong.append(f"{SECRET} is no relative link")
    elif link.read_text() != NEW_SECRET:
        wrong.append(f"{SECRET} in current is not the new one")
    return wrong
