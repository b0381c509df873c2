# SPDX-License-Identifier: MIT
"""One instance: who it is, its role's credentials, its metadata port, its life in a group.

Identity values are AWS's documented examples. The launch options are one table, LAUNCH: a name
and its default; an option that is not in it is refused, so that a test cannot misspell one.
"""
import calendar
import secrets
import time
from typing import Any, Dict, List, Optional

from .credentials import RoleCredentials
from .http import Listener
from .lifecycle import (Group, Hook, Lifecycle, HEARTBEAT_TIMEOUT_DEFAULT_S, LAUNCH as LAUNCHING,
                        RESULTS, TRANSITIONS)

ACCOUNT_ID = "123456789012"

LAUNCH = {
    "instance_id": None,             # null: a new one
    "type": "m5.large",
    "image_id": "ami-0abcdef1234567890",
    "architecture": "x86_64",
    "availability_zone": None,       # null: the region's first
    "private_ip": "10.0.0.10",
    "pending_time": None,            # RFC 3339; or how long ago, in seconds:
    "age_seconds": 0,
    "user_data": None,               # text; null: 404
    "user_data_base64": None,        # the same for any bytes
    "tags": {},                      # null: tags are not in the metadata of this instance
    "role": "web-server",            # null: no instance profile
    "credentials_seconds": 6 * 3600,
    "metadata": {},                  # more paths below meta-data/: text, or null for 404
    "group": "web",                  # null: in no group
    "hook": "launch",                # null: launched before the group had a hook (fact L2)
    "hooks": None,                   # in place of "hook": a list of objects, see hook_from()
    "heartbeat_timeout": HEARTBEAT_TIMEOUT_DEFAULT_S,
    "default_result": "ABANDON",
    "wait_delay_ms": 0,              # from Pending to Pending:Wait
    "proceed_delay_ms": 0,           # from Pending:Proceed to InService
    "imds_after_ms": 0,              # the metadata port is not there before; until then it
    "imds_before": "refused",        # refuses connections, or they are "dropped"
    "imds_keep_alive": True,
}


class BadLaunch(Exception):
    """POST /instances was given something that cannot be launched."""


def hook_from(given: Any, options: Dict[str, Any]) -> Hook:
    """A hook from its name or {"name", "transition", "heartbeat_timeout", "default_result"}."""
    given = {"name": given} if isinstance(given, str) else given
    known = {"name", "transition", "heartbeat_timeout", "default_result"}
    if not isinstance(given, dict) or "name" not in given or set(given) - known:
        raise BadLaunch(f"a hook is a name or an object of {', '.join(sorted(known))}")
    result = given.get("default_result", options["default_result"])
    transition = given.get("transition", "launch")
    timeout = given.get("heartbeat_timeout", options["heartbeat_timeout"])
    if result not in RESULTS or transition not in TRANSITIONS:
        raise BadLaunch(f"hook {given['name']}: no such result or transition")
    if not isinstance(timeout, (int, float)) or timeout <= 0:
        raise BadLaunch(f"hook {given['name']}: heartbeat_timeout must be above 0 s")
    return Hook(given["name"], TRANSITIONS[transition], timeout, result)


def rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def pending_time_from(options: Dict[str, Any], now: float) -> str:
    if options["pending_time"] is None:
        return rfc3339(now - float(options["age_seconds"]))
    try:
        return rfc3339(calendar.timegm(time.strptime(options["pending_time"],
                                                     "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError as error:
        raise BadLaunch(f"pending_time: {error}") from error


class Instance:
    def __init__(self, region, given: Dict[str, Any]):
        unknown = sorted(set(given) - set(LAUNCH))
        if unknown:
            raise BadLaunch(f"no launch option named {', '.join(unknown)}")
        options = {**LAUNCH, **given}
        if options["imds_before"] not in ("refused", "dropped"):
            raise BadLaunch('imds_before must be "refused" or "dropped"')
        self.options = options
        self.region = region
        self.id = options["instance_id"] or "i-0" + secrets.token_hex(8)
        self.type = options["type"]
        self.availability_zone = options["availability_zone"] or region.name + "a"
        self.pending_time = pending_time_from(options, region.now())
        self.metadata: Dict[str, Optional[str]] = dict(options["metadata"])
        self.credentials: Optional[RoleCredentials] = None
        if options["role"] is not None:
            self.credentials = RoleCredentials(options["role"], self.id,
                                               float(options["credentials_seconds"]))
        self.lifecycle: Optional[Lifecycle] = None
        self.listener: Optional[Listener] = None
        self.listen_timer = None

    def launch(self, site) -> None:
        """Enter the group and open the metadata port, or promise it for later."""
        hooks = self._hooks()
        if self.options["group"] is not None:
            group = self.region.group(self.options["group"])
            self._put_hooks(group, hooks)
            self.lifecycle = Lifecycle(group, hooks, self.options["wait_delay_ms"] / 1000,
                                       self.options["proceed_delay_ms"] / 1000)
            self.lifecycle.begin(LAUNCHING)
        self.listener = Listener(site)
        after_s = self.options["imds_after_ms"] / 1000
        if after_s <= 0:
            self.listener.listen()
            return
        if self.options["imds_before"] == "dropped":
            self.listener.drop_connections()
        self.listen_timer = self.region.loop.call_later(after_s, self.listener.listen)

    def _hooks(self) -> List[Hook]:
        given = self.options["hooks"]
        if given is None:
            given = [] if self.options["hook"] is None else [self.options["hook"]]
        return [hook_from(hook, self.options) for hook in given]

    @staticmethod
    def _put_hooks(group: Group, hooks: List[Hook]) -> None:
        for hook in hooks:   # as PutLifecycleHook: a hook of the same name is replaced
            group.hooks[hook.name] = hook

    @property
    def state(self) -> str:
        return "running" if self.lifecycle is None else self.lifecycle.state

    def describe(self) -> Dict[str, Any]:
        life = self.lifecycle
        return {
            "instance_id": self.id, "imds": self.listener.url, "state": self.state,
            "group": None if life is None else life.group.name,
            "hook": life.hooks[0].name if life is not None and life.hooks else None,
            "result": None if life is None else life.result,
            "result_by": None if life is None else life.result_by,
            "heartbeats": 0 if life is None else life.heartbeats,
            "actions": [] if life is None else [
                {"hook": a.hook.name, "token": a.token, "result": a.result,
                 "heartbeats": a.heartbeats} for a in life.actions],
            "history": [] if life is None else life.history,
        }

    def remove(self) -> None:
        """The machine is gone: its port closes, its timers stop."""
        if self.listen_timer is not None:
            self.listen_timer.cancel()
        if self.lifecycle is not None:
            self.lifecycle.stop()
        self.listener.close()
