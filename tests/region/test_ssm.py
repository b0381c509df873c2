# SPDX-License-Identifier: MIT
"""The Parameter Store with a real botocore client, and the JSON protocol without one."""
import json
import shutil
import subprocess

import botocore.exceptions
import pytest

from region.client import RegionError
from region.credentials import ROLE_ACCESS_KEY_ID, SECRET_ACCESS_KEY

PATH = "/im8/api/env/"


def refused(call, **parameters):
    """(code, message, HTTP status) of the error that a call ends in"""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    reply = caught.value.response
    return (reply["Error"]["Code"], reply["Error"]["Message"],
            reply["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def web(region):
    return region.launch()


@pytest.fixture
def ssm(client_of, web):
    return client_of("ssm", web)


def test_get_parameters(region, ssm):
    region.put_parameter("/im8/key", "s3cr3t \u20ac\nline")
    region.put_parameter("plain", "a,b", "StringList")
    reply = ssm.get_parameters(Names=["/im8/key", "/im8/none", "plain"], WithDecryption=True)
    values = {one["Name"]: (one["Type"], one["Value"]) for one in reply["Parameters"]}
    assert values == {"/im8/key": ("SecureString", "s3cr3t \u20ac\nline"),
                      "plain": ("StringList", "a,b")}
    assert reply["InvalidParameters"] == ["/im8/none"]
    key, = [one for one in reply["Parameters"] if one["Name"] == "/im8/key"]
    assert key["ARN"] == "arn:aws:ssm:ap-northeast-2:123456789012:parameter/im8/key"
    assert key["Version"] == 1 and key["LastModifiedDate"].year > 2020
    found, = ssm.get_parameters(Names=[key["ARN"]], WithDecryption=True)["Parameters"]
    assert found == key


def test_sealed_without_decryption(region, ssm):
    region.put_parameter("/im8/key", "s3cr3t")
    region.put_parameter("/im8/plain", "text", "String")
    for parameters in ({}, {"WithDecryption": False}):
        sealed, = ssm.get_parameters(Names=["/im8/key"], **parameters)["Parameters"]
        assert sealed["Value"].startswith("AQICA") and "s3cr3t" not in sealed["Value"]
    values = [one["Value"] for one in ssm.get_parameters_by_path(Path="/im8")["Parameters"]]
    assert values == ["text", sealed["Value"]]


def test_a_change_is_a_new_version(region, ssm):
    for value in ("old", "new"):
        region.put_parameter("/im8/key", value)
    found, = ssm.get_parameters(Names=["/im8/key"], WithDecryption=True)["Parameters"]
    assert (found["Value"], found["Version"]) == ("new", 2)


def test_limits_of_get_parameters(region, client_of, web):
    client = client_of("ssm", web, checks=False)
    names = [f"/im8/{number}" for number in range(11)]
    assert len(client.get_parameters(Names=names[:10])["InvalidParameters"]) == 10
    code, message, status = refused(client.get_parameters, Names=names)
    assert (code, status) == ("ValidationException", 400)
    assert "Member must have length less than or equal to 10" in message
    for wrong in ({"Names": []}, {}, {"Names": ["x"], "WithDecryption": "yes"},
                  {"Names": ["x", "x"]}, {"Names": ["x" * 2049]}, {"Names": [1]}):
        assert refused(client.get_parameters, **wrong)[0] == "ValidationException", wrong


def test_pages_of_a_path(region, ssm):
    names = [f"{PATH}V{number:02}" for number in range(23)]
    for name in [*names, PATH + "deep/X", "/im8/api/environment", "/im8/api/other"]:
        region.put_parameter(name, "value of " + name)

    def pages(**parameters):
        return [[one["Name"] for one in page["Parameters"]] for page in ssm.get_paginator(
            "get_parameters_by_path").paginate(Path=PATH, **parameters)]
    assert [len(page) for page in pages()] == [10, 10, 3]
    assert sorted(sum(pages(PaginationConfig={"PageSize": 4}), [])) == names
    assert sorted(sum(pages(Recursive=True), [])) == sorted([*names, PATH + "deep/X"])
    assert len(region.calls(service="ssm", action="GetParametersByPath")) == 3 + 6 + 3
    assert ssm.get_parameters_by_path(Path="/nothing")["Parameters"] == []
    found = ssm.get_parameters_by_path(Path=PATH, MaxResults=1, WithDecryption=True)
    assert found["Parameters"][0]["Value"] == f"value of {names[-1]}"


def test_limits_of_a_path(region, client_of, web):
    for number in range(3):
        region.put_parameter(f"{PATH}{number}", "x")
    client = client_of("ssm", web, checks=False)
    for wrong in ({"Path": "im8"}, {"Path": PATH, "MaxResults": 11}, {"Path": ""},
                  {"Path": PATH, "MaxResults": 0}):
        assert refused(client.get_parameters_by_path, **wrong)[0] == "ValidationException", wrong
    token = client.get_parameters_by_path(Path=PATH, MaxResults=1)["NextToken"]
    for wrong in ({"Path": "/im8", "NextToken": token}, {"Path": PATH, "NextToken": "x"},
                  {"Path": PATH, "NextToken": "\u20ac"}):
        assert refused(client.get_parameters_by_path, **wrong)[0] == "InvalidNextToken", wrong
    assert refused(client.get_parameters_by_path, Path=PATH, ParameterFilters=[
        {"Key": "Type", "Values": ["String"]}])[0] == "InvalidFilterKey"


def test_errors_of_the_protocol(region, client_of, web):
    region.fault(kind="aws", action="GetParameters", fault="error", count=1,
                 code="AccessDeniedException", message="not authorized to perform")
    client = client_of("ssm", web)
    assert refused(client.get_parameters, Names=["x"]) \
        == ("AccessDeniedException", "not authorized to perform", 400)
    assert refused(client.get_parameter, Name="x")[::2] == ("InternalFailure", 500)
    assert client.get_parameters(Names=["x"])["Parameters"] == []
    assert refused(client_of("ssm", web, secret="wrong").get_parameters, Names=["x"])[::2] \
        == ("InvalidSignatureException", 400)
    assert refused(client_of("ssm", web, token="wrong").get_parameters, Names=["x"])[::2] \
        == ("UnrecognizedClientException", 400)
    region.set_clock(1200)
    code, message, _ = refused(client.get_parameters, Names=["x"])
    assert code == "InvalidSignatureException" and message.startswith("Signature expired: ")
    assert region.calls(service="ssm")[-1]["signature"].startswith("clock is")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize("target, body, content_type, told", [
    ("AmazonSSM.GetParameters", '{"Names": ["x"]}', "application/x-amz-json-1.1",
     (200, None)),
    ("AmazonSSM.GetParameters", '{"Names": "x"}', "application/x-amz-json-1.1",
     (400, "ValidationException")),
    ("AmazonSSM.GetParameters", '{"Names": ["x"], "Naems": 1}', "application/x-amz-json-1.1",
     (400, "ValidationException")),
    ("AmazonSSM.GetParameters", '["x"]', "application/x-amz-json-1.1",
     (400, "SerializationException")),
    ("AmazonSSM.GetParameters", '{', "application/x-amz-json-1.1",
     (400, "SerializationException")),
    ("AmazonSSM.GetNothing", "{}", "application/x-amz-json-1.1",
     (400, "UnknownOperationException")),
    ("secretsmanager.GetParameters", "{}", "application/x-amz-json-1.1",
     (400, "UnknownOperationException")),
    ("AmazonSSM.GetParameters", '{"Names": ["x"]}', "application/x-www-form-urlencoded",
     (400, "UnsupportedMediaType")),
])
def test_signed_by_curl(region, web, target, body, content_type, told):
    """Another signer than botocore's, and what botocore would not send."""
    reply, _, status = subprocess.run(
        ["curl", "-q", "--silent", "--noproxy", "*", "--max-time", "5", "--data-binary", body,
         "--aws-sigv4", f"aws:amz:{region.name}:ssm",
         "--user", f"{ROLE_ACCESS_KEY_ID}:{SECRET_ACCESS_KEY}",
         "-H", f"x-amz-security-token: example-session-token-of-{web['instance_id']}",
         "-H", f"content-type: {content_type}", "-H", f"x-amz-target: {target}",
         "--write-out", "\n%{http_code}", region.aws + "/"],
        stdout=subprocess.PIPE, timeout=10, check=True, text=True).stdout.rpartition("\n")
    code = json.loads(reply).get("__type")
    assert (int(status), code and code.rpartition("#")[2]) == told
    call, = region.calls(kind="aws")
    assert (call["signature"], call["service"]) == ("ok", "ssm")


def test_calls_are_noted_without_values(region, ssm):
    region.put_parameter("/im8/key", "s3cr3t")
    ssm.get_parameters(Names=["/im8/key"], WithDecryption=True)
    call, = region.calls(kind="aws", action="GetParameters")
    assert call["parameters"] == {"Names": ["/im8/key"], "WithDecryption": True}
    assert call["status"] == 200 and "s3cr3t" not in json.dumps(call)


@pytest.mark.parametrize("wrong", [
    {"name": "x"}, {"name": "x", "value": 1}, {"name": "x", "value": "y", "type": "Secret"},
    {"name": "x", "value": "y", "tpye": "String"}, {"name": "a/b", "value": "y"}])
def test_wrong_parameters_are_refused(region, wrong):
    with pytest.raises(RegionError):
        region.request("POST", "/parameters", wrong)
