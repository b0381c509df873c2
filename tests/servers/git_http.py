# SPDX-License-Identifier: MIT
"""A smart HTTP git host for tests and the demo: `python3 -m servers.git_http --root DIR`.

Serves the bare repositories under DIR, read only, through git's own http-backend, on
127.0.0.1, and prints {"url": …} when ready. Keep-alive, concurrent, TCP_NODELAY: it also
stands in a benchmark. With --fault-file it misbehaves as told, request by request:

    {"status": 503}           answers that, without asking git
    {"silent": true}          takes the request and never answers
    {"cut_after_bytes": n}    closes the connection after n bytes of the body
    {"delay_ms": n}           waits first
    {"pack_hook": "program"}  runs that in the place of pack-objects, with its arguments
    {"login": "user:secret"}  answers 401 to requests without it
    {"only": "upload-pack"}   with any of these: only for requests whose URL contains it

Nothing of this is in the agent: for it, this is just another git host.
"""
import argparse
import http.server
import json
import os
import select
import signal
import ssl
import sys
import threading

from servers.git_cgi import Cgi, base_environment, find_backend
from servers.git_handler import BadRequest, Handler

CGI_DEADLINE_S = 120.0


class GitServer(http.server.ThreadingHTTPServer):
    """A thread a connection; ends without waiting for clients that are still there."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, root, port, fault_file, log):
        super().__init__(("127.0.0.1", port), Handler)
        self.tls = None
        self.backend = find_backend()
        self.environment = base_environment(os.path.realpath(root))
        self.fault_file = fault_file
        self.log = log
        self.lock = threading.Lock()
        self.running = set()

    def use_certificate(self, path):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(path)

    def get_request(self):
        """The handshake is made by whoever first reads: never by the one who accepts."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True,
                                              do_handshake_on_connect=False)
        return connection, address

    def fault(self, url):
        """What to do to this request. No file means nothing; a bad one is said loudly."""
        if self.fault_file is None:
            return {}
        try:
            with open(self.fault_file, encoding="utf-8") as file:
                fault = json.load(file)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise BadRequest(f"the fault file cannot be read: {error}") from error
        return fault if fault.get("only", "") in url else {}

    def start_cgi(self, environment, body):
        cgi = Cgi(self.backend, environment, body, CGI_DEADLINE_S)
        with self.lock:
            self.running = {one for one in self.running if one.process.returncode is None}
            self.running.add(cgi)
        return cgi

    def note(self, handler, took_s):
        """One line a request, so that a test can say what was asked and what was not."""
        if self.log is None:
            return
        entry = {
            "method": handler.command,
            "url": handler.path,
            "request_coding": handler.headers.get("Content-Encoding", ""),
            "request_transfer": handler.headers.get("Transfer-Encoding", ""),
            "user": handler.login().partition(":")[0],
            "status": handler.answered,
            "bytes": handler.sent_bytes,
            "ms": round(took_s * 1000, 1),
        }
        with self.lock:
            self.log.write(json.dumps(entry) + "\n")

    def handle_error(self, request, client_address):
        """A client that goes away is everyday; our own mistakes must be seen."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def end(self):
        """Kill what git still does for somebody; the threads end with the process."""
        with self.lock:
            for cgi in self.running:
                cgi.kill()


def catch_signals():
    """TERM and INT as bytes on a pipe: seen by select, whatever the threads do."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reader


def wait_for_the_end(signals, until_stdin_closes):
    """A signal, or the end of standard input if that was asked for."""
    stdin = 0
    watched = [signals, stdin] if until_stdin_closes else [signals]
    while True:
        ready = select.select(watched, [], [])[0]
        if signals in ready or not os.read(stdin, 4096):
            return


def parse_options(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="directory of bare repositories")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 = any")
    parser.add_argument("--fault-file", help="JSON, read again for every request")
    parser.add_argument("--log", help="one JSON line a request is appended here")
    parser.add_argument("--certificate", help="PEM, with its key: serve https://localhost")
    parser.add_argument("--until-stdin-closes", action="store_true")
    return parser.parse_args(argv)


def main(argv=None):
    options = parse_options(argv)
    log = open(options.log, "a", buffering=1, encoding="utf-8") if options.log else None
    server = GitServer(options.root, options.port, options.fault_file, log)
    url = f"http://127.0.0.1:{server.server_port}"
    if options.certificate:
        server.use_certificate(options.certificate)
        url = f"https://localhost:{server.server_port}"
    signals = catch_signals()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"url": url}), flush=True)
    wait_for_the_end(signals, options.until_stdin_closes)
    server.end()
    # Not through the interpreter's end: threads may still be talking to clients.
    os._exit(0)


if __name__ == "__main__":
    main()
