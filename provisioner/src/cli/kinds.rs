//! `healstack kinds`: what can be healed.

use super::output::{BOLD, DIM};
use super::{Exit, Session, wrap};
use crate::diagnostics::Problems;
use crate::kinds::{Catalog, TemplateFiles};
use crate::reference;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Options of `kinds`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The whole reference as Markdown: what each detects, does, may touch and never does, and its parameters.
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let mut problems = Problems::default();
    let catalog = session.catalog(&mut problems);
    problems.extend(catalog.iter().flat_map(Catalog::faults));
    let Some(catalog) = catalog.filter(|_| !problems.has_errors()) else {
        return session.printer.failure(&problems);
    };
    let text = if options.markdown { reference::markdown(&catalog) } else { Ok(wrap::to_terminal(&list(&catalog))) };
    let text = match text {
        Ok(text) => text,
        Err(found) => {
            problems.extend(found);
            return session.printer.failure(&problems);
        }
    };
    session.printer.result(&text, value(&catalog), &problems);
    Exit::Success
}

fn list(catalog: &Catalog) -> String {
    let mut text = String::new();
    for layer in reference::LAYERS {
        for kind in catalog.of_layer(layer) {
            let matches = &kind.definition.matches;
            let _ = writeln!(text, "{BOLD}{}{BOLD:#}\n  {}", kind.id, kind.definition.summary);
            let _ = writeln!(
                text,
                "  {DIM}trigger_condition: {}, action: {}, target: {}{DIM:#}",
                matches.trigger_condition,
                matches.action,
                kind.definition.targets.join(" or "),
            );
        }
    }
    text
}

fn value(catalog: &Catalog) -> Value {
    let kinds: Vec<Value> = catalog
        .kinds
        .values()
        .map(|kind| {
            let definition = &kind.definition;
            json!({
                "kind": kind.id,
                "summary": definition.summary,
                "layer": definition.matches.layer,
                "trigger_condition": definition.matches.trigger_condition,
                "action": definition.matches.action,
                "targets": definition.targets,
                "parameters": definition.parameters,
                "signal": definition.signal,
            })
        })
        .collect();
    json!({"ok": true, "kinds": kinds})
}

impl Session {
    /// The kinds of the project; outside a project, the built-in ones.
    pub(super) fn catalog(&self, problems: &mut Problems) -> Option<Catalog> {
        match self.project() {
            Ok(project) => project.catalog(problems),
            Err(_) => problems.take(TemplateFiles::built_in()).and_then(|files| Catalog::load(files, problems)),
        }
    }
}
