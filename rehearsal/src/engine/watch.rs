//! CloudWatch: metrics, alarms, and what is asked of them.

use super::calls::unknown;
use super::{Due, Engine, settled};
use crate::faults::Faults;
use crate::log::What;
use crate::time::MINUTE;
use crate::{AwsError, Millis, Unsupported};
use healstack_model::alarm::{Alarm, AlarmDefinition, MetricId, MetricStore, Mute, Place, State, Transition};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Alarms on a page of `DescribeAlarms`, where nothing else is asked (CloudWatch API reference: 100 at most, 50 by default).
const PAGE: usize = 50;

/// Samples that a scenario puts every minute.
struct Series {
    metric: MetricId,
    values: Vec<f64>,
    until: Millis,
}

/// Metrics and alarms.
pub(super) struct Watch {
    store: MetricStore,
    alarms: Vec<Alarm>,
    series: Vec<Series>,
    /// How far back any alarm looks.
    lookback: Millis,
    mutes: Vec<(String, Mute)>,
}

impl Watch {
    pub(super) fn new(definitions: &[AlarmDefinition], created: Millis) -> Self {
        let lookback = definitions.iter().map(AlarmDefinition::lookback).max().unwrap_or_default() + 10 * MINUTE;
        let alarms = definitions.iter().map(|definition| Alarm::new(definition.clone(), created)).collect();
        Self { store: MetricStore::new(), alarms, series: Vec::new(), lookback, mutes: Vec::new() }
    }

    /// Samples at a moment.
    pub(super) fn put(
        &mut self,
        at: Millis,
        namespace: &str,
        name: &str,
        dimensions: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
        values: &[f64],
    ) {
        let metric =
            MetricId { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.clone() };
        self.put_metric(at, &metric, values);
        if !tags.is_empty() {
            for (dimension, value) in dimensions {
                let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                self.store.tag_resource(namespace, dimension, value, tags);
            }
        }
    }

    fn put_metric(&mut self, at: Millis, metric: &MetricId, values: &[f64]) {
        for value in values {
            self.store.put(metric, at, *value);
        }
    }
}

impl<F: Faults> Engine<'_, F> {
    /// A minute ends: what was measured in it is there.
    pub(super) fn minute(&mut self) -> Result<(), Unsupported> {
        // In the middle of the minute that has ended.
        let at = self.now - MINUTE / 2;
        for point in settled(self.workload.minute(self.now))? {
            self.watch.put(at, &point.namespace, &point.name, &point.dimensions, &point.tags, &point.values);
        }
        let now = self.now;
        self.watch.series.retain(|series| series.until > now - MINUTE);
        let series: Vec<(MetricId, Vec<f64>)> =
            self.watch.series.iter().map(|series| (series.metric.clone(), series.values.clone())).collect();
        for (metric, values) in &series {
            self.watch.put_metric(at, metric, values);
        }
        let lookback = self.watch.lookback;
        self.watch.store.prune(now - lookback);
        self.queue.push(now + MINUTE, Due::Minute);
        self.queue.push(now + self.evaluation, Due::Evaluate);
        Ok(())
    }

    /// Every alarm looks at its metrics.
    pub(super) fn evaluate(&mut self) -> Result<(), Unsupported> {
        let now = self.now;
        self.watch.mutes.retain(|(_, mute)| mute.end > now);
        for index in 0..self.watch.alarms.len() {
            let Watch { alarms, store, mutes, .. } = &mut self.watch;
            let alarm = &mut alarms[index];
            let name = alarm.definition().name();
            let mute = mutes.iter().find(|(prefix, _)| name.starts_with(prefix.as_str())).map(|(_, mute)| mute.clone());
            if alarm.mute() != mute.as_ref() {
                alarm.set_mute(mute);
            }
            for transition in alarm.evaluate(now, store) {
                self.changed(index, &transition)?;
            }
        }
        Ok(())
    }

    /// What an alarm's change brings about: its event, its own actions.
    fn changed(&mut self, index: usize, transition: &Transition) -> Result<(), Unsupported> {
        let place = Place::new(&self.deployment.place.account, &self.deployment.place.region);
        let id = self.random.uuid();
        let alarm = &self.watch.alarms[index];
        let event = alarm.event(transition, &place, &id, self.now);
        let contributor = transition.contributor.as_ref().map(|contributor| {
            let attributes = contributor.attributes.iter();
            attributes.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>()
        });
        let dimensions = match &transition.contributor {
            Some(contributor) => contributor.attributes.clone(),
            None => self.dimensions(index),
        };
        self.log.add(
            self.now,
            What::Alarm {
                name: transition.alarm.clone(),
                contributor,
                state: transition.state.value.to_string(),
                reason: transition.state.reason.clone(),
            },
        );
        self.put_event(event);
        for action in &transition.actions {
            if let Some(action) = action.split(":automate:").nth(1) {
                // `<region>:ec2:reboot`.
                let action = action.split_once(':').map_or(action, |(_, action)| action).to_owned();
                let resource = dimensions.values().cloned().collect::<Vec<_>>().join(", ");
                self.log.add(self.now, What::Native { action: action.clone(), resource });
                settled(self.workload.act(self.now, &action, &dimensions))?;
            } else if action.contains(":sns:") {
                let text = format!("{}: {} in {}", transition.state.value, transition.alarm, place.region);
                self.log.add(self.now, What::Notified { text });
            } else {
                return Err(Unsupported::new(format!("alarm {}", transition.alarm), format!("the action {action}")));
            }
        }
        Ok(())
    }

    fn dimensions(&self, index: usize) -> BTreeMap<String, String> {
        let place = Place::new(&self.deployment.place.account, &self.deployment.place.region);
        let shown = self.watch.alarms[index].describe(&place);
        let named = |value: &Value| -> Option<BTreeMap<String, String>> {
            let pairs = value.as_array()?.iter();
            let text = |pair: &Value, name: &str| pair[name].as_str().map(str::to_owned);
            pairs.map(|pair| Some((text(pair, "Name")?, text(pair, "Value")?))).collect()
        };
        named(&shown["Dimensions"]).unwrap_or_default()
    }

    /// Puts samples every minute from now on.
    pub fn add_series(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: &Map<String, Value>,
        tags: &Map<String, Value>,
        values: &[f64],
        until: Millis,
    ) {
        let texts = |map: &Map<String, Value>| -> BTreeMap<String, String> {
            map.iter()
                .map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned)))
                .collect()
        };
        let (dimensions, tags) = (texts(dimensions), texts(tags));
        let metric = MetricId { namespace: namespace.to_owned(), name: name.to_owned(), dimensions };
        for (dimension, value) in &metric.dimensions {
            if !tags.is_empty() {
                let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                self.watch.store.tag_resource(namespace, dimension, value, tags);
            }
        }
        // The last word on a metric counts.
        self.watch.series.retain(|series| series.metric != metric);
        self.watch.series.push(Series { metric, values: values.to_vec(), until });
    }

    /// `SetAlarmState` on every alarm whose name begins so.
    pub fn set_alarms(&mut self, prefix: &str, state: &str) -> Result<(), Unsupported> {
        let state =
            State::named(state).ok_or_else(|| Unsupported::new("SetAlarmState", format!("the state {state}")))?;
        for index in 0..self.watch.alarms.len() {
            let alarm = &mut self.watch.alarms[index];
            if alarm.definition().name().starts_with(prefix)
                && let Some(transition) = alarm.set_state(self.now, state, "Set by a person", None)
            {
                self.changed(index, &transition)?;
            }
        }
        Ok(())
    }

    /// Mutes alarms whose names begin so.
    pub fn mute(&mut self, prefix: &str, until: Millis) {
        let place = &self.deployment.place;
        let by_arn = format!("arn:aws:cloudwatch:{}:{}:alarm-mute-rule:rehearsed", place.region, place.account);
        self.watch.mutes.push((prefix.to_owned(), Mute { by_arn, start: self.now, end: until }));
    }

    /// The CloudWatch API, as far as healing calls it.
    pub(super) fn call_cloudwatch(
        &mut self,
        api: &str,
        request: &Value,
    ) -> Result<Result<Value, AwsError>, Unsupported> {
        let members = request.as_object().cloned().unwrap_or_default();
        let known: &[&str] = match api {
            "DescribeAlarms" => &[
                "AlarmNames",
                "AlarmNamePrefix",
                "AlarmTypes",
                "StateValue",
                "MaxRecords",
                "NextToken",
                "ActionPrefix",
            ],
            "DescribeAlarmContributors" => &["AlarmName", "NextToken"],
            "ListAlarmMuteRules" => &["AlarmName", "Statuses", "MaxRecords", "NextToken"],
            "EnableAlarmActions" | "DisableAlarmActions" => &["AlarmNames"],
            "PutMetricData" => &["Namespace", "MetricData"],
            _ => return Err(unknown("cloudwatch", api)),
        };
        if let Some(member) = members.keys().find(|member| !known.contains(&member.as_str())) {
            return Err(Unsupported::new(format!("cloudwatch:{api}"), format!("the member `{member}`")));
        }
        Ok(match api {
            "DescribeAlarms" => Ok(self.describe_alarms(request)),
            "DescribeAlarmContributors" => self.describe_contributors(request),
            "ListAlarmMuteRules" => Ok(self.list_mutes(request)),
            "PutMetricData" => {
                self.put_metric_data(request);
                Ok(json!({}))
            }
            _ => {
                let names: Vec<&str> =
                    request["AlarmNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                for alarm in &mut self.watch.alarms {
                    if names.contains(&alarm.definition().name()) {
                        alarm.set_actions_enabled(api == "EnableAlarmActions");
                    }
                }
                Ok(json!({}))
            }
        })
    }

    fn describe_alarms(&self, request: &Value) -> Value {
        let place = Place::new(&self.deployment.place.account, &self.deployment.place.region);
        let names: Option<Vec<&str>> =
            request["AlarmNames"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let prefix = request["AlarmNamePrefix"].as_str().unwrap_or_default();
        let action = request["ActionPrefix"].as_str();
        let state = request["StateValue"].as_str();
        let mut found: Vec<&Alarm> = self.watch.alarms.iter().collect();
        found.retain(|alarm| {
            let name = alarm.definition().name();
            names.as_ref().is_none_or(|names| names.contains(&name))
                && name.starts_with(prefix)
                && state.is_none_or(|state| alarm.state().value.as_str() == state)
                && action.is_none_or(|action| {
                    let states = [State::Ok, State::Alarm, State::InsufficientData];
                    states
                        .iter()
                        .any(|state| alarm.definition().actions(*state).iter().any(|arn| arn.starts_with(action)))
                })
        });
        found.sort_by(|left, right| left.definition().name().cmp(right.definition().name()));
        let size = request["MaxRecords"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE);
        let from = request["NextToken"].as_str().and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
        let shown: Vec<Value> = found.iter().skip(from).take(size).map(|alarm| alarm.describe(&place)).collect();
        let mut answer = json!({"MetricAlarms": shown, "CompositeAlarms": []});
        if from + size < found.len() {
            answer["NextToken"] = Value::String((from + size).to_string());
        }
        answer
    }

    fn describe_contributors(&self, request: &Value) -> Result<Value, AwsError> {
        let name = request["AlarmName"].as_str().unwrap_or_default();
        let alarm = self.watch.alarms.iter().find(|alarm| alarm.definition().name() == name);
        let alarm =
            alarm.ok_or_else(|| AwsError::client("ResourceNotFoundException", format!("Unknown alarm {name}")))?;
        Ok(json!({"AlarmContributors": alarm.describe_contributors()}))
    }

    fn list_mutes(&self, request: &Value) -> Value {
        let name = request["AlarmName"].as_str().unwrap_or_default();
        let active =
            self.watch.mutes.iter().filter(|(prefix, mute)| name.starts_with(prefix.as_str()) && mute.end > self.now);
        let shown: Vec<Value> =
            active.map(|(_, mute)| json!({"AlarmMuteRuleArn": mute.by_arn, "Status": "ACTIVE"})).collect();
        json!({"AlarmMuteRuleSummaries": shown})
    }

    fn put_metric_data(&mut self, request: &Value) {
        let namespace = request["Namespace"].as_str().unwrap_or_default();
        for datum in request["MetricData"].as_array().into_iter().flatten() {
            let pairs = datum["Dimensions"].as_array().into_iter().flatten();
            let text = |pair: &Value, name: &str| pair[name].as_str().unwrap_or_default().to_owned();
            let dimensions = pairs.map(|pair| (text(pair, "Name"), text(pair, "Value"))).collect();
            let name = datum["MetricName"].as_str().unwrap_or_default();
            let value = datum["Value"].as_f64().unwrap_or(1.0);
            self.watch.put(self.now, namespace, name, &dimensions, &BTreeMap::new(), &[value]);
        }
    }
}
