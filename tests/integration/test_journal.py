# SPDX-License-Identifier: MIT
"""Under systemd the log goes to the journal, with fields; decided by JOURNAL_STREAM.
"""
import os

import pytest

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
