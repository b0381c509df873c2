# SPDX-License-Identifier: MIT
"""AWS's JSON protocol 1.1: a document in, a document out, both by botocore's service model.

The inverse of botocore.serialize.JSONSerializer and botocore.parsers.JSONParser: the action
stands in the header X-Amz-Target. AWS takes no offence at members it does not know; here they
are refused, so that a misspelt one shows. Errors of the service's own have a plain `__type`,
those of AWS's common front a prefixed one, as AWS itself does.
"""
import base64
import json
from typing import Any, Dict, Tuple

from botocore.model import OperationModel, ServiceModel, Shape

from .http import Request
from .limits import find_problem
from .protocol import AwsError, Question

CONTENT_TYPE = "application/x-amz-json-1.1"
REPLY_TYPE = CONTENT_TYPE
COMMON_PREFIX = "com.amazon.coral.service#"
# How this protocol calls what the query protocol calls otherwise; all of it with status 400.
COMMON_CODES = {
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "IncompleteSignature": "IncompleteSignatureException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidAction": "UnknownOperationException",
}


def validation_error(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def read(request: Request) -> Question:
    prefix, _, action = (request.one("X-Amz-Target") or "").rpartition(".")
    try:
        document = json.loads(request.body)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise AwsError("SerializationException", f"The request body is not a document: {error}",
                       is_common=True) from None
    return Question(action or None, prefix, document)


def find_operation(model: ServiceModel, question: Question) -> OperationModel:
    """The operation that the target names, with the service's own prefix."""
    if question.interface != model.metadata["targetPrefix"] \
            or question.action not in model.operation_names:
        raise AwsError("UnknownOperationException", "", is_common=True)
    return model.operation_model(question.action)


def parse_parameters(operation: OperationModel, fields: Dict[str, Any]) -> Dict[str, Any]:
    """An operation's parameters, checked against the model."""
    problem = find_problem(fields, operation.input_shape)
    if problem is not None:
        raise validation_error(problem)
    return fields


def write_answer(operation: OperationModel, result: Dict[str, Any], _request_id: str) -> bytes:
    # Bytes above 127 as they are, as AWS sends them.
    return json.dumps(write(result, operation.output_shape), ensure_ascii=False).encode()


def write(value: Any, shape: Shape) -> Any:
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{shape.name} has no {unknown}"
        return {member: write(below, shape.members[member])
                for member, below in value.items() if below is not None}
    if shape.type_name == "list":
        return [write(item, shape.member) for item in value]
    return base64.b64encode(value).decode() if shape.type_name == "blob" else value


def write_error(model: ServiceModel, error: AwsError, _request_id: str) -> Tuple[int, bytes]:
    code, status, name = error.code, error.status, "message"
    if error.is_common:
        code, status = COMMON_PREFIX + COMMON_CODES.get(code, code), 400
    elif code in model.shape_names and "Message" in model.shape_for(code).members:
        name = "Message"
    document = {"__type": code}
    if str(error):
        document[name] = str(error)
    return status, json.dumps(document).encode()
