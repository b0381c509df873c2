# SPDX-License-Identifier: MIT
"""Credentials: the ones a role gives an instance, and one user's lasting ones.

Keys are AWS's documented examples, the same for everybody; the session token tells instances
apart. As IMDS does, new credentials are issued a while before the old ones expire, and the old
ones remain good until then.
"""
from dataclasses import dataclass
from typing import List, Optional

ROLE_ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
USER_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
RENEW_BEFORE_S = 300


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str
    token: Optional[str]
    issued: float = 0
    expires: Optional[float] = None
    instance_id: Optional[str] = None


USER = Credentials(USER_ACCESS_KEY_ID, SECRET_ACCESS_KEY, None)


class RoleCredentials:
    def __init__(self, role: str, instance_id: str, lifetime_s: float):
        self.role = role
        self.instance_id = instance_id
        self.lifetime_s = lifetime_s
        self.issued: List[Credentials] = []

    def current(self, now: float) -> Credentials:
        """What IMDS shows now: renewed five minutes, or half a lifetime, before expiry."""
        margin = min(RENEW_BEFORE_S, self.lifetime_s / 2)
        if not self.issued or self.issued[-1].expires - now <= margin:
            number = len(self.issued) + 1
            token = f"example-session-token-of-{self.instance_id}"
            token += "" if number == 1 else f"-{number}"
            self.issued.append(Credentials(ROLE_ACCESS_KEY_ID, SECRET_ACCESS_KEY, token, now,
                                           now + self.lifetime_s, self.instance_id))
        return self.issued[-1]
