//! What was done, as text: failures first, then the stacks, then what to do next.

use std::fmt::Write as _;
use std::time::Duration;

use super::style;
use crate::deploy::destroy::Removal;
use crate::deploy::report::{DeployReport, DestroyReport, Failure, Outcome, ResourceRef, StackOutcome, StackResult};

/// A deployment.
#[must_use]
pub fn deploy(report: &DeployReport) -> String {
    let mut text = String::new();
    causes(&mut text, &report.stacks);
    for result in &report.stacks {
        stack(&mut text, result);
        for output in &result.outputs {
            line(&mut text, 1, &format!("{} = {}", output.key, output.value));
        }
    }
    end(&mut text, report.outcome, &report.stacks, &report.region, "deploy");
    text
}

/// A destruction.
#[must_use]
pub fn destroy(report: &DestroyReport) -> String {
    let mut text = String::new();
    causes(&mut text, &report.stacks);
    for result in &report.stacks {
        stack(&mut text, result);
    }
    if !report.retained.is_empty() {
        line(&mut text, 0, "Not deleted, as their deletion policy says:");
        resources(&mut text, &report.retained, style::yellow);
    }
    end(&mut text, report.outcome, &report.stacks, &report.region, "destroy");
    text
}

/// What a destruction is about to do.
pub(in crate::deploy) fn removals(region: &str, removals: &[Removal]) -> String {
    let mut text = String::new();
    if removals.is_empty() {
        line(&mut text, 0, &format!("No such stack is deployed in {region}."));
    }
    for removal in removals {
        let protected = if removal.protected { style::yellow("  termination protection is on") } else { String::new() };
        line(&mut text, 0, &format!("{} {}{protected}", style::red("-"), style::bold(&removal.stack)));
        resources(&mut text, &removal.deleted, style::red);
        if !removal.retained.is_empty() {
            line(&mut text, 1, "stay, outside the stack:");
            resources(&mut text, &removal.retained, style::yellow);
        }
    }
    text
}

/// The cause of every failed stack, before anything else.
fn causes(text: &mut String, stacks: &[StackResult]) {
    for result in stacks.iter().filter(|result| matches!(result.outcome, StackOutcome::Failed | StackOutcome::Lost)) {
        let Some((first, others)) = result.failures.split_first() else {
            continue;
        };
        let what = if result.outcome == StackOutcome::Lost { "cannot be followed any more" } else { "failed" };
        line(text, 0, &format!("{} {what}: {}", style::red(&result.stack), said(first)));
        help(text, first);
        for other in others {
            line(text, 1, &format!("then {}", said(other)));
            help(text, other);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
}

fn help(text: &mut String, failure: &Failure) {
    if let Some(help) = &failure.help {
        line(text, 1, &format!("help: {help}"));
    }
}

pub(super) fn said(failure: &Failure) -> String {
    match (&failure.resource_type, &failure.logical_id) {
        (Some(kind), Some(id)) => format!("{kind} {}: {}", style::bold(id), failure.reason),
        _ => failure.reason.clone(),
    }
}

fn stack(text: &mut String, result: &StackResult) {
    let took = style::seconds(Duration::try_from_secs_f64(result.seconds).unwrap_or_default());
    let waited = result.waited_for.as_deref().unwrap_or_default();
    let resources = crate::text::count(result.resources, "resource");
    let status = result.status.as_deref().unwrap_or_default();
    let (mark, what) = match result.outcome {
        StackOutcome::Created => (style::green("✓"), format!("created: {resources} in {took}")),
        StackOutcome::Updated => (style::green("✓"), format!("updated: {resources} in {took}")),
        StackOutcome::Deleted => (style::green("✓"), format!("deleted: {resources} in {took}")),
        StackOutcome::Unchanged => (style::dim("="), "unchanged".to_owned()),
        StackOutcome::Missing => (style::dim("="), "not deployed".to_owned()),
        StackOutcome::Failed if status.is_empty() => (style::red("✗"), "failed".to_owned()),
        StackOutcome::Failed => (style::red("✗"), format!("failed: now {status}, after {took}")),
        StackOutcome::Skipped => (style::yellow("-"), format!("skipped: it waits for {waited}")),
        StackOutcome::Detached => (style::yellow("…"), "CloudFormation goes on".to_owned()),
        StackOutcome::Lost => (style::red("?"), "CloudFormation goes on; how it ends is not known".to_owned()),
        StackOutcome::NotStarted => (style::yellow("-"), "not started".to_owned()),
    };
    line(text, 0, &format!("{mark} {}  {what}", style::bold(&result.stack)));
}

fn resources(text: &mut String, resources: &[ResourceRef], paint: fn(String) -> String) {
    for resource in resources {
        let id = resource.physical_id.as_ref().filter(|id| **id != resource.logical_id);
        let id = id.map(|id| style::dim(format!(" {id}"))).unwrap_or_default();
        line(text, 2, &format!("{} {} {}{id}", paint("-".to_owned()), resource.resource_type, resource.logical_id));
    }
}

fn end(text: &mut String, outcome: Outcome, stacks: &[StackResult], region: &str, command: &str) {
    match outcome {
        Outcome::Done => {}
        Outcome::Unchanged => line(text, 0, &format!("Nothing to {command} in {region}.")),
        Outcome::Cancelled => {
            let begun = stacks.iter().any(|result| result.outcome != StackOutcome::NotStarted);
            let said =
                if begun { "Cancelled; nothing further was changed." } else { "Cancelled; nothing was changed." };
            line(text, 0, said);
        }
        Outcome::Detached => {
            line(text, 0, "Detached: CloudFormation goes on by itself.");
            line(text, 1, "healstack status              how far it is");
            line(text, 1, &format!("healstack {command:<20}when it has ended: does what was not started"));
        }
        Outcome::Failed => {
            let with_status = |result: &&StackResult| result.outcome == StackOutcome::Failed && result.status.is_some();
            for result in stacks.iter().filter(with_status) {
                let events =
                    format!("aws cloudformation describe-stack-events --region {region} --stack-name {}", result.stack);
                line(text, 0, &format!("All events: {events}"));
            }
            line(
                text,
                0,
                &format!("Run `healstack {command}` again when the cause is removed; what succeeded stays as it is."),
            );
        }
    }
}

/// Writing to a String cannot fail.
fn line(text: &mut String, depth: usize, line: &str) {
    let _ = writeln!(text, "{:width$}{line}", "", width = 2 * depth);
}
