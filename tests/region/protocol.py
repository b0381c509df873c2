# SPDX-License-Identifier: MIT
"""What the protocols (query.py, jsonrpc.py) and the services have in common.

A protocol is a module with CONTENT_TYPE, REPLY_TYPE, read(), find_operation(),
parse_parameters(), write_answer() and write_error().
"""
from dataclasses import dataclass, field
from typing import Any, Dict, Optional


class AwsError(Exception):
    """An error in AWS's words. `is_common`: any service may say it, so its model does not."""

    def __init__(self, code: str, message: str, status: int = 400, type: str = "Sender",
                 is_common: bool = False):
        super().__init__(message)
        self.code = code
        self.status = status
        self.type = type
        self.is_common = is_common


@dataclass
class Question:
    """What a request asks, before the service's model has looked at it."""
    action: Optional[str] = None
    interface: Optional[str] = None    # the query protocol's Version, the other's target prefix
    fields: Dict[str, Any] = field(default_factory=dict)
