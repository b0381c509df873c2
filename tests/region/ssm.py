# SPDX-License-Identifier: MIT
"""The Parameter Store of AWS Systems Manager, as far as an instance reads it.

From the API reference, 2014-11-06. A name that is unknown is no error of GetParameters but
listed beside the others. Neither action promises an order; the region turns the names' own
around, so that nobody comes to rely on one. Of a name given twice the reference says nothing:
it is refused here for the same reason.
"""
import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Dict, Optional

from .instance import ACCOUNT_ID
from .jsonrpc import validation_error
from .protocol import AwsError

TYPES = ("String", "StringList", "SecureString")
PAGE_SIZE = 10
KMS_HEAD = b"\x01\x02\x02\x00"    # "AQICA…" in base64, as KMS writes it


@dataclass
class Parameter:
    name: str
    value: str
    type: str
    version: int
    modified: float
    previous: Optional["Parameter"] = None

    def describe(self, region: str, with_decryption: bool) -> Dict[str, Any]:
        is_sealed = self.type == "SecureString" and not with_decryption
        return {"Name": self.name, "Type": self.type, "Version": self.version,
                "Value": seal(self.value) if is_sealed else self.value,
                "LastModifiedDate": self.modified, "DataType": "text",
                "ARN": arn_prefix(region) + self.name.lstrip("/")}


def arn_prefix(region: str) -> str:
    return f"arn:aws:ssm:{region}:{ACCOUNT_ID}:parameter/"


def seal(value: str) -> str:
    """What stands for an encrypted value: as long as it, and nothing of it."""
    digest = hashlib.shake_256(value.encode()).digest(len(value) + 120)
    return base64.b64encode(KMS_HEAD + digest).decode()


def put(state, given: Dict[str, Any]) -> Parameter:
    """Make or change a parameter: {"name", "value", "type" ("SecureString")}; for tests."""
    unknown = set(given) - {"name", "value", "type"}
    name, value, kind = given["name"], given["value"], given.get("type", "SecureString")
    if unknown or kind not in TYPES or not (isinstance(name, str) and isinstance(value, str)):
        raise ValueError('a parameter has a "name", a "value" and a "type", one of '
                         + ", ".join(TYPES))
    if "/" in name and not name.startswith("/"):
        raise ValueError(f"the name '{name}' has levels and must begin with '/'")
    old = state.parameters.get(name)
    state.parameters[name] = Parameter(name, value, kind, old.version + 1 if old else 1,
                                       state.now(), old)
    return state.parameters[name]


def find(state, name: str):
    """By name or ARN; None."""
    if name.startswith(arn_prefix(state.name)):
        below = name[len(arn_prefix(state.name)):]
        return state.parameters.get("/" + below) or state.parameters.get(below)
    return state.parameters.get(name)


def selector_of(name: str) -> Optional[str]:
    """":3" behind a name or an ARN; None."""
    base, colon, selector = name.rpartition(":")
    is_arn = name.startswith("arn:") and name.count(":") < 6
    return ":" + selector if base and colon and not is_arn else None


def find_version(state, name: str) -> Optional[Parameter]:
    """find(), and of its versions the one that a selector names (labels are not served)."""
    selector = selector_of(name)
    parameter = find(state, name[:-len(selector)] if selector else name)
    while parameter and selector and selector != f":{parameter.version}":
        parameter = parameter.previous
    return parameter


def get_parameters(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    names = parameters["Names"]
    if len(set(names)) != len(names):
        raise validation_error("Duplicate parameter names are not allowed in the same request")
    found = {name: find_version(state, name) for name in sorted(names, reverse=True)}
    with_decryption = parameters.get("WithDecryption", False)
    return {"Parameters": [{**parameter.describe(state.name, with_decryption),
                            "Selector": selector_of(name)}
                           for name, parameter in found.items() if parameter is not None],
            "InvalidParameters": [name for name, parameter in found.items() if parameter is None]}


def get_parameters_by_path(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    if parameters.get("ParameterFilters"):
        raise AwsError("InvalidFilterKey", "The test region knows no filters")
    if not parameters["Path"].startswith("/"):
        raise validation_error("The parameter doesn't meet the parameter name requirements. The "
                               "parameter name must begin with a forward slash \"/\".")
    path, is_deep = parameters["Path"].rstrip("/") + "/", parameters.get("Recursive", False)
    below = [parameter for name, parameter in sorted(state.parameters.items(), reverse=True)
             if name.startswith(path) and (is_deep or "/" not in name[len(path):])]
    start, count = page_start(parameters.get("NextToken"), path), \
        parameters.get("MaxResults", PAGE_SIZE)
    return {"Parameters": [parameter.describe(state.name, parameters.get("WithDecryption", False))
                           for parameter in below[start:start + count]],
            "NextToken": page_token(path, start + count) if start + count < len(below) else None}


def page_token(path: str, start: int) -> str:
    """A token means nothing to the client and is good for the same path only."""
    proof = hashlib.sha256(f"{path} {start}".encode()).hexdigest()
    return base64.urlsafe_b64encode(f"{start} {proof}".encode()).decode()


def page_start(token, path: str) -> int:
    if token is None:
        return 0
    try:
        start = int(base64.urlsafe_b64decode(token).split()[0])
    except (ValueError, IndexError):
        start = -1
    if start < 0 or token != page_token(path, start):
        raise AwsError("InvalidNextToken", "The specified token isn't valid.")
    return start


ACTIONS = {
    "GetParameters": get_parameters,
    "GetParametersByPath": get_parameters_by_path,
}
