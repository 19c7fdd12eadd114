//! Alarms as the API shows them: `DescribeAlarms` and `DescribeAlarmContributors`.

use super::Millis;
use super::composite::CompositeAlarm;
use super::live::Alarm;
use super::text::iso;
use super::transition::StateChange;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where an alarm is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// 12 digits.
    pub account: String,
    /// `eu-west-1`.
    pub region: String,
}

impl Place {
    /// An account in a region, in the partition to which the region's name belongs.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        let partition = match region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { partition: partition.to_owned(), account: account.to_owned(), region: region.to_owned() }
    }

    /// The ARN of an alarm here.
    #[must_use]
    pub fn alarm_arn(&self, name: &str) -> String {
        format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", self.partition, self.region, self.account)
    }
}

impl Alarm {
    /// Its entry in `MetricAlarms` of `DescribeAlarms`; times in RFC 3339.
    #[must_use]
    pub fn describe(&self, place: &Place) -> Value {
        let properties = &self.definition().properties;
        let mut shown = shown(properties, place, &properties.alarm_name);
        shown.insert("ActionsEnabled".to_owned(), json!(self.actions_enabled()));
        if self.partial_data() {
            shown.insert("EvaluationState".to_owned(), json!("PARTIAL_DATA"));
        }
        add_state(&mut shown, self.state(), self.updated());
        Value::Object(shown)
    }

    /// `AlarmContributors` of `DescribeAlarmContributors`: those in ALARM.
    #[must_use]
    pub fn describe_contributors(&self) -> Vec<Value> {
        let entry = |(contributor, state): (&super::Contributor, &StateChange)| {
            json!({
                "ContributorId": contributor.id,
                "ContributorAttributes": contributor.attributes,
                "StateReason": state.reason,
                "StateTransitionedTimestamp": iso(state.at),
            })
        };
        self.contributors().map(entry).collect()
    }
}

impl CompositeAlarm {
    /// Its entry in `CompositeAlarms` of `DescribeAlarms`; times in RFC 3339.
    #[must_use]
    pub fn describe(&self, place: &Place) -> Value {
        let properties = &self.definition().properties;
        let mut shown = shown(properties, place, &properties.alarm_name);
        shown.insert("ActionsEnabled".to_owned(), json!(self.actions_enabled()));
        add_state(&mut shown, self.state(), self.state().at);
        Value::Object(shown)
    }
}

/// The properties: their names are those of the API.
fn shown(properties: &impl Serialize, place: &Place, name: &str) -> Map<String, Value> {
    let mut shown = match serde_json::to_value(properties) {
        Ok(Value::Object(shown)) => shown,
        // Properties are a structure of texts, numbers and lists, which is always an object of JSON.
        _ => Map::new(),
    };
    shown.insert("AlarmArn".to_owned(), json!(place.alarm_arn(name)));
    shown
}

fn add_state(shown: &mut Map<String, Value>, state: &StateChange, updated: Millis) {
    shown.insert("StateValue".to_owned(), json!(state.value));
    shown.insert("StateReason".to_owned(), json!(state.reason));
    if let Some(data) = &state.reason_data {
        shown.insert("StateReasonData".to_owned(), json!(data));
    }
    shown.insert("StateUpdatedTimestamp".to_owned(), json!(iso(updated)));
    shown.insert("StateTransitionedTimestamp".to_owned(), json!(iso(state.at)));
}
