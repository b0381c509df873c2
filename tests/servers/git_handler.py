# SPDX-License-Identifier: MIT
"""One connection of the git host: reads requests, asks git, relays its answer.

Plain HTTP/1.1 as git's own client speaks it: keep-alive, bodies with a length or in
chunks, gzip left to http-backend, which inflates it itself. The answer is relayed piece
by piece, since clients show progress and count silence.
"""
import base64
import http.server
import select
import time
import urllib.parse
from http import HTTPStatus

from servers.git_cgi import CgiError, add_configuration

BODY_MAX_BYTES = 64 * 1024 * 1024
LINE_MAX_BYTES = 8 * 1024
SILENT_MAX_S = 600.0
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class BadRequest(Exception):
    """The request cannot be read; the connection is of no further use."""


class Cut(Exception):
    """A fault asked for the connection to end in the middle of the answer."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; the server carries what all of them share."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 300

    def do_GET(self):  # pylint: disable=invalid-name
        self.serve()

    do_POST = do_HEAD = do_GET

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Silent: --log has one JSON line a request instead."""

    def serve(self):
        started = time.monotonic()
        self.answered = self.sent_bytes = 0
        try:
            body = self.read_body()
            fault = self.server.fault(self.path)
            time.sleep(fault.get("delay_ms", 0) / 1000)
            self.answer(body, fault)
        except BadRequest as error:
            self.close_connection = True
            self.send_whole(HTTPStatus.BAD_REQUEST, f"{error}\n")
        except (Cut, ConnectionError, TimeoutError):
            self.close_connection = True
        self.server.note(self, time.monotonic() - started)

    def answer(self, body, fault):
        if fault.get("silent"):
            self.stay_silent()
        elif "status" in fault:
            self.send_whole(fault["status"], "a fault was asked for\n")
        elif "login" in fault and self.login() != fault["login"]:
            self.send_whole(HTTPStatus.UNAUTHORIZED, "who are you?\n")
        elif ".." in urllib.parse.unquote(self.path.partition("?")[0]).split("/"):
            # http-backend refuses it too, but says 500: git hosts never ask it.
            self.send_whole(HTTPStatus.NOT_FOUND, "no such path\n")
        else:
            self.answer_by_git(body, fault)

    def login(self):
        """user:secret as the request has it, or nothing."""
        kind, _, coded = self.headers.get("Authorization", "").partition(" ")
        try:
            return base64.b64decode(coded).decode() if kind == "Basic" else ""
        except ValueError:
            return ""

    def stay_silent(self):
        """Until the client gives up: what a black hole behind a load balancer does."""
        select.select([self.connection], [], [], SILENT_MAX_S)
        self.close_connection = True

    # The request's body.

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self.read_chunks())
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            raise BadRequest("Content-Length is not a number") from None
        return self.read_exactly(length)

    def read_exactly(self, length):
        if not 0 <= length <= BODY_MAX_BYTES:
            raise BadRequest("the body is too long")
        data = self.rfile.read(length)
        if len(data) != length:
            raise BadRequest("the body ended early")
        return data

    def read_chunks(self):
        total = 0
        while True:
            line = self.rfile.readline(LINE_MAX_BYTES)
            try:
                length = int(line.split(b";")[0], 16)
            except ValueError:
                raise BadRequest("a chunk's length is not a number") from None
            if length == 0:
                break
            total += length
            if total > BODY_MAX_BYTES:
                raise BadRequest("the body is too long")
            yield self.read_exactly(length)
            self.read_exactly(2)
        while self.rfile.readline(LINE_MAX_BYTES).strip():
            pass  # trailers

    # The answer.

    def answer_by_git(self, body, fault):
        environment = self.cgi_environment(body)
        if "pack_hook" in fault:
            add_configuration(environment, "uploadpack.packObjectsHook", fault["pack_hook"])
        with self.server.start_cgi(environment, body) as cgi:
            try:
                cgi.read_headers()
            except CgiError as error:
                self.send_whole(HTTPStatus.BAD_GATEWAY, f"{error}\n")
                return
            try:
                self.relay(cgi, fault.get("cut_after_bytes"))
            except CgiError:
                self.close_connection = True

    def cgi_environment(self, body):
        path, _, query = self.path.partition("?")
        environment = dict(self.server.environment)
        environment.update(
            REQUEST_METHOD=self.command,
            PATH_INFO=urllib.parse.unquote(path),
            QUERY_STRING=query,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            # Also for a chunked body: http-backend must know where a gzip body ends.
            CONTENT_LENGTH=str(len(body)),
        )
        for header, name in (
            ("Content-Encoding", "HTTP_CONTENT_ENCODING"),
            ("Git-Protocol", "GIT_PROTOCOL"),
        ):
            if header in self.headers:
                environment[name] = self.headers[header]
        return environment

    def relay(self, cgi, cut):
        """git's answer; chunked unless git gave a length or the client is HTTP/1.0."""
        bodiless = self.command == "HEAD" or cgi.status in NO_BODY
        named = {name.lower() for name, _ in cgi.headers}
        chunked = "content-length" not in named and self.request_version != "HTTP/1.0"
        self.begin(cgi.status)
        for name, value in cgi.headers:
            self.send_header(name, value)
        if "content-length" not in named and not bodiless:
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.close_connection = True
        self.end_headers()
        if bodiless:
            return
        for piece in cgi.chunks():
            self.send_piece(piece, chunked, cut)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def send_piece(self, piece, chunked, cut):
        whole = piece
        if cut is not None:
            piece = piece[: max(0, cut - self.sent_bytes)]
        if piece and chunked:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self.wfile.write(piece)
        # As it comes: git shows progress, and a client's idle deadline counts.
        self.wfile.flush()
        self.sent_bytes += len(piece)
        if len(piece) < len(whole):
            raise Cut()

    def send_whole(self, status, text):
        data = text.encode()
        self.begin(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
            self.sent_bytes += len(data)

    def begin(self, status):
        self.answered = int(status)
        self.send_response_only(status)
