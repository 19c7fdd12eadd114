//! How long the parts of a healing took.

use crate::Millis;
use crate::log::{Record, What};
use crate::verdict::Subject;
use serde::Serialize;

/// Seconds of virtual time from the failure to the proof; a part that did not come is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// From the failure to the signal that the healing began with.
    pub detection: Option<f64>,
    /// From the signal to the runbook's begin.
    pub decision: Option<f64>,
    /// From the runbook's begin to its last change.
    pub action: Option<f64>,
    /// From its last change to its end.
    pub verification: Option<f64>,
    /// From the failure to the end of the first healing that completed, by whom ever.
    pub total: Option<f64>,
}

/// The figures of a run. `failure` is when the first thing went wrong.
pub(crate) fn figures(subject: &Subject, failure: Millis, records: &[Record]) -> Figures {
    let seconds = |from: Millis, to: Millis| {
        // A run lasts less than a year: 2^35 milliseconds are exact in a double.
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        let difference = (to - from).max(0) as f64;
        difference / 1000.0
    };
    let after = || records.iter().filter(|record| record.at >= failure);
    let mut figures = Figures::default();
    let completed = after().find(|record| {
        matches!(&record.what, What::Ledger(item)
            if item.get("rule_name").and_then(serde_json::Value::as_str) == Some(&subject.rule)
                && item.get("status").and_then(serde_json::Value::as_str) == Some("completed"))
    });
    figures.total = completed.map(|record| seconds(failure, record.at));
    let began = after().find_map(|record| match &record.what {
        What::RunBegan { document, run, .. } if *document == subject.document => Some((record.at, run)),
        _ => None,
    });
    let signal = after()
        .take_while(|record| began.is_none_or(|(at, _)| record.at <= at))
        .filter(|record| match &record.what {
            What::Alarm { name, state, .. } => state == "ALARM" && name.starts_with(&subject.alarms),
            What::Event { .. } => began.is_some(),
            _ => false,
        })
        .last()
        .map(|record| record.at);
    figures.detection = signal.map(|at| seconds(failure, at));
    let Some((began, run)) = began else { return figures };
    figures.decision = signal.map(|at| seconds(at, began));
    let ended = after().find_map(|record| match &record.what {
        What::RunEnded { run: ended, .. } if ended == run => Some(record.at),
        _ => None,
    });
    let until = ended.unwrap_or(Millis::MAX);
    let changed = after()
        .filter(|record| record.at >= began && record.at <= until)
        .rfind(|record| matches!(&record.what, What::Call { by, changes: true, .. } if *by == subject.document))
        .map(|record| record.at);
    figures.action = changed.map(|at| seconds(began, at));
    figures.verification = changed.zip(ended).map(|(changed, ended)| seconds(changed, ended));
    figures
}
