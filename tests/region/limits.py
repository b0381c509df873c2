# SPDX-License-Identifier: MIT
"""Whether parameters are what a service's model wants: required members, types, limits, enums.

botocore's own check does half of it; longest, largest, pattern and enum are in the model, too,
but botocore leaves those to the service.
"""
import re
from typing import Any, Dict, Optional

import botocore.validate
from botocore.model import Shape


def find_problem(parameters: Dict[str, Any], shape: Shape) -> Optional[str]:
    """What is wrong with an operation's parameters, in AWS's words; None: nothing."""
    report = botocore.validate.ParamValidator().validate(parameters, shape)
    if report.has_errors():
        return report.generate_report()
    return find_excess(parameters, shape, "")


def find_excess(value: Any, shape: Shape, name: str) -> Optional[str]:
    """The first value, parts before the whole, that is beyond the model's limits."""
    for below, part, label in parts(value, shape, name):
        problem = find_excess(part, below, label)
        if problem is not None:
            return problem
    if shape.type_name == "structure":
        return None
    size = value if isinstance(value, (int, float)) else len(value)
    limits, problem = shape.metadata, None
    if "max" in limits and size > limits["max"]:
        problem = f"Member must have length less than or equal to {limits['max']}"
    elif limits.get("enum") and value not in limits["enum"]:
        problem = f"Member must satisfy enum value set: {limits['enum']}"
    elif "pattern" in limits and not pattern_allows(limits["pattern"], value):
        problem = f"Member must satisfy regular expression pattern: {limits['pattern']}"
    return problem and (f"1 validation error detected: Value '{value}' at '{name}' failed to "
                        f"satisfy constraint: {problem}")


def parts(value: Any, shape: Shape, name: str):
    """(shape, value, name) of a structure's members or a list's items"""
    if shape.type_name == "structure":
        return [(shape.members[member], below, f"{name}.{member}".strip("."))
                for member, below in value.items()]
    if shape.type_name == "list":
        return [(shape.member, below, f"{name}.{index}") for index, below in enumerate(value, 1)]
    return []


def pattern_allows(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:    # Java's surrogate ranges mean nothing to Python; nearly all is allowed
        return True
