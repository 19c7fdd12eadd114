//! `healstack synth`: compile, and write what was compiled for review.

use super::output::{BAD, BOLD, CHANGED, DIM, GOOD, count};
use super::{Exit, Session};
use crate::diagnostics::{Problems, Severity};
use crate::generated::{self, File, State};
use serde_json::json;
use similar::TextDiff;
use std::fmt::Write as _;

/// Lines of difference that `--check` prints of each file.
const DIFF_LINES: usize = 40;

/// Options of `synth`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Write nothing; exit with 3 when a generated file is not what the rules say.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let printer = session.printer;
    let (project, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let dir = project.generated(&compiled.environment_name);
    let files = match generated::compare(&project.root, &dir, &compiled.stacks) {
        Ok(files) => files,
        Err(problem) => return printer.fail(problem),
    };
    let stale = files.iter().any(|file| file.state != State::Unchanged);
    if !options.check
        && let Err(problem) = generated::write(&project.root, &files)
    {
        return printer.fail(problem);
    }
    let value = json!({
        "ok": !(options.check && stale),
        "environment": compiled.environment_name,
        "files": files,
    });
    let mut text = list(&files, options.check);
    let resources: usize = files.iter().map(|file| file.resources).sum();
    let rules: usize = compiled.stacks.iter().map(|stack| stack.rules.len()).sum();
    let _ = writeln!(
        text,
        "{BOLD}{}{BOLD:#} for environment {}: {}, {}{}",
        count(rules, "rule"),
        compiled.environment_name,
        count(compiled.stacks.len(), "stack"),
        count(resources, "resource"),
        warnings(&problems),
    );
    if options.check && stale {
        let _ =
            writeln!(text, "{BAD}generated files are stale{BAD:#}: run `healstack synth` and commit what it writes");
    }
    printer.result(&text, value, &problems);
    // The process ends here. Giving back every node of every template one by one would only take time.
    std::mem::forget(compiled);
    if options.check && stale { Exit::Stale } else { Exit::Success }
}

fn warnings(problems: &Problems) -> String {
    match problems.count(Severity::Warning) {
        0 => String::new(),
        warnings => format!(", {} (`healstack check` shows them)", count(warnings, "warning")),
    }
}

/// A line a file; with `--check`, the difference too.
fn list(files: &[File], check: bool) -> String {
    let width = files.iter().map(|file| file.path.display().to_string().len()).max().unwrap_or_default();
    let mut text = String::new();
    for file in files {
        let (style, word) = match (file.state, check) {
            (State::Created, false) => (GOOD, "created"),
            (State::Updated, false) => (CHANGED, "updated"),
            (State::Removed, false) => (BAD, "removed"),
            (State::Created, true) => (BAD, "missing"),
            (State::Updated, true) => (BAD, "stale"),
            (State::Removed, true) => (BAD, "left over"),
            (State::Unchanged, _) => (DIM, "unchanged"),
        };
        let path = file.path.display().to_string();
        let size = if file.state == State::Removed {
            String::new()
        } else {
            let what =
                file.changes.map_or_else(|| count(file.resources, "resource"), |changes| count(changes, "change"));
            format!("{what:>14}  {:>7} bytes", file.bytes)
        };
        let _ = writeln!(text, "{style}{word:>9}{style:#}  {path:<width$}  {size}");
        if check && file.state == State::Updated {
            let diff = TextDiff::from_lines(&file.before, &file.after);
            let unified = diff.unified_diff().context_radius(1).to_string();
            for line in unified.lines().take(DIFF_LINES) {
                let style = match line.as_bytes().first() {
                    Some(b'+') => GOOD,
                    Some(b'-') => BAD,
                    _ => DIM,
                };
                let _ = writeln!(text, "           {style}{line}{style:#}");
            }
        }
    }
    text
}
