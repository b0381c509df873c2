# SPDX-License-Identifier: MIT
"""The instance metadata service, version 2 only, of one instance.

From the EC2 user guide, "Use the Instance Metadata Service to access instance metadata" and
"Instance metadata categories", and the project's facts I3-I8: a token by PUT with a TTL of
1-21600 s; 403 when the PUT came through a proxy (X-Forwarded-For); 401 for data without a valid
token; 404 for what is not there, with a page of XHTML nobody should take for a value. Data is
served at /latest and at dated versions, the token at /latest/api/token only.
"""
import base64
import json
import re
import secrets
from typing import Any, Callable, Dict, Optional, Union

from .http import Reply, Request
from .instance import ACCOUNT_ID, Instance, rfc3339

TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_MAX_S = 21600
VERSIONS = ("1.0", "2007-01-19", "2009-04-04", "2016-09-02", "2018-09-24", "2020-10-27",
            "2021-01-03", "2021-03-23", "2021-07-15", "2022-09-24", "latest")
PAGE = ('<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"\n'
        '         "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        ' <head>\n  <title>{0} - {1}</title>\n </head>\n'
        ' <body>\n  <h1>{0} - {1}</h1>\n </body>\n</html>\n')

# A tree of metadata: a folder is a dict; a value is text, or a function that makes it late.
Tree = Dict[str, Union["Tree", str, Callable[[], str]]]


class Imds:
    """The site behind an instance's metadata port."""

    def __init__(self, region, instance: Instance):
        self.region = region
        self.instance = instance
        self.tokens: Dict[str, float] = {}     # token ▸ when it expires (monotonic)

    def answer(self, request: Request) -> Reply:
        call = self.region.calls.add("imds", request)
        call["instance_id"] = self.instance.id
        fault = self.region.faults.meet("imds", self.instance.id, request.method, request.path)
        honest = None
        if fault is None or fault.applies:
            honest = self._reply(request)
        return self.region.finish(call, fault, honest)

    def refused(self, text: str, status: int) -> None:
        call = self.region.calls.add("imds", None)
        call.update(instance_id=self.instance.id, status=status, malformed=text)

    def forget_tokens(self) -> None:
        """Every token given out is invalid from now on."""
        self.tokens.clear()

    def _reply(self, request: Request) -> Reply:
        if request.path == "/latest/api/token":
            reply = self._give_token(request)
        elif request.method != "GET":
            reply = page(405, "Not Allowed", ("Allow", "OPTIONS, GET"))
        else:
            reply = self._give_data(request)
        reply.headers.append(("Server", "EC2ws"))
        reply.close = reply.close or not self.instance.options["imds_keep_alive"]
        return reply

    def _give_token(self, request: Request) -> Reply:
        if request.method != "PUT":
            return page(405, "Not Allowed", ("Allow", "OPTIONS, PUT"))
        if request.all("X-Forwarded-For"):
            return page(403, "Forbidden")
        ttl = request.one(TTL_HEADER)
        if ttl is None or not re.fullmatch("[0-9]{1,5}", ttl) or not 1 <= int(ttl) <= TTL_MAX_S:
            return page(400, "Bad Request")
        token = "AQAEA" + secrets.token_urlsafe(38) + "=="
        self.tokens[token] = self.region.loop.time() + int(ttl)
        return Reply(200, token.encode(), headers=[(TTL_HEADER.title(), ttl)])

    def _give_data(self, request: Request) -> Reply:
        token = request.one(TOKEN_HEADER)      # sent twice is as bad as not sent (fact I5)
        left_s = self.tokens.get(token or "", 0) - self.region.loop.time()
        if left_s <= 0:
            return page(401, "Unauthorized")
        version, _, path = request.path[1:].partition("/")
        text = self._find(path) if version in VERSIONS else None
        if request.path == "/":
            text = "\n".join(VERSIONS)
        if text is None:
            return page(404, "Not Found")
        data = text if isinstance(text, bytes) else text.encode()
        return Reply(200, data, headers=[(TTL_HEADER.title(), str(int(left_s)))])

    def _find(self, path: str) -> Optional[str]:
        """The value or the listing at a path below the version; None when not there."""
        if path.startswith("meta-data/"):
            overlay = path[len("meta-data/"):]
            if overlay in self.instance.metadata:
                return self.instance.metadata[overlay]
        node: Any = metadata(self.region, self.instance)
        for name in filter(None, path.split("/")):
            if not isinstance(node, dict) or name not in node:
                return None
            node = node[name]
        if isinstance(node, dict):
            return "\n".join(name + "/" * isinstance(below, dict) for name, below in node.items())
        if path.endswith("/"):
            return None
        return node() if callable(node) else node


def page(status: int, text: str, *headers) -> Reply:
    """An error as IMDS gives it: a page of XHTML."""
    return Reply(status, PAGE.format(status, text).encode(), "text/html", list(headers))


def metadata(region, instance: Instance) -> Tree:
    """The tree below a version, as it stands now. One row a category."""
    options = instance.options
    data: Tree = {
        "ami-id": options["image_id"],
        "instance-id": instance.id,
        "instance-type": instance.type,
        "local-ipv4": options["private_ip"],
        "placement": {"availability-zone": instance.availability_zone, "region": region.name},
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if instance.lifecycle is not None:
        data["autoscaling"] = {"target-lifecycle-state": instance.lifecycle.transition.target}
    if instance.credentials is not None:
        role = instance.credentials.role
        data["iam"] = {"info": lambda: role_info(region, instance),
                       "security-credentials": {role: lambda: role_document(region, instance)}}
    if options["tags"] is not None:
        data["tags"] = {"instance": dict(options["tags"])}
    tree: Tree = {"dynamic": {"instance-identity": {
        "document": lambda: identity_document(region, instance)}},
        "meta-data": dict(sorted(data.items()))}
    if options["user_data_base64"] is not None:
        tree["user-data"] = base64.b64decode(options["user_data_base64"])
    elif options["user_data"] is not None:
        tree["user-data"] = options["user_data"]
    return tree


def identity_document(region, instance: Instance) -> str:
    return json.dumps({
        "accountId": ACCOUNT_ID, "architecture": instance.options["architecture"],
        "availabilityZone": instance.availability_zone, "billingProducts": None,
        "devpayProductCodes": None, "marketplaceProductCodes": None,
        "imageId": instance.options["image_id"], "instanceId": instance.id,
        "instanceType": instance.type, "kernelId": None,
        "pendingTime": instance.pending_time, "privateIp": instance.options["private_ip"],
        "ramdiskId": None, "region": region.name, "version": "2017-09-30"}, indent=2)


def role_document(region, instance: Instance) -> str:
    given = instance.credentials.current(region.now())
    return json.dumps({
        "Code": "Success", "LastUpdated": rfc3339(given.issued), "Type": "AWS-HMAC",
        "AccessKeyId": given.access_key, "SecretAccessKey": given.secret_key,
        "Token": given.token, "Expiration": rfc3339(given.expires)}, indent=2)


def role_info(region, instance: Instance) -> str:
    role = instance.credentials.role
    return json.dumps({
        "Code": "Success", "LastUpdated": rfc3339(region.now()),
        "InstanceProfileArn": f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/{role}",
        "InstanceProfileId": "AIPAIOSFODNN7EXAMPLE"}, indent=2)
