# SPDX-License-Identifier: MIT
"""The control interface: how a test steers the region and reads what happened.

JSON over HTTP; ROUTES is the table of contents, and GET / prints it. Errors are
{"error": "a sentence"} with 400, 404 or 405.
"""
import json
import re
from typing import Any, Callable, Dict
from urllib.parse import parse_qsl

from . import secretsmanager, ssm
from .faults import BadFault
from .http import Reply, Request
from .instance import BadLaunch, Instance
from .state import State


class NotFound(Exception):
    """What the path names is not there."""


class Control:
    """The site behind the control port."""

    def __init__(self, state: State, shut_down: Callable[[], None], addresses: Dict[str, str]):
        self.state = state
        self.shut_down = shut_down
        self.addresses = addresses

    def answer(self, request: Request) -> Reply:
        try:
            given = json.loads(request.body) if request.body else {}
            if not isinstance(given, dict):
                raise ValueError("the body must be a JSON object")
            return self._route(request, given)
        except NotFound as error:
            return answer(404, {"error": str(error)})
        except (BadFault, BadLaunch, ValueError, TypeError, KeyError) as error:
            return answer(400, {"error": f"{type(error).__name__}: {error}"})

    def refused(self, text: str, status: int) -> None:
        """Nothing to note: the client sees the answer."""

    def _route(self, request: Request, given: Dict[str, Any]) -> Reply:
        allowed = []
        for method, pattern, _help, act in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return answer(200, act(self, request, given, *match.groups()))
            if match:
                allowed.append(method)
        if allowed:
            return answer(405, {"error": f"{request.path} takes {', '.join(allowed)}"})
        raise NotFound(f"no such path: {request.path}")

    def _instance(self, instance_id: str) -> Instance:
        if instance_id not in self.state.instances:
            raise NotFound(f"no instance {instance_id}")
        return self.state.instances[instance_id]

    def index(self, _request, _given):
        return {**self.addresses, "routes": [f"{method} {pattern}: {text}"
                                             for method, pattern, text, _ in ROUTES]}

    def launch(self, _request, given):
        return self.state.launch(given).describe()

    def list_instances(self, _request, _given):
        return [instance.describe() for instance in self.state.instances.values()]

    def show_instance(self, _request, _given, instance_id):
        return self._instance(instance_id).describe()

    def remove_instance(self, _request, _given, instance_id):
        self._instance(instance_id)
        self.state.remove(instance_id)
        return {}

    def terminate(self, _request, _given, instance_id):
        instance = self._instance(instance_id)
        if instance.lifecycle is None:
            raise BadLaunch(f"{instance_id} is in no group: remove it instead")
        instance.lifecycle.terminate()
        return instance.describe()

    def set_metadata(self, _request, given, instance_id):
        instance = self._instance(instance_id)
        if any(not (value is None or isinstance(value, str)) for value in given.values()):
            raise ValueError("a metadata value is a text, or null for 404")
        instance.metadata.update(given)
        return instance.metadata

    def expire_tokens(self, _request, _given, instance_id):
        self._instance(instance_id)
        self.state.sites[instance_id].forget_tokens()
        return {}

    def list_calls(self, request, _given):
        return self.state.calls.select(dict(parse_qsl(request.query, strict_parsing=True)
                                            if request.query else []))

    def clear_calls(self, _request, _given):
        self.state.calls.clear()
        return {}

    def list_faults(self, _request, _given):
        return [fault.describe() for fault in self.state.faults.rules]

    def add_fault(self, _request, given):
        return self.state.faults.add(given).describe()

    def clear_faults(self, _request, _given):
        self.state.faults.clear()
        return {}

    def set_clock(self, _request, given):
        self.state.clock_offset_s = float(given["offset_seconds"])
        return {"offset_seconds": self.state.clock_offset_s}

    def put_parameter(self, _request, given):
        parameter = ssm.put(self.state, given)
        return {"name": parameter.name, "version": parameter.version}

    def clear_parameters(self, _request, _given):
        self.state.parameters.clear()
        return {}

    def put_secret(self, _request, given):
        secret = secretsmanager.put(self.state, given)
        return {"name": secret.name, "arn": secret.arn, "version": secret.version}

    def clear_secrets(self, _request, _given):
        self.state.secrets.clear()
        return {}

    def shutdown(self, _request, _given):
        self.shut_down()
        return {}


def answer(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps(value).encode() + b"\n", "application/json")


ID = "/instances/(i-[0-9a-f]+)"
ROUTES = [
    ("GET", "/", "the addresses and this list", Control.index),
    ("POST", "/instances", "launch one: see LAUNCH in instance.py", Control.launch),
    ("GET", "/instances", "all of them", Control.list_instances),
    ("GET", ID, "state, hook, result, history", Control.show_instance),
    ("DELETE", ID, "the machine is gone", Control.remove_instance),
    ("POST", ID + "/terminate", "the group wants it gone", Control.terminate),
    ("POST", ID + "/metadata", '{"spot/instance-action": "…" | null}', Control.set_metadata),
    ("POST", ID + "/expire-tokens", "every IMDS token is invalid now", Control.expire_tokens),
    ("GET", "/calls", "what was received; ?kind=aws&action=… selects", Control.list_calls),
    ("DELETE", "/calls", "forget them", Control.clear_calls),
    ("GET", "/faults", "with how often they met and what remains", Control.list_faults),
    ("POST", "/faults", "add one: see FAULTS in faults.py", Control.add_fault),
    ("DELETE", "/faults", "remove all", Control.clear_faults),
    ("POST", "/clock", '{"offset_seconds": 600}: AWS\'s clock', Control.set_clock),
    ("POST", "/parameters", '{"name", "value", "type": "SecureString"}', Control.put_parameter),
    ("DELETE", "/parameters", "forget them all", Control.clear_parameters),
    ("POST", "/secrets", '{"name", "string" or "binary_base64"}', Control.put_secret),
    ("DELETE", "/secrets", "forget them all", Control.clear_secrets),
    ("POST", "/shutdown", "end the region", Control.shutdown),
]
