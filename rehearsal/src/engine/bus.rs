//! The default event bus: rules, deliveries and their retries, and the ways of messages of agents.

use super::{Due, Engine};
use crate::Millis;
use crate::faults::{CallFate, Faults, delay};
use crate::log::What;
use crate::time::{MINUTE, SECOND, iso_seconds};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// EventBridge retries "with exponential back-off and jitter"; it names no figures (EventBridge user guide, retry policy). These spread the
/// 185 attempts that it makes by default over about the 24 hours that it takes for them.
const FIRST_RETRY: Millis = 10 * SECOND;
const LONGEST_RETRY: Millis = 8 * MINUTE;

/// An event on its way to one target.
pub(super) struct Delivery {
    rule: usize,
    target: usize,
    event: Arc<Value>,
    sent: Millis,
    tried: u64,
}

impl<F: Faults> Engine<'_, F> {
    /// Puts an event onto the bus: `source`, `detail-type`, `detail`, `resources`; `id` and `time` where it has none.
    pub fn put_event(&mut self, mut event: Value) {
        let place = &self.deployment.place;
        let id = self.random.uuid();
        if let Some(members) = event.as_object_mut() {
            let mut defaults = [
                ("version", Value::from("0")),
                ("id", Value::from(id)),
                ("time", Value::from(iso_seconds(self.now))),
                ("account", Value::from(place.account.as_str())),
                ("region", Value::from(place.region.as_str())),
                ("resources", json!([])),
            ];
            for (name, value) in &mut defaults {
                if !members.contains_key(*name) {
                    members.insert((*name).to_owned(), value.take());
                }
            }
        }
        let event = Arc::new(event);
        for (rule, each) in self.deployment.rules.iter().enumerate() {
            if !each.matches(&event) {
                continue;
            }
            for target in 0..each.targets().len() {
                for late in self.faults.delivery(self.now, &mut self.random) {
                    let delivery = Delivery { rule, target, event: Arc::clone(&event), sent: self.now, tried: 0 };
                    self.queue.push(self.now + late, Due::Deliver(delivery));
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, mut delivery: Delivery) {
        let deployment = self.deployment;
        let rule = &deployment.rules[delivery.rule];
        let target = &rule.targets()[delivery.target];
        if let Some(group) = target.arn.split(":log-group:").nth(1) {
            let group = group.trim_end_matches(":*");
            let filters = deployment.filters.get(group).map(Vec::as_slice).unwrap_or_default();
            for sample in filters.iter().flat_map(|filter| filter.apply(&delivery.event)) {
                let tags = BTreeMap::new();
                self.watch.put(self.now, &sample.namespace, &sample.name, &sample.dimensions, &tags, &[sample.value]);
            }
            return;
        }
        let fate = self.faults.call(self.now, &mut self.random, "stepfunctions", "StartExecution");
        if !matches!(fate, CallFate::Refused(_) | CallFate::Unanswered { done: false }) {
            // What makes no JSON is given up at once, as a request that cannot become right.
            let Ok(input) = target.input(&delivery.event, self.now) else {
                self.log.add(self.now, What::DeadLetter { target: target.arn.clone() });
                return;
            };
            let name = self.random.uuid();
            let started = self.start_machine(&target.arn, name, input);
            if started.is_ok() && !matches!(fate, CallFate::Unanswered { .. }) {
                return;
            }
        }
        let wait = (FIRST_RETRY << delivery.tried.min(10)).min(LONGEST_RETRY);
        let at = self.now + wait / 2 + i64::try_from(self.random.below(500)).unwrap_or_default() * wait / 1000;
        delivery.tried += 1;
        let over = delivery.tried > target.retry.maximum_attempts
            || at - delivery.sent > i64::try_from(target.retry.maximum_age_s).unwrap_or(i64::MAX / SECOND) * SECOND;
        if over {
            self.log.add(self.now, What::DeadLetter { target: target.arn.clone() });
        } else {
            self.queue.push(at, Due::Deliver(delivery));
        }
    }

    /// A message on a topic, by a queue that is subscribed to it and a pipe, to a state machine: how agents' events come.
    pub fn publish_agent_event(&mut self, topic: &str, message: &Value) {
        let deployment = self.deployment;
        let queues = deployment.subscriptions.iter().filter(|(from, _)| from.ends_with(&format!(":{topic}")));
        let queues: Vec<&String> = queues.map(|(_, queue)| queue).collect();
        let pipes = deployment.pipes.iter().filter(|(queue, _)| queues.contains(&queue));
        for (queue, machine) in pipes {
            for late in self.faults.delivery(self.now, &mut self.random) {
                let record = json!([{
                    "messageId": self.random.uuid(),
                    "body": message.to_string(),
                    "eventSource": "aws:sqs",
                    "eventSourceARN": queue,
                    "awsRegion": deployment.place.region,
                }]);
                let name = self.random.uuid();
                let at = self.now + late + delay(&mut self.random);
                self.start_later(at, machine, name, record);
            }
        }
    }
}
