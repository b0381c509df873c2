# SPDX-License-Identifier: MIT
"""Step outputs with tools that people use: bundler in deployment mode, with a gem that has a
C extension, from a gem server on loopback; and make with a compiler."""
import subprocess

import pytest

from box.box import PYTHON, server_environment
from conftest import WITHIN_S, shell
from servers.gems import build_gem
from servers.process import Server

OUTPUT = "vendor/bundle"
ENVIRONMENT = {"BUNDLE_DEPLOYMENT": "true", "BUNDLE_PATH": OUTPUT}
BUNDLE = {"name": "bundle", "run": ["bundle", "install"], "timeout": "2m",
          "inputs": ["Gemfile", "Gemfile.lock"], "outputs": [OUTPUT],
          "key_command": ["ruby", "-v"]}
USE = shell("use", "bundle exec ruby -e 'require \"native\"; require \"pure\"; "
            "print Native.answer, \" \", Pure.answer' >said")
LOCK = """GEM
  remote: {url}/
  specs:
    native (1.0.0)
    pure ({pure})

PLATFORMS
  ruby

DEPENDENCIES
  native
  pure
"""


def files(url, pure="1.0.0"):
    return {"Gemfile": f'source "{url}"\ngem "native"\ngem "pure"\n'.encode(),
            "Gemfile.lock": LOCK.format(url=url, pure=pure).encode()}


@pytest.fixture(scope="module")
def gems(tmp_path_factory):
    root = tmp_path_factory.mktemp("gems")
    build_gem(root, "native", "1.0.0", 42, is_native=True)
    build_gem(root, "pure", "1.0.0", 1)
    build_gem(root, "pure", "1.0.1", 2)
    (root / "log").touch()
    with Server.start([PYTHON, "-B", "-m", "servers.gems", "--root", str(root)],
                      env=server_environment()) as server:
        server.root = root
        yield server


def requests(gems):
    return len((gems.root / "log").read_text().splitlines())


def said(box):
    return (box.deploy_to / "current/said").read_text()


def deploy(box, changes):
    box.repository.commit({"a.txt": f"after {box.repository.head}\n".encode(), **changes}, "new")
    box.sync()
    return box.last_run["steps"][0]


def without_debugging(path, directory):
    """A compiler says where it worked, to debuggers alone."""
    if path.suffix not in (".so", ".o"):
        return path.read_bytes()
    bare = directory / "bare"
    subprocess.run(["objcopy", "--strip-debug", str(path), str(bare)], check=True,
                   timeout=WITHIN_S)
    return bare.read_bytes()


def test_bundler(make_box, gems):
    url = gems.ready["url"]
    box = make_box(files={"a.txt": b"first\n", **files(url)})
    box.configure(application={"environment": ENVIRONMENT}, steps=[BUNDLE, USE])
    box.boot()
    first = box.last_run["steps"][0]
    assert first["cached"] is False and said(box) == "42 1"
    assert list(box.deploy_to.glob("shared/.bootagent/outputs/*/**/native.so"))

    before = requests(gems)
    second = deploy(box, {})
    assert (second["cached"], second["key"]) == (True, first["key"]) and said(box) == "42 1"
    assert requests(gems) == before

    third = deploy(box, files(url, "1.0.1"))
    assert third["cached"] is False and said(box) == "42 2"
    assert third["key"] != first["key"] and requests(gems) > before

    before = requests(gems)
    fourth = deploy(box, files(url))
    assert (fourth["cached"], fourth["key"]) == (True, first["key"]) and said(box) == "42 1"
    assert requests(gems) == before


def test_what_bundler_made_holds_no_name_of_a_place(make_box, gems, tmp_path):
    """It serves in other releases, and where it was made it is not any more."""
    box = make_box(files=files(gems.ready["url"]))
    box.configure(application={"environment": ENVIRONMENT}, steps=[BUNDLE, USE])
    box.boot()
    release = box.current()[0].encode()
    logs = {"gem_make.out", "mkmf.log", "Makefile"}
    for path in (box.deploy_to / "shared/.bootagent/outputs").rglob("*"):
        if path.is_file() and path.name not in logs and path.name != ".bootagent":
            content = without_debugging(path, tmp_path)
            assert release not in content and b"outputs/tmp." not in content, path


def test_make(make_box):
    box = make_box(files={
        "Makefile": b"build/tool: src/tool.c\n\tmkdir -p build\n\tgcc -o $@ $<\n",
        "src/tool.c": b"int main(void) { return 0; }\n"})
    box.configure(steps=[
        {"name": "make", "run": ["make"], "inputs": ["Makefile", "src"], "outputs": ["build"],
         "key_command": ["gcc", "--version"]}, shell("use", "build/tool; echo $? >said")])
    box.boot()
    first = box.last_run["steps"][0]
    assert first["cached"] is False and said(box) == "0\n"
    assert deploy(box, {})["cached"] is True
    changed = deploy(box, {"src/tool.c": b"int main(void) { return 3; }\n"})
    assert changed["cached"] is False and said(box) == "3\n"
    back = deploy(box, {"src/tool.c": b"int main(void) { return 0; }\n"})
    assert (back["cached"], back["key"]) == (True, first["key"]) and said(box) == "0\n"
