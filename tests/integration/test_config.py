# SPDX-License-Identifier: MIT
"""`bootagent config`: every refused configuration with its exact sentences, what holds in
the end, and the schema against a validator.

A configuration of tests/golden/config is NAME.json, what is said of it NAME.txt. After a
change of sentences `pytest tests/integration/test_config.py --update` rewrites those; read
them as somebody would who has to mend the file: what, where, why, what next.
"""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import jsonschema
import pytest

from box.box import build_directory

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "config"
CASES = sorted(path.stem for path in GOLDEN.glob("*.json"))
TIMEOUT_S = 20
NOBODY = 65534
MAIN = "/etc/bootagent/bootagent.json"
FRAGMENT = "/etc/bootagent/conf.d/a.json"
LEAST = {"application": {"name": "api"}, "source": {"repo_url": "https://h/r"},
         "readiness": {"url": "http://127.0.0.1/up"}}
FULL = {
    "$schema": "schema.json", "preset": None, "_comment": ["any"], "x-team": {"a": -15},
    "application": {"name": "im8-api", "user": "rails", "x-a": 1,
                    "environment": {"RAILS_ENV": "production", "EMPTY": "", "GONE": None,
                                    "_comment": 1, "x-b": []},
                    "environment_parameters": "/im8/api/env/"},
    "source": {"repo_url": "http://h:8080/r", "branch": "release/1.x", "user": "fetch",
               "timeout": "1h 30m", "on_unreachable": "serve-baked"},
    "release": {"deploy_to": "/opt/the app/.x", "keep_releases": 1,
                "linked_dirs": ["log", "tmp/pids"],
                "linked_files": [{"path": "config/master.key", "parameter": "/im8/api/key"},
                                 {"path": "config/database.yml"}]},
    "steps": [{"name": "bundle", "run": ["bundle", "install", ""], "timeout": "90",
               "inputs": ["Gemfile.lock"], "outputs": ["vendor/bundle"],
               "key_command": ["ruby", "-v"], "_comment": None},
              {"name": "cron", "when": "after-ready", "run": ["c"], "after": "bundle"},
              {"name": "first", "run": ["c"], "before": "bundle", "remove": False}],
    "readiness": {"url": "https://[::1]:8443/up", "host": "api.example",
                  "headers": {"X-Forwarded-Proto": "https", "Accept": "a, b;q=0.1",
                              "Gone": None, "_comment": 1}, "unit": "puma@1.service",
                  "revision_header": "X-Revision", "expected_status": 204,
                  "healthy_threshold": 1, "interval": "10ms", "timeout": "100ms"},
    "outputs": {"max_size": "500M", "max_age": "1w"},
    "boot": {"deadline": "48h"}, "lifecycle": {"hook": "launch hook"},
}
OVER_SSH = {**LEAST, "source": {
    "repo_url": "git@git.example:acme/api.git", "ssh_key_parameter": "/im8/api/deploy-key",
    "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"]}}
# What a schema of one file cannot see: limits of spans, what values say of each other,
# what another file may hold.
BEYOND_THE_SCHEMA = {
    "limit-steps", "limit-time", "missing-all", "missing-null", "preset-unknown", "step-twice",
    "step-target", "step-remove", "step-remove-and-more", "step-before-and-after",
    "links-collide", "missing-of-linked-file", "ssh-incomplete", "ssh-token", "https-key",
    "http-token", "headers-twice", "outputs-alone", "outputs-collide", "outputs-parallel",
    "limit-size",
}


def run(*arguments, cwd="/"):
    return subprocess.run([str(build_directory() / "bootagent"), *map(str, arguments)], cwd=cwd,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S,
                          env={"PATH": os.environ["PATH"]}, check=False)


def check(*arguments, **options):
    """(exit status, the lines on standard output); nothing else is said."""
    result = run("config", "check", *arguments, **options)
    assert result.stderr == b""
    return result.returncode, result.stdout.decode().splitlines()


@pytest.fixture
def root(tmp_path):
    """put({path: text or object}) fills a root directory and returns it."""
    def put(files):
        for name, content in files.items():
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path
    return put


def write(path, document):
    path.write_text(json.dumps(document))
    return path


# ---- refused ------------------------------------------------------------------------

@pytest.mark.parametrize("case", CASES)
def test_a_refused_configuration_has_its_sentences(case, request, tmp_path):
    status, lines = check(f"{case}.json", "--root", tmp_path, cwd=GOLDEN)
    expected = GOLDEN / f"{case}.txt"
    said = "".join(f"{line}\n" for line in lines)
    if request.config.getoption("--update"):
        expected.write_text(said)
    assert status == 2
    assert said == expected.read_text()


def test_every_sentence_has_its_configuration():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_no_sentence_repeats_a_secret():
    for path in GOLDEN.glob("*.txt"):
        assert "hunter2" not in path.read_text()


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "large.json"
    path.write_text("{}" + " " * 256 * 1024)
    assert check(path) == (2, [f"{path}: larger than 256 KiB: is it the right file?"])


def test_a_file_that_is_not_there(tmp_path):
    result = run("config", "check", tmp_path / "none.json")
    assert result.returncode == 2
    assert result.stderr.decode() == f"bootagent: there is no file '{tmp_path}/none.json'\n"


def test_files_for_other_eyes():
    with tempfile.TemporaryDirectory(prefix="bootagent-config.") as name:
        directory = Path(name)
        directory.chmod(0o755)   # and not below pytest's own, which is private
        program = shutil.copy(build_directory() / "bootagent", directory)
        for path in (MAIN, FRAGMENT):
            path = directory / path.lstrip("/")
            path.parent.mkdir(parents=True)
            path.touch(0o000)
        result = subprocess.run(
            [program, "config", "check", "--root", name], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}))
        assert result.returncode == 2
        assert result.stdout.splitlines() == [
            f"{path}: cannot be opened: Permission denied; run this as root"
            for path in (MAIN, FRAGMENT)]


def test_complaints_as_objects(tmp_path):
    path = write(tmp_path / "a.json", {"boot": 1, "x": 2})
    status, lines = check(path, "--json")
    assert status == 2
    assert [json.loads(line)["complaint"].split(": ")[0] for line in lines] == [
        f"{path}:1:10", f"{path}:1:13"]


def test_complaints_of_all_layers(root):
    directory = root({MAIN: {**LEAST, "boot": 1}, "/etc/bootagent/conf.d/a.json": "{",
                      "/etc/bootagent/conf.d/b.json": {"steps": 1}})
    status, lines = check("--root", directory)
    assert status == 2
    assert [line.split(":")[0] for line in lines] == [
        "/etc/bootagent/conf.d/a.json", MAIN, "/etc/bootagent/conf.d/b.json"]


# ---- taken --------------------------------------------------------------------------

@pytest.mark.parametrize("document", [LEAST, FULL, OVER_SSH], ids=["least", "full", "ssh"])
def test_a_good_file_is_good(tmp_path, document):
    path = write(tmp_path / "a.json", document)
    assert check(path) == (0, [f"good: {path}"])


def test_good_layers_are_good(root):
    directory = root({MAIN: LEAST, "/etc/bootagent/conf.d/a.json": {"boot": {}}})
    assert check("--root", directory) == (0, [f"good: {MAIN} and 1 more"])
    assert check("--root", directory, "--json") == (
        0, [json.dumps({"result": f"good: {MAIN} and 1 more"}, separators=(",", ":"))])


def test_nothing_is_not_configured(root):
    assert check("--root", root({})) == (
        0, [f"not configured: there is no {MAIN}"])


def test_a_file_may_leave_the_machine_alone(tmp_path):
    path = write(tmp_path / "a.json", {"boot": {"deadline": "1h"}})
    assert check(path) == (
        0, [f"not configured: neither application nor source is set in {path}"])


def test_show_is_what_holds(root):
    directory = root({MAIN: {**LEAST, "_comment": "x"}})
    shown = json.loads(run("config", "show", "--root", directory).stdout)
    assert shown["application"] == {"name": "api", "user": "deploy", "environment": {},
                                    "environment_parameters": None}
    assert shown["release"] == {"deploy_to": "/srv/api", "keep_releases": 5,
                                "linked_files": [], "linked_dirs": [], "reuse": "copy"}
    assert shown["readiness"]["host"] is None
    assert "_comment" not in shown
    line = run("config", "show", "--json", "--root", directory).stdout
    assert json.loads(line) == shown and line.count(b"\n") == 1


def test_what_is_shown_is_a_configuration_that_shows_the_same(root, tmp_path):
    directory = root({MAIN: FULL})
    shown = run("config", "show", "--root", directory).stdout
    (directory / "shown.json").write_bytes(shown)
    assert run("config", "show", "--root", directory, "--config",
               "/shown.json").stdout == shown


def test_show_names_the_origin_of_each_value(root):
    directory = root({
        "/usr/lib/bootagent/presets/small/config.json":
            '{"steps": [{"name": "a",\n"run": ["x", "y"]}]}',
        MAIN: {**LEAST, "preset": "small"},
        "/etc/bootagent/conf.d/a.json": '{\n"steps": [{"name": "a",\n"timeout": "1m"}]}'})
    lines = run("config", "show", "--origin", "--root", directory).stdout.decode().splitlines()
    assert f'application.name = "api"    # {MAIN}:1' in lines
    assert 'boot.deadline = "30m"    # default' in lines
    assert ('steps[0].run = ["x","y"]    # /usr/lib/bootagent/presets/small/config.json:2'
            in lines)
    assert 'steps[0].timeout = "1m"    # /etc/bootagent/conf.d/a.json:3' in lines
    assert 'steps[0].when = "before-publish"    # default' in lines
    objects = [json.loads(line) for line in run(
        "config", "show", "--origin", "--json", "--root", directory).stdout.splitlines()]
    assert len(objects) == len(lines)
    assert objects[-1] == {"key": "lifecycle.hook", "value": None, "origin": None}


def test_show_of_a_wrong_configuration_says_what_is_wrong(root):
    result = run("config", "show", "--root", root({MAIN: {"boot": 1}}))
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode() == (
        f"bootagent: {MAIN}:1:10: 'boot': expected an object, found a number\n")


@pytest.mark.parametrize("arguments, words", [
    (["config"], "'config' goes on with one of 'show', 'check', 'schema'"),
    (["config", "chekc"], "'config' goes on with one of"),
    (["config", "show", "x"], "one argument too many: 'x'"),
    (["config", "check", "a", "b"], "one argument too many: 'b'"),
    (["status", "--origin"], "--origin belongs to 'config show'"),
])
def test_wrong_usage(arguments, words):
    result = run(*arguments)
    assert result.returncode == 2
    assert words in result.stderr.decode()


# ---- a file that is to become a layer ---------------------------------------------------

INSTALLED = {MAIN: {**LEAST, "steps": [{"name": "bundle", "run": ["bundle"]},
                                       {"name": "cron", "run": ["cron"]}]}}


@pytest.mark.parametrize("text", [
    {"source": {"branch": "x"}},
    {"steps": [{"name": "a", "run": ["a"], "after": "bundle"}, {"name": "cron", "remove": True}]},
    "Content-Type: application/json\n\n{}",
], ids=["key", "steps", "document"])
def test_a_layer_is_good_on_the_installed_ones(root, tmp_path, text):
    directory = root({**INSTALLED, "layer": text})
    assert check("--as-layer", tmp_path / "layer", "--root", directory) == (
        0, [f"good: {MAIN} and 1 more"])


@pytest.mark.parametrize("text, sentence", [
    ({"source": {"brnach": "x"}}, ":1:13: unknown key 'source.brnach': did you mean "
                                  "'source.branch'?"),
    ({"steps": [{"name": "bundel", "timeout": "1h"}]},
     ":1:12: 'steps[bundel].run' is missing: set it, or write 'bundle' if that is meant. The "
     "command and its arguments; no shell stands between."),
    ("{", ":1:2: "),
])
def test_a_wrong_layer_is_told_by_its_own_name(root, tmp_path, text, sentence):
    directory = root({**INSTALLED, "layer": text})
    status, lines = check("--as-layer", tmp_path / "layer", "--root", directory)
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"{tmp_path}/layer{sentence}")


def test_a_file_that_would_be_no_layer_is_told(root, tmp_path):
    directory = root({**INSTALLED, "layer": "#!/bin/sh\n"})
    assert check("--as-layer", tmp_path / "layer", "--root", directory) == (
        0, [f"good: {MAIN}; {tmp_path}/layer: a script: left to cloud-init"])


@pytest.mark.parametrize("arguments, words", [
    (["config", "check", "--as-layer", "/none.json"],
     "--as-layer '/none.json': No such file or directory"),
    (["config", "check", "--as-layer", "/"], "'/' is not a regular file"),
    (["config", "check", "a.json", "--as-layer", "b.json"],
     "--as-layer lays a file on the installed ones; leave out 'a.json'"),
    (["boot", "--as-layer", "b.json"], "--as-layer belongs to 'config check', not to 'boot'"),
])
def test_wrong_use_of_as_layer(arguments, words):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert words in result.stderr.decode()


# ---- the schema ---------------------------------------------------------------------

@pytest.fixture(scope="module")
def schema():
    text = run("config", "schema").stdout
    assert text == run("config", "schema").stdout
    return json.loads(text)


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("document", [{}, LEAST, FULL, OVER_SSH], ids=["empty", "least", "full", "ssh"])
def test_the_schema_takes_what_is_good(validator, document):
    validator.validate(document)


def test_the_schema_takes_its_own_defaults(schema, validator):
    def walk(node, document):
        for name, value in node["properties"].items():
            if "properties" in value:
                walk(value, document.setdefault(name, {}))
            elif "default" in value:
                document[name] = value["default"]
        return document
    defaults = walk(schema, {})
    assert defaults["boot"]["deadline"] == "30m"
    validator.validate(defaults)


def documents():
    """The refused configurations that are JSON."""
    for case in CASES:
        if not case.startswith("json-"):
            yield pytest.param(json.loads((GOLDEN / f"{case}.json").read_bytes()),
                               case in BEYOND_THE_SCHEMA, id=case)


@pytest.mark.parametrize("document, is_beyond", documents())
def test_the_schema_refuses_what_the_agent_refuses(validator, document, is_beyond):
    assert validator.is_valid(document) == is_beyond


@pytest.mark.parametrize("path", ["srv/api", "/", "/srv/", "/srv//api", "/srv/..", "/../x",
                                  "/a/../b", "/a/./b", "/srv/.", "/a\x07b", "", "/srv/x",
                                  "/srv/.x", "/srv/..x", "/a b/c", "/x.", "/한글"])
def test_schema_and_agent_agree_on_paths(validator, tmp_path, path):
    document = {**LEAST, "release": {"deploy_to": path}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)


@pytest.mark.parametrize("url", ["http://h", "https://h/x@y", "http://u@h/", "http:///x", "h",
                                 "ftp://h/", "http://h?a@b", "http://h#@", "http://h/ x", "http://",
                                 "HTTP://h", "http://h\\x", "http://h:99999/", "http://h:65535",
                                 "http://h:/", "http://:80/up", "http://h:a/", "http://[::1/up",
                                 "http://[::1]:80/up", "http://h:65536", "http://h:080/"])
def test_schema_and_agent_agree_on_urls(validator, tmp_path, url):
    document = {**LEAST, "readiness": {"url": url}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)


@pytest.mark.parametrize("branch", [
    "main", "release/1.x", "a..b", "-a", "a-", ".a", "a.", "a/.b", "/a", "a/", "a//b", "@", "@a",
    "a@{b", "a{b", "a b", "a~", "a^", "a:b", "a?", "a*", "a[", "a]", "a\\b", "a.lock", "a.lock/b",
    "a.locks", ".lock", "\u00fcber", "a\x7fb", "feature/#1"])
def test_schema_agent_and_git_agree_on_branches(validator, tmp_path, branch):
    document = {**LEAST, "source": {**LEAST["source"], "branch": branch}}
    status, _ = check(write(tmp_path / "a.json", document))
    git = subprocess.run(["git", "check-ref-format", "--branch", branch], capture_output=True,
                         cwd=tmp_path, timeout=TIMEOUT_S, check=False)
    assert validator.is_valid(document) == (status == 0) == (git.returncode == 0)


@pytest.mark.parametrize("span", ["1s", "90", "1h 30m", "1h30m", "  2 hours  5 s ", "1 1", "1m 1m",
                                  "", " ", "m", "1.5h", "-1s", "1x", "1M", "5 s s"])
def test_schema_and_agent_agree_on_spans(validator, tmp_path, span):
    document = {**LEAST, "source": {**LEAST["source"], "timeout": span}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)


@pytest.mark.parametrize("address", [
    "https://git.example/r", "https://user@git.example/r", "https://user:secret@git.example/r",
    "git@git.example:acme/r.git", "git:secret@git.example:r", "git.example:r", "git@git.example:",
    "ssh://git.example/r", "ssh://git@git.example:22/r", "ssh://a@b@c/r", "file:///r", "/srv/r",
    "https://", "a/b@c:d", "https://git.example/r?a", "https://git.example?a",
    "https://git.example/r#a", "https://ghp_x@git.example/r", "https://ghp@git.example/ghp_r",
    "ssh://glpat-x@git.example/r", "github_pat_x@git.example:r", "https://git.example/a@b",
    f"https://{'x' * 40}@git.example/r", f"https://{'x' * 41}@git.example/r",
    f"{'x' * 41}@git.example:r", "git@git.example:r?a#b"])
def test_schema_and_agent_agree_on_repositories(validator, tmp_path, address):
    source = {**OVER_SSH["source"]} if not address.startswith("http") else {}
    document = {**LEAST, "source": {**source, "repo_url": address}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)


@pytest.mark.parametrize("name", [
    "key", "/api/key", "/api/key:3", "/api/key:live", "api/key", "/api//key", "/api/", "", "a b",
    "/aws/reference/secretsmanager/api", "/aws/reference/secretsmanager/api:member",
    "arn:aws:ssm:us-east-1:123456789012:parameter/api/key",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-AbCdEf",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-AbCdEf:member",
    "arn:aws:s3:::bucket/key", "arn:aws:ssm:us-east-1"])
def test_schema_and_agent_agree_on_secrets(validator, tmp_path, name):
    document = {**LEAST, "source": {**LEAST["source"], "token_parameter": name}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)


@pytest.mark.parametrize("path", ["log", "tmp/pids", ".env", "..x", "/log", "log/", "a//b", ".",
                                  "..", "a/../b", "a/.", "", "a b", "\ud55c\uae00", "REVISION",
                                  "current/x", ".bootagent", "currents", "a/REVISION"])
def test_schema_and_agent_agree_on_paths_of_links(validator, tmp_path, path):
    document = {**LEAST, "release": {"linked_dirs": [path]}}
    status, _ = check(write(tmp_path / "a.json", document))
    assert validator.is_valid(document) == (status == 0)
