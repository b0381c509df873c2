# SPDX-License-Identifier: MIT
"""Auto Scaling with a real botocore client: every action, hook semantics, parameters."""
import time

import botocore.exceptions
import pytest

from region.client import RegionError


def states(region, instance):
    return [state for _, state in region.instance(instance["instance_id"])["history"]]


def complete(client, instance, result="CONTINUE", hook="launch", **more):
    return client.complete_lifecycle_action(
        AutoScalingGroupName="web", LifecycleHookName=hook, LifecycleActionResult=result,
        InstanceId=instance["instance_id"], **more)


def refused(call, *args, **kwargs):
    """(code, message, HTTP status) of the error that a call ends in"""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **kwargs)
    reply = caught.value.response
    assert reply["ResponseMetadata"]["RequestId"]
    return (reply["Error"]["Code"], reply["Error"]["Message"],
            reply["ResponseMetadata"]["HTTPStatusCode"])


def assert_no_action(instance, *call, **kwargs):
    assert refused(*call, **kwargs) == (
        "ValidationError", "No active Lifecycle Action found with instance ID "
        + instance["instance_id"], 400)


def test_describe_instances(region, autoscaling):
    one, _alone, two = region.launch(), region.launch(group=None), region.launch(group="batch")
    client = autoscaling(one)
    found = client.describe_auto_scaling_instances(InstanceIds=[one["instance_id"], "i-0"])
    details, = found["AutoScalingInstances"]
    assert details["LifecycleState"] == "Pending:Wait" and "NextToken" not in found
    assert details["AutoScalingGroupName"] == "web" and details["InstanceType"] == "m5.large"
    assert details["AvailabilityZone"] == "ap-northeast-2a"
    assert details["ProtectedFromScaleIn"] is False and details["HealthStatus"] == "HEALTHY"
    every = [page["InstanceId"] for reply in client.get_paginator(
        "describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 1})
        for page in reply["AutoScalingInstances"]]
    assert every == [one["instance_id"], two["instance_id"]]


def test_describe_hooks(region, autoscaling):
    instance = region.launch(group="api", hooks=[
        {"name": "launch", "heartbeat_timeout": 300},
        {"name": "drain", "transition": "terminate", "default_result": "CONTINUE"}])
    client = autoscaling(instance)
    launch, drain = client.describe_lifecycle_hooks(AutoScalingGroupName="api")["LifecycleHooks"]
    assert launch == {
        "LifecycleHookName": "launch", "AutoScalingGroupName": "api",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": 300, "GlobalTimeout": 30000, "DefaultResult": "ABANDON"}
    assert drain["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (drain["HeartbeatTimeout"], drain["GlobalTimeout"]) == (3600, 172800)
    assert [drain] == client.describe_lifecycle_hooks(
        AutoScalingGroupName="api", LifecycleHookNames=["drain"])["LifecycleHooks"]
    assert refused(client.describe_lifecycle_hooks, AutoScalingGroupName="x")[0] \
        == "ValidationError"


def test_continue(region, autoscaling):
    instance = region.launch()
    complete(autoscaling(instance), instance)
    assert states(region, instance) == ["Pending", "Pending:Wait", "Pending:Proceed", "InService"]
    found = region.instance(instance["instance_id"])
    assert (found["result"], found["result_by"], found["hook"]) == ("CONTINUE", "call", "launch")
    assert_no_action(instance, complete, autoscaling(instance), instance)    # a repeat


def test_abandon(region, autoscaling, metadata):
    instance = region.launch()
    complete(autoscaling(instance), instance, "ABANDON")
    assert states(region, instance) == ["Pending", "Pending:Wait", "Terminating", "Terminated"]
    assert region.instance(instance["instance_id"])["result"] == "ABANDON"
    assert metadata(instance).get("/latest/meta-data/autoscaling/target-lifecycle-state") \
        == (200, "Terminated")
    assert_no_action(instance, complete, autoscaling(instance), instance)
    assert autoscaling(instance).describe_auto_scaling_instances()["AutoScalingInstances"] == []


def test_too_early(region, autoscaling):
    instance = region.launch(wait_delay_ms=200)
    client = autoscaling(instance)
    assert instance["state"] == "Pending"
    assert_no_action(instance, complete, client, instance)
    region.wait_for_state(instance["instance_id"], "Pending:Wait", 2)
    complete(client, instance)
    assert region.instance(instance["instance_id"])["state"] == "InService"


def test_wrong_hook_group_token_and_stranger(region, autoscaling):
    instance, other = region.launch(), region.launch(hook=None)
    client = autoscaling(instance)
    assert_no_action(instance, complete, client, instance, hook="other")
    assert_no_action(instance, complete, client, instance, LifecycleActionToken="0" * 36)
    assert_no_action(other, complete, client, other)
    assert_no_action(instance, client.complete_lifecycle_action, AutoScalingGroupName="api",
                     LifecycleHookName="launch", LifecycleActionResult="CONTINUE",
                     InstanceId=instance["instance_id"])
    assert states(region, other) == ["Pending", "InService"]
    assert region.instance(instance["instance_id"])["state"] == "Pending:Wait"


def test_by_token(region, autoscaling):
    instance = region.launch()
    client, token = autoscaling(instance), instance["actions"][0]["token"]
    arguments = {"AutoScalingGroupName": "web", "LifecycleHookName": "launch",
                 "LifecycleActionResult": "CONTINUE"}
    assert refused(client.complete_lifecycle_action, **arguments)[0] == "ValidationError"
    client.complete_lifecycle_action(LifecycleActionToken=token, **arguments)
    assert region.instance(instance["instance_id"])["state"] == "InService"
    assert refused(client.complete_lifecycle_action, LifecycleActionToken=token, **arguments)[1] \
        == f"No active Lifecycle Action found with token {token}"


@pytest.mark.parametrize("result, end", [("ABANDON", "Terminated"), ("CONTINUE", "InService")])
def test_timeout_gives_the_default_result(region, autoscaling, result, end):
    instance = region.launch(heartbeat_timeout=0.15, default_result=result)
    found = region.wait_for_state(instance["instance_id"], end, 2)
    assert (found["result"], found["result_by"]) == (result, "timeout")
    assert 0.14 <= found["history"][2][0] - found["history"][1][0] <= 0.6
    assert_no_action(instance, complete, autoscaling(instance), instance)


def test_heartbeat_restarts_the_timeout(region, autoscaling):
    instance = region.launch(heartbeat_timeout=0.5)
    client = autoscaling(instance)

    def beat():
        client.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="web", LifecycleHookName="launch",
            InstanceId=instance["instance_id"])
    for _ in range(3):
        time.sleep(0.25)
        beat()
    found = region.instance(instance["instance_id"])
    assert (found["state"], found["heartbeats"]) == ("Pending:Wait", 3)
    complete(client, instance)
    assert_no_action(instance, beat)


def test_two_hooks(region, autoscaling):
    hooks = [{"name": "launch"}, {"name": "register"}]
    instance, other = region.launch(hooks=hooks), region.launch(hooks=hooks)
    client = autoscaling(instance)
    complete(client, instance)
    assert_no_action(instance, complete, client, instance)
    assert region.instance(instance["instance_id"])["state"] == "Pending:Wait"
    complete(client, instance, hook="register")
    assert region.instance(instance["instance_id"])["state"] == "InService"
    complete(client, other, "ABANDON")
    assert_no_action(other, complete, client, other, hook="register")


def test_terminating_hook(region, autoscaling, metadata):
    instance = region.launch(hooks=[{"name": "drain", "transition": "terminate"}])
    path = "/latest/meta-data/autoscaling/target-lifecycle-state"
    assert metadata(instance).get(path) == (200, "InService")
    assert region.terminate(instance["instance_id"])["state"] == "Terminating:Wait"
    assert metadata(instance).get(path) == (200, "Terminated")
    complete(autoscaling(instance), instance, hook="drain")
    assert states(region, instance) == ["Pending", "InService", "Terminating", "Terminating:Wait",
                                        "Terminating:Proceed", "Terminated"]


def test_parameters_are_checked(region, autoscaling):
    instance = region.launch()
    client = autoscaling(instance, checks=False)
    for arguments in ({"LifecycleActionResult": "GO"}, {"LifecycleActionResult": ""},
                      {"LifecycleHookName": "a b"}, {"LifecycleHookName": "x" * 256},
                      {"InstanceId": "i-" + "0" * 18}, {"LifecycleActionToken": "short"}):
        given = {"AutoScalingGroupName": "web", "LifecycleHookName": "launch",
                 "LifecycleActionResult": "CONTINUE", "InstanceId": instance["instance_id"]}
        code, _, status = refused(client.complete_lifecycle_action, **{**given, **arguments})
        assert (code, status) == ("ValidationError", 400), arguments
    assert "Missing required parameter" in refused(client.complete_lifecycle_action,
                                                   InstanceId=instance["instance_id"])[1]
    assert refused(client.describe_auto_scaling_instances, MaxRecords=51)[0] == "ValidationError"
    assert refused(client.describe_auto_scaling_instances,
                   InstanceIds=["i-0"] * 51)[0] == "ValidationError"
    assert refused(client.describe_auto_scaling_groups)[0] == "InternalFailure"


def test_calls_are_noted(region, autoscaling):
    instance = region.launch()
    complete(autoscaling(instance), instance)
    call, = region.calls(kind="aws", action="CompleteLifecycleAction")
    assert call["signature"] == "ok" and call["signed_by"] == "ASIAIOSFODNN7EXAMPLE"
    assert call["service"] == "autoscaling" and call["status"] == 200
    assert call["instance_id"] == instance["instance_id"]
    assert call["parameters"] == {"AutoScalingGroupName": "web", "LifecycleHookName": "launch",
                                  "LifecycleActionResult": "CONTINUE",
                                  "InstanceId": instance["instance_id"]}


@pytest.mark.parametrize("wrong", [{"hok": None}, {"hook": {"nam": "x"}}, {"pending_time": "now"},
                                   {"default_result": "MAYBE"}, {"heartbeat_timeout": 0},
                                   {"imds_before": "x"}])
def test_wrong_launch_is_refused(region, wrong):
    with pytest.raises(RegionError):
        region.launch(**wrong)
    assert region.request("GET", "/instances") == []
