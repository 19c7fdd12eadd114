//! What was seen, held against what a scenario expects.

use crate::Millis;
use crate::log::{Record, What};
use crate::scenario::{Expectation, Sight};
use serde_json::{Map, Value};

/// Which rule a scenario is about, and how its parts are called.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The stack of its file.
    pub stack: String,
    /// Its name.
    pub rule: String,
    /// What its alarms' names begin with: `heal--checkout--ec2-instance-healing--`.
    pub alarms: String,
    /// Its runbook's name; it may have none.
    pub document: String,
    /// Its settings' runbook's name; it may have none.
    pub settings: String,
    /// The guard's machine.
    pub guard: String,
}

impl Subject {
    /// `<stack>/<rule>`.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}/{}", self.stack, self.rule)
    }
}

/// One expectation, judged.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// How the file says it.
    pub text: String,
    /// Whether it was so.
    pub held: bool,
    /// What was seen instead; empty where it held.
    pub seen: String,
}

/// What API expectations found, by their place in the scenario.
pub(crate) type Found = Vec<Option<Result<Value, String>>>;

/// Judges an expectation. `begin` is the scenario's begin, `found` what its API said, where it asks one.
pub(crate) fn judge(
    subject: &Subject,
    begin: Millis,
    records: &[Record],
    expectation: &Expectation,
    found: Option<&Result<Value, String>>,
) -> Verdict {
    let end = expectation.within.map(|within| begin + within);
    let in_time: Vec<&Record> =
        records.iter().filter(|record| record.at >= begin && end.is_none_or(|end| record.at <= end)).collect();
    let (held, seen) = sight(subject, &in_time, records, begin, expectation, found);
    let held = held != expectation.never;
    let seen = if held { String::new() } else { seen };
    Verdict { text: expectation.text.clone(), held, seen }
}

fn sight(
    subject: &Subject,
    in_time: &[&Record],
    all: &[Record],
    begin: Millis,
    expectation: &Expectation,
    found: Option<&Result<Value, String>>,
) -> (bool, String) {
    match &expectation.what {
        Sight::Alarm { signal, state, resource } => {
            let matches = |record: &Record| alarm_is(subject, record, signal, state, resource.as_deref());
            let late = all.iter().find(|record| record.at >= begin && matches(record));
            let seen =
                late.map_or_else(|| "never".to_owned(), |record| format!("after {} s", (record.at - begin) / 1000));
            (in_time.iter().any(|record| matches(record)), seen)
        }
        Sight::Event(wanted) => {
            let is_ours = |item: &Map<String, Value>| {
                item.get("rule_name").and_then(Value::as_str) == Some(&subject.rule)
                    && item.get("stack").and_then(Value::as_str) == Some(&subject.stack)
            };
            let mut held = false;
            let mut statuses: Vec<String> = Vec::new();
            for record in in_time {
                if let What::Ledger(item) = &record.what
                    && is_ours(item)
                {
                    held |= wanted.iter().all(|(name, value)| attribute_is(item, name, value));
                    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
                    let said = format!("{} {} {}", text("source"), text("status"), text("reason"));
                    if statuses.last() != Some(&said) {
                        statuses.push(said);
                    }
                }
            }
            (held, if statuses.is_empty() { "no event of the rule".to_owned() } else { statuses.join(", ") })
        }
        Sight::Ends(step) => {
            let steps = last_run(subject, in_time);
            (steps.last().is_some_and(|last| last == step), path(&steps))
        }
        Sight::Steps(wanted) => {
            let steps = last_run(subject, in_time);
            let mut rest = steps.iter();
            (wanted.iter().all(|step| rest.any(|ran| ran == step)), path(&steps))
        }
        Sight::Runs(count) => {
            let runs = in_time.iter().filter(|record| is_run(subject, record)).count();
            (runs as u64 == *count, format!("{runs} runs"))
        }
        Sight::Calls(wanted) => {
            let mut seen = Vec::new();
            let mut held = true;
            for (api, count) in wanted {
                let made =
                    in_time.iter().filter(|record| matches!(&record.what, What::Call { api: made, .. } if made == api));
                let made = made.count();
                held &= made as u64 == *count;
                seen.push(format!("{api} {made} times"));
            }
            (held, seen.join(", "))
        }
        Sight::State { is, .. } => match found {
            Some(Ok(value)) => (value == is, format!("it is {value}")),
            Some(Err(error)) => (false, error.clone()),
            None => (false, "it was not looked at".to_owned()),
        },
        Sight::Decision(reason) => {
            let decisions: Vec<&str> = in_time.iter().filter_map(|record| decision(subject, record)).collect();
            (
                decisions.contains(&reason.as_str()),
                if decisions.is_empty() { "no decision".to_owned() } else { decisions.join(", ") },
            )
        }
        Sight::Notified(part) => {
            let told = in_time.iter().filter(|record| matches!(&record.what, What::Notified { .. })).count();
            let held = in_time
                .iter()
                .any(|record| matches!(&record.what, What::Notified { text } if text.contains(part.as_str())));
            (held, format!("{told} other notifications"))
        }
        Sight::People(count) => {
            let identity = subject.identity();
            let named = |title: &str| {
                title.match_indices(&identity).any(|(at, _)| {
                    !title[at + identity.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
                })
            };
            let called =
                in_time.iter().filter(|record| matches!(&record.what, What::People { title } if named(title))).count();
            (called as u64 == *count, format!("{called} calls"))
        }
    }
}

fn path(steps: &[String]) -> String {
    if steps.is_empty() { "no run".to_owned() } else { steps.join(" > ") }
}

fn alarm_is(subject: &Subject, record: &Record, signal: &str, wanted: &str, resource: Option<&str>) -> bool {
    let What::Alarm { name, contributor, state, .. } = &record.what else { return false };
    let Some(rest) = name.strip_prefix(&subject.alarms) else { return false };
    let is_signal = rest == signal || rest.strip_prefix(signal).is_some_and(|rest| rest.starts_with("--"));
    let is_resource = resource.is_none_or(|resource| {
        let attributes = contributor.iter().flatten();
        rest.ends_with(resource) || attributes.into_iter().any(|(_, value)| value.as_str() == Some(resource))
    });
    is_signal && is_resource && state == wanted
}

/// Whether an event's attribute is so; an empty text is also an attribute that is not there.
fn attribute_is(item: &Map<String, Value>, name: &str, wanted: &Value) -> bool {
    match (item.get(name), wanted) {
        (Some(Value::String(is)), Value::String(wanted)) if wanted.contains('*') => {
            wanted.split('*').filter(|part| !part.is_empty()).all(|part| is.contains(part))
        }
        (Some(is), wanted) => is == wanted,
        (None, wanted) => wanted.as_str() == Some(""),
    }
}

fn is_run(subject: &Subject, record: &Record) -> bool {
    matches!(&record.what, What::RunBegan { document, .. } if *document == subject.document || *document == subject.settings)
}

/// The steps of the rule's last run, in order.
fn last_run(subject: &Subject, records: &[&Record]) -> Vec<String> {
    let last = records.iter().rev().find(|record| is_run(subject, record));
    let Some(What::RunBegan { run: last, .. }) = last.map(|record| &record.what) else { return Vec::new() };
    let steps = records.iter().filter_map(|record| match &record.what {
        What::Step { run, name, .. } if run == last => Some(name.clone()),
        _ => None,
    });
    steps.collect()
}

/// What the guard decided with an execution that ended so.
pub(crate) fn decision<'a>(subject: &Subject, record: &'a Record) -> Option<&'a str> {
    match &record.what {
        What::Ended { machine, about, status, output, .. }
            if *machine == subject.guard && *about == subject.identity() =>
        {
            let decision = output.get("decision").and_then(Value::as_str);
            Some(if status == "Succeeded" { decision.unwrap_or("none") } else { status })
        }
        _ => None,
    }
}
