//! What must hold, read from the log and the ledger alone.

use super::hosts::Host;
use healstack_model::guard;
use healstack_rehearsal::Millis;
use healstack_rehearsal::engine::{Deployment, Engine};
use healstack_rehearsal::faults::Faults;
use healstack_rehearsal::log::{Record, What};
use healstack_rehearsal::time::{HOUR, MINUTE, SECOND};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The figures of a rule, as its deployed parameter has them.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) cooldown: Millis,
    pub(crate) attempts: usize,
    pub(crate) window: Millis,
    pub(crate) stable_for: Millis,
    pub(crate) concurrent: usize,
    pub(crate) per_hour: usize,
    pub(crate) lease: Millis,
}

/// The figures of every rule, by its runbook.
#[derive(Debug)]
pub(crate) struct Limits {
    rules: BTreeMap<String, Figures>,
    all: usize,
}

/// When everything is paused.
#[derive(Debug)]
pub(crate) struct Pause {
    pub(crate) from: Millis,
    pub(crate) until: Millis,
}

impl Limits {
    pub(crate) fn read(deployment: &Deployment) -> Result<Self, String> {
        let mut rules = BTreeMap::new();
        for (name, text) in &deployment.parameters {
            let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let number =
                |path: &str| value.pointer(path).and_then(Value::as_i64).ok_or(format!("{name} has no {path}"));
            let count = |path: &str| number(path).map(|number| usize::try_from(number).unwrap_or_default());
            let rule = value["rule"].as_str().unwrap_or_default().replace('/', "--");
            rules.insert(
                format!("heal--{rule}"),
                Figures {
                    cooldown: number("/cooldown_seconds")? * SECOND,
                    attempts: count("/max_attempts")?,
                    window: number("/window_seconds")? * SECOND,
                    stable_for: number("/stable_for_seconds")? * SECOND,
                    concurrent: count("/budget/concurrent")?,
                    per_hour: count("/budget/per_hour")?,
                    lease: number("/lease_seconds")? * SECOND,
                },
            );
        }
        Ok(Self { rules, all: 10 })
    }

    fn longest_lease(&self) -> Millis {
        self.rules.values().map(|figures| figures.lease).max().unwrap_or_default()
    }
}

/// One run of a runbook.
#[derive(Debug, Clone)]
struct Run {
    document: String,
    resource: String,
    event: String,
    begins: Millis,
    ends: Millis,
}

fn runs(records: &[Record]) -> Vec<Run> {
    let mut open: BTreeMap<&str, Run> = BTreeMap::new();
    let mut done = Vec::new();
    for record in records {
        match &record.what {
            What::RunBegan { document, run, resource, event } => {
                let (document, resource, event) = (document.clone(), resource.clone(), event.clone());
                open.insert(run, Run { document, resource, event, begins: record.at, ends: Millis::MAX });
            }
            What::RunEnded { run, .. } => {
                if let Some(mut run) = open.remove(run.as_str()) {
                    run.ends = record.at;
                    done.push(run);
                }
            }
            _ => {}
        }
    }
    done.extend(open.into_values());
    done.sort_by_key(|run| run.begins);
    done
}

/// The final statuses and reasons of events in the ledger.
fn finals(records: &[Record]) -> BTreeMap<&str, (&str, &str)> {
    let mut found = BTreeMap::new();
    for record in records {
        if let What::Ledger(item) = &record.what {
            let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
            found.insert(text("event_id"), (text("status"), text("reason")));
        }
    }
    found
}

/// Never two healings of one resource at once.
pub(crate) fn never_two_at_once(records: &[Record]) -> Result<(), String> {
    let mut last: BTreeMap<String, Run> = BTreeMap::new();
    for run in runs(records) {
        if let Some(before) = last.get(&run.resource)
            && run.begins < before.ends
        {
            return Err(format!("two healings at once: {before:?} and {run:?}"));
        }
        last.insert(run.resource.clone(), run);
    }
    Ok(())
}

/// Never more at once, or in an hour, than a budget says.
pub(crate) fn never_beyond_budget(records: &[Record], limits: &Limits) -> Result<(), String> {
    let runs = runs(records);
    for run in &runs {
        let figures = &limits.rules[&run.document];
        let at_once = |same: &dyn Fn(&Run) -> bool| {
            runs.iter().filter(|other| same(other) && other.begins <= run.begins && run.begins < other.ends).count()
        };
        let of_rule = at_once(&|other| other.document == run.document);
        if of_rule > figures.concurrent || at_once(&|_| true) > limits.all {
            return Err(format!("{of_rule} healings of {} at once at {}", run.document, run.begins));
        }
        let hour = run.begins.div_euclid(HOUR);
        // A start is counted in the hour of its lease, which is at most the guard's time limit earlier.
        let in_hour =
            runs.iter().filter(|other| other.document == run.document && other.begins.div_euclid(HOUR) == hour).count();
        let late = runs.iter().filter(|other| {
            other.document == run.document
                && other.begins.div_euclid(HOUR) == hour
                && other.begins - hour * HOUR < i64::try_from(guard::GUARD).unwrap_or_default() * SECOND
        });
        if in_hour - late.count().min(figures.per_hour) > figures.per_hour {
            return Err(format!("{in_hour} healings of {} in an hour", run.document));
        }
    }
    Ok(())
}

/// Never more than `max_attempts` in a window.
pub(crate) fn never_beyond_attempts(records: &[Record], limits: &Limits) -> Result<(), String> {
    let finals = finals(records);
    let mut by_resource: BTreeMap<(String, String), Vec<Run>> = BTreeMap::new();
    for run in runs(records) {
        // What recovered by itself cost no attempt.
        if finals.get(run.event.as_str()).is_none_or(|(_, reason)| *reason != "RECOVERED") {
            by_resource.entry((run.document.clone(), run.resource.clone())).or_default().push(run);
        }
    }
    for ((document, resource), runs) in by_resource {
        let figures = &limits.rules[&document];
        let mut window: Vec<&Run> = Vec::new();
        for run in &runs {
            let is_new = window.first().is_none_or(|first| run.begins - first.begins >= figures.window)
                || window.last().is_some_and(|last| run.begins - last.ends >= figures.stable_for);
            if is_new {
                window.clear();
            }
            window.push(run);
            if window.len() > figures.attempts {
                return Err(format!("{} attempts of {document} on {resource}: {window:?}", window.len()));
            }
        }
    }
    Ok(())
}

/// Every healing that started ends in the ledger.
pub(crate) fn every_run_is_in_the_ledger(records: &[Record]) -> Result<(), String> {
    let finals = finals(records);
    for run in runs(records) {
        let status = finals.get(run.event.as_str()).map(|(status, _)| *status);
        if !matches!(status, Some("completed" | "failed" | "skipped")) {
            return Err(format!("{run:?} is {status:?} in the ledger"));
        }
    }
    Ok(())
}

fn items<F: Faults>(engine: &Engine<'_, F>) -> Vec<Value> {
    engine.database().items("heal--core--ledger").cloned().collect()
}

fn number(item: &Value, name: &str) -> Option<Millis> {
    item[name]["N"].as_str()?.parse::<Millis>().ok().map(|seconds| seconds * SECOND)
}

/// No lease and no slot is held longer than the worst case of its healing from now, extensions included.
pub(crate) fn no_lease_outlives_its_worst_case<F: Faults>(
    engine: &Engine<'_, F>,
    limits: &Limits,
    now: Millis,
) -> Result<(), String> {
    let extended = i64::try_from(guard::EXTEND).unwrap_or_default() * SECOND;
    for item in items(engine) {
        let until = number(&item, "leaseUntil").unwrap_or_default();
        if until - now > limits.longest_lease().max(extended) + MINUTE {
            return Err(format!("{} is leased for {} s more", item["pk"], (until - now) / SECOND));
        }
    }
    Ok(())
}

/// When everything is over, nothing is leased and no event is open.
pub(crate) fn nothing_is_held<F: Faults>(engine: &Engine<'_, F>, now: Millis) -> Result<(), String> {
    for item in items(engine) {
        let is_running = number(&item, "leaseUntil").is_some_and(|until| until > now);
        let is_open = item.get("open").is_some()
            && number(&item, "deadline").is_some_and(|deadline| deadline < now - 15 * MINUTE);
        if is_open {
            return Err(format!("an event stays open: {item}"));
        }
        // A healing may be under way at the very end.
        if is_running && number(&item, "leaseUntil").is_some_and(|until| until > now + 4 * HOUR) {
            return Err(format!("a lease stays: {item}"));
        }
    }
    Ok(())
}

/// A paused account changes nothing. What has read its switches before goes on: with faults, for the guard's time limit.
pub(crate) fn a_pause_holds(records: &[Record], pause: &Pause, calm: bool) -> Result<(), String> {
    let grace = if calm { 10 * SECOND } else { i64::try_from(guard::GUARD).unwrap_or_default() * SECOND };
    let broken = runs(records).into_iter().find(|run| run.begins > pause.from + grace && run.begins < pause.until);
    broken.map_or(Ok(()), |run| Err(format!("{run:?} begins although everything is paused since {}", pause.from)))
}

/// With faults over and its cooldown passed, what is still ill is tried again while attempts and budget remain.
pub(crate) fn the_ill_are_tried_again(
    records: &[Record],
    limits: &Limits,
    hosts: &[Host],
    faults_end: Millis,
    end: Millis,
    pause: Option<&Pause>,
) -> Result<(), String> {
    let finals = finals(records);
    let runs = runs(records);
    let told: BTreeSet<&str> = finals.values().map(|(_, reason)| *reason).collect();
    for host in hosts.iter().filter(|host| host.ill && host.running) {
        let since = host.ill_since.unwrap_or(end).max(faults_end).max(pause.map_or(0, |pause| pause.until));
        // Longer than what may still be held from before, the slowest cooldown, and a few sweeps.
        let patience = limits.longest_lease()
            + limits.rules.values().map(|figures| figures.cooldown).max().unwrap_or_default()
            + 2 * HOUR;
        let tried = runs.iter().any(|run| run.resource == host.id && run.begins > since - patience);
        let spent = limits.rules.iter().all(|(document, figures)| {
            let recent = runs.iter().filter(|run| {
                run.document == *document && run.resource == host.id && run.begins > end - figures.window - 6 * HOUR
            });
            recent.count() >= figures.attempts
        });
        if end - since > patience && !tried && !spent && !told.contains("MAX_ATTEMPTS") {
            return Err(format!("{} is ill since {since} and nobody tries: {runs:?}", host.id));
        }
    }
    Ok(())
}
