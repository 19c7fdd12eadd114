//! REL11-BP03's own rules against what Healstack makes of them: every parameter, cooldown and attempt count as it stands in
//! that document, and whether it is honoured, means something else here, or is refused.

use crate::kinds::Kind;
use crate::text::{bare, upper_first};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// What became of a value of the source document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does what it says.
    Honoured,
    /// It compiles with a warning that says what it means here.
    Redefined,
    /// It does not compile.
    Refused,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Redefined => "redefined",
            Self::Refused => "refused",
        }
    }
}

/// One value of one rule of the source document.
#[derive(Debug, Clone)]
pub struct Row {
    /// The parameter, or `cooldown_period` or `max_attempts`.
    pub field: String,
    /// Its value there.
    pub value: Value,
    /// What became of it.
    pub verdict: Verdict,
    /// What happens.
    pub what: String,
}

/// The rows of a kind; none when the source document has no rule of it.
#[must_use]
pub fn rows(kind: &Kind) -> Vec<Row> {
    let definition = &kind.definition;
    let Some(source) = &definition.source else { return Vec::new() };
    let mut rows: Vec<Row> = source.parameters.iter().map(|(name, value)| parameter(kind, name, value)).collect();
    let bound = definition.bounds.cooldown_period.as_ref().filter(|bound| source.cooldown_period < bound.least);
    let honoured = "Seconds from the end of a healing to the next of the same resource; the guard keeps it.".to_owned();
    rows.push(Row {
        field: "cooldown_period".to_owned(),
        value: source.cooldown_period.get().into(),
        verdict: if bound.is_some() { Verdict::Redefined } else { Verdict::Honoured },
        what: bound.map_or(honoured, |bound| format!("Held to {}: {}.", bound.least, bound.because)),
    });
    let bound = definition.bounds.max_attempts.as_ref().filter(|bound| source.max_attempts > bound.most);
    let honoured =
        "Healings of a resource in the rule's `window`; then a human, or the rule of `escalate_to`.".to_owned();
    rows.push(Row {
        field: "max_attempts".to_owned(),
        value: source.max_attempts.into(),
        verdict: if bound.is_some() { Verdict::Redefined } else { Verdict::Honoured },
        what: bound.map_or(honoured, |bound| format!("Held to {}: {}.", bound.most, bound.because)),
    });
    rows
}

fn parameter(kind: &Kind, name: &str, value: &Value) -> Row {
    let definition = &kind.definition;
    let about = |decided: &&crate::kinds::Decided| decided.is_about(name, value);
    let refused = definition.unsafe_values.iter().find(about);
    let redefined = definition.redefined.iter().find(about);
    let described = definition.parameters.get(name).and_then(|schema| schema.get("description")?.as_str());
    let (verdict, what) = match (refused, redefined) {
        (Some(decided), _) => (Verdict::Refused, sentence(&decided.because)),
        (None, Some(decided)) => (Verdict::Redefined, sentence(&decided.because)),
        (None, None) => (Verdict::Honoured, described.unwrap_or_default().to_owned()),
    };
    Row { field: name.to_owned(), value: value.clone(), verdict, what }
}

fn sentence(clause: &str) -> String {
    format!("{}.", upper_first(clause))
}

/// The table of all kinds as Markdown.
pub(super) fn page<'a>(kinds: impl Iterator<Item = &'a Kind>) -> String {
    let mut out = String::from(INTRODUCTION);
    for kind in kinds {
        let name = super::name(kind);
        for row in rows(kind) {
            let _ = writeln!(
                out,
                "| [{name}](rules/{name}.md) | `{}: {}` | {} | {} |",
                row.field,
                bare(&row.value),
                row.verdict.as_str(),
                super::cell(&row.what),
            );
        }
    }
    out
}

/// The rows of one kind as Markdown.
pub(super) fn section(kind: &Kind) -> String {
    let rows = rows(kind);
    if rows.is_empty() {
        return String::new();
    }
    let mut out =
        String::from("\n## What REL11-BP03's own values mean here\n\n| value | | what happens |\n|---|---|---|\n");
    for row in rows {
        let _ = writeln!(
            out,
            "| `{}: {}` | {} | {} |",
            row.field,
            bare(&row.value),
            row.verdict.as_str(),
            super::cell(&row.what)
        );
    }
    out
}

const INTRODUCTION: &str = "# REL11-BP03's rules, value by value

Written by `cargo xtask docs` from the kinds in `templates/`; not edited by hand.

Every parameter, cooldown and attempt count of that document's rules, as they stand there. *Honoured*: it does what it says. *Redefined*: it
compiles, with a warning that says what it means here and why. *Refused*: it does not compile, because it has no safe meaning. Nothing
changes silently; tests compile every row.

| rule | as written there | here | what happens |
|---|---|---|---|
";
