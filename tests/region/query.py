# SPDX-License-Identifier: MIT
"""AWS's query protocol: forms in, XML out, both by botocore's service model.

The inverse of botocore.serialize.QuerySerializer (members `InstanceIds.member.1`, structures
`Filter.Name`) and of botocore.parsers.QueryParser. What the model does not know is refused, and
so is what it forbids: required members, types, lengths, patterns, enums.
"""
import urllib.parse
from typing import Any, Dict, List, Tuple
from xml.sax.saxutils import escape

from botocore.model import OperationModel, ServiceModel, Shape

from .http import Request
from .limits import find_problem
from .protocol import AwsError, Question

CONTENT_TYPE = "application/x-www-form-urlencoded"
REPLY_TYPE = "text/xml"


def validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def read(request: Request) -> Question:
    fields = parse_form(request.body)
    return Question(fields.pop("Action", None), fields.pop("Version", None), fields)


def parse_form(body: bytes) -> Dict[str, str]:
    """A form's fields; no name twice, UTF-8 only."""
    try:
        pairs = urllib.parse.parse_qsl(body.decode("ascii"), keep_blank_values=True,
                                       strict_parsing=True, errors="strict")
    except ValueError as error:
        raise AwsError("MalformedQueryString", f"The request body is not a form: {error}",
                       404) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise AwsError("MalformedQueryString", "A parameter is given twice", 404)
    return fields


def find_operation(model: ServiceModel, question: Question) -> OperationModel:
    """The operation of Action and Version."""
    action, version = question.action, question.interface
    if action is None:
        raise AwsError("MissingAction", "The request is missing an action parameter")
    if version != model.api_version or action not in model.operation_names:
        raise AwsError("InvalidAction", f"Could not find operation {action} for version "
                       f"{version}")
    return model.operation_model(action)


def parse_parameters(operation: OperationModel, fields: Dict[str, str]) -> Dict[str, Any]:
    """Parameters of an operation out of a form's fields, checked against the model."""
    fields = dict(fields)
    shape = operation.input_shape
    parameters = {} if shape is None else take_structure(fields, shape, "")
    if fields:
        raise validation_error(f"Unknown parameter of {operation.name}: "
                               + ", ".join(sorted(fields)))
    if shape is not None:
        problem = find_problem(parameters, shape)
        if problem is not None:
            raise validation_error(problem)
    return parameters


def take(fields: Dict[str, str], shape: Shape, name: str) -> Any:
    if shape.type_name == "structure":
        return take_structure(fields, shape, name + ".")
    if shape.type_name == "list":
        return take_list(fields, shape, name)
    if shape.type_name not in SCALARS:
        raise NotImplementedError(f"{name}: a {shape.type_name} is not parsed yet")
    text = fields.pop(name)
    try:
        return SCALARS[shape.type_name](text)
    except (ValueError, KeyError):
        raise AwsError("MalformedInput", f"{name}: '{text}' is not of type "
                       f"{shape.type_name}") from None


def take_structure(fields: Dict[str, str], shape: Shape, prefix: str) -> Dict[str, Any]:
    taken = {}
    for member, below in shape.members.items():
        name = prefix + below.serialization.get("name", member)
        if any(field == name or field.startswith(name + ".") for field in fields):
            taken[member] = take(fields, below, name)
    return taken


def take_list(fields: Dict[str, str], shape: Shape, name: str) -> List[Any]:
    if fields.get(name) == "":     # how an empty list is sent
        del fields[name]
        return []
    if not shape.serialization.get("flattened"):
        name += "." + shape.member.serialization.get("name", "member")
    items: List[Any] = []
    while True:
        item = f"{name}.{len(items) + 1}"
        if not any(field == item or field.startswith(item + ".") for field in fields):
            return items
        items.append(take(fields, shape.member, item))


SCALARS = {"string": str, "integer": int, "long": int, "float": float, "double": float,
           "boolean": {"true": True, "false": False}.__getitem__, "timestamp": str}


def write_answer(operation: OperationModel, result: Dict[str, Any], request_id: str) -> bytes:
    shape = operation.output_shape
    content = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", operation.name + "Result")
        content = f"  <{wrapper}>{write_members(result, shape)}</{wrapper}>\n"
    namespace = operation.service_model.metadata["xmlNamespace"]
    return (f'<{operation.name}Response xmlns="{namespace}">\n{content}'
            f"  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n"
            f"  </ResponseMetadata>\n</{operation.name}Response>\n").encode()


def write_members(value: Dict[str, Any], shape: Shape) -> str:
    unknown = set(value) - set(shape.members)
    assert not unknown, f"{shape.name} has no {unknown}"
    return "".join(write(below.serialization.get("name", member), value[member], below)
                   for member, below in shape.members.items() if value.get(member) is not None)


def write(name: str, value: Any, shape: Shape) -> str:
    if shape.type_name == "structure":
        text = write_members(value, shape)
    elif shape.type_name == "list":
        member = shape.member.serialization.get("name", "member")
        text = "".join(write(member, item, shape.member) for item in value)
    elif shape.type_name == "boolean":
        text = "true" if value else "false"
    else:
        text = escape(str(value))
    return f"<{name}>{text}</{name}>"


def write_error(model: ServiceModel, error: AwsError, request_id: str) -> Tuple[int, bytes]:
    namespace = model.metadata["xmlNamespace"]
    return error.status, (
        f'<ErrorResponse xmlns="{namespace}">\n  <Error>\n    <Type>{error.type}</Type>\n'
        f"    <Code>{escape(error.code)}</Code>\n    <Message>{escape(str(error))}</Message>\n"
        f"  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n").encode()
