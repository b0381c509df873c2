# SPDX-License-Identifier: MIT
"""User data as the highest layer of the configuration: as JSON, in a MIME part, compressed;
anything else is cloud-init's. It may hold anything, so it is in no log, status or file but
its own."""
import base64
import gzip
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

MARK = "mark-of-the-user-data"
OTHER_BRANCH = {"source": {"branch": "other"}, "x-note": MARK}


def multipart(document):
    message = MIMEMultipart()
    message.attach(MIMEText("#!/bin/sh\necho hello\n", "x-shellscript"))
    part = MIMEText(json.dumps(document), "plain")
    part.replace_header("Content-Type", "application/json")
    message.attach(part)
    return message.as_bytes()


FORMS = {
    "json": lambda document: json.dumps(document).encode(),
    "multipart": multipart,
    "gzip": lambda document: gzip.compress(json.dumps(document).encode()),
    "gzip multipart": lambda document: gzip.compress(multipart(document)),
}


def launched_with(make_box, data):
    return make_box(user_data_base64=base64.b64encode(data).decode())


def everything_left(box):
    """What a run left in its root, but the application and the user data themselves."""
    kept = box.root / "run/bootagent/user-data"
    for path in box.root.rglob("*"):
        if path.is_file() and path != kept and "srv" not in path.parts:
            yield path, path.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_user_data_is_the_highest_layer(make_box, form):
    box = launched_with(make_box, FORMS[form](OTHER_BRANCH))
    box.repository.git("branch", "other", box.repository.head)
    box.repository.commit({"b.txt": b"b\n"}, "only on main")
    result = box.boot()
    assert "other is" in result.stdout
    assert box.current()[1] == box.repository.git("rev-parse", "other")
    kept = box.root / "run/bootagent/user-data"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert MARK not in result.stdout + result.stderr
    assert not [path for path, data in everything_left(box) if MARK.encode() in data]


@pytest.mark.parametrize("data", [b"#!/bin/sh\necho hello\n", b"#cloud-config\nruncmd: []\n",
                                  b"\x00\x01\x02"])
def test_anything_else_is_left_to_cloud_init(make_box, data):
    box = launched_with(make_box, data)
    box.boot()
    assert box.current()[1] == box.repository.head


def test_a_wrong_key_is_named_with_its_place(make_box):
    box = launched_with(make_box, b'{"source": {"brnach": "x"}}')
    result = box.boot(2)
    assert "user data:1:13" in result.stderr and "source.branch" in result.stderr
    assert box.verdict_words() == ["ABANDON"]


def test_it_is_fetched_once_a_boot(make_box):
    box = launched_with(make_box, FORMS["json"]({"x-note": MARK}))
    box.boot()
    box.sync()
    fetched = [call for call in box.region.calls(kind="imds")
               if call["path"] == "/latest/user-data" and call["status"] == 200]
    assert len(fetched) == 1


def test_config_shows_what_the_run_used(make_box):
    box = launched_with(make_box, FORMS["gzip"](OTHER_BRANCH))
    box.repository.git("branch", "other", box.repository.head)
    before = box.run("config", "show", "--origin").stdout
    assert 'source.branch = "main"    # default\n' in before
    box.boot()
    after = box.run("config", "show", "--origin").stdout
    assert 'source.branch = "other"    # user data:1\n' in after
    assert box.run("config", "check").stdout == (
        "good: /etc/bootagent/bootagent.json and 1 more\n")
