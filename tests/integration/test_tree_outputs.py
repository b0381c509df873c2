# SPDX-License-Identifier: MIT
"""bootagent-tree find-outputs, keep-outputs, drop-outputs, remove: outputs by their key."""
import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from worker.tree import NEW, OLD, OTHER, REVISION, Swapper, names

RUN = "20261124T055728Z-1f2e3d4c"
NEXT_RUN = "20261124T055729Z-00000000"
OUTPUT = "vendor/bundle"
KEY_COMMAND = ["true", "-v"]
PATH = "/usr/bin:/bin"


def step(release=NEW, **members):
    return {"release": release, "revision": REVISION, "run": RUN, "step": "bundle",
            "command": ["bundle", "install"], "inputs": ["Gemfile.lock"], "outputs": [OUTPUT],
            "environment": ["RAILS_ENV=production"], **members}


def make_release(tree, name=NEW, lock="GEM\n"):
    release = tree.release(name)
    tree.put(release / "Gemfile.lock", lock)
    return release


def find(tree, **members):
    return tree.ask("find-outputs", **step(**members)).result


def depot(tree):
    return tree.path / "shared/.bootagent/outputs"


def entries(tree):
    return names(depot(tree)) if depot(tree).exists() else []


def fill(tree, release, text="gem\n", output=OUTPUT):
    """What the step does."""
    tree.put(release / output / "gem.rb", text)


def store(tree, name=NEW, text="gem\n", **members):
    """A release whose step made something, kept; its key."""
    release = tree.releases / name
    if not release.exists():
        make_release(tree, name)
    key = find(tree, release=name, **members)["key"]
    fill(tree, release, text)
    kept = tree.ask("keep-outputs", **step(release=name, key=key, **members)).result
    assert kept["stored"] is True and kept["why"] is None and kept["size_bytes"] > 0
    return key


# What the key is: said once more, in other words.

def value(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">q", len(data)) + data


def values(texts):
    return struct.pack(">q", len(texts)) + b"".join(map(value, texts))


def file(data, executable=0):
    return value("file") + struct.pack(">q", executable) + value(hashlib.sha256(data).digest())


def this_platform():
    release = Path("/etc/os-release").read_text().splitlines()
    lines = [next((line for line in release if line.startswith(name)), "")
             for name in ("ID=", "VERSION_ID=")]
    libc = os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    return "\n".join([platform.machine(), libc, *lines])


def key_of(inputs, request, answer=""):
    return hashlib.sha256(
        value("bootagent-outputs 1") + values(request["command"]) + values(request["outputs"]) +
        values(sorted(request["environment"])) + values(request.get("key_command", [])) +
        value(answer) + value(this_platform()) + struct.pack(">q", len(inputs)) +
        b"".join(value(name) + node for name, node in inputs)).hexdigest()


def test_the_key(tree):
    make_release(tree)
    assert find(tree)["key"] == key_of([("Gemfile.lock", file(b"GEM\n"))], step())


def test_the_key_of_everything(tree):
    release = make_release(tree)
    tree.put(tree.path / "shared/config/db.yml", "db\n")
    tree.put(release / "lib/b.rb", "b\n")
    tree.put(release / "lib/a.rb", "a\n")
    (release / "lib/a.rb").chmod(0o755)
    tree.link(release / "lib/db", "../../../shared/config/db.yml")
    tree.link(release / "lib/out", "/etc/passwd")
    tree.link(release / "lib/self", ".")
    tree.link(release / "lib/gems", "../../../shared/.bootagent/outputs/abc/gems")
    listed = [("a.rb", file(b"a\n", 1)), ("b.rb", file(b"b\n")),
              ("db", value("link") + value("../../../shared/config/db.yml") + file(b"db\n")),
              ("gems", value("link") + value("../../../shared/.bootagent/outputs/abc/gems") +
               value("output")),
              ("out", value("link") + value("/etc/passwd") + value("beyond"))]
    own = value("link") + value(".")

    def directory(nodes):
        return value("directory") + struct.pack(">q", len(nodes)) + \
            b"".join(value(name) + node for name, node in nodes)
    inner = directory([*listed, ("self", own + value("beyond"))])
    lib = directory([*listed, ("self", own + inner)])
    request = step(inputs=["lib", "Gemfile.lock"], environment=["B=2", "A=1"],
                   key_command=KEY_COMMAND, answer="ruby 3.1")
    assert tree.ask("find-outputs", **request).result["key"] == key_of(
        [("lib", lib), ("Gemfile.lock", file(b"GEM\n"))], request, "ruby 3.1")


@pytest.mark.parametrize("other", [
    {"command": ["bundle", "install", ""]}, {"command": ["bundleinstall"]},
    {"outputs": ["vendor/gems"]}, {"environment": []}, {"environment": ["RAILS_ENV=test"]},
    {"key_command": KEY_COMMAND, "answer": ""}, {"key_command": KEY_COMMAND, "answer": "3.1"},
    {"inputs": ["Gemfile.lock", "config.ru"]}, {"inputs": ["config.ru"]}])
def test_another_step_has_another_key(tree, other):
    make_release(tree)
    key = find(tree)["key"]
    make_release(tree, OLD)
    assert find(tree, release=OLD, **other)["key"] != key


@pytest.mark.parametrize("same", [
    {"revision": OTHER}, {"step": "gems"}, {"run": NEXT_RUN}])
def test_what_does_not_change_the_key(tree, same):
    make_release(tree)
    key = find(tree)["key"]
    tree.release(OLD, same.get("revision", REVISION))
    tree.put(tree.releases / OLD / "Gemfile.lock", "GEM\n")
    assert find(tree, release=OLD, **same)["key"] == key


# Miss, and hit.

def test_a_miss_gives_the_step_a_place(tree):
    release = make_release(tree)
    reply = find(tree)
    assert (reply["hit"], reply["answer"]) == (False, None)
    assert os.readlink(release / OUTPUT) == \
        f"../../../shared/.bootagent/outputs/tmp.{RUN}.bundle/{OUTPUT}"
    assert names(release / OUTPUT) == []
    assert entries(tree) == [f"tmp.{RUN}.bundle"]


def test_what_is_kept_is_hit(tree):
    key = store(tree)
    assert entries(tree) == [key]
    assert os.readlink(tree.releases / NEW / OUTPUT) == \
        f"../../../shared/.bootagent/outputs/{key}/{OUTPUT}"
    note = json.loads((depot(tree) / key / ".bootagent").read_text())
    assert note["step"] == "bundle" and note["outputs"] == [OUTPUT]
    os.utime(depot(tree) / key, (1, 1))
    release = make_release(tree, OLD)
    reply = find(tree, release=OLD, run=NEXT_RUN)
    assert (reply["hit"], reply["key"]) == (True, key)
    assert (release / OUTPUT / "gem.rb").read_text() == "gem\n"
    assert time.time() - (depot(tree) / key).stat().st_mtime < 60
    assert entries(tree) == [key]


def test_it_is_on_the_disk_before_it_has_its_name(tree):
    make_release(tree)
    key = find(tree)["key"]
    fill(tree, tree.releases / NEW)
    log = tree.trace("-e", "trace=syncfs,renameat,symlinkat")
    assert tree.ask("keep-outputs", **step(key=key)).result["stored"]
    calls = [line for line in log.read_text().splitlines() if "(" in line]
    synced = next(i for i, line in enumerate(calls) if line.startswith("syncfs"))
    named = next(i for i, line in enumerate(calls) if f'"{key}"' in line)
    linked = next(i for i, line in enumerate(calls) if f"/{key}/" in line)
    assert synced < named < linked


def test_several_outputs(tree):
    outputs = ["node_modules", "public/packs", "tmp/cache"]
    release = make_release(tree)
    key = find(tree, outputs=outputs)["key"]
    for output in outputs:
        fill(tree, release, f"{output}\n", output)
    assert tree.ask("keep-outputs", **step(outputs=outputs, key=key)).result["stored"]
    other = make_release(tree, OLD)
    assert find(tree, release=OLD, outputs=outputs)["hit"] is True
    for output in outputs:
        assert (other / output / "gem.rb").read_text() == f"{output}\n"


def test_a_failed_step_leaves_nothing(tree):
    release = make_release(tree)
    key = find(tree)["key"]
    fill(tree, release)
    assert tree.ask("drop-outputs", **step(key=key)).error is None
    assert entries(tree) == []
    assert not os.path.lexists(release / OUTPUT)


def test_a_failed_step_that_removed_its_release(tree):
    release = make_release(tree)
    key = find(tree)["key"]
    shutil.rmtree(release)
    assert tree.ask("drop-outputs", **step(key=key)).error is None
    assert entries(tree) == []


def test_what_a_killed_run_left_is_swept(tree):
    make_release(tree)
    find(tree)
    make_release(tree, OLD)
    find(tree, release=OLD, run=NEXT_RUN, step="other")
    assert entries(tree) == [f"tmp.{NEXT_RUN}.other"]


def test_another_step_of_the_run_is_not_swept(tree):
    make_release(tree)
    find(tree)
    find(tree, step="other", outputs=["node_modules"])
    assert entries(tree) == [f"tmp.{RUN}.bundle", f"tmp.{RUN}.other"]


def test_two_steps_of_one_key(tree):
    """The second takes what the first one made."""
    first, second = make_release(tree), make_release(tree, OLD)
    key = find(tree)["key"]
    assert find(tree, release=OLD, step="twin")["key"] == key
    fill(tree, first, "first\n")
    fill(tree, second, "second\n")
    assert tree.ask("keep-outputs", **step(key=key)).result["stored"]
    assert tree.ask("keep-outputs", **step(release=OLD, step="twin", key=key)).result["stored"]
    assert entries(tree) == [key]
    assert (second / OUTPUT / "gem.rb").read_text() == "first\n"


# What a step may do to its outputs.

def test_a_step_that_replaces_the_link(tree):
    release = make_release(tree)
    key = find(tree)["key"]
    (release / OUTPUT).unlink()
    fill(tree, release)
    kept = tree.ask("keep-outputs", **step(key=key)).result
    assert (kept["stored"], kept["why"]) == (False, "replaced")
    assert not (release / OUTPUT).is_symlink()
    assert entries(tree) == []


def test_a_step_that_replaces_one_of_two(tree):
    outputs = [OUTPUT, "node_modules"]
    release = make_release(tree)
    key = find(tree, outputs=outputs)["key"]
    (release / OUTPUT).unlink()
    fill(tree, release)
    fill(tree, release, "js\n", "node_modules")
    kept = tree.ask("keep-outputs", **step(outputs=outputs, key=key)).result
    assert (kept["stored"], kept["why"]) == (False, "replaced")
    assert (release / "node_modules/gem.rb").read_text() == "js\n"
    assert entries(tree) == [f"{key}-{RUN}.bundle"]
    make_release(tree, OLD)
    assert find(tree, release=OLD, outputs=outputs)["hit"] is False


def test_a_step_that_removes_its_output(tree):
    release = make_release(tree)
    key = find(tree)["key"]
    shutil.rmtree(depot(tree) / f"tmp.{RUN}.bundle" / OUTPUT)
    kept = tree.ask("keep-outputs", **step(key=key)).result
    assert (kept["stored"], kept["why"]) == (False, "replaced")
    assert entries(tree) == [] and not (release / OUTPUT).exists()


@pytest.mark.parametrize("lock", ["changed\n", None])
def test_a_step_that_changes_its_input(tree, lock):
    release = make_release(tree)
    key = find(tree)["key"]
    fill(tree, release)
    (release / "Gemfile.lock").unlink()
    if lock:
        tree.put(release / "Gemfile.lock", lock)
    kept = tree.ask("keep-outputs", **step(key=key)).result
    assert (kept["stored"], kept["why"]) == (False, "inputs")
    assert entries(tree) == [f"{key}-{RUN}.bundle"]
    assert (release / OUTPUT / "gem.rb").read_text() == "gem\n"
    make_release(tree, OLD)
    assert find(tree, release=OLD)["hit"] is False


# What is damaged is made anew.

def spoil_note(tree, entry):
    (entry / ".bootagent").write_text("{")


def lose_note(tree, entry):
    (entry / ".bootagent").unlink()


def lose_output(tree, entry):
    shutil.rmtree(entry / "vendor")


def link_output(tree, entry):
    shutil.rmtree(entry / OUTPUT)
    tree.link(entry / OUTPUT, tree.outside)


def become_file(tree, entry):
    shutil.rmtree(entry)
    tree.put(entry, "")


@pytest.mark.parametrize("spoil", [spoil_note, lose_note, lose_output, link_output, become_file])
def test_a_damaged_entry(tree, spoil):
    key = store(tree)
    spoil(tree, depot(tree) / key)
    make_release(tree, OLD)
    assert store(tree, OLD, "anew\n") == key
    assert entries(tree) == [key]
    for name in (OLD, NEW):
        assert (tree.releases / name / OUTPUT / "gem.rb").read_text() == "anew\n"
    assert tree.outside_is_whole()


# What cannot be.

def test_an_input_that_is_not_there(tree):
    make_release(tree)
    error = tree.ask("find-outputs", **step(inputs=["Gemfile.lok"])).error
    assert error["code"] == "ENOENT"
    assert "the input 'Gemfile.lok' is not in the release" in error["message"]
    assert not os.path.lexists(tree.releases / NEW / OUTPUT)


@pytest.mark.parametrize("where", [OUTPUT, "vendor"])
def test_an_output_in_the_commit(tree, where):
    release = make_release(tree)
    tree.put(release / where, "")
    error = tree.ask("find-outputs", **step()).error
    if where == OUTPUT:
        assert error["code"] == "EEXIST" and f"the output '{OUTPUT}' is in" in error["message"]
    else:
        assert error["code"] == "ENOTDIR"


@pytest.mark.parametrize("wrong", [
    {"outputs": []}, {"outputs": ["../x"]}, {"outputs": ["/x"]}, {"outputs": [1]},
    {"outputs": [".bootagent/x"]}, {"inputs": ["a/../../x"]}, {"inputs": None},
    {"command": []}, {"run": "../x"}, {"step": "a/b"}, {"release": ".."},
    {"environment": [None]}, {"key": "abc"}])
def test_a_bad_request(tree, wrong):
    make_release(tree)
    assert tree.ask("find-outputs", **step(**wrong)).error["code"] == "EINVAL"
    assert tree.outside_is_whole() and entries(tree) == []


# Who keeps what a tool said.

def ask(tree, **members):
    return find(tree, key_command=KEY_COMMAND, path=PATH, **members)


def test_a_tool_that_is_not_known_is_asked(tree):
    make_release(tree)
    reply = ask(tree)
    status = os.stat("/usr/bin/true")
    assert reply == {"ask": True, "tool": {
        "device": status.st_dev, "inode": status.st_ino, "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}}
    known = {"tool": reply["tool"], "answer": "said before"}
    assert ask(tree, remembered=known)["answer"] == "said before"


@pytest.mark.parametrize("member", ["device", "inode", "size_bytes", "mtime_ns", "ctime_ns"])
def test_a_tool_that_changed_is_asked(tree, member):
    make_release(tree)
    tool = ask(tree)["tool"]
    known = {"tool": {**tool, member: tool[member] + 1}, "answer": "old"}
    assert ask(tree, remembered=known) == {"ask": True, "tool": tool}


def put_tool(tree, name, how):
    directory = tree.path / "bin"
    directory.mkdir(exist_ok=True)
    how(directory, name)
    return find(tree, key_command=[name, "-v"], path=f"{directory}:{PATH}")


def as_program(directory, name):
    shutil.copy("/usr/bin/true", directory / name)


def as_link(directory, name):
    shutil.copy("/usr/bin/true", directory / f"{name}3.1")
    (directory / name).symlink_to(f"{name}3.1")


def as_script(directory, name):
    (directory / name).write_text("#!/bin/sh\n")
    (directory / name).chmod(0o755)


def as_foreign_link(directory, name):
    shutil.copy("/usr/bin/true", directory / "mise")
    (directory / name).symlink_to("mise")


def as_nothing(directory, name):
    pass


@pytest.mark.parametrize("how, is_known", [
    (as_program, True), (as_link, True), (as_script, False), (as_foreign_link, False),
    (as_nothing, False)])
def test_which_tools_are_remembered(tree, how, is_known):
    make_release(tree)
    assert (put_tool(tree, "toolish", how)["tool"] is not None) == is_known


@pytest.mark.parametrize("arguments, is_known", [
    (["-v"], True), (["-V"], True), (["--version"], True), (["version"], True),
    (["-v", "--version"], True), ([], False), (["-c", "true -v"], False), (["true", "-v"], False),
    (["-v", "x"], False), ([""], False)])
def test_what_a_program_is_asked_is_remembered_if_it_is_its_version(tree, arguments, is_known):
    make_release(tree)
    reply = find(tree, key_command=["env", *arguments], path=PATH)
    assert (reply["tool"] is not None) == is_known


@pytest.mark.parametrize("members", [
    {"path": None}, {"path": f"bin:{PATH}"}, {"path": f":{PATH}"},
    {"key_command": ["./true", "-v"], "path": PATH}])
def test_what_depends_on_the_directory_is_not_remembered(tree, members):
    make_release(tree)
    assert find(tree, **{"key_command": KEY_COMMAND, **members}) == {"ask": True, "tool": None}


# Prune.

def prune(tree, **limits):
    reply = tree.ask("remove", outputs=limits)
    assert reply.error is None, reply.error
    return reply.result


def unlinked(tree, text, used=None):
    """Outputs that no release links to."""
    make_release(tree, OLD, text)
    key = store(tree, OLD)
    shutil.rmtree(tree.releases / OLD)
    if used:
        os.utime(depot(tree) / key, (used, used))
    return key


def test_no_depot_is_nothing_to_prune(tree):
    make_release(tree)
    assert prune(tree, max_age_ms=0, max_size_bytes=0) == {"removed": 0, "removed_outputs": 0}
    assert not depot(tree).exists()


def test_old_ones_go(tree):
    old, new = unlinked(tree, "1", time.time() - 100), unlinked(tree, "2")
    result = prune(tree, max_age_ms=50000)
    assert result["removed_outputs"] == 1 and result["removed_bytes"] > 0
    assert entries(tree) == [new] and old != new


def test_the_oldest_go_until_the_rest_fits(tree):
    now = time.time()
    keys = [unlinked(tree, str(i), now - 100 + i) for i in range(4)]
    size = json.loads((depot(tree) / keys[0] / ".bootagent").read_text())["size_bytes"]
    prune(tree, max_size_bytes=2 * size)
    assert entries(tree) == sorted(keys[2:])


def test_what_a_release_links_to_stays(tree):
    key = store(tree)
    os.utime(depot(tree) / key, (1, 1))
    assert prune(tree, max_age_ms=0, max_size_bytes=0)["removed_outputs"] == 0
    assert (tree.releases / NEW / OUTPUT / "gem.rb").exists()
    shutil.rmtree(tree.releases / NEW)
    assert prune(tree, max_age_ms=0, max_size_bytes=0)["removed_outputs"] == 1
    assert entries(tree) == []


def test_what_only_one_release_has_stays_with_it(tree):
    release = make_release(tree)
    key = find(tree)["key"]
    fill(tree, release)
    (release / "Gemfile.lock").write_text("changed\n")
    assert not tree.ask("keep-outputs", **step(key=key)).result["stored"]
    prune(tree, max_age_ms=0, max_size_bytes=0)
    assert (release / OUTPUT / "gem.rb").exists()
    shutil.rmtree(release)
    prune(tree, max_age_ms=0, max_size_bytes=0)
    assert entries(tree) == []


def test_an_entry_whose_note_is_gone(tree):
    """The notes of others say where releases may link to it."""
    key, other = store(tree), unlinked(tree, "other")
    lose_note(tree, depot(tree) / key)
    prune(tree, max_age_ms=0)
    assert entries(tree) == [key] and key != other


def test_what_a_kill_left_goes(tree):
    make_release(tree)
    find(tree)
    tree.put(depot(tree) / "tmp.gone.abc" / "file", "")
    prune(tree)
    assert entries(tree) == []


def test_foreign_names_stay(tree):
    store(tree)
    tree.put(depot(tree) / "notes.txt", "mine\n")
    prune(tree, max_age_ms=0, max_size_bytes=0)
    assert "notes.txt" in entries(tree)


# The hostile neighbour.

@pytest.mark.parametrize("where", ["shared", "shared/.bootagent", "shared/.bootagent/outputs",
                                   "releases/20260202000000/vendor"])
def test_a_link_on_the_way(tree, where):
    make_release(tree)
    (tree.path / where).parent.mkdir(parents=True, exist_ok=True)
    tree.link(tree.path / where, tree.outside)
    error = tree.ask("find-outputs", **step()).error
    assert error and tree.outside_is_whole()


@pytest.mark.parametrize("victim", ["shared/.bootagent/outputs", "shared/.bootagent", "shared"])
def test_directories_that_are_swapped_meanwhile(tree, victim):
    store(tree)
    swapper = Swapper(tree, tree.path / victim)
    swapper.start()
    try:
        for number in range(15):
            shutil.rmtree(tree.releases / OLD, ignore_errors=True)
            make_release(tree, OLD, f"{number}\n")
            reply = tree.ask("find-outputs", **step(release=OLD))
            if reply.error is None:
                tree.ask("keep-outputs", **step(release=OLD, key=reply.result["key"]))
            tree.ask("remove", outputs={"max_age_ms": 0})
    finally:
        swapper.stopped.set()
        swapper.join()
    assert swapper.swaps > 0
    assert tree.outside_is_whole()


def test_inputs_that_never_end(tree):
    """A FIFO and a device are not read; what is too deep is told."""
    release = make_release(tree)
    os.mkfifo(release / "fifo")
    tree.link(release / "zero", "/dev/zero")
    assert find(tree, inputs=["fifo", "zero"])["key"]
    deep = release / "deep"
    subprocess.run(["mkdir", "-p", deep.joinpath(*["d"] * 150)], check=True)
    error = tree.ask("find-outputs", **step(inputs=["deep"], step="b", outputs=["o"])).error
    assert error["code"] == "ELOOP" and "name what the step reads" in error["message"]
