# SPDX-License-Identifier: MIT
"""What the region was asked, and what it answered: the tests' evidence.

The newest CALLS_MAX are kept, so that a long benchmark cannot fill the memory.
"""
import collections
import time
from typing import Dict, List, Optional

from .http import Request

CALLS_MAX = 100_000


class Calls:
    def __init__(self):
        self.received: collections.deque = collections.deque(maxlen=CALLS_MAX)

    def add(self, kind: str, request: Optional[Request]) -> Dict:
        """Note a request; the caller fills in the rest. `monotonic` is CLOCK_MONOTONIC."""
        call = {"t": time.time(), "monotonic": time.monotonic(), "kind": kind,
                "method": None, "path": None, "status": None}
        if request is not None:
            call.update(method=request.method, path=request.path, query=request.query,
                        connection=request.connection, headers=request.headers)
        self.received.append(call)
        return call

    def select(self, wanted: Dict[str, str]) -> List[Dict]:
        """The calls whose fields equal every given text (`kind=aws`, `status=200`)."""
        return [call for call in self.received
                if all(str(call.get(key)) == value for key, value in wanted.items())]

    def clear(self) -> None:
        self.received.clear()
