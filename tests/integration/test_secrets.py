# SPDX-License-Identifier: MIT
"""Secrets from the Parameter Store and Secrets Manager: into files, variables, git; when
they are asked for, in how many calls, and what is said when one cannot be had."""
import json

import pytest

from conftest import IS_ROOT, owner, shell
from box.box import APPLICATION_USER

BY_NAME, BY_PATH, OF_MANAGER = "GetParameters", "GetParametersByPath", "GetSecretValue"
KEY, VARIABLE = "master-key-of-the-test", "variable of the \"test\" $HOME\nsecond line"
KEEP_ENVIRONMENT = 'env -0 >"$BOOTAGENT_DEPLOY_TO/shared/env"'


@pytest.fixture
def store(box):
    """put(name, value) into the Parameter Store; all of it is gone with the test."""
    yield box.region.put_parameter
    box.region.clear_parameters()
    box.region.clear_secrets()


def linked(*files, **release):
    return {"linked_files": [{"path": path, "parameter": name} if name else {"path": path}
                             for path, name in files], **release}


def secret_calls(box):
    return [call["action"] for call in box.region.calls(kind="aws")
            if call["service"] in ("ssm", "secretsmanager")]


def variables(box):
    """What the step KEEP_ENVIRONMENT was given."""
    return dict(item.split("=", 1) for item in box.shared("env").read_text().split("\0") if item)


def environment_file(box):
    return box.root / "run/bootagent/environment"


def test_a_parameter_becomes_a_file_of_the_application(box, store):
    store("/hello/master-key", KEY)
    box.configure(release=linked(("config/master.key", "/hello/master-key")))
    box.boot()
    file = box.shared("config/master.key")
    status = file.stat()
    assert file.read_text() == KEY
    assert (status.st_mode & 0o7777, status.st_uid) == (0o600, owner(APPLICATION_USER).pw_uid)
    link = box.deploy_to / "current/config/master.key"
    assert link.is_symlink() and link.resolve() == file.resolve()
    assert not link.readlink().is_absolute()


def test_parameters_become_variables(box, store):
    for name, value in {"ONE": VARIABLE, "TWO": "", "THREE": "3"}.items():
        store(f"/hello/env/{name}", value or "x")
    box.configure(application={"environment_parameters": "/hello/env/",
                               "environment": {"THREE": "configured", "FOUR": "4"}},
                  steps=[shell("keep", KEEP_ENVIRONMENT)])
    box.boot()
    given = variables(box)
    assert given["ONE"] == VARIABLE
    assert (given["THREE"], given["FOUR"]) == ("3", "4")
    file = environment_file(box)
    assert file.stat().st_mode & 0o7777 == 0o600
    assert 'THREE="3"\n' in file.read_text()
    assert 'ONE="variable of the \\"test\\" \\$HOME\nsecond line"\n' in file.read_text()


def test_a_path_that_is_a_secret_is_not_told(box, store):
    store("/hello/env/PATH", "/secret/directory:" + "/nowhere/" * 60)
    box.configure(application={"environment_parameters": "/hello/env/"},
                  steps=[{"name": "bundle", "run": ["bundle", "install"]}])
    result = box.boot(1)
    assert "there is no 'bundle' in [secret]: install it" in result.stderr
    assert "/secret/directory" not in result.stdout + result.stderr + json.dumps(box.document())


def test_a_path_of_many_pages(box, store):
    for number in range(23):
        store(f"/hello/env/V{number}", f"value {number}")
    store("/hello/env/below/IT", "another level is not read")
    box.configure(application={"environment_parameters": "/hello/env"},
                  steps=[shell("keep", KEEP_ENVIRONMENT)])
    box.boot()
    given = variables(box)
    assert {f"V{number}": f"value {number}" for number in range(23)}.items() <= given.items()
    assert "IT" not in given
    assert secret_calls(box) == [BY_PATH] * 3


def test_parameters_are_asked_for_ten_at_a_time(box, store):
    names = [f"/hello/file-{number}" for number in range(23)]
    for name in names:
        store(name, name)
    box.configure(release=linked(*((name[1:], name) for name in names)))
    box.boot()
    assert secret_calls(box) == [BY_NAME] * 3
    assert [box.shared(name[1:]).read_text() for name in names] == names


def test_one_name_in_two_places_is_asked_for_once(box, store):
    store("/hello/key", KEY)
    box.configure(release=linked(("a.key", "/hello/key"), ("b.key", "/hello/key")))
    box.boot()
    call, = box.region.calls(kind="aws", action=BY_NAME)
    assert call["parameters"]["Names"] == ["/hello/key"]
    assert box.shared("a.key").read_text() == box.shared("b.key").read_text() == KEY


def test_a_version_of_a_parameter(box, store):
    store("/hello/key", "first")
    store("/hello/key", "second")
    box.configure(release=linked(("old.key", "/hello/key:1"), ("new.key", "/hello/key")))
    box.boot()
    assert box.shared("old.key").read_text() == "first"
    assert box.shared("new.key").read_text() == "second"


def test_secrets_manager(box, store):
    region = box.region
    region.put_secret("hello/key", KEY)
    region.put_secret("hello/many", json.dumps({"master": "of many", "other": "2"}))
    region.put_secret("hello/env", json.dumps({"ONE": "1", "TWO": "2"}))
    box.configure(
        application={"environment_parameters": "/aws/reference/secretsmanager/hello/env"},
        release=linked(("a.key", "/aws/reference/secretsmanager/hello/key"),
                       ("b.key", "/aws/reference/secretsmanager/hello/many:master")),
        steps=[shell("keep", KEEP_ENVIRONMENT)])
    box.boot()
    assert box.shared("a.key").read_text() == KEY
    assert box.shared("b.key").read_text() == "of many"
    assert {"ONE": "1", "TWO": "2"}.items() <= variables(box).items()
    assert secret_calls(box) == [OF_MANAGER] * 3


def test_more_than_one_request_to_the_worker_holds(box, store):
    """Secrets Manager takes 65,536 bytes; the worker's request is limited to 1 MiB."""
    contents = {f"file-{number}": f"{number:02}" + chr(1 + number % 4) * 65498
                for number in range(20)}
    for name, content in contents.items():
        box.region.put_secret(name, content)
    files = [(name, f"/aws/reference/secretsmanager/{name}") for name in contents]
    box.configure(release=linked(("none.yml", None), *files, linked_dirs=["log"]))
    said = box.boot(1).stderr
    assert "the linked file 'none.yml' does not exist" in said
    assert not any(box.shared(name).exists() for name in contents)
    box.shared("none.yml").write_text("there")
    box.boot()
    assert all(box.shared(name).read_text() == content for name, content in contents.items())
    assert (box.deploy_to / "current/file-19").is_symlink()
    assert (box.deploy_to / "current/none.yml").is_symlink()
    assert (box.deploy_to / "current/log").is_symlink()


# ---- when ---------------------------------------------------------------------------

def test_a_boot_reads_them_anew_for_a_release_that_is_there(box, store):
    store("/hello/key", "old")
    box.configure(release=linked(("a.key", "/hello/key")))
    box.boot()
    store("/hello/key", "new")
    box.reboot()
    box.boot()
    assert box.shared("a.key").read_text() == "new"
    assert len(box.release_directories()) == 1


def test_a_sync_that_finds_nothing_new_asks_for_nothing(box, store):
    store("/hello/key", "old")
    box.configure(release=linked(("a.key", "/hello/key")))
    box.boot()
    box.region.clear_calls()
    box.sync()
    assert secret_calls(box) == []
    store("/hello/key", "new")
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    assert secret_calls(box) == [BY_NAME]
    assert box.shared("a.key").read_text() == "new"


# ---- with the release -----------------------------------------------------------------

def denied(box):
    box.region.fault(kind="aws", action=BY_PATH, fault="error", code="AccessDeniedException",
                     message="no", status=400)


@pytest.fixture
def with_variables(box, store):
    """A machine that serves with a variable, which an after-publish step writes down."""
    store("/hello/env/ONE", VARIABLE)
    store("/other/env/ONE", "other")
    store("/hello/key", "old")
    box.configure(application={"environment_parameters": "/hello/env"},
                  release=linked(("a.key", "/hello/key")),
                  steps=[shell("keep", KEEP_ENVIRONMENT, when="after-publish")])
    box.boot()
    box.shared("env").unlink()
    return box


def test_a_release_that_is_gone_back_to_has_its_variables(with_variables):
    """Though nothing is read for it: AWS may be what does not answer."""
    box, first = with_variables, with_variables.current()
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    denied(box)
    box.shared("env").unlink()
    box.expect("rollback", 0)
    assert box.current() == first
    assert variables(box)["ONE"] == VARIABLE


@pytest.mark.parametrize("steps", [
    [shell("bad", "exit 1")],
    [shell("bad", 'test -e b.txt || exit 0; exit 1', when="after-publish"),
     shell("keep", KEEP_ENVIRONMENT, when="after-publish")],
], ids=["before the flip", "after it"])
def test_a_release_that_fails_leaves_the_variables_as_they_were(with_variables, steps):
    box = with_variables
    before = environment_file(box).read_text()
    box.configure(application={"environment_parameters": "/other/env"}, steps=steps)
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync(5)
    assert environment_file(box).read_text() == before
    if len(steps) == 2:
        assert variables(box)["ONE"] == VARIABLE


@pytest.mark.parametrize("damage", [
    lambda file: file.unlink(),
    lambda file: file.write_text(file.read_text()[:-20]),
    lambda file: file.write_text(file.read_text().replace("/hello/env", "/other/env")),
], ids=["gone", "damaged", "another's"])
def test_variables_that_are_not_there_are_read_anew(with_variables, damage):
    box = with_variables
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    box.shared("env").unlink()
    damage(environment_file(box))
    box.expect("rollback", 0)
    assert variables(box)["ONE"] == VARIABLE
    assert VARIABLE.split()[0] in environment_file(box).read_text()


def test_what_cannot_be_read_is_told_and_gone_without(with_variables):
    box = with_variables
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    box.shared("env").unlink()
    environment_file(box).unlink()
    denied(box)
    result = box.expect("rollback", 0)
    assert "goes on without the variables of '/hello/env'" in result.stderr
    assert "AccessDeniedException" in result.stderr
    assert "ONE" not in variables(box) and not environment_file(box).exists()


@pytest.mark.parametrize("policy, code", [("fail", 5), ("serve-baked", 0)])
def test_a_boot_without_git_has_its_secrets(with_variables, store, policy, code):
    """SSM answers late, after git has failed."""
    box = with_variables
    store("/hello/key", "new")
    box.configure(source={"on_unreachable": policy})
    box.reboot()
    box.set_git_fault({"status": 503})
    box.region.fault(kind="aws", action=BY_NAME, count=1, fault="delay", seconds=1)
    box.boot(code)
    assert variables(box)["ONE"] == VARIABLE
    assert box.shared("a.key").read_text() == "new"
    assert VARIABLE.split()[0] in environment_file(box).read_text()


def test_a_boot_without_git_and_secrets_says_so(with_variables):
    box = with_variables
    box.reboot()
    box.set_git_fault({"status": 503})
    box.region.fault(kind="aws", action=BY_NAME, fault="error", code="AccessDeniedException",
                     message="no", status=400)
    result = box.boot(5)
    assert "goes on with the linked files that are there" in result.stderr
    assert "goes on without the variables" in result.stderr
    assert box.shared("a.key").read_text() == "old"


def test_variables_that_are_no_longer_configured_are_gone(box, store):
    store("/hello/env/ONE", "1")
    box.configure(application={"environment_parameters": "/hello/env"})
    box.boot()
    assert environment_file(box).exists()
    del box.config["application"]["environment_parameters"]
    box.write_config()
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.sync()
    assert not environment_file(box).exists()


def test_linked_directories_and_files_without_secrets(box):
    box.configure(release=linked(("config/local.yml", None), linked_dirs=["log", "tmp/pids"]))
    result = box.boot(1)
    assert "config/local.yml" in result.stderr
    box.shared("config").mkdir(exist_ok=True)
    box.shared("config/local.yml").write_text("a: 1\n")
    box.boot()
    current = box.deploy_to / "current"
    assert (current / "config/local.yml").read_text() == "a: 1\n"
    assert (current / "log").resolve() == box.shared("log").resolve()
    assert (current / "tmp/pids").is_dir()


# ---- when it cannot be had ------------------------------------------------------------

def test_a_parameter_that_is_not_there(box, store):
    store("/hello/key", KEY)
    box.configure(release=linked(("a.key", "/hello/key"), ("b.key", "/hello/kye")))
    result = box.boot(1)
    assert ("the Parameter Store of ap-northeast-2 has no '/hello/kye' "
            "(release.linked_files[1].parameter): create it, or correct the name"
            ) in result.stderr
    assert box.last_run["cause"] == "machine"
    assert box.verdict_words() == ["ABANDON"]
    assert box.current() is None


def test_a_role_that_may_not(box, store):
    store("/hello/key", KEY)
    box.region.fault(kind="aws", action=BY_NAME, fault="error", code="AccessDeniedException",
                     message="User is not authorized to perform: ssm:GetParameters", status=400)
    box.configure(release=linked(("a.key", "/hello/key")))
    result = box.boot(1)
    assert ("read '/hello/key' (release.linked_files[0].parameter) of the Parameter Store of "
            "ap-northeast-2: AccessDeniedException: User is not authorized to perform: "
            "ssm:GetParameters: allow it in the policy of the instance's role") in result.stderr
    assert secret_calls(box) == [BY_NAME]


def test_all_that_is_missing_is_told_at_once(box, store):
    box.configure(release=linked(("a.key", "/hello/one"), ("b.key", "/hello/two")))
    stderr = box.boot(1).stderr
    assert "'/hello/one' (release.linked_files[0].parameter)" in stderr
    assert "'/hello/two' (release.linked_files[1].parameter)" in stderr


def test_a_secret_that_is_not_there(box, store):
    box.configure(release=linked(("a.key", "/aws/reference/secretsmanager/hello/none")))
    stderr = box.boot(1).stderr
    assert ("read '/aws/reference/secretsmanager/hello/none' (release.linked_files[0].parameter) "
            "of Secrets Manager of ap-northeast-2: ResourceNotFoundException: ") in stderr
    assert stderr.rstrip().endswith(": create it, or correct the name")


def test_an_arn_of_another_region(box, store):
    name = "arn:aws:ssm:us-west-2:123456789012:parameter/key"
    box.configure(release=linked(("a.key", name)))
    assert ("is in us-west-2, and this instance in ap-northeast-2: name one of this region"
            ) in box.boot(1).stderr
    assert secret_calls(box) == []


ODD = {
    "empty": {"fault": "empty"},
    "somebody's page": {"fault": "body", "body": "<html><p>Welcome"},
    "somebody's 403": {"fault": "status", "status": 403, "body": "<html>"},
    "408": {"fault": "status", "status": 408},
    "connection lost": {"fault": "close", "at": "start", "apply": False},
    "keys not known yet": {"fault": "error", "code": "UnrecognizedClientException",
                           "status": 400, "count": 3},
    "keys expired": {"fault": "error", "code": "ExpiredTokenException", "status": 400, "count": 2},
}


@pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
def test_an_odd_answer_is_not_the_last_word(box, store, fault):
    store("/hello/key", KEY)
    box.region.fault(**{"kind": "aws", "action": BY_NAME, "count": 1, "message": "", **fault}
                     if fault["fault"] == "error" else
                     {"kind": "aws", "action": BY_NAME, "count": 1, **fault})
    box.configure(release=linked(("a.key", "/hello/key")))
    box.boot()
    assert box.shared("a.key").read_text() == KEY


def test_a_page_that_is_gone_begins_the_path_again(box, store):
    for number in range(23):
        store(f"/hello/env/V{number}", f"value {number}")
    box.region.fault(kind="aws", action=BY_PATH, count=1, after=1, fault="error",
                     code="InvalidNextToken", message="", status=400)
    box.configure(application={"environment_parameters": "/hello/env"},
                  steps=[shell("keep", KEEP_ENVIRONMENT)])
    box.boot()
    assert {f"V{number}": f"value {number}" for number in range(23)}.items() \
        <= variables(box).items()
    assert len(secret_calls(box)) == 5


def test_throttling_is_waited_out(box, store):
    store("/hello/key", KEY)
    box.region.fault(kind="aws", action=BY_NAME, count=2, fault="error",
                     code="ThrottlingException", message="Rate exceeded", status=400)
    box.configure(release=linked(("a.key", "/hello/key")))
    result = box.boot()
    assert box.shared("a.key").read_text() == KEY
    assert secret_calls(box) == [BY_NAME] * 3
    assert "secrets: there after" in result.stdout + result.stderr


def test_it_ends_with_the_deadline(box, store):
    store("/hello/key", KEY)
    box.region.fault(kind="aws", action=BY_NAME, fault="error", code="InternalServerError",
                     message="try again", status=500)
    box.configure(release=linked(("a.key", "/hello/key")), boot={"deadline": "10s"})
    result = box.sync(1)
    assert "InternalServerError: try again" in result.stderr
    assert not environment_file(box).exists() and box.current() is None


def test_what_served_goes_on_serving(box, store):
    box.boot()
    served = box.current()
    box.repository.commit({"b.txt": b"b\n"}, "the second revision")
    box.configure(release=linked(("a.key", "/hello/none")))
    box.sync(5)
    assert box.current() == served
    assert box.last_run["result"] == "previous-serves"


@pytest.mark.parametrize("linked_file", ["../x", "/x", "config/"])
def test_a_path_that_leads_out_is_refused(box, linked_file):
    box.configure(release=linked((linked_file, "/hello/key")))
    assert "release.linked_files[0].path" in box.boot(2).stderr


if IS_ROOT:
    def test_only_root_reads_the_variables(box, store):
        store("/hello/env/ONE", "1")
        box.configure(application={"environment_parameters": "/hello/env"})
        box.boot()
        status = environment_file(box).stat()
        assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o600)
