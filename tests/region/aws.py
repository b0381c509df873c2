# SPDX-License-Identifier: MIT
"""The AWS door: one port for every service; the credential scope says which one is meant.

A service is a row of SERVICES. Each request is noted, its signature verified, its parameters
read by botocore's model of the service, and answered by the row's function; a fault may stand
in between. Other protocols (JSON for SSM, REST for S3) will be other files beside query.py.
"""
import email.utils
import time
import uuid
from dataclasses import dataclass, field
from typing import Callable, Dict, Optional

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from . import autoscaling, query, signature
from .credentials import USER
from .http import Reply, Request
from .query import AwsError


@dataclass
class Service:
    name: str                                  # in the credential scope, and botocore's
    actions: Dict[str, Callable]
    model: Optional[ServiceModel] = field(default=None, repr=False)

    def load(self, loader: Loader) -> None:
        self.model = ServiceModel(loader.load_service_model(self.name, "service-2"), self.name)
        for action in self.actions:            # now, so that no request has to wait for it
            operation = self.model.operation_model(action)
            operation.input_shape, operation.output_shape


SERVICES = {service.name: service for service in (
    Service("autoscaling", autoscaling.ACTIONS),
)}


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
        request_id = call["request_id"] = str(uuid.uuid4())
        call.update(signature=None, signed_by=None, service=None, action=None, fields=None,
                    parameters=None)
        problem = self._check(request, call)
        fields: Dict[str, str] = {}
        if problem is None or problem.code == "SignatureDoesNotMatch":
            try:                               # noted also when refused: good to see in a test
                fields = query.parse_form(request.body)
            except AwsError as error:
                problem = problem or error
        call.update(action=fields.get("Action"), fields=fields)
        fault = self.state.faults.meet("aws", call.get("instance_id"), request.method,
                                       request.path, call["action"])
        honest = None
        if fault is not None and fault.name == "error":
            problem = AwsError(fault.given["code"], fault.given.get("message", ""),
                               fault.given.get("status", 400), fault.given.get("type", "Sender"))
        if fault is None or fault.applies or fault.name == "error":
            honest = self._reply(call, fields, problem, request_id)
        return self.state.finish(call, fault, honest)

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
            return AwsError(refused.code, str(refused), refused.status)
        call.update(signature="ok", instance_id=credentials.instance_id)
        content_type = (request.one("Content-Type") or "").partition(";")[0].strip()
        if (request.method, request.target) != ("POST", "/"):
            return AwsError("InvalidAction", "Only POST / is served here", 404)
        if content_type.lower() != query.CONTENT_TYPE:
            return AwsError("UnsupportedMediaType", f"Content-Type must be {query.CONTENT_TYPE}, "
                            f"not '{content_type}'", 415)
        return None

    def _reply(self, call: Dict, fields: Dict[str, str], problem: Optional[AwsError],
               request_id: str) -> Reply:
        service = SERVICES.get(call["service"], SERVICES["autoscaling"])
        try:
            if problem is not None:
                raise problem
            operation = query.find_operation(service.model, fields)
            body, status = self._act(service, operation, fields, call, request_id), 200
        except AwsError as error:
            namespace = service.model.metadata["xmlNamespace"]
            status, body = query.write_error(namespace, error, request_id)
            call["error"] = error.code
        date = email.utils.formatdate(self.state.now(), usegmt=True)
        return Reply(status, body, "text/xml",
                     [("x-amzn-RequestId", request_id), ("Date", date)])

    def _act(self, service: Service, operation: OperationModel, fields: Dict[str, str],
             call: Dict, request_id: str) -> bytes:
        parameters = call["parameters"] = query.parse_parameters(operation, fields)
        if operation.name not in service.actions:
            raise AwsError("InternalFailure", f"{operation.name} exists, but the test region "
                           "does not serve it yet", 500, "Receiver")
        result = service.actions[operation.name](self.state, parameters)
        return query.write_answer(operation, result, request_id)
