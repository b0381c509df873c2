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


# ---- user data that is damaged, or somebody else's --------------------------------------

def part(text, head=JSON_PART):
    return b"--B\n" + head + b"\n" + text + b"\n"


NOT_OURS = {
    "cut gzip of a script": (gzip.compress(b"#!/bin/sh\n" + os.urandom(200))[:-20],
                             "damaged gzip, and no JSON in what can be read of it"),
    "no boundary": (b"Content-Type: multipart/mixed\n\n--B\n\nx\n",
                    "a multi-part document that names no boundary"),
    "large": (gzip.compress(b"#!/bin/sh\n" + b"#" * 1024 * 1024),
              "gzip of more than 1 MiB, and no JSON in the first of it"),
    "misspelt type": (HEAD + part(b"{}", b"Content-Type: text/x-json\n") + b"--B--\n",
                      "no part is application/json (seen: text/x-json)"),
    "script": (b"#!/bin/sh\n", "a script: left to cloud-init"),
    "list": (b'["x"]', "no JSON object, which a configuration is: left alone"),
    "Ignition": (b'{"ignition": {"version": "3.3.0"}, "$schema": "x", "passwd": {"ratio": 0.5}}',
                 "JSON without any key of bootagent's: left alone"),
}
OURS = {
    "two parts": (HEAD + part(b"{}") + part(b"{}") + b"--B--\n",
                  "user data: it has more than one JSON part: put them into one"),
    "bad base64": (HEAD + part(b"!!!!", JSON_PART + b"Content-Transfer-Encoding: base64\n"),
                   "user data: its JSON part is not in the encoding that it names: encode it again"),
    "cut gzip of JSON": (gzip.compress(b'{"source": {"branch": "main"}}')[:-4],
                         "user data: it is damaged: it is gzip, but not whole; compress it again"),
    "slip of the pen": (b'{"sourcee": {"branch": "main"}}',
                        "user data:1:2: unknown key 'sourcee': did you mean 'source'?"),
    "mailbox": (b"From nobody Sat Dec 24 2011\n" + HEAD + part(b'{"boot": 1}'),
                "user data:1:10: 'boot': expected an object, found a number"),
}


@pytest.mark.parametrize("case", NOT_OURS)
def test_what_is_not_ours_is_told_and_left_alone(make_box, case):
    data, note = NOT_OURS[case]
    box = launched_with(make_box, data)
    result = box.boot()
    config = next(line for line in result.stdout.splitlines() if line.startswith("  config "))
    assert "bootagent.json; user data: " + note in config
    assert box.verdict_words() == ["CONTINUE"]
    assert note in box.run("config", "check").stdout


@pytest.mark.parametrize("case", OURS)
def test_what_is_ours_and_wrong_is_a_mistake_in_the_configuration(make_box, case):
    data, sentence = OURS[case]
    box = launched_with(make_box, data)
    assert box.boot(2).stderr.splitlines()[-1] == f"bootagent: boot: config: {sentence}"
    assert box.verdict_words() == ["ABANDON"]
    assert box.run("config", "check").stdout == f"{sentence}\n"


def test_all_that_is_wrong_is_told_beside_damaged_user_data(make_box):
    box = launched_with(make_box, OURS["bad base64"][0])
    box.write_config(BAD_KEY)
    said = box.boot(2).stderr
    assert "deadlin" in said and "its JSON part" in said
