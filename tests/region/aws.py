# SPDX-License-Identifier: MIT
"""The AWS door: one port for every service; the credential scope says which one is meant.

A service is a row of SERVICES. Each request is noted, its signature verified, its parameters
read by botocore's model of the service, and answered by the row's function; a fault may stand
in between. How a service is spoken to is its protocol's matter: query.py, jsonrpc.py; another
one (REST for S3) will be another file beside them.
"""
import email.utils
import time
import uuid
from dataclasses import dataclass, field
from types import ModuleType
from typing import Callable, Dict, Optional, Tuple

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from . import autoscaling, jsonrpc, query, secretsmanager, signature, ssm
from .credentials import USER
from .http import Reply, Request
from .protocol import AwsError, Question


@dataclass
class Service:
    name: str                                  # in the credential scope, and botocore's
    actions: Dict[str, Callable]
    protocol: ModuleType
    model: Optional[ServiceModel] = field(default=None, repr=False)

    def load(self, loader: Loader) -> None:
        self.model = ServiceModel(loader.load_service_model(self.name, "service-2"), self.name)
        for action in self.actions:            # now, so that no request has to wait for it
            operation = self.model.operation_model(action)
            operation.input_shape, operation.output_shape


SERVICES = {service.name: service for service in (
    Service("autoscaling", autoscaling.ACTIONS, query),
    Service("secretsmanager", secretsmanager.ACTIONS, jsonrpc),
    Service("ssm", ssm.ACTIONS, jsonrpc),
)}


def content_type(request: Request) -> str:
    return (request.one("Content-Type") or "").partition(";")[0].strip().lower()


def service_of(request: Request, name: Optional[str]) -> Service:
    """The one in the credential scope; without a good one, any that speaks the protocol."""
    spoken = [service for service in SERVICES.values()
              if service.protocol.CONTENT_TYPE == content_type(request)]
    return SERVICES.get(name) or (spoken + [SERVICES["autoscaling"]])[0]


def load_models() -> None:
    """Only what botocore ships: models in a user's ~/.aws must not change a test."""
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH],
                    include_default_search_paths=False)
    for service in SERVICES.values():
        service.load(loader)


def warm_up(state) -> None:
    """Sign and answer one request: the first one costs some ms more, and should not do so in
    a benchmark. It also fails here, at the start, if botocore and the region do not fit."""
    body = b"Action=DescribeAutoScalingInstances&Version=2011-01-01"
    date = time.strftime(signature.TIME_FORMAT, time.gmtime(state.now()))
    request = Request("POST", "/", [("Host", "localhost"), ("X-Amz-Date", date),
                                    ("Content-Type", query.CONTENT_TYPE)], body, True)
    auth = signature.Authorization(USER.access_key, date[:8], state.name, "autoscaling",
                                   ["host", "x-amz-date"], "", date)
    proof, _ = signature.CHECKERS[0].expected(request, auth, USER)
    request.headers.append((
        "Authorization", f"AWS4-HMAC-SHA256 Credential={auth.access_key}/{auth.date}/"
        f"{auth.region}/{auth.service}/aws4_request, SignedHeaders=host;x-amz-date, "
        f"Signature={proof}"))
    reply = Door(state).answer(request)
    assert reply.status == 200, reply.body.decode()
    state.calls.clear()


class Door:
    """The site behind the AWS port."""

    def __init__(self, state):
        self.state = state

    def answer(self, request: Request) -> Reply:
        call = self.state.calls.add("aws", request)
        call.update(signature=None, signed_by=None, service=None, request_id=str(uuid.uuid4()))
        problem = self._check(request, call)
        service = service_of(request, call["service"])
        question, problem = self._read(service, request, problem)
        call.update(action=question.action, fields=question.fields, parameters=None)
        fault = self.state.faults.meet("aws", call.get("instance_id"), request.method,
                                       request.path, call["action"])
        honest = None
        if fault is not None and fault.name == "error":
            problem = AwsError(fault.given["code"], fault.given.get("message", ""),
                               fault.given.get("status", 400), fault.given.get("type", "Sender"))
        if fault is None or fault.applies or fault.name == "error":
            honest = self._reply(service, call, question, problem)
        return self.state.finish(call, fault, honest)

    @staticmethod
    def _read(service: Service, request: Request,
              problem: Optional[AwsError]) -> Tuple[Question, Optional[AwsError]]:
        """What is asked; noted also when it is refused: good to see in a test."""
        if problem is None or problem.code == "SignatureDoesNotMatch":
            try:
                return service.protocol.read(request), problem
            except AwsError as error:
                problem = problem or error
        return Question(), problem

    def refused(self, text: str, status: int) -> None:
        self.state.calls.add("aws", None).update(status=status, malformed=text)

    def _check(self, request: Request, call: Dict) -> Optional[AwsError]:
        """Who signed this, and may it be answered at all? Notes what it finds."""
        try:
            auth = signature.parse(request)
            call.update(signed_by=auth.access_key, service=auth.service, region=auth.region)
            credentials = signature.verify(request, auth, self.state, SERVICES)
        except signature.Refused as refused:
            call["signature"] = refused.reason
            return AwsError(refused.code, str(refused), refused.status, is_common=True)
        call.update(signature="ok", instance_id=credentials.instance_id)
        if (request.method, request.target) != ("POST", "/"):
            return AwsError("InvalidAction", "Only POST / is served here", 404, is_common=True)
        wanted, found = SERVICES[auth.service].protocol.CONTENT_TYPE, content_type(request)
        if found != wanted:
            return AwsError("UnsupportedMediaType", f"Content-Type must be {wanted}, not "
                            f"'{found}'", 415, is_common=True)
        return None

    def _reply(self, service: Service, call: Dict, question: Question,
               problem: Optional[AwsError]) -> Reply:
        protocol, request_id = service.protocol, call["request_id"]
        try:
            if problem is not None:
                raise problem
            operation = protocol.find_operation(service.model, question)
            body, status = self._act(service, operation, question, call), 200
        except AwsError as error:
            status, body = protocol.write_error(service.model, error, request_id)
            call["error"] = error.code
        date = email.utils.formatdate(self.state.now(), usegmt=True)
        return Reply(status, body, protocol.REPLY_TYPE,
                     [("x-amzn-RequestId", request_id), ("Date", date)])

    def _act(self, service: Service, operation: OperationModel, question: Question,
             call: Dict) -> bytes:
        protocol = service.protocol
        parameters = call["parameters"] = protocol.parse_parameters(operation, question.fields)
        if operation.name not in service.actions:
            raise AwsError("InternalFailure", f"{operation.name} exists, but the test region "
                           "does not serve it yet", 500, "Receiver")
        result = service.actions[operation.name](self.state, parameters)
        return protocol.write_answer(operation, result, call["request_id"])
