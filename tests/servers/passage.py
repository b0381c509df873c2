# SPDX-License-Identifier: MIT
"""A way to a server on this machine that fails as told, whatever is spoken on it.

    with Passage(port, left_bytes=4096) as passage:   # so much of what the server says,
        client(passage.port)                          # then silence
        wait_until(lambda: passage.is_still, 20)

`then="cut"` ends the connections instead; `slow_after_bytes` lets what follows trickle.
What clients say is carried in any case.
"""
import socket
import threading
import time

READ_BYTES = 65536
CONNECT_S = 20
TRICKLE_BYTES, TRICKLE_S = 1024, 0.01
FOR_EVER = 1 << 62


class Passage:
    """A listener on 127.0.0.1 that carries bytes both ways."""

    def __init__(self, port, left_bytes=FOR_EVER, then="silence", slow_after_bytes=FOR_EVER):
        self.there = ("127.0.0.1", port)
        self.left_bytes = left_bytes
        self.slow_after_bytes = slow_after_bytes
        self.then = then
        self.is_still = False      # nothing more is carried
        self.carried_bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            try:
                # Wakes the thread that waits for it, which close alone does not.
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self.there, CONNECT_S)
            server.settimeout(None)
            self.sockets += [client, server]
            for pump in (self.upwards, self.downwards):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def upwards(self, client, server):
        try:
            while data := client.recv(READ_BYTES):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def downwards(self, client, server):
        try:
            while self.left_bytes > 0:
                data = server.recv(self.next_bytes())
                if not data:
                    client.shutdown(socket.SHUT_WR)
                    return
                self.left_bytes -= len(data)
                self.carried_bytes += len(data)
                client.sendall(data)
            self.is_still = True
            if self.then == "cut":
                for one in (client, server):
                    one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def next_bytes(self):
        if self.carried_bytes < self.slow_after_bytes:
            return min(READ_BYTES, self.left_bytes)
        time.sleep(TRICKLE_S)
        return min(TRICKLE_BYTES, self.left_bytes)
