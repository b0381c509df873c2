# SPDX-License-Identifier: MIT
"""Fixtures of the region's own tests: one region for all of them, clean for each."""
import functools
import http.client
import urllib.parse

import botocore.config
import botocore.session
import pytest

from region.client import Region
from region.credentials import ROLE_ACCESS_KEY_ID, SECRET_ACCESS_KEY


@pytest.fixture(scope="session")
def shared_region():
    with Region.start() as region:
        yield region


@pytest.fixture
def region(shared_region):
    yield shared_region
    shared_region.set_clock(0)
    shared_region.clear_faults()
    shared_region.clear_parameters()
    shared_region.clear_secrets()
    for instance in shared_region.request("GET", "/instances"):
        shared_region.remove(instance["instance_id"])
    shared_region.clear_calls()


class Metadata:
    """A bare client of one instance's metadata, on one kept-alive connection."""

    def __init__(self, instance, timeout=2):
        address = urllib.parse.urlsplit(instance["imds"]).netloc
        self.connection = http.client.HTTPConnection(address, timeout=timeout)
        self.token = None

    def ask(self, method, path, headers=()):
        """(status, headers, body)"""
        self.connection.request(method, path, headers=dict(headers))
        reply = self.connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()

    def renew(self, ttl="60"):
        status, _, token = self.ask("PUT", "/latest/api/token",
                                    {"X-aws-ec2-metadata-token-ttl-seconds": ttl})
        assert status == 200
        self.token = token

    def get(self, path):
        """(status, body), with a token"""
        if self.token is None:
            self.renew()
        status, _, body = self.ask("GET", path, {"X-aws-ec2-metadata-token": self.token})
        return status, body


@pytest.fixture
def metadata():
    opened = []

    def connect(instance, **options):
        opened.append(Metadata(instance, **options))
        return opened[-1]
    yield connect
    for client in opened:
        client.connection.close()


@pytest.fixture(scope="session")
def botocore_session():
    return botocore.session.Session()


@pytest.fixture
def client_of(region, botocore_session):
    """A real botocore client, as the instance given; its parameter checks can be off."""

    def client(service, instance, secret=SECRET_ACCESS_KEY, token=None, checks=True):
        return botocore_session.create_client(
            service, region_name=region.name, endpoint_url=region.aws,
            aws_access_key_id=ROLE_ACCESS_KEY_ID, aws_secret_access_key=secret,
            aws_session_token=token or "example-session-token-of-" + instance["instance_id"],
            config=botocore.config.Config(retries={"max_attempts": 0}, proxies={},
                                          parameter_validation=checks,
                                          connect_timeout=2, read_timeout=2))
    return client


@pytest.fixture
def autoscaling(client_of):
    return functools.partial(client_of, "autoscaling")
