# SPDX-License-Identifier: MIT
"""Secrets Manager with a real botocore client."""
import botocore.exceptions
import pytest

from region.client import RegionError


@pytest.fixture
def secrets(client_of, region):
    return client_of("secretsmanager", region.launch())


def refused(call, **parameters):
    """(code, message, HTTP status) of the error that a call ends in"""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    reply = caught.value.response
    return (reply["Error"]["Code"], reply["Error"]["Message"],
            reply["ResponseMetadata"]["HTTPStatusCode"])


def test_by_name_and_arn(region, secrets):
    arn = region.put_secret("im8/api/env", '{"KEY": "s3cr3t \u20ac"}')
    region.put_secret("im8/api", "another")
    for name in ("im8/api/env", arn, arn[:-7]):
        found = secrets.get_secret_value(SecretId=name)
        assert (found["Name"], found["ARN"]) == ("im8/api/env", arn)
        assert found["SecretString"] == '{"KEY": "s3cr3t \u20ac"}'
        assert "SecretBinary" not in found and found["VersionStages"] == ["AWSCURRENT"]
    assert secrets.get_secret_value(SecretId="im8/api/env", VersionId=found["VersionId"]) \
        ["CreatedDate"].year > 2020
    assert len(region.calls(service="secretsmanager", action="GetSecretValue")) == 4


def test_binary(region, secrets):
    region.put_secret("blob", b"\0\xff\n")
    found = secrets.get_secret_value(SecretId="blob")
    assert found["SecretBinary"] == b"\0\xff\n" and "SecretString" not in found


def test_what_is_not_there(region, secrets):
    region.put_secret("im8", "x")
    for parameters in ({"SecretId": "im"}, {"SecretId": "im8", "VersionStage": "AWSPREVIOUS"},
                       {"SecretId": "im8", "VersionId": "0" * 32}):
        code, message, status = refused(secrets.get_secret_value, **parameters)
        assert (code, status) == ("ResourceNotFoundException", 400)
        assert message.startswith("Secrets Manager can't find the specified secret")


def test_parameters_are_checked_and_faults_apply(region, client_of):
    region.put_secret("im8", "x")
    client = client_of("secretsmanager", region.launch(), checks=False)
    for wrong in ({}, {"SecretId": ""}, {"SecretId": "x" * 2049}, {"SecretId": 1}):
        assert refused(client.get_secret_value, **wrong)[0] == "ValidationException", wrong
    region.fault(kind="aws", action="GetSecretValue", fault="error", count=1, status=500,
                 code="InternalServiceError", message="try later")
    assert refused(client.get_secret_value, SecretId="im8") \
        == ("InternalServiceError", "try later", 500)
    assert client.get_secret_value(SecretId="im8")["SecretString"] == "x"


@pytest.mark.parametrize("wrong", [
    {"name": "x"}, {"name": "x", "string": 1}, {"name": "x", "string": "", "binary_base64": ""},
    {"name": "x", "binary_base64": "!"}])
def test_wrong_secrets_are_refused(region, wrong):
    with pytest.raises(RegionError):
        region.request("POST", "/secrets", wrong)
