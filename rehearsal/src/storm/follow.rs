//! Reads a storm's log as it grows.

use super::{Bounds, Point, Report};
use crate::Millis;
use crate::log::{Record, What};
use crate::time::{HOUR, SECOND};
use crate::verdict::{Subject, decision};
use healstack_model::guard;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Decisions that refuse nothing: the start itself, what is AWS's own, and repetitions of what was decided before.
const NO_REFUSAL: [&str; 4] = ["STARTED", "RECORDED", "IGNORED", "DUPLICATE"];

/// What is known of the resources, from the log alone.
pub(super) struct Follower<'a> {
    subject: &'a Subject,
    bounds: Bounds,
    /// How many records were read.
    read: usize,
    ill: BTreeSet<String>,
    healed: BTreeSet<String>,
    /// When the last one was healed.
    healed_at: Option<Millis>,
    /// The rule's alarms that have a resource in ALARM, by resource; and how many resources each has.
    alarms: BTreeMap<String, BTreeSet<String>>,
    contributors: BTreeMap<String, usize>,
    most_contributors: usize,
    /// Runs that have not ended: whether they are the rule's, and the resource they were given.
    running: BTreeMap<String, (bool, String)>,
    /// The most of the rule's at once since the last point.
    most_lately: usize,
    most_at_once: usize,
    most_at_once_of_all: usize,
    runs: usize,
    failed_runs: usize,
    /// Starts by clock hour.
    starts: BTreeMap<Millis, usize>,
    decisions: BTreeMap<String, usize>,
    native_actions: BTreeMap<String, usize>,
    /// Refusals since the last point.
    skipped: usize,
    people: usize,
}

impl<'a> Follower<'a> {
    pub(super) fn new(subject: &'a Subject, bounds: Bounds) -> Self {
        Self {
            subject,
            bounds,
            read: 0,
            ill: BTreeSet::new(),
            healed: BTreeSet::new(),
            healed_at: None,
            alarms: BTreeMap::new(),
            contributors: BTreeMap::new(),
            most_contributors: 0,
            running: BTreeMap::new(),
            most_lately: 0,
            most_at_once: 0,
            most_at_once_of_all: 0,
            runs: 0,
            failed_runs: 0,
            starts: BTreeMap::new(),
            decisions: BTreeMap::new(),
            native_actions: BTreeMap::new(),
            skipped: 0,
            people: 0,
        }
    }

    pub(super) fn falls_ill(&mut self, resource: &str) {
        self.healed.remove(resource);
        self.ill.insert(resource.to_owned());
    }

    /// How many are ill.
    pub(super) fn ill(&self) -> usize {
        self.ill.len()
    }

    /// When the last one was healed, if none is ill.
    pub(super) fn healed_at(&self) -> Option<Millis> {
        self.healed_at.filter(|_| self.ill.is_empty())
    }

    /// Takes in what was added since the last time.
    pub(super) fn read(&mut self, records: &[Record]) {
        for record in &records[self.read..] {
            self.take(record);
        }
        self.read = records.len();
    }

    /// A point of the curves, `at` seconds after the begin.
    pub(super) fn point(&mut self, at: Millis) -> Point {
        let now = self.ours();
        let healing = std::mem::replace(&mut self.most_lately, now);
        let skipped = std::mem::take(&mut self.skipped);
        Point { at, ill: self.ill.len(), healing, healed: self.healed.len(), skipped }
    }

    /// What was counted; the rest of the report is its caller's.
    pub(super) fn report(self, bounds: Bounds) -> Report {
        Report {
            resources: 0,
            native: 0,
            seed: 0,
            bounds,
            most_at_once: self.most_at_once,
            most_at_once_of_all: self.most_at_once_of_all,
            most_in_an_hour: self.starts.values().copied().max().unwrap_or_default(),
            runs: self.runs,
            failed_runs: self.failed_runs,
            native_actions: self.native_actions,
            healed_after: None,
            watched: 0,
            decisions: self.decisions,
            people: self.people,
            most_contributors: self.most_contributors,
            contributors_shown: 0,
            series_shown: 0,
            points: Vec::new(),
        }
    }

    fn take(&mut self, record: &Record) {
        match &record.what {
            What::Alarm { name, contributor: Some(attributes), state, reason }
                if name.starts_with(&self.subject.alarms) =>
            {
                self.alarm(record.at, name, attributes, state, reason);
            }
            What::Ledger(event) => {
                let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
                if text("rule_name") == self.subject.rule
                    && text("stack") == self.subject.stack
                    && text("status") == "completed"
                {
                    self.is_healed(record.at, text("resource_id"));
                }
            }
            What::RunBegan { document, run, resource, .. } => {
                let is_ours = *document == self.subject.document;
                self.running.insert(run.clone(), (is_ours, resource.clone()));
                self.most_at_once_of_all = self.most_at_once_of_all.max(self.running.len());
                if is_ours {
                    self.runs += 1;
                    let ours = self.ours();
                    self.most_lately = self.most_lately.max(ours);
                    self.most_at_once = self.most_at_once.max(ours);
                    self.starts_in_hour(record.at);
                }
            }
            What::RunEnded { run, status } => {
                let is_ours = self.running.remove(run).is_some_and(|(is_ours, _)| is_ours);
                self.failed_runs += usize::from(is_ours && status != "Success");
            }
            What::Native { action, .. } => *self.native_actions.entry(action.clone()).or_default() += 1,
            What::People { .. } => self.people += 1,
            What::Ended { .. } => {
                if let Some(reason) = decision(self.subject, record) {
                    *self.decisions.entry(reason.to_owned()).or_default() += 1;
                    self.skipped += usize::from(!NO_REFUSAL.contains(&reason));
                }
            }
            _ => {}
        }
    }

    /// Runs of the rule that have not ended.
    fn ours(&self) -> usize {
        self.running.values().filter(|(is_ours, _)| *is_ours).count()
    }

    fn alarm(&mut self, at: Millis, name: &str, attributes: &Map<String, Value>, state: &str, reason: &str) {
        // The rule's resource is one of the contributor's attributes.
        let known = attributes.values().filter_map(Value::as_str);
        let mut known = known;
        let Some(resource) = known.rfind(|value| self.ill.contains(*value) || self.healed.contains(*value)) else {
            return;
        };
        let resource = resource.to_owned();
        let alarms = self.alarms.entry(resource.clone()).or_default();
        let count = self.contributors.entry(name.to_owned()).or_default();
        if state == "ALARM" {
            *count += usize::from(alarms.insert(name.to_owned()));
            self.most_contributors = self.most_contributors.max(*count);
            self.falls_ill(&resource);
            return;
        }
        *count -= usize::from(alarms.remove(name));
        // A series vanishes with an instance that its runbook stops, which says nothing about its health; or because the query
        // returns the worst series alone, and there are enough that are worse.
        let vanished = reason.contains("No data was returned");
        let in_healing = self.running.values().any(|(_, of)| *of == resource);
        if alarms.is_empty() && !(vanished && in_healing) {
            self.is_healed(at, &resource);
        }
    }

    fn is_healed(&mut self, at: Millis, resource: &str) {
        if self.ill.remove(resource) {
            self.healed.insert(resource.to_owned());
            self.healed_at = Some(at);
        }
    }

    /// A start counts in the clock hour of its lease, which is at most the guard's time limit earlier than the run.
    fn starts_in_hour(&mut self, at: Millis) {
        let hour = at.div_euclid(HOUR);
        let late = at.rem_euclid(HOUR) < i64::try_from(guard::GUARD).unwrap_or_default() * SECOND;
        let of = |hour: Millis| self.starts.get(&hour).copied().unwrap_or_default();
        let is_before = late && of(hour) >= self.bounds.per_hour && of(hour - 1) < self.bounds.per_hour;
        *self.starts.entry(if is_before { hour - 1 } else { hour }).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;
    use crate::log::{Record, What};
    use crate::storm::Bounds;
    use crate::verdict::Subject;
    use serde_json::{Map, json};

    const VANISHED: &str = "No data was returned for this contributor";

    fn subject() -> Subject {
        Subject {
            stack: "checkout".to_owned(),
            rule: "web".to_owned(),
            alarms: "heal--checkout--web--".to_owned(),
            document: "web".to_owned(),
            settings: String::new(),
            guard: "guard".to_owned(),
        }
    }

    fn contributor(state: &str, reason: &str) -> What {
        What::Alarm {
            name: "heal--checkout--web--instance".to_owned(),
            contributor: Some(Map::from_iter([("InstanceId".to_owned(), json!("i-1"))])),
            state: state.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn run_began() -> What {
        What::RunBegan {
            document: "web".to_owned(),
            run: "r".to_owned(),
            resource: "i-1".to_owned(),
            event: "e".to_owned(),
        }
    }

    /// How many are ill, of one that fell ill, after these.
    fn ill_after(what: Vec<What>) -> usize {
        let subject = subject();
        let mut follower = Follower::new(&subject, Bounds { concurrent: 1, per_hour: 6, all: 10 });
        follower.falls_ill("i-1");
        let records: Vec<Record> = (0..).zip(what).map(|(at, what)| Record { at, what }).collect();
        follower.read(&records);
        follower.ill()
    }

    #[test]
    fn a_series_that_fell_out_of_the_query_is_well() {
        assert_eq!(ill_after(vec![contributor("ALARM", "1 >= 1")]), 1);
        assert_eq!(ill_after(vec![contributor("ALARM", "1 >= 1"), contributor("OK", VANISHED)]), 0);
    }

    #[test]
    fn an_instance_that_its_runbook_stopped_is_ill_until_the_ledger_says_otherwise() {
        let stopped = vec![contributor("ALARM", "1 >= 1"), run_began(), contributor("OK", VANISHED)];
        assert_eq!(ill_after(stopped.clone()), 1);
        let completed = json!({
            "stack": "checkout", "rule_name": "web", "status": "completed", "resource_id": "i-1",
        });
        let completed = What::Ledger(completed.as_object().unwrap().clone());
        assert_eq!(ill_after(stopped.into_iter().chain([completed]).collect()), 0);
    }
}
