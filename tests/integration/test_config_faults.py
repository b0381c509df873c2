# SPDX-License-Identifier: MIT
"""What goes wrong with the configuration, user data included, and what becomes of the launch:
trouble of the machine is not a mistake of ours (exit 1, not 2), and whatever can be read
says which hook is to be answered."""
import base64
import gzip
import json
import os

import pytest

USER_DATA = "/latest/user-data"
BAD_KEY = '{"boot": {"deadlin": "1h"}}'
HOOK = {"lifecycle": {"hook": "launch"}}
UNREAD = "no layer that can be read names lifecycle.hook"
JSON_PART = b"Content-Type: application/json\n"
HEAD = b'Content-Type: multipart/mixed; boundary="B"\nMIME-Version: 1.0\n\n'


def launched_with(make_box, data):
    return make_box(user_data_base64=base64.b64encode(data).decode())


def fail_user_data(box, count=None, **fault):
    box.region.fault(kind="imds", path=USER_DATA, count=count, **fault)


def put_fragment(box, text):
    directory = box.root / "etc/bootagent/conf.d"
    directory.mkdir(exist_ok=True)
    (directory / "50-more.json").write_text(text if isinstance(text, str) else json.dumps(text))


# ---- the metadata service gives no user data ------------------------------------------

@pytest.mark.parametrize("fault, sentence", [
    ({"fault": "status", "status": 403}, "403"),
    ({"fault": "status", "status": 503}, "answered 503 for 'user-data'"),
    ({"fault": "empty"}, "gave an empty 'user-data'"),
], ids=["403", "503", "empty"])
def test_user_data_that_cannot_be_had_is_trouble_of_the_machine(box, fault, sentence):
    box.configure(boot={"deadline": "10s"})
    fail_user_data(box, **fault)
    result = box.boot(1)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("bootagent: boot: config: user data: ") and sentence in last
    assert (box.last_run["cause"], box.last_run["exit_code"]) == ("machine", 1)
    assert box.verdict_words() == ["ABANDON"]
    # the next one has another chance
    box.region.clear_faults()
    box.boot(0)


def test_what_serves_goes_on_when_user_data_cannot_be_had(booted):
    (booted.root / "run/bootagent/user-data").unlink()
    booted.configure(boot={"deadline": "10s"})
    fail_user_data(booted, fault="status", status=403)
    booted.sync(5)
    assert booted.document()["serving"]["ready"] is True


def test_the_wait_for_user_data_ends_with_the_time_of_the_run(box):
    box.configure(boot={"deadline": "12s"})
    fail_user_data(box, fault="status", status=503)
    box.boot(1)
    stage = {item["name"]: item for item in box.last_run["stages"]}["config"]
    assert stage["duration_ms"] < 12000


# ---- what is wrong stands beside what can be read -------------------------------------

@pytest.mark.parametrize("deadline", ["9223372036854775807ms", "0", "1ms", "49h", 5, None])
def test_a_wrong_deadline_is_told_and_not_used(box, deadline):
    box.configure(boot={"deadline": deadline, "deadlin": "1h"})
    result = box.boot(2)
    assert "metadata" not in result.stderr
    assert ("'boot.deadline': expected" in result.stderr) == (deadline is not None)
    assert box.verdict_words() == ["ABANDON"]


@pytest.mark.parametrize("main, fragment", [
    ('{"lifecycle": {"hook": "launch"},}', HOOK),
    (json.dumps(HOOK), "{"),
    ('{"lifecycle": {"hook": "launch"}, "boot": 1}', {"lifecycle": {"hook": 5}}),
    ("{", {"lifecycle": {"hook": "launch"}, "source": {"branch": "x"}}),
], ids=["fragment", "main", "wrong type above", "no application"])
def test_the_hook_is_named_by_any_layer_that_can_be_read(box, main, fragment):
    box.write_config(main)
    put_fragment(box, fragment)
    result = box.boot(2)
    assert box.verdict_words() == ["ABANDON"]
    assert UNREAD not in result.stderr


def test_user_data_names_the_hook_when_the_file_cannot_be_read(make_box):
    box = launched_with(make_box, json.dumps(HOOK).encode())
    box.write_config('{"lifecycle": {"hook": "other"},}')
    box.boot(2)
    assert box.verdict_words() == ["ABANDON"]


def test_null_takes_back_the_hook_of_a_lower_layer(box):
    box.configure(boot={"deadlin": "1h"})
    put_fragment(box, {"lifecycle": None})
    box.boot(2)
    assert box.verdict_words() == []


@pytest.mark.parametrize("text", ["{", json.dumps({"boot": {"deadlin": "1h"}})],
                         ids=["unreadable", "no hook"])
def test_no_hook_to_be_found_is_told_with_what_to_do(box, text):
    box.write_config(text)
    result = box.boot(2)
    assert box.verdict_words() == []
    told = [line for line in result.stderr.splitlines() if UNREAD in line]
    assert told == [f"bootagent: boot: config: {UNREAD}: a hook that holds this launch waits "
                    "for its own timeout, unless the configuration is mended and 'bootagent "
                    "boot' run again"]
    assert box.sync(2).stderr.count(UNREAD) == 0
