# SPDX-License-Identifier: MIT
"""What a step made is whole under its key, whoever was killed, and each release has its own."""
import re

from kill.tables import MADE, MADE_OF

KEY = re.compile(r"[0-9a-f]{64}")


def check(slot, revisions):
    """`revisions` are those of the complete releases, by their names."""
    if not slot.scenario.has_outputs:
        return []
    contents = {revision: tree[MADE_OF] for revision, tree in slot.ground.trees.items()}
    depot, wrong = slot.deploy_to / "shared/.bootagent/outputs", []
    for entry in depot.iterdir() if depot.exists() else []:
        if not KEY.fullmatch(entry.name):
            wrong += [] if entry.name.startswith("tmp.") else [f"{entry} has a strange name"]
        elif (entry / MADE / "file").read_bytes() not in contents.values():
            wrong.append(f"{entry} is not whole")
        elif not (entry / ".bootagent").exists():
            wrong.append(f"{entry} has no note")
    for name, revision in revisions.items():
        path = slot.deploy_to / "releases" / name / MADE
        if not path.is_symlink() or not KEY.search(path.readlink().as_posix()):
            wrong.append(f"{path} is no link to outputs")
        elif (path / "file").read_bytes() != contents[revision]:
            wrong.append(f"{path} has the output of another revision")
    return wrong


def check_end(slot):
    """What an undisturbed run leaves."""
    depot = slot.deploy_to / "shared/.bootagent/outputs"
    return [f"{path} was left" for path in depot.glob("tmp.*")]
