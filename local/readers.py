"""Reads resources back through their own service's API and compares them with what the template says.

One function a CloudFormation resource type (reading.py), found by its entry in `READERS`; what runs and starts state
machines is in readers_workflow.py."""

from __future__ import annotations

import json
from collections.abc import Iterator

import readers_workflow
from reading import Clients, Properties, Reader, compare, keyed, only

__all__ = ["READERS", "Clients"]


def table(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeTable, DescribeTimeToLive, DescribeContinuousBackups."""
    found = clients["dynamodb"].describe_table(TableName=physical_id)["Table"]
    yield from compare("ACTIVE", found["TableStatus"], "TableStatus")
    yield from compare(only(props, "TableName", "KeySchema", "DeletionProtectionEnabled"), found)
    for name, key in (("AttributeDefinitions", "AttributeName"), ("GlobalSecondaryIndexes", "IndexName")):
        yield from compare(keyed(props.get(name, []), key), keyed(found.get(name, []), key), name)
    mode = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    yield from compare(props.get("BillingMode", "PROVISIONED"), mode, "BillingMode")
    ttl = clients["dynamodb"].describe_time_to_live(TableName=physical_id)["TimeToLiveDescription"]
    wanted = props.get("TimeToLiveSpecification") or {"Enabled": False}
    yield from compare(wanted["Enabled"], ttl["TimeToLiveStatus"] == "ENABLED", "TimeToLiveSpecification.Enabled")
    yield from compare(only(wanted, "AttributeName"), ttl, "TimeToLiveSpecification")
    backups = clients["dynamodb"].describe_continuous_backups(TableName=physical_id)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    specified = (props.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled", False)
    yield from compare(specified, recovery, "PointInTimeRecoveryEnabled")
    encrypted = found.get("SSEDescription", {}).get("Status") == "ENABLED"
    yield from compare((props.get("SSESpecification") or {}).get("SSEEnabled", False), encrypted, "SSEEnabled")


def topic(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetTopicAttributes."""
    found = clients["sns"].get_topic_attributes(TopicArn=physical_id)["Attributes"]
    found["TopicName"] = physical_id.rsplit(":", 1)[-1]
    yield from compare(only(props, "DisplayName", "KmsMasterKeyId", "TopicName"), found)


def topic_policy(clients: Clients, _physical_id: str, props: Properties) -> Iterator[str]:
    """GetTopicAttributes of each topic."""
    for arn in props["Topics"]:
        found = clients["sns"].get_topic_attributes(TopicArn=arn)["Attributes"]
        yield from compare(props["PolicyDocument"], json.loads(found["Policy"]), "PolicyDocument")


def subscription(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """ListSubscriptionsByTopic, since GetSubscriptionAttributes of ministack leaves the endpoint out, and that."""
    pages = clients["sns"].get_paginator("list_subscriptions_by_topic").paginate(TopicArn=props["TopicArn"])
    found = keyed([each for page in pages for each in page["Subscriptions"]], "SubscriptionArn")
    yield from compare(only(props, "Endpoint", "Protocol", "TopicArn"), found[physical_id])
    attributes = clients["sns"].get_subscription_attributes(SubscriptionArn=physical_id)["Attributes"]
    yield from compare(props.get("RawMessageDelivery", False), attributes["RawMessageDelivery"], "RawMessageDelivery")
    wanted, given = props.get("FilterPolicy", {}), attributes.get("FilterPolicy") or "{}"
    yield from compare(wanted, json.loads(given), "FilterPolicy")


def queue(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetQueueAttributes."""
    found = clients["sqs"].get_queue_attributes(QueueUrl=physical_id, AttributeNames=["All"])["Attributes"]
    for policy in ("RedrivePolicy", "RedriveAllowPolicy"):
        if policy in found:
            found[policy] = json.loads(found[policy])
        yield from compare(props.get(policy, {}), found.get(policy, {}), policy)
    found["QueueName"] = found["QueueArn"].rsplit(":", 1)[-1]
    named = (
        "QueueName",
        "DelaySeconds",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "VisibilityTimeout",
    )
    yield from compare(only(props, *named, "SqsManagedSseEnabled", "KmsMasterKeyId"), found)


def queue_policy(clients: Clients, _physical_id: str, props: Properties) -> Iterator[str]:
    """GetQueueAttributes of each queue."""
    for url in props["Queues"]:
        found = clients["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
        yield from compare(props["PolicyDocument"], json.loads(found["Policy"]), "PolicyDocument")


def key(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeKey, GetKeyPolicy, GetKeyRotationStatus."""
    found = clients["kms"].describe_key(KeyId=physical_id)["KeyMetadata"]
    yield from compare({"KeyState": "Enabled", **only(props, "Description", "KeySpec", "KeyUsage")}, found)
    policy = clients["kms"].get_key_policy(KeyId=physical_id, PolicyName="default")["Policy"]
    yield from compare(props.get("KeyPolicy", {}), json.loads(policy), "KeyPolicy")
    rotation = clients["kms"].get_key_rotation_status(KeyId=physical_id)["KeyRotationEnabled"]
    yield from compare(props.get("EnableKeyRotation", False), rotation, "EnableKeyRotation")


def alias(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeKey by alias."""
    yield from compare(props["AliasName"], physical_id, "AliasName")
    found = clients["kms"].describe_key(KeyId=physical_id)["KeyMetadata"]
    if props["TargetKeyId"] not in (found["KeyId"], found["Arn"]):
        yield from compare(props["TargetKeyId"], found["KeyId"], "TargetKeyId")


def alarm(kind: str) -> Reader:
    """DescribeAlarms; the members of a MetricAlarm and a CompositeAlarm are named as the properties are."""

    def read(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
        answer = clients["cloudwatch"].describe_alarms(AlarmNames=[physical_id], AlarmTypes=[kind])[f"{kind}s"]
        if not answer:
            yield "DescribeAlarms does not show it"
            return
        # Neither is a member of DescribeAlarms; tags have an operation of their own.
        shown = (name for name in props if name not in ("ActionConfiguration", "Tags"))
        yield from compare(only(props, *shown), answer[0])

    return read


def parameter(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetParameter; a value that looks like JSON must be JSON."""
    found = clients["ssm"].get_parameter(Name=physical_id)["Parameter"]
    yield from compare(only(props, "Name", "Type", "Value"), found)
    if found["Value"].lstrip().startswith(("{", "[")):
        try:
            json.loads(found["Value"])
        except ValueError as error:
            yield f"Value is not JSON: {error}"


def service_setting(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetServiceSetting."""
    found = clients["ssm"].get_service_setting(SettingId=props["SettingId"])["ServiceSetting"]
    yield from compare(physical_id, found["ARN"], "Arn")
    yield from compare(props["SettingValue"], found["SettingValue"], "SettingValue")


def role(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """GetRole, ListRolePolicies, GetRolePolicy of each."""
    found = clients["iam"].get_role(RoleName=physical_id)["Role"]
    yield from compare(only(props, "RoleName", "Path", "AssumeRolePolicyDocument", "MaxSessionDuration"), found)
    wanted = keyed(props.get("Policies", []), "PolicyName")
    names = clients["iam"].list_role_policies(RoleName=physical_id)["PolicyNames"]
    yield from compare(sorted(wanted), sorted(names), "Policies")
    for name in wanted.keys() & set(names):
        document = clients["iam"].get_role_policy(RoleName=physical_id, PolicyName=name)["PolicyDocument"]
        yield from compare(wanted[name]["PolicyDocument"], document, f"Policies.{name}")


def rule(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribeRule, ListTargetsByRule."""
    name = physical_id.rsplit("|", 1)[-1]  # `bus|rule` on any bus but the default one
    bus = {"EventBusName": props["EventBusName"]} if isinstance(props.get("EventBusName"), str) else {}
    found = clients["events"].describe_rule(Name=name, **bus)
    yield from compare(only(props, "Name", "State", "ScheduleExpression"), found)
    yield from compare(props.get("EventPattern", {}), json.loads(found.get("EventPattern") or "{}"), "EventPattern")
    targets = clients["events"].list_targets_by_rule(Rule=name, **bus)["Targets"]
    wanted = keyed(props.get("Targets", []), "Id")
    yield from compare(sorted(wanted), sorted(keyed(targets, "Id")), "Targets")
    yield from compare(wanted, keyed(targets, "Id"), "Targets")


def bucket(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """HeadBucket, GetBucketVersioning, GetBucketEncryption, GetPublicAccessBlock."""
    s3 = clients["s3"]
    s3.head_bucket(Bucket=physical_id)
    yield from compare(props.get("BucketName", physical_id), physical_id, "BucketName")
    if "VersioningConfiguration" in props:
        versioning = s3.get_bucket_versioning(Bucket=physical_id)
        yield from compare(props["VersioningConfiguration"], versioning, "VersioningConfiguration")
    if "BucketEncryption" in props:
        rules = s3.get_bucket_encryption(Bucket=physical_id)["ServerSideEncryptionConfiguration"]["Rules"]
        wanted = props["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        pairs = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
        renamed = [{pairs.get(name, name): item for name, item in each.items()} for each in wanted]
        yield from compare(renamed, rules, "BucketEncryption")
    if "PublicAccessBlockConfiguration" in props:
        block = s3.get_public_access_block(Bucket=physical_id)["PublicAccessBlockConfiguration"]
        yield from compare(props["PublicAccessBlockConfiguration"], block, "PublicAccessBlockConfiguration")


def bucket_policy(clients: Clients, _physical_id: str, props: Properties) -> Iterator[str]:
    """GetBucketPolicy."""
    found = clients["s3"].get_bucket_policy(Bucket=props["Bucket"])["Policy"]
    yield from compare(props["PolicyDocument"], json.loads(found), "PolicyDocument")


def scaling_policy(clients: Clients, physical_id: str, props: Properties) -> Iterator[str]:
    """DescribePolicies; its members are named as the properties are."""
    group = {"AutoScalingGroupName": props["AutoScalingGroupName"]}
    found = clients["autoscaling"].describe_policies(**group)["ScalingPolicies"]
    policy = next((each for each in found if physical_id in (each["PolicyARN"], each["PolicyName"])), None)
    if policy is None:
        yield "DescribePolicies does not show it"
        return
    yield from compare(only(props, "AdjustmentType", "PolicyType", "ScalingAdjustment"), policy)


def record_set(clients: Clients, _physical_id: str, props: Properties) -> Iterator[str]:
    """ListResourceRecordSets of the zone."""
    zone = {"HostedZoneId": props["HostedZoneId"]}
    pages = clients["route53"].get_paginator("list_resource_record_sets").paginate(**zone)
    name = props["Name"].rstrip(".")
    named = ("Type", "SetIdentifier")
    for found in (each for page in pages for each in page["ResourceRecordSets"]):
        if found["Name"].rstrip(".") == name and all(found.get(key) == props.get(key) for key in named):
            yield from compare(only(props, "Failover", "TTL"), found)
            return
    yield "ListResourceRecordSets does not show it"


READERS: dict[str, Reader] = {
    "AWS::AutoScaling::ScalingPolicy": scaling_policy,
    "AWS::CloudWatch::Alarm": alarm("MetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": alarm("CompositeAlarm"),
    "AWS::DynamoDB::Table": table,
    "AWS::Events::Rule": rule,
    "AWS::IAM::Role": role,
    "AWS::KMS::Alias": alias,
    "AWS::KMS::Key": key,
    "AWS::Route53::RecordSet": record_set,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::SSM::Parameter": parameter,
    "AWS::SSM::ServiceSetting": service_setting,
    **readers_workflow.READERS,
}
