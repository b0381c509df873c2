# SPDX-License-Identifier: MIT
"""What is said to strace, and what it says."""
import collections
import re

CALL = re.compile(r"^(\w+)\(")
VERB = re.compile(r'"verb": *"([a-z-]+)"')
KILLED = "+++ killed by SIGKILL +++"


def trace(calls):
    return "trace=" + ",".join(calls)


def inject(call, number):
    """The kill: strace sends the signal when the call is entered, so it is not done."""
    return f"inject={call}:signal=SIGKILL:when={number}"


def hold(call, number, seconds):
    """Let a process stand before the call, to be ended by something else meanwhile."""
    return f"inject={call}:delay_enter={seconds * 1000000}:when={number}"


def supervisor_wrapper(log, expressions):
    """For a supervisor; strace without -f never looks at its children."""
    options = [word for expression in expressions for word in ("-e", expression)]
    return ["strace", "-qq", "-o", str(log), *options]


def count(text, calls):
    """How often each call of `calls` stands in a log, those not there left out."""
    found = collections.Counter(match.group(1) for line in text.splitlines()
                                for match in [CALL.match(line)] if match)
    return {call: found[call] for call in calls if found[call]}


def verb_of(text):
    """What a helper was asked for; None: its request names no verb."""
    match = VERB.search(text)
    return match and match.group(1)


def was_killed(log):
    return log.exists() and KILLED in log.read_text(errors="replace")
