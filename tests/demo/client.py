# SPDX-License-Identifier: MIT
"""A client that asks the application again and again, as a load balancer's users do."""
import http.client
import threading
import time

PAUSE_S = 0.02
ANSWER_WITHIN_S = 60
ANSWERS_WITHIN_S = 60
ANSWERS = 5


class Client:
    """Asks in a thread from `with` to its end; then says what it saw.

    revisions: X-Revision of each answer, in their order; failures: the requests that had
    none, or another status than 200; longest_s: what the most patient request waited.
    """

    def __init__(self, port):
        self.port = port
        self.revisions, self.failures = [], []
        self.longest_s = 0.0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(ANSWER_WITHIN_S)

    def run(self):
        while not self.ending.is_set():
            begun = time.monotonic()
            try:
                self.revisions.append(self.ask())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            self.longest_s = max(self.longest_s, time.monotonic() - begun)
            self.ending.wait(PAUSE_S)

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request("GET", "/")
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise ValueError(f"answered {reply.status}")
            return reply.getheader("X-Revision")
        finally:
            connection.close()

    def wait_for_answers(self):
        """Until it had some more: it asked before what follows, or after what went before."""
        wanted = len(self.revisions) + ANSWERS
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while len(self.revisions) < wanted and not self.failures:
            if time.monotonic() > deadline:
                self.failures.append(f"no {ANSWERS} answers in {ANSWERS_WITHIN_S} s")
            time.sleep(PAUSE_S)
