# SPDX-License-Identifier: MIT
"""bootagent-tree, record: lines of revisions.log."""
import os

import pytest

from worker.tree import make_directory, make_fifo, make_socket, mode


def test_record_appends_lines(tree):
    log = tree.path / "revisions.log"
    first = "Branch main (at 0123456) deployed as release 20260202000000 by bootagent"
    assert tree.ask("record", line=first).result == {}
    assert mode(log) == 0o644
    second = "\ud55c\uad6d 'quoted' \\ \"text\" " + "x" * 3000
    assert tree.ask("record", line=second).error is None
    assert log.read_text() == f"{first}\n{second}\n"


def test_record_keeps_the_lines_of_others(tree):
    log = tree.put(tree.path / "revisions.log", "by cap\n")
    log.chmod(0o664)
    assert tree.ask("record", line="by us").error is None
    assert log.read_text() == "by cap\nby us\n" and mode(log) == 0o664


@pytest.mark.parametrize("line", ["", "a\nb", "a\rb", "a\tb", "\x1b[31m", "a\0b", "\x7f",
                                  "\u009b31m", "x" * 4097, 5, None])
def test_record_refuses_what_is_not_one_line(tree, line):
    tree.ask("record", line=line).refused("EINVAL", "line")
    assert not (tree.path / "revisions.log").exists()


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_directory])
def test_record_waits_for_nothing(tree, make):
    make(tree, tree.path / "revisions.log")
    tree.give(tree.path / "revisions.log")
    assert "not a regular file" in tree.ask("record", line="x").error["message"]


def test_record_refuses_a_fifo_with_a_reader(tree):
    os.mkfifo(tree.path / "revisions.log")
    tree.give(tree.path / "revisions.log")
    reader = os.open(tree.path / "revisions.log", os.O_RDONLY | os.O_NONBLOCK)
    tree.ask("record", line="x").refused("EINVAL", "not a regular file")
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("target", ["kept/file", "new"])
def test_record_does_not_follow_a_link(tree, target):
    tree.link(tree.path / "revisions.log", tree.outside / target)
    tree.ask("record", line="x").refused("ELOOP", "revisions.log", "away")
    assert tree.outside_is_whole()
