"""What Healstack's local AWS changes in ministack, so that a stack here holds what it would hold on AWS.

Measured against ministack 1.5.33, whose CloudFormation

* refuses alarms on `Metrics` (metric math, Metrics Insights) and does not know composite alarms, though its CloudWatch
  holds both;
* drops a table's time to live, point-in-time recovery and encryption, and a topic's key;
* drops a schedule's time zone, begin, end and key;
* does not know account settings of Systems Manager, though its Systems Manager holds them;
* overwrites, without a word, a resource of the same name that belongs to another stack;
* refuses a record in a hosted zone that is not there, though a record's zone is its user's own, and imports no records;
* refuses the name of a bucket that is being imported because the bucket exists;
* calls a change "Conditionally" replacing wherever it has no table of create-only properties.

`install` puts each right. Everything it reaches into is private to ministack: the version is pinned for that reason.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

import record_sets
from create_only import CREATE_ONLY

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]
Handler = dict[str, Any]

# Types that take stack tags, and that ministack does not know or has no tags for.
TAGGED: tuple[str, ...] = ("AWS::CloudWatch::CompositeAlarm", "AWS::SSM::Association", "AWS::SSM::Document")

# DescribeAlarms members of a metric alarm that are absent when it is made from `Metrics`.
SINGLE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")

# Topic properties that are topic attributes of the same name, and that ministack's CloudFormation leaves out.
TOPIC_ATTRIBUTES = ("KmsMasterKeyId", "SignatureVersion", "TracingConfig")


def install(provisioners: Any) -> None:
    """Puts right what the header lists; `provisioners` is the module ministack.services.cloudformation.provisioners."""
    from ministack.services import scheduler
    from ministack.services.cloudformation import changesets, stacks

    let_imports_keep_their_names(stacks, changesets)
    handlers: dict[str, Handler] = provisioners._RESOURCE_HANDLERS
    cloudwatch, dynamodb, events = provisioners._cw, provisioners._dynamodb, provisioners._eb
    kms, sns, ssm = provisioners._kms, provisioners._sns, provisioners._ssm
    provisioners._cw_metric_alarm_record = metrics_alarm_record(provisioners._cw_metric_alarm_record)
    handlers["AWS::CloudWatch::CompositeAlarm"] = composite_alarm_handlers(cloudwatch, provisioners._physical_name)
    finish(handlers["AWS::DynamoDB::Table"], lambda name, props: finish_table(dynamodb, kms, name, props))
    finish(handlers["AWS::Scheduler::Schedule"], lambda name, props: finish_schedule(scheduler, name, props))
    finish(handlers["AWS::SNS::Topic"], lambda arn, props: finish_topic(sns, arn, props))
    records = handlers["AWS::Route53::RecordSet"]
    records["create"] = record_sets.in_the_users_zone(provisioners._r53, records["create"])
    handlers["AWS::SSM::ServiceSetting"] = service_setting_handlers(ssm)
    states = provisioners._sfn
    for resource_type, name_property, exists in (
        ("AWS::CloudWatch::Alarm", "AlarmName", lambda name: name in cloudwatch._alarms),
        ("AWS::CloudWatch::CompositeAlarm", "AlarmName", lambda name: name in cloudwatch._composite_alarms),
        ("AWS::DynamoDB::Table", "TableName", lambda name: name in dynamodb._tables),
        ("AWS::Events::Rule", "Name", lambda name: events._rule_key(name, "default") in events._rules),
        ("AWS::IAM::Role", "RoleName", lambda name: name in provisioners._iam._roles),
        ("AWS::Logs::LogGroup", "LogGroupName", lambda name: name in provisioners._cw_logs._log_groups),
        ("AWS::Pipes::Pipe", "Name", lambda name: name in provisioners._pipes._pipes),
        ("AWS::Scheduler::Schedule", "Name", lambda name: f"default/{name}" in scheduler._schedules),
        ("AWS::SNS::Topic", "TopicName", lambda name: any(topic["name"] == name for topic in sns._topics.values())),
        ("AWS::SQS::Queue", "QueueName", lambda name: name in provisioners._sqs._queue_name_to_url),
        (
            "AWS::StepFunctions::StateMachine",
            "StateMachineName",
            lambda name: any(machine["name"] == name for machine in states._state_machines.values()),
        ),
    ):
        refuse_existing(handlers[resource_type], resource_type, name_property, exists)
    for resource_type, properties in CREATE_ONLY.items():
        provisioners._REPLACING_PROPERTIES.setdefault(resource_type, properties)
    for resource_type in TAGGED:
        provisioners._STACK_TAG_PROPERTY.setdefault(resource_type, ("Tags", "list"))


def let_imports_keep_their_names(stacks: Any, changesets: Any) -> None:
    """ImportExistingResources takes a resource back by its name: that the name is taken is the point."""
    imported: contextvars.ContextVar[frozenset[str]] = contextvars.ContextVar("healstack_imported", default=frozenset())
    deploy, validate = changesets._deploy_stack_async, stacks._validation_errors

    async def deployed(*arguments: Any, **named: Any) -> Any:
        token = imported.set(frozenset(named.get("imports") or ()))
        try:
            return await deploy(*arguments, **named)
        finally:
            imported.reset(token)

    def errors(*arguments: Any, **named: Any) -> list[Any]:
        found = validate(*arguments, **named)
        return [each for each in found if each[2] != "NAME_CONFLICT_VALIDATION" or each[0] not in imported.get()]

    changesets._deploy_stack_async, stacks._validation_errors = deployed, errors


def refuse_existing(handler: Handler, resource_type: str, name_property: str, exists: Callable[[str], bool]) -> None:
    """Makes a handler's create fail when the name that a template gives is taken, with the text that AWS uses."""
    create = handler["create"]

    def checked(logical_id: str, props: Properties, stack_name: str) -> Created:
        name = props.get(name_property)
        if name and exists(str(name)):
            raise ValueError(f"Resource of type '{resource_type}' with identifier '{name}' already exists.")
        return create(logical_id, props, stack_name)

    handler["create"] = checked


def finish(handler: Handler, apply: Callable[[str, Properties], None]) -> None:
    """Calls `apply(physical id, properties)` after a handler's create and update."""
    create, update = handler["create"], handler["update"]

    def created(logical_id: str, props: Properties, stack_name: str) -> Created:
        result = create(logical_id, props, stack_name)
        apply(result[0], props)
        return result

    def updated(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Created:
        result = update(physical_id, old, new, *rest)
        apply(result[0], new)
        return result

    handler["create"], handler["update"] = created, updated


def finish_table(dynamodb: Any, kms: Any, name: str, props: Properties) -> None:
    """Applies a table's TimeToLiveSpecification, PointInTimeRecoverySpecification and SSESpecification."""
    ttl = props.get("TimeToLiveSpecification") or {}
    # The stores, not the API: there is no attribute name to call UpdateTimeToLive with once a template drops it.
    if is_true(ttl.get("Enabled")):
        dynamodb._ttl_settings[name] = {"TimeToLiveStatus": "ENABLED", "AttributeName": ttl["AttributeName"]}
    else:
        dynamodb._ttl_settings.pop(name, None)
    recovery = props.get("PointInTimeRecoverySpecification") or {}
    dynamodb._pitr_settings[name] = is_true(recovery.get("PointInTimeRecoveryEnabled"))
    encryption = dict(props.get("SSESpecification") or {})
    key = kms._resolve_key(encryption["KMSMasterKeyId"]) if encryption.get("KMSMasterKeyId") else None
    if key:  # DescribeTable shows the key's ARN, whichever way the template names the key
        encryption["KMSMasterKeyId"] = key["Arn"]
    # Without a specification, or with it off, DescribeTable has no SSEDescription.
    enabled = {**encryption, "Enabled": True} if is_true(encryption.get("SSEEnabled")) else None
    dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(enabled)


def finish_topic(sns: Any, arn: str, props: Properties) -> None:
    """Applies a topic's properties that are attributes of its own."""
    attributes = sns._topics[arn]["attributes"]
    for name in TOPIC_ATTRIBUTES:
        if props.get(name):
            attributes[name] = str(props[name])
        else:
            attributes.pop(name, None)


def finish_schedule(scheduler: Any, name: str, props: Properties) -> None:
    """Applies a schedule's properties that ministack leaves out; the ones without a value are absent, as on AWS."""
    schedule = scheduler._schedules[f"{props.get('GroupName', 'default')}/{name}"]
    schedule["ScheduleExpressionTimezone"] = props.get("ScheduleExpressionTimezone", "UTC")
    for member in ("StartDate", "EndDate", "KmsKeyArn"):
        schedule[member] = props.get(member)


def service_setting_handlers(ssm: Any) -> dict[str, Any]:
    """Handlers of an account setting, through ministack's own UpdateServiceSetting and ResetServiceSetting."""

    def put(props: Properties) -> Created:
        status, _headers, body = ssm._update_service_setting(props, "arn:aws:iam::000000000000:root")
        if status >= 400:
            raise ValueError(f"AWS::SSM::ServiceSetting: {json.loads(body).get('message')}")
        arn = ssm._service_setting_out(props["SettingId"])["ARN"]
        return arn, {"Arn": arn}

    def create(_logical_id: str, props: Properties, _stack_name: str) -> Created:
        return put(props)

    def update(_physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> Created:
        return put(new)

    def delete(_physical_id: str, props: Properties) -> None:
        ssm._reset_service_setting(props)

    return {"create": create, "update": update, "delete": delete}


def is_true(value: Any) -> bool:
    """A template's boolean, which CloudFormation also takes as a string."""
    return str(value).lower() == "true"


def metrics_alarm_record(original: Callable[[str, Properties], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Wraps ministack's alarm builder so that an alarm on `Metrics` (metric math, Metrics Insights) is stored too.

    Such an alarm is only held, never evaluated: ministack evaluates alarms that have a MetricName. Properties of an
    alarm that DescribeAlarms does not show for `Metrics` are left out, so that reading it back is like on AWS.
    """

    def record(name: str, props: Properties) -> dict[str, Any]:
        if not props.get("Metrics"):
            return original(name, props)
        clash = sorted({"MetricName", "Namespace", "Dimensions", "Period", "Statistic"} & props.keys())
        if clash:
            raise ValueError(f"AWS::CloudWatch::Alarm {name}: Metrics and {', '.join(clash)} exclude each other")
        stand_in = {"MetricName": "-", "Namespace": "-", "Threshold": 0}
        alarm = original(name, {**stand_in, **{key: value for key, value in props.items() if key != "Metrics"}})
        for key in SINGLE_METRIC if "Threshold" in props else (*SINGLE_METRIC, "Threshold"):
            alarm.pop(key, None)
        if "ThresholdMetricId" in props:
            alarm["ThresholdMetricId"] = props["ThresholdMetricId"]
        alarm["Metrics"] = [metric_query(query) for query in props["Metrics"]]
        return alarm

    return record


def metric_query(query: Properties) -> dict[str, Any]:
    """A MetricDataQuery with the types that the API has: a template may carry numbers and booleans as strings."""
    typed = dict(query)
    if "Period" in typed:
        typed["Period"] = int(typed["Period"])
    # AWS: true when it is not given.
    typed["ReturnData"] = is_true(typed.get("ReturnData", True))
    if "MetricStat" in typed:
        typed["MetricStat"] = {**typed["MetricStat"], "Period": int(typed["MetricStat"]["Period"])}
    return typed


def composite_alarm_handlers(cloudwatch: Any, physical_name: Callable[..., str]) -> dict[str, Any]:
    """Handlers that create composite alarms through ministack's own PutCompositeAlarm and DeleteAlarms."""

    def call(operation: Callable[..., Any], request: Properties) -> None:
        status, _headers, body = operation({}, request, False, True)
        if status >= 400:
            raise ValueError(f"AWS::CloudWatch::CompositeAlarm: {json.loads(body).get('message', body)}")

    def put(name: str, props: Properties) -> Created:
        # Tags are stored directly: PutCompositeAlarm refuses the aws: tags that CloudFormation adds, and ignores all
        # of them on an alarm that exists.
        call(cloudwatch._put_composite_alarm, {**props, "AlarmName": name, "Tags": []})
        cloudwatch.cloudformation_set_metric_alarm_tags(name, props.get("Tags") or [])
        alarm = cloudwatch._composite_alarms[name]
        # PutCompositeAlarm of ministack drops these; DescribeAlarms shows what is in the record.
        for key in ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
            if key in props:
                alarm[key] = props[key] if key == "ActionsSuppressor" else int(props[key])
        return name, {"Arn": alarm["AlarmArn"]}

    def create(logical_id: str, props: Properties, stack_name: str) -> Created:
        return put(props.get("AlarmName") or physical_name(stack_name, logical_id, max_len=255), props)

    # A changed AlarmName never comes here: ministack replaces the resource itself (CREATE_ONLY).
    def update(physical_id: str, _old: Properties, new: Properties, _stack: str) -> Created:
        return put(physical_id, new)

    def delete(physical_id: str, _props: Properties) -> None:
        call(cloudwatch._delete_alarms, {"AlarmNames": [physical_id]})

    return {"create": create, "update": update, "delete": delete}
