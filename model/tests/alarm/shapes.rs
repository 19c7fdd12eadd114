//! Events and descriptions in AWS's shapes (CloudWatch user guide, "Alarm events and EventBridge"; `DescribeAlarms`,
//! `DescribeAlarmContributors`).

use crate::fleets::fleet;
use crate::support::{alarm, minute, store};
use healstack_model::alarm::{Alarm, AlarmDefinition, MetricId, MetricStore, Mute, Place, State};
use serde_json::{Value, json};

const ID: &str = "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92";

fn place() -> Place {
    Place::new("123456789012", "eu-west-1")
}

#[test]
fn an_alarm_on_one_metric() {
    let mut alarm = alarm(&json!({"AlarmDescription": "busy", "EvaluationPeriods": 1, "DatapointsToAlarm": 1}));
    let transition = alarm.evaluate(minute(1) + 123, &store(&[Some(2.0)])).remove(0);
    let mut event = alarm.event(&transition, &place(), ID, minute(1) + 123);
    let id = event["detail"]["configuration"]["metrics"][0]["id"].take();
    assert_eq!(id.as_str().unwrap().len(), 36);
    let data = event["detail"]["state"]["reasonData"].take();
    assert_eq!(
        event,
        json!({
            "version": "0",
            "id": ID,
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "123456789012",
            "time": "2026-11-24T10:01:00Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu"],
            "detail": {
                "alarmName": "cpu",
                "state": {
                    "value": "ALARM",
                    "reason": "Threshold Crossed: 1 out of the last 1 datapoints [2.0 (24/11/26 10:00:00)] \
                        was greater than or \
                               equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
                    "reasonData": null,
                    "timestamp": "2026-11-24T10:01:00.123+0000",
                },
                "previousState": {
                    "value": "INSUFFICIENT_DATA",
                    "reason": "Unchecked: Initial alarm creation",
                    "timestamp": "2026-11-24T10:00:00.000+0000",
                },
                "configuration": {
                    "description": "busy",
                    "metrics": [{
                        "id": null,
                        "metricStat": {
                            "metric": {
                                "namespace": "AWS/EC2",
                                "name": "CPUUtilization",
                                "dimensions": {"InstanceId": "i-1"},
                            },
                            "period": 60,
                            "stat": "Maximum",
                        },
                        "returnData": true,
                    }],
                },
            },
        })
    );
    let data: Value = serde_json::from_str(data.as_str().unwrap()).unwrap();
    assert_eq!(
        data,
        json!({
            "version": "1.0",
            "queryDate": "2026-11-24T10:01:00.123+0000",
            "startDate": "2026-11-24T10:00:00.000+0000",
            "statistic": "Maximum",
            "period": 60,
            "recentDatapoints": [2.0],
            "threshold": 1.0,
            "evaluatedDatapoints": [{"timestamp": "2026-11-24T10:00:00.000+0000", "sampleCount": 1.0, "value": 2.0}],
        })
    );
}

#[test]
fn metric_math_shows_its_expressions_and_metrics() {
    let stat = |name: &str| {
        let dimensions = json!([{"Name": "InstanceId", "Value": "i-1"}]);
        json!({"Metric": {"Namespace": "AWS/EC2", "MetricName": name, "Dimensions": dimensions},
               "Period": 60, "Stat": "Sum"})
    };
    let properties = json!({
        "AlarmName": "traffic",
        "Metrics": [
            {"Id": "e1", "Expression": "SUM(METRICS())", "Label": "Total"},
            {"Id": "m1", "MetricStat": stat("NetworkIn"), "ReturnData": false},
            {"Id": "m2", "MetricStat": stat("NetworkOut"), "ReturnData": "false"},
        ],
        "EvaluationPeriods": "1", "Threshold": "10", "ComparisonOperator": "GreaterThanThreshold",
    });
    let mut alarm = Alarm::new(AlarmDefinition::parse(&properties).unwrap(), minute(0));
    let mut store = MetricStore::new();
    for name in ["NetworkIn", "NetworkOut"] {
        store.put(&MetricId::new("AWS/EC2", name, [("InstanceId", "i-1")]), minute(0), 6.0);
    }
    let transition = alarm.evaluate(minute(1), &store).remove(0);
    let event = alarm.event(&transition, &place(), ID, minute(1));
    let metrics = &event["detail"]["configuration"]["metrics"];
    assert_eq!(metrics[0], json!({"expression": "SUM(METRICS())", "id": "e1", "label": "Total", "returnData": true}));
    assert_eq!(metrics[2]["metricStat"]["metric"]["dimensions"], json!({"InstanceId": "i-1"}));
    assert_eq!(metrics[2]["returnData"], json!(false));
    let data: Value = serde_json::from_str(event["detail"]["state"]["reasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data["recentDatapoints"], json!([12.0]));
    assert!(data.get("statistic").is_none());
}

fn burning() -> MetricStore {
    let mut store = MetricStore::new();
    store.tag_resource("AWS/EC2", "InstanceId", "i-1", [("app", "checkout")]);
    for number in 0..2 {
        let metric = MetricId::new("AWS/EC2", "StatusCheckFailed_System", [("InstanceId", "i-1")]);
        store.put(&metric, minute(number), 1.0);
    }
    store
}

#[test]
fn a_contributor_and_its_alarm() {
    let mut alarm = fleet(&json!({}));
    let mute = Mute { by_arn: "arn:mute".to_owned(), start: minute(0), end: minute(60) };
    alarm.set_mute(Some(mute));
    let transitions = alarm.evaluate(minute(2), &burning());
    let events: Vec<Value> = transitions.iter().map(|one| alarm.event(one, &place(), ID, minute(2))).collect();
    let [contributor, own] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(contributor["detail-type"], "CloudWatch Alarm Contributor State Change");
    let detail = &contributor["detail"];
    assert_eq!(detail["alarmContributor"]["attributes"], json!({"InstanceId": "i-1"}));
    assert_eq!(detail["alarmContributor"]["id"].as_str().unwrap().len(), 16);
    assert_eq!(detail.get("previousState"), None);
    assert_eq!(detail["state"].get("reasonData"), None);
    let muted = json!({"mutedByArn": "arn:mute", "muteWindowStart": "2026-11-24T10:00:00.000+0000",
                       "muteWindowEnd": "2026-11-24T11:00:00.000+0000"});
    assert_eq!(detail["muteDetail"], muted);
    assert_eq!(own["detail-type"], "CloudWatch Alarm State Change");
    let entry = &own["detail"]["configuration"]["metrics"][0];
    assert!(entry["expression"].as_str().unwrap().contains(" GROUP BY "));
    assert_eq!(entry["period"], json!(60));
    assert_eq!(own["detail"].get("alarmContributor"), None);
}

#[test]
fn descriptions() {
    let mut alarm = fleet(&json!({}));
    alarm.evaluate(minute(2), &burning());
    alarm.set_actions_enabled(false);
    let described = alarm.describe(&place());
    assert_eq!(described["AlarmArn"], place().alarm_arn(alarm.definition().name()));
    assert_eq!(described["StateValue"], "ALARM");
    assert_eq!(described["StateReason"], "1 out of 1 time series evaluated to ALARM");
    assert_eq!(described["StateUpdatedTimestamp"], "2026-11-24T10:02:00.000Z");
    assert_eq!(described["StateTransitionedTimestamp"], "2026-11-24T10:02:00.000Z");
    assert_eq!(described["ActionsEnabled"], json!(false));
    assert_eq!(described["Dimensions"], json!([]));
    assert_eq!(described.get("EvaluationState"), None);
    let mut contributors = alarm.describe_contributors();
    let id = contributors[0]["ContributorId"].take();
    assert_eq!(id.as_str().unwrap().len(), 16);
    assert_eq!(
        json!(contributors),
        json!([{
            "ContributorId": null,
            "ContributorAttributes": {"InstanceId": "i-1"},
            "StateReason": "Threshold Crossed: 2 datapoints were greater than the threshold (0.0). The most \
                recent datapoints \
                            which crossed the threshold: [1.0 (24/11/26 10:01:00)].",
            "StateTransitionedTimestamp": "2026-11-24T10:02:00.000Z",
        }])
    );
}

#[test]
fn partitions_follow_the_region() {
    let arn = |region| Place::new("123456789012", region).alarm_arn("a");
    assert_eq!(arn("cn-north-1"), "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a");
    assert_eq!(arn("us-gov-west-1"), "arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:a");
    assert_eq!(arn("us-east-1"), "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a");
}

#[test]
fn states_have_their_names() {
    for state in [State::Ok, State::Alarm, State::InsufficientData] {
        assert_eq!((State::named(state.as_str()), json!(state)), (Some(state), json!(state.to_string())));
    }
    assert_eq!(State::named("ok"), None);
}
