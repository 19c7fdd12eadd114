//! `healstack check`: everything that is wrong, and how near each stack is to AWS's limits.

use super::output::{GOOD, count};
use super::{Exit, Session};
use crate::compile::MAX_INLINE_TEMPLATE;
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
    table.set_header(["stack", "rules", "alarms", "resources of 500", "bytes", "template goes"]);
    let mut stacks = Vec::new();
    for stack in &compiled.stacks {
        let alarms = stack.template.resources().filter(|resource| resource.kind() == "AWS::CloudWatch::Alarm").count();
        let inline = stack.text.len() <= MAX_INLINE_TEMPLATE;
        table.add_row([
            stack.name.clone(),
            stack.rules.len().to_string(),
            alarms.to_string(),
            stack.resources().to_string(),
            stack.text.len().to_string(),
            if inline { "inline" } else { "through the artifact bucket" }.to_owned(),
        ]);
        stacks.push(json!({
            "name": stack.name, "rules": stack.rules.len(), "alarms": alarms,
            "resources": stack.resources(), "bytes": stack.text.len(), "inline": inline,
        }));
    }
    for column in 1..5 {
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
