//! `healstack check`: everything that is wrong, and how near each stack is to AWS's limits.

use super::output::{GOOD, count};
use super::{Exit, Session};
use crate::compile::{Counted, MAX_INLINE_TEMPLATE};
use crate::diagnostics::Severity;
use crate::table;
use serde_json::{Map, Value, json};
use std::fmt::Display;

pub(super) fn run(session: &Session) -> Exit {
    let printer = session.printer;
    let (_, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    printer.problems(&problems);
    let counted = Counted::ALL.map(Counted::name);
    let columns = ["stack", "rules", "resources"].into_iter().chain(counted).chain(["bytes", "template goes"]);
    let mut table = table::of_figures(columns.collect::<Vec<_>>(), 1);
    let mut stacks = Vec::new();
    let mut total = [0; Counted::ALL.len()];
    let (mut rules, mut resources) = (0, 0);
    for stack in &compiled.stacks {
        let counts = Counted::ALL.map(|counted| counted.of(stack));
        let inline = stack.text.len() <= MAX_INLINE_TEMPLATE;
        let destination = if inline { "inline" } else { "through the artifact bucket" };
        let bytes = stack.text.len().to_string();
        table.add_row(row(&stack.name, &stack.rules.len(), &stack.resources(), &counts, bytes, destination));
        let mut shown = json!({
            "name": stack.name, "rules": stack.rules.len(), "resources": stack.resources(),
            "bytes": stack.text.len(), "inline": inline,
        });
        for (counted, count) in Counted::ALL.iter().zip(counts) {
            shown[counted.field()] = count.into();
        }
        stacks.push(shown);
        total = std::array::from_fn(|index| total[index] + counts[index]);
        (rules, resources) = (rules + stack.rules.len(), resources + stack.resources());
    }
    let quotas = Counted::ALL.map(|counted| counted.quota(&compiled.environment));
    table.add_row(row("all stacks", &rules, &resources, &total, String::new(), ""));
    table.add_row(row("the account's quota", &"", &"500 a stack", &quotas, "1000000".to_owned(), ""));
    let account: Map<String, Value> = Counted::ALL
        .iter()
        .zip(total.iter().zip(quotas))
        .map(|(counted, (used, quota))| (counted.field().to_owned(), json!({"used": used, "quota": quota})))
        .collect();
    let warnings = problems.count(Severity::Warning);
    let text = format!("{table}\n{GOOD}no errors{GOOD:#}, {}\n", count(warnings, "warning"));
    let value = json!({"ok": true, "environment": compiled.environment_name, "stacks": stacks, "quotas": account});
    printer.result(&text, value, &problems);
    Exit::Success
}

/// A row of the table.
fn row(
    name: &str,
    rules: &dyn Display,
    resources: &dyn Display,
    counts: &[usize],
    bytes: String,
    destination: &str,
) -> Vec<String> {
    let mut cells = vec![name.to_owned(), rules.to_string(), resources.to_string()];
    cells.extend(counts.iter().map(usize::to_string));
    cells.extend([bytes, destination.to_owned()]);
    cells
}
