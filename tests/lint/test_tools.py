# SPDX-License-Identifier: MIT
"""The counting tools: what did not run must never look like a success."""

import importlib.util
import stat
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
OK = '<testcase name="fine"/>'


def load(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"),
                                                  TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="total")
def fixture_total(tmp_path, capsys):
    """total(suite=cases, ...): exit status and last line of summary.py."""
    def total(failed="", **suites):
        for name, cases in suites.items():
            if cases is not None:
                text = f"<testsuite>{cases}</testsuite>" if cases != "?" else "<broken"
                (tmp_path / f"{name}.xml").write_text(text)
        if failed:
            (tmp_path / "failed").write_text(failed)
        status = load("summary").main(tmp_path, list(suites))
        return status, capsys.readouterr().out.splitlines()[-1]
    return total


def test_all_passed(total):
    assert total(unit=OK + OK, kill=OK) == (0, "3 passed, 0 failed")


@pytest.mark.parametrize("cases", [
    None, "", "?", '<testcase name="a"><skipped message="no root"/></testcase>',
    '<testcase name="a"><failure message="x"/></testcase>',
    '<testcase name="a"><error message="x"/></testcase>',
])
def test_counts_as_one_failure(total, cases):
    assert total(unit=OK, kill=cases) == (1, "1 passed, 1 failed")


def test_failed_command_without_failed_test(total):
    assert total(failed="kill\n", unit=OK, kill=OK) == (1, "2 passed, 1 failed")


def test_lint_fails_as_one_of_two(total):
    bad = '<testcase name="a"><failure message="x"/></testcase>'
    assert total(failed="lint\n", **{"lint": bad, "lint-tests": OK})[1] == (
        "1 passed, 1 failed")
    assert total(failed="lint\n", **{"lint": OK, "lint-tests": OK})[1] == (
        "2 passed, 1 failed")


REPORT = """cat >"$(echo "$CMOCKA_XML_FILE" | sed s/%g/g/)" <<END
<testsuites><testsuite name="g"><testcase name="one">{}</testcase></testsuite></testsuites>
END
"""


@pytest.mark.parametrize("script, status, said", [
    (REPORT.format(""), 0, "1 of 1"),
    (REPORT.format("<failure>1 != 2</failure>") + "exit 1", 1, "0 of 1"),
    (REPORT.format("") + "echo leaked; exit 99", 1, "a sanitizer reported"),
    ("kill -SEGV $$", 1, "ended with status -11"),
    ("exit 0", 1, "no test ran"),
    ("echo '<broken' >\"$CMOCKA_XML_FILE\"", 1, "0 of 1"),
])
def test_run_unit(tmp_path, capsys, script, status, said):
    program = tmp_path / "test_sample"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    result = tmp_path / "unit.xml"
    assert load("run-unit").main(result, [program]) == status
    assert said in capsys.readouterr().out
    assert result.exists()


# ---- fuzz targets ---------------------------------------------------------------------

@pytest.mark.parametrize("script, corpus, status, said", [
    ("echo Done 500 runs in 1 second", True, 0, "ok   fuzz_sample: 500 runs"),
    ("echo Done 499 runs in 1 second", True, 1, "only 499 of 500 runs"),
    ("echo Done 500 runs in 1 second; exit 77", True, 1, "ended with status 77"),
    ("exit 0", True, 1, "ended with status 0"),
    ("echo Done 500 runs in 1 second", False, 1, "corpus/sample is empty"),
])
def test_run_fuzz(tmp_path, capsys, monkeypatch, script, corpus, status, said):
    program = tmp_path / "fuzz_sample"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    inputs = tmp_path / "inputs" / "sample"
    inputs.mkdir(parents=True)
    if corpus:
        (inputs / "one").write_text("{}")
    module = load("run-fuzz")
    monkeypatch.setattr(module, "CORPUS", tmp_path / "inputs")
    result = tmp_path / "fuzz.xml"
    assert module.main(result, 500, [program]) == status
    assert said in capsys.readouterr().out
    assert ("<failure" in result.read_text()) == (status == 1)
