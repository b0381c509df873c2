# SPDX-License-Identifier: MIT
"""Signature Version 4: is this request signed, by whom, and rightly?

From the IAM user guide, "AWS Signature Version 4 for API requests". What AWS decides before it
computes anything is decided here: the form of the Authorization header, the scope, the clock
(facts A1: 5 minutes), the headers that must be signed, the credential and its session token.
The computing is left to checkers: objects with name and expected(); every one in CHECKERS must
agree with the client. One is botocore's own signer, fed with what was received; it takes a query
as it came and so accepts requests that AWS refuses. The other one knows nothing of botocore: it
decodes what it received and encodes it anew as the guide's "canonical request" wants it.
"""
import calendar
import hashlib
import hmac
import re
import string
import time
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import List, Optional, Tuple
from urllib.parse import unquote_to_bytes

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from .credentials import Credentials
from .http import Request

CLOCK_SKEW_MAX_S = 300
UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/([0-9]{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, *"
    r"SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})")


class Refused(Exception):
    """The request is not let in. `code` is AWS's, `reason` is for the tests' eyes."""

    def __init__(self, code: str, message: str, reason: str, status: int = 403):
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.status = status


@dataclass
class Authorization:
    """The Authorization header, taken apart, and the time it is for."""
    access_key: str
    date: str
    region: str
    service: str
    signed_headers: List[str]
    signature: str
    timestamp: str = ""


class BotocoreChecker:
    """Recomputes a signature with botocore over exactly the headers the client named."""
    name = "botocore"

    class Signer(botocore.auth.SigV4Auth):
        def headers_to_sign(self, request):
            return request.context["signed"]

    def expected(self, request: Request, auth: Authorization,
                 credentials: Credentials) -> Tuple[str, str]:
        """(the signature, the canonical request it is for)"""
        signer = self.Signer(
            botocore.credentials.Credentials(credentials.access_key, credentials.secret_key,
                                             credentials.token), auth.service, auth.region)
        signed = HTTPMessage()
        for name in auth.signed_headers:
            for value in request.all(name):
                signed[name] = value
        url = f"http://{request.one('Host')}{request.target}"
        copy = botocore.awsrequest.AWSRequest(request.method, url, data=request.body)
        copy.context.update(signed=signed, timestamp=auth.timestamp)
        canonical = signer.canonical_request(copy)
        return signer.signature(signer.string_to_sign(copy, canonical), copy), canonical


def encode(text: bytes) -> str:
    """The guide's UriEncode(): unreserved characters stay, all else is %XX in capitals."""
    return "".join(chr(byte) if chr(byte) in UNRESERVED else f"%{byte:02X}" for byte in text)


def normal_path(path: str) -> List[str]:
    """The path's segments without "." and "..", as RFC 3986 wants them removed."""
    kept: List[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return kept


def canonical_path(path: str, service: str) -> str:
    """S3 encodes once and keeps the path as it is; all others normalize and encode twice."""
    if service == "s3":
        return "/".join(encode(unquote_to_bytes(part)) for part in path.split("/")) or "/"
    kept = normal_path(path)
    text = "/" + "/".join(encode(encode(unquote_to_bytes(part)).encode()) for part in kept)
    return text + "/" * (bool(kept) and path.endswith("/"))


def canonical_query(query: str) -> str:
    """Names and values decoded, encoded anew, and sorted by what that gives."""
    pairs = []
    for field in filter(None, query.split("&")):
        name, _, value = field.partition("=")
        pairs.append(tuple(encode(unquote_to_bytes(text.replace("+", " ")))
                           for text in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


class AwsChecker:
    """Recomputes a signature as the IAM user guide describes it, step by step."""
    name = "aws"

    @staticmethod
    def canonical_request(request: Request, auth: Authorization) -> str:
        headers = ""
        for name in auth.signed_headers:
            values = [" ".join(value.split()) for value in request.all(name)]
            headers += f"{name}:{','.join(values)}\n"
        digest = hashlib.sha256(request.body).hexdigest()
        return "\n".join([request.method, canonical_path(request.path, auth.service),
                          canonical_query(request.query), headers,
                          ";".join(auth.signed_headers), digest])

    def expected(self, request: Request, auth: Authorization,
                 credentials: Credentials) -> Tuple[str, str]:
        """(the signature, the canonical request it is for)"""
        canonical = self.canonical_request(request, auth)
        scope = [auth.date, auth.region, auth.service, "aws4_request"]
        text = "\n".join(["AWS4-HMAC-SHA256", auth.timestamp, "/".join(scope),
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + credentials.secret_key).encode()
        for part in [*scope, text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex(), canonical


CHECKERS = [BotocoreChecker(), AwsChecker()]


def parse(request: Request) -> Authorization:
    """Take the Authorization header apart; raises Refused."""
    if not request.all("Authorization"):
        raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token",
                      "no Authorization header")
    text = request.one("Authorization")
    match = AUTHORIZATION.fullmatch(text or "")
    if match is None:
        raise Refused("IncompleteSignature", f"Authorization header is not as Signature Version "
                      f"4 wants it: {text!r}", "malformed Authorization header")
    key, date, region, service, signed, signature = match.groups()
    return Authorization(key, date, region, service, signed.split(";"), signature)


def mismatch(message: str, reason: str) -> Refused:
    return Refused("SignatureDoesNotMatch", message, reason)


def check_scope(auth: Authorization, region: str, services) -> None:
    if auth.region != region:
        raise mismatch(f"Credential should be scoped to a valid region, not '{auth.region}'. ",
                       f"scope names region {auth.region}")
    if auth.service not in services:
        raise mismatch("Credential should be scoped to correct service, not "
                       f"'{auth.service}'. ", f"scope names service {auth.service}")


def check_time(request: Request, auth: Authorization, now: float) -> None:
    """The words are those Auto Scaling answers with (aws-sdk-ruby issue 522)."""
    auth.timestamp = request.one("X-Amz-Date") or ""
    try:
        signed_at = calendar.timegm(time.strptime(auth.timestamp, TIME_FORMAT))
    except ValueError:
        raise Refused("IncompleteSignature", "X-Amz-Date must be sent once, in ISO 8601 basic "
                      f"form, got '{auth.timestamp}'", "bad X-Amz-Date") from None
    if auth.timestamp[:8] != auth.date:
        raise mismatch(f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                       f"of date from HTTP: '{auth.date}' != '{auth.timestamp[:8]}'.",
                       "scope date differs from X-Amz-Date")
    here, skew = time.strftime(TIME_FORMAT, time.gmtime(now)), signed_at - now
    if skew < -CLOCK_SKEW_MAX_S:
        edge = time.strftime(TIME_FORMAT, time.gmtime(now - CLOCK_SKEW_MAX_S))
        raise mismatch(f"Signature expired: {auth.timestamp} is now earlier than {edge} "
                       f"({here} - 5 min.)", f"clock is {-skew:.0f} s behind")
    if skew > CLOCK_SKEW_MAX_S:
        edge = time.strftime(TIME_FORMAT, time.gmtime(now + CLOCK_SKEW_MAX_S))
        raise mismatch(f"Signature not yet current: {auth.timestamp} is still later than {edge} "
                       f"({here} + 5 min.)", f"clock is {skew:.0f} s ahead")


def check_headers(request: Request, auth: Authorization) -> None:
    """Signed: host and every x-amz-*; nothing that was not sent; lower case and in order."""
    signed, sent = auth.signed_headers, {name.lower() for name, _ in request.headers}
    if signed != sorted(set(signed)) or any(name != name.lower() for name in signed):
        raise mismatch("SignedHeaders must be lower case, sorted and without repetition: "
                       f"'{';'.join(signed)}'", "SignedHeaders not in canonical order")
    for name in signed:
        if name not in sent:
            raise mismatch(f"Header '{name}' is named in SignedHeaders and was not sent.",
                           f"signed header {name} was not sent")
    for name in ["host"] + sorted(name for name in sent if name.startswith("x-amz-")):
        if name not in signed:
            raise mismatch(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.",
                           f"header {name} is not signed")
    digest = request.one("X-Amz-Content-Sha256")
    if digest is not None and digest != hashlib.sha256(request.body).hexdigest():
        raise mismatch("The provided 'x-amz-content-sha256' header does not match what was "
                       "computed.", "x-amz-content-sha256 is not the body's")


def find_credentials(request: Request, candidates: List[Credentials],
                     now: float) -> Credentials:
    """Whose key and session token this is; raises Refused."""
    tokens = request.all("X-Amz-Security-Token")
    token: Optional[str] = tokens[0] if tokens else None
    found = [given for given in candidates if given.token == token and len(tokens) < 2]
    if not found:
        reason = "wrong session token" if candidates else "unknown access key"
        if candidates and token is None:
            reason = "no session token"
        raise Refused("InvalidClientTokenId",
                      "The security token included in the request is invalid", reason)
    if found[0].expires is not None and found[0].expires <= now:
        raise Refused("ExpiredToken", "The security token included in the request is expired",
                      "credentials expired")
    return found[0]


def verify(request: Request, auth: Authorization, state, services) -> Credentials:
    """Let a request in, or raise Refused. AWS's order of checks is not documented; this is
    from the cheap to the dear."""
    check_scope(auth, state.name, services)
    check_headers(request, auth)
    check_time(request, auth, state.now())
    found = find_credentials(request, state.credentials_of(auth.access_key), state.now())
    for checker in CHECKERS:
        expected, canonical = checker.expected(request, auth, found)
        if not hmac.compare_digest(expected, auth.signature):
            raise mismatch(
                "The request signature we calculated does not match the signature you "
                "provided. Check your AWS Secret Access Key and signing method. Consult the "
                "service documentation for details.\n\nThe Canonical String for this request "
                f"should have been\n'{canonical}'\n", f"signature differs ({checker.name})")
    return found
