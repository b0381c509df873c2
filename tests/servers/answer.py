# SPDX-License-Identifier: MIT
"""A web server whose every answer is a test's own."""
import http.server
import ssl
import sys
import threading

IDLE_S = 60


class Answer(http.server.ThreadingHTTPServer):
    """A host that answers every request with what `answer(path)` says.

    With the path of a certificate, which has its key: over HTTPS, as localhost.
    """

    daemon_threads = True

    def __init__(self, answer, certificate=None):
        self.answer = answer
        super().__init__(("127.0.0.1", 0), AnswerHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self.socket = tls.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
            self.url = f"https://localhost:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self.url

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that goes away is what these tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class AnswerHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self):  # pylint: disable=invalid-name
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Silent."""
