# SPDX-License-Identifier: MIT
"""What a run makes of an export: what it says of it, and what the next one takes from it."""
import pytest


def test_what_an_export_left_out_is_in_the_log(booted):
    booted.repository.commit({".gitattributes": b"* filter=git-crypt\n"}, "a filter")
    lines = booted.sync().stderr.splitlines()
    assert any(line.startswith("bootagent: sync: release: '.gitattributes'")
               for line in lines), lines


def test_pointers_of_lfs_end_the_run_before_anything_moved(booted):
    served = booted.gate()["revision"]
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 1\n"
    booted.repository.commit({".gitattributes": b"*.png filter=lfs\n", "a.png": pointer}, "lfs")
    lines = booted.sync(code=5).stderr
    assert "'a.png' is stored with Git LFS" in lines
    assert booted.gate()["revision"] == served


@pytest.mark.parametrize("way, links", [("copy", 1), ("hardlink", 2), ("none", 1)])
def test_the_next_release_takes_what_did_not_change(box, way, links):
    box.configure(release={"reuse": way})
    box.repository.commit({"kept": b"kept\n", "changed": b"1\n"}, "files")
    box.boot()
    box.repository.commit({"changed": b"2\n"}, "a change")
    box.sync()
    current = (box.deploy_to / "current").resolve()
    assert (current / "kept").stat().st_nlink == links
    assert (current / "changed").stat().st_nlink == 1
    manifests = box.shared(".bootagent/manifests")
    names = [path.name for path in manifests.iterdir()] if way != "none" else []
    assert sorted(names) == (box.release_directories() if way != "none" else [])
