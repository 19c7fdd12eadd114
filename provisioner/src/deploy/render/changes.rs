//! A diff as text.

use std::fmt::Write as _;

use super::{style, values};
use crate::deploy::iam::{IamChange, IamChangeKind, IamDelta, Statement};
use crate::deploy::plan::{Change, ChangeKind, DiffReport, Recreation, StackAction, StackPlan};

/// What every stack would do, then a summary line.
#[must_use]
pub fn diff(report: &DiffReport) -> String {
    let mut text = String::new();
    for plan in &report.stacks {
        stack(&mut text, plan);
    }
    summary(&mut text, report);
    text
}

fn stack(text: &mut String, plan: &StackPlan) {
    let what = match plan.action {
        StackAction::Create => style::green("create"),
        StackAction::Update => style::yellow("update"),
        StackAction::Recreate => style::red("delete what is left, then create"),
        StackAction::Unchanged => style::dim("no changes"),
        StackAction::Unknown => style::yellow("not known yet"),
    };
    line(text, 0, &format!("{}  {what}", style::bold(&plan.stack)));
    for note in &plan.notes {
        line(text, 1, &style::yellow(format!("! {note}")));
    }
    let mut changes: Vec<&Change> = plan.changes.iter().collect();
    // What can be lost stands last, right above the question.
    changes.sort_by_key(|change| (change.kind.is_destructive(), change.kind));
    for change in changes {
        resource(text, change);
    }
    if plan.enable_protection {
        line(text, 1, &style::green("+ termination protection is switched on"));
    }
    statements(text, &plan.iam);
    if plan.has_changes() {
        text.push('\n');
    }
}

fn resource(text: &mut String, change: &Change) {
    let (mark, extra): (String, &str) = match change.kind {
        ChangeKind::Add => (style::green("+"), ""),
        ChangeKind::Import => (style::green("i"), "exists, is taken into the stack"),
        ChangeKind::Modify => (style::yellow("~"), ""),
        ChangeKind::Dynamic => (style::yellow("?"), "known only while executing"),
        ChangeKind::Replace => (style::red("-/+"), "replaced"),
        ChangeKind::MayReplace => (style::red("-/+"), "may be replaced"),
        ChangeKind::Remove if change.policy.as_deref() == Some("Retain") => (style::yellow("-"), ""),
        ChangeKind::Remove => (style::red("-"), ""),
    };
    let mut shown = format!("{mark} {} {}", change.resource_type, change.logical_id);
    if let Some(id) = change.physical_id.as_ref().filter(|id| **id != change.logical_id) {
        shown.push_str(&style::dim(format!(" {id}")));
    }
    if !extra.is_empty() {
        let extra = format!(" ({extra})");
        shown.push_str(&if change.kind.is_destructive() { style::red(extra) } else { extra });
    }
    match (change.policy.as_deref(), change.kind) {
        (Some("Retain"), ChangeKind::Remove) => {
            shown.push_str(" (not deleted: it stays, outside the stack)");
        }
        (Some("Retain"), _) => shown.push_str(" (the old one stays, outside the stack)"),
        (Some(_), _) => shown.push_str(" (a snapshot is taken)"),
        (None, _) => {}
    }
    line(text, 1, &shown);
    for property in &change.properties {
        let mut lines = values::property(property);
        let forces = match property.recreation {
            Recreation::Never => "",
            Recreation::Conditionally => " (may force the replacement)",
            Recreation::Always => " (forces the replacement)",
        };
        if let Some(first) = lines.first_mut() {
            first.push_str(&style::red(forces));
        }
        for shown in lines {
            line(text, 3, &shown);
        }
    }
}

fn statements(text: &mut String, delta: &IamDelta) {
    if delta.changes.is_empty() {
        return;
    }
    line(text, 1, &style::bold("IAM statements"));
    for change in &delta.changes {
        let more = change.permits_more();
        let (mark, word) = match change.kind {
            IamChangeKind::Added => ("+", ""),
            IamChangeKind::Widened => ("~", " widened"),
            IamChangeKind::Narrowed => ("~", " narrowed"),
            IamChangeKind::Removed => ("-", ""),
        };
        // Colour follows the effect: what permits more deserves a look, whichever way it is written.
        let paint = if more && change.kind != IamChangeKind::Added {
            style::red
        } else if more {
            style::yellow
        } else {
            style::green
        };
        line(text, 2, &format!("{}{} {}", paint(mark.to_owned()), paint(word.to_owned()), title(change)));
        if change.differences.is_empty() {
            for shown in body(&change.statement) {
                line(text, 4, &shown);
            }
        }
        for difference in &change.differences {
            line(text, 4, difference);
        }
    }
}

fn title(change: &IamChange) -> String {
    let statement = &change.statement;
    let sid = statement.sid.as_deref().map(|sid| format!(" {sid}")).unwrap_or_default();
    format!("{} {}{sid}: {}", statement.resource, style::dim(&statement.policy), statement.effect)
}

fn body(statement: &Statement) -> Vec<String> {
    let mut lines = vec![statement.actions.join(", ")];
    lines.extend(statement.resources.iter().map(|item| format!("on {item}")));
    lines.extend(statement.principals.iter().map(|item| format!("for {item}")));
    lines.extend(statement.conditions.iter().map(|item| format!("if {item}")));
    lines.extend(statement.inverted.iter().cloned());
    lines.retain(|line| !line.is_empty());
    lines
}

fn summary(text: &mut String, report: &DiffReport) {
    let changes = || report.stacks.iter().flat_map(|plan| &plan.changes);
    let kept = |change: &Change| change.kind == ChangeKind::Remove && change.policy.as_deref() == Some("Retain");
    let count = |kinds: &[ChangeKind]| changes().filter(|change| kinds.contains(&change.kind) && !kept(change)).count();
    let leaving = changes().filter(|change| kept(change)).count();
    let unchanged = report.stacks.iter().filter(|plan| !plan.has_changes()).count();
    if unchanged == report.stacks.len() {
        line(text, 0, &format!("{} in {}: nothing to change.", crate::text::count(unchanged, "stack"), report.region));
        return;
    }
    let mut parts = Vec::new();
    for (number, word, paint) in [
        (count(&[ChangeKind::Add]), "to add", style::green as fn(String) -> String),
        (count(&[ChangeKind::Import]), "to import", style::green),
        (count(&[ChangeKind::Modify, ChangeKind::Dynamic]), "to change", style::yellow),
        (count(&[ChangeKind::Replace, ChangeKind::MayReplace]), "to replace", style::red),
        (leaving, "to leave the stack", style::yellow),
        (count(&[ChangeKind::Remove]), "to delete", style::red),
    ] {
        if number > 0 {
            parts.push(paint(format!("{number} {word}")));
        }
    }
    if parts.is_empty() {
        parts.push("no resource changes".to_owned());
    }
    if report.stacks.iter().any(|plan| plan.action != StackAction::Create && plan.iam.permits_more()) {
        parts.push(style::red("permissions widened"));
    }
    let stacks = crate::text::count(report.stacks.len() - unchanged, "stack");
    let rest = if unchanged > 0 { format!("; {unchanged} unchanged") } else { String::new() };
    line(text, 0, &format!("{stacks} in {}: {}{rest}.", report.region, parts.join(", ")));
}

/// Writing to a String cannot fail.
fn line(text: &mut String, depth: usize, line: &str) {
    let _ = writeln!(text, "{:width$}{line}", "", width = 2 * depth);
}
