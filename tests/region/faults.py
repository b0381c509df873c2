# SPDX-License-Identifier: MIT
"""Faults: rules that spoil the answer to matching requests.

A fault is data (what POST /faults receives): whom it meets, how often, and what it does. What
it does is one row of FAULTS: a function that turns the honest reply into the spoiled one.
`apply` says whether the request takes effect although its answer is spoiled: a verdict that
was carried out and whose answer was lost is not the same as one that never arrived.
"""
import asyncio
import base64
import itertools
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from .http import Connection, Reply


class BadFault(Exception):
    """POST /faults was given something that is not a fault."""


@dataclass
class Fault:
    id: int
    kind: str
    name: str
    given: Dict[str, Any]
    instance_id: Optional[str]
    path: Optional[str]
    action: Optional[str]
    method: Optional[str]
    remaining: Optional[int]      # None: for ever
    skip: int
    met: int = 0

    def matches(self, kind: str, instance_id, method: str, path: str, action) -> bool:
        if self.kind != kind or self.remaining == 0:
            return False
        if self.path is not None and not path_matches(self.path, path):
            return False
        return all(wanted is None or wanted == found for wanted, found in (
            (self.instance_id, instance_id), (self.method, method), (self.action, action)))

    @property
    def applies(self) -> bool:
        return self.given.get("apply", FAULTS[self.name].applies)

    def spoil(self, reply: Optional[Reply]) -> Reply:
        """`reply` is the honest one, None when the request was not carried out."""
        return FAULTS[self.name].spoil(reply or Reply(), self.given)

    def describe(self) -> Dict[str, Any]:
        return {**self.given, "id": self.id, "remaining": self.remaining,
                "skip": self.skip, "met": self.met}


def path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


class Faults:
    def __init__(self):
        self.rules: List[Fault] = []
        self.ids = itertools.count(1)

    def add(self, given: Dict[str, Any]) -> Fault:
        name, kind = given.get("fault"), given.get("kind")
        if name not in FAULTS:
            raise BadFault(f"no fault named {name!r}: one of {', '.join(FAULTS)}")
        if kind not in ("imds", "aws"):
            raise BadFault(f"kind must be imds or aws, not {kind!r}")
        known = MATCHING + FAULTS[name].parameters
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise BadFault(f"fault {name} does not know {', '.join(unknown)}; it knows "
                           + ", ".join(known))
        count, after = given.get("count"), given.get("after", 0)
        if count is not None and (not isinstance(count, int) or count < 1):
            raise BadFault(f"count must be at least 1, or null for ever, not {count!r}")
        if not isinstance(after, int) or after < 0:
            raise BadFault(f"after must be a number of requests to skip, not {after!r}")
        fault = Fault(next(self.ids), kind, name, given, given.get("instance_id"),
                      given.get("path"), given.get("action"), given.get("method"), count, after)
        try:
            fault.spoil(None)   # a wrong parameter shows here, not in the middle of a test
        except (KeyError, ValueError, TypeError, AttributeError) as wrong:
            raise BadFault(f"fault {name}: {type(wrong).__name__}: {wrong}") from wrong
        self.rules.append(fault)
        return fault

    def meet(self, kind: str, instance_id, method: str, path: str, action=None):
        """The first rule that takes this request, or None; counts are brought forward."""
        for fault in self.rules:
            if not fault.matches(kind, instance_id, method, path, action):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.met += 1
            if fault.remaining is not None:
                fault.remaining -= 1
            return fault
        return None

    def clear(self) -> None:
        self.rules.clear()


def given_body(given: Dict[str, Any], default: bytes = b"") -> bytes:
    """The body a fault was given: as text, as base64, or as a mere size."""
    if "body_base64" in given:
        return base64.b64decode(given["body_base64"], validate=True)
    if "body_bytes" in given:
        return b"x" * int(given["body_bytes"])
    return given["body"].encode() if "body" in given else default


def given_headers(given: Dict[str, Any]) -> List[Tuple[str, str]]:
    return [(name, str(value)) for name, value in given.get("headers", {}).items()]


def status(_reply: Reply, given) -> Reply:
    """Another status: {"status": 503, "headers": {"Retry-After": "1"}}."""
    return Reply(int(given["status"]), given_body(given), headers=given_headers(given))


def empty(reply: Reply, _given) -> Reply:
    """200 and no body: what IMDS gives when it is hurried (facts I2, I3)."""
    return Reply(200, b"", reply.content_type, reply.headers)


def body(reply: Reply, given) -> Reply:
    """A good status with a wrong body: garbage, or too large ({"body_bytes": 10000000})."""
    content_type = given.get("content_type", reply.content_type)
    return Reply(int(given.get("status", 200)), given_body(given), content_type,
                 reply.headers + given_headers(given))


def raw(_reply: Reply, given) -> Reply:
    """Bytes that need not be HTTP at all, then the end of the connection."""
    data = given_body(given)

    async def deliver(connection: Connection, _head: bytes, _body: bytes) -> None:
        connection.write(data)
    return Reply(0, close=True, delivery=deliver)


def silent(_reply: Reply, given) -> Reply:
    """Accept and never answer; with "seconds", close without an answer after that time."""
    seconds = given.get("seconds")

    async def deliver(connection: Connection, _head: bytes, _body: bytes) -> None:
        await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
        connection.close()
    return Reply(0, delivery=deliver)


def delay(reply: Reply, given) -> Reply:
    """The honest reply, "seconds" later."""
    seconds = float(given["seconds"])

    async def deliver(connection: Connection, head: bytes, content: bytes) -> None:
        await asyncio.sleep(seconds)
        connection.write(head + content)
    reply.delivery = deliver
    return reply


def trickle(reply: Reply, given) -> Reply:
    """The honest reply in drops: "bytes" (1) every "interval_ms" (100); "from" head or body."""
    drop, interval_s = int(given.get("bytes", 1)), float(given.get("interval_ms", 100)) / 1000
    if "body" in given or "body_bytes" in given or "body_base64" in given:
        reply.body = given_body(given)
    whole_head = given.get("from", "body") == "body"

    async def deliver(connection: Connection, head: bytes, content: bytes) -> None:
        if whole_head:
            connection.write(head)
        rest = content if whole_head else head + content
        for start in range(0, len(rest), drop):
            await asyncio.sleep(interval_s)
            connection.write(rest[start:start + drop])
    reply.delivery = deliver
    return reply


def close(reply: Reply, given) -> Reply:
    """Close "at" start (no byte), head, or body (default: after "after_bytes", or half)."""
    at, after_bytes = given.get("at", "body"), given.get("after_bytes")
    reset = bool(given.get("reset", False))
    if at not in ("start", "head", "body"):
        raise BadFault(f"close at start, head or body, not at {at!r}")

    async def deliver(connection: Connection, head: bytes, content: bytes) -> None:
        cut = len(content) // 2 if after_bytes is None else int(after_bytes)
        sent = {"start": b"", "head": head[:len(head) // 2], "body": head + content[:cut]}[at]
        connection.write(sent)
        connection.close(reset)
    reply.delivery = deliver
    if "body" in given or "body_bytes" in given or "body_base64" in given:
        reply.body = given_body(given)
    return reply


def error(reply: Reply, given) -> Reply:
    """An AWS error: {"code": "Throttling", "message": "Rate exceeded", "status": 400}.

    Its form depends on the service's protocol, so aws.py builds it; this is the mark.
    """
    if not isinstance(given.get("code"), str) or given.get("kind") != "aws":
        raise BadFault('fault error needs kind aws and a "code"')
    return reply


@dataclass
class Row:
    spoil: Callable[[Reply, Dict[str, Any]], Reply]
    applies: bool                 # is the request carried out, unless "apply" says otherwise?
    parameters: Tuple[str, ...]


MATCHING = ("kind", "fault", "instance_id", "path", "action", "method", "count", "after", "apply")
BODY = ("body", "body_base64", "body_bytes")
FAULTS = {
    "status": Row(status, False, ("status", "headers") + BODY),
    "empty": Row(empty, False, ()),
    "body": Row(body, False, ("status", "headers", "content_type") + BODY),
    "raw": Row(raw, False, BODY),
    "silent": Row(silent, False, ("seconds",)),
    "delay": Row(delay, True, ("seconds",)),
    "trickle": Row(trickle, True, ("bytes", "interval_ms", "from") + BODY),
    "close": Row(close, True, ("at", "after_bytes", "reset") + BODY),
    "error": Row(error, False, ("code", "message", "status", "type")),
}
