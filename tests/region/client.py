# SPDX-License-Identifier: MIT
"""A Python client of the region, for tests, demo and benchmark. Standard library only.

    with Region.start() as region:
        web = region.launch(hook="launch", age_seconds=3)
        region.fault(kind="imds", path="/latest/api/token", fault="silent", count=1)
        subprocess.run([agent, "boot"], env={**os.environ, **region.environment(web)}, timeout=60)
        region.wait_for_state(web["instance_id"], "InService")
        assert len(region.calls(kind="aws", action="CompleteLifecycleAction")) == 1

Every wait has a deadline. The child is ended by its own pid and reaped; it also ends when the
pipe to its standard input closes, thus when this process dies.
"""
import base64
import json
import os
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Dict, List, Optional, Union
from urllib.parse import urlencode

TIMEOUT_S = 10.0


class RegionError(Exception):
    """The region refused a request, or did not start or answer in time."""


class Region:
    def __init__(self, addresses: Dict[str, str],
                 process: Optional[subprocess.Popen] = None):
        self.control = addresses["control"]
        self.aws = addresses["aws"]
        self.name = addresses["region"]
        self.process = process

    @classmethod
    def start(cls, *options: str, python: str = sys.executable,
              timeout: float = TIMEOUT_S) -> "Region":
        """Spawn a region and wait for its line. A context manager; or call stop()."""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        process = subprocess.Popen(
            [python, "-m", "region", "--until-stdin-closes", *options], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            return cls(json.loads(read_line(process.stdout, timeout)), process)
        except (RegionError, ValueError) as error:
            end(process)
            raise RegionError(f"the region did not start: {error}") from error

    def __enter__(self) -> "Region":
        return self

    def __exit__(self, *_exception) -> None:
        self.stop()

    def stop(self) -> Optional[int]:
        """End and reap the process; its exit status. Again is harmless."""
        return None if self.process is None else end(self.process)

    def launch(self, **options: Any) -> Dict[str, Any]:
        """Launch an instance (options: LAUNCH in instance.py): instance_id, imds, state …"""
        return self.request("POST", "/instances", options)

    def instance(self, instance_id: str) -> Dict[str, Any]:
        return self.request("GET", f"/instances/{instance_id}")

    def terminate(self, instance_id: str) -> Dict[str, Any]:
        return self.request("POST", f"/instances/{instance_id}/terminate")

    def remove(self, instance_id: str) -> None:
        self.request("DELETE", f"/instances/{instance_id}")

    def set_metadata(self, instance_id: str, values: Dict[str, Optional[str]]) -> None:
        """Paths below meta-data/: a text, or None for 404."""
        self.request("POST", f"/instances/{instance_id}/metadata", values)

    def expire_tokens(self, instance_id: str) -> None:
        self.request("POST", f"/instances/{instance_id}/expire-tokens")

    def set_clock(self, offset_seconds: float) -> None:
        """AWS's clock minus this machine's."""
        self.request("POST", "/clock", {"offset_seconds": offset_seconds})

    def calls(self, **wanted: Any) -> List[Dict[str, Any]]:
        """What was received so far, oldest first: calls(kind="aws", action="…")."""
        return self.request("GET", "/calls" + ("?" + urlencode(wanted) if wanted else ""))

    def clear_calls(self) -> None:
        self.request("DELETE", "/calls")

    def fault(self, **fault: Any) -> Dict[str, Any]:
        """Add a fault (FAULTS in faults.py)."""
        return self.request("POST", "/faults", fault)

    def faults(self) -> List[Dict[str, Any]]:
        return self.request("GET", "/faults")

    def clear_faults(self) -> None:
        self.request("DELETE", "/faults")

    def put_parameter(self, name: str, value: str, type: str = "SecureString") -> None:
        """Make or change a parameter of the Parameter Store."""
        self.request("POST", "/parameters", {"name": name, "value": value, "type": type})

    def clear_parameters(self) -> None:
        self.request("DELETE", "/parameters")

    def put_secret(self, name: str, value: Union[str, bytes]) -> str:
        """Make or change a secret of Secrets Manager; its ARN."""
        given = {"string": value} if isinstance(value, str) else \
            {"binary_base64": base64.b64encode(value).decode()}
        return self.request("POST", "/secrets", {"name": name, **given})["arn"]

    def clear_secrets(self) -> None:
        self.request("DELETE", "/secrets")

    def environment(self, instance: Dict[str, Any]) -> Dict[str, str]:
        """What leads any AWS tool on "this instance" here, and nothing else."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance["imds"],
                "AWS_ENDPOINT_URL": self.aws}

    def wait_for_state(self, instance_id: str, state: str,
                       timeout: float = TIMEOUT_S) -> Dict[str, Any]:
        """Wait until an instance is in a state; what it is like then."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.instance(instance_id)
            if found["state"] == state:
                return found
            if time.monotonic() > deadline:
                raise RegionError(f"{instance_id} is not {state} after {timeout} s but "
                                  f"{found['state']}; its history: {found['history']}")
            time.sleep(0.01)

    def request(self, method: str, path: str, value: Optional[Dict] = None) -> Any:
        """One control request; raises RegionError with the region's own sentence."""
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.control + path, body, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with DIRECT.open(request, timeout=TIMEOUT_S) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                raise RegionError(f"{method} {path}: {json.load(error)['error']}") from None
        except OSError as error:
            raise RegionError(f"{method} {path}: {error}") from error


# An http_proxy of the environment is not for 127.0.0.1.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def read_line(stream, timeout: float) -> bytes:
    """One line of a pipe, before a deadline."""
    deadline, line = time.monotonic() + timeout, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise RegionError(f"no line within {timeout} s")
        piece = os.read(stream.fileno(), 4096)
        if not piece:
            raise RegionError("it ended without a word on standard output")
        line += piece
    return line


def end(process: subprocess.Popen, timeout: float = 5.0) -> int:
    """Close its input, then TERM, then KILL, and reap it: that one process only."""
    for ask in (process.stdin.close, process.terminate, process.kill):
        try:
            ask()
        except OSError:
            pass
        try:
            status = process.wait(timeout)
            process.stdout.close()
            return status
        except subprocess.TimeoutExpired:
            continue
    raise RegionError(f"process {process.pid} does not end")
