#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for the application where Ruby is not what is tested.

Answers GET /health from what `current` leads to at that moment: 200 and the release's
REVISION in X-Revision, 503 while there is no release or the release has a file `broken`.
Prints one JSON line {"port": N} when it listens.
"""
import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        release = Path(self.server.directory, "current")
        try:
            revision = (release / "REVISION").read_text().strip()
            status = 503 if (release / "broken").exists() else 200
        except OSError:
            revision, status = "", 503
        body = b"ok\n" if status == 200 else b"not ready\n"
        self.send_response(status)
        self.send_header("X-Revision", revision)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True, help="deploy_to")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.directory = options.directory
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
