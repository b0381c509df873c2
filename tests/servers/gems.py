#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A gem server on loopback, as bundler speaks with rubygems.org (the compact index).

    python -m servers.gems --root DIR

Serves DIR/gems/NAME-VERSION.gem, and writes a line "GET /path" for each request into
DIR/log. build_gem() makes such a file.
"""
import argparse
import hashlib
import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUILD_WITHIN_S = 60
EXTCONF = 'require "mkmf"\ncreate_makefile("{name}/{name}")\n'
EXTENSION = """#include <ruby.h>
static VALUE answer(VALUE self) {{ (void)self; return INT2FIX({number}); }}
void Init_{name}(void);
void Init_{name}(void)
{{
	rb_define_singleton_method(rb_define_module("{module}"), "answer", answer, 0);
}}
"""
PURE = "module {module}\n  def self.answer = {number}\nend\n"
SPEC = """Gem::Specification.new do |spec|
  spec.name, spec.version = "{name}", "{version}"
  spec.summary, spec.authors = "for tests", ["bootagent tests"]
  spec.files = {files}
  spec.extensions = {extensions}
end
"""


def build_gem(root, name, version, number, is_native=False):
    """root/gems/NAME-VERSION.gem: `require "NAME"` and NAME.capitalize.answer is the number."""
    source = root / "source" / f"{name}-{version}"
    known = {"name": name, "version": version, "number": number, "module": name.capitalize()}
    files = {f"lib/{name}.rb": PURE.format(**known)}
    if is_native:
        files = {f"lib/{name}.rb": f'require "{name}/{name}"\n',
                 f"ext/{name}/extconf.rb": EXTCONF.format(**known),
                 f"ext/{name}/{name}.c": EXTENSION.format(**known)}
    for path, text in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    extensions = [path for path in files if path.endswith("extconf.rb")]
    (source / "gem.gemspec").write_text(SPEC.format(
        files=json.dumps(list(files)), extensions=json.dumps(extensions), **known))
    target = root / "gems" / f"{name}-{version}.gem"
    target.parent.mkdir(exist_ok=True)
    subprocess.run(["gem", "build", "--quiet", "-o", str(target), "gem.gemspec"], cwd=source,
                   check=True, capture_output=True, timeout=BUILD_WITHIN_S,
                   env={"PATH": "/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8"})


def index(root):
    """{name: the lines of /info/NAME}"""
    found = {}
    for path in sorted((root / "gems").glob("*.gem")):
        name, version = path.stem.rsplit("-", 1)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        found.setdefault(name, "---\n")
        found[name] += f"{version} |checksum:{checksum}\n"
    return found


def versions(root):
    lines = ["created_at: 2026-01-01T00:00:00Z", "---"]
    for name, info in index(root).items():
        numbers = ",".join(line.split()[0] for line in info.splitlines()[1:])
        lines.append(f"{name} {numbers} {hashlib.md5(info.encode()).hexdigest()}")
    return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def find(self):
        root, path = self.server.root, self.path
        if path == "/versions":
            return versions(root).encode()
        if path.startswith("/info/"):
            return index(root).get(path.removeprefix("/info/"), "").encode()
        if path.startswith("/gems/"):
            file = root / "gems" / Path(path).name
            return file.read_bytes() if file.exists() else b""
        return b""

    def do_GET(self):
        with open(self.server.root / "log", "a", encoding="utf-8") as log:
            log.write(f"GET {self.path}\n")
        body = self.find()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, type=Path)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.root = options.root
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
