# SPDX-License-Identifier: MIT
"""What the AWS door refuses: a request is signed with botocore, then spoiled, then sent."""
import http.client
import re
import shutil
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from region import signature
from region.credentials import (Credentials, ROLE_ACCESS_KEY_ID, SECRET_ACCESS_KEY,
                                USER_ACCESS_KEY_ID)
from region.http import Request

BODY = b"Action=DescribeAutoScalingInstances&Version=2011-01-01"


def signed(region, instance, body=BODY, service="autoscaling", scope=None, path="/",
           key=ROLE_ACCESS_KEY_ID, secret=SECRET_ACCESS_KEY, token="own", headers=()):
    """The headers of a signed POST."""
    if token == "own":
        token = "example-session-token-of-" + instance["instance_id"]
    request = botocore.awsrequest.AWSRequest(
        "POST", region.aws + path, data=body, headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "Host": urllib.parse.urlsplit(region.aws).netloc, **dict(headers)})
    credentials = botocore.credentials.Credentials(key, secret, token)
    botocore.auth.SigV4Auth(credentials, service, scope or region.name).add_auth(request)
    return dict(request.headers.items())


def send(region, headers, body=BODY, method="POST", path="/"):
    """(status, error code or None, message)"""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(region.aws).netloc, timeout=2)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
    finally:
        connection.close()
    code = re.search("<Code>(.*)</Code>", text)
    message = re.search("<Message>(.*)</Message>", text, re.S)
    return reply.status, code and code[1], message[1] if message else text


@pytest.fixture
def web(region):
    return region.launch()


def reason(region):
    return region.calls(kind="aws")[-1]["signature"]


def test_good(region, web):
    status, code, text = send(region, signed(region, web))
    assert (status, code) == (200, None)
    assert '<DescribeAutoScalingInstancesResponse xmlns="http://autoscaling.amazonaws.com/doc/' \
        '2011-01-01/">' in text and web["instance_id"] in text


def test_more_signed_headers_are_fine(region, web):
    headers = signed(region, web, headers={"x-amz-meta-note": "a  b ", "user-agent": "bootagent"})
    assert send(region, headers)[0] == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.parametrize("body", [BODY, BODY + b"&InstanceIds.member.1=i-0%20%2F%2B~"])
@pytest.mark.parametrize("token", ["own", "wrong"])
def test_signed_by_curl(region, web, body, token):
    """The agent signs with libcurl: another signer than botocore's own, so the real proof."""
    text = "example-session-token-of-" + (web["instance_id"] if token == "own" else "nobody")
    told = subprocess.run(
        ["curl", "-q", "--silent", "--noproxy", "*", "--max-time", "5", "--data-binary", body,
         "--aws-sigv4", f"aws:amz:{region.name}:autoscaling",
         "--user", f"{ROLE_ACCESS_KEY_ID}:{SECRET_ACCESS_KEY}",
         "-H", f"x-amz-security-token: {text}", "--write-out", "%{http_code}", region.aws + "/"],
        stdout=subprocess.PIPE, timeout=10, check=True).stdout
    assert told.endswith(b"200" if token == "own" else b"403"), told.decode()
    assert reason(region) == ("ok" if token == "own" else "wrong session token")


# Both checkers on requests that never reach the door (it serves only POST /): what a client
# signs with botocore, and what AWS says to it. Their difference is what the second one is for.

GUIDE = {  # the IAM user guide's example of a GET to IAM, with its signature
    "target": "/?Action=ListUsers&Version=2010-05-08",
    "headers": [("Host", "iam.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z"),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
    "signature": "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
}


def expected(checker, target, service="iam", headers=(), body=b"", method="GET"):
    sent = list(headers) or GUIDE["headers"]
    request = Request(method, target, sent, body, True)
    auth = signature.Authorization(
        "AKIDEXAMPLE", "20150830", "us-east-1", service,
        sorted({name.lower() for name, _ in sent}), "", "20150830T123600Z")
    return checker.expected(request, auth, Credentials("AKIDEXAMPLE", SECRET_ACCESS_KEY.replace(
        "/bPxRfiCYEXAMPLEKEY", "+bPxRfiCYEXAMPLEKEY"), None))


@pytest.mark.parametrize("checker", signature.CHECKERS, ids=lambda checker: checker.name)
def test_the_guides_own_example(checker):
    assert expected(checker, GUIDE["target"])[0] == GUIDE["signature"]


BOTOCORE, AWS = signature.CHECKERS


@pytest.mark.parametrize("target, canonical", [
    ("/?b=2&a=1", "a=1&b=2"),
    ("/?a=2&a=1", "a=1&a=2"),
    ("/?a=b%20c", "a=b%20c"),
    ("/?a=b+c", "a=b%20c"),
    ("/?a=b/c", "a=b%2Fc"),
    ("/?a=%2f", "a=%2F"),
    ("/?a=%7E~", "a=~~"),
    ("/?a", "a="),
    ("/?a=1&A=2&a-b=3", "A=2&a=1&a-b=3"),
    ("/?a=%E1%88%B4", "a=%E1%88%B4"),
    ("/?&&a=1&", "a=1"),
])
def test_query_is_decoded_and_encoded_anew(target, canonical):
    assert expected(AWS, target)[1].split("\n")[2] == canonical


@pytest.mark.parametrize("target, service, canonical", [
    ("/", "iam", "/"), ("//", "iam", "/"), ("/a/./b/../c", "iam", "/a/c"),
    ("/a%20b", "iam", "/a%2520b"), ("/a/", "iam", "/a/"), ("/%41", "iam", "/A"),
    ("/a%20b", "s3", "/a%20b"), ("/a/../b", "s3", "/a/../b"), ("//a", "s3", "//a"),
    ("/a(b)", "s3", "/a%28b%29"),
])
def test_path_is_decoded_and_encoded_anew(target, service, canonical):
    assert expected(AWS, target, service)[1].split("\n")[1] == canonical


@pytest.mark.parametrize("value, canonical", [
    ("  a   b ", "a b"), ('"a   b"', '"a b"'), ("a\tb", "a b")])
def test_blanks_of_a_header(value, canonical):
    headers = [*GUIDE["headers"], ("X-Note", value)]
    assert f"\nx-note:{canonical}\n" in expected(AWS, "/", headers=headers)[1]


def test_a_header_sent_twice():
    headers = [*GUIDE["headers"], ("X-Note", "b"), ("X-Note", "a")]
    assert "\nx-note:b,a\n" in expected(AWS, "/", headers=headers)[1]


@pytest.mark.parametrize("target", ["/?a=b/c", "/?a=%2f", "/?a=b+c"])
def test_what_botocore_takes_and_aws_refuses(region, web, target):
    """Facts A5: libcurl before 8.3 sends a query as it is, and botocore signs it like that."""
    assert expected(BOTOCORE, target)[0] != expected(AWS, target)[0]
    status, code, _ = send(region, signed(region, web, path=target), path=target)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert reason(region) == "signature differs (aws)"


@pytest.mark.parametrize("target", ["/", "/?a=1&b=2", "/?a=%20%2F~", "/x/y", "/x%20y"])
@pytest.mark.parametrize("body", [b"", BODY, bytes(range(256))])
def test_both_agree_on_what_is_good(target, body):
    assert expected(BOTOCORE, target, body=body)[0] == expected(AWS, target, body=body)[0]


def test_lasting_user_needs_no_token(region, web):
    assert send(region, signed(region, web, key=USER_ACCESS_KEY_ID, token=None))[0] == 200


@pytest.mark.parametrize("how, code, why", [
    ({"secret": "wrong"}, "SignatureDoesNotMatch", "signature differs (botocore)"),
    ({"token": "example-session-token-of-i-0"}, "InvalidClientTokenId", "wrong session token"),
    ({"token": None}, "InvalidClientTokenId", "no session token"),
    ({"key": "ASIAI44QH8DHBEXAMPLE"}, "InvalidClientTokenId", "unknown access key"),
    ({"scope": "us-east-1"}, "SignatureDoesNotMatch", "scope names region us-east-1"),
    ({"service": "sqs"}, "SignatureDoesNotMatch", "scope names service sqs"),
])
def test_signed_wrongly(region, web, how, code, why):
    assert send(region, signed(region, web, **how))[:2] == (403, code)
    assert reason(region) == why


def test_altered_on_the_way(region, web):
    headers = signed(region, web)
    assert send(region, headers, BODY + b"&MaxRecords=1")[:2] == (403, "SignatureDoesNotMatch")
    assert send(region, headers, path="/?a=b")[:2] == (403, "SignatureDoesNotMatch")
    assert send(region, headers, path="/x")[:2] == (403, "SignatureDoesNotMatch")
    assert send(region, headers, method="PUT")[:2] == (403, "SignatureDoesNotMatch")
    assert send(region, {**headers, "Content-Type": "text/plain"})[0] == 403
    assert send(region, {**headers, "Host": "autoscaling.example.com"})[0] == 403


def edit(headers, pattern, text):
    return {**headers, "Authorization": re.sub(pattern, text, headers["Authorization"])}


def test_headers_that_must_be_signed(region, web):
    headers = signed(region, web)
    for name in ("host", "x-amz-date", "x-amz-security-token"):
        send_status = send(region, edit(headers, f";?{name}", ""))
        assert send_status[:2] == (403, "SignatureDoesNotMatch")
        assert reason(region) in (f"header {name} is not signed",
                                  "SignedHeaders not in canonical order")
    assert send(region, {**headers, "X-Amz-Target": "x"})[:2] == (403, "SignatureDoesNotMatch")
    assert reason(region) == "header x-amz-target is not signed"


def test_signed_header_that_was_not_sent(region, web):
    headers = signed(region, web, headers={"Expect": "", "a-note": "x"})
    del headers["a-note"]
    assert send(region, headers)[:2] == (403, "SignatureDoesNotMatch")
    assert reason(region) == "signed header a-note was not sent"


def test_form_of_the_header(region, web):
    headers = signed(region, web)
    for pattern, text in (("Signature=", "Sig="), ("AWS4-HMAC-SHA256", "AWS4"),
                          ("SignedHeaders=[^,]*, ", ""), ("/aws4_request", "")):
        assert send(region, edit(headers, pattern, text))[:2] == (403, "IncompleteSignature")
    assert send(region, edit(headers, "content-type;host", "host;content-type"))[1] \
        == "SignatureDoesNotMatch"
    del headers["Authorization"]
    assert send(region, headers)[:2] == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize("offset, words, why", [(310, "Signature expired: ", "behind"),
                                                (-310, "Signature not yet current: ", "ahead")])
def test_clock(region, web, offset, words, why):
    headers = signed(region, web)
    region.set_clock(offset * 290 / 310)
    assert send(region, headers)[0] == 200
    region.set_clock(offset)
    status, code, message = send(region, headers)
    assert (status, code) == (403, "SignatureDoesNotMatch") and message.startswith(words)
    assert why in reason(region)


def test_expired_credentials(region):
    web = region.launch(credentials_seconds=0.3)
    assert send(region, signed(region, web))[0] == 200
    region.set_clock(1)
    assert send(region, signed(region, web))[:2] == (403, "ExpiredToken")


def test_body_digest_header(region, web):
    headers = signed(region, web, headers={"X-Amz-Content-SHA256": "0" * 64})
    assert send(region, headers)[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("body, status, code", [
    (b"", 400, "MissingAction"), (b"Action", 404, "MalformedQueryString"),
    (b"Version=2011-01-01", 400, "MissingAction"),
    (b"Action=DescribeAutoScalingInstances", 400, "InvalidAction"),
    (b"Action=Describe&Version=2011-01-01", 400, "InvalidAction"),
    (BODY + b"&Nonsense=1", 400, "ValidationError"),
    (BODY + b"&InstanceIds.1=i-0", 400, "ValidationError"),
    (BODY + b"&InstanceIds.member.2=i-0", 400, "ValidationError"),
    (BODY + b"&InstanceIds.member.1=", 400, "ValidationError"),
    (BODY + b"&MaxRecords=many", 400, "MalformedInput"),
    (BODY + b"&MaxRecords=1&MaxRecords=2", 404, "MalformedQueryString"),
    (BODY + b"&InstanceIds.member.1=i-0&InstanceIds.member.2=i-1", 200, None),
    (BODY + b"&InstanceIds=", 200, None),
])
def test_forms(region, web, body, status, code):
    assert send(region, signed(region, web, body), body)[:2] == (status, code)


def test_content_type(region, web):
    headers = signed(region, web, headers={"Content-Type": "application/json"})
    assert send(region, headers)[:2] == (415, "UnsupportedMediaType")
