# SPDX-License-Identifier: MIT
"""The looks at manifests and secrets see what they are there for."""
import hashlib
from types import SimpleNamespace

import pytest

from kill import manifests, secret_files
from kill.tables import NEW_SECRET, OLD_SECRET, SCENARIOS, SECRET, VARIABLE

RELEASE, REVISION = "20260101000000", "1" * 40
CONTENT = b"content\n"


@pytest.fixture
def box(tmp_path):
    """What the checks need of a slot."""
    return SimpleNamespace(root=tmp_path, deploy_to=tmp_path / "srv", scenario=SCENARIOS["sync"])


def put(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def manifest(box):
    """A release with one file, and the manifest that says so."""
    file = put(box.deploy_to / "releases" / RELEASE / "a b", CONTENT.decode())
    blob = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    entry = f"{blob} {len(CONTENT)} {file.stat().st_mtime_ns} 1 1 a b"
    path = put(manifests.directory_of(box.deploy_to) / RELEASE,
               f"bootagent-manifest 1 {REVISION}\0{entry}\0end 1\0")
    manifests.renew(box.deploy_to, None)
    return path


def check(box):
    return manifests.check(box.deploy_to, {RELEASE: REVISION})


def test_a_true_manifest(box, manifest):
    revision, (entry,) = manifests.parse(manifest)
    status = (box.deploy_to / "releases" / RELEASE / "a b").stat()
    assert (revision, entry.path) == (REVISION, "a b")
    assert (entry.inode, entry.ctime_ns) == (status.st_ino, status.st_ctime_ns)
    assert check(box) == []


@pytest.mark.parametrize("cut", [1, 6, 30])
def test_a_manifest_that_was_cut(box, manifest, cut):
    manifest.write_bytes(manifest.read_bytes()[:-cut])
    assert len(check(box)) == 1


def test_a_false_manifest(box, manifest):
    text = manifest.read_text()
    blob = text.split("\0")[1].split(" ")[0]
    manifest.write_text(text.replace(blob, "2" * 40))
    assert check(box) == [f"the manifest {RELEASE} is false about a b"]
    # Not taken over, and so nobody is told anything false.
    (box.deploy_to / "releases" / RELEASE / "a b").write_text("longer than it was\n")
    assert check(box) == []


def test_a_manifest_of_another_revision(box, manifest):
    manifest.write_text(manifest.read_text().replace(REVISION, "3" * 40))
    assert check(box) == [f"the manifest {RELEASE} is of {'3' * 40}"]


@pytest.mark.parametrize("text, mode, words", [
    (OLD_SECRET, 0o600, None),
    (NEW_SECRET, 0o600, None),
    (NEW_SECRET, 0o644, "mode"),
    (NEW_SECRET[:2000], 0o600, "neither"),
    ("", 0o600, "neither"),
], ids=["old", "new", "readable", "half", "empty"])
def test_a_secret(box, text, mode, words):
    put(box.deploy_to / "shared" / SECRET, text, mode)
    wrong = secret_files.check(box)
    assert len(wrong) == bool(words) and all(words in sentence for sentence in wrong)


def test_a_secret_that_is_gone(box):
    assert secret_files.check(box) == [f"{SECRET} is gone"]
    box.scenario = SCENARIOS["boot"]
    assert secret_files.check(box) == []


def test_a_temporary_that_others_can_read(box):
    path = put(box.deploy_to / "shared" / SECRET, NEW_SECRET)
    put(path.with_name(".tmp-0123456789abcdef"), "half", 0o644)
    assert len(secret_files.check(box)) == 1


@pytest.mark.parametrize("cut", [0, 1, 10])
def test_variables(box, cut):
    put(box.deploy_to / "shared" / SECRET, NEW_SECRET)
    text = f'# head\n{VARIABLE}="{NEW_SECRET}"\n'
    put(box.root / "run/bootagent/environment", text[:len(text) - cut])
    assert len(secret_files.check(box)) == bool(cut)


def test_a_secret_that_did_not_arrive(box):
    path = put(box.deploy_to / "shared" / SECRET, OLD_SECRET)
    link = box.deploy_to / "current" / SECRET
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../shared/{SECRET}")
    assert secret_files.check_end(box) == [f"{SECRET} in current is not the new one"]
    path.write_text(NEW_SECRET)
    assert secret_files.check_end(box) == []
