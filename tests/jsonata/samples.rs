//! Inputs and answers as AWS sends them, each of which leads some way through a machine.

use healstack_rehearsal::Random;
use serde_json::{Value, json};

use crate::{shapes, template};

/// One of the events and requests that the machines are started with; so many of a hundred have something changed in
/// them.
pub(crate) fn input(disorder: u64, random: &mut Random) -> Value {
    let inputs = inputs(random);
    changed(shapes::pick(&inputs, random).clone(), disorder, random)
}

fn inputs(random: &mut Random) -> Vec<Value> {
    let state = shapes::pick(&["ALARM", "ALARM", "ALARM", "OK"], random);
    let alarm = json!({
        "id": random.uuid(),
        "time": "2026-01-05T11:59:58Z",
        "detail": {
            "alarmName": "heal--checkout--asg-capacity-healing--gap--checkout-web",
            "state": {"value": state, "reason": "Threshold Crossed"},
            "configuration": {"metrics": [
                {"expression": "desired - inService"},
                {"metricStat": {"metric": {"dimensions": {"AutoScalingGroupName": "checkout-web"}}}},
            ]},
        },
    });
    let heal = json!({
        "stack": "checkout",
        "rule": "asg-capacity-healing",
        "layer": "infrastructure",
        "action": "scale",
        "notify": "all",
        "resource": "arn:aws:ec2:eu-west-1:111122223333:instance/i-0aa00000000000001",
    });
    let service = |source: &str, kind: &str, detail: &Value| {
        let (kind_name, id) = ("detail-type", "e-1");
        json!({"id": id, "source": source, kind_name: kind, "detail": detail, "heal": heal})
    };
    let agent = json!({
        "event_id": "agent-event-1", "stack": "checkout", "rule_name": "process-healing", "layer": "application",
        "status": shapes::pick(&["pending", "in_progress", "completed", "failed"], random),
        "instance_id": "i-0aa00000000000001", "resource_id": "web.service", "start_time": "2026-01-05T11:59:00Z",
        "attempt_count": 2, "reason": "EXITED", "evidence": "code 1",
    });
    vec![
        alarm.clone(),
        alarm,
        json!({"id": "e-2", "time": "2026-01-05T11:59:58Z", "offer": true, "heal": {
            "stack": "checkout", "rule": "asg-capacity-healing", "signal": "gap", "resource": "checkout-web",
            "alarm": "heal--checkout--asg-capacity-healing--gap--checkout-web",
        }}),
        json!({"source": "aws.ssm", "detail": {"ExecutionId": "a-1", "Status": "Success"}}),
        json!({"source": "aws.ssm", "detail": {"ExecutionId": "a-1", "Status": "Failed"}}),
        json!({"close": "e-1"}),
        json!([{"body": agent.to_string()}]),
        json!([{"body": "{\"a\": 1}"}]),
        json!({"native": {
            "event_id": "e-1", "stack": "checkout", "rule": "ecs-healing", "signal": "system", "layer": "platform",
            "action": "restart", "key": "ec2:instance/i-0aa00000000000001", "notify": "all", "reason": "",
            "outcome": shapes::pick(&["in_progress", "completed", "failed"], random), "evidence": "x",
        }}),
        service("aws.ecs", "ECS Service Action", &json!({"eventName": "SERVICE_STEADY_STATE"})),
        service(
            "aws.ecs",
            "ECS Deployment",
            &json!({
                "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "reason": "ECS is rolling back",
            }),
        ),
        service("aws.rds", "RDS DB Instance Event", &json!({"EventID": "RDS-EVENT-0013", "Message": "failover"})),
        service("aws.autoscaling", "EC2 Instance Terminate Successful", &json!({"Cause": "a Health Check failed"})),
        json!({}),
        json!({"next": "token-1"}),
    ]
}

/// What an API answers, if there is a sample. So many of a hundred have something changed in them.
pub(crate) fn answer(api: &str, disorder: u64, random: &mut Random) -> Option<Value> {
    let answers = match api {
        "GetParameter" => ["AsgCapacityHealingRule", "AlbRerouteHealingRule", "Ec2InstanceHealingRule"]
            .map(|rule| json!({"Parameter": {"Value": template::rule(rule)}}))
            .to_vec(),
        "BatchGetItem" => vec![
            json!({"Responses": {"heal--core--ledger": []}, "UnprocessedKeys": {}}),
            json!({"Responses": {"heal--core--ledger": [
                {"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}, "mode": {"S": "observe"}, "until": {"N": "1967614400"}},
                {"pk": {"S": "CONFIG#a/b"}, "sk": {"S": "CONFIG"}, "until": {"N": "1967614400"}, "value": {"S": "{}"}},
            ]}, "UnprocessedKeys": {}}),
        ],
        "GetAutomationExecution" => vec![automation("Success"), automation("Failed"), automation("InProgress")],
        "GetItem" => vec![json!({"Item": event(random)}), json!({})],
        "UpdateItem" | "PutItem" | "DeleteItem" => vec![json!({"Attributes": event(random)}), json!({})],
        "StartAutomationExecution" => vec![json!({"AutomationExecutionId": "a-1"})],
        "StartExecution" => vec![json!({"ExecutionArn": "e"})],
        "DescribeAlarms" => vec![
            json!({"MetricAlarms": [alarm("i-1"), alarm("i-2")], "CompositeAlarms": []}),
            json!({"MetricAlarms": [alarm("i-0aa00000000000001")], "CompositeAlarms": [], "NextToken": "token-2"}),
        ],
        "DescribeAlarmContributors" => vec![json!({"AlarmContributors": [
            {"ContributorId": "c", "ContributorAttributes": {"InstanceId": "i-1"}, "StateReason": "Threshold Crossed"},
        ]})],
        "DescribeAutomationExecutions" => vec![
            json!({"AutomationExecutionMetadataList": [automation("Success")["AutomationExecution"]]}),
            json!({"AutomationExecutionMetadataList": []}),
        ],
        "Query" => vec![
            json!({"Items": [event(random), event(random)], "Count": 2}),
            json!({"Items": [event(random)], "Count": 1}),
            json!({"Items": [], "Count": 0}),
        ],
        _ => return None,
    };
    let answer = shapes::pick(&answers, random).clone();
    Some(changed(answer, disorder, random))
}

fn changed(value: Value, disorder: u64, random: &mut Random) -> Value {
    match value {
        Value::Object(members) if random.chance(disorder) => Value::Object(shapes::disturbed(&members, random)),
        other => other,
    }
}

fn automation(status: &str) -> Value {
    json!({"AutomationExecution": {
        "AutomationExecutionId": "a-1",
        "AutomationExecutionStatus": status,
        "ExecutionStartTime": "2026-01-05T11:50:00.000Z",
        "ExecutionEndTime": "2026-01-05T11:58:00.000Z",
        "FailureMessage": "Step failed",
        "Parameters": {
            "HealEventId": ["e-1"], "RuleName": ["checkout/asg-capacity-healing"], "ResourceId": ["checkout-web"],
        },
        "StepExecutions": [
            {"StepName": "check", "StepStatus": status},
            {"StepName": "leaveAlone", "StepStatus": "Success"},
        ],
    }})
}

fn alarm(instance: &str) -> Value {
    json!({
        "AlarmName": format!("heal--checkout--ec2-instance-healing--unrecovered--{instance}"),
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a",
        "StateValue": "ALARM",
        "StateReason": "Threshold Crossed",
        "ActionsEnabled": true,
        "Dimensions": [{"Name": "InstanceId", "Value": instance}],
        "Metrics": [{"Id": "m", "MetricStat": {"Metric": {"Dimensions": [{"Name": "InstanceId", "Value": instance}]}}}],
    })
}

/// An item of the ledger with what any of its kinds may have.
fn event(random: &mut Random) -> Value {
    json!({
        "pk": {"S": "EVENT#e-1"},
        "sk": {"S": shapes::pick(&["STATE", "EVENT", "0", "5892048"], random)},
        "event_id": {"S": "e-1"},
        "event": {"S": "e-1"},
        "status": {"S": shapes::pick(&["pending", "in_progress", "completed", "failed"], random)},
        "stack": {"S": "checkout"},
        "rule_name": {"S": "asg-capacity-healing"},
        "rule": {"S": "checkout/asg-capacity-healing"},
        "layer": {"S": "infrastructure"},
        "action": {"S": "scale"},
        "resource_id": {"S": "checkout-web"},
        "resource_key": {"S": "autoscaling:autoScalingGroup/checkout-web"},
        "source": {"S": shapes::pick(&["runbook", "native", "agent"], random)},
        "evidence": {"S": "Threshold Crossed"},
        "holder": {"S": "arn:aws:states:eu-west-1:111122223333:execution:heal--core--guard:e-1"},
        "execution": {"S": "a-1"},
        "execution_id": {"S": "a-1"},
        "notify": {"S": shapes::pick(&["all", "failures", "none"], random)},
        "places": {"S": "[{\"pk\":\"SLOT#a/b\",\"sk\":\"0\"},{\"pk\":\"SLOT#ALL\",\"sk\":\"3\"}]"},
        "attempt_count": {"N": "2"},
        "cooldown": {"N": "300"},
        "start_time": {"S": "2026-01-05T11:50:00.000Z"},
        "deadline": {"N": "1767614000"},
        "leaseUntil": {"N": shapes::pick(&["1767614000", "1767615000"], random)},
        "leaseOwner": {"S": "e-1"},
        "leaseHolder": {"S": "arn:aws:states:eu-west-1:111122223333:execution:heal--core--guard:e-1"},
        "mode": {"S": shapes::pick(&["pause", "observe"], random)},
        "until": {"N": "1967614400"},
        "count": {"N": "3"},
        "overdue": {"S": "2026-01-05T11:50:00.000Z"},
    })
}
