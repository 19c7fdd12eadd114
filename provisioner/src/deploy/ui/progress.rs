//! Progress of many stacks: a moving line a stack on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Step;
use crate::deploy::render::style;

/// How often a moving line moves.
const TICK: Duration = Duration::from_millis(100);

/// The lines on the screen.
pub(super) struct Progress {
    bars: MultiProgress,
    stacks: Mutex<BTreeMap<String, ProgressBar>>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// On standard error.
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new(), stacks: Mutex::default() }
    }

    /// Takes the moving lines away while `print` prints.
    pub(super) fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }

    /// Shows a step.
    pub(super) fn step(&self, step: &Step<'_>) {
        if let Some(line) = line(step) {
            // A terminal that has gone must not end a deployment that is under way.
            let _ = self.pause(|| writeln!(anstream::stderr(), "{line}"));
        }
        if self.bars.is_hidden() {
            return;
        }
        match *step {
            Step::Started { stack, total } => {
                let bar = ProgressBar::new(total as u64).with_prefix(stack.to_owned());
                let style =
                    ProgressStyle::with_template("{spinner} {prefix:.bold} {pos}/{len} {elapsed} {wide_msg:.dim}");
                // A template that does not parse would be a defect; the default style is still progress.
                let bar = self.bars.add(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
                bar.enable_steady_tick(TICK);
                self.stacks().insert(stack.to_owned(), bar);
            }
            Step::Resource { stack, logical_id, status, done, .. } => {
                if let Some(bar) = self.stacks().get(stack) {
                    bar.set_length(bar.length().unwrap_or_default().max(done as u64));
                    bar.set_position(done as u64);
                    bar.set_message(format!("{logical_id} {status}"));
                }
            }
            Step::Ended { stack, .. } => {
                if let Some(bar) = self.stacks().remove(stack) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            Step::Note(_) => {}
        }
    }

    fn stacks(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line that stays: finished and failed resources, and ended stacks.
fn line(step: &Step<'_>) -> Option<String> {
    match *step {
        Step::Note(text) => Some(text.to_owned()),
        // A stack that ends without a status goes on by itself, which the report says.
        Step::Started { .. } | Step::Ended { status: "", .. } => None,
        Step::Resource { stack, logical_id, resource_type, status, reason, took, .. } => {
            let took = took?;
            let failed = status.ends_with("FAILED");
            let status = style::status(status);
            let seconds = style::seconds(took);
            let reason = if failed && !reason.is_empty() { format!("  {reason}") } else { String::new() };
            Some(format!("{stack}  {resource_type} {logical_id} {status} {seconds}{reason}"))
        }
        Step::Ended { stack, status, took, .. } => {
            let (status, seconds) = (style::status(status), style::seconds(took));
            Some(format!("{}  {status} {seconds}", style::bold(stack)))
        }
    }
}
