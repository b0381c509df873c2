# SPDX-License-Identifier: MIT
"""AWS Secrets Manager, as far as an instance reads it. From the API reference, 2017-10-17."""
import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from .instance import ACCOUNT_ID
from .protocol import AwsError

CURRENT = "AWSCURRENT"


@dataclass
class Secret:
    name: str
    arn: str
    created: float
    string: Optional[str] = None
    binary: Optional[bytes] = None
    version: str = field(default_factory=lambda: str(uuid.uuid4()))

    def describe(self) -> Dict[str, Any]:
        return {"ARN": self.arn, "Name": self.name, "VersionId": self.version,
                "SecretString": self.string, "SecretBinary": self.binary,
                "VersionStages": [CURRENT], "CreatedDate": self.created}


def put(state, given: Dict[str, Any]) -> Secret:
    """Make or change a secret: {"name"} and {"string"} or {"binary_base64"}; for tests."""
    name, values = given["name"], set(given) - {"name"}
    if values not in ({"string"}, {"binary_base64"}) \
            or not all(isinstance(value, str) for value in given.values()):
        raise ValueError('a secret has a "name", and a "string" or a "binary_base64"')
    suffix = hashlib.sha256(name.encode()).hexdigest()[:6]
    arn = f"arn:aws:secretsmanager:{state.name}:{ACCOUNT_ID}:secret:{name}-{suffix}"
    secret = Secret(name, arn, state.now(), given.get("string"))
    if "binary_base64" in given:
        secret.binary = base64.b64decode(given["binary_base64"], validate=True)
    state.secrets[name] = secret
    return secret


def find(state, name: str) -> Secret:
    """By name, or by ARN with or without the six characters that AWS appends."""
    for secret in state.secrets.values():
        if name in (secret.name, secret.arn, secret.arn.rpartition("-")[0]):
            return secret
    raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def get_secret_value(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    secret = find(state, parameters["SecretId"])
    stage, version = parameters.get("VersionStage", CURRENT), parameters.get("VersionId")
    if stage != CURRENT or version not in (None, secret.version):
        wanted = f"VersionId: {version}" if version else f"staging label: {stage}"
        raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified "
                       f"secret value for {wanted}")
    return secret.describe()


ACTIONS = {
    "GetSecretValue": get_secret_value,
}
