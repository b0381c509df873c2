# SPDX-License-Identifier: MIT
"""Under systemd the log goes to the journal, with fields; decided by JOURNAL_STREAM.
"""
import os

import pytest

from conftest import shell
from servers.journal import run_below_journal


def only_root(test):
    """Mount namespaces need root; for others this test does not exist."""
    return test if os.geteuid() == 0 else None


@pytest.fixture
def journal(box, tmp_path):
    """Runs the agent below the listener; (exit status, entries as dicts, standard error)."""
    def run(*arguments, stream=""):
        return run_below_journal(box.command(*arguments), box.environment(),
                                 tmp_path / "stderr", stream)
    return run


@only_root
def test_failure_is_an_entry_with_fields(box, journal):
    box.set_git_fault({"status": 503})
    status, entries, stderr = journal("sync")
    assert status == 1
    assert stderr == ""
    assert len(entries) == 1
    entry = entries[0]
    assert entry["PRIORITY"] == "3"
    assert entry["SYSLOG_IDENTIFIER"] == "bootagent"
    assert entry["MESSAGE"].startswith("sync: source: fetch 'http://")
    assert entry["BOOTAGENT_RUN_ID"] == box.status()[0]["last_run"]["run_id"]
    assert "CODE_FILE" not in entry


@only_root
def test_another_stream_is_not_ours(box, journal):
    """JOURNAL_STREAM may be inherited by a program whose standard error goes elsewhere."""
    box.set_git_fault({"status": 503})
    status, entries, stderr = journal("sync", stream="1:2")
    assert status == 1
    assert entries == []
    assert stderr.startswith("bootagent: sync: source: ")


@only_root
def test_what_steps_print_comes_with_the_steps_name(box, journal):
    box.configure(steps=[shell("talk", "echo one; printf 'two\\rthree'; echo; exit 3")])
    status, entries, stderr = journal("boot")
    assert (status, stderr) == (1, "")
    run_id = box.status()[0]["last_run"]["run_id"]
    printed = [entry for entry in entries if "BOOTAGENT_STEP" in entry]
    assert [entry["MESSAGE"] for entry in printed] == ["one", "two", "three"]
    for entry in printed:
        assert (entry["BOOTAGENT_STEP"], entry["PRIORITY"]) == ("talk", "6")
        assert entry["BOOTAGENT_RUN_ID"] == run_id
    # not once more with the failure
    assert [entry["PRIORITY"] for entry in entries].count("3") == 1


@only_root
def test_a_journal_that_takes_nothing_is_not_waited_for(box, journal):
    """Nobody reads while the run lasts: what did not fit is told by the file."""
    box.configure(steps=[shell("flood", "seq 100000")])
    status, entries, _ = journal("boot")
    assert status == 0
    assert 0 < len([entry for entry in entries if "BOOTAGENT_STEP" in entry]) < 10000
    kept = box.root / "run/bootagent/steps/flood.log"
    assert kept.read_text().splitlines()[-1] == "100000"
