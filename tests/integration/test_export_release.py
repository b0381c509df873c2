# SPDX-License-Identifier: MIT
"""What a run makes of an export: what it says of it."""


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
