//! State changes as `EventBridge` shows them (CloudWatch user guide, "Alarm events and EventBridge").

use super::Millis;
use super::composite::CompositeAlarm;
use super::definition::AlarmDefinition;
use super::describe::Place;
use super::live::Alarm;
use super::plan::Plan;
use super::properties::{Dimension, MetricQuery};
use super::text::{hex, iso_seconds, stamp};
use super::transition::{Mute, StateChange, Transition};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

impl Alarm {
    /// The event of one of its transitions: `CloudWatch Alarm State Change`, or `CloudWatch Alarm Contributor State
    /// Change`.
    #[must_use]
    pub fn event(&self, transition: &Transition, place: &Place, id: &str, time: Millis) -> Value {
        envelope(transition, configuration(self.definition()), place, id, time)
    }
}

impl CompositeAlarm {
    /// The event of one of its transitions: `CloudWatch Alarm State Change`.
    #[must_use]
    pub fn event(&self, transition: &Transition, place: &Place, id: &str, time: Millis) -> Value {
        let mut configuration = Map::new();
        configuration.insert("alarmRule".to_owned(), json!(self.definition().rule_text()));
        if let Some(description) = self.definition().description() {
            configuration.insert("description".to_owned(), json!(description));
        }
        envelope(transition, Value::Object(configuration), place, id, time)
    }
}

fn envelope(transition: &Transition, configuration: Value, place: &Place, id: &str, time: Millis) -> Value {
    let mut detail = Map::new();
    detail.insert("alarmName".to_owned(), json!(transition.alarm));
    let kind = match &transition.contributor {
        Some(contributor) => {
            let shown = json!({"id": contributor.id, "attributes": contributor.attributes});
            detail.insert("alarmContributor".to_owned(), shown);
            "CloudWatch Alarm Contributor State Change"
        }
        None => "CloudWatch Alarm State Change",
    };
    detail.insert("state".to_owned(), state(&transition.state));
    // A contributor's event does not say what was before.
    if transition.contributor.is_none() {
        detail.insert("previousState".to_owned(), state(&transition.previous));
    }
    detail.insert("configuration".to_owned(), configuration);
    if let Some(mute) = &transition.mute {
        detail.insert("muteDetail".to_owned(), muted(mute));
    }
    json!({
        "version": "0",
        "id": id,
        "detail-type": kind,
        "source": "aws.cloudwatch",
        "account": place.account,
        "time": iso_seconds(time),
        "region": place.region,
        "resources": [place.alarm_arn(&transition.alarm)],
        "detail": detail,
    })
}

fn state(state: &StateChange) -> Value {
    let mut shown = Map::new();
    shown.insert("value".to_owned(), json!(state.value));
    shown.insert("reason".to_owned(), json!(state.reason));
    if let Some(data) = &state.reason_data {
        shown.insert("reasonData".to_owned(), json!(data));
    }
    shown.insert("timestamp".to_owned(), json!(stamp(state.at)));
    Value::Object(shown)
}

fn muted(mute: &Mute) -> Value {
    let (start, end) = (stamp(mute.start), stamp(mute.end));
    json!({"mutedByArn": mute.by_arn, "muteWindowStart": start, "muteWindowEnd": end})
}

/// The alarm as events show it, in camel case and with dimensions as a map.
fn configuration(definition: &AlarmDefinition) -> Value {
    let properties = &definition.properties;
    let metrics: Vec<Value> = match definition.plan() {
        Plan::Metric(metric, statistic) => {
            let name =
                MetricShown { namespace: &metric.namespace, name: &metric.name, dimensions: &properties.dimensions };
            let stat = name.stat(definition.period() / 1000, &statistic.to_string());
            vec![json!({"id": single_id(&properties.alarm_name), "metricStat": stat, "returnData": true})]
        }
        _ => properties.metrics.iter().map(query).collect(),
    };
    let mut shown = Map::new();
    if let Some(description) = &properties.alarm_description {
        shown.insert("description".to_owned(), json!(description));
    }
    shown.insert("metrics".to_owned(), Value::Array(metrics));
    Value::Object(shown)
}

struct MetricShown<'a> {
    namespace: &'a str,
    name: &'a str,
    dimensions: &'a [Dimension],
}

impl MetricShown<'_> {
    fn stat(&self, period: Millis, stat: &str) -> Value {
        let dimensions: Map<String, Value> =
            self.dimensions.iter().map(|dimension| (dimension.name.clone(), json!(dimension.value))).collect();
        let metric = json!({"dimensions": dimensions, "name": self.name, "namespace": self.namespace});
        json!({"metric": metric, "period": period, "stat": stat})
    }
}

fn query(entry: &MetricQuery) -> Value {
    let mut shown = Map::new();
    if let Some(expression) = &entry.expression {
        shown.insert("expression".to_owned(), json!(expression));
    }
    shown.insert("id".to_owned(), json!(entry.id));
    if let Some(label) = &entry.label {
        shown.insert("label".to_owned(), json!(label));
    }
    if let Some(stat) = &entry.metric_stat {
        let metric = &stat.metric;
        let name = MetricShown { namespace: &metric.namespace, name: &metric.name, dimensions: &metric.dimensions };
        shown.insert("metricStat".to_owned(), name.stat(i64::from(stat.period), &stat.stat));
    }
    if let Some(period) = entry.period {
        shown.insert("period".to_owned(), json!(period));
    }
    shown.insert("returnData".to_owned(), json!(entry.return_data));
    Value::Object(shown)
}

/// CloudWatch gives the query of an alarm on one metric an id of its own, in the form of a UUID.
fn single_id(alarm: &str) -> String {
    let hex = hex(Sha256::digest(alarm.as_bytes()).into_iter().take(16));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default().to_owned());
    parts.join("-")
}
