# SPDX-License-Identifier: MIT
"""A commit that wants another Ruby than the machine has: told before bundler is started."""
import json
import os
import subprocess
import time

import pytest

from box.box import APPLICATION_USER, PYTHON
from conftest import IS_ROOT, WITHIN_S, owner, shell
from servers.namespace import own_mounts
from servers.process import wait_until
from servers.repository import File
from worker.tree import NEW, make_directory, make_fifo, make_socket, make_unreadable

BUNDLE = {"name": "bundle", "run": ["bundle", "--version"]}
STEP_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUBY = subprocess.run(["ruby", "-e", "print RUBY_VERSION"], capture_output=True, text=True,
                      check=True).stdout


def gemfile(line):
    return {"Gemfile": f'source "https://rubygems.org"\n{line}\n'.encode()}


def stage(box, name="requirements"):
    return {found["name"]: found for found in box.document()["last_run"]["stages"]}[name]


def assert_refused(box, *words, result="failed"):
    """This machine cannot; the commit is not at fault, and bundler never ran."""
    last = box.document()["last_run"]
    assert (last["result"], last["cause"], last["error"]["stage"]) == \
        (result, "machine", "requirements")
    for word in words:
        assert word in last["error"]["message"]
    assert last["steps"] == []
    assert "bad" not in box.releases().values()


@pytest.fixture
def bundled(box):
    box.configure(steps=[BUNDLE])
    return box


@pytest.fixture
def shims(bundled):
    """put(ruby's script): a version manager's directory of shims, first in the steps' PATH."""
    directory = bundled.directory / "shims"

    def put(script):
        directory.mkdir(exist_ok=True)
        for name, text in (("ruby", script), ("bundle", "exec ruby -S bundle")):
            (directory / name).write_text(f"#!/bin/sh\n{text}\n")
            (directory / name).chmod(0o755)
        bundled.configure(application={"environment": {"PATH": f"{directory}:{STEP_PATH}"}})
        return bundled
    return put


def test_another_ruby_than_this_machine_has(bundled):
    bundled.repository.commit(gemfile('ruby "~> 99.1", "!= 99.1.4"'), "too new")
    bundled.boot(1)
    assert_refused(bundled, f"this machine has Ruby {RUBY}, the commit wants ~> 99.1, != 99.1.4 "
                   f"(Gemfile): install it in the image, or deploy a commit for {RUBY}")


def test_what_served_goes_on_and_the_next_image_takes_the_commit(bundled):
    bundled.repository.commit(gemfile('ruby "~> 3.0"'), "fits")
    bundled.boot()
    assert stage(bundled)["state"] == "done"
    served = bundled.current()
    bundled.repository.commit(gemfile('ruby "99.0.0"'), "too new")
    bundled.sync(5)
    assert_refused(bundled, "wants 99.0.0", result="previous-serves")
    assert bundled.current() == served
    # Nothing remembers it as bad: the same revision again is the same finding, not a refusal.
    bundled.sync(5)
    assert_refused(bundled, "wants 99.0.0", result="previous-serves")
    bundled.repository.commit(gemfile(f'ruby "{RUBY}"'), "fits again")
    result = bundled.sync()
    assert f"Ruby {RUBY} for {RUBY}" in result.stdout


def test_a_version_file_that_the_gemfile_names(bundled):
    bundled.repository.commit({**gemfile('ruby file: ".ruby-version"'),
                               ".ruby-version": b"ruby-99.0.1\n"}, "by a file")
    bundled.boot(1)
    assert_refused(bundled, "the commit wants 99.0.1 (.ruby-version)")


def test_a_version_file_that_nothing_obeys_is_a_warning(bundled):
    bundled.repository.commit({**gemfile(""), ".ruby-version": b"99.0.1\n"}, "only a file")
    result = bundled.boot()
    assert f"the commit's .ruby-version says Ruby 99.0.1, this machine runs it with {RUBY}" \
        in result.stderr


def test_a_shim_that_has_no_such_ruby(shims):
    box = shims("echo \"rbenv: version '99.0.1' is not installed (set by $PWD/.ruby-version)\" "
                ">&2; exit 1")
    box.repository.commit({**gemfile(""), ".ruby-version": b"99.0.1\n"}, "by rbenv")
    box.boot(1)
    assert_refused(box, "this machine has no Ruby for the commit, which wants 99.0.1 "
                   "(.ruby-version): rbenv: version '99.0.1' is not installed", "in the image")


def test_a_shim_that_chooses_the_right_one(shims):
    """It is asked in the release's directory, as the application's user."""
    box = shims('case $1 in -S) exit 0;; esac; test -e .ruby-version || exit 1; '
                'echo; echo bootagent-ruby 99.0.1')
    box.repository.commit({**gemfile('ruby "99.0.1"'), ".ruby-version": b"99.0.1\n"}, "by rbenv")
    box.boot()


@pytest.mark.parametrize("path, words", [
    ("/nowhere", "there is no 'bundle' in /nowhere"),
])
def test_no_ruby_at_all(bundled, path, words):
    bundled.configure(application={"environment": {"PATH": path}})
    bundled.boot(1)
    assert_refused(bundled, "this machine has no Ruby for the commit: " + words)


def test_another_gemfile_is_bundlers_business(bundled):
    bundled.configure(application={"environment": {"BUNDLE_GEMFILE": "gemfiles/a"}})
    bundled.repository.commit(gemfile('ruby "99.0.0"'), "not this one")
    assert "left to bundler" in bundled.boot().stdout


def test_options_of_ruby_do_not_disturb(bundled):
    bundled.configure(steps=[shell("noop", "exit 0"), {**BUNDLE, "run": [
        "env", "RUBYOPT=", "bundle", "--version"]}],
        application={"environment": {"RUBYOPT": "-rno/such/file"}})
    bundled.boot()


def test_a_bundler_of_the_releases_own(bundled):
    """The step names it from the release's directory, where we do not look."""
    stub = File(b'#!/usr/bin/env ruby\nload Gem.bin_path("bundler", "bundle")\n', executable=True)
    bundled.configure(steps=[{**BUNDLE, "run": ["bin/bundle", "--version"]}])
    bundled.repository.commit({**gemfile('ruby "~> 3.0"'), "bin/bundle": stub}, "its own")
    assert "left to bundler" in bundled.boot().stdout
    assert [step["state"] for step in bundled.last_run["steps"]] == ["done"]


def test_nothing_is_asked_without_bundler(box):
    box.configure(steps=[shell("other", "exit 0")])
    box.repository.commit(gemfile('ruby "99.0.0"'), "never mind")
    box.boot()
    assert stage(box)["state"] == "skipped"


def test_a_ruby_that_does_not_answer_is_not_waited_for(shims):
    box = shims('case $1 in -S) exit 0;; esac; exec sleep 60')
    box.repository.commit(gemfile('ruby "99.0.0"'), "slow")
    begun = time.monotonic()
    result = box.boot()
    assert "not done within its timeout" in result.stderr
    assert 10 < time.monotonic() - begun < 30


def test_a_fifo_in_bundlers_place(bundled):
    """In a directory of the application's user, before the one that is started."""
    bin_directory = bundled.shared("bin")
    bin_directory.mkdir(parents=True)
    os.mkfifo(bin_directory / "bundle", 0o777)
    user = owner(APPLICATION_USER)
    for path in (bundled.deploy_to, bundled.shared(""), bin_directory, bin_directory / "bundle"):
        os.chown(path, user.pw_uid, user.pw_gid)
    bundled.configure(application={"environment": {"PATH": f"{bin_directory}:{STEP_PATH}"}})
    bundled.repository.commit(gemfile('ruby "99.0.0"'), "too new")
    bundled.boot(1)
    assert_refused(bundled, f"this machine has Ruby {RUBY}, the commit wants 99.0.0")


def test_root_does_not_look_along_the_path(shims, tmp_path):
    box = shims('case $1 in -S) exit 0;; esac; echo; echo bootagent-ruby 99.0.1')
    box.repository.commit(gemfile('ruby "99.0.1"'), "by rbenv")
    log = tmp_path / "trace"
    result = box.boot(wrapper=["strace", "-qq", "-s", "4096", "-o", str(log), "-e", "trace=%file"],
                      environment={"ASAN_OPTIONS": "detect_leaks=0"})
    assert "Ruby 99.0.1 for 99.0.1" in result.stdout
    assert "openat" in log.read_text() and "/shims" not in log.read_text()


# A mount needs root, and a kernel that has FUSE; for others this test does not exist.
if IS_ROOT and os.path.exists("/dev/fuse"):

    # A file system whose server never answers; then what comes after the directory.
    HANGING = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
place, *command = sys.argv[1:]
server = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"none", place.encode(), b"fuse", 0, options.encode()) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
try:
    sys.exit(subprocess.run(command, stdin=subprocess.DEVNULL).returncode)
finally:
    libc.umount2(place.encode(), 2)
"""

    def test_a_mount_that_hangs_in_the_path(bundled):
        """The look-up is given up, and the step has its own timeout."""
        place = bundled.directory / "hangs"
        place.mkdir()
        bundled.configure(steps=[{**BUNDLE, "timeout": "1s"}],
                          application={"environment": {"PATH": f"{place}:{STEP_PATH}"}})
        bundled.repository.commit(gemfile('ruby "99.0.0"'), "slow")
        begun = time.monotonic()
        result = bundled.boot(1, wrapper=[*own_mounts(), PYTHON, "-c", HANGING, str(place)])
        assert 10 < time.monotonic() - begun < 30
        assert "look for 'bundle' in PATH: bootagent-tree: it was not done in time" \
            in result.stderr
        assert stage(bundled)["state"] == "done"
        assert bundled.last_run["error"]["stage"] == "steps"
        assert bundled.last_run["cause"] == "step"


def test_interrupted_and_run_again(shims):
    box = shims('case $1 in -S) exit 0;; esac; echo $$ >"$BOOTAGENT_DEPLOY_TO/shared/pid.new"; '
                'cd "$BOOTAGENT_DEPLOY_TO/shared"; mv pid.new pid; exec sleep 60')
    box.repository.commit(gemfile('ruby "~> 3.0"'), "fits")
    process = box.start("boot")
    pid = box.deploy_to / "shared/pid"
    wait_until(pid.exists, WITHIN_S)
    ruby = box.watch(int(pid.read_text()))
    process.terminate()
    box.finish(process, 4)
    assert ruby.has_ended(WITHIN_S)
    box.configure(application={"environment": {"PATH": STEP_PATH}})
    box.boot()


# The worker alone.

GEMFILES = [
    'ruby "3.1.2"', 'ruby "~> 3.1"', 'ruby "< 3"', 'ruby ">= 2.7", "< 3.1"', "ruby '>= 99.a'",
    'ruby "~> 2.7.0"', 'ruby "3"', 'ruby("~> 99.0")', 'ruby "3.1.2-p20"', 'ruby "latest"',
    'if true\n  ruby "~> 3.0"\nelse\n  ruby "99"\nend', 'ruby "99" if false',
    'ruby "~> 3.0"\n__END__\nruby "99"', '=begin\nruby "99"\n=end', '# ruby "99"',
    'gem "a" if false; ruby "~> 3.0"', 'ruby RUBY_VERSION', 'ruby "#{RUBY_VERSION}"',
    'v = "3"\nruby "~> #{v}.0"', "x = <<E\nruby \"99\"\nE\n", "def ruby(*) = nil\nruby \"99\"\n",
]
BUNDLER = """
require "bundler"
ARGV.each do |name|
  begin
    wanted = Bundler::Dsl.evaluate(name, nil, {}).ruby_version
    puts !wanted || !wanted.diff(Bundler::RubyVersion.system)
  rescue Bundler::BundlerError, Gem::Requirement::BadRequirementError, SyntaxError
    puts false
  end
end
"""


def demand(tree, release=NEW, **members):
    return tree.ask("requirements", release=release, **members).result


def test_no_alarm_where_bundler_would_go_on(tree):
    """Where the worker says that a demand is not met, bundler itself refuses."""
    names, found = [], []
    for number, line in enumerate(GEMFILES):
        release = f"2026{number:010}"
        tree.release(release)
        path = tree.put(tree.releases / release / "Gemfile", gemfile(line)["Gemfile"].decode())
        names.append(str(path))
        found.append(demand(tree, release=release, ruby=RUBY))
    said = subprocess.run(["ruby", "-e", BUNDLER, *names], capture_output=True, text=True,
                          check=True, env={**os.environ, "HOME": "/"}).stdout.split()
    assert len(said) == len(GEMFILES)
    for line, ours, theirs in zip(GEMFILES, found, said):
        assert ours.get("is_met", True) or theirs == "false", line
    assert sum(not ours.get("is_met", True) for ours in found) >= 4


@pytest.mark.parametrize("name, text", [
    ("Gemfile", None), ("Gemfile", "x" * 300000), ("Gemfile", "ruby \"99\"\0"),
    (".ruby-version", "3.1.2\n" * 1000),
])
def test_files_that_are_none(tree, name, text):
    tree.release(NEW)
    place = tree.releases / NEW / name
    if text is None:
        place.mkdir()
    else:
        place.write_text(text)
    assert demand(tree, ruby=RUBY) == {}


def test_no_way_leads_out_of_the_release(tree):
    tree.release(NEW)
    tree.put(tree.outside / "Gemfile", 'ruby "99"\n')
    (tree.releases / NEW / "Gemfile").symlink_to(tree.outside / "Gemfile")
    assert demand(tree, ruby=RUBY) == {}
    (tree.releases / NEW / "Gemfile").unlink()
    tree.put(tree.releases / NEW / "Gemfile", 'ruby file: "../../../outside/Gemfile"\n')
    assert demand(tree, ruby=RUBY) == {}


def test_a_fifo_is_not_waited_for(tree):
    tree.release(NEW)
    os.mkfifo(tree.releases / NEW / "Gemfile", 0o666)
    assert demand(tree, ruby=RUBY) == {}


def test_gems_rb_comes_first(tree):
    tree.release(NEW)
    tree.put(tree.releases / NEW / "Gemfile", 'ruby "99"\n')
    tree.put(tree.releases / NEW / "gems.rb", 'ruby "98"\n')
    assert demand(tree, ruby=RUBY) == \
        {"wanted": "98", "source": "gems.rb", "is_met": False}
    assert json.dumps(demand(tree)["is_met"]) == "false"


# What the worker finds along PATH.

def put_program(tree, path, text):
    tree.put(path, text).chmod(0o755)


@pytest.mark.parametrize("script, named", [
    ("#!/usr/bin/env ruby", "second"), ("#!/bin/sh", "first"), ("#!{first}/ruby", "first"),
])
def test_the_ruby_is_found_outside_of_deploy_to(tree, script, named):
    """It lies beyond what the worker may read once it has opened the release."""
    tree.release(NEW)
    places = {name: tree.outside.parent / name for name in ("first", "second")}
    put_program(tree, places["first"] / "bundle", script.format(**places))
    for place in places.values():
        put_program(tree, place / "ruby", "")
    path = "{second}:{first}".format(**places)
    assert demand(tree, program="bundle", path=path) == \
        {"ruby_path": str(places[named] / "ruby")}
    assert demand(tree, program="ruby", path=path) == \
        {"ruby_path": str(places["second"] / "ruby")}
    assert demand(tree, program="bundler", path=path) == {"missing": "bundler"}
    assert demand(tree, program="bundler", path="bin:" + path) == {}


@pytest.mark.parametrize("make", [make_fifo, make_directory, make_socket, make_unreadable])
def test_what_is_no_program_is_passed_by(tree, make):
    tree.release(NEW)
    first, second = (tree.outside.parent / name for name in ("first", "second"))
    put_program(tree, first / "ruby", "")
    make(tree, first / "bundle")
    put_program(tree, second / "bundle", "#!/bin/sh\n")
    put_program(tree, second / "ruby", "")
    assert demand(tree, program="bundle", path=f"{first}:{second}") == \
        {"ruby_path": str(second / "ruby")}
    assert demand(tree, program="bundle", path=str(first)) == {"missing": "bundle"}
