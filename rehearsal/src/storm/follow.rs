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
    /// Runs that have not ended, and whether they are the rule's.
    running: BTreeMap<String, bool>,
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
        let now = self.running.values().filter(|is_ours| **is_ours).count();
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
            What::RunBegan { document, run, .. } => {
                let is_ours = *document == self.subject.document;
                self.running.insert(run.clone(), is_ours);
                self.most_at_once_of_all = self.most_at_once_of_all.max(self.running.len());
                if is_ours {
                    self.runs += 1;
                    let ours = self.running.values().filter(|is_ours| **is_ours).count();
                    self.most_lately = self.most_lately.max(ours);
                    self.most_at_once = self.most_at_once.max(ours);
                    self.starts_in_hour(record.at);
                }
            }
            What::RunEnded { run, status } => {
                let is_ours = self.running.remove(run) == Some(true);
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
        // A series that vanished, as that of an instance which is stopped, says nothing about its health.
        if alarms.is_empty() && !reason.contains("No data was returned") {
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
