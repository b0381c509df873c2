# SPDX-License-Identifier: MIT
"""Amazon EC2 Auto Scaling, as far as an instance needs it: one function an action.

From the Auto Scaling API reference, 2011-01-01. "No active Lifecycle Action found" is the one
answer for too early, too late, completed, the wrong hook and the wrong group (facts L1, L2;
the words from many reports, for a token from spacelift's worker pool, pull request 197).
"""
from typing import Any, Callable, Dict

from .lifecycle import NoActiveAction, RESULTS
from .query import validation_error

RECORDS_MAX = 50


def describe_instances(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    """Ids that are unknown or in no group are left out without an error."""
    wanted, count = parameters.get("InstanceIds"), parameters.get("MaxRecords", RECORDS_MAX)
    if len(wanted or []) > RECORDS_MAX or not 1 <= count <= RECORDS_MAX:
        raise validation_error(f"The number of instances and of records is at most {RECORDS_MAX}")
    members = [instance for instance in state.instances.values()
               if instance.lifecycle is not None and instance.state != "Terminated"
               and (not wanted or instance.id in wanted)]
    token = parameters.get("NextToken", "0")
    if not token.isdigit():
        raise validation_error(f"Invalid next token '{token}'")
    start = int(token)
    return {"AutoScalingInstances": [
        {"InstanceId": instance.id, "InstanceType": instance.type,
         "AutoScalingGroupName": instance.lifecycle.group.name,
         "AvailabilityZone": instance.availability_zone,
         "LifecycleState": instance.state, "HealthStatus": "HEALTHY",
         "LaunchTemplate": {"LaunchTemplateId": "lt-0a4872e2c396d941c",
                            "LaunchTemplateName": instance.lifecycle.group.name,
                            "Version": "1"},
         "ProtectedFromScaleIn": False} for instance in members[start:start + count]],
        "NextToken": str(start + count) if start + count < len(members) else None}


def describe_hooks(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    name, wanted = parameters["AutoScalingGroupName"], parameters.get("LifecycleHookNames")
    if name not in state.groups:
        raise validation_error(f"AutoScalingGroup name not found - AutoScalingGroup {name} not "
                               "found")
    return {"LifecycleHooks": [
        {"LifecycleHookName": hook.name, "AutoScalingGroupName": name,
         "LifecycleTransition": hook.transition.name,
         "HeartbeatTimeout": int(hook.heartbeat_timeout_s),
         "GlobalTimeout": int(hook.global_timeout_s), "DefaultResult": hook.default_result}
        for hook in state.groups[name].hooks.values() if not wanted or hook.name in wanted]}


def complete_action(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    result = parameters["LifecycleActionResult"]
    if result not in RESULTS:
        raise validation_error(f"Lifecycle action result must be one of {', '.join(RESULTS)}, "
                               f"not '{result}'")
    return on_lifecycle(state, parameters, lambda life, hook, token:
                        life.complete(hook, token, result))


def record_heartbeat(state, parameters: Dict[str, Any]) -> Dict[str, Any]:
    return on_lifecycle(state, parameters, lambda life, hook, token: life.heartbeat(hook, token))


def on_lifecycle(state, parameters: Dict[str, Any], act: Callable) -> Dict[str, Any]:
    """Do something with the open lifecycle action that the instance id or the token names."""
    instance_id, token = parameters.get("InstanceId"), parameters.get("LifecycleActionToken")
    if instance_id is None and token is None:
        raise validation_error("Either InstanceId or LifecycleActionToken must be specified")
    for instance in state.instances.values():
        life = instance.lifecycle
        if life is None or life.group.name != parameters["AutoScalingGroupName"]:
            continue
        if instance_id is not None and instance.id != instance_id:
            continue
        if instance_id is None and not life.token_is_known(token):
            continue
        try:
            act(life, parameters["LifecycleHookName"], token)
            return {}
        except NoActiveAction:
            break
    named = f"instance ID {instance_id}" if instance_id is not None else f"token {token}"
    raise validation_error(f"No active Lifecycle Action found with {named}")


ACTIONS = {
    "DescribeAutoScalingInstances": describe_instances,
    "DescribeLifecycleHooks": describe_hooks,
    "CompleteLifecycleAction": complete_action,
    "RecordLifecycleActionHeartbeat": record_heartbeat,
}
