# SPDX-License-Identifier: MIT
"""A strict HTTP/1.1 server on asyncio: requests in, whole replies out.

An own one because a fault must be able to break every rule (a body cut short, a silent
connection), which no ready server allows, and because the region stands in a benchmark: one
write a reply, no thread, no task unless a fault asks for one. Strict because a test server
that guesses hides the client's mistakes: what RFC 9112 calls invalid is answered 400.
"""
import asyncio
import re
import socket
from dataclasses import dataclass, field
from typing import Awaitable, Callable, List, Optional, Tuple

HEAD_MAX_BYTES = 32 * 1024
BODY_MAX_BYTES = 4 * 1024 * 1024
BACKLOG = 512

REASONS = {100: "Continue", 200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found",
           304: "Not Modified", 307: "Temporary Redirect", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           409: "Conflict", 413: "Content Too Large", 429: "Too Many Requests",
           431: "Request Header Fields Too Large", 500: "Internal Server Error",
           501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout"}

REQUEST_LINE = re.compile(r"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.([01])")
HEADER_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class BadRequest(Exception):
    """What the client sent is not HTTP/1.1; the connection is closed after the answer."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


@dataclass
class Request:
    method: str
    target: str                       # as sent: path and query
    headers: List[Tuple[str, str]]    # names as sent, in order, duplicates kept
    body: bytes
    keep_alive: bool
    connection: int = 0               # number of the connection, to see keep-alive at work

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def all(self, name: str) -> List[str]:
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> Optional[str]:
        """The value of a header sent exactly once; None when absent or sent twice."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None


# A delivery writes the bytes of a reply in its own way (see faults.py).
Delivery = Callable[["Connection", bytes, bytes], Awaitable[None]]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    content_type: Optional[str] = "text/plain"
    headers: List[Tuple[str, str]] = field(default_factory=list)
    close: bool = False
    delivery: Optional[Delivery] = None

    def head(self, keep_alive: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(head: bytes) -> Tuple[Request, int, bool]:
    """Read request line and headers: (request without body, body length, wants 100)."""
    lines = head.decode("latin-1").split("\r\n")
    line = REQUEST_LINE.fullmatch(lines[0])
    if line is None:
        raise BadRequest(400, f"not a request line: {lines[0][:100]!r}")
    headers = []
    for text in lines[1:]:
        match = HEADER_LINE.fullmatch(text)
        if match is None or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
            raise BadRequest(400, f"not a header line: {text[:100]!r}")
        headers.append((match[1], match[2]))
    request = Request(line[1], line[2], headers, b"", line[3] == "1")
    if line[3] == "1" and len(request.all("Host")) != 1:
        raise BadRequest(400, "HTTP/1.1 needs exactly one Host header")
    if request.all("Transfer-Encoding"):
        raise BadRequest(501, "Transfer-Encoding is not served here: send Content-Length")
    lengths = request.all("Content-Length")
    if len(lengths) > 1 or any(not re.fullmatch("[0-9]{1,12}", text) for text in lengths):
        raise BadRequest(400, f"bad Content-Length {lengths}")
    length = int(lengths[0]) if lengths else 0
    if length > BODY_MAX_BYTES:
        raise BadRequest(413, f"a body of {length} bytes is too large")
    tokens = ",".join(request.all("Connection")).lower()
    if "close" in (token.strip() for token in tokens.split(",")):
        request.keep_alive = False
    wants_continue = (request.one("Expect") or "").lower() == "100-continue"
    return request, length, wants_continue


class Connection(asyncio.Protocol):
    """One client connection: requests one after the other, in order."""

    def __init__(self, listener: "Listener"):
        self.listener = listener
        self.buffer = bytearray()
        self.transport: Optional[asyncio.Transport] = None
        self.delivering: Optional[asyncio.Task] = None
        self.continued = False
        self.number = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.listener.add(self)

    def connection_lost(self, _error) -> None:
        self.listener.connections.discard(self)
        if self.delivering is not None:
            self.delivering.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > HEAD_MAX_BYTES + BODY_MAX_BYTES:
            self.transport.abort()
        elif self.delivering is None:
            self.serve()

    def serve(self) -> None:
        """Answer every whole request in the buffer, until one needs time."""
        while self.buffer and self.delivering is None and not self.transport.is_closing():
            try:
                request = self.take_request()
            except BadRequest as error:
                self.listener.site.refused(str(error), error.status)
                self.send(Reply(error.status, f"{error}\n".encode(), close=True), False)
                return
            if request is None:
                return
            self.send(self.listener.site.answer(request), request.keep_alive)

    def take_request(self) -> Optional[Request]:
        """Take one whole request out of the buffer; None while it is not whole."""
        end = self.buffer.find(b"\r\n\r\n", 0, HEAD_MAX_BYTES)
        if end < 0:
            if len(self.buffer) >= HEAD_MAX_BYTES:
                raise BadRequest(431, "the request's head is too large")
            return None
        request, length, wants_continue = parse_head(bytes(self.buffer[:end]))
        if len(self.buffer) < end + 4 + length:
            if wants_continue and not self.continued:
                self.continued = True
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        self.continued = False
        request.body = bytes(self.buffer[end + 4:end + 4 + length])
        request.connection = self.number
        del self.buffer[:end + 4 + length]
        return request

    def send(self, reply: Reply, keep_alive: bool) -> None:
        keep_alive = keep_alive and not reply.close
        head = reply.head(keep_alive)
        if reply.delivery is None:
            self.transport.write(head + reply.body)
            if not keep_alive:
                self.transport.close()
            return
        loop = asyncio.get_running_loop()
        self.delivering = loop.create_task(self.deliver(reply, head, keep_alive))

    async def deliver(self, reply: Reply, head: bytes, keep_alive: bool) -> None:
        await reply.delivery(self, head, reply.body)
        self.delivering = None
        if not keep_alive:
            self.transport.close()
        self.serve()

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def close(self, reset: bool = False) -> None:
        if reset:   # SO_LINGER 0 makes close() send RST instead of FIN
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.transport.abort()
        else:
            self.transport.close()


class Listener:
    """A port of 127.0.0.1 with a site behind it: an object with answer() and refused()."""

    numbers = 0

    def __init__(self, site, host: str = "127.0.0.1", port: int = 0):
        self.site = site
        self.connections: set = set()
        self.server: Optional[asyncio.AbstractServer] = None
        self.starting: Optional[asyncio.Task] = None
        self.fillers: List[socket.socket] = []   # see drop_connections()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.url = "http://%s:%d" % self.socket.getsockname()[:2]

    def listen(self) -> None:
        """Until this is called the port is ours, yet a connection to it is refused."""
        self.socket.listen(BACKLOG)   # at once: the kernel queues what comes before _serve()
        self.starting = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), sock=self.socket,
                                               backlog=BACKLOG)
        for filler in self.fillers:
            filler.close()
        self.fillers = []

    def drop_connections(self) -> None:
        """Let the kernel drop every new SYN, as a host that is not there: a full backlog."""
        self.socket.listen(0)
        for _ in range(3):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            filler.connect_ex(self.socket.getsockname())
            self.fillers.append(filler)

    def add(self, connection: Connection) -> int:
        self.connections.add(connection)
        Listener.numbers += 1
        return Listener.numbers

    def close(self) -> None:
        for filler in self.fillers:
            filler.close()
        if self.starting is not None:
            self.starting.cancel()
        if self.server is not None:
            self.server.close()
        self.socket.close()
        for connection in list(self.connections):
            connection.transport.abort()
