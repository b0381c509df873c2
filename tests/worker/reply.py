# SPDX-License-Identifier: MIT
"""What every worker's tests share: where it is built, how it is watched, what it says.

A worker that leaves through anything but a reply, or says a word on standard error (that is
where the sanitizers report), fails its test.
"""
import json
import os
from pathlib import Path

BUILD = Path(os.environ.get("BOOTAGENT_BUILD",
                            Path(__file__).resolve().parents[2] / "build" / "asan"))
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=0:exitcode=99:print_stacktrace=1",
}
TIMEOUT_S = 60


class Reply:
    """What a worker said: its progress, and either a result or an error."""

    def __init__(self, output, status):
        assert output.endswith("\n"), output
        lines = [json.loads(line) for line in output.splitlines()]
        assert all(list(line) == ["progress"] for line in lines[:-1]), lines
        self.text = output
        self.progress = [line["progress"] for line in lines[:-1]]
        self.result = lines[-1].get("result")
        self.error = lines[-1].get("error")
        assert (self.result is None) != (self.error is None), lines
        assert status == (0 if self.error is None else 1), (status, lines)

    def refused(self, code, *words):
        """The error's sentence, after a look at its code and at words it must hold."""
        assert self.error is not None, self.result
        assert self.error["code"] == code, self.error
        for word in words:
            assert word in self.error["message"], self.error
        return self.error["message"]

    def done(self):
        assert self.error is None, self.error
        return self.result


def talk(worker, request):
    """Sends raw bytes to a worker that was started; its reply, when it has ended."""
    with worker:
        try:
            output, complaints = worker.communicate(request, TIMEOUT_S)
        finally:
            worker.kill()
    assert complaints == b"", complaints.decode(errors="replace")
    return Reply(output.decode(), worker.returncode)
