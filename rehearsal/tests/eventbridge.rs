//! Every generated rule and metric filter with events that it takes and events that it does not.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "automation/template.rs"]
mod template;

use healstack_rehearsal::eventbridge::logs::MetricFilter;
use healstack_rehearsal::eventbridge::{Retry, Rule};
use serde_json::{Value, json};

fn rules() -> Vec<(String, Rule)> {
    ["core", "checkout"]
        .into_iter()
        .flat_map(|stack| template::resources(stack, "AWS::Events::Rule"))
        .map(|(id, properties)| {
            let rule = Rule::load(&id, &format!("arn:aws:events:eu-west-1:111122223333:rule/{id}"), &properties);
            (id, rule.unwrap())
        })
        .collect()
}

fn event(source: &str, detail_type: &str, resources: &[&str], detail: &Value) -> Value {
    json!({
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": detail_type, "source": source,
        "account": "111122223333", "time": "2026-01-05T12:00:00Z", "region": "eu-west-1", "resources": resources,
        "detail": detail,
    })
}

const WEB: &str = "arn:aws:ecs:eu-west-1:111122223333:service/checkout/web";
const DATABASE: &str = "arn:aws:rds:eu-west-1:111122223333:db:checkout";
const CLUSTER: &str = "arn:aws:rds:eu-west-1:111122223333:cluster:checkout-orders";
const BALANCER: &str = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/checkout/50dc6c495c0c9188";
const ALARM: &str = "CloudWatch Alarm State Change";
const RUNBOOK: &str = "EC2 Automation Execution Status-change Notification";
const STACK: &str = "CloudFormation Stack Status Change";
const BACKUP: &str = "Backup Job State Change";
const STACK_ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/heal--checkout/0";

/// The events, each with the rules that take it.
fn cases() -> Vec<(Value, Vec<&'static str>)> {
    let alarm = |detail: Value| event("aws.cloudwatch", ALARM, &[], &detail);
    let runbook = |detail: Value| event("aws.ssm", RUNBOOK, &[], &detail);
    let stack = |status: &str, id: &str| {
        event("aws.cloudformation", STACK, &[], &json!({"stack-id": id, "status-details": {"status": status}}))
    };
    let backup = |detail: &Value| {
        let mut detail = detail.clone();
        detail["backupVaultName"] = json!("checkout");
        event("aws.backup", BACKUP, &[], &detail)
    };
    let patch = |status: &str| {
        let detail = json!({
            "compliance-type": "Patch", "compliance-status": status, "resource-id": "i-0123456789abcdef0",
        });
        event("aws.ssm", "Configuration Compliance State Change", &[], &detail)
    };
    let group = |name: &str| {
        event("aws.autoscaling", "EC2 Instance Launch Unsuccessful", &["arn"], &json!({"AutoScalingGroupName": name}))
    };
    let database = |id: &str| event("aws.rds", "RDS DB Instance Event", &[DATABASE], &json!({"EventID": id}));
    let cluster = |arn: &str| event("aws.rds", "RDS DB Cluster Event", &[arn], &json!({"EventID": "RDS-EVENT-0072"}));
    let service = |name: &str, arn: &str| event("aws.ecs", "ECS Service Action", &[arn], &json!({"eventName": name}));
    let shift = |arn: &str| event("aws.arc-zonal-shift", "Autoshift In Progress", &[arn], &json!({}));
    let plan = "arn:aws:made:eu-west-1:111122223333:BackupVerificationHealingRestoreTest.RestoreTestingPlanArn";
    let restore = |status: &str| {
        let detail = json!({"restoreTestingPlanArn": plan, "status": status});
        event("aws.backup", "Restore Job State Change", &[], &detail)
    };
    vec![
        (alarm(json!({"alarmName": "heal--x", "state": {"value": "ALARM"}})), vec!["AlarmRule"]),
        (
            alarm(json!({"alarmName": "heal--x", "state": {"value": "OK"}, "muteDetail": {"mutedByArn": "a"}})),
            vec!["AlarmRule"],
        ),
        (
            alarm(json!({"alarmName": "heal--x", "state": {"value": "ALARM"}, "muteDetail": {"mutedByArn": "a"}})),
            vec![],
        ),
        (alarm(json!({"alarmName": "heal--x", "state": {"value": "INSUFFICIENT_DATA"}})), vec![]),
        (alarm(json!({"alarmName": "other", "state": {"value": "ALARM"}})), vec![]),
        (runbook(json!({"Definition": "heal--x", "Status": "TimedOut"})), vec!["RunbookRule"]),
        (runbook(json!({"Definition": "heal--x", "Status": "InProgress"})), vec![]),
        (runbook(json!({"Definition": "AWS-x", "Status": "Failed"})), vec![]),
        (stack("UPDATE_COMPLETE", STACK_ID), vec!["StackRule"]),
        (stack("UPDATE_IN_PROGRESS", STACK_ID), vec![]),
        (stack("UPDATE_COMPLETE", "arn:aws:cloudformation:eu-west-1:111122223333:stack/other/0"), vec![]),
        (group("checkout-web"), vec!["AsgCapacityHealingReplacement"]),
        (group("other"), vec![]),
        (cluster(CLUSTER), vec!["AuroraClusterHealingFailover"]),
        (cluster("arn:aws:rds:eu-west-1:111122223333:cluster:other"), vec![]),
        (database("RDS-EVENT-0031"), vec!["DatabaseCorruptionHealingGaveUpCheckoutc7761e58"]),
        (database("RDS-EVENT-0049"), vec!["RdsInstanceHealingFailover"]),
        (database("RDS-EVENT-0001"), vec![]),
        (service("SERVICE_TASK_START_IMPAIRED", WEB), vec!["EcsServiceHealingDeployment"]),
        (service("SERVICE_STEADY_STATE", WEB), vec![]),
        (shift(BALANCER), vec!["ZonalShiftHealingAutoshifts"]),
        (shift("checkout"), vec!["ZonalShiftHealingAutoshifts"]),
        (shift("another"), vec![]),
        (shift("arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/other/1"), vec![]),
        (restore("FAILED"), vec!["BackupVerificationHealingRestores"]),
        (restore("VALIDATING"), vec![]),
        (
            backup(&json!({"resourceArn": DATABASE, "state": "EXPIRED"})),
            vec!["BackupVerificationHealingFailed", "BackupVerificationHealingOutcome"],
        ),
        (backup(&json!({"resourceArn": DATABASE, "state": "COMPLETED"})), vec!["BackupVerificationHealingOutcome"]),
        (
            backup(&json!({"resourceArn": DATABASE, "state": "COMPLETED", "statusMessage": ""})),
            vec!["BackupVerificationHealingOutcome"],
        ),
        (backup(&json!({"resourceArn": DATABASE, "state": "COMPLETED", "statusMessage": "but"})), vec![]),
        (backup(&json!({"resourceArn": CLUSTER, "state": "FAILED"})), vec![]),
        (patch("compliant"), vec!["PatchComplianceHealingCompliance"]),
        (patch("unspecified"), vec![]),
    ]
}

#[test]
fn each_event_goes_to_its_rules_alone() {
    let rules = rules();
    let mut taken = std::collections::BTreeSet::new();
    for (event, expected) in cases() {
        let found: Vec<&str> =
            rules.iter().filter(|(_, rule)| rule.matches(&event)).map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, expected, "{event}");
        taken.extend(expected);
    }
    let all: std::collections::BTreeSet<&str> = rules.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(taken, all, "every generated rule has an event here");
}

#[test]
fn targets_get_what_the_machines_read() {
    let rules = rules();
    for (event, expected) in cases() {
        for (_, rule) in rules.iter().filter(|(id, _)| expected.contains(&id.as_str())) {
            for target in rule.targets() {
                let input = target.input(&event, 0).unwrap();
                assert_eq!(input["detail"], event["detail"]);
                assert_eq!(input["detail-type"], event["detail-type"]);
                assert_eq!((&input["id"], &input["time"]), (&event["id"], &event["time"]));
                assert!(target.dead_letter.is_some() && target.retry.maximum_age_s < 86_400);
            }
        }
    }
    let (_, rule) = rules.iter().find(|(id, _)| id == "ZonalShiftHealingAutoshifts").unwrap();
    let [target] = rule.targets() else { panic!("{rule:?}") };
    assert_eq!(target.retry, Retry { maximum_age_s: 600, maximum_attempts: 20 });
    assert!(target.arn.ends_with("stateMachine:heal--core--recorder:live"));
    let shift = event("aws.arc-zonal-shift", "Autoshift Completed", &[BALANCER], &json!({"metadata": {}}));
    assert_eq!(
        target.input(&shift, 0).unwrap()["heal"],
        json!({
            "stack": "checkout", "rule": "zonal-shift-healing", "layer": "network", "action": "failover",
            "notify": "all", "resource": "elasticloadbalancing:loadbalancer/app/checkout/50dc6c495c0c9188",
        })
    );
    // Nothing is written for a path that leads nowhere, and the machine refuses what is left.
    let mut without = shift;
    without.as_object_mut().unwrap().remove("detail");
    assert_eq!(target.input(&without, 0).unwrap_err().code, "InvalidExecutionInput");
}

#[test]
fn a_rule_that_is_disabled_takes_nothing() {
    let mut properties = json!({"EventPattern": {"source": ["a"]}, "State": "DISABLED", "Targets": []});
    let load = |properties: &Value| Rule::load("r", "arn", properties);
    assert!(!load(&properties).unwrap().matches(&json!({"source": "a"})));
    properties["State"] = json!("ENABLED");
    assert!(load(&properties).unwrap().matches(&json!({"source": "a"})));
    for (property, value) in [
        ("ScheduleExpression", json!("rate(1 day)")),
        ("EventBusName", json!("other")),
        ("State", json!("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")),
        ("Targets", json!([{"Id": "a"}])),
        ("Targets", json!([{"Id": "a", "Arn": "arn:aws:sqs:::q", "SqsParameters": {}}])),
        ("Targets", json!([{"Id": "a", "Arn": "arn:aws:sqs:::q", "Input": "{}", "InputPath": "$.detail"}])),
        ("Targets", json!([{"Id": "a", "Arn": "arn:aws:logs:::log-group:g", "InputPath": "$.detail"}])),
        ("Targets", json!([{"Id": "a", "Arn": "arn:aws:sqs:::q", "RetryPolicy": {"MaximumRetryAttempts": 186}}])),
    ] {
        let mut wrong = properties.clone();
        wrong[property] = value;
        assert!(load(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn constants_and_paths_are_given_instead_of_the_event() {
    let rule = json!({"EventPattern": {"source": ["a"]}, "Targets": [
        {"Id": "constant", "Arn": "arn:aws:sqs:::q", "Input": "{\"a\":1}"},
        {"Id": "path", "Arn": "arn:aws:sqs:::q", "InputPath": "$.detail.x"},
    ]});
    let rule = Rule::load("r", "arn", &rule).unwrap();
    let event = json!({"source": "a", "detail": {"x": [1]}});
    let given: Vec<Value> = rule.targets().iter().map(|target| target.input(&event, 0).unwrap()).collect();
    assert_eq!(given, [json!({"a": 1}), json!([1])]);
    assert_eq!(rule.targets()[0].retry, Retry { maximum_age_s: 86_400, maximum_attempts: 185 });
}

#[test]
fn metric_filters_count_what_the_rules_send_to_their_groups() {
    let filters: Vec<MetricFilter> = template::resources("checkout", "AWS::Logs::MetricFilter")
        .iter()
        .map(|(_, properties)| MetricFilter::load(properties).unwrap())
        .collect();
    let rules = rules();
    let mut counted = Vec::new();
    for (event, _) in cases() {
        let targets = rules.iter().filter(|(_, rule)| rule.matches(&event)).flat_map(|(_, rule)| rule.targets());
        for target in targets.filter(|target| target.arn.contains(":log-group:")) {
            let group = if target.arn.contains("backup") { "LogBackup" } else { "ComplianceLog" };
            let of_group = filters.iter().filter(|filter| filter.log_group().contains(group));
            let input = target.input(&event, 0).unwrap();
            let samples = of_group.flat_map(|filter| filter.apply(&input));
            counted.extend(
                samples.map(|sample| (sample.name, sample.dimensions.get("InstanceId").cloned(), sample.value)),
            );
        }
    }
    let backup = |value: f64| ("checkout/backup-verification-healing/backup".to_owned(), None, value);
    let instance = Some("i-0123456789abcdef0".to_owned());
    let patch = ("checkout/patch-compliance-healing/NonCompliant".to_owned(), instance, 0.0);
    assert_eq!(counted, [backup(1.0), backup(0.0), backup(0.0), patch]);
}

#[test]
fn what_a_metric_filter_may_not_be_is_said() {
    let right = json!({
        "LogGroupName": "g", "FilterPattern": "{ $.a = 1 }",
        "MetricTransformations": [{
            "MetricNamespace": "N", "MetricName": "m", "MetricValue": "$.b",
            "Dimensions": [{"Key": "K", "Value": "$.c"}],
        }],
    });
    let filter = MetricFilter::load(&right).unwrap();
    let found = filter.apply(&json!({"a": 1, "b": 2.5, "c": "x"}));
    assert_eq!(found.iter().map(|sample| sample.value).collect::<Vec<_>>(), [2.5]);
    assert!(filter.apply(&json!({"a": 1, "b": 2.5})).is_empty(), "no dimension, no sample");
    for (pointer, wrong) in [
        ("/FilterPattern", json!("ERROR")),
        ("/MetricTransformations/0/MetricValue", json!("$size")),
        ("/MetricTransformations/0/Unit2", json!("x")),
        ("/MetricTransformations/0/DefaultValue", json!(0)),
        ("/ApplyOnTransformedLogs", json!(true)),
    ] {
        let mut properties = right.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        properties.pointer_mut(parent).unwrap()[name] = wrong;
        assert!(MetricFilter::load(&properties).is_err(), "{pointer}");
    }
}
