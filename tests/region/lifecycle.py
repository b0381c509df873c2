# SPDX-License-Identifier: MIT
"""Auto Scaling's states and lifecycle hooks for one instance.

    Pending ▸ Pending:Wait ▸ CONTINUE ▸ Pending:Proceed ▸ InService
                           ▸ ABANDON  ▸ Terminating ▸ … ▸ Terminated
    Terminating ▸ Terminating:Wait ▸ either result ▸ Terminating:Proceed ▸ Terminated

From the Auto Scaling user guide, "How lifecycle hooks work" and "Instance lifecycle", and the
project's facts L1, L2, L14, L16: with several hooks CONTINUE of one waits for the others and
ABANDON of one ends them all; a heartbeat restarts the timeout, yet not beyond the global limit
(the smaller of 48 h and 100 timeouts); at the timeout the hook's DefaultResult counts. Without
a hook the waiting states are passed over.
"""
import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

RESULTS = ("CONTINUE", "ABANDON")
HEARTBEAT_TIMEOUT_DEFAULT_S = 3600
GLOBAL_TIMEOUT_MAX_S = 48 * 3600


@dataclass(frozen=True)
class Transition:
    name: str        # LifecycleTransition, as the API spells it
    pending: str
    target: str      # what IMDS shows as target-lifecycle-state

    @property
    def wait(self) -> str:
        return self.pending + ":Wait"

    @property
    def proceed(self) -> str:
        return self.pending + ":Proceed"


LAUNCH = Transition("autoscaling:EC2_INSTANCE_LAUNCHING", "Pending", "InService")
TERMINATE = Transition("autoscaling:EC2_INSTANCE_TERMINATING", "Terminating", "Terminated")
TRANSITIONS = {"launch": LAUNCH, "terminate": TERMINATE}


@dataclass
class Hook:
    name: str
    transition: Transition = LAUNCH
    heartbeat_timeout_s: float = HEARTBEAT_TIMEOUT_DEFAULT_S
    default_result: str = "ABANDON"

    @property
    def global_timeout_s(self) -> float:
        return min(GLOBAL_TIMEOUT_MAX_S, 100 * self.heartbeat_timeout_s)


@dataclass
class Group:
    name: str
    hooks: Dict[str, Hook] = field(default_factory=dict)


@dataclass
class Action:
    """One hook being waited for."""
    hook: Hook
    opened: float                       # loop time
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: Optional[str] = None
    heartbeats: int = 0
    timer: Optional[asyncio.TimerHandle] = None


class NoActiveAction(Exception):
    """The instance does not wait for this hook now: AWS's ValidationError."""


class Lifecycle:
    """The state of one instance in its group. All of it runs on the event loop."""

    def __init__(self, group: Group, hooks: List[Hook], wait_delay_s: float = 0,
                 proceed_delay_s: float = 0):
        self.group = group
        self.hooks = hooks              # those that existed when this instance was launched
        self.wait_delay_s = wait_delay_s
        self.proceed_delay_s = proceed_delay_s
        self.loop = asyncio.get_running_loop()
        self.transition = LAUNCH
        self.state = ""
        self.history: List[list] = []
        self.actions: List[Action] = []
        self.result: Optional[str] = None      # of the latest hook, and who gave it
        self.result_by: Optional[str] = None
        self.heartbeats = 0                    # recorded in all, of every hook
        self.timer: Optional[asyncio.TimerHandle] = None

    def begin(self, transition: Transition) -> None:
        self.stop()
        self.transition = transition
        self._enter(transition.pending)
        self._later(self.wait_delay_s, self._wait)

    def terminate(self) -> None:
        if self.transition is not TERMINATE:
            self.begin(TERMINATE)

    def complete(self, hook_name: str, token: Optional[str], result: str) -> None:
        self._settle(self._open_action(hook_name, token), result, "call")

    def heartbeat(self, hook_name: str, token: Optional[str]) -> None:
        action = self._open_action(hook_name, token)
        action.heartbeats += 1
        self.heartbeats += 1
        self._arm(action)

    def token_is_known(self, token: str) -> bool:
        return any(action.token == token for action in self.actions)

    def stop(self) -> None:
        """Cancel every timer: for a new transition, or the end of the instance."""
        for timed in [self, *self.actions]:
            if timed.timer is not None:
                timed.timer.cancel()
                timed.timer = None

    def _enter(self, state: str) -> None:
        self.state = state
        self.history.append([time.time(), state])

    def _later(self, delay_s: float, then: Callable[[], None]) -> None:
        if delay_s > 0:
            self.timer = self.loop.call_later(delay_s, then)
        else:
            then()

    def _wait(self) -> None:
        now = self.loop.time()
        self.actions = [Action(hook, now) for hook in self.hooks
                        if hook.transition is self.transition]
        if not self.actions:
            self._enter(self.transition.target)
            return
        self._enter(self.transition.wait)
        for action in self.actions:
            self._arm(action)

    def _arm(self, action: Action) -> None:
        """(Re)start the timeout of a hook, never beyond its global limit."""
        if action.timer is not None:
            action.timer.cancel()
        deadline = min(self.loop.time() + action.hook.heartbeat_timeout_s,
                       action.opened + action.hook.global_timeout_s)
        action.timer = self.loop.call_at(deadline, self._settle, action,
                                         action.hook.default_result, "timeout")

    def _open_action(self, hook_name: str, token: Optional[str]) -> Action:
        if self.state == self.transition.wait:
            for action in self.actions:
                if action.hook.name == hook_name and action.result is None \
                        and token in (None, action.token):
                    return action
        raise NoActiveAction()

    def _settle(self, action: Action, result: str, by: str) -> None:
        action.timer.cancel()
        action.result = self.result = result
        self.result_by = by
        if result == "ABANDON" and self.transition is LAUNCH:
            self.begin(TERMINATE)
        elif result == "ABANDON" or all(other.result for other in self.actions):
            self.stop()
            self._enter(self.transition.proceed)
            self._later(self.proceed_delay_s, lambda: self._enter(self.transition.target))
