#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make demo`: a simulated instance boots a real Puma application, follows a commit, takes
back one that does not boot, and refuses to try that again.

Everything a person reads here happened: the agent writes its own lines, and each sentence of
ours is printed only after the fact was checked, with the region, over HTTP or on disk. The
exit status is 0 only then. Nothing listens but on loopback, nothing is left behind.
"""
import os
import signal
import subprocess
import sys

from region.client import RegionError
from servers.process import NotReady
from servers.repository import RACK
from client import Client
from rack_site import Site

AGENT_WITHIN_S = 120
END_WITHIN_S = 20
PREVIOUS_SERVES = 5
REFUSED = 6
BROKEN = b'raise "this commit does not boot"\n'
GROUP = "web"
HOOK = "launch"


class Failed(Exception):
    """A fact is not as it must be; the text is the sentence for the person."""


def check(fact, sentence):
    if not fact:
        raise Failed(sentence)


def say(text=""):
    """At once: the agent writes to the same place."""
    print(text, flush=True)


def wait_for(process, verb):
    """The agent's exit status. Whatever ends our wait, the agent is ended before we go on."""
    try:
        return process.wait(AGENT_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"`bootagent {verb}` did not end in {AGENT_WITHIN_S} s") from None
    finally:
        if process.poll() is None:
            end(process)


def end(process):
    """TERM lets it end its own children, too."""
    process.terminate()
    try:
        process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_WITHIN_S)


def agent(site, verb, wanted=0):
    """Run `bootagent VERB` with our own outputs, so that its lines come live."""
    say(f"\n$ bootagent {verb}")
    process = site.start(verb, stdout=sys.stdout.fileno(), stderr=sys.stderr.fileno())
    status = wait_for(process, verb)
    check(status == wanted, f"`bootagent {verb}` ended with {status}, not {wanted}")


def show_answer(site, text):
    """Ask the application as a client does; it must say what the commit says."""
    head = site.repository.head
    status, revision, answer = site.answer()
    wanted = f"hello from {text} (revision {head[:12]})"
    check(status == 200, f"the application answered {status}, not 200")
    check(answer == wanted, f"the application says '{answer}', not '{wanted}'")
    check(revision == head, f"X-Revision is '{revision}', not the commit '{head}'")
    check(site.current()[1] == head, "`current` does not lead to the commit that answers")
    say(f"\nGET http://127.0.0.1:{site.port}/")
    say(f"  {answer}")
    say(f"  X-Revision: {revision}, the head of main")


def launch(site):
    program = site.command()[0]
    check(os.access(program, os.X_OK), f"there is no '{program}': `make` builds it")
    instance_id = site.instance["instance_id"]
    state = site.region.instance(instance_id)["state"]
    check(state == "Pending:Wait", f"the launched instance is {state}, not Pending:Wait")
    check(site.current() is None, "the new instance has a release already")
    say(f"The group '{GROUP}' launches {instance_id}, which waits in {state}")
    say(f"for its hook '{HOOK}'. Nothing is deployed. A git host has a Rack application at")
    say(f"{site.repository.head}; its steps are")
    say("`bundle install --local` and, once it is published, a restart of Puma.")


def show_verdict(site):
    """The hook as the region saw it, not as the agent tells it."""
    instance_id = site.instance["instance_id"]
    found = site.region.wait_for_state(instance_id, "InService")
    check(found["result"] == "CONTINUE" and found["result_by"] == "call",
          f"the hook's result is {found['result']}, by {found['result_by']}")
    calls = [call for call in site.region.calls(kind="aws", action="CompleteLifecycleAction")
             if call["status"] == 200]
    check(len(calls) == 1, f"the region took {len(calls)} verdicts, not one")
    said = calls[0]["parameters"]
    check((said["AutoScalingGroupName"], said["LifecycleHookName"], said["InstanceId"],
           said["LifecycleActionResult"]) == (GROUP, HOOK, instance_id, "CONTINUE"),
          f"the region was told something else: {said}")
    say("\nThe region was told, with a good signature:")
    say(f"  group {GROUP}, hook {HOOK}, {instance_id}: CONTINUE")
    say(f"  the instance is {found['state']}")


def show_sync(site):
    """A commit, a sync: the new code answers from another process, and nobody is told."""
    old, old_puma, told = site.repository.head, site.puma_pid(), len(site.verdicts())
    head = site.repository.commit({"VERSION": b"version 2\n"}, "version 2")
    check(head != old, "the commit did not move main")
    say(f"\nA commit changes VERSION; main is now {head[:12]}.")
    agent(site, "sync")
    show_answer(site, "version 2")
    check(site.puma_pid() != old_puma, "the same Puma process answers as before the sync")
    check(len(site.verdicts()) == told, "sync touched the hook")


def show_taking_back(site):
    """A commit that does not boot: a client that asks all the time never notices it."""
    good, told = site.repository.head, len(site.verdicts())
    broken = site.repository.commit({"config.ru": BROKEN}, "it does not boot")
    say(f"\nA commit breaks config.ru; main is now {broken[:12]}. A client asks all the time.")
    with Client(site.port) as client:
        client.wait_for_answers()
        agent(site, "sync", wanted=PREVIOUS_SERVES)
        client.wait_for_answers()
    check(not client.failures, f"a request failed: {client.failures[:1]}")
    check(set(client.revisions) == {good},
          f"a client saw {sorted(set(client.revisions))}, not only {good}")
    check(site.current()[1] == good, "`current` does not lead back to the good release")
    check(len(site.verdicts()) == told, "sync touched the hook")
    reason = site.status()[0]["serving"]["reason"]
    check(site.status()[0]["last_run"]["result"] == "previous-serves" and reason,
          "the status does not say that the previous release serves")
    say(f"\nExit status {PREVIOUS_SERVES}: it failed, and the release before serves. Meanwhile")
    say(f"the client asked {len(client.revisions)} times: no connection was refused, every "
        "answer")
    say(f"was of {good[:12]}; the longest wait was {client.longest_s:.1f} s.")


def show_refusal(site):
    """It is remembered: a timer's next sync does not do it all again. A fix goes through."""
    good = site.current()
    agent(site, "sync", wanted=REFUSED)
    check(site.current() == good, "the refused sync moved `current`")
    site.repository.commit({"config.ru": (RACK / "config.ru").read_bytes(), "VERSION": b"version 3\n"},
                           "it boots again")
    say(f"\nA commit mends config.ru; main is now {site.repository.head[:12]}.")
    agent(site, "sync")
    show_answer(site, "version 3")


def show_status(site):
    agent(site, "status")
    status, _ = site.status()
    serving, last = status["serving"], status["last_run"]
    check(serving["ready"] and serving["up_to_date"], "the status does not say ready")
    check(serving["revision"] == site.repository.head, "the status names another revision")
    check((last["verb"], last["result"]) == ("sync", "done"), "the status has another last run")
    check(status["lifecycle"]["state"] == "delivered", "the status has no delivered verdict")


def show(site):
    launch(site)
    agent(site, "boot")
    show_answer(site, "version 1")
    show_verdict(site)
    show_sync(site)
    show_status(site)
    show_taking_back(site)
    show_refusal(site)


def explain(error, log=""):
    print(f"\ndemo: {error}", file=sys.stderr)
    if log:
        print(f"demo: the last that Puma and its supervisor said:\n{log}", file=sys.stderr)
    return 1


def end_on_signal(number, _frame):
    """Through the same door as Ctrl-C: what was started is ended, all is removed."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    log, site = "", Site(group=GROUP, hook=HOOK)
    try:
        with site:
            try:
                show(site)
            except BaseException:
                log = site.log_tail()
                raise
        check(not site.directory.exists(), f"'{site.directory}' could not be removed")
    except (Failed, NotReady, RegionError, RuntimeError, OSError) as error:
        return explain(f"failed: {error}", log)
    except KeyboardInterrupt:
        return explain("interrupted; nothing is left behind")
    say("\nAll of it happened and was checked; nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
