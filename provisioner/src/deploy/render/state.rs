//! The state of stacks as columns.

use std::fmt::Write as _;

use super::results::said;
use super::style;
use crate::deploy::status::{StackStatus, StatusReport};

const HEADER: [&str; 7] = ["stack", "status", "template", "resources", "drift", "protection", "updated"];

/// The column of the status, which is coloured.
const STATUS: usize = 1;

/// One row a stack; below it what went wrong.
#[must_use]
pub fn status(report: &StatusReport) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(report.stacks.iter().map(row));
    let mut widths = [0; HEADER.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = width - cell.chars().count();
            let shown = match (index, column) {
                (0, _) => style::dim(cell),
                (_, STATUS) => style::status(cell),
                _ => cell.clone(),
            };
            // Writing to a String cannot fail.
            let _ = write!(line, "{shown}{:padding$}  ", "");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for stack in &report.stacks {
        for failure in &stack.failures {
            let _ = writeln!(text, "{}: {}", style::red(&stack.stack), said(failure));
        }
    }
    text
}

fn row(stack: &StackStatus) -> [String; HEADER.len()] {
    let name = stack.stack.clone();
    let Some(status) = &stack.status else {
        let [template, resources, drift, protection, updated] = std::array::from_fn(|_| String::new());
        return [name, "not deployed".to_owned(), template, resources, drift, protection, updated];
    };
    let template = match stack.up_to_date {
        Some(true) => "as here",
        Some(false) => "differs",
        None if stack.left_over => "in no rule file",
        None => "-",
    };
    let protection = if stack.termination_protection == Some(true) { "on" } else { "off" };
    let resources = stack.resources.map(|number| number.to_string()).unwrap_or_default();
    let drift = stack.drift.clone().unwrap_or_else(|| "-".to_owned());
    let updated = stack.last_updated.clone().unwrap_or_default();
    [name, status.clone(), template.to_owned(), resources, drift, protection.to_owned(), updated]
}
