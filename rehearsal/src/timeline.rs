//! A run as people read it: one line for what belongs together, nothing that does not matter.

use crate::Millis;
use crate::log::{Record, What};
use serde::Serialize;
use serde_json::{Map, Value};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Milliseconds since the scenario's begin; before it, negative.
    pub at: Millis,
    /// Who: `alarm`, `guard`, `runbook`, …
    pub component: &'static str,
    /// What happened, and why.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// How often it happened in a row.
    pub times: usize,
}

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Something fails.
    Bad,
    /// Something works again.
    Good,
    /// Something is done.
    Deed,
    /// Something to know.
    Plain,
}

/// The lines of a run. `begin` is the scenario's begin.
#[must_use]
pub fn timeline(begin: Millis, records: &[Record]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut last_status: Map<String, Value> = Map::new();
    for record in records {
        let Some((component, text, tone)) = said(record, &mut last_status) else { continue };
        let at = record.at - begin;
        let Some(last) = lines.last_mut() else {
            lines.push(Line { at, component, text, tone, times: 1 });
            continue;
        };
        // Steps that follow at once are one walk, and what comes again and again is said once.
        if component == "runbook" && last.component == "runbook" && tone == Tone::Plain && last.tone == Tone::Plain {
            last.text.push_str(" > ");
            last.text.push_str(&text);
        } else if let Some(same) =
            lines.iter_mut().rev().take(2).find(|line| line.component == component && line.text == text)
        {
            same.times += 1;
        } else {
            lines.push(Line { at, component, text, tone, times: 1 });
        }
    }
    lines
}

fn said(record: &Record, statuses: &mut Map<String, Value>) -> Option<(&'static str, String, Tone)> {
    Some(match &record.what {
        What::Scenario(text) => ("scenario", text.clone(), Tone::Bad),
        What::Alarm { name, contributor, state, reason } => {
            let of = contributor.iter().flatten().filter_map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
            let tone = match state.as_str() {
                "ALARM" => Tone::Bad,
                "OK" => Tone::Good,
                _ => Tone::Plain,
            };
            let short = name.splitn(4, "--").nth(3).unwrap_or(name);
            let of = if of.is_empty() { String::new() } else { format!(" of {of}") };
            ("alarm", format!("{short}{of} is {state}: {}", shorten(reason, 110)), tone)
        }
        What::Native { action, resource } => ("aws", format!("{action} on {resource}"), Tone::Deed),
        What::Event { source, kind, detail } => {
            ("event", format!("{source}, {kind}: {}", shorten(detail, 100)), Tone::Plain)
        }
        What::Ended { machine, about, status, output, .. } => {
            let component = machine.rsplit("--").next().unwrap_or_default();
            let decision = output.get("decision").and_then(Value::as_str);
            match (component, status.as_str(), decision) {
                ("guard", "Succeeded", Some("IGNORED")) | ("recorder" | "sweeper", "Succeeded", _) => return None,
                ("guard", "Succeeded", Some(decision)) => ("guard", format!("{about}: {decision}"), Tone::Deed),
                ("guard", ..) => ("guard", failure(status, output), Tone::Bad),
                ("recorder", ..) => ("recorder", failure(status, output), Tone::Bad),
                _ => ("sweeper", failure(status, output), Tone::Bad),
            }
        }
        What::RunBegan { document, resource, .. } => {
            ("runbook", format!("{document} begins on {resource}"), Tone::Deed)
        }
        What::Step { name, failure, .. } if failure.is_empty() => ("runbook", name.clone(), Tone::Plain),
        What::Step { name, failure, .. } => ("runbook", format!("{name} fails: {}", shorten(failure, 120)), Tone::Bad),
        What::RunEnded { status, .. } => {
            let tone = if status == "Success" { Tone::Good } else { Tone::Bad };
            ("runbook", format!("ends: {status}"), tone)
        }
        What::Call { api, .. } if api == "cloudwatch:PutMetricData" => return None,
        What::Call { api, error, .. } if api == "ssm:StartAutomationExecution" && error.is_empty() => return None,
        What::Call { api, changes: true, error, .. } if error.is_empty() => ("call", api.clone(), Tone::Deed),
        What::Call { api, changes: true, error, .. } => ("call", format!("{api} answers {error}"), Tone::Bad),
        What::Ledger(item) => {
            let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
            let status = format!("{} {}", text("status"), text("reason"));
            let before = statuses.insert(text("event_id").to_owned(), Value::from(status.as_str()));
            if before.as_ref().and_then(Value::as_str) == Some(&status) || text("status") == "pending" {
                return None;
            }
            let tone = match text("status") {
                "completed" => Tone::Good,
                "failed" => Tone::Bad,
                _ => Tone::Plain,
            };
            let why = [text("reason"), text("error_message")]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>();
            let why = if why.is_empty() { String::new() } else { format!(": {}", shorten(&why.join(", "), 120)) };
            ("ledger", format!("{} {} of {}{why}", text("source"), text("status"), text("resource_id")), tone)
        }
        What::Notified { text } => ("people", format!("are told: {}", shorten(text, 110)), Tone::Plain),
        What::People { title } => ("people", format!("are called: {title}"), Tone::Bad),
        What::DeadLetter { target } => ("event", format!("given up for {target}"), Tone::Bad),
        What::Began { .. } | What::Call { .. } => return None,
    })
}

fn failure(status: &str, output: &Value) -> String {
    let cause = output.as_str().unwrap_or_default();
    if cause.is_empty() { status.to_owned() } else { format!("{status}: {}", shorten(cause, 120)) }
}

/// A text on one line, at most so many characters long.
fn shorten(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// A span of virtual time: `00:12:34`, with days before it where there are any.
#[must_use]
pub fn clock(at: Millis) -> String {
    let sign = if at < 0 { "-" } else { "" };
    let seconds = at.abs() / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let days = if days > 0 { format!("{days}d ") } else { String::new() };
    format!("{sign}{days}{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}
