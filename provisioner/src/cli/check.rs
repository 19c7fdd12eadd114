//! `healstack check`: everything that is wrong, and how near each stack is to AWS's limits.

use super::output::{GOOD, count};
use super::{Exit, Session};
use crate::compile::{CompiledStack, MAX_INLINE_TEMPLATE};
use crate::diagnostics::Severity;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

pub(super) fn run(session: &Session) -> Exit {
    let printer = session.printer;
    let (_, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    printer.problems(&problems);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "stack",
        "rules",
        "resources",
        "alarms",
        "fleet alarms",
        "event rules",
        "documents",
        "bytes",
        "template goes",
    ]);
    let mut stacks = Vec::new();
    let mut total = Counts::default();
    for stack in &compiled.stacks {
        let counts = Counts::of(stack);
        let inline = stack.text.len() <= MAX_INLINE_TEMPLATE;
        let destination = if inline { "inline" } else { "through the artifact bucket" };
        table.add_row(counts.row(&stack.name, stack.text.len().to_string(), destination));
        stacks.push(json!({
            "name": stack.name, "rules": counts.rules, "resources": counts.resources, "alarms": counts.alarms,
            "fleet_alarms": counts.fleet_alarms, "event_rules": counts.event_rules, "documents": counts.documents,
            "bytes": stack.text.len(), "inline": inline,
        }));
        total.add(&counts);
    }
    table.add_row(total.row("all stacks", String::new(), ""));
    table.add_row(["AWS's default quota", "", "500 a stack", "5000", "200", "300 a bus", "500", "1000000", ""]);
    for column in 1..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let warnings = problems.count(Severity::Warning);
    let text = format!("{table}\n{GOOD}no errors{GOOD:#}, {}\n", count(warnings, "warning"));
    let value = json!({"ok": true, "environment": compiled.environment_name, "stacks": stacks});
    printer.result(&text, value, &problems);
    Exit::Success
}

/// What counts against quotas of an account and region.
#[derive(Debug, Default)]
struct Counts {
    rules: usize,
    resources: usize,
    alarms: usize,
    /// Alarms on a Metrics Insights query, which have a quota of their own.
    fleet_alarms: usize,
    event_rules: usize,
    documents: usize,
}

impl Counts {
    fn of(stack: &CompiledStack) -> Self {
        let of_kind = |kind: &str| stack.template.resources().filter(|resource| resource.kind() == kind).count();
        Self {
            rules: stack.rules.len(),
            resources: stack.resources(),
            alarms: of_kind("AWS::CloudWatch::Alarm"),
            fleet_alarms: stack.rules.iter().flat_map(|rule| &rule.alarms).filter(|alarm| alarm.fleet).count(),
            event_rules: of_kind("AWS::Events::Rule"),
            documents: of_kind("AWS::SSM::Document"),
        }
    }

    fn add(&mut self, other: &Self) {
        self.rules += other.rules;
        self.resources += other.resources;
        self.alarms += other.alarms;
        self.fleet_alarms += other.fleet_alarms;
        self.event_rules += other.event_rules;
        self.documents += other.documents;
    }

    fn row(&self, name: &str, bytes: String, destination: &str) -> [String; 9] {
        let [rules, resources, alarms, fleet, events, documents] =
            [self.rules, self.resources, self.alarms, self.fleet_alarms, self.event_rules, self.documents]
                .map(|count| count.to_string());
        [name.to_owned(), rules, resources, alarms, fleet, events, documents, bytes, destination.to_owned()]
    }
}
